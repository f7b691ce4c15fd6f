#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# planted.sh RULE: a small clean tree passes scripts/check-style; with one violation of RULE planted
# in it, that rule and no other part of the message is what is reported.
set -eu
rule=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "$rule: $1" >&2
	exit 1
}

# A clean tree: the checker itself and one source file in each folder that has an include rule.
cp --parents -r -t "$work" scripts/check-style scripts/lib scripts/codespell-ignore .clang-format
cd "$work"
mkdir -p tests runtime/include/gort runtime/base runtime/debug leakcheck pprof race probes cli
source='/* SPDX-License-Identifier: BSD-2-Clause */'
for header in runtime/include/gort/snap.h runtime/include/gort/abi.h runtime/base/bits.h \
	leakcheck/leakcheck.h pprof/pprof.h probes/probes.h race/core.h; do
	printf '%s\n' "$source" '#pragma once' >$header
done
clean() { # FILE INCLUDE...: one small function, named after the file
	local file=$1 include
	shift
	printf '%s\n' "$source" >"$file"
	for include; do
		printf '#include %s\n' "$include" >>"$file"
	done
	printf '\nint %s_one(void)\n{\n\treturn 1;\n}\n' "$(basename "$file" .c)" >>"$file"
}
clean runtime/proc.c '"base/bits.h"' '<pthread.h>' '<sys/mman.h>'
clean runtime/debug/dump.c '"leakcheck/leakcheck.h"' '"pprof/pprof.h"' '"gort/snap.h"'
clean leakcheck/leakcheck.c '"leakcheck.h"' '"gort/snap.h"'
clean race/core.c '"core.h"' '"gort/abi.h"' '"runtime/base/bits.h"'
clean probes/elf.c '"gort/abi.h"' '<gelf.h>'
clean cli/main.c '"probes/probes.h"' '"pprof/pprof.h"' '<gelf.h>'
clean tests/test_core.c '"race/core.h"'
scripts/check-style >out 2>&1 || fail "the clean tree does not pass: $(cat out)"

plant() { # FILE TEXT (printf format): appends
	# shellcheck disable=SC2059
	printf "$2" >>"$1"
}
long_function() { # NAME LINES
	printf '\\nvoid %s(void)\\n{\\n' "$1"
	printf "\\\\t$1(%d);\\\\n" $(seq "$2")
	printf '}'
}
case $rule in
format) plant cli/main.c '\nint  cli_two( void )\n{\n\treturn 2;\n}\n' ;;
spelling) plant cli/main.c '\n/* This is t''eh end. */\n' ;;
shellcheck) plant scripts/bad.sh "# SPDX-License-Identifier: BSD-2-Clause\nrm \$1\n" ;;
width) plant cli/main.c "\n/* $(printf 'w%.0s' {1..95}) */\n" ;;
blanks) plant CMakeLists.txt '# end \n' ;;
tabs) plant CMakeLists.txt 'if(A)\n    project(x)\nendif()\n' ;;
spdx) sed -i 1d cli/main.c ;;
function-length) plant cli/main.c "$(long_function f 81)\n" ;;
function-median)
	for i in {1..20}; do
		plant cli/main.c "$(long_function "f$i" 13)\n"
	done
	rule=function-length
	;;
file-length) plant cli/main.c "$(printf '/* a */\\n%.0s' {1..1000})" ;;
include-*)
	case $rule in
	*-folder) sed -i '2i #include "probes/probes.h"' pprof/pprof.h ;;
	*-room) sed -i '2i #include "leakcheck/leakcheck.h"' runtime/proc.c ;;
	*-internal) sed -i '2i #include "runtime/base/bits.h"' cli/main.c ;;
	*-race) sed -i '2i #include "race/core.h"' cli/main.c ;;
	*-bare) sed -i '2i #include "core.h"' probes/elf.c ;;
	*-library) sed -i '2i #include <gelf.h>' runtime/proc.c ;;
	esac
	rule=include
	;;
duplicate)
	for i in 1 2; do
		plant cli/main.c "\nint cli_copy$i(int a)\n{\n"
		plant cli/main.c "$(printf '\\ta += f%d(a);\\n' {1..12})\n\treturn a;\n}\n"
	done
	;;
unfinished) plant cli/main.c '\n/* TO''DO: the rest */\n' ;;
registry) plant CMakeLists.txt '# py''pi.org\n' ;;
python) plant scripts/lib/bad.py '# SPDX-License-Identifier: BSD-2-Clause\ndef f(:\n' ;;
*) fail "no violation is known for this rule" ;;
esac

status=0
scripts/check-style >out 2>&1 || status=$?
[ $status = 1 ] || fail "check-style ended with $status and not 1: $(cat out)"
grep -qE "^[^:]+:[0-9]+: $rule: ." out || fail "the rule is not named: $(cat out)"
others=$(grep -vE "^[^:]+:[0-9]+: $rule: " out || true)
[ -z "$others" ] || fail "something else is reported too: $others"
