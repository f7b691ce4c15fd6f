#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# churn.sh SECONDS: memory stays flat while goroutines start and end: at no second after a quarter
# of the time it is more than a quarter above the most before, or a tenth in a run of five minutes.
# There, while the machine has little time for it, the quarter lasts until a million have ended, or
# half of the time is over. Prints both, in KiB.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
command -v go >/dev/null || { echo "skip: no go"; exit 77; }
go build -race -o "$work/churn" "$here/churn.go" || exit 1
GORACE=atexit_sleep_ms=0 "$GORT_BUILD/bin/gort-race" "$work/churn" "$1" >"$work/out" || exit 1
awk -v n="$1" '{ first = $1 * 4 <= n || (n >= 300 && $2 < 1e6 && $1 * 2 <= n) || NR == 1 }
	first && $3 > early { early = $3 }
	!first && $3 > late { late = $3 }
	{ goroutines = $2 }
	END { print goroutines " goroutines: " early " KiB at most, then " late " KiB"
		exit !early || late > early * (n < 300 ? 1.25 : 1.1) }' "$work/out"
