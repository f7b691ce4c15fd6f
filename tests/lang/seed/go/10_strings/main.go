// SPDX-License-Identifier: BSD-2-Clause

// Command 10_strings is 10_strings.c in Go.
package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

func joined(parts []string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p)
	}
	return b.String()
}

func main() {
	s := "h\u00e9llo"
	fmt.Println(len(s), s[0], s[1], utf8.RuneCountInString(s))
	for i, r := range s {
		fmt.Printf("%d:%d ", i, r)
	}
	fmt.Println()
	for i, r := range "a\xff\u4e16" {
		fmt.Printf("%d:%d ", i, r)
	}
	fmt.Println()

	b := []byte(s)
	b[0] = 'j'
	fmt.Println(s, string(b), b)
	fmt.Println(joined([]string{"Go", " ", "in", " ", "C"}))
	fmt.Println("a"+"b"+"c", strings.ToUpper(s), strconv.Quote(s))
	fmt.Println(strings.Fields("  split  by spaces "), strings.Split("a,b,c", ","))
	n, err := strconv.ParseInt("12x", 10, 64)
	fmt.Println(err, n, strconv.Itoa(-7))
}
