// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.25

package main

import (
	"flag"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func init() {
	testing.Init()
	parkInBubble = func() {
		all := func(_, _ string) (bool, error) { return true, nil }
		outside := make(chan int)
		flag.Set("test.timeout", "0")
		// What go.mod says of timers would refuse it.
		os.Setenv("GODEBUG", os.Getenv("GODEBUG")+",asynctimerchan=0")
		testing.Main(all, []testing.InternalTest{{Name: "bubble", F: func(t *testing.T) {
			synctest.Test(t, func(*testing.T) { inBubble(outside) })
		}}}, nil, nil)
	}
}

// inBubble parks goroutines of a bubble. Its time goes on only until one waits for what is outside.
func inBubble(outside chan int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	mu.Lock()
	wg.Add(1)
	go func() {
		time.Sleep(time.Nanosecond)
		parkSyscall()
	}()
	time.Sleep(time.Nanosecond)
	for _, park := range []func(){
		parkSleep, parkCond, parkNil, parkForever,
		func() { <-make(chan int) },
		func() { make(chan int) <- 1 },
		func() { parkSelect(make(chan int), make(chan int)) },
		func() { wg.Wait() },
		func() { mu.Lock() },
	} {
		go park()
	}
	<-outside
}
