// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sort"
	"sync/atomic"
	"time"
)

const (
	starts = 200
	tick   = 10 * time.Millisecond
)

// startLatency starts a goroutine and computes without a call until that has run. In between it
// sleeps, for another time each turn, so that the second P and sysmon are found asleep as deeply as
// they may be.
func startLatency() {
	late := make([]float64, scaled(starts))
	epoch := time.Now()
	for i := range late {
		var started int64
		time.Sleep(time.Duration(1+i%16) * time.Millisecond)
		before := time.Since(epoch)
		go func() { atomic.StoreInt64(&started, int64(time.Since(epoch))) }()
		for atomic.LoadInt64(&started) == 0 {
		}
		late[i] = float64(time.Duration(started)-before) / 1000
	}
	sort.Float64s(late)
	report("start_latency", late[len(late)*99/100])
}

func spin() {
	for {
	}
}

// tickerLateness is how much longer than its period a ticker ever lets one wait, while four
// goroutines compute without a call.
func tickerLateness() {
	for i := 0; i < 4; i++ {
		go spin()
	}
	ticker := time.NewTicker(tick)
	var worst time.Duration
	last := time.Now()
	for i := scaled(100); i > 0; i-- {
		<-ticker.C
		now := time.Now()
		if now.Sub(last)-tick > worst {
			worst = now.Sub(last) - tick
		}
		last = now
	}
	report("ticker_lateness", float64(worst)/float64(time.Millisecond))
}

// spinOverhead is the CPU time of the runtime's own, next to that of two goroutines that compute in
// turn at one P.
func spinOverhead() {
	go spin()
	go spin()
	time.Sleep(100 * time.Millisecond)
	cpu, begin := cpuTime(), time.Now()
	time.Sleep(500 * time.Millisecond)
	cpu = cpuTime() - cpu
	report("spin_overhead", 1000*(cpu*float64(time.Millisecond)/float64(time.Since(begin))-1))
}

func init() {
	register(
		bench{id: "start_latency", once: startLatency},
		bench{id: "ticker_lateness", once: tickerLateness},
		bench{id: "spin_overhead", once: spinOverhead},
	)
}
