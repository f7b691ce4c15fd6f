// SPDX-License-Identifier: BSD-2-Clause

package main

func twoReady(n int) {
	a, b := make(chan int, 1), make(chan int, 1)
	for i := 0; i < n; i++ {
		if i%2 != 0 {
			b <- i
		} else {
			a <- i
		}
		select {
		case <-a:
		case <-b:
		}
	}
}

func eightReady(n int) {
	var c [8]chan int
	for i := range c {
		c[i] = make(chan int, 1)
	}
	for i := 0; i < n; i++ {
		c[i%8] <- i
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		}
	}
}

// answerer waits for both of in n times and answers on one of out.
func answerer(in, out *[2]chan int, n int) {
	for i := 0; i < n; i++ {
		select {
		case <-in[0]:
		case <-in[1]:
		}
		out[i%2] <- i
	}
}

func twoBlocked(n int) {
	var there, back [2]chan int
	for i := range there {
		there[i], back[i] = make(chan int), make(chan int)
	}
	go answerer(&there, &back, n)
	for i := 0; i < n; i++ {
		there[i%2] <- i
		select {
		case <-back[0]:
		case <-back[1]:
		}
	}
}

func init() {
	register(
		bench{id: "select2_ready", run: twoReady},
		bench{id: "select8_ready", run: eightReady},
		bench{id: "select2_blocked", run: twoBlocked},
	)
}
