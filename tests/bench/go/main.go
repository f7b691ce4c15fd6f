// SPDX-License-Identifier: BSD-2-Clause

// Command core is bench_core.c and its parts in Go: the same operations by the same method, file by
// file, so that the two may be compared line by line. See ../README.md for what one operation of
// each id is. It is kept to what gccgo 12 (Go 1.18) compiles too.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"time"
)

const samples = 5

// bench is one benchmark; run or once is set.
type bench struct {
	id    string
	run   func(n int) // n operations, timed as a whole; called many times
	setup func()      // not timed, once before the first run; may be nil
	once  func()      // measures by itself, called once, and reports
	least int         // never fewer operations than that
}

var benches []bench

func register(b ...bench) {
	benches = append(benches, b...)
}

func envNumber(name string, otherwise int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil || n <= 0 {
		return otherwise
	}
	return n
}

// scaled is n, or less by the factor GORT_BENCH_SCALE; at least 1.
func scaled(n int) int {
	if n /= envNumber("GORT_BENCH_SCALE", 1); n > 0 {
		return n
	}
	return 1
}

func report(id string, value float64) {
	fmt.Printf("%s %.2f\n", id, value)
}

func (b bench) timed(n int) time.Duration {
	start := time.Now()
	b.run(n)
	return time.Since(start)
}

// calibrate finds how many operations take at least that long: it guesses from fewer, never 100
// times as many.
func (b bench) calibrate(least time.Duration) int {
	n := 1
	if b.least > 1 {
		n = b.least
	}
	for {
		took := b.timed(n)
		if took >= least || n >= 1<<40 {
			return n
		}
		if took <= 0 {
			took = 1
		}
		guess := 1.2 * float64(n) * float64(least) / float64(took)
		if guess > 100*float64(n) {
			guess = 100 * float64(n)
		}
		if n++; int(guess) > n {
			n = int(guess)
		}
	}
}

func (b bench) measure() {
	nsPerOp := make([]float64, samples)
	if b.setup != nil {
		b.setup()
	}
	ms := envNumber("GORT_BENCH_MS", 100)
	n := b.calibrate(time.Duration(ms) * time.Millisecond / samples)
	for i := range nsPerOp {
		nsPerOp[i] = float64(b.timed(n).Nanoseconds()) / float64(n)
	}
	sort.Float64s(nsPerOp)
	report(b.id, nsPerOp[samples/2])
}

func main() {
	for _, b := range benches {
		if len(os.Args) < 2 {
			fmt.Println(b.id)
		} else if os.Args[1] == b.id {
			if b.once != nil {
				b.once()
			} else {
				b.measure()
			}
			return
		}
	}
	if len(os.Args) > 1 {
		fmt.Fprintf(os.Stderr, "core: no benchmark is called %s\n", os.Args[1])
		os.Exit(2)
	}
}
