// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"sync"
	"syscall"
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

func init() {
	register(
		bench{id: "alloc_16", run: alloc16, least: 10 * liveObjects},
		bench{id: "alloc_64", run: alloc64, least: 10 * liveObjects},
		bench{id: "alloc_256", run: alloc256, least: 10 * liveObjects},
		bench{id: "binary_trees_cpu", once: binaryTrees},
	)
}
