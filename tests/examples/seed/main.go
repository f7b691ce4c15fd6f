// SPDX-License-Identifier: BSD-2-Clause

// Command seed is ../seed.c in Go: what the examples of a guide to Go's runtime really print.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// try is what protect is in C: the panic of f, or nil.
func try(f func()) (err any) {
	defer func() {
		if err = recover(); err == nil {
			err = "<nil>"
		}
	}()
	f()
	return nil
}

func fanout() {
	results := make(chan int, 10)
	sum := 0
	for u := range 10 {
		go func() { results <- u * u }()
	}
	for range 10 {
		sum += <-results
	}
	fmt.Println("fetched", sum)
}

func channels() {
	ch := make(chan int, 2)
	var never chan int
	ch <- 1
	ch <- 2
	close(ch)
	for x := range ch {
		fmt.Println(x)
	}
	v, ok := <-ch
	fmt.Println(v, ok)
	select {
	case x := <-never:
		fmt.Println("never", x)
	case x, open := <-ch:
		fmt.Println("closed", x, open)
	}
	select {
	case <-never:
		fmt.Println("never")
	case <-time.After(time.Millisecond):
		fmt.Println("timeout")
	}
	fmt.Println(try(func() { ch <- 3 }))
	fmt.Println(try(func() { close(ch) }))
	fmt.Println(try(func() { close(never) }))
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) increment() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}

func syncPrimitives() {
	var c counter
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(c.increment)
	}
	wg.Wait()
	fmt.Println("counted", c.n)
}

type reader interface{ read(n int) int }

type file struct{ fd int }

func (f *file) read(n int) int {
	if f == nil {
		return -1
	}
	return n + f.fd
}

func mightFail(trap bool) reader {
	var none *file
	if trap {
		return none
	}
	return nil
}

func what(x any) {
	switch v := x.(type) {
	case int:
		fmt.Println("int", v)
	case string:
		fmt.Println("string", v)
	case nil:
		fmt.Println("nil")
	default:
		fmt.Println("other")
	}
}

func interfaces() {
	f := file{3}
	var x any = "text"
	fmt.Println(mightFail(true) == nil, mightFail(false) == nil)
	fmt.Println(mightFail(true).read(4), reader(&f).read(4))
	what(1)
	what(x)
	what(1.5)
	what(nil)
	s, ok := x.(string)
	fmt.Println(ok, s)
	fmt.Println(try(func() { fmt.Println(x.(int)) }))
}

var errNotFound = errors.New("not found")

type pathError struct{ path string }

func (e *pathError) Error() string { return e.path }

func fails() {
	defer func() {
		r := recover()
		fmt.Println("recovered:", r)
	}()
	panic("programmer bug")
}

func errorValues() {
	err := fmt.Errorf("operation failed: %w", errNotFound)
	fmt.Println(err)
	fmt.Println(err == errNotFound, errors.Is(err, errNotFound))
	err = fmt.Errorf("open: %w", &pathError{"/etc"})
	var pe *pathError
	errors.As(err, &pe)
	fmt.Println(pe.path)
	fmt.Println(errors.Join(errNotFound, err))
	fmt.Println(try(fails))
}

func defers() {
	i := 1
	defer fmt.Println("deferred", i)
	i = 2
	defer fmt.Println("deferred", i)
	fmt.Println("body", i)
}

func waitFor(ctx context.Context, work chan int) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case v := <-work:
		fmt.Println("work", v)
	}
	return nil
}

func contexts() {
	ctx, cancel := context.WithCancel(context.Background())
	child, inner := context.WithTimeout(ctx, time.Hour)
	defer inner()
	work := make(chan int, 1)
	work <- 5
	fmt.Println(waitFor(child, work))
	cancel()
	fmt.Println(waitFor(child, work))
	past, late := context.WithTimeout(context.Background(), 0)
	defer late()
	fmt.Println(waitFor(past, work))
}

func gotchas() {
	out := make(chan int, 3)
	sum, open := 0, 0
	for v := 1; v <= 3; v++ {
		go func() { out <- v }()
	}
	for range 3 {
		sum += <-out
	}
	fmt.Println("each its own:", sum)
	for range 100 {
		func() { // without it all 100 would stay open until the end
			open++
			defer func() { open-- }()
		}()
	}
	fmt.Println("left open:", open)
	zero := 0
	fmt.Println("integer division:", try(func() { fmt.Println(1 / zero) }))
}

func main() {
	sections := []struct {
		name string
		run  func()
	}{{"3", fanout}, {"4", channels}, {"5", syncPrimitives}, {"11", interfaces},
		{"12", errorValues}, {"13", defers}, {"14", contexts}, {"17", gotchas}}
	for _, s := range sections {
		if len(os.Args) > 1 && os.Args[1] != s.name {
			continue
		}
		fmt.Println("==", s.name)
		s.run()
	}
}
