// SPDX-License-Identifier: BSD-2-Clause

// Goroutines in several states for a while: the judge of schedtrace.sh.
package main

import (
	"sync"
	"time"
)

func main() {
	var mu sync.Mutex
	c := make(chan int)
	mu.Lock()
	go func() { <-c }()
	go func() { mu.Lock() }()
	go func() { time.Sleep(time.Hour) }()
	time.Sleep(400 * time.Millisecond)
	panic("end")
}
