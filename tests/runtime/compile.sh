#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# compile.sh run|reject|cxx: the headers as users compile them, with each compiler that is here.
#   run     the manual's first program, and selects, at -O0 to -O3 and hardened: no warning, and
#           the right output
#   reject  what go, defer and the channel macros must refuse, and that the message says why
#   cxx     a program in C++17, and each header alone in C++17 and C++20
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
here=$GORT_SOURCE/tests/runtime
flags=(-Wall -Wextra -Wshadow -Wstrict-prototypes -Werror -g "-I$GORT_SOURCE/runtime/include")
compilers=("$CC")
if grep -q '^GORT_SANITIZE:BOOL=ON' "$GORT_BUILD/CMakeCache.txt"; then
	flags+=(-fsanitize=address -fsanitize=undefined)
else
	for cc in gcc clang-14; do
		command -v "$cc" >/dev/null && compilers+=("$cc")
	done
fi

fail() {
	echo "FAIL: $*" >&2
	[ -s "$work/err" ] && cat "$work/err" >&2
	exit 1
}

# run PROGRAM OUTPUT COMPILER FLAGS...
run() {
	local program=$1 want=$2 cc=$3 lib
	shift 3
	for lib in "-l:libgort.a" "-l:libgort_start.a -l:libgort.so"; do
		# shellcheck disable=SC2086 # two words
		"$cc" -std=gnu17 "${flags[@]}" "$@" "$here/$program.c" "-L$GORT_BUILD/lib" $lib \
			-Wl,-rpath,"$GORT_BUILD/lib" -lpthread -o "$work/$program" 2>"$work/err" ||
			fail "$cc $* $lib: $program does not compile"
		[ "$("$work/$program")" = "$want" ] || fail "$cc $* $lib: $program: wrong output"
	done
}

run_all() {
	run fanout "sum of squares: 338350, 1.5, true, text" "$@"
	run selects "seven other none" "$@"
	run values "2 words, [1 99 3] 3 of 8, 6, 7" "$@"
}

# reject TEXT CODE: gort_main with CODE in it does not compile, and a message has TEXT.
reject() {
	cat >"$work/bad.c" <<END
#include <gort/go.h>
struct s { int a; };
void two(int, void *); void num(double); void narrow(char); void var(int, ...); void rec(struct s);
struct { long a[4]; } large(int); void seven(int, int, int, int, int, int, int);
void five(int, int, int, int, int);
typedef struct { int a; } square; typedef struct { int r; } circle;
#define shape_methods(SELF) int (*area)(SELF *)
GORT_INTERFACE(shape);
int square_area(square *); GORT_DYNTYPE(square); GORT_IMPL(shape, square, square_area);
int gort_main(int argc, char **argv)
{
	struct s s = {argc};
	chan(int) c = make_chan(int, 1);
	(void)argv, (void)s, (void)c;
	$2;
	return 0;
}
END
	for cc in "${compilers[@]}"; do
		"$cc" -std=gnu17 "-I$GORT_SOURCE/runtime/include" -Werror=int-conversion \
			-Werror=incompatible-pointer-types -Werror=format -fsyntax-only \
			"$work/bad.c" 2>"$work/err" && fail "$cc accepts $2"
		grep -qE "$1" "$work/err" || fail "$cc: no message with '$1' for $2"
	done
}

case $1 in
run)
	for cc in "${compilers[@]}"; do
		for o in 0 1 2 3; do
			run_all "$cc" "-O$o"
		done
		run_all "$cc" -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-all -fcf-protection
	done
	;;
reject)
	cat </dev/null >"$work/err"
	reject 'too few arguments' 'go(two, 1)'
	reject 'int-conversion|makes pointer from integer|incompatible integer' 'go(two, 1, 2)'
	reject 'floating argument' 'go(num, 1.5)'
	reject 'incompatible type' 'go(num, 1)'
	reject 'struct argument' 'go(rec, s)'
	reject 'char, short, bool or float' 'go(narrow, 1)'
	reject 'variadic' 'go(var, 1)'
	reject 'large struct' 'go(large, 1)'
	reject 'more than 6' 'go(seven, 1, 2, 3, 4, 5, 6, 7)'
	reject 'floating argument' 'defer(num, 1.5)'
	reject 'more than 4' 'waitgroup w; wg_go(&w, five, 1, 2, 3, 4, 5)'
	reject 'too few arguments' 'waitgroup w; wg_go(&w, two, 1)'
	reject 'incompatible' 'chan(long) d = c; chan_close(d)'
	reject 'int-conversion|makes integer from pointer|incompatible pointer to integer' \
		'chan_send(c, &s)'
	reject 'int-conversion|makes integer from pointer|incompatible pointer to integer' \
		'select { case_send (c, &s) { } }'
	reject 'floating argument' 'protect(num, 1.5)'
	reject 'too few arguments' 'protect(two, 1)'
	reject 'format' 'errorf("%d", "x")'
	reject 'format' 'error_wrap(nil, "%d %s", 1, 2)'
	reject 'format' 'panic("%d", "x")'
	reject 'not compatible|incompatible' 'as_iface(shape, square, &s)'
	reject 'gort_itab_shape_circle' 'circle r; as_iface(shape, circle, &r)'
	reject 'incompatible' 'chan(long) *d; select { case_recv (c, v) { d = &v; } }'
	reject 'not a function|called object' 'select { case_recv (argc) { } }'
	reject 'gort_keytype_rawkey' 'typedef struct s rawkey; make_map(rawkey, int)'
	reject 'incompatible' 'map(int, long) d = make_map(int, int)'
	reject 'negative' 'map(int, int) d = nil; map_range (long, k, v, d) (void)k, (void)v'
	reject 'incompatible|int-conversion|makes pointer' \
		'map(string, int) d = nil; (void)map_get(d, 1)'
	reject 'int-conversion|makes integer|incompatible pointer' \
		'slice(int) x = {0}; append(&x, "a")'
	reject 'different elements' 'slice(int) x = {0}; slice(long) y = {0}; append_slice(&x, y)'
	;;
cxx)
	cat >"$work/a.cc" <<'END'
#include <gort/atomic.h>
#include <gort/context.h>
#include <gort/error.h>
#include <gort/gort.h>
#include <gort/map.h>
#include <gort/slice.h>
#include <gort/bytes.h>
#include <gort/fmt.h>
#include <gort/io.h>
#include <gort/strconv.h>
#include <gort/iface.h>
#include <gort/sync.h>
#include <gort/time.h>
#include <stdio.h>
#include <string.h>
static void hello(uint64_t c) { int v = 42; gort_chan_send((struct gort_chan *)c, &v); }
int gort_main(int, char **)
{
	struct gort_case cas[1] = {};
	struct gort_chan *c = gort_chan_make(sizeof(int), 0);
	struct gort_call call = {(void (*)(void))hello, 1, {(uint64_t)c}};
	int v = 0;
	gort_timer_free(gort_after_func(1, &call));
	gort_go(&call);
	cas[0].c = c;
	cas[0].v = &v;
	gort_select(cas, 1, true);
	gort_atomic_int32 sum = {};
	gort_atomic_int32_add(&sum, v);
	static gort_sync_map m; // lives as long as what it holds
	void *found;
	gort_sync_map_store(&m, "key", &v);
	struct gort_call fails = {(void (*)(void))gort_panictext, 1, {(uint64_t) "in C++"}};
	gort_error err = gort_error_wrap(gort_protect(&fails), "caught");
	gort_any number = gort_any_make(&gort_itype_int, &v);
	if (strcmp(gort_error_text(err), "caught: in C++") || !gort_any_equal(number, number))
		return 1;
	if (!gort_sync_map_load(&m, nullptr, &found))
		v = gort_atomic_int32_load(&sum);
	gort_map *map = gort_map_make(&gort_key_i64, sizeof(int), alignof(int), false, 0);
	*(int *)gort_map_at_i64(map, 1, 16, 8) = v;
	gort_mapiter it;
	for (gort_mapiter_begin(&it, map); it.key; gort_mapiter_next(&it))
		v = *(int *)it.val;
	gort_array a = gort_growslice(nullptr, 0, 0, 1, sizeof(int), GORT_NOPOINTERS);
	*(int *)a.ptr = v;
	int64_t parsed = 0;
	if (gort_parse_int(gort_itoa(*(int *)a.ptr), 10, 64, &parsed) == nullptr)
		v = (int)parsed;
	return v;
}
END
	case $CC in *clang*) cxx=clang++-14 ;; *) cxx=g++ ;; esac
	command -v "$cxx" >/dev/null || { echo "SKIP: no $cxx"; exit 77; }
	cxxflags=(-Wall -Wextra -Werror "-I$GORT_SOURCE/runtime/include")
	[[ " ${flags[*]} " == *sanitize* ]] && cxxflags+=(-fsanitize=address -fsanitize=undefined)
	"$cxx" -std=c++17 "${cxxflags[@]}" "$work/a.cc" "-L$GORT_BUILD/lib" -l:libgort.a \
		-lpthread -o "$work/a" 2>"$work/err" || fail "$cxx does not compile"
	"$work/a"
	[ $? = 42 ] || fail "$cxx: wrong exit code"
	for header in "$GORT_SOURCE"/runtime/include/gort/*.h; do
		name=${header##*/}
		[[ " go.h go_text.h testing.h synctest.h fast.h " == *" $name "* ]] && continue
		for std in 17 20; do
			echo "#include <gort/$name>" >"$work/b.cc"
			"$cxx" -std=c++$std "${cxxflags[@]}" -fsyntax-only "$work/b.cc" \
				2>"$work/err" || fail "$cxx, C++$std: $name does not compile"
		done
	done
	;;
esac
