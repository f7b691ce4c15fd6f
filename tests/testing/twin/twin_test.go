// SPDX-License-Identifier: BSD-2-Clause

// Package twin is sample.c in Go, line by line where what is printed has a line.
package twin

import (
	"os"
	"testing"
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
