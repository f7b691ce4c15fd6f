// SPDX-License-Identifier: BSD-2-Clause

// Gotarget parks goroutines in every way the reader must tell apart, says "ready PID" and waits for
// SIGQUIT, whose dump is the truth that tests/probes/compare.py compares with.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

var total = flag.Int("n", 1000, "goroutines to park")
var busy = flag.Int("busy", 0, "goroutines that hand a value round without end")
var waits = flag.Bool("waits", false, "wait for objects of each kind, print them for each line")
var queued = flag.Bool("queue", false, "keep goroutines in the queue of the only P")
var metric = flag.Bool("figures", false, "print the own figures for each line of input")

//go:noinline
func recvDeep(c chan int, depth int) int {
	if depth == 0 {
		return <-c
	}
	return recvDeep(c, depth-1) + 1
}

func parkRecv(c chan int) { recvDeep(c, 5) }

func parkSend(c chan<- string) { c <- "never" }

func parkSelect(a, b chan int) {
	select {
	case <-a:
	case b <- 1:
	}
}

func parkSleep() { time.Sleep(time.Hour) }

func parkMutex() {
	var mu sync.Mutex
	mu.Lock()
	mu.Lock()
}

func parkRWMutex() {
	var mu sync.RWMutex
	mu.Lock()
	mu.RLock()
}

func parkWaitGroup() {
	var wg sync.WaitGroup
	wg.Add(1)
	wg.Wait()
}

func parkCond() {
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	mu.Lock()
	c.Wait()
}

func parkContext() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	<-ctx.Done()
}

func parkNil() {
	var c chan int
	<-c
}

func parkForever() { select {} }

type queue[T any] struct{ c chan T }

func (q *queue[T]) pop() T { return <-q.c }

func parkGeneric() {
	q := &queue[map[string]int]{c: make(chan map[string]int)}
	q.pop()
}

type box struct{ c chan int }

func (b box) wait() { <-b.c }

type waiter interface{ wait() }

func parkMethod() {
	var w waiter = &box{c: make(chan int)}
	w.wait()
}

func inlined1(c chan int) { <-c }
func inlined2(c chan int) { inlined1(c) }
func inlined3(c chan int) { inlined2(c) }

func parkDefer() {
	c := make(chan int)
	defer func() {
		recover()
		<-c
	}()
	panic("parked in a deferred call")
}

func parkOnce() {
	var once sync.Once
	once.Do(func() { inlined3(make(chan int)) })
}

func parkAccept() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		l.Accept()
	}
}

func parkSyscall() {
	var fds [2]int
	syscall.Pipe(fds[:])
	var b [1]byte
	syscall.Read(fds[0], b[:])
}

func parkLocked() {
	runtime.LockOSThread()
	<-make(chan int)
}

// Set in programs that have testing/synctest.
var parkInBubble = func() {}

func churn() {
	for {
		c := make(chan int)
		go func() { c <- 1 }()
		<-c
	}
}

func main() {
	flag.Parse()
	if *metric {
		serve()
		return
	}
	if *waits {
		serveWaits()
		return
	}
	if *queued {
		fillQueue()
	}
	shared, strings := make(chan int), make(chan string)
	many := []func(){
		func() { parkRecv(shared) },
		func() { parkSend(strings) },
		func() { parkSelect(make(chan int), make(chan int)) },
		parkSleep, parkMutex, parkRWMutex, parkWaitGroup, parkCond, parkContext, parkNil,
		parkForever, parkGeneric, parkMethod, parkDefer, parkOnce,
	}
	go parkAccept()
	go parkSyscall()
	go parkLocked()
	go parkInBubble()
	parkDeep()
	for i := 0; i < 12; i++ {
		go parkArgs(i)
		go parkLabels(i)
	}
	for i := 3; i < *total; i++ {
		go many[i%len(many)]()
	}
	for i := 0; i < *busy; i++ {
		go churn()
	}
	runtime.GC()
	time.Sleep(200 * time.Millisecond)
	fmt.Println("ready", os.Getpid())
	beRestless()
	<-shared
}
