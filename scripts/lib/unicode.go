// SPDX-License-Identifier: BSD-2-Clause

// Command unicode prints runtime/lib/unicode_tables.c: what Go's unicode and strconv say of each
// rune, as ranges. By hand, with the Go whose Unicode version libgort is to have:
//
//	go run scripts/lib/unicode.go | clang-format-14 --style=file:.clang-format \
//		>runtime/lib/unicode_tables.c
package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// span is a range of runes, each stride apart, that change by delta.
type span struct{ lo, hi, stride, delta rune }

// spans joins runes that change by the same delta and are one or two apart.
func spans(to func(rune) rune) (list []span) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		delta := to(r) - r
		if delta == 0 {
			continue
		}
		if n := len(list) - 1; n >= 0 && list[n].delta == delta {
			last := &list[n]
			gap := r - last.hi
			if gap <= 2 && (last.lo == last.hi || gap == last.stride) {
				last.hi, last.stride = r, gap
				continue
			}
		}
		list = append(list, span{r, r, 1, delta})
	}
	return list
}

// simpleOrbit is what unicode.SimpleFold is for most runes.
func simpleOrbit(r rune) rune {
	if l := unicode.ToLower(r); l != r {
		return l
	}
	return unicode.ToUpper(r)
}

func printCases(name string, to func(rune) rune) {
	fmt.Printf("\nconst struct caserange %s[] = {", name)
	for _, s := range spans(to) {
		fmt.Printf("{0x%x, 0x%x, %d, %d}, ", s.lo, s.hi, s.stride, s.delta)
	}
	fmt.Print("{0xffffffff, 0, 1, 0}};\n")
}

// printRanges prints where is changes: the first rune that is, the first that is not, and so on.
func printRanges(name string, is func(rune) bool) {
	var list []string
	for r, was := rune(0), false; r <= unicode.MaxRune+1; r++ {
		if now := r <= unicode.MaxRune && is(r); now != was {
			list = append(list, fmt.Sprintf("0x%x", r))
			was = now
		}
	}
	fmt.Printf("\nconst uint32_t %s[] = {%s};\nconst int n%s = %d;\n", name,
		strings.Join(list, ", "), name, len(list))
}

func main() {
	fmt.Println("/* SPDX-License-Identifier: BSD-2-Clause */")
	fmt.Printf("/* unicode_tables.c - made by scripts/lib/unicode.go, Unicode %s. */\n",
		unicode.Version)
	fmt.Println("#include \"lib/unicode.h\"")
	printCases("upperranges", unicode.ToUpper)
	printCases("lowerranges", unicode.ToLower)
	fmt.Print("\nconst struct foldpair folds[] = {")
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if f := unicode.SimpleFold(r); f != simpleOrbit(r) {
			fmt.Printf("{0x%x, 0x%x}, ", r, f)
		}
	}
	fmt.Print("{0xffffffff, 0}};\n")
	printRanges("printables", strconv.IsPrint)
}
