// SPDX-License-Identifier: BSD-2-Clause

// Golayout prints where members of Go's runtime structures lie, by the DWARF of a program.
//
// usage: golayout PROGRAM <probes/golayoutdef.h
//
// The members wanted are the lines X(name, "type.member") of the header: several with "|" are tried
// in turn, "sizeof type" is a size, and what a version does not have is 0.
package main

import (
	"bufio"
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
	"regexp"
	"strings"
)

var wanted = regexp.MustCompile(`X\((\w+), "([^"]+)"\)`)

func structs(file string) (map[string]*dwarf.StructType, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := f.DWARF()
	if err != nil {
		return nil, err
	}
	found := map[string]*dwarf.StructType{}
	for r := data.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			return found, nil
		}
		name, _ := e.Val(dwarf.AttrName).(string)
		if e.Tag != dwarf.TagStructType || found[name] != nil {
			continue
		}
		if t, err := data.Type(e.Offset); err == nil {
			found[name] = t.(*dwarf.StructType)
		}
	}
}

func plain(t dwarf.Type) *dwarf.StructType {
	for {
		switch x := t.(type) {
		case *dwarf.TypedefType:
			t = x.Type
		case *dwarf.QualType:
			t = x.Type
		default:
			st, _ := t.(*dwarf.StructType)
			return st
		}
	}
}

// offset walks a path of members from a structure.
func offset(st *dwarf.StructType, path []string) (int64, bool) {
	off := int64(0)
	for _, name := range path {
		if st == nil {
			return 0, false
		}
		var next *dwarf.StructField
		for _, f := range st.Field {
			if f.Name == name {
				next = f
			}
		}
		if next == nil {
			return 0, false
		}
		off += next.ByteOffset
		st = plain(next.Type)
	}
	return off, true
}

func resolve(all map[string]*dwarf.StructType, spec string) (int64, bool) {
	for _, one := range strings.Split(spec, "|") {
		if name, isSize := strings.CutPrefix(one, "sizeof "); isSize {
			if st := all["runtime."+name]; st != nil {
				return st.ByteSize, true
			}
			continue
		}
		name, path, _ := strings.Cut(one, ".")
		if st := all["runtime."+name]; st != nil {
			if off, ok := offset(st, strings.Split(path, ".")); ok {
				return off, true
			}
		}
	}
	return 0, false
}

func run(file string) error {
	all, err := structs(file)
	if err != nil {
		return err
	}
	if all["runtime.g"] == nil {
		return fmt.Errorf("%s: no runtime.g in its DWARF", file)
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		m := wanted.FindStringSubmatch(in.Text())
		if m == nil {
			continue
		}
		off, _ := resolve(all, m[2])
		fmt.Printf("%s 0x%x\n", m[1], off)
	}
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: golayout PROGRAM <golayoutdef.h")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "golayout:", err)
		os.Exit(1)
	}
}
