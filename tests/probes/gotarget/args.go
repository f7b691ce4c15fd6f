// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"runtime/pprof"
)

type small struct {
	a int8
	b uint16
	c string
}

type nested struct {
	s     small
	f     float64
	inner struct {
		x, y *int
		z    [2]uint32
	}
}

type big struct {
	words [40]uint64
	last  string
}

var sink int

//go:noinline
func argsWords(a int, b int8, c uint16, d bool, e string, f []byte, c2 chan int) {
	<-c2
	sink += a + int(b) + int(c) + len(e) + len(f)
	if d {
		sink++
	}
}

//go:noinline
func argsMany(a, b, c, d, e, f, g, h, i, j, k, l int, c2 chan int) {
	<-c2
	sink += a + b + c + d + e + f + g + h + i + j + k + l
}

//go:noinline
func argsNested(n nested, e any, err error, c chan int) {
	<-c
	sink += int(n.s.a) + int(n.inner.z[1])
	if e == nil || err == nil {
		sink++
	}
}

// What does not fit into registers goes on the stack, and what is far away there is not printed.
//
//go:noinline
func argsBig(b big, tail small, f float32, c chan int) {
	<-c
	sink += int(b.words[3]) + len(b.last) + len(tail.c) + int(f)
}

// The last use of p is before the call, so that its word may be stale in a dump.
//
//go:noinline
func argsStale(p *int, n int, c chan int) {
	sink += *p
	argsWords(n, -1, 65535, true, "stale", nil, c)
}

//go:noinline
func argsVariadic(c chan int, rest ...any) { argsStale(&sink, len(rest), c) }

func parkArgs(depth int) {
	c := make(chan int)
	x := depth
	var n nested
	n.s = small{-3, 7, "small"}
	n.f = 2.5
	n.inner.x, n.inner.y = &x, &sink
	n.inner.z = [2]uint32{1, 0xffffffff}
	switch depth % 6 {
	case 0:
		argsWords(-1, -2, 3, false, "words", []byte("bytes"), c)
	case 1:
		argsMany(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, c)
	case 2:
		argsNested(n, n.s, context.Canceled, c)
	case 3:
		argsBig(big{last: "last"}, n.s, 1.5, c)
	case 4:
		argsVariadic(c, 1, "two", n.s)
	case 5:
		func(local small, k int) { argsStale(&k, x+int(local.b), c) }(n.s, 5)
	}
}

func parkLabels(i int) {
	labels := [][]string{
		{"job", "plain"},
		{"job", "two words", "path", "/a_b.c", "tab", "a\tb\x01\\\"\x7f"},
		{"utf", "é日\U0001f600\ufffd\xff", "empty", ""},
		{"a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6", "g", "7", "h", "8",
			"i", "9", "j", "10"},
	}
	pprof.Do(context.Background(), pprof.Labels(labels[i%len(labels)]...),
		func(context.Context) { parkForever() })
}

// parkDeep makes stacks of which a dump leaves out the middle; one of them has 8 MiB.
func parkDeep() {
	c := make(chan int)
	for _, depth := range []int{90, 97, 98, 99, 100, 101, 200, 4100, 100000} {
		go recvDeep(c, depth)
	}
}
