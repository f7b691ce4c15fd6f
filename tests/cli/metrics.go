// SPDX-License-Identifier: BSD-2-Clause

// metrics.go - a program that knows its own numbers: for each line it reads it prints what its
// runtime says of it, as JSON. Otherwise it stands still: what metrics.py compares gort with.
package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

var (
	ballast = make([]byte, 64<<20)
	mu      sync.Mutex
)

func numbers() map[string]uint64 {
	names := []string{"/sched/gomaxprocs:threads",
		"/gc/heap/goal:bytes", "/gc/heap/live:bytes", "/gc/gogc:percent",
		"/gc/gomemlimit:bytes", "/gc/cycles/total:gc-cycles", "/gc/heap/allocs:bytes",
		"/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes"}
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	metrics.Read(samples)
	threads, _ := os.ReadDir("/proc/self/task")
	out := map[string]uint64{"pause_total": m.PauseTotalNs, "threads": uint64(len(threads)),
		"num_gc":     uint64(m.NumGC),
		"goroutines": uint64(runtime.NumGoroutine())}
	for _, s := range samples {
		out[s.Name] = s.Value.Uint64()
	}
	return out
}

func main() {
	debug.SetMemoryLimit(1 << 32)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go listener.Accept()
	c, d := make(chan int), make(chan int)
	for i := 0; i < 40; i++ {
		go func() { <-c }()
	}
	for i := 0; i < 10; i++ {
		go func() {
			select {
			case <-c:
			case <-d:
			}
		}()
	}
	for i := 0; i < 5; i++ {
		go time.Sleep(time.Hour)
	}
	mu.Lock()
	for i := 0; i < 3; i++ {
		go mu.Lock()
	}
	time.Sleep(50 * time.Millisecond)
	runtime.GC()
	debug.SetGCPercent(150)
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		out.Encode(numbers())
	}
	runtime.KeepAlive(ballast)
}
