#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# formats.sh: sample prints what go test prints of its twin, as text and as events, passing and
# failing. Times, the places of the source and the package's name are taken out.
set -u
command -v go >/dev/null || { echo "SKIP: no Go in PATH"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$GORT_SOURCE/tests/testing/twin" "$work/twin"
cd "$work/twin" || exit 1
unset GOFLAGS SAMPLE_FAIL SAMPLE_PANIC SAMPLE_LEAK SAMPLE_HANG SAMPLE_BLOCK

plain() {
	sed -E 's/"Time":"[^"]*",//; s/"Elapsed":[0-9.e-]+/"Elapsed":0/; s/[0-9]+\.[0-9]+s/Ts/g
		s/(sample|twin_test)\.(c|go):[0-9]+/PLACE/; s/"Package":"sample"/"Package":"twin"/
		s/(\\t|\t|: )sample/\1twin/; s/ +[0-9.]+ ns\/op/ N ns\/op/'
}

# compare ENVIRONMENT ARGS...: output and exit code of both.
compare() {
	local set=$1 code
	shift
	env "$set" "$GORT_BUILD/tests/testing/sample" "$@" >"$work/c" 2>&1
	code=$?
	env "$set" go test -count=1 "$@" . >"$work/go" 2>&1
	[ $? = $code ] || { echo "$set $*: exit $code"; cat "$work/c" "$work/go"; exit 1; }
	[ -s "$work/c" ] || { echo "$set $*: no output"; exit 1; }
	plain <"$work/c" >"$work/c.plain"
	plain <"$work/go" >"$work/go.plain"
	diff "$work/c.plain" "$work/go.plain" || { echo "$set $*: - gort, + Go"; exit 1; }
}

for set in SAMPLE_NONE=1 SAMPLE_FAIL=1; do
	compare "$set"
	compare "$set" -v
	compare "$set" -json
	compare "$set" -v -run 'Table/pos|Sub' -short
	compare "$set" -v -run '/p1' -parallel 1
	compare "$set" -run Fuzz -v
	compare "$set" -skip 'Table/pos' -v -run 'Table|Cleanup' -short
	compare "$set" -run Nothing
done
compare SAMPLE_NONE=1 -run Nothing -bench Sub -benchtime 10x
compare SAMPLE_NONE=1 -run Nothing -bench Sub/two -benchtime 10x
