// SPDX-License-Identifier: BSD-2-Clause

// real.go - what real.sh looks into: 40 goroutines that wait on one channel.
package main

import (
	"fmt"
	"time"
)

func waiter(c chan int) {
	<-c
}

func main() {
	c := make(chan int)
	for i := 0; i < 40; i++ {
		go waiter(c)
	}
	time.Sleep(50 * time.Millisecond)
	fmt.Println("ready")
	time.Sleep(5 * time.Minute)
}
