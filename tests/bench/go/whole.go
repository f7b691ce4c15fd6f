// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

const fanout = 10

// skynet is a tree of goroutines, each sums what its ten children send.
func skynet(out chan int, num, size int) {
	if size < fanout {
		out <- num
		return
	}
	in := make(chan int)
	sum := 0
	for i := 0; i < fanout; i++ {
		go skynet(in, num+i*(size/fanout), size/fanout)
	}
	for i := 0; i < fanout; i++ {
		sum += <-in
	}
	out <- sum
}

func skynet1M() {
	leaves := scaled(1000000)
	start := time.Now()
	out := make(chan int)
	go skynet(out, 0, leaves)
	sum := <-out
	took := time.Since(start)
	if leaves == 1000000 && sum != 499999500000 {
		panic(fmt.Sprintf("skynet_1m: the sum is %d", sum))
	}
	report("skynet_1m", float64(took)/float64(time.Millisecond))
}

func numbers(out chan int) {
	for i := 2; ; i++ {
		out <- i
	}
}

func filter(in, out chan int, prime int) {
	for {
		i := <-in
		if i%prime != 0 {
			out <- i
		}
	}
}

// sieve1000 is a chain of goroutines, one a prime.
func sieve1000() {
	primes, prime := scaled(1000), 0
	start := time.Now()
	c := make(chan int)
	go numbers(c)
	for i := 0; i < primes; i++ {
		prime = <-c
		next := make(chan int)
		go filter(c, next, prime)
		c = next
	}
	took := time.Since(start)
	if primes == 1000 && prime != 7919 {
		panic(fmt.Sprintf("sieve_1000: the last prime is %d", prime))
	}
	report("sieve_1000", float64(took)/float64(time.Millisecond))
}

// crowd is a million goroutines that wait on one channel.
type crowd struct {
	arrived, left sync.WaitGroup
	gate          chan int
}

// memory is VmRSS and VmPTE: what the kernel holds for this process, page tables included.
func memory() float64 {
	kib, value := 0, 0
	f, err := os.Open("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "VmRSS: %d", &value); n == 1 {
			kib += value
		} else if n, _ := fmt.Sscanf(lines.Text(), "VmPTE: %d", &value); n == 1 {
			kib += value
		}
	}
	f.Close()
	return float64(kib) * 1024
}

func waiter(c *crowd) {
	c.arrived.Done()
	<-c.gate
	c.left.Done()
}

// assemble starts n goroutines and returns when they wait: ns for each.
func (c *crowd) assemble(n int) float64 {
	start := time.Now()
	c.gate = make(chan int)
	c.arrived.Add(n)
	c.left.Add(n)
	for i := 0; i < n; i++ {
		go waiter(c)
	}
	c.arrived.Wait()
	runtime.Gosched()
	return float64(time.Since(start)) / float64(n)
}

// dismiss wakes them by closing the channel and waits until all have ended: ns for each.
func (c *crowd) dismiss(n int) float64 {
	start := time.Now()
	close(c.gate)
	c.left.Wait()
	return float64(time.Since(start)) / float64(n)
}

func million() {
	n := scaled(1000000)
	c := new(crowd)
	before := memory()
	cold := c.assemble(n)
	bytes := (memory() - before) / float64(n)
	c.dismiss(n)
	again := c.assemble(n)
	wake := c.dismiss(n)
	report("parked_bytes_1m", bytes)
	report("spawn_cold_1m", cold)
	report("respawn_1m", again)
	report("wake_1m", wake)
}

func init() {
	register(
		bench{id: "skynet_1m", once: skynet1M},
		bench{id: "sieve_1000", once: sieve1000},
		bench{id: "million", once: million},
	)
}
