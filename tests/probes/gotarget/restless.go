// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"flag"
	"math/rand"
	"os"
	"os/exec"
	"syscall"
	"time"
)

var restless = flag.String("restless", "", "after a moment: exec, fork, both again and again; exit")

// beRestless does so while all the other goroutines are as busy as before.
func beRestless() {
	for *restless != "" {
		time.Sleep(time.Duration(20+rand.Intn(200)) * time.Millisecond)
		switch *restless {
		case "exec":
			syscall.Exec("/proc/self/exe", os.Args, os.Environ())
		case "fork":
			exec.Command("/proc/self/exe", "-n", "10", "-restless", "exit").Run()
		case "exit":
			os.Exit(0)
		}
	}
}
