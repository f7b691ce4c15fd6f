// SPDX-License-Identifier: BSD-2-Clause

// go_cases: one case a run, `go_cases CASE clean|race [N]`. Each clean form is the racy one with
// synchronisation.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

var shared int
var racy bool
var n int

func earlyWrite() { shared = 1 }
func lateWrite()  { shared = 2 }

// inTurn runs a, then b, each in a goroutine. Counting goroutines makes no edge; the mutex of the
// clean form does.
func inTurn(a, b func()) {
	var mu sync.Mutex
	alone := func() {
		for runtime.NumGoroutine() > 1 {
			runtime.Gosched()
		}
	}
	alone()
	for _, f := range []func(){a, b} {
		go func() {
			if !racy {
				mu.Lock()
				defer mu.Unlock()
			}
			f()
		}()
		alone()
	}
}

//go:noinline
func call(i int) int { return i + 1 }

// history: the first access lies n calls back in its goroutine.
func history() {
	inTurn(func() {
		earlyWrite()
		for i := 0; i < n; i++ {
			call(i)
		}
	}, lateWrite)
}

// many: two of n live goroutines race.
func many() {
	var up, down sync.WaitGroup
	hold := make(chan bool)
	var mu sync.Mutex
	up.Add(n)
	down.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			defer down.Done()
			if i == 5 || i == n-5 {
				if !racy {
					mu.Lock()
				}
				lateWrite()
				if !racy {
					mu.Unlock()
				}
			}
			up.Done()
			<-hold
		}()
	}
	up.Wait()
	close(hold)
	down.Wait()
}

// atomics: a plain access beside an atomic one.
func atomics() {
	var v atomic.Int64
	var plain int64
	inTurn(func() {
		v.Add(1)
		atomic.StoreInt64(&plain, 1)
	}, func() {
		if racy {
			plain++
		} else {
			atomic.AddInt64(&plain, 1)
		}
	})
}

// churn: n goroutines one after another; nothing of them is left.
func churn() {
	var wg sync.WaitGroup
	for i := 0; i < n; i++ {
		wg.Add(1)
		go wg.Done()
		wg.Wait()
	}
	inTurn(earlyWrite, lateWrite)
}

func main() {
	racy = os.Args[2] == "race"
	if len(os.Args) > 3 {
		n, _ = strconv.Atoi(os.Args[3])
	}
	cases := map[string]func(){"history": history, "many": many, "atomics": atomics,
		"churn": churn, "simple": func() { inTurn(earlyWrite, lateWrite) }}
	cases[os.Args[1]]()
	fmt.Println("done")
}
