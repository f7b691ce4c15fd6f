// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"reflect"
	"runtime"
	"sync"
	"time"
	"unsafe"
)

// What keeps the twins of this file alive.
var (
	keptArray   []wide
	keptRows    [3]*[2000]wide
	keptMade    any
	keptStruct  any
	keptPlain   sync.Pool
	keptMethod  func()
	keptIfaces  map[any]any
	keptNested  **node
	keptBytes   unsafe.Pointer
	keptWaiters [3]*locked
)

// Larger than what a bitmap in the span covers: it has a header.
type wide struct {
	pad [70]*int
	c   chan int
	n   int
}

type hidden struct {
	c   uintptr
	pad *int
}

type flat struct {
	c   uintptr
	pad [3]int
}

func types() {
	keptArray = make([]wide, 40)
	keptArray[39].c = newChan()
	receive("live", "header-array", keptArray[39].c)
	keptRows[2] = new([2000]wide) // more than 1 MB: a program, or a mask on demand
	keptRows[2][1999].c = newChan()
	receive("live", "large-array", keptRows[2][1999].c)

	structOf := reflect.StructOf([]reflect.StructField{
		{Name: "N", Type: reflect.TypeOf(0)},
		{Name: "Pad", Type: reflect.TypeOf([90]*int{})},
		{Name: "C", Type: reflect.TypeOf((chan int)(nil))},
	})
	made := reflect.New(structOf)
	c := newChan()
	made.Elem().Field(2).Set(reflect.ValueOf(c))
	keptStruct = made.Interface()
	receive("live", "struct-of", c)

	array := reflect.New(reflect.ArrayOf(3000, structOf))
	d := newChan()
	array.Elem().Index(2999).Field(2).Set(reflect.ValueOf(d))
	keptMade = array.Interface()
	receive("live", "array-of", d)

	e := newChan()
	keptIfaces = map[any]any{struct{ a, b int }{1, 2}: &node{c: e}}
	receive("live", "any-map", e)
	f := newChan()
	inner := &node{c: f}
	keptNested = &inner
	receive("live", "pointer-pointer", f)
	g := &node{c: newChan()}
	receive("live", "inner-pointer", g.c)
	keptBytes = unsafe.Pointer(&g.pad[1])
	h := newChan()
	keptMethod = (&node{c: h}).send
	receive("live", "method-value", h)
}

func (n *node) send() { n.c <- 1 }

// Words that are no pointers to the collector, whatever they hold.
func words() {
	a := newChan()
	lostHidden := &hidden{c: uintptr(reflect.ValueOf(a).Pointer())}
	keptFuncs = append(keptFuncs, func() int { return int(lostHidden.c) })
	receive("leak", "uintptr", a)
	b := newChan()
	lostFlat := &flat{c: uintptr(reflect.ValueOf(b).Pointer())}
	keptFuncs = append(keptFuncs, func() int { return int(lostFlat.c) })
	receive("leak", "noscan", b)
	c := newChan()
	words := make([]uintptr, 100)
	words[50] = uintptr(reflect.ValueOf(c).Pointer())
	keptFuncs = append(keptFuncs, func() int { return int(words[0]) })
	receive("leak", "words", c)
}

var keptFuncs []func() int

// Slots that hold a pointer and are free.
func freed() {
	c := newChan()
	for i := 0; i < 2000; i++ {
		keptFree = &node{c: c}
	}
	keptFree = nil
	receive("leak", "freed", c)
}

var keptFree *node

//go:noinline
func useAndDrop(c chan int) int {
	var held [16]chan int
	for i := range held {
		held[i] = c
	}
	return cap(held[runtime.NumCPU()%16])
}

func deadSlots() {
	c := newChan()
	start(func() {
		useAndDrop(c)
		here("live", "dead-slot-sleeper")
		time.Sleep(time.Hour)
	})
	start(func() {
		here("leak", "dead-slot")
		<-c
	})
}

func frames() {
	a := newChan()
	body := func(args []reflect.Value) []reflect.Value {
		here("leak", "make-func")
		args[0].Recv()
		return nil
	}
	made := reflect.MakeFunc(reflect.TypeOf(func(chan int) {}), body)
	start(func() { made.Call([]reflect.Value{reflect.ValueOf(a)}) })
	b := newChan()
	start(func() {
		defer func() {
			recover()
			here("leak", "recovering")
			<-b
		}()
		panic("x")
	})
	c := newChan()
	start(func() {
		defer func() { c <- 1 }()
		here("live", "select-forever-holder")
		time.Sleep(time.Hour)
	})
	receive("live", "held-by-defer", c)
	d := newChan()
	start(func() { descend(3000, d) })
	e := newChan()
	go func() {
		for {
			spin(e)
		}
	}()
	receive("live", "spinner", e)
}

//go:noinline
func spin(c chan int) {
	for i := 0; i < 1000; i++ {
		if cap(c) > 0 {
			panic("never")
		}
	}
	time.Sleep(time.Microsecond)
}

func descend(n int, c chan int) int {
	if n == 0 {
		here("leak", "very-deep")
		return <-c
	}
	return descend(n-1, c) + 1
}

// Five wait for one thing.
func crowds() {
	for i := range keptWaiters {
		keptWaiters[i] = new(locked)
	}
	lostGroup, lostCond := new(locked), sync.NewCond(new(sync.Mutex))
	keptWaiters[0].wg.Add(1)
	lostGroup.wg.Add(1)
	keptWaiters[1].mu.Lock()
	keptWaiters[2].rw.Lock()
	for i := 0; i < 5; i++ {
		start(func() { here("live", "crowd-group"); keptWaiters[0].wg.Wait() })
		start(func() { here("leak", "crowd-group"); lostGroup.wg.Wait() })
		start(func() { here("live", "crowd-mutex"); keptWaiters[1].mu.Lock() })
		start(func() { here("live", "crowd-rlock"); keptWaiters[2].rw.RLock() })
		start(func() { lostCond.L.Lock(); here("leak", "crowd-cond"); lostCond.Wait() })
	}
}

func pools() {
	c := newChan()
	keptPlain.Put(&node{c: c})
	receive("live", "pool", c)
	d := newChan()
	ticker := time.NewTicker(time.Hour)
	start(func() {
		here("live", "ticker")
		select {
		case <-ticker.C:
		case <-d:
		}
	})
	e := newChan()
	start(func() {
		here("leak", "closed-over")
		func() { <-e }()
	})
	var mu sync.Mutex
	once := new(sync.Once)
	f := newChan()
	start(func() {
		once.Do(func() {
			here("leak", "once")
			<-f
		})
	})
	_ = &mu
}

func init() {
	more = append(more, types, words, freed, deadSlots, frames, crowds, pools)
}
