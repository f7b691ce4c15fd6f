#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# refused.sh: each kind of program that gort-race cannot watch is told apart, and does not run.
IN=refused # file systems for temporary files often honour no rights
# shellcheck source=tests/race/lib.sh
. "$(dirname "$0")/lib.sh"

build() { # NAME FLAG...
	gcc -g -x c - -o "$@" <<<'int puts(const char *); int main(void) { return !puts("ran"); }' \
		2>err || fail "build $*"
}

as=() # how to become somebody else

# refuse REASON ARGUMENT...
refuse() {
	local reason=$1
	shift
	ends 5 "${as[@]}" "$gort_race" "$@"
	[ -s out ] && fail "$*: it ran"
	grep -q "^  why:  $reason" err || fail "$*: the reason is not '$reason'"
	grep -q '^  try:  ' err || fail "$*: nothing to do about it"
}

set_byte() { # FILE OFFSET VALUE
	printf '%b' "\\x$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

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
	ends 0 "$gort_race" ./raced
fi

# Capabilities of the file count for whoever has not all of them anyway.
[ "$(id -u)" = 0 ] || exit 0
chmod 755 . raced
setcap cap_net_raw+ep raced 2>err || exit 0 # a file system without, or no tool
ends 0 "$gort_race" ./raced
as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
"${as[@]}" "$gort_race" --help >out 2>err || exit 0 # the tree is root's alone
refuse 'it is given capabilities by its file' ./raced
refuse 'it is given capabilities by its file' --sample ./raced
setcap -r raced
ends 0 "${as[@]}" "$gort_race" ./raced
