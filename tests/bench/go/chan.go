// SPDX-License-Identifier: BSD-2-Clause

package main

import "sync"

func echo(in, out chan int) {
	for v := range in {
		out <- v
	}
	close(out)
}

func pingpong(n int) {
	there, back := make(chan int), make(chan int)
	go echo(there, back)
	for i := 0; i < n; i++ {
		there <- i
		<-back
	}
	close(there)
	<-back
}

func producer(c chan int, n int, wg *sync.WaitGroup) {
	for i := 0; i < n; i++ {
		c <- i
	}
	wg.Done()
}

func consumer(c chan int, n int, wg *sync.WaitGroup) {
	for i := 0; i < n; i++ {
		<-c
	}
	wg.Done()
}

func oneway(n int) {
	c := make(chan int)
	var wg sync.WaitGroup
	wg.Add(1)
	go producer(c, n, &wg)
	for i := 0; i < n; i++ {
		<-c
	}
	wg.Wait()
}

func buffered(n int) {
	c := make(chan int, 128)
	for i := 0; i < n; i++ {
		c <- i
		<-c
	}
}

func twoByTwo(n, size int) {
	c := make(chan int, size)
	var wg sync.WaitGroup
	wg.Add(4)
	for i := 0; i < 2; i++ {
		go producer(c, share(n, i, 2), &wg)
		go consumer(c, share(n, i, 2), &wg)
	}
	wg.Wait()
}

func init() {
	register(
		bench{id: "chan_pingpong", run: pingpong},
		bench{id: "chan_oneway", run: oneway},
		bench{id: "chan_buffered", run: buffered},
		bench{id: "chan_2p2c_128", run: func(n int) { twoByTwo(n, 128) }},
		bench{id: "chan_2p2c_1", run: func(n int) { twoByTwo(n, 1) }},
		bench{id: "chan_2p2c_0", run: func(n int) { twoByTwo(n, 0) }},
	)
}
