// SPDX-License-Identifier: BSD-2-Clause

// Package goleaktest is what `go test -exec gort-leak` is tested on: MODE says what goes wrong.
package goleaktest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var mode = os.Getenv("MODE")

var kept = make(chan int)

func lost(n int) {
	c := make(chan int)
	for i := 0; i < n; i++ {
		go func() { c <- i }()
	}
}

// Settle waits until all that were started have blocked: one that is yet to run holds its channel.
func settle() {
	buf := make([]byte, 16<<20)
	for {
		text := string(buf[:runtime.Stack(buf, true)])
		if strings.Count(text, " [running") == 1 && !strings.Contains(text, " [runnable") {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TestMain leaves those behind, in mode "ending", that are about to end: at one P nobody runs until
// the program is over.
func TestMain(m *testing.M) {
	code := m.Run()
	if mode == "ending" {
		runtime.GOMAXPROCS(1)
		for i := 0; i < 100; i++ {
			go func() { <-kept }()
		}
		settle()
		close(kept)
	}
	if mode == "busy" {
		busy(16)
	}
	os.Exit(code)
}

// Busy leaves n threads behind that each have a P: when the program exits they die in any order.
func busy(n int) {
	runtime.GOMAXPROCS(n + 1)
	var started sync.WaitGroup
	for i := 0; i < n; i++ {
		started.Add(1)
		go func() {
			started.Done()
			for {
			}
		}()
	}
	started.Wait()
}

func TestMode(t *testing.T) {
	switch mode {
	case "leak":
		lost(3)
	case "fail":
		lost(3)
		t.Fatal("as asked")
	case "many":
		lost(10000)
	case "left":
		go func() { <-kept }()
	case "threads":
		for i := 0; i < 50; i++ {
			go func() {
				runtime.LockOSThread()
				time.Sleep(10 * time.Millisecond)
			}()
		}
	case "child":
		out, err := exec.Command("sh", "-c", "echo out; exit 7").Output()
		if string(out) != "out\n" || err.(*exec.ExitError).ExitCode() != 7 {
			t.Fatal("a child of the program is not as it was", out, err)
		}
	case "exec":
		t.Fatal(syscall.Exec("/bin/sh", []string{"sh", "-c", "exit 0"}, os.Environ()))
	case "wait":
		fmt.Println("waiting", os.Getpid())
		time.Sleep(time.Minute)
	}
	settle()
}

func TestParallel(t *testing.T) {
	for i := 0; i < 3; i++ {
		t.Run("part", func(t *testing.T) {
			t.Parallel()
			c := make(chan int)
			go func() { c <- 1 }()
			<-c
		})
	}
}
