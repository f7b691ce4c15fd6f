// SPDX-License-Identifier: BSD-2-Clause

// Goleaks holds goroutines of two kinds and tells which is which: those that nothing can ever wake,
// each in a way of its own, and twins of them that something can.
//
// It prints "leak GOID NAME" and "live GOID NAME" for each, then "ready", and lives until its
// standard input ends. Everything that keeps a twin alive is reachable; nothing of a leak is.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

var out = bufio.NewWriter(os.Stdout)

var tell = make(chan string)

// here reports the calling goroutine; the last thing before it blocks.
func here(kind, name string) {
	buf := make([]byte, 64)
	text := string(buf[:runtime.Stack(buf, false)])
	id, _ := strconv.Atoi(strings.Fields(text)[1])
	tell <- fmt.Sprintf("%s %d %s", kind, id, name)
}

// Start runs f in a goroutine and waits until it has reported itself.
func start(f func()) {
	go f()
	fmt.Fprintln(out, <-tell)
}

type node struct {
	c    chan int
	next *node
	pad  [3]int
}

type bigHolder struct {
	pad [100]*int
	c   chan int
}

type hugeHolder struct {
	pad [40000]*int
	c   chan int
}

// What keeps the twins alive.
var (
	keptChan   = make(chan int)
	keptMutex  sync.Mutex
	keptCond   = sync.NewCond(&sync.Mutex{})
	keptGroup  sync.WaitGroup
	keptMap    = map[string]chan int{}
	keptList   *node
	keptBig    *bigHolder
	keptHuge   *hugeHolder
	keptAny    any
	keptPool   sync.Map
	keptFunc   func() chan int
	keptSlice  []chan int
	keptTimers []*time.Timer
	keptCtx    context.Context
	cancelCtx  context.CancelFunc
)

//go:noinline
func newChan() chan int { return make(chan int) }

func receive(kind, name string, c chan int) {
	start(func() {
		here(kind, name)
		<-c
	})
}

func send(kind, name string, c chan int) {
	start(func() {
		here(kind, name)
		c <- 1
	})
}

func channels() {
	receive("leak", "receive", newChan())
	send("leak", "send", newChan())
	full := make(chan int, 2)
	full <- 1
	full <- 2
	send("leak", "full", full)
	receive("live", "global", keptChan)
	keptMap["a"] = newChan()
	receive("live", "map", keptMap["a"])
	keptList = &node{next: &node{next: &node{c: newChan()}}}
	receive("live", "list", keptList.next.next.c)
	keptBig = &bigHolder{c: newChan()}
	receive("live", "header", keptBig.c)
	keptHuge = &hugeHolder{c: newChan()}
	receive("live", "large", keptHuge.c)
	keptSlice = append(keptSlice, newChan(), newChan())
	receive("live", "slice", keptSlice[1])
	keptAny = reflect.ValueOf(newChan())
	receive("live", "interface", keptAny.(reflect.Value).Interface().(chan int))
	c := newChan()
	keptPool.Store("key", c)
	receive("live", "syncmap", c)
	d := newChan()
	keptFunc = func() chan int { return d }
	receive("live", "closure", d)
}

func selects() {
	a, b := newChan(), newChan()
	start(func() {
		here("leak", "select")
		select {
		case <-a:
		case b <- 1:
		}
	})
	e := newChan()
	start(func() {
		here("live", "select")
		select {
		case <-e:
		case <-keptChan:
		}
	})
	f := newChan()
	start(func() {
		here("live", "timeout")
		select {
		case <-f:
		case <-time.After(time.Hour):
		}
	})
	keptCtx, cancelCtx = context.WithCancel(context.Background())
	start(func() {
		here("live", "context")
		<-keptCtx.Done()
	})
	lost, cancel := context.WithCancel(context.Background())
	start(func() {
		here("leak", "context")
		<-lost.Done()
	})
	runtime.KeepAlive(&cancel)
}

type locked struct {
	pad [4]*int
	mu  sync.Mutex
	rw  sync.RWMutex
	wg  sync.WaitGroup
}

func locks() {
	l := &locked{}
	l.mu.Lock()
	start(func() {
		here("leak", "mutex")
		l.mu.Lock()
	})
	w := &locked{}
	w.rw.Lock()
	start(func() {
		here("leak", "rlock")
		w.rw.RLock()
	})
	x := &locked{}
	x.rw.RLock()
	start(func() {
		here("leak", "wlock")
		x.rw.Lock()
	})
	g := &locked{}
	g.wg.Add(1)
	start(func() {
		here("leak", "waitgroup")
		g.wg.Wait()
	})
	c := sync.NewCond(&sync.Mutex{})
	start(func() {
		c.L.Lock()
		here("leak", "cond")
		c.Wait()
	})
	keptMutex.Lock()
	start(func() {
		here("live", "mutex")
		keptMutex.Lock()
	})
	keptGroup.Add(1)
	start(func() {
		here("live", "waitgroup")
		keptGroup.Wait()
	})
	start(func() {
		keptCond.L.Lock()
		here("live", "cond")
		keptCond.Wait()
	})
}

// A chain: only the first of them is held by somebody who runs.
func chains() {
	first, second := newChan(), newChan()
	start(func() {
		here("live", "chain2")
		<-second
	})
	start(func() {
		here("live", "chain1")
		<-first
		second <- 1
	})
	start(func() {
		here("live", "chain0")
		time.Sleep(time.Hour)
		first <- 1
	})
	a, b := newChan(), newChan()
	start(func() {
		here("leak", "pair1")
		<-a
		b <- 1
	})
	start(func() {
		here("leak", "pair2")
		<-b
		a <- 1
	})
}

//go:noinline
func deep(n int, c chan int) int {
	var local [4]chan int
	local[n%4] = c
	if n == 0 {
		here("leak", "deep")
		<-c
		return 0
	}
	return deep(n-1, local[n%4]) + 1
}

func stacks() {
	c := newChan()
	start(func() { deep(200, c) })
	// Only a variable of a sleeping goroutine, whose address is taken, leads to it.
	d := newChan()
	start(func() {
		here("live", "object")
		<-d
	})
	start(func() {
		holder := struct{ c chan int }{d}
		p := &holder
		here("live", "holder")
		time.Sleep(time.Hour)
		p.c <- 1
	})
	e := newChan()
	start(func() {
		defer func() { e <- 1 }()
		here("live", "defer")
		time.Sleep(time.Hour)
	})
	start(func() {
		here("live", "deferred")
		<-e
	})
	f := newChan()
	start(func() {
		for i := 0; i < 3; i++ {
			defer func() { f <- i }()
		}
		here("leak", "heapdefer")
		<-f
	})
}

type finalized struct {
	c chan int
	p *int
}

func rest() {
	a := newChan()
	keptTimers = append(keptTimers, time.AfterFunc(time.Hour, func() { a <- 1 }))
	receive("live", "afterfunc", a)
	b := newChan()
	time.AfterFunc(time.Hour, func() { b <- 1 })
	receive("live", "lonetimer", b)
	c := newChan()
	o := &finalized{c: c, p: new(int)}
	runtime.SetFinalizer(o, func(o *finalized) { o.c <- 1 })
	keptAny = []any{keptAny, o}
	receive("live", "finalizer", c)
	var none chan int
	start(func() {
		here("forever", "nil")
		<-none
	})
	start(func() {
		here("forever", "select")
		select {}
	})
}

// More is what the other files add.
var more []func()

// Forget overwrites what the stack of main still holds of the above.
//
//go:noinline
func forget(n int) (sum int) {
	var words [512]int
	for i := range words {
		words[i] = n + i
	}
	if n > 0 {
		sum = forget(n - 1)
	}
	return sum + words[n]
}

func main() {
	channels()
	selects()
	locks()
	chains()
	stacks()
	rest()
	for _, f := range more {
		f()
	}
	forget(20)
	runtime.GC()
	fmt.Fprintln(out, "ready")
	out.Flush()
	io.Copy(io.Discard, os.Stdin)
}
