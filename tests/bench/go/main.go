// SPDX-License-Identifier: BSD-2-Clause

// Command core is the Go side of bench_core.c: the same operations by the same method, so that the
// two may be compared line by line. See ../README.md for what one operation of each id is.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// batch is how many goroutines spawn_exit starts before it waits for all of them.
const batch = 1000

func spawnExit(n int) {
	var wg sync.WaitGroup
	for n > 0 {
		now := min(n, batch)
		wg.Add(now)
		for i := 0; i < now; i++ {
			go wg.Done()
		}
		wg.Wait()
		n -= now
	}
}

func yielder(n int, wg *sync.WaitGroup) {
	for i := 0; i < n; i++ {
		runtime.Gosched()
	}
	wg.Done()
}

func yield2(n int) {
	var wg sync.WaitGroup
	wg.Add(2)
	go yielder(n/2, &wg)
	go yielder(n-n/2, &wg)
	wg.Wait()
}

func echo(in, out chan int) {
	for v := range in {
		out <- v
	}
	close(out)
}

func chanPingpong(n int) {
	there, back := make(chan int), make(chan int)
	go echo(there, back)
	for i := 0; i < n; i++ {
		there <- i
		<-back
	}
	close(there)
	<-back
}

func chanBuffered(n int) {
	c := make(chan int, 128)
	for i := 0; i < n; i++ {
		c <- i
		<-c
	}
}

func uncontended(n int) {
	var m sync.Mutex
	for i := 0; i < n; i++ {
		m.Lock()
		m.Unlock()
	}
}

func locker(n int, m *sync.Mutex, wg *sync.WaitGroup) {
	for i := 0; i < n; i++ {
		m.Lock()
		m.Unlock()
	}
	wg.Done()
}

func mutexContended100(n int) {
	var m sync.Mutex
	var wg sync.WaitGroup
	wg.Add(100)
	for i := 0; i < 100; i++ {
		share := n / 100
		if i < n%100 {
			share++
		}
		go locker(share, &m, &wg)
	}
	wg.Wait()
}

type table struct {
	m    sync.Mutex
	c    *sync.Cond
	turn int
}

func player(n int, t *table, me int, wg *sync.WaitGroup) {
	t.m.Lock()
	for i := 0; i < n; i++ {
		for t.turn != me {
			t.c.Wait()
		}
		t.turn = 1 - me
		t.c.Signal()
	}
	t.m.Unlock()
	wg.Done()
}

func condPingpong(n int) {
	var t table
	var wg sync.WaitGroup
	t.c = sync.NewCond(&t.m)
	wg.Add(2)
	go player(n, &t, 0, &wg)
	go player(n, &t, 1, &wg)
	wg.Wait()
}

var benches = []struct {
	id  string
	run func(n int)
}{
	{"spawn_exit", spawnExit},
	{"yield_2", yield2},
	{"chan_pingpong", chanPingpong},
	{"chan_buffered", chanBuffered},
	{"mutex", uncontended},
	{"mutex_contended_100", mutexContended100},
	{"cond_pingpong", condPingpong},
}

// measure doubles n until one run lasts at least d, and returns that run's nanoseconds per
// operation.
func measure(run func(int), d time.Duration) float64 {
	for n := 1; ; n *= 2 {
		start := time.Now()
		run(n)
		took := time.Since(start)
		if took >= d || n >= 1<<40 {
			return float64(took.Nanoseconds()) / float64(n)
		}
	}
}

func main() {
	ms, err := strconv.Atoi(os.Getenv("GORT_BENCH_MS"))
	if err != nil || ms <= 0 {
		ms = 100
	}
	least := time.Duration(ms) * time.Millisecond
	found := false
	for _, b := range benches {
		if len(os.Args) < 2 || os.Args[1] == b.id {
			found = true
			fmt.Printf("%s %.2f\n", b.id, measure(b.run, least))
		}
	}
	if !found {
		fmt.Fprintf(os.Stderr, "core: no benchmark is called %s\n", os.Args[1])
		os.Exit(2)
	}
}
