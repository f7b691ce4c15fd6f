// SPDX-License-Identifier: BSD-2-Clause

// Command 09_maps is 09_maps.c in Go.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func writeNil() (err error) {
	defer func() { err, _ = recover().(error) }()
	var none map[string]int
	none["a"] = 1
	return nil
}

func orders() {
	m, firsts := map[int]bool{0: true, 1: true, 2: true}, map[int]bool{}
	for i := 0; i < 1000; i++ {
		for k, v := range m {
			firsts[k] = v
			break
		}
	}
	fmt.Println("different first keys:", len(firsts))
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func memory() {
	before := heap()
	m := map[int32]int32{}
	for i := range int32(200000) {
		m[i] = i
	}
	full := heap()
	for i := range int32(200000) {
		delete(m, i)
	}
	fmt.Println("kept", heap()-before > (full-before)/2, len(m))
}

func writer(m map[string]int) {
	for {
		m["a"]++
	}
}

func main() {
	m := make(map[string]int, 1000)
	var none map[string]int
	if len(os.Args) > 1 && os.Args[1] == "race" {
		go writer(m)
		writer(m)
	}
	m["a"] = 1
	m["b"]++
	v, ok := m["a"]
	fmt.Println(v, ok, m["c"], len(m))
	delete(m, "a")
	delete(m, "a")
	fmt.Println(len(m), none["a"], len(none))
	fmt.Println(writeNil())
	orders()

	numbers := map[int]int{}
	for i := 0; i < 100; i++ {
		numbers[i] = i
	}
	for k, n := range numbers {
		if n%2 != 0 {
			delete(numbers, k)
		}
	}
	fmt.Println("even:", len(numbers))
	memory()
}
