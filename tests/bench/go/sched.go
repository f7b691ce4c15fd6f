// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime"
	"sync"
)

const (
	batch    = 1000
	yielders = 1000
)

func spawnExit(n int) {
	var wg sync.WaitGroup
	for n > 0 {
		now := n
		if now > batch {
			now = batch
		}
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

// share is what the i-th of so many gets of n.
func share(n, i, among int) int {
	if i < n%among {
		return n/among + 1
	}
	return n / among
}

func yieldAmong(goroutines, n int) {
	var wg sync.WaitGroup
	wg.Add(goroutines)
	for i := 0; i < goroutines; i++ {
		go yielder(share(n, i, goroutines), &wg)
	}
	wg.Wait()
}

func yield2(n int) {
	yieldAmong(2, n)
}

func yield1000(n int) {
	yieldAmong(yielders, n)
}

func init() {
	register(
		bench{id: "spawn_exit", run: spawnExit},
		bench{id: "yield_2", run: yield2},
		bench{id: "yield_1000", run: yield1000, least: 50 * yielders},
	)
}
