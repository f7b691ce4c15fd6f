// SPDX-License-Identifier: BSD-2-Clause

// Golocals parks goroutines whose calls have variables of every kind, prints what each of them is,
// as gort stacks --locals should, and says "ready". It ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

type point struct {
	X, Y int32
	Name string
}

type celsius float64

type shape interface{ area() int }

func (p *point) area() int { return int(p.X * p.Y) }

// truth is a variable of a call that waits.
type truth struct{ Func, Name, Type, Value string }

// tell prints one. What is said before the wait must be so while it lasts.
func tell(function, name, kind, format string, args ...any) {
	value := fmt.Sprintf(format, args...)
	line, err := json.Marshal(truth{"main." + function, name, kind, value})
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

var never = make(chan int)
var ready = make(chan bool)

//go:noinline
func use(...any) {}

//go:noinline
func wait() {
	ready <- true
	<-never
}

//go:noinline
func numbers(i int, u8 uint8, f float64, yes bool, c complex128) {
	neg := int16(-i)
	temp := celsius(f / 2)
	r := rune('a' + i)
	tell("numbers", "i", "int", "%d", i)
	tell("numbers", "u8", "uint8", "%d", u8)
	tell("numbers", "f", "float64", "%v", f)
	tell("numbers", "yes", "bool", "%v", yes)
	tell("numbers", "c", "complex128", "(%v, %vi)", real(c), imag(c))
	tell("numbers", "neg", "int16", "%d", neg)
	tell("numbers", "temp", "main.celsius", "%v", float64(temp))
	tell("numbers", "r", "int32", "%d", r)
	wait()
	use(i, u8, f, yes, c, neg, temp, r)
}

//go:noinline
func texts(s string, long string, none string) {
	quoted := s + "\n\"" + s + "\""
	bytes := append(make([]byte, 0, 8), s...)
	tell("texts", "s", "string", "%q", s)
	tell("texts", "long", "string", "%q... (len %d)", long[:64], len(long))
	tell("texts", "none", "string", "%q", none)
	tell("texts", "quoted", "string", "%q", quoted)
	tell("texts", "bytes", "[]uint8", "[97, 98, 99] (len 3, cap 8)")
	wait()
	use(s, long, none, quoted, bytes)
}

func list(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprint(i * i)
	}
	return strings.Join(parts, ", ")
}

//go:noinline
func aggregates(n int, name string) {
	short := make([]int, 0, 4)
	var long []int
	for i := 0; i < n*10; i++ {
		long = append(long, i*i)
	}
	short = append(short, n, n+1)
	var none []string
	array := [3]int16{int16(n), 2, 3}
	p := point{int32(n), -7, name}
	pp := &point{1, int32(n), "there"}
	nested := []point{p}
	tell("aggregates", "short", "[]int", "[%d, %d] (len 2, cap 4)", n, n+1)
	tell("aggregates", "long", "[]int", "[%s, ...] (len %d, cap %d)", list(16), len(long),
		cap(long))
	tell("aggregates", "none", "[]string", "nil")
	tell("aggregates", "array", "[3]int16", "[%d, 2, 3]", n)
	tell("aggregates", "p", "main.point", "{X: %d, Y: -7, Name: %q}", n, name)
	tell("aggregates", "pp", "*main.point", "%p -> {X: 1, Y: %d, Name: \"there\"}", pp, n)
	tell("aggregates", "nested", "[]main.point", "[{X: %d, Y: -7, Name: %q}]", n, name)
	wait()
	use(&short, &long, &none, &array, &p, pp, &nested)
}

//go:noinline
func references(n int, ch chan int, none chan<- bool) {
	m := map[string]int{"a": n, "b": 2}
	var empty map[int]bool
	f := list
	var err error = errors.New("no")
	var s shape = &point{int32(n), 1, "s"}
	var anything any = n
	var nothing any
	ch <- n
	tell("references", "ch", "chan int", "%p (len 1, cap 3)", ch)
	tell("references", "none", "chan<- bool", "nil")
	tell("references", "m", "map[string]int", "%p (len 2)", m)
	tell("references", "empty", "map[int]bool", "nil")
	tell("references", "f", "func(int) string", "main.list")
	tell("references", "err", "error", "*errors.errorString %p", err)
	tell("references", "s", "main.shape", "*main.point %p", s)
	tell("references", "nothing", "interface {}", "nil")
	wait()
	use(ch, none, m, empty, f, err, s, anything, nothing)
}

// escaped has a variable on the heap, and a block whose variable hides another.
//
//go:noinline
func escaped(n int) {
	kept := n * 3
	keep := func() int { kept++; return kept }
	if n > 0 {
		n := fmt.Sprint("inner ", n)
		tell("escaped", "n", "string", "%q", n)
		tell("escaped", "kept", "int", "%d", keep())
		wait()
		use(n)
	}
	use(n, keep)
}

func inlined(k int) {
	double := k * 2
	tell("inlined", "double", "int", "%d", double)
	wait()
	use(double)
}

//go:noinline
func outer(n int) {
	inlined(n + 1)
	tell("outer", "never", "int", "%d", n)
}

func main() {
	n := len(os.Args) + 40
	calls := []func(){
		func() { numbers(n, 200, float64(n)+0.25, true, complex(1.5, float64(n))) },
		func() { texts("abc", strings.Repeat("0123456789", n), "") },
		func() { aggregates(n, "here") },
		func() { references(n, make(chan int, 3), nil) },
		func() { escaped(n) },
		func() { outer(n) },
	}
	for _, call := range calls {
		go call()
		<-ready
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
}
