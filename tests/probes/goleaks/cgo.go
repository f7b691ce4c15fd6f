// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo

package main

// static int twice(int n) { return 2 * n; }
import "C"

func withC() {
	c := newChan()
	start(func() {
		C.twice(21)
		here("leak", "cgo")
		<-c
	})
}

func init() {
	more = append(more, withC)
}
