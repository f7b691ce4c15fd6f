// SPDX-License-Identifier: BSD-2-Clause

// churn starts and ends goroutines, channels and mutexes for so many seconds, and prints every
// second how much memory the process has: what a race detector remembers of those that ended must
// not add up.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func rss() int {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			n, _ := strconv.Atoi(f[1])
			return n
		}
	}
	return 0
}

// Each goroutine hands a value to the next one and starts another that ends by itself.
func round(n int) int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	sum, next := 0, make(chan int, 1)
	next <- 1
	for i := 0; i < n; i++ {
		wg.Add(1)
		before, after := next, make(chan int, 1)
		next = after
		go func() {
			defer wg.Done()
			v := <-before
			buf := make([]int, 64)
			buf[v%64] = v
			mu.Lock()
			sum += buf[v%64]
			mu.Unlock()
			done := make(chan bool)
			go func() {
				buf[0]++
				close(done)
			}()
			<-done
			after <- v + 1
		}()
	}
	wg.Wait()
	return sum
}

func main() {
	seconds, _ := strconv.Atoi(os.Args[1])
	started := 0
	for begin, told := time.Now(), 0; told < seconds; {
		for round(200) == 0 {
		}
		started += 400
		if time.Since(begin) >= time.Duration(told+1)*time.Second {
			told++
			fmt.Println(told, started, rss())
		}
	}
}
