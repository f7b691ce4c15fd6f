// SPDX-License-Identifier: BSD-2-Clause

// real.go - what real.sh looks into: 40 goroutines that wait on one channel, which no one else has,
// and 3 for a lock that another one holds.
package main

import (
	"fmt"
	"sync"
	"time"
)

var mu sync.Mutex

func hold(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	time.Sleep(5 * time.Minute)
}

func lock(mu *sync.Mutex) {
	mu.Lock()
}

func waiter(c chan int) {
	<-c
}

func main() {
	c := make(chan int)
	for i := 0; i < 40; i++ {
		go waiter(c)
	}
	go hold(&mu)
	time.Sleep(50 * time.Millisecond)
	for i := 0; i < 3; i++ {
		go lock(&mu)
	}
	time.Sleep(50 * time.Millisecond)
	fmt.Println("ready")
	time.Sleep(5 * time.Minute)
}
