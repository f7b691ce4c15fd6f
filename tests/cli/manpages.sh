#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# manpages.sh - the pages written from the option tables: mandoc finds nothing wrong, each command
# and each topic has one, and each says every option of --help.
set -u
command -v mandoc >/dev/null || { echo "SKIP: no mandoc" && exit 77; }
gort=$GORT_BUILD/bin/gort
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$(dirname "$0")/../../scripts/manpages" "$gort" "$work" || exit 1

fail() {
	echo "FAIL: $*"
	exit 1
}

mandoc -T lint -W all "$work"/man*/* || fail "mandoc"
for page in "$work"/man1/gort-*.1; do
	name=$(basename "$page" .1)
	text=$(mandoc -T ascii "$page" | col -b)
	command=("$gort" "${name#gort-}")
	[ "$name" != gort-leak ] || command=("$GORT_BUILD/bin/gort-leak")
	options=$("${command[@]}" --help | grep -o '^ .*--[a-z-]*' | grep -o -- '--[a-z-]*')
	[ "$options" ] || fail "no options in the help of $name"
	for option in $options; do
		grep -q -- "$option" <<<"$text" || fail "$option is not in $name(1)"
	done
done
[ "$(find "$work/man7" -name '*.7' | wc -l)" -ge 5 ] || fail "topics are missing"
