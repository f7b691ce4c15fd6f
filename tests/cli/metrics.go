// SPDX-License-Identifier: BSD-2-Clause

// metrics.go - a program that knows its own numbers: for each line it reads it prints what its
// runtime, or itself, counts, as JSON; for the line "dump" its goroutines, as Go prints them. With
// "still" it stands still meanwhile, with "busy" it works: what metrics.py compares gort with.
package main

import (
	"bufio"
	"encoding/json"
	"math"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	leaked   = 6
	spinners = 6
	lockers  = 3
)

var (
	start       = time.Now()
	ballast     = make([]byte, 64<<20)
	queue, none = make(chan int), make(chan int)
	full        = make(chan int)
	mu          sync.Mutex
	rw          sync.RWMutex
	wg          sync.WaitGroup
	cond        = sync.NewCond(new(sync.Mutex))
	parked      atomic.Int64
	preempted   atomic.Int64
	garbage     [spinners][]byte
	collect     [2]int64 // when all had come to wait, and the first collection after that ended
)

var names = []string{"/sched/gomaxprocs:threads",
	"/gc/heap/goal:bytes", "/gc/heap/live:bytes", "/gc/gogc:percent", "/gc/gomemlimit:bytes",
	"/gc/cycles/total:gc-cycles", "/gc/heap/allocs:bytes", "/gc/heap/allocs:objects",
	"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes",
	"/cpu/classes/gc/total:cpu-seconds", "/cpu/classes/total:cpu-seconds",
	"/sync/mutex/wait/total:seconds", "/sched/latencies:seconds"}

// Pairs of a bucket's start in ns and its count, without the empty ones.
func pairs(h *metrics.Float64Histogram) [][2]int64 {
	out := [][2]int64{}
	for i, n := range h.Counts {
		if from := h.Buckets[i]; n > 0 && !math.IsInf(from, 0) {
			out = append(out, [2]int64{int64(math.Round(from * 1e9)), int64(n)})
		}
	}
	return out
}

func numbers() map[string]any {
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	last := int64(0)
	if len(gc.Pause) > 0 {
		last = int64(gc.Pause[0])
	}
	out := map[string]any{"at": int64(time.Since(start)), "pause": int64(gc.PauseTotal),
		"last_pause": last, "goroutines": runtime.NumGoroutine(),
		"parked": parked.Load(), "preempted": preempted.Load(), "collect": collect}
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

// more starts n goroutines that wait for what f waits for.
func more(n int, f func()) {
	for i := 0; i < n; i++ {
		go f()
	}
}

func receive(c chan int) { <-c }

func holder() {
	mu.Lock()
	rw.Lock()
	time.Sleep(time.Hour)
}

// still parks goroutines in more than ten ways, some of them for ever.
func still() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	var pipe [2]int
	if err != nil || syscall.Pipe(pipe[:]) != nil {
		panic(err)
	}
	wg.Add(1)
	unknown := make(chan int)
	for i := 0; i < 40; i++ {
		c := queue
		if i < leaked {
			c = unknown
		}
		go receive(c)
	}
	go holder()
	time.Sleep(50 * time.Millisecond)
	more(11, func() { full <- 1 })
	more(10, func() {
		select {
		case <-queue:
		case <-none:
		}
	})
	more(5, func() { time.Sleep(time.Hour) })
	more(3, func() { mu.Lock() })
	more(2, func() { rw.RLock() })
	more(4, func() { wg.Wait() })
	more(7, func() { cond.L.Lock(); cond.Wait() })
	more(8, func() { <-(chan int)(nil) })
	more(9, func() { select {} })
	more(1, func() { listener.Accept() })
	more(2, func() { syscall.Read(pipe[0], make([]byte, 1)) })
	time.Sleep(100 * time.Millisecond)
	collect[0] = int64(time.Since(start))
	runtime.GC()
	collect[1] = int64(time.Since(start))
	runtime.GC() // notes as the start of a wait when the one before it was marking
	debug.SetGCPercent(150)
}

func spin(i int) {
	for x := uint64(i); ; {
		for k := 0; k < 1000; k++ {
			x = x*6364136223846793005 + 1
		}
		garbage[i] = make([]byte, 1000+x%100)
	}
}

func contend() {
	for {
		mu.Lock()
		time.Sleep(time.Millisecond)
		mu.Unlock()
	}
}

func grow() {
	for {
		time.Sleep(5 * time.Millisecond)
		parked.Add(1)
		go receive(queue)
	}
}

func count(signals chan os.Signal) {
	for range signals {
		preempted.Add(1)
	}
}

// busy keeps more goroutines running than there are Ps, collecting, contending, and more and more.
func busy() {
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(20)
	signals := make(chan os.Signal, 1000)
	signal.Notify(signals, syscall.SIGURG)
	go count(signals)
	for i := 0; i < spinners; i++ {
		go spin(i)
	}
	more(lockers, contend)
	go grow()
}

func dump() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

func main() {
	debug.SetMemoryLimit(1 << 32)
	if os.Args[1] == "still" {
		still()
	} else {
		busy()
	}
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		if in.Text() == "dump" {
			out.Encode(dump())
		} else {
			out.Encode(numbers())
		}
	}
	runtime.KeepAlive(ballast)
}
