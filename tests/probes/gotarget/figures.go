// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

var names = []string{
	"/cpu/classes/gc/mark/assist:cpu-seconds", "/cpu/classes/gc/mark/dedicated:cpu-seconds",
	"/cpu/classes/gc/mark/idle:cpu-seconds", "/cpu/classes/gc/pause:cpu-seconds",
	"/cpu/classes/gc/total:cpu-seconds", "/cpu/classes/total:cpu-seconds",
	"/gc/cycles/forced:gc-cycles", "/gc/cycles/total:gc-cycles",
	"/gc/gogc:percent", "/gc/gomemlimit:bytes",
	"/gc/heap/allocs:bytes", "/gc/heap/allocs:objects", "/gc/heap/frees:bytes",
	"/gc/heap/frees:objects", "/gc/heap/goal:bytes", "/gc/heap/live:bytes",
	"/gc/heap/objects:objects",
	"/memory/classes/heap/free:bytes", "/memory/classes/heap/objects:bytes",
	"/memory/classes/heap/released:bytes", "/memory/classes/heap/stacks:bytes",
	"/memory/classes/heap/unused:bytes",
	"/sched/gomaxprocs:threads", "/sched/goroutines:goroutines",
	"/sched/latencies:seconds", "/sync/mutex/wait/total:seconds",
	"/sched/pauses/stopping/gc:seconds", "/sched/pauses/stopping/other:seconds",
	"/sched/pauses/total/gc:seconds", "/sched/pauses/total/other:seconds",
}

// Histograms as pairs of a bucket's start in ns and its count, without the empty ones.
func pairs(h *metrics.Float64Histogram) [][2]int64 {
	out := [][2]int64{}
	for i, n := range h.Counts {
		from := h.Buckets[i]
		if n > 0 && !math.IsInf(from, 0) {
			out = append(out, [2]int64{int64(math.Round(from * 1e9)), int64(n)})
		}
	}
	return out
}

func figures() map[string]any {
	samples := make([]metrics.Sample, len(names))
	for i, n := range names {
		samples[i].Name = n
	}
	metrics.Read(samples)
	out := map[string]any{}
	for _, s := range samples {
		switch s.Value.Kind() {
		case metrics.KindUint64:
			out[s.Name] = s.Value.Uint64()
		case metrics.KindFloat64:
			out[s.Name] = int64(math.Round(s.Value.Float64() * 1e9))
		case metrics.KindFloat64Histogram:
			out[s.Name] = pairs(s.Value.Float64Histogram())
		}
	}
	return out
}

type record struct {
	next *record
	pad  [100]byte
}

var garbage *record
var kept []*record

func work() {
	for i := 0; i < 200000; i++ {
		garbage = &record{next: nil}
		if i%100 == 0 {
			kept = append(kept, garbage)
		}
	}
}

// contend makes goroutines wait for a mutex, and stops the world for something else than a cycle.
func contend() {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := 0; i < 40; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.Lock()
			defer mu.Unlock()
			time.Sleep(100 * time.Microsecond)
		}()
	}
	wg.Wait()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
}

// fillQueue fills the queue of the only P, whose goroutine is never stopped: asyncpreemptoff=1. In
// a system call that the runtime knows of it would lose its P to those in the queue.
func fillQueue() {
	const n = 40
	runtime.GOMAXPROCS(1)
	for i := 0; i < n; i++ {
		go work()
	}
	text := []byte(fmt.Sprintln("ready", os.Getpid(), n))
	syscall.RawSyscall(syscall.SYS_WRITE, 1,
		uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	for {
	}
}

// serve prints the program's own figures for each line it reads.
func serve() {
	debug.SetMemoryLimit(64 << 20)
	for i := 0; i < 4; i++ {
		go work()
	}
	work()
	contend()
	runtime.GC()
	time.Sleep(20 * time.Millisecond)
	runtime.GC()
	fmt.Println("ready", os.Getpid())
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		out.Encode(figures())
	}
}
