#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# real.sh PROGRAM [DIR]: threaded programs of others under gort-race: no false alarm, and a bug that
# is planted in them is found.
#
# sqlite  its threadtest3, with several tests of connections that share a database
# zstd    its poolTests, and its compressor with several workers
# llvm    LLVM 14's tests of ThreadSanitizer, by llvm_suite.py, with either compiler's programs
# go      Go's own tests of sync, context and net/http, by `gort-race go test`
#
# Sources are Debian's, kept in DIR (default: build/real); they are fetched with apt-get once. Exit
# status: 0 as it should be, 1 not, 77 no sources or no compiler.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
work=${2:-$GORT_BUILD/real}
race=$GORT_BUILD/bin/gort-race
mkdir -p "$work" && cd "$work" || exit 1
unset TSAN_OPTIONS GORT_RACE GORACE

skip() {
	echo "skip: $*"
	exit 77
}

fail() {
	echo "FAIL: $*" >&2
	tail -n 60 out >&2
	exit 1
}

# The machine's own package sources, but for those of security updates, asked for source packages
# in a place of their own.
apt_get() {
	mkdir -p apt/parts apt/lists/partial apt/cache
	awk -v RS= -v ORS='\n\n' '!/URIs:.*security/ {
		sub(/Types:[^\n]*/, "Types: deb-src"); print }' \
		/etc/apt/sources.list.d/*.sources >apt/parts/all.sources 2>/dev/null
	grep -hs '^deb ' /etc/apt/sources.list /etc/apt/sources.list.d/*.list | grep -v security |
		sed 's/^deb /deb-src /' >apt/parts/all.list
	apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$PWD/apt/parts" \
		-o Dir::State::lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache" "$@"
}

# source_of NAME PACKAGE: its directory, in $src.
source_of() {
	src=$(find . -maxdepth 1 -type d -name "$1*-[0-9]*" | head -n 1)
	[ -n "$src" ] && return
	{ apt_get update && apt_get source --download-only "$2"; } >out 2>&1 ||
		skip "no source package of $2"
	local tar
	tar=$(find . -maxdepth 1 -name "$2_*.orig.tar.*" ! -name '*.asc' | head -n 1)
	[ -n "$tar" ] || skip "no source package of $2"
	tar xf "$tar" || fail "cannot unpack $tar"
	src=$(find . -maxdepth 1 -type d -name "$1*-[0-9]*" | head -n 1)
}

# compile NAME ARGUMENT...: unless it is there.
compile() {
	local name=$1
	shift
	[ -x "$name" ] && return
	gcc -O1 -g -w -fsanitize=thread -o "$name" "$@" >out 2>&1 || fail "cannot compile $name"
}

# clean COMMAND...; found FUNCTION COMMAND...
clean() {
	timeout 900 "$race" "$@" >out 2>&1 || fail "$*: exit $?, not 0"
	! grep -q '^WARNING' out || fail "$*: a false alarm"
}

found() {
	local function=$1
	shift
	# Stopped at the first race: what is planted may make the program hang as well.
	GORT_RACE=halt_on_error=1 timeout 900 "$race" "$@" >out 2>&1
	local code=$?
	[ $code -eq 66 ] || fail "$*: exit $code, not 66"
	grep -q "^    #0 $function " out || fail "$*: no race in $function"
}

sqlite() {
	command -v tclsh >/dev/null || skip "no tclsh, which sqlite3.c is made with"
	source_of sqlite3 sqlite3
	local top
	top=$PWD/$src
	mkdir -p sqlite && cd sqlite || exit 1
	if [ ! -f sqlite3.c ]; then
		{ "$top/configure" --disable-tcl && make sqlite3.c sqlite3.h; } >out 2>&1 ||
			fail "cannot make sqlite3.c"
	fi
	# Memory is counted without the mutex of the counters.
	awk '/^SQLITE_PRIVATE void \*sqlite3Malloc\(u64 n\)\{/ { in_it = 1 }
		in_it { n += gsub(/sqlite3_mutex_(enter|leave)\(mem0.mutex\);/, "") }
		/^}/ { in_it = 0 }
		{ print }
		END { exit n < 2 }' sqlite3.c >planted.c || fail "cannot plant the bug"
	local flags=(-DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_UNLOCK_NOTIFY=1 -I. -I"$top/test"
		-I"$top/src" "$top/test/threadtest3.c" "$top/src/test_multiplex.c")
	compile clean "${flags[@]}" sqlite3.c -ldl -lpthread -lm
	compile planted "${flags[@]}" planted.c -ldl -lpthread -lm
	# Not dynamic_triggers: it sets sqlite3Config.sharedCacheEnabled beside its threads.
	clean ./clean walthread1
	clean ./clean cgt_pager_1
	found "sqlite3Status[A-Za-z]*" ./planted walthread1
}

zstd() {
	source_of zstd libzstd
	local lib=$src/lib flags
	# A thread of the pool that has done its job says so without the lock.
	awk '/intended queue size was 0/ { in_it = 1 }
		in_it && /mutex_(un)?lock/ { n++; next }
		/^}/ { in_it = 0 }
		{ print }
		END { exit n != 2 }' "$lib/common/pool.c" >planted_pool.c ||
		fail "cannot plant the bug"
	flags=(-DZSTD_MULTITHREAD -DXXH_NAMESPACE=ZSTD_ -DZSTD_DISABLE_ASM -I"$lib" -I"$lib/common"
		-I"$src/programs" "$src/tests/poolTests.c" "$src/programs/util.c"
		"$src/programs/timefn.c" "$lib"/compress/*.c "$lib"/decompress/*.c)
	mapfile -t common < <(find "$lib/common" -name '*.c' ! -name pool.c)
	compile zstd_clean "${flags[@]}" "${common[@]}" "$lib/common/pool.c" -lpthread
	compile zstd_planted "${flags[@]}" "${common[@]}" planted_pool.c -lpthread
	clean ./zstd_clean
	found POOL_thread ./zstd_planted
}

llvm() {
	local tests tar compiler
	tests=$(find . -path '*/compiler-rt/test/tsan' | head -n 1)
	if [ -z "$tests" ]; then
		{ apt_get update && apt_get source --download-only llvm-toolchain-14; } >out 2>&1 ||
			skip "no source package of llvm-toolchain-14"
		tar=$(find . -maxdepth 1 -name 'llvm-toolchain-14_*.orig.tar.*' ! -name '*.asc' |
			head -n 1)
		tar xf "$tar" --wildcards '*/compiler-rt/test/tsan' \
			'*/compiler-rt/test/sanitizer_common' >out 2>&1 || fail "cannot unpack"
		tests=$(find . -path '*/compiler-rt/test/tsan' | head -n 1)
	fi
	for compiler in clang gcc; do
		"$here/llvm_suite.py" "$tests" --compiler $compiler >out 2>&1
		case $? in
		0) cat out ;;
		77) skip "$(cat out)" ;;
		*) fail "$compiler's programs" ;;
		esac
	done
}

go() {
	command -v go >/dev/null || skip "no go"
	mkdir -p go && cd go || exit 1
	printf 'module real\ngo 1.24\n' >go.mod
	clean go test -short sync context net/http
	cat >real_test.go <<-'END'
		package real

		import (
			"context"
			"testing"
		)

		func TestPlanted(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			why, done := context.Canceled, make(chan bool)
			go func() {
				<-ctx.Done()
				why = ctx.Err()
				close(done)
			}()
			cancel()
			if why == nil {
				t.Error("no reason")
			}
			<-done
		}
	END
	timeout 900 "$race" go test . >out 2>&1 && fail "the planted race was not found"
	grep -q '^WARNING: DATA RACE' out || fail "no report"
	grep -q 'TestPlanted.func1' out || fail "another race"
}

case $program in
sqlite | zstd | llvm | go) "$program" ;;
*) fail "no program $program" ;;
esac
