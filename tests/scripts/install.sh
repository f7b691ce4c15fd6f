#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# install.sh: installs this build into a fresh prefix and builds a small program against it as users
# do: by pkg-config and by find_package, shared, static and fully static, in C; and runs each.
set -eu
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

fail() {
	echo "$1" >&2
	exit 1
}

cmake --install "$GORT_BUILD" --prefix "$prefix" >"$prefix/log" || fail "$(cat "$prefix/log")"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name gort.pc)")
export PKG_CONFIG_PATH
pc() {
	pkg-config "$@" gort
}
libdir=$(pc --variable=libdir)

mkdir "$prefix/src"
cd "$prefix/src"
cat >hello.c <<'END'
#include <gort/go.h>

static void square(chan(int) out, int n)
{
	chan_send(out, n * n);
}

int gort_main(int argc, char **argv)
{
	chan(int) out = make_chan(int, 0);
	int sum = 0;

	(void)argc, (void)argv;
	for (int i = 1; i <= 4; i++)
		go(square, out, i);
	for (int i = 0; i < 4; i++)
		sum += chan_recv(out);
	println("sum of squares: ", sum);
	return 0;
}
END
check() { # PROGRAM: prints what it must
	[ "$("$@" 2>&1)" = "sum of squares: 30" ] || fail "$*: $("$@" 2>&1)"
}

warnings=(-Wall -Wextra -Werror)
# shellcheck disable=SC2046
"$CC" "${warnings[@]}" hello.c -o shared $(pc --cflags --libs)
check env LD_LIBRARY_PATH="$libdir" ./shared
readelf -d shared | grep -q 'NEEDED.*libgort\.so\.1\]' || fail "not linked with libgort.so.1"
# shellcheck disable=SC2046
"$CC" "${warnings[@]}" hello.c -o archive $(pc --cflags) "$libdir/libgort.a" -pthread
check ./archive
# shellcheck disable=SC2046
"$CC" "${warnings[@]}" hello.c -o full -static $(pc --cflags --libs --static)
check ./full
! readelf -d full | grep -q NEEDED || fail "-static is not static"

# A wrong element type is an error with the flags of gort.pc, in either compiler.
sed 's/chan_send(out, n \* n)/chan_send(out, "no number")/' hello.c >wrong.c
# shellcheck disable=SC2046
! "$CC" -c wrong.c -o /dev/null $(pc --cflags) 2>/dev/null || fail "wrong.c compiles"

# No internal name of the archive can collide with a user's.
leaked=$(nm -g --defined-only "$libdir/libgort.a" | awk 'NF == 3 {print $3}' |
	grep -E '^(gopark|goready|newproc|schedule|findrunnable|mallocgc|pb_.*)$' || true)
[ -z "$leaked" ] || fail "the archive defines internal names: $leaked"

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(hello C)
find_package(gort 0.1 REQUIRED)
add_executable(with_shared hello.c)
target_link_libraries(with_shared gort::gort)
add_executable(with_static hello.c)
target_link_libraries(with_static gort::static)
END
cmake -G Ninja -S . -B b -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$CC" >log
cmake --build b >>log 2>&1 || fail "$(cat log)"
check b/with_shared
check b/with_static

for tool in gort gort-race gort-leak; do
	[ -x "$prefix/bin/$tool" ] || fail "bin/$tool is not installed"
done
"$prefix/bin/gort" version | grep -q '^gort ' || fail "gort version does not run"
code=0
"$prefix/bin/gort-race" "$GORT_BUILD/examples/race_counter" >log 2>&1 || code=$?
[ $code = 66 ] || fail "the installed gort-race ended with $code: $(cat log)"
grep -q 'race_counter\.c:[0-9]' log || fail "the installed gort-race names no line: $(cat log)"
