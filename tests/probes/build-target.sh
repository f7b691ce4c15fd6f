#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build-target.sh GOVERSION MODE [PROGRAM]: builds tests/probes/PROGRAM (gotarget) with that
# toolchain and prints where it is.
#
# MODE: stripped (-s -w, static), dwarf, debug (not optimized either), pie (-s -w, internal linker),
# cgo-pie (-s -w, external linker), moved (members of runtime.g, m, p and schedt lie elsewhere; with
# DWARF), moved-stripped.
# The binary is kept under $GORT_BUILD/gotarget, so that a second run does not build again.
set -euo pipefail
version=$1 mode=$2 program=${3:-gotarget}
here=$(cd "$(dirname "$0")" && pwd)
out=$GORT_BUILD/gotarget/$version-$mode-$program
mkdir -p "$GORT_BUILD/gotarget"

# A toolchain in whose runtime each of these structures has more members before one of the list.
moved_toolchain() {
	local real file=$out.goroot/src/runtime/runtime2.go entry
	real=$(GOTOOLCHAIN=go$version go env GOROOT)
	rm -rf "$out.goroot"
	mkdir -p "$out.goroot/src"
	for entry in "$real"/*; do
		[ "$entry" = "$real/src" ] || ln -s "$entry" "$out.goroot"
	done
	ln -s "$real"/src/* "$out.goroot/src"
	rm "$out.goroot/src/runtime"
	cp -r --no-preserve=mode "$real/src/runtime" "$out.goroot/src"
	sed -i -E '/^\t(goid +uint64$|curg +\*g |schedtick +uint32 |nmspinning )/i\
		gortPad [3]uint64' "$file"
	[ "$(grep -c gortPad "$file")" = 4 ] ||
		{ echo "build-target.sh: $file is not as expected" >&2; exit 1; }
}

build() {
	local flags=(-trimpath) cgo=0 go=(env "GOTOOLCHAIN=go$version" go)
	case $mode in
	stripped) flags+=('-ldflags=-s -w') ;;
	dwarf) ;;
	debug) flags+=('-gcflags=all=-N -l') ;;
	pie) flags+=('-ldflags=-s -w' -buildmode=pie) ;;
	cgo-pie)
		cgo=1
		flags+=('-ldflags=-s -w -linkmode=external' -buildmode=pie -tags=cgo_target)
		;;
	moved*)
		moved_toolchain
		go=(env GOTOOLCHAIN=local "GOROOT=$out.goroot" "$out.goroot/bin/go")
		[ "$mode" = moved ] || flags+=('-ldflags=-s -w')
		;;
	*) echo "build-target.sh: unknown mode $mode" >&2; exit 2 ;;
	esac
	(cd "$here/$program" &&
		GOFLAGS=-mod=mod CGO_ENABLED=$cgo \
			"${go[@]}" build "${flags[@]}" -o "$out.tmp" .)
	mv "$out.tmp" "$out"
	rm -rf "$out.goroot"
}

# Several tests want the same binary at the same time.
exec 9>"$out.lock"
flock 9
newest=$(find "$here/$program" -type f -printf '%T@\n' | sort -n | tail -n 1)
if [ ! -x "$out" ] || [ "$(stat -c %Y "$out")" -lt "${newest%.*}" ]; then
	build
fi
built=$(cd "$here/$program" && GOTOOLCHAIN=go$version go version "$out" | sed 's/.*: //')
[ "$built" = "go$version" ] || { echo "built by '$built', not go$version" >&2; exit 1; }
echo "$out"
