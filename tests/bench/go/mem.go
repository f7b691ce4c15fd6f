// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Small objects, of which the last 1024 are in use.

const liveObjects = 1024

type object16 struct {
	next *object16
	rest [1]int
}

type object64 struct {
	next *object64
	rest [7]int
}

type object256 struct {
	next *object256
	rest [31]int
}

var (
	ring16  [liveObjects]*object16
	ring64  [liveObjects]*object64
	ring256 [liveObjects]*object256
)

func alloc16(n int) {
	for i := 0; i < n; i++ {
		ring16[i%liveObjects] = new(object16)
	}
}

func alloc64(n int) {
	for i := 0; i < n; i++ {
		ring64[i%liveObjects] = new(object64)
	}
}

func alloc256(n int) {
	for i := 0; i < n; i++ {
		ring256[i%liveObjects] = new(object256)
	}
}

// Binary trees: the program of the Benchmarks Game, a goroutine for each depth.

const minDepth = 4

type tree struct {
	left, right *tree
}

var longLived *tree

func bottomUp(depth int) *tree {
	t := new(tree)
	if depth > 0 {
		t.left = bottomUp(depth - 1)
		t.right = bottomUp(depth - 1)
	}
	return t
}

func (t *tree) count() int {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

func iterateTrees(depth, times int, wg *sync.WaitGroup) {
	sum := 0
	for i := 0; i < times; i++ {
		sum += bottomUp(depth).count()
	}
	if sum != times*(2<<uint(depth)-1) {
		panic("binary_trees: nodes are lost")
	}
	wg.Done()
}

func cpuTime() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

// binaryTrees reports CPU time of the whole process: collectors have threads of their own.
func binaryTrees() {
	depth := minDepth + 2
	for 2<<uint(depth) <= scaled(1<<16) {
		depth++
	}
	var wg sync.WaitGroup
	if bottomUp(depth+1).count() != 4<<uint(depth)-1 {
		panic("binary_trees: the first tree has lost nodes")
	}
	longLived = bottomUp(depth)
	for d := minDepth; d <= depth; d += 2 {
		wg.Add(1)
		go iterateTrees(d, 1<<uint(depth-d+minDepth), &wg)
	}
	wg.Wait()
	if longLived.count() != 2<<uint(depth)-1 {
		panic("binary_trees: the tree that lives long has lost nodes")
	}
	report("binary_trees_cpu", cpuTime())
}

var (
	peak    *tree
	treeRng uint64 = 88172645463325252
)

func residentBytes() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		panic("trees_rss: /proc/self/statm cannot be read")
	}
	pages, _ := strconv.Atoi(fields[1])
	return float64(pages) * 4096
}

// settled: ten seconds after a collection.
func settled() float64 {
	runtime.GC()
	time.Sleep(time.Duration(scaled(10000)) * time.Millisecond)
	return residentBytes()
}

// survive: each tenth node of t, at random, goes onto the list; all are cut off their children.
func (t *tree) survive(list **tree) {
	left, right := t.left, t.right
	t.left, t.right = nil, nil
	if left != nil {
		left.survive(list)
		right.survive(list)
	}
	treeRng = treeRng*6364136223846793005 + 1442695040888963407
	if (treeRng>>33)%10 == 0 {
		t.right, *list = *list, t
	}
}

// treesRSS: a tree lives, and beside it one of twice its size did; then a tenth of another such.
func treesRSS() {
	depth := minDepth
	for 2<<uint(depth) <= scaled(1<<22) {
		depth++
	}
	longLived = bottomUp(depth)
	peak = bottomUp(depth + 1)
	peak = nil
	report("trees_rss_dropped", settled()/float64(int(32)<<uint(depth)))
	bottomUp(depth + 1).survive(&peak)
	report("trees_rss_survivors", settled()/(1<<20))
	if longLived.count() != 2<<uint(depth)-1 || peak == nil {
		panic("trees_rss: nodes are lost")
	}
}

// What the barrier costs while nobody marks.

const storeCount = 1024

var (
	storeSlots  [storeCount]*object16
	storePlains [storeCount]uintptr
)

//go:noinline
func storePlain(o *object16, n int) {
	for i := 0; i < n; i++ {
		storePlains[i%storeCount] = uintptr(i)
	}
}

//go:noinline
func storeWithBarrier(o *object16, n int) {
	for i := 0; i < n; i++ {
		storeSlots[i%storeCount] = o
	}
}

// perStore: the least of many short turns, in which the other loop has the same neighbours.
func perStore(store func(o *object16, n int), before float64) float64 {
	n := 50 * storeCount
	start := time.Now()
	store(storeSlots[0], n)
	return min(before, float64(time.Since(start))/float64(n))
}

func idleBarrier() {
	plain, barrier := 1e9, 1e9
	for i := scaled(2000); i > 0; i-- {
		plain = perStore(storePlain, plain)
		barrier = perStore(storeWithBarrier, barrier)
	}
	report("idle_barrier", max(barrier-plain, 0.01))
}

func init() {
	register(
		bench{id: "alloc_16", run: alloc16, least: 10 * liveObjects},
		bench{id: "alloc_64", run: alloc64, least: 10 * liveObjects},
		bench{id: "alloc_256", run: alloc256, least: 10 * liveObjects},
		bench{id: "idle_barrier", once: idleBarrier},
		bench{id: "binary_trees_cpu", once: binaryTrees},
		bench{id: "trees_rss", once: treesRSS},
	)
}
