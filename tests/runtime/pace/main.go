// SPDX-License-Identifier: BSD-2-Clause

// pace LIVE TOTAL: pace.c in Go.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

type node struct {
	self *node
	rest [7]int
}

var slots []*node

var state uint64 = 88172645463325252

func next() uint64 {
	state ^= state << 13
	state ^= state >> 7
	state ^= state << 17
	return state
}

func put(i uint64) {
	n := new(node)
	n.self = n
	slots[i] = n
}

func mostMemory() int {
	kb := map[string]int{}
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if f := strings.Fields(line); len(f) == 3 {
			kb[f[0]], _ = strconv.Atoi(f[1])
		}
	}
	return (kb["VmHWM:"] - kb["RssFile:"]) << 10
}

func main() {
	live, _ := strconv.ParseUint(os.Args[1], 10, 32)
	all, _ := strconv.ParseUint(os.Args[2], 10, 32)
	n, total := live<<20>>6, all<<20>>6
	slots = make([]*node, n)
	for i := uint64(0); i < n; i++ {
		put(i)
	}
	for i := n; i < total; i++ {
		put(next() % n)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("cycles %d\nmemory %d\n", m.NumGC, mostMemory())
}
