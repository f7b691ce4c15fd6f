// SPDX-License-Identifier: BSD-2-Clause

// serve.go - a program with Go's own /debug/pprof, so that serve.py can compare gort's with it.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"runtime"
	"runtime/pprof"
	"time"
)

//go:noinline
func waiter(c chan int) {
	<-c
}

//go:noinline
func starter(c chan int) {
	waiter(c)
	println("over")
}

//go:noinline
func lost(c chan int) {
	<-c
}

var hoarded [][]byte

//go:noinline
func hoard(n int) {
	for i := 0; i < n; i++ {
		hoarded = append(hoarded, make([]byte, 1<<20))
	}
}

//go:noinline
func burn(done func() error) (n int) {
	for done() == nil {
		for i := 0; i < 1000; i++ {
			n += i * n % 7
		}
	}
	return n
}

// deep burns below 30 KiB of stack, four times what a sample carries.
//
//go:noinline
func deep(n int, done func() error) int {
	var pad [512]byte
	if n == 0 {
		return burn(done)
	}
	pad[n] = byte(deep(n-1, done))
	return int(pad[n/2])
}

func main() {
	http.HandleFunc("/burn", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, burn(r.Context().Err))
	})
	http.HandleFunc("/deep", func(w http.ResponseWriter, r *http.Request) {
		labels := pprof.Labels("tier", "gold", "path", "/deep")
		pprof.Do(r.Context(), labels, func(ctx context.Context) {
			fmt.Fprintln(w, deep(60, ctx.Err))
		})
	})
	for i := 0; i < 3; i++ {
		go lost(make(chan int))
	}
	hoard(20)
	runtime.GC()
	c := make(chan int)
	for i := 0; i < 40; i++ {
		go starter(c)
	}
	time.Sleep(50 * time.Millisecond)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	err = http.Serve(listener, nil)
	runtime.KeepAlive(c)
	panic(err)
}
