// SPDX-License-Identifier: BSD-2-Clause

// Command runtime is ../../seed_runtime.c in Go.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

func deeper(p *int, depth int) int {
	room := [16]int{depth}
	if depth == 0 {
		return *p
	}
	n := deeper(p, depth-1)
	if room[0] != depth {
		n++
	}
	return n
}

func overview() {
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Add(10000)
		for range 10000 {
			go func() {
				n.Add(1)
				wg.Done()
			}()
		}
		wg.Wait()
	}
	fmt.Println("goroutines:", n.Load())
	x := 42
	fmt.Println("below 500 frames:", deeper(&x, 500))
}

func systemCall() {
	var fds [2]int
	out := make(chan int)
	syscall.Pipe(fds[:])
	go func() {
		var c [1]byte
		n, _ := syscall.Read(fds[0], c[:])
		out <- n * int(c[0])
	}()
	time.Sleep(time.Millisecond)
	fmt.Println("others run while one blocks")
	syscall.Write(fds[1], []byte("x"))
	fmt.Println("read", <-out)
	syscall.Close(fds[0])
	syscall.Close(fds[1])
}

func answer(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	text := make([]byte, 8)
	n, _ := c.Read(text)
	c.Write(text[:n])
}

func poller() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("listen")
	}
	go answer(l)
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		panic("dial")
	}
	c.Write([]byte("ping"))
	text := make([]byte, 8)
	n, _ := c.Read(text)
	fmt.Println("echo", string(text[:n]))
	c.Close()
	l.Close()
}

func preemption() {
	var stop atomic.Bool
	done := make(chan int)
	go func() {
		for !stop.Load() {
		}
		close(done)
	}()
	time.Sleep(time.Millisecond)
	stop.Store(true)
	<-done
	fmt.Println("a loop without calls is preempted")
}

func scheduler() {
	before := runtime.GOMAXPROCS(1)
	fmt.Println("Ps:", runtime.GOMAXPROCS(0))
	systemCall()
	poller()
	preemption()
	runtime.GOMAXPROCS(before)
}

type shared struct {
	data      []int
	mu        sync.Mutex
	ready     bool
	published atomic.Bool
}

func makeData() []int { return []int{1, 2, 3} }

func (s *shared) byMutex() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = makeData()
	s.ready = true
}

func (s *shared) isReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

func memoryModel() {
	var a, b, c shared
	ready := make(chan int)
	go func() {
		a.data = makeData()
		close(ready)
	}()
	<-ready
	fmt.Println("channel", len(a.data))
	go b.byMutex()
	for !b.isReady() {
		runtime.Gosched()
	}
	fmt.Println("mutex", len(b.data))
	go func() {
		c.data = makeData()
		c.published.Store(true)
	}()
	for !c.published.Load() {
		runtime.Gosched()
	}
	fmt.Println("atomic", len(c.data))
}

var kept *int // else the compiler inlines escapes, and x stays on the stack

func escapes() *int {
	x := 1
	kept = &x
	return &x
}

func collector() {
	p := escapes()
	before := uintptr(unsafe.Pointer(p))
	runtime.GC()
	fmt.Printf("kept %d, not moved %v\n", *p, uintptr(unsafe.Pointer(p)) == before)
	was := debug.SetGCPercent(50)
	fmt.Printf("GOGC was %d, %d\n", was, debug.SetGCPercent(100))
	debug.SetGCPercent(-1)
	fmt.Println("off", debug.SetGCPercent(100))
}

func fewAgain(n int) {
	for runtime.NumGoroutine() > n {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("none is left")
}

func leaks() {
	n := runtime.NumGoroutine()
	for range 10 {
		out := make(chan int, 1)
		go func() { out <- 42 }()
	}
	fewAgain(n)
	ctx, cancel := context.WithCancel(context.Background())
	for range 10 {
		out := make(chan int)
		go func() {
			select {
			case out <- 42:
			case <-ctx.Done():
			}
		}()
	}
	fmt.Println("waiting:", runtime.NumGoroutine()-n)
	cancel()
	fewAgain(n)
}

var filled []int32 // else the compiler begins with an array on the stack

func growths(s []int32) int {
	n := 0
	for i := range int32(1000) {
		before := cap(s)
		s = append(s, i)
		filled = s
		if cap(s) != before {
			n++
		}
	}
	return n
}

var pool = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func withBuffer(name string) string {
	b := pool.Get().(*bytes.Buffer)
	defer func() {
		b.Reset()
		pool.Put(b)
	}()
	b.WriteString("hello ")
	b.WriteString(name)
	return b.String()
}

func hotPaths() {
	fmt.Println("growths", growths(nil), growths(make([]int32, 0, 1000)))
	m := make(map[int]int, 1000)
	for i := range 1000 {
		m[i] = i
	}
	fmt.Println("entries", len(m))
	fmt.Println(withBuffer("pool")+",", withBuffer("again"))
	var b strings.Builder
	b.Grow(3000)
	for range 1000 {
		b.WriteString("abc")
	}
	fmt.Println("built", b.Len())
}

func main() {
	sections := []struct {
		name string
		run  func()
	}{{"1", overview}, {"2", scheduler}, {"6", memoryModel}, {"7", collector},
		{"15", leaks}, {"18", hotPaths}}
	for _, s := range sections {
		if len(os.Args) > 1 && os.Args[1] != s.name {
			continue
		}
		fmt.Println("==", s.name)
		s.run()
	}
}
