// SPDX-License-Identifier: BSD-2-Clause

// Command driver is driver.c in Go: what the operations of a script give in Go itself.
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

var words []string // of the line

func num(i int) int {
	if i >= len(words) {
		return 0
	}
	n, _ := strconv.Atoi(words[i])
	return n
}

func text(i int) string {
	if i >= len(words) || words[i] == "-" {
		return ""
	}
	b, _ := hex.DecodeString(words[i])
	return string(b)
}

func word64(i int) uint64 {
	u, _ := strconv.ParseUint(words[i], 10, 64)
	return u
}

func real64(i int) float64 {
	return frombits(word64(i))
}

var operations = map[string]func(){
	"ints_append": func() {
		s := &ints[num(1)]
		switch num(2) {
		case 1:
			*s = append(*s, num(3))
		case 2:
			*s = append(*s, num(3), num(4))
		default:
			*s = append(*s, num(3), num(4), num(5))
		}
		shape(*s)
	},
	"ints_concat": func() {
		s := &ints[num(1)]
		*s = append(*s, ints[num(2)]...)
		if len(*s) > 3000 {
			*s = nil
		}
		shape(*s)
	},
	"ints_sub": func() {
		s := ints[num(2)]
		a, b := bounds(cap(s), num(3), num(4))
		ints[num(1)] = s[a:b]
		shape(ints[num(1)])
	},
	"ints_sub3": func() {
		s := ints[num(2)]
		a, b := bounds(cap(s), num(3), num(4))
		ints[num(1)] = s[a : b : b+num(5)%(cap(s)-b+1)]
		shape(ints[num(1)])
	},
	"ints_set": func() {
		if s := ints[num(1)]; len(s) > 0 {
			s[num(2)%len(s)] = num(3)
		}
	},
	"ints_copy": func() { put(copy(ints[num(1)], ints[num(2)])) },
	"ints_make": func() {
		ints[num(1)] = make([]int, num(2), num(2)+num(3))
		shape(ints[num(1)])
	},
	"ints_clear": func() { clear(ints[num(1)]) },
	"ints_dump": func() {
		for _, s := range ints {
			shape(s)
			for k, v := range s {
				if k == 0 {
					fmt.Fprintf(out, ":%d", v)
				} else {
					fmt.Fprintf(out, ",%d", v)
				}
			}
		}
	},
	"bytes_append": func() {
		s := &bytes[num(1)]
		*s = append(*s, text(2)...)
		*s = append(*s, byte(num(3)&255))
		shape(*s)
		put(string(*s))
	},
	"bytes_of": func() {
		s := []byte(text(2))
		put(len(s))
		bytes[num(1)] = s[:len(s):len(s)]
	},
	"strs_append": func() {
		for i := num(2); i > 0; i-- {
			strs[num(1)] = append(strs[num(1)], text(3))
		}
		shape(strs[num(1)])
	},
	"recs_append": func() {
		for i := num(2); i > 0; i-- {
			recs[num(1)] = append(recs[num(1)], triple{i, 2, 3})
		}
		shape(recs[num(1)])
	},
	"panics": func() {
		defer func() { put(recover()) }()
		s, i, j, k := make([]int, 5, 9), num(2), num(3), num(4)
		switch num(1) {
		case 0:
			put(s[i])
		case 1:
			put(len(s[i:j]))
		case 2:
			put(cap(s[i:j:k]))
		case 3:
			put("hello"[i:j])
		case 4:
			put(len(make([]int, i, j)))
		default:
			put(i / j)
		}
	},
	"buffer_write": func() {
		buffer.WriteString(text(1))
		buffer.WriteByte(byte(num(2)))
		buffer.WriteRune(rune(num(3)))
		put(buffer.Len())
	},
	"buffer_read": func() {
		p := make([]byte, num(1))
		got, err := buffer.Read(p)
		put(err, string(p[:got]), buffer.UnreadRune())
		r, size, err := buffer.ReadRune()
		put(err, int(r), size)
		if num(2) != 0 {
			put(buffer.UnreadByte())
		} else {
			put(buffer.UnreadRune())
		}
		put(string(buffer.Next(num(3))))
		c, err := buffer.ReadByte()
		put(err, int(c))
		line, err := buffer.ReadString(byte(num(4)))
		put(err, line, buffer.Len(), buffer.String())
	},
	"chain": func() {
		err := base[num(1)]
		for i := num(2); i > 0; i-- {
			if i%2 != 0 {
				err = fmt.Errorf("level %d: %w", i, err)
			} else {
				err = errors.Join(err, base[num(3)])
			}
		}
		put(err)
		for _, e := range base {
			put(errors.Is(err, e))
		}
		put(errors.Unwrap(err))
	},
	"error_tree": func() {
		err := tree(text(1))
		put(err)
		for _, e := range base {
			put(errors.Is(err, e))
		}
		first := codeError{-1}
		put(errors.Is(err, codeError{num(2)}))
		errors.As(err, &first)
		put(first.code, errors.Unwrap(err))
	},
	"unwinds": func() { unwind(text(1)) },
	"int_set": func() {
		intmap[num(1)] += num(2)
		smallmap[int32(num(1))] = fmt.Sprint(num(2))
		textmap[text(3)] = num(2)
		pairmap[pair{num(1) % 7, text(3)}]++
	},
	"int_get": func() {
		p, ok := intmap[num(1)]
		if !ok {
			p = -1
		}
		q, ok := textmap[text(2)]
		if !ok {
			q = -1
		}
		s, ok := smallmap[int32(num(1))]
		if !ok {
			s = "none"
		}
		put(p, q, s, pairmap[pair{num(1) % 7, text(2)}])
	},
	"int_delete": func() {
		delete(intmap, num(1))
		delete(smallmap, int32(num(1)))
		delete(textmap, text(2))
		delete(pairmap, pair{num(1) % 7, text(2)})
		put(len(intmap), len(textmap), len(pairmap))
	},
	"float_set": func() {
		floatmap[real64(1)]++
		put(len(floatmap), floatmap[real64(1)])
	},
	"maps_clear": func() {
		clear(intmap)
		clear(textmap)
		clear(floatmap)
		put(len(intmap))
	},
	"int_sweep": func() {
		visited, sum := 0, 0
		for k, v := range intmap {
			if k >= 100000 {
				continue
			}
			if k%2 == 0 {
				delete(intmap, k)
			} else {
				visited += k
			}
			intmap[100000+k] = v
		}
		put(visited, len(intmap))
		var keys []int
		for k, v := range intmap {
			keys = append(keys, k)
			sum += v
		}
		sort.Ints(keys)
		for _, k := range keys {
			put(k)
		}
		put(sum)
	},
	"str_searches": func() {
		s, t := text(1), text(2)
		put(strings.Index(s, t), strings.LastIndex(s, t), strings.Count(s, t))
		put(strings.IndexAny(s, t), strings.Contains(s, t), strings.HasPrefix(s, t))
		put(strings.HasSuffix(s, t), strings.Compare(s, t), strings.EqualFold(s, t))
		put(strings.IndexRune(s, rune(num(3))), strings.IndexByte(s, byte(num(3)&255)))
		before, after, ok := strings.Cut(s, t)
		put(strings.LastIndexByte(s, byte(num(3)&255)), ok, before, after)
	},
	"str_parts": func() {
		s, t := text(1), text(2)
		put(strings.Split(s, t), strings.SplitN(s, t, num(3)), strings.SplitAfter(s, t))
		put(strings.Fields(s), strings.Join(strings.Split(s, t), "--"))
	},
	"str_trims": func() {
		s, t := text(1), text(2)
		put(strings.Trim(s, t), strings.TrimLeft(s, t), strings.TrimRight(s, t))
		put(strings.TrimSpace(s), strings.TrimPrefix(s, t), strings.TrimSuffix(s, t))
	},
	"str_changes": func() {
		s, t := text(1), text(2)
		put(strings.Replace(s, t, text(3), num(4)), strings.ReplaceAll(s, t, text(3)))
		put(strings.ToUpper(s), strings.ToLower(s), strings.Repeat(s, num(4)+1))
		put(s+t+text(3), s[0:len(s)/2])
	},
	"str_runes": func() {
		s := text(1)
		var b strings.Builder
		first, size := utf8.DecodeRuneInString(s)
		last, lastsize := utf8.DecodeLastRuneInString(s)
		put(utf8.RuneCountInString(s), utf8.ValidString(s), first, last, size, lastsize)
		for i, r := range s {
			fmt.Fprintf(out, " %d:%d", i, r)
			b.WriteRune(r)
			b.WriteByte('|')
		}
		put(b.String(), string([]rune(s)), string(rune(num(2))), utf8.RuneLen(rune(num(2))))
	},
	"fold": func() {
		a := string(rune(num(1)))
		put(strings.ToUpper(a), strings.ToLower(a))
		put(strings.EqualFold(a, strings.ToUpper(a)))
		put(strings.EqualFold(a, string(rune(num(2)))), strconv.Quote(a))
		put(strings.TrimSpace(a))
	},
	"every_rune": func() {
		sum := uint64(0)
		for r := rune(0); r <= utf8.MaxRune; r++ {
			a := string(r)
			b := strings.ToUpper(a) + strings.ToLower(a) + strconv.Quote(a)
			for i := 0; i < len(b); i++ {
				sum = sum*31 + uint64(b[i])
			}
			sum *= 31
			if strings.EqualFold(a, string(r^32)) {
				sum++
			}
			if strings.TrimSpace(a) == "" {
				sum += 2
			}
		}
		put(sum)
	},
	"quoting": func() {
		s := text(1)
		put(strconv.Quote(s), strconv.QuoteToASCII(s))
		back, err := strconv.Unquote(s)
		put(err, back, strconv.QuoteRune(rune(num(2))))
		back, err = strconv.Unquote(strconv.Quote(s))
		if err != nil {
			put(err)
		}
		put(back)
	},
	"parsing": func() {
		s := text(1)
		i, err := strconv.ParseInt(s, num(2), num(3))
		put(err, i)
		u, err := strconv.ParseUint(s, num(2), num(3))
		put(err, u)
		a, err := strconv.Atoi(s)
		put(err, a)
		f, err := strconv.ParseFloat(s, 64-32*num(4))
		image := math.Float64bits(f)
		if f != f {
			image = 1
		}
		put(err, image)
		b, err := strconv.ParseBool(s)
		put(err, b)
	},
	"formatting": func() {
		u := word64(1)
		v := int64(u)
		d := real64(1)
		put(strconv.FormatInt(v, num(2)), strconv.FormatUint(u, num(2)))
		put(strconv.Itoa(int(v)))
		for _, f := range []byte("eEfgG") {
			put(strconv.FormatFloat(d, f, -1, 64), strconv.FormatFloat(d, f, -1, 32))
			put(strconv.FormatFloat(d, f, num(3), 64))
			put(strconv.FormatFloat(d, f, num(3), 32))
		}
		put(fmt.Sprintf("%v %v %v %v", d, v, float32(d), d < 0))
	},
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	begin()
	for in.Scan() {
		words = strings.Fields(in.Text())
		if len(words) == 0 {
			continue
		}
		out.WriteString(words[0])
		if words[0] == "script" {
			begin()
			put(num(1))
		}
		if op := operations[words[0]]; op != nil {
			op()
		}
		out.WriteByte('\n')
	}
	out.Flush()
}
