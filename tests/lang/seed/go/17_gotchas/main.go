// SPDX-License-Identifier: BSD-2-Clause

// Command 17_gotchas is 17_gotchas.c in Go.
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"sync"
)

func loopVariable(items []int) {
	out := make(chan int)
	sum := 0
	for _, v := range items {
		go func() { out <- v * v }()
	}
	for range items {
		sum += <-out
	}
	fmt.Println("sum", sum)
}

func equality(a []int) {
	b := append([]int(nil), a...)
	m, n := map[string]int{"a": 1}, map[string]int{"a": 1}
	fmt.Print(reflect.DeepEqual(a, b), " ", reflect.DeepEqual(m, n), " ")
	b[0]++
	fmt.Println(reflect.DeepEqual(a, b))
}

// Exported: of other fields fmt does not call Error.
type point struct {
	X     int
	Y     float64
	Name  string
	Pair  [2]int
	List  []int
	Err   error
	Value any
	Set   bool
}

func showing(a []int) {
	p := point{1, 0.5, "p", [2]int{2, 3}, a, errors.New("bad"), 7, true}
	var none point
	m, nomap := map[int]string{}, map[int]string(nil)
	d := map[float64][]point{2.5: {none}, -1e30: nil}
	fmt.Println(a, []int(nil), p, &none)
	for i := 20; i > -20; i -= 7 {
		m[i] = strconv.Itoa(i * i)
	}
	fmt.Println(m, nomap, d)
}

func ranging(closing bool) {
	c := make(chan int)
	sum := 0
	go func() {
		for i := 0; i < 5; i++ {
			c <- i
		}
		if closing {
			close(c)
		}
	}()
	for v := range c {
		sum += v
	}
	fmt.Println("ranged", sum)
}

func guarded(data []int) {
	var m sync.Mutex
	var wg sync.WaitGroup
	for i := 0; i < 10; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m.Lock()
			defer m.Unlock()
			data[0]++
		}()
	}
	wg.Wait()
	fmt.Println("guarded", data[0])
}

func main() {
	items := []int{1, 2, 3}
	loopVariable(items)
	equality(items)
	showing(items)
	ranging(len(os.Args) == 1)
	guarded(items)
}
