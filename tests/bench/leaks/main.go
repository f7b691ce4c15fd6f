// SPDX-License-Identifier: BSD-2-Clause

// The program that scripts/bench --leaks and --inside look into. With -heap, small linked objects
// of so many MiB, with -parked so many goroutines that wait: it says "ready", and for each line
// that it reads how many ns at most a goroutine that sleeps for 50 us stood still since the line
// before. With -exit, so many leaked goroutines are left at its end; with -goleak it has
// go.uber.org/goleak look for them first, and says how long it took.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"go.uber.org/goleak"
)

var heap = flag.Int("heap", 0, "MiB of linked objects")
var parked = flag.Int("parked", 0, "goroutines that wait")
var exit = flag.Int("exit", 0, "leaked goroutines at the end")
var judge = flag.Bool("goleak", false, "look for them")

// 64 bytes, of which two words are pointers.
type node struct {
	next, other *node
	rest        [6]uint64
}

// So many lists, so that they can be followed side by side.
const lists = 1024

var heads [lists]*node

// Each object is in one list, and points to another one, anywhere.
func build(objects int) {
	seed := uint64(1)
	for i := 0; i < objects; i++ {
		seed = seed*6364136223846793005 + 1442695040888963407
		list := i % lists
		heads[list] = &node{next: heads[list], other: heads[seed>>54]}
	}
	runtime.GC()
}

//go:noinline
func leak() {
	c := make(chan int)
	go func() { <-c }()
}

var longest atomic.Int64

func sleeper() {
	for before := time.Now(); ; {
		time.Sleep(50 * time.Microsecond)
		now := time.Now()
		if gap := now.Sub(before).Nanoseconds(); gap > longest.Load() {
			longest.Store(gap)
		}
		before = now
	}
}

func atExit(n int) {
	for i := 0; i < n; i++ {
		leak()
	}
	runtime.GC()
	if !*judge {
		return
	}
	start := time.Now()
	found := goleak.Find() != nil
	fmt.Println(found, time.Since(start).Nanoseconds())
}

func main() {
	flag.Parse()
	if *exit > 0 {
		atExit(*exit)
		return
	}
	build(*heap << 20 / 64)
	for i := 0; i <= *parked; i++ {
		leak()
	}
	go sleeper()
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(longest.Swap(0))
	}
	runtime.KeepAlive(&heads)
}
