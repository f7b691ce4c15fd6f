# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the scripts share. Source it first: it goes to the root of the tree and sets ROOT.
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C.UTF-8

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"
SELF=scripts/$(basename "$0")

# die CODE WHAT [WHY [TRY]]: the message in gort's form, then exit.
die() {
	echo "$SELF: $2" >&2
	[ -z "${3-}" ] || echo "  why:  $3" >&2
	[ -z "${4-}" ] || echo "  try:  $4" >&2
	exit "$1"
}

usage_error() {
	die 2 "$1" "" "$SELF --help"
}

heading() {
	printf '\n=== %s ===\n' "$*"
}

# help_of FILE: prints the head comment of a script, which is its help.
help_of() {
	sed -n '3,/^$/{/^#/!q;s/^# \{0,1\}//;p}' "$1"
}

have() {
	command -v "$1" >/dev/null 2>&1
}

# The tools that scripts/setup found.
load_env() {
	# shellcheck source=/dev/null
	. build/env.sh
}

# build PRESET [TARGET...]: configures once and builds; prints only what went wrong.
build() {
	local preset=$1 log=build/$1.log
	shift
	echo "build: $preset"
	{
		cmake --preset "$preset" && cmake --build --preset "$preset" ${1+--target "$@"}
	} >"$log" 2>&1 || {
		grep -nE 'error|FAILED|Error' "$log" | head -20 >&2
		tail -20 "$log" >&2
		die 1 "the $preset build failed" "" "see $log"
	}
}
