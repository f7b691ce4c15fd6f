// SPDX-License-Identifier: BSD-2-Clause

// A goroutine for each way to wait, then a dump of all: the judge of waits.sh.
package main

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

func main() {
	var mu sync.Mutex
	var rw sync.RWMutex
	var wg sync.WaitGroup
	var nothing chan int
	cond := sync.NewCond(&sync.Mutex{})
	c, d := make(chan int), make(chan int)
	mu.Lock()
	rw.Lock()
	wg.Add(1)
	for _, f := range []func(){
		func() { <-c },
		func() { d <- 1 },
		func() { <-nothing },
		func() { nothing <- 1 },
		func() {
			select {
			case <-c:
			case <-nothing:
			}
		},
		func() { select {} },
		func() { mu.Lock() },
		func() { rw.RLock() },
		func() { rw.Lock() },
		func() { wg.Wait() },
		func() { cond.L.Lock(); cond.Wait() },
		func() { time.Sleep(time.Hour) },
	} {
		go f()
	}
	buf := make([]byte, 1<<20)
	for {
		text := string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(text, "[runnable]") {
			os.Stderr.WriteString(text)
			return
		}
		time.Sleep(time.Millisecond)
	}
}
