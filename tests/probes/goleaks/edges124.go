// SPDX-License-Identifier: BSD-2-Clause

//go:build go1.24

package main

import (
	"iter"
	"runtime"
	"weak"
)

var (
	keptWeak    weak.Pointer[node]
	keptOwner   *node
	keptNext    func() (int, bool)
	keptCleaned *node
)

// What a weak pointer leads to may go; what a cleanup needs stays.
func weakly() {
	lost := &node{c: newChan()}
	keptWeak = weak.Make(lost)
	receive("leak", "weak", lost.c)
	keptOwner = &node{}
	c := newChan()
	runtime.AddCleanup(keptOwner, func(c chan int) { c <- 1 }, c)
	receive("live", "cleanup", c)
	d := newChan()
	keptCleaned = &node{}
	runtime.AddCleanup(keptCleaned, func(int) { d <- 1 }, 1)
	receive("live", "cleanup-closure", d)
	e := newChan()
	keptNext, _ = iter.Pull(func(yield func(int) bool) {
		yield(cap(e))
		e <- 1
	})
	keptNext()
	receive("live", "coroutine", e)
}

func init() {
	more = append(more, weakly)
}
