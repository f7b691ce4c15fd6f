// SPDX-License-Identifier: BSD-2-Clause

//go:build cgo_target

package main

// #include <unistd.h>
import "C"

// A goroutine blocked in C: its Go part is what a dump shows.
func init() {
	go func() { C.pause() }()
}
