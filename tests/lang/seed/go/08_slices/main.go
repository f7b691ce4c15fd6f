// SPDX-License-Identifier: BSD-2-Clause

// Command 08_slices is 08_slices.c in Go.
package main

import "fmt"

func show(name string, s []int) {
	fmt.Println(name, s, len(s), cap(s))
}

func views() {
	a := []int{1, 2, 3, 4, 5}
	b := a[1:4]
	b[0] = 99
	show("a", a)
	b = append(b, 10)
	show("a", a)
	show("b", b)
}

func aliasing() {
	a := make([]int, 4, 4)
	b := a[:2]
	c := append(b, 99)
	show("a", a)
	show("c", c)
	d := append(c, 1, 2, 3)
	d[0] = 7
	show("a", a)
	show("d", d)
	copied := append([]int(nil), a...)
	copied[0] = 5
	show("a", a)
}

func threeIndexes() {
	a := []int{1, 2, 3, 4}
	part := a[0:2:2]
	part = append(part, 50)
	show("a", a)
	show("part", part)
}

func growth[T any](name string, s *[]T, v T) {
	fmt.Print(name)
	for range 100000 {
		before := cap(*s)
		*s = append(*s, v)
		if cap(*s) != before {
			fmt.Print(" ", cap(*s))
		}
	}
	fmt.Println()
}

type triple struct{ a, b, c int }

// Global, as the compiler may begin a local one with an array on the stack.
var (
	longs   []int
	octets  []byte
	texts   []string
	triples []triple
)

func capacities() {
	growth("longs", &longs, 1)
	growth("octets", &octets, 1)
	growth("texts", &texts, "x")
	growth("triples", &triples, triple{1, 2, 3})
}

func outOfRange(s []int, i int) (err error) {
	defer func() { err, _ = recover().(error) }()
	s[i] = 1
	return nil
}

func main() {
	views()
	aliasing()
	threeIndexes()
	capacities()
	fmt.Println(outOfRange(make([]int, 1), 5))
}
