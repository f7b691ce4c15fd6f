#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# refused.sh: each kind of program that gort-race cannot watch is told apart, and does not run.
set -u
gort_race=$GORT_BUILD/bin/gort-race
work=$(mktemp -d "$GORT_BUILD/refused.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset TSAN_OPTIONS GORT_RACE GORACE

fail() {
	echo "FAIL: $*"
	cat out err
	exit 1
}

build() { # NAME FLAG...
	gcc -g -x c - -o "$@" <<<'int puts(const char *); int main(void) { return !puts("ran"); }' \
		2>err || fail "build $*"
}

# refuse REASON ARGUMENT...
refuse() {
	local reason=$1 code
	shift
	timeout 60 "$gort_race" "$@" >out 2>err
	code=$?
	[ $code -eq 5 ] || fail "$*: exit $code, not 5"
	[ -s out ] && fail "$*: it ran"
	grep -q "^  why:  $reason" err || fail "$*: the reason is not '$reason'"
	grep -q '^  try:  ' err || fail "$*: nothing to do about it"
}

set_byte() { # FILE OFFSET VALUE
	printf '%b' "\\x$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

: >out
build plain
refuse 'it was not compiled with -fsanitize=thread' ./plain
build static -static
refuse 'it is linked statically' ./static
build raced -fsanitize=thread
cp raced bits32
set_byte bits32 4 1
refuse 'it is a 32-bit program' ./bits32
cp raced other
set_byte other 18 b7
refuse 'it is for another processor' ./other
# What musl-gcc links names musl's loader, whatever is compiled into it.
build musl -fsanitize=thread -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1
refuse 'it runs on musl' ./musl
refuse 'it runs on musl' --sample ./musl
printf '#!/bin/sh -e\necho ran\n' >script
echo 'echo ran' >text
chmod +x script text
refuse 'it is a script for /bin/sh$' ./script
refuse 'it is neither an x86-64 ELF program nor a script' ./text

# The rights of somebody else: of a user without rights, or, for such a user, of root.
case $(findmnt -no OPTIONS -T .) in
*nosuid*) exit 0 ;;
esac
other=$(command -v su)
if [ "$(id -u)" = 0 ]; then
	other=./raced
	chown 65534 raced
	chmod 4755 raced
fi
refuse 'it is set-user-ID' "$other"
refuse 'it is set-user-ID' --sample "$other"
if [ "$(id -u)" = 0 ]; then
	chown 0:65534 raced
	chmod 2755 raced
	refuse 'it is set-group-ID' ./raced
	chmod 755 raced
	timeout 60 "$gort_race" ./raced >out 2>err || fail "one with no rights: exit $?"
fi
