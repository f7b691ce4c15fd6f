#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# blockprof.sh PROGRAM: its block and mutex profiles, read by the judge, go tool pprof. How often
# who waits is known exactly; how long, at least.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export ASAN_OPTIONS=detect_leaks=0 PPROF_TMPDIR=$tmp
program=$1

fail() {
	echo "blockprof: $*" >&2
	cat "$tmp"/top >&2
	exit 1
}

# run WHAT RATE FRACTION
run() {
	local begin
	rm -f "$tmp"/*.pb.gz
	begin=$(date +%s%N)
	"$program" "$@" "$tmp"/block.pb.gz "$tmp"/mutex.pb.gz >"$tmp"/limits ||
		fail "$* at ${GORT_GOMAXPROCS-all} Ps: exit $?"
	elapsed=$(($(date +%s%N) - begin))
}

# top PROFILE INDEX
top() {
	go tool pprof -sample_index="$2" -unit=ns -nodefraction=0 -edgefraction=0 -top -cum \
		"$tmp/$1.pb.gz" 2>&1 >"$tmp"/top | sed 's/^/go tool pprof: /' >&2
}

# about FUNCTION LEAST MOST: what it and all that it calls have
about() {
	awk -v f="$1" -v least="$2" -v most="$3" '
		$6 ~ "^" f "(\\.|$)" { sub("ns", "", $4); value = $4 + 0 }
		END { exit !(value >= least + 0 && value <= most + 0) }' "$tmp"/top ||
		fail "$1 is not between $2 and $3"
}

# waits FUNCTION N ...: so often, and each time for as long as the pause at least
waits() {
	local i args=("$@")
	top block contentions
	for ((i = 0; i < $#; i += 2)); do
		about "${args[i]}" "${args[i + 1]}" "${args[i + 1]}"
	done
	top block delay
	for ((i = 0; i < $#; i += 2)); do
		about "${args[i]}" $((args[i + 1] * 2000000)) $((args[i + 1] * elapsed))
	done
	# A wait ends with the release, though who waited runs later.
	while read -r name most; do
		about "$name" 0 "$most"
	done < <(awk '{ sum[$1] += $2 } END { for (f in sum) print f, sum[f] }' "$tmp"/limits)
}

empty() {
	for name in block mutex; do
		go tool pprof -raw "$tmp/$name.pb.gz" >"$tmp"/top
		! grep -qE '^ +[0-9]+: 0x' "$tmp"/top || fail "the $name profile of $1 is not empty"
	done
}

planted() {
	waits receiver 3 sender 2 largesender 1 selecter 4 patient 1 locker 3 reader 2 writer 1 \
		conditional 2 waiter 5 acquirer 2
	# Who unlocks is charged with all who wait behind.
	top mutex contentions
	about unlocker 1 1
	about locker 2 2
	about wunlocker 2 2
	about runlocker 1 1
	top mutex delay
	about unlocker 6000000 $((3 * elapsed))
	about wunlocker 4000000 $((2 * elapsed))
	about runlocker 2000000 "$elapsed"
}

for procs in 1 2 8; do
	export GORT_GOMAXPROCS=$procs
	run planted 1 1
	planted
	GORT_DEBUG=blockprofilerate=1,mutexprofilefraction=1,preempt=100us run planted - -
	planted
	for name in block mutex; do
		go tool pprof -raw "$tmp/$name.pb.gz" >"$tmp"/top
		grep -q '^contentions/count delay/nanoseconds' "$tmp"/top || fail "other types"
		grep -q '^PeriodType: contentions count' "$tmp"/top || fail "another period type"
		grep -q '^Period: 1$' "$tmp"/top || fail "another period"
		grep -q 'er .*blocks\.c:[0-9]' "$tmp"/top || fail "no file and line"
		# Of libgort only the function that waited or was charged.
		! grep -qE 'M=[0-9]+ (callers|addevent|blockend|[a-z]*(watched|event)) ' \
			"$tmp"/top || fail "more of libgort"
	done
	run quiet 1 1
	empty "a program that does not wait"
	run planted - -
	empty "a program that never switched it on"
	run off 1 1
	empty "a program that switched it off"
	for debug in preempt=0 preempt=100us; do
		GORT_DEBUG=$debug run storm 1 1
	done
done

# A rate that none of the waits comes near, and with it as good as none is sampled.
export GORT_GOMAXPROCS=2
run planted 1000000000000000 1000000000
empty "a program that samples next to nothing"
