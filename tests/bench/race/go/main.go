// SPDX-License-Identifier: BSD-2-Clause

// race is race.c in Go: built with -race and run under Go's detector or gort's.
package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	threads = 2
	stream  = 1 << 20
	size    = 200
	stripes = 64
)

var (
	mu       sync.Mutex
	locks    [stripes]sync.Mutex
	table    [4096]uint64
	counter  uint64
	shared   = make([]uint64, 8192)
	matrices [3][size][size]float64
	sink     [threads]uint64
)

func mem(id int) int {
	p := make([]uint64, stream)
	for round := 0; round < 8; round++ {
		for i := range p {
			p[i] += uint64(id)
		}
	}
	sink[id] = p[id]
	return 8 * stream
}

func hot(id int) int {
	p := make([]uint64, 32)
	for i := 0; i < 8000000; i++ {
		p[i&31] += uint64(id)
	}
	sink[id] = p[0]
	return 8000000
}

func matmul(id int) int {
	half := size / threads
	for i := id * half; i < (id+1)*half; i++ {
		for j := 0; j < size; j++ {
			sum := 0.0
			for k := 0; k < size; k++ {
				sum += matrices[0][i][k] * matrices[1][k][j]
			}
			matrices[2][i][j] = sum
		}
	}
	return half * size * size
}

func readshared(id int) int {
	sum := uint64(id)
	for round := 0; round < 1000; round++ {
		for i := range shared {
			sum += shared[i]
		}
	}
	sink[id] = sum
	return 1000 * len(shared)
}

//go:noinline
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func calls(id int) int {
	sink[id] = uint64(fib(30))
	return 2692537
}

func mutex(id int) int {
	for i := 0; i < 300000; i++ {
		mu.Lock()
		counter += uint64(id)
		mu.Unlock()
	}
	return 300000
}

func hashmap(id int) int {
	x := uint64(id) + 1
	for i := 0; i < 300000; i++ {
		x = x*6364136223846793005 + 1442695040888963407
		b := x >> 52
		locks[b/4%stripes].Lock()
		for k := uint64(0); k < 4; k++ {
			table[b&^3+k] += x >> (40 + k)
		}
		locks[b/4%stripes].Unlock()
	}
	return 300000
}

func atomics(id int) int {
	for i := 0; i < 500000; i++ {
		atomic.AddUint64(&counter, uint64(id))
	}
	return 500000
}

func spawn(int) int {
	var wg sync.WaitGroup
	for i := 0; i < 30000; i++ {
		wg.Add(1)
		go wg.Done()
		if i%100 == 99 {
			wg.Wait()
		}
	}
	wg.Wait()
	return 30000
}

// The peak of memory is what this row is about.
func many(int) int {
	var ready, done sync.WaitGroup
	hold := make(chan bool)
	for i := 0; i < 50000; i++ {
		ready.Add(1)
		done.Add(1)
		go func() {
			ready.Done()
			<-hold
			done.Done()
		}()
	}
	ready.Wait()
	close(hold)
	done.Wait()
	return 50000
}

var ping, pong = make(chan int), make(chan int)

func channel(id int) int {
	for i := 0; i < 100000; i++ {
		if id == 0 {
			ping <- i
			<-pong
		} else {
			<-ping
			pong <- i
		}
	}
	return 100000
}

func cpu() int64 {
	var use syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return use.Utime.Nano() + use.Stime.Nano()
}

// peak is VmHWM: Maxrss would be the parent's at first.
func peak() (kib int) {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Sscan(rest, &kib)
	return kib
}

func measure(name string, run func(id int) int) {
	var wg sync.WaitGroup
	var ops atomic.Int64
	start := cpu()
	for id := 0; id < threads; id++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			ops.Add(int64(run(id)))
		}()
	}
	wg.Wait()
	end := cpu()
	fmt.Printf("%s %.3f\n", name, float64(end-start)/float64(ops.Load()))
	fmt.Printf("%s_kib %d\n", name, peak())
}

func main() {
	rows := []struct {
		name string
		run  func(int) int
	}{{"mem", mem}, {"hot", hot}, {"matmul", matmul}, {"readshared", readshared},
		{"fib", calls}, {"mutex", mutex}, {"hashmap", hashmap}, {"atomic", atomics},
		{"spawn", spawn}, {"chan", channel}, {"many", many}}
	for _, row := range rows {
		if len(os.Args) < 2 {
			fmt.Println(row.name)
		} else if os.Args[1] == row.name {
			measure(row.name, row.run)
		}
	}
}
