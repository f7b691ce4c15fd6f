// SPDX-License-Identifier: BSD-2-Clause

package main

import "time"

const liveTimers = 100000

var live []*time.Timer

func nothing() {}

// fillTimers makes timers that stay alive; the spread is that of timeouts, all far away.
func fillTimers() {
	for i := scaled(liveTimers); i > 0; i-- {
		d := time.Hour + time.Duration(i)*time.Millisecond
		live = append(live, time.AfterFunc(d, nothing))
	}
}

func createStop(n int) {
	for i := 0; i < n; i++ {
		time.AfterFunc(time.Hour, nothing).Stop()
	}
}

func sleep1us(n int) {
	for i := 0; i < n; i++ {
		time.Sleep(time.Microsecond)
	}
}

func init() {
	register(
		bench{id: "timer_create_stop_100k", run: createStop, setup: fillTimers},
		bench{id: "sleep_1us", run: sleep1us},
	)
}
