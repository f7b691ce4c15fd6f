// SPDX-License-Identifier: BSD-2-Clause

// goprof allocates, blocks and contends in ways that are hard to symbolize (inlined calls, generic
// functions, the runtime's own calls as leaf), prints "ready", and then writes its own profiles
// into the directory named by each line of its input. Nothing is collected meanwhile, so that what
// is published does not change.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

type node struct {
	next *node
	pad  [600]byte
}

type pair[K, V any] struct {
	key   K
	value V
	next  *pair[K, V]
}

var (
	kept    []*node
	blobs   [][]byte
	table   = map[string]int{}
	chain   *pair[string, int64]
	garbage any
)

func newNode() *node { return &node{} } // inlined

func outer() *node { return newNode() } // and again

//go:noinline
func keepNodes(n int) {
	for i := 0; i < n; i++ {
		kept = append(kept, outer())
	}
}

//go:noinline
func push[K, V any](list *pair[K, V], k K, v V) *pair[K, V] {
	return &pair[K, V]{key: k, value: v, next: list}
}

//go:noinline
func fill(n int) {
	for i := 0; i < n; i++ {
		table[strings.Repeat("k", i%7)+fmt.Sprint(i)] = i
		chain = push(chain, "name", int64(i))
		blobs = append(blobs, make([]byte, 1000+i%3000))
		garbage = make([]*node, 100)
	}
}

//go:noinline
func block(n int) {
	for i := 0; i < n; i++ {
		c := make(chan int)
		go func() {
			time.Sleep(time.Millisecond)
			c <- 1
		}()
		<-c
	}
}

//go:noinline
func locked(mu *sync.Mutex) {
	mu.Lock()
	time.Sleep(time.Millisecond)
	mu.Unlock()
}

//go:noinline
func contend() {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for k := 0; k < 20; k++ {
				locked(&mu)
			}
		}()
	}
	wg.Wait()
}

//go:noinline
func leak(c chan int) { <-c }

type hostage struct {
	next *hostage
	pad  [600]byte
}

type trash struct {
	next *trash
	pad  [600]byte
}

//go:noinline
func keepLeaking(c chan int, h *hostage) {
	<-c
	fmt.Println(h.pad[0])
}

//go:noinline
func litter(n int) {
	for i := 0; i < n; i++ {
		garbage = &trash{}
	}
	garbage = nil
}

// describe leaves garbage, and memory that only leaked goroutines hold, and says what there is.
func describe() {
	for i := 0; i < 10; i++ {
		go keepLeaking(make(chan int), &hostage{})
	}
	time.Sleep(10 * time.Millisecond)
	runtime.GC()
	litter(1000)
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fmt.Println(ms.HeapAlloc, len(kept))
}

func write(dir string) {
	for _, p := range pprof.Profiles() {
		if p.Name() == "goroutineleak" {
			continue // it collects
		}
		f, err := os.Create(dir + "/" + p.Name())
		if err == nil {
			err = p.WriteTo(f, 0)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			panic(err)
		}
	}
}

func main() {
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	debug.SetGCPercent(-1)
	for i := 0; i < 3; i++ {
		go leak(make(chan int))
	}
	if len(os.Args) < 2 { // no argument: not even one collection
		keepNodes(3000)
		fill(20000)
		runtime.GC()
		keepNodes(500)
		runtime.GC()
	} else {
		keepNodes(5000)
	}
	block(30)
	contend()
	runtime.SetBlockProfileRate(0)
	runtime.SetMutexProfileFraction(0)
	runtime.LockOSThread()
	describe()
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		write(in.Text())
		fmt.Println("done")
	}
	runtime.KeepAlive(kept)
}
