// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const fewKeys = 1000

var manyKeys = scaled(1000000)

var (
	fewInts, manyInts   map[int]int
	fewNames, manyNames map[string]int
	names               []string
	mixed               []int // a random order of the keys
	sink                int
)

func key(i int) int {
	return int(uint64(i) * 0x9e3779b97f4a7c15 >> 1)
}

func setupKeys(n int) {
	seed := uint64(1)
	mixed = make([]int, n)
	for i := range mixed {
		mixed[i] = i
	}
	for i := n - 1; i > 0; i-- {
		seed = seed*6364136223846793005 + 1442695040888963407
		j := int((seed >> 33) % uint64(i+1))
		mixed[i], mixed[j] = mixed[j], mixed[i]
	}
}

func intMap(n int) map[int]int {
	setupKeys(n)
	m := map[int]int{}
	for i := 0; i < n; i++ {
		m[key(i)] = i
	}
	return m
}

func nameMap(n int) map[string]int {
	setupKeys(n)
	names = make([]string, n)
	m := map[string]int{}
	for i := range names {
		names[i] = fmt.Sprintf("key-%012x", i)
		m[names[i]] = i
	}
	return m
}

func getInts(m map[int]int, size, n int) {
	sum := 0
	for i, at := 0, 0; i < n; i++ {
		sum += m[key(mixed[at])]
		if at++; at == size {
			at = 0
		}
	}
	sink = sum
}

func getStrings(m map[string]int, size, n int) {
	sum := 0
	for i, at := 0, 0; i < n; i++ {
		sum += m[names[mixed[at]]]
		if at++; at == size {
			at = 0
		}
	}
	sink = sum
}

func insert(size, n int) {
	for n > 0 {
		m := map[int]int{}
		for i := 0; i < size && n > 0; i++ {
			m[key(i)] = i
			n--
		}
		sink = len(m)
	}
}

func deleteInsert(n int) {
	for i := 0; i < n; i++ {
		delete(fewInts, key(i))
		fewInts[key(i+fewKeys)] = i
	}
	for i := 0; i < fewKeys; i++ { // as it was
		delete(fewInts, key(n+i))
		fewInts[key(i)] = i
	}
}

func iterate(n int) {
	sum := 0
	for n > 0 {
		for k, v := range manyInts {
			sum += k + v
			if n--; n <= 0 {
				break
			}
		}
	}
	sink = sum
}

func worstOf(n int) time.Duration {
	worst := time.Duration(0)
	m := map[int]int{}
	for i := 0; i < n; i++ {
		start := time.Now()
		m[key(i)] = i
		if took := time.Since(start); took > worst {
			worst = took
		}
	}
	return worst
}

func worstInsert() {
	worst := make([]time.Duration, samples)
	for i := range worst {
		worst[i] = worstOf(manyKeys)
	}
	slices.Sort(worst)
	report("map_worst_insert_1m", float64(worst[samples/2].Nanoseconds())/1000)
}

func appendFew(n int) {
	for n > 0 {
		var s []int
		for i := 0; i < fewKeys && n > 0; i++ {
			s = append(s, i)
			n--
		}
		sink = s[len(s)-1]
	}
}

func build(n int) {
	for n > 0 {
		var b strings.Builder
		for i := 0; i < 64 && n > 0; i++ {
			b.WriteString("0123456789abcdef")
			n--
		}
		sink = len(b.String())
	}
}

func init() {
	setupFew := func() { fewInts = intMap(fewKeys) }
	setupMany := func() { manyInts = intMap(manyKeys) }
	register(
		bench{id: "map_int_get_1k", run: func(n int) { getInts(fewInts, fewKeys, n) },
			setup: setupFew},
		bench{id: "map_int_get_1m", run: func(n int) { getInts(manyInts, manyKeys, n) },
			setup: setupMany, least: manyKeys},
		bench{id: "map_str_get_1k", run: func(n int) { getStrings(fewNames, fewKeys, n) },
			setup: func() { fewNames = nameMap(fewKeys) }},
		bench{id: "map_str_get_1m", run: func(n int) { getStrings(manyNames, manyKeys, n) },
			setup: func() { manyNames = nameMap(manyKeys) }, least: manyKeys},
		bench{id: "map_int_set_1k", run: func(n int) { insert(fewKeys, n) },
			least: 10 * fewKeys},
		bench{id: "map_int_grow_1m", run: func(n int) { insert(manyKeys, n) },
			least: manyKeys},
		bench{id: "map_int_delete_insert_1k", run: deleteInsert, setup: setupFew,
			least: fewKeys},
		bench{id: "map_int_iterate_1m", run: iterate, setup: setupMany, least: manyKeys},
		bench{id: "map_worst_insert_1m", once: worstInsert},
		bench{id: "append_1k", run: appendFew, least: fewKeys},
		bench{id: "builder", run: build, least: fewKeys},
	)
}
