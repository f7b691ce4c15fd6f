// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	bytebuf "bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
)

// What follows is driver.h in Go: what the operations of a script work on.

const slots = 6

type triple struct{ a, b, c int }

type pair struct {
	a int
	b string
}

var (
	ints     [slots][]int
	bytes    [slots][]byte
	strs     [slots][]string
	recs     [slots][]triple
	intmap   map[int]int
	smallmap map[int32]string
	textmap  map[string]int
	floatmap map[float64]int
	pairmap  map[pair]int

	buffer bytebuf.Buffer
	base   = []error{errors.New("one"), strconv.ErrSyntax, io.EOF}

	out = bufio.NewWriter(os.Stdout)
)

func frombits(u uint64) float64 {
	return math.Float64frombits(u)
}

func put(values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			fmt.Fprintf(out, " %x.", v)
		case []string:
			put(len(v))
			for _, s := range v {
				put(s)
			}
		case bool:
			if v {
				put(1)
			} else {
				put(0)
			}
		default:
			fmt.Fprintf(out, " %v", v)
		}
	}
}

func bounds(limit, i, j int) (a, b int) {
	a = i % (limit + 1)
	return a, a + j%(limit-a+1)
}

func shape[T any](s []T) {
	put(len(s), cap(s))
}

type codeError struct{ code int }

func (e codeError) Error() string { return "code " + strconv.Itoa(e.code) }

// Wrapping nil gives nil, as in C.
func wrap(err error, i int) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("wrap %d: %w", i, err)
}

func tree(how string) error {
	s := []error{base[0]}
	for i, c := range []byte(how) {
		top := len(s) - 1
		switch {
		case c >= '0' && c <= '9':
			s = append(s, codeError{int(c - '0')})
		case c >= 'a' && c <= 'c':
			s = append(s, base[c-'a'])
		case c == 'n':
			s = append(s, nil)
		case c == 'w':
			s[top] = wrap(s[top], i)
		case top > 0:
			s[top-1] = errors.Join(s[top-1], s[top])
			s = s[:top]
		}
	}
	return s[len(s)-1]
}

var plan string

func try(f func(int), k int) (err any) {
	defer func() { err = recover() }()
	f(k)
	return nil
}

func show(format string, k int, err any) {
	fmt.Fprintf(out, format, k)
	fmt.Fprintf(out, ":%v", err)
}

func note(k int) { fmt.Fprintf(out, " d%d", k) }

func anew(k int) { panic(fmt.Errorf("again %d", k)) }

func noting(k int) {
	defer note(k)
	next(k + 1)
	fmt.Fprintf(out, " e%d", k)
}

func recovering(k int) {
	defer note(k)
	defer func() { show(" r%d", k, recover()) }()
	next(k + 1)
	fmt.Fprintf(out, " e%d", k)
}

func swapping(k int) {
	defer func() {
		show(" r%d", k, recover())
		anew(k)
	}()
	next(k + 1)
}

func panicking(k int) {
	defer anew(k)
	next(k + 1)
}

func leaf(how byte) {
	few := make([]int, 2)
	var none []int
	var nomap map[int]int
	var nochan chan int
	closed := make(chan int, 1)
	switch how {
	case 'p':
		panic("boom")
	case 'e':
		panic(codeError{len(few)})
	case 'i':
		none[len(few)]++
	case 'd':
		put(1 / len(none))
	case 'm':
		nomap[1]++
	case 'n':
		close(nochan)
	case 'c':
		close(closed)
		closed <- 1
	case 'a':
		put(any("text").(int))
	case 'x':
		runtime.Goexit()
	}
}

func next(k int) {
	c := byte(0)
	if k < len(plan) {
		c = plan[k]
	}
	f := next
	switch c {
	case 'N':
		noting(k)
		return
	case 'A':
		panicking(k)
		return
	case 'R':
		f = recovering
	case 'S':
		f = swapping
	case 'T':
		show(" t%d", k, try(next, k+1))
		return
	default:
		leaf(c)
		return
	}
	show(" t%d", k, try(f, k))
}

func unwind(how string) {
	done := make(chan int)
	plan = how
	go func() {
		defer close(done)
		err := try(next, 0)
		fmt.Fprintf(out, " end:%v", err)
	}()
	<-done
}

func begin() {
	ints, bytes = [slots][]int{}, [slots][]byte{}
	strs, recs = [slots][]string{}, [slots][]triple{}
	buffer.Reset()
	intmap, smallmap = map[int]int{}, map[int32]string{}
	textmap, floatmap, pairmap = map[string]int{}, map[float64]int{}, map[pair]int{}
}
