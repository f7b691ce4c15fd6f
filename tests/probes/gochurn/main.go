// SPDX-License-Identifier: BSD-2-Clause

// Gochurn moves its references all the time: between stacks, channels, maps, slices and queues,
// while the goroutines that they keep alive wait. In the middle of it are goroutines that are
// leaked. A reader that copies it while it runs must find those and no other.
//
// It prints "leak GOID KIND" for each leaked one, then "ready", and goes on until its standard
// input ends. Then it wakes everybody who is not leaked, waits for all of them, and prints "all
// woken".
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	stop = make(chan struct{}) // closed at the end
	all  sync.WaitGroup        // who must be able to end
	tell = make(chan int)
	sink atomic.Pointer[[]byte]
)

func alive(f func()) {
	all.Add(1)
	go func() {
		defer all.Done()
		f()
	}()
}

func stopped() bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func here() {
	buf := make([]byte, 64)
	id, _ := strconv.Atoi(strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1])
	tell <- id
}

//go:noinline
func newChan() chan int { return make(chan int) }

type locks struct {
	pad [4]*int
	mu  sync.Mutex
	rw  sync.RWMutex
	wg  sync.WaitGroup
}

func leaks(n int) {
	kinds := []func(){
		func() { c := newChan(); here(); <-c },
		func() { c := newChan(); here(); c <- 1 },
		func() {
			a, b := newChan(), newChan()
			here()
			select {
			case <-a:
			case b <- 1:
			}
		},
		func() { l := new(locks); l.mu.Lock(); here(); l.mu.Lock() },
		func() { l := new(locks); l.rw.Lock(); here(); l.rw.RLock() },
		func() { l := new(locks); l.wg.Add(1); here(); l.wg.Wait() },
		func() { c := sync.NewCond(new(sync.Mutex)); c.L.Lock(); here(); c.Wait() },
		func() { ctx, _ := context.WithCancel(context.Background()); here(); <-ctx.Done() },
	}
	for i := 0; i < n; i++ {
		go kinds[i%len(kinds)]()
		fmt.Println("leak", <-tell, i%len(kinds))
	}
}

// Callers wait for an answer on a channel that only a table knows, then only a queue, then only a
// worker's stack.
type call struct {
	reply chan int
	next  *call
}

func rpc(callers, workers int) {
	var mu sync.Mutex
	table := map[int]*call{}
	queue := make(chan *call, callers)
	for i := 0; i < callers; i++ {
		alive(func() {
			for n := 0; !stopped(); n++ {
				c := &call{reply: newChan()}
				mu.Lock()
				table[i] = c
				mu.Unlock()
				<-c.reply
			}
		})
	}
	alive(func() {
		for {
			mu.Lock()
			n := len(table)
			for id, c := range table {
				delete(table, id)
				queue <- c
			}
			mu.Unlock()
			if n == 0 && stopped() && len(queue) == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			runtime.Gosched()
			if rpcDone.Load() {
				return
			}
		}
	})
	for i := 0; i < workers; i++ {
		go func() {
			var list *call
			for c := range queue {
				c.next, list = list, c // a few wait on the worker's own list
				for n := 0; list != nil && (n < 2 || len(queue) == 0); n++ {
					list.reply <- n
					list = list.next
				}
			}
		}()
	}
}

var rpcDone atomic.Bool

// Waiters whose channels are in a map that is built anew all the time.
func rebuilt(n int) {
	table := map[int]chan int{}
	for i := 0; i < n; i++ {
		c := newChan()
		table[i] = c
		alive(func() { <-c })
	}
	alive(func() {
		for !stopped() {
			fresh := make(map[int]chan int, n)
			for k, c := range table {
				fresh[k] = c
				delete(table, k)
			}
			table = fresh
		}
		for _, c := range table {
			close(c)
		}
	})
}

type token struct {
	done chan int
	junk [8]*int
}

// Tokens go round in a circle of goroutines, now on a stack, now in a channel; who owns one waits.
func ring(members, tokens int) {
	hops := make([]chan *token, members)
	for i := range hops {
		hops[i] = make(chan *token, 1)
	}
	for i := range hops {
		in, out := hops[i], hops[(i+1)%members]
		go func() {
			for t := range in {
				copied := &token{done: t.done}
				if stopped() {
					close(copied.done)
					continue
				}
				out <- copied
			}
		}()
	}
	for i := 0; i < tokens; i++ {
		t := &token{done: newChan()}
		owner := t.done
		hops[i*members/tokens] <- t
		alive(func() { <-owner })
	}
}

// Who waits for a condition is woken one by one and waits again.
func conds(n int) {
	mu := new(sync.Mutex)
	c := sync.NewCond(mu)
	for i := 0; i < n; i++ {
		alive(func() {
			for !stopped() {
				mu.Lock()
				c.Wait()
				mu.Unlock()
			}
		})
	}
	go func() {
		for {
			c.Signal()
			if stopped() {
				c.Broadcast()
			}
			runtime.Gosched()
		}
	}()
}

func swarms(n int) {
	type box struct {
		pad [3]*int
		mu  sync.Mutex
	}
	for k := 0; k < 4; k++ {
		alive(func() {
			for !stopped() {
				b, wg := new(box), new(sync.WaitGroup)
				b.mu.Lock()
				for i := 0; i < n; i++ {
					wg.Add(1)
					go func() {
						defer wg.Done()
						b.mu.Lock()
						runtime.Gosched()
						b.mu.Unlock()
					}()
				}
				runtime.Gosched()
				b.mu.Unlock()
				wg.Wait()
			}
		})
	}
}

//go:noinline
func grow(n int, c chan int) int {
	var pad [64]int
	pad[n%64] = n
	if n == 0 {
		return len(c)
	}
	return grow(n-1, c) + pad[n%64]
}

// Only a goroutine that never blocks has the channel.
func spinners() {
	c := newChan()
	alive(func() { <-c })
	go func(c chan int) {
		for i := 0; ; i++ {
			if i%1024 == 0 && stopped() {
				close(c)
				return
			}
			if i%(1<<20) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}(c)
	d := newChan()
	alive(func() { <-d })
	go func(c chan int) {
		for !stopped() {
			grow(200, c)
			done := make(chan int)
			go func() { grow(400, c); done <- 1 }()
			<-done
		}
		close(c)
	}(d)
}

func timers(n int) {
	for i := 0; i < n; i++ {
		alive(func() {
			for !stopped() {
				c := newChan()
				soon := time.Duration(1+i) * time.Millisecond
				time.AfterFunc(soon, func() { c <- 1 })
				<-c
				ctx, cancel := context.WithTimeout(context.Background(), soon)
				<-ctx.Done()
				cancel()
			}
		})
	}
}

func garbage() {
	for i := 0; !stopped(); i++ {
		b := make([]byte, 1<<(i%14))
		sink.Store(&b)
		if i%64 == 0 {
			runtime.Gosched()
		}
	}
}

func main() {
	n := 200
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	leaks(n)
	rpc(40, 3)
	rebuilt(100)
	ring(16, 8)
	conds(20)
	swarms(10)
	spinners()
	timers(10)
	go garbage()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	close(stop)
	go func() {
		time.Sleep(time.Second)
		rpcDone.Store(true)
	}()
	all.Wait()
	fmt.Println("all woken")
}
