// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

type order struct{ id int }

// truth is what a kind of wait must look like from outside.
type truth struct {
	Kind, Address, Element string
	Cap, Len               int
	Locked                 bool
	To                     map[string]int // way of waiting -> goroutines
	Holders                int
}

type pair struct{ a, b sync.Mutex }

//go:noinline
func lockBoth(first, second *sync.Mutex, locked *sync.WaitGroup) {
	first.Lock()
	defer first.Unlock()
	locked.Done()
	locked.Wait()
	second.Lock()
	defer second.Unlock()
}

// deadlock makes two goroutines wait for each other's mutex.
func deadlock() *pair {
	p := &pair{}
	var locked sync.WaitGroup
	locked.Add(2)
	go lockBoth(&p.a, &p.b, &locked)
	go lockBoth(&p.b, &p.a, &locked)
	return p
}

//go:noinline
func hold(mu *sync.Mutex, locked chan bool, forever chan int) {
	mu.Lock()
	defer mu.Unlock()
	locked <- true
	<-forever
}

func spawn(n int, f func()) {
	for i := 0; i < n; i++ {
		go f()
	}
}

// parkAll makes goroutines wait for one object of each kind.
func parkAll() []truth {
	ints, orders := make(chan int), make(chan order, 2)
	first, second := make(chan string), make(chan bool, 1)
	second <- true
	orders <- order{1}
	orders <- order{2}
	var nilchan chan int
	spawn(3, func() { <-ints })
	spawn(2, func() { orders <- order{3} })
	spawn(4, func() {
		select {
		case <-first:
		case second <- true:
		}
	})
	spawn(2, func() { <-nilchan })
	held, locked, forever := &sync.Mutex{}, make(chan bool), make(chan int)
	go hold(held, locked, forever)
	<-locked
	spawn(3, func() { held.Lock() })
	rw := &sync.RWMutex{}
	rw.Lock()
	spawn(2, func() { rw.RLock() })
	wg := &sync.WaitGroup{}
	wg.Add(7)
	spawn(2, func() { wg.Wait() })
	mu := &sync.Mutex{}
	cond := sync.NewCond(mu)
	spawn(2, func() { mu.Lock(); cond.Wait() })
	at := func(p any) string { return fmt.Sprintf("%p", p) }
	return []truth{
		{"chan", at(ints), "int", 0, 0, false, map[string]int{"receive": 3}, 0},
		{"chan", at(orders), "main.order", 2, 2, false, map[string]int{"send": 2}, 0},
		{"chan", at(first), "string", 0, 0, false, map[string]int{"select receive": 4}, 0},
		{"chan", at(second), "bool", 1, 1, false, map[string]int{"select send": 4}, 0},
		{"chan", at(forever), "int", 0, 0, false, map[string]int{"receive": 1}, 0},
		{"mutex", at(held), "", 0, 0, true, map[string]int{"lock": 3}, 1},
		{"rwmutex", at(rw), "", 0, 0, true, map[string]int{"rlock": 2}, 0},
		{"wait group", at(wg), "", 0, 7, false, map[string]int{"wait": 2}, 0},
		{"cond", at(cond), "", 0, 0, false, map[string]int{"wait": 2}, 0},
	}
}

func serveWaits() {
	all := parkAll()
	p := deadlock()
	time.Sleep(200 * time.Millisecond)
	fmt.Println("ready", os.Getpid())
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		out.Encode(map[string]any{"objects": all,
			"deadlock": []string{fmt.Sprintf("%p", &p.a), fmt.Sprintf("%p", &p.b)}})
	}
}
