// SPDX-License-Identifier: BSD-2-Clause

// pause.go - two goroutines that never wait, one of them with a lock that a third one wants, and
// one that prints how far they got, for pause.sh.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

var turns atomic.Uint64

//go:noinline
func leaf(x uint64) uint64 {
	for i := 0; i < 1000; i++ {
		x = x*6364136223846793005 + 1
	}
	return x
}

//go:noinline
func spinner(x uint64) {
	for {
		x = leaf(x)
		turns.Add(1)
	}
}

//go:noinline
func holder() {
	mu := new(sync.Mutex)
	mu.Lock()
	defer mu.Unlock()
	go mu.Lock()
	spinner(1)
}

func main() {
	go holder()
	go spinner(2)
	for {
		time.Sleep(20 * time.Millisecond)
		fmt.Println("ready", turns.Load())
	}
}
