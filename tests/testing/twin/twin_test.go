// SPDX-License-Identifier: BSD-2-Clause

// Package twin is sample.c in Go, line by line where what is printed has a line.
package twin

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var cases = []struct {
	name     string
	in, want int
}{{"zero", 0, 0}, {"pos", 1, 2}, {"with space", 2, 4}, {"pos", 3, 6}}

func TestTable(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Logf("in %d", c.in)
			if got := 2 * c.in; got != c.want {
				t.Errorf("got %d", got)
			}
		})
	}
}

func TestSub(t *testing.T) {
	if os.Getenv("SAMPLE_FAIL") == "" {
		t.Skip("needs", "SAMPLE_FAIL")
	}
	t.Run("a", func(t *testing.T) {
		t.Run("deeper", func(t *testing.T) {
			t.Log("deep")
		})
		t.Errorf("bad %d\nsecond line", 7)
		t.Log("goes on")
	})
	t.Run("b/c", func(t *testing.T) {
		t.Fatal("stops here")
	})
	t.Log("after the subtests")
}

func TestCleanup(t *testing.T) {
	t.Cleanup(func() { t.Log("cleanup 1") })
	t.Cleanup(func() { t.Log("cleanup 2") })
	if testing.Short() {
		t.Log("short")
	}
}

func TestEqual(t *testing.T) {
	if os.Getenv("SAMPLE_FAIL") == "" {
		return
	}
	t.Error("-1 = -1, want 4294967295")
	t.Error("abc = \"abc\", want \"abd\"")
	t.Error("any_of(3) = 3, want 3")
}

func TestAlone(t *testing.T) {
	t.Log("alone")
}

func TestParallel(t *testing.T) {
	t.Run("p1", func(t *testing.T) {
		t.Parallel()
		t.Log("together")
	})
	t.Log("body is over")
}

func TestPanics(t *testing.T) {
	if os.Getenv("SAMPLE_PANIC") != "" {
		panic("boom")
	}
}

func TestLeak(t *testing.T) {
	t.Skip("needs", "SAMPLE_LEAK")
}

func TestHang(t *testing.T) {
	t.Skip("needs", "SAMPLE_HANG")
}

func virtualHours(t *testing.T) {
	start := time.Now()
	time.Sleep(7*time.Hour + 1)
	t.Logf("slept %d", time.Since(start))
	tick := time.NewTicker(333 * time.Millisecond)
	for range 3 {
		<-tick.C
	}
	tick.Stop()
	t.Logf("ticked %d", time.Since(start))
	n, now := 0, 0
	time.AfterFunc(0, func() { now = 1 })
	synctest.Wait()
	t.Logf("at once: %d", now)
	countUp := func() {
		time.Sleep(time.Second)
		n++
	}
	go countUp()
	time.AfterFunc(2*time.Second, countUp)
	time.AfterFunc(0, countUp)
	time.AfterFunc(time.Second, countUp)
	synctest.Wait()
	t.Logf("waits: %d", n)
	time.Sleep(time.Second)
	synctest.Wait()
	t.Logf("went on: %d", n)
	time.Sleep(2 * time.Second)
	synctest.Wait()
	t.Logf("all: %d after %d", n, time.Since(start))
}

func virtualDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	time.Sleep(5*time.Second - 1)
	synctest.Wait()
	t.Logf("before: %v", ctx.Err())
	time.Sleep(1)
	synctest.Wait()
	t.Logf("after: %v", ctx.Err())
	select {
	case <-make(chan int):
	case <-time.After(24 * time.Hour):
		t.Log("a day")
	}
	if os.Getenv("SAMPLE_FAIL") != "" {
		t.Fatal("stops in the bubble")
	}
}

func TestVirtual(t *testing.T) {
	synctest.Test(t, virtualHours)
	synctest.Test(t, virtualDeadline)
	t.Log("behind it")
}

func TestBlock(t *testing.T) {
	t.Skip("needs", "SAMPLE_BLOCK")
}

var sink []byte

func BenchmarkLoop(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		sink = make([]byte, 64)
	}
}

func BenchmarkCountedN(b *testing.B) {
	b.SetBytes(8)
	for i := 0; i < b.N; i++ {
	}
}

func FuzzBytes(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		if string(data) == "bad" {
			t.Fatal("size 3")
		}
	})
}

func step(b *testing.B) {
	for b.Loop() {
	}
}

func BenchmarkSub(b *testing.B) {
	b.Run("one", step)
	b.Run("two words", step)
}

func FuzzValues(f *testing.F) {
	f.Add("hello", 5, true, 1.5, []byte("x"))
	f.Add("", -1, false, 0.0, []byte(nil))
	f.Fuzz(func(t *testing.T, s string, n int, deep bool, x float64, p []byte) {
		t.Logf("%d %d %t %g %d", len(s), n, deep, x, len(p))
	})
}

func FuzzKinds(f *testing.F) {
	f.Fuzz(func(t *testing.T, b byte, r rune, i int8, u uint64, x float32, nan float64) {
		is := 0
		if nan != nan {
			is = 1
		}
		t.Logf("%d %d %d %d %v %d", b, r, i, u, x, is)
	})
}
