// SPDX-License-Identifier: BSD-2-Clause

// Package testing is ../../seed_testing.c in Go.
package testing

import (
	"os"
	"strings"
	"testing"
)

func add(a, b int) int { return a + b }

func TestAdd(t *testing.T) {
	two := 2
	if os.Getenv("SEED_FAIL") != "" {
		two = 3
	}
	if got := add(1, two); got != 3 {
		t.Errorf("Add(1,2) = %d, want 3", got)
	}
}

func TestDouble(t *testing.T) {
	tests := []struct {
		name     string
		in, want int
	}{
		{"zero", 0, 0},
		{"pos", 1, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := 2 * tt.in; got != tt.want {
				t.Errorf("got %d want %d", got, tt.want)
			}
		})
	}
}

func BenchmarkX(b *testing.B) {
	for i := 0; i < b.N; i++ {
		add(1, i)
	}
}

var sink string

func BenchmarkStrings(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		sink = strings.Repeat("x", 64)
	}
}

func parse(s string) int { return len(strings.Fields(s)) }

func FuzzParse(f *testing.F) {
	f.Add("hello")
	f.Fuzz(func(t *testing.T, s string) {
		if parse(s) > len(s) {
			t.Error("more fields than bytes")
		}
	})
}
