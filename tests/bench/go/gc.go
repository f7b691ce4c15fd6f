// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"runtime"
	"runtime/debug"
	"sort"
	"sync/atomic"
	"time"
)

const (
	listLength = 16
	batchSize  = 16
	gcCycles   = 20
)

type listObject struct {
	next *listObject
	rest [7]int
}

var (
	heads []*listObject
	rng   uint64 = 88172645463325252

	parked atomic.Int64
)

func pick() uint64 {
	rng ^= rng << 13
	rng ^= rng >> 7
	rng ^= rng << 17
	return rng % uint64(len(heads))
}

func fillHeap(lists int) {
	heads = make([]*listObject, scaled(lists))
	for n := listLength * len(heads); n > 0; n-- {
		head := &heads[pick()]
		*head = &listObject{next: *head}
	}
}

//go:noinline
func waitsForever(never chan int) {
	var frame [512]byte
	parked.Add(1)
	<-never
	frame[0] = 1
	runtime.KeepAlive(&frame)
}

func parkGoroutines(n int) {
	never := make(chan int)
	for i := 0; i < n; i++ {
		go waitsForever(never)
	}
	for parked.Load() < int64(n) {
		runtime.Gosched()
	}
}

func rest(head *listObject) *listObject {
	if head == nil {
		return nil
	}
	return head.next
}

// relink replaces the first objects of two lists, and their rests change places.
func relink() {
	a, b := &heads[pick()], &heads[pick()]
	*a, *b = &listObject{next: rest(*b)}, &listObject{next: rest(*a)}
}

func relinkBatch() time.Duration {
	start := time.Now()
	for i := 0; i < batchSize; i++ {
		relink()
	}
	return time.Since(start)
}

// collect returns the pauses of gcCycles collections in microseconds, sorted, and how long the
// slowest batch took.
func collect(lists, goroutines int) (pauses []float64, worst time.Duration) {
	var m runtime.MemStats
	debug.SetGCPercent(-1)
	fillHeap(lists)
	parkGoroutines(scaled(goroutines))
	debug.SetGCPercent(25)
	runtime.GC()
	runtime.ReadMemStats(&m)
	first := m.NumGC
	for m.NumGC < first+gcCycles {
		for i := 0; i < 1000; i++ {
			if took := relinkBatch(); took > worst {
				worst = took
			}
		}
		runtime.ReadMemStats(&m)
	}
	for i := first; i < first+gcCycles; i++ {
		pauses = append(pauses, float64(m.PauseNs[i%256])/1e3)
	}
	sort.Float64s(pauses)
	return pauses, worst
}

func collect1g() {
	pauses, worst := collect(1<<20, envNumber("GORT_BENCH_PARKED", 10000))
	report("gc_pause_max_1g", pauses[gcCycles-1])
	report("gc_pause_p99_1g", pauses[(gcCycles*99+99)/100-1])
	report("gc_mutator_stall_1g", float64(worst)/1e3)
}

func collect1m() {
	pauses, _ := collect(1<<16, 1000000)
	report("gc_pause_max_1m", pauses[gcCycles-1])
}

func init() {
	register(
		bench{id: "gc_1g", once: collect1g},
		bench{id: "gc_1m", once: collect1m},
	)
}
