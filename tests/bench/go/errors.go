// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"errors"
	"fmt"
)

func count(n *int) {
	*n++
}

//go:noinline
func deferring(n *int) {
	defer count(n)
}

func defers(n int) {
	sum := 0
	for i := 0; i < n; i++ {
		deferring(&sum)
	}
}

//go:noinline
func countOut(n *int) {
	*n++
}

//go:noinline
func deferringOut(n *int) {
	defer countOut(n)
}

func defersOut(n int) {
	sum := 0
	for i := 0; i < n; i++ {
		deferringOut(&sum)
	}
}

func rescue() {
	recover()
}

//go:noinline
func deep(depth int) {
	if depth > 1 {
		deep(depth - 1)
	} else {
		panic("boom")
	}
}

//go:noinline
func rescued(depth int) {
	defer rescue()
	deep(depth)
}

func panicRecover(n int) {
	for i := 0; i < n; i++ {
		rescued(1)
	}
}

func panicRecover10(n int) {
	for i := 0; i < n; i++ {
		rescued(10)
	}
}

var errBase = errors.New("base")

type benchError struct {
	code int
}

func (*benchError) Error() string {
	return "bench"
}

func wrapped(err error) error {
	return fmt.Errorf("c: %w", fmt.Errorf("b: %w", fmt.Errorf("a: %w", err)))
}

func errorsIs(n int) {
	err := wrapped(errBase)
	found := 0
	for i := 0; i < n; i++ {
		if errors.Is(err, errBase) {
			found++
		}
	}
	if found != n {
		panic("errorsIs")
	}
}

func errorsAs(n int) {
	err := wrapped(&benchError{1})
	found := 0
	for i := 0; i < n; i++ {
		var e *benchError
		if errors.As(err, &e) {
			found += e.code
		}
	}
	if found != n {
		panic("errorsAs")
	}
}

var sinkError error

func wrap(n int) {
	for i := 0; i < n; i++ {
		sinkError = fmt.Errorf("open: %w", errBase)
	}
}

type adder interface {
	add(n int) int
	raise(n int) int
}

type counter struct {
	n int
}

//go:noinline
func (c *counter) add(n int) int {
	return c.n + n
}

//go:noinline
func (c *counter) raise(n int) int {
	c.n += n
	return c.n
}

type other struct{}

func (other) add(n int) int {
	return n
}

func (other) raise(n int) int {
	return n
}

var sinkAdder adder = other{}

func ifaceCall(n int) {
	sinkAdder = &counter{}
	for i := 0; i < n; i += 8 {
		sinkAdder.add(1)
		sinkAdder.add(1)
		sinkAdder.add(1)
		sinkAdder.add(1)
		sinkAdder.add(1)
		sinkAdder.add(1)
		sinkAdder.add(1)
		sinkAdder.add(1)
	}
}

func ifaceWrite(n int) {
	sinkAdder = &counter{}
	for i := 0; i < n; i += 8 {
		sinkAdder.raise(1)
		sinkAdder.raise(1)
		sinkAdder.raise(1)
		sinkAdder.raise(1)
		sinkAdder.raise(1)
		sinkAdder.raise(1)
		sinkAdder.raise(1)
		sinkAdder.raise(1)
	}
}

var sinkAny any = other{}

func assertion(n int) {
	sinkAny = &counter{1}
	sum := 0
	for i := 0; i < n; i++ {
		sum += sinkAny.(*counter).n
	}
	if sum != n {
		panic("assertion")
	}
}

func assertMethod(n int) {
	sinkAdder = &counter{1}
	sum := 0
	for i := 0; i < n; i++ {
		sum += sinkAdder.(*counter).n
	}
	if sum != n {
		panic("assertMethod")
	}
}

func assertToIface(n int) {
	sinkAny = &counter{1}
	for i := 0; i < n; i++ {
		if sinkAny.(adder) == nil {
			panic("assertToIface")
		}
	}
}

func withCancel(n int) {
	for i := 0; i < n; i++ {
		_, cancel := context.WithCancel(context.Background())
		cancel()
	}
}

func init() {
	register(
		bench{id: "defer", run: defers},
		bench{id: "defer_noinline", run: defersOut},
		bench{id: "panic_recover", run: panicRecover},
		bench{id: "panic_recover_10", run: panicRecover10},
		bench{id: "errors_is", run: errorsIs},
		bench{id: "errors_as", run: errorsAs},
		bench{id: "error_wrap", run: wrap},
		bench{id: "iface_call", run: ifaceCall},
		bench{id: "iface_call_write", run: ifaceWrite},
		bench{id: "assert", run: assertion},
		bench{id: "assert_method", run: assertMethod},
		bench{id: "assert_to_iface", run: assertToIface},
		bench{id: "context_with_cancel", run: withCancel},
	)
}
