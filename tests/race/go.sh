#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# go.sh CASE [TOOLCHAIN]: gort-race on Go programs, each way.
PATIENCE=200
# shellcheck source=tests/race/lib.sh
. "$(dirname "$0")/lib.sh"
programs=$GORT_BUILD/race_go
export GORACE="atexit_sleep_ms=0"

said() {
	grep -q -e "$1" err || fail "not on standard error: $1"
}

# program NAME COMMAND...: go build under that name unless it is there; cases run side by side.
program() {
	local out=$programs/$1
	shift
	mkdir -p "$programs"
	[ "$out" -nt "$here/go_cases.go" ] && return
	"$@" -o "$work/program" "$here/go_cases.go" 2>err >out || fail "$*"
	mv "$work/program" "$out"
}

# clean_and_race CASE [N]
clean_and_race() {
	ends 0 "$gort_race" "$programs/race" "$1" clean "${@:2}"
	silent "$1"
	ends 66 "$gort_race" "$programs/race" "$1" race "${@:2}"
	said '^WARNING: DATA RACE'
	grep -q '^done' out || fail "its output was lost"
}

# Addresses are of one run.
plain() {
	sed -E 's/0x00[0-9a-f]{10}/ADDRESS/' "$1"
}

command -v go >/dev/null || skip "no go"
case $1 in
# The report is word for word that of Go's own detector.
words)
	program race go build -race
	ends 66 "$programs/race" simple race
	plain err >"$work/stock"
	ends 66 "$gort_race" "$programs/race" simple race
	plain err | diff "$work/stock" - >out || fail "not Go's words"
	ends 66 env GORT_RACE=atexit_sleep_ms=0 GORACE=strip_path_prefix=tests/ "$gort_race" \
		"$programs/race" simple race
	said '^      race/go_cases.go:'
	ends 9 "$gort_race" --exit-code 9 "$programs/race" simple race
	ends 66 "$gort_race" -o "$work/report" "$programs/race" simple race
	grep -q '^Found 1 data race' "$work/report" || fail "no report in the file"
	[ ! -s err ] || fail "-o, but something on standard error"
	ends 66 "$gort_race" -f json -o "$work/json" "$programs/race" simple race
	python3 -m json.tool "$work/json" out || fail "no JSON"
	grep -q '"func": "main.lateWrite"' out || fail "no function in the JSON"
	[ ! -s err ] || fail "JSON, but something on standard error"
	;;
# What Go's own detector loses: the first access a million calls ago, or other goroutines by
# hundreds, all alive.
lost)
	program race go build -race
	for _ in 1 2 3 4 5; do
		for n in "history 1000000" "many 1000" "many 100000"; do
			# shellcheck disable=SC2086
			ends 66 "$gort_race" "$programs/race" ${n%% *} race "${n##* }"
			said '^WARNING: DATA RACE'
			said '^  main.lateWrite()'
		done
	done
	ends 0 "$gort_race" "$programs/race" many clean 100000
	;;
# runtime/race's own test of reports, which builds programs by `go run -race`: linked in, and
# patched in. `go run` strips the symbols that patching needs unless told not to. That it is this
# detector that is judged shows in an exit code that only this one can be told.
output)
	GOCACHE=$(go env GOCACHE) XDG_CACHE_HOME=$work/cache GOTOOLCHAIN=${2:-$(go env GOTOOLCHAIN)}
	export GOCACHE XDG_CACHE_HOME GOTOOLCHAIN
	root=$(go env GOROOT) || skip "no toolchain $2"
	export GOROOT=$root GOTOOLCHAIN=local
	# Before 1.26 vet does not find files that are named from a directory as near as this one.
	tests=("$root/bin/go" test -vet=off -race -count=1 -run TestOutput runtime/race)
	unset GORACE
	ends 66 "$gort_race" "${tests[@]}" # what the programs print is counted here
	grep -q '^ok' out || fail "linked in"
	patched=("GOFLAGS=-ldflags=-s=false" "LD_PRELOAD=$GORT_BUILD/lib/libgort-race-go.so")
	ends 0 env "${patched[@]}" "${tests[@]}"
	ends 1 env "${patched[@]}" GORT_RACE=exitcode=9 "${tests[@]}"
	grep -q 'exit status 9' out || fail "it is another detector's output"
	;;
cases)
	program race go build -race
	clean_and_race simple
	clean_and_race atomics
	clean_and_race history 1000
	clean_and_race many 20
	clean_and_race churn 20000
	;;
refused)
	program stripped go build -race '-ldflags=-s -w'
	program plain go build
	ends 5 "$gort_race" "$programs/stripped" simple race
	said 'symbols were stripped'
	ends 5 "$gort_race" "$programs/plain" simple race
	said 'without -race'
	ends 5 "$gort_race" --sample "$programs/plain" simple race
	ends 125 "$gort_race" go vet
	said 'build, env, install, run and test'
	printf '#!/bin/sh\nexit 3\n' >"$work/go"
	chmod +x "$work/go"
	ends 125 "$gort_race" "$work/go" env GOROOT
	said 'GOROOT'
	;;
# Linked in: the detector works without the launcher and without symbols.
farm)
	GOCACHE=$(go env GOCACHE) XDG_CACHE_HOME=$work/cache
	export GOCACHE XDG_CACHE_HOME
	program farmed "$gort_race" go build '-ldflags=-s -w'
	ends 66 "$programs/farmed" simple race
	said '^Found 1 data race'
	ends 0 "$programs/farmed" simple clean
	printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v go)" >"$work/go"
	chmod +x "$work/go"
	ends 0 "$gort_race" "$work/go" env GOROOT
	grep -q "^$work/cache/gort/" out || fail "no farm through a script"
	mkdir "$work/mod"
	cat >"$work/mod/x_test.go" <<-END
		package x

		import "testing"

		var v int

		func TestRace(t *testing.T) {
			done := make(chan bool)
			go func() { v++; done <- true }()
			v++
			<-done
		}
	END
	echo 'module x' >"$work/mod/go.mod"
	cd "$work/mod" || exit 1
	ends 66 "$gort_race" go test ./...
	grep -q 'race detected during execution of test' out || fail "the test passed"
	;;
*)
	fail "no case $1"
	;;
esac
