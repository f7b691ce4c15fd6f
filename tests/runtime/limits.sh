#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# limits.sh CASE: a libgort program where memory, threads or descriptors are scarce. It works as
# long as it fits, and otherwise ends at once with exit status 2 and says what is short, which limit
# that is and what to try. (prlimit takes no suffixes here: a limit of 512M is one of 512 bytes.)
set -u
program=$GORT_BUILD/tests/runtime/limits
patience=$((100 * ${CK_TIMEOUT_MULTIPLIER:-1}))

fail() {
	echo "limits: $*" >&2
	exit 1
}

# run COMMAND...: its output in $dir/out, its exit status. Until it has ended the output waits in a
# pipe: a file may not grow while the program holds all the memory that there is.
run() {
	local code
	timeout "$patience" "$@" >&3 2>&1
	code=$?
	printf '\nlimits: end\n' >&3
	sed '/^limits: end$/Q' <&3 >"$dir/out"
	return $code
}

# works COMMAND...: exit 0.
works() {
	run "$@" || fail "exit $? of $*: $(head -c 2000 "$dir/out")"
}

# refuses TEXT LIMIT COMMAND...: exit 2 with "fatal error: TEXT", LIMIT named, and advice.
refuses() {
	local text=$1 limit=$2 code
	shift 2
	run "$@"
	code=$?
	[ $code = 2 ] || fail "exit $code, not 2, of $*: $(head -c 2000 "$dir/out")"
	grep -q "^fatal error: $text\$" "$dir/out" || fail "no '$text': $(head -c 2000 "$dir/out")"
	[ "$(wc -l <"$dir/out")" -lt 100 ] || fail "a message of $(wc -l <"$dir/out") lines"
	[ "$limit" ] || return 0
	grep -q "^runtime: $limit" "$dir/out" || fail "no '$limit': $(head -c 2000 "$dir/out")"
	grep -q '^runtime: try ' "$dir/out" || fail "no advice"
}

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/pipe" || exit 1
exec 3<>"$dir/pipe"

case $1 in
as)
	for procs in 1 4; do
		export GORT_GOMAXPROCS=$procs
		works prlimit --as=536870912 "$program" small
		works prlimit --as=536870912 "$program" many 300
		refuses 'out of memory' 'RLIMIT_AS (ulimit -v) is 536870912 bytes' \
			prlimit --as=536870912 "$program" many 1000000
		GORT_STACK=8m works prlimit --as=536870912 "$program" many 10
		refuses '.*' 'RLIMIT_AS (ulimit -v) is 536870912 bytes' \
			prlimit --as=536870912 "$program" threads 200
	done
	;;
data)
	# Like strict overcommit, it counts what is writable and not what is reserved.
	works prlimit --data=83886080 "$program" small
	refuses 'out of memory' 'RLIMIT_DATA (ulimit -d) is 83886080 bytes' \
		prlimit --data=83886080 "$program" many 1000000
	;;
overcommit)
	# Of the whole system, so it is not changed here.
	mode=$(cat /proc/sys/vm/overcommit_memory)
	works "$program" small
	works "$program" many 1000
	[ "$mode" = 2 ] || exit 0
	refuses 'out of memory' 'vm.overcommit_memory is 2' "$program" many 100000000
	;;
nproc)
	if [ "$(id -u)" != 0 ]; then
		echo "needs root, to become a user who has no other threads" >&2
		exit 77
	fi
	cp "$program" "$dir/limits"
	chmod 755 "$dir"
	user=(setpriv --reuid 54321 --regid 54321 --clear-groups)
	works prlimit --nproc=8 "${user[@]}" env GORT_GOMAXPROCS=2 "$dir/limits" small
	refuses newosproc 'RLIMIT_NPROC (ulimit -u) is 8 threads' \
		prlimit --nproc=8 "${user[@]}" "$dir/limits" threads 50
	refuses newosproc 'RLIMIT_NPROC (ulimit -u) is 1 threads' \
		prlimit --nproc=1 "${user[@]}" "$dir/limits" small
	;;
nofile)
	works prlimit --nofile=16 "$program" small
	works prlimit --nofile=16 "$program" opens 1
	refuses 'too many open files' 'RLIMIT_NOFILE (ulimit -n) is 16 descriptors' \
		prlimit --nofile=16 "$program" opens 0
	refuses 'all goroutines are asleep - deadlock!' '' prlimit --nofile=16 "$program" deadlock
	;;
*)
	fail "no case '$1'"
	;;
esac
