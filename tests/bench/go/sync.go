// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

const lockers = 100

func uncontended(n int) {
	var m sync.Mutex
	for i := 0; i < n; i++ {
		m.Lock()
		m.Unlock()
	}
}

func readLock(n int) {
	var rw sync.RWMutex
	for i := 0; i < n; i++ {
		rw.RLock()
		rw.RUnlock()
	}
}

func waitGroup(n int) {
	var wg sync.WaitGroup
	for i := 0; i < n; i++ {
		wg.Add(1)
		wg.Done()
		wg.Wait()
	}
}

func locker(n int, m *sync.Mutex, wg *sync.WaitGroup) {
	for i := 0; i < n; i++ {
		m.Lock()
		m.Unlock()
	}
	wg.Done()
}

func contended(n int) {
	var m sync.Mutex
	var wg sync.WaitGroup
	wg.Add(lockers)
	for i := 0; i < lockers; i++ {
		go locker(share(n, i, lockers), &m, &wg)
	}
	wg.Wait()
}

type table struct {
	m    sync.Mutex
	c    *sync.Cond
	turn int
}

func player(n int, t *table, me int, wg *sync.WaitGroup) {
	t.m.Lock()
	for i := 0; i < n; i++ {
		for t.turn != me {
			t.c.Wait()
		}
		t.turn = 1 - me
		t.c.Signal()
	}
	t.m.Unlock()
	wg.Done()
}

func condPingpong(n int) {
	var t table
	var wg sync.WaitGroup
	t.c = sync.NewCond(&t.m)
	wg.Add(2)
	go player(n, &t, 0, &wg)
	go player(n, &t, 1, &wg)
	wg.Wait()
}

func init() {
	register(
		bench{id: "mutex", run: uncontended},
		bench{id: "rlock", run: readLock},
		bench{id: "waitgroup", run: waitGroup},
		bench{id: "mutex_contended_100", run: contended, least: 1000 * lockers},
		bench{id: "cond_pingpong", run: condPingpong},
	)
}
