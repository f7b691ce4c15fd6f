#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# smoke.sh: scripts/bench in its smallest form prints every row in the documented shape, judges the
# floors, and refuses what it does not know. No time is looked at.
set -eu
if ! command -v go >/dev/null; then
	echo "SKIP: no Go in PATH"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "$1" >&2
	cat "$work"/* >&2
	exit 1
}

bench=("$GORT_SOURCE/scripts/bench" --build "$GORT_BUILD" --no-peers)
"${bench[@]}" --quick --json >"$work/json" || fail "scripts/bench --quick --json failed"
python3 - "$work/json" "$GORT_SOURCE/tests/bench/rows" <<'END' || fail "the JSON has another shape"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
rows = [line.split() for line in open(sys.argv[2]) if line.strip() and line[0] != "#"]
asked = {(row[0], p): row[2].partition("-")[0] for row in rows for p in (1, 2) if row[2 + p] != "-"}
assert {(line["id"], line["procs"]): line["unit"] for line in lines} == asked
for line in lines:
    assert list(line) == ["id", "procs", "unit", "gort", "peers", "ratio"], line
    assert line["gort"] > 0 and line["peers"]["go"] > 0, line
    ratio = line["peers"]["go"] / line["gort"]
    assert abs(line["ratio"]["go"] - ratio) <= 0.03 * ratio + 0.01, line
END
once=("${bench[@]}" --rounds 1 --time 1 --procs 1 --only)
"${once[@]}" '^yield_2$' >"$work/text" || fail "scripts/bench --only failed"
grep -qE '^yield_2 +1 +ns/op +[0-9.]+ +[0-9.]+ +[0-9.]+x +8x +(yes|NO)$' "$work/text" ||
	fail "no row of the table"
! grep -q chan_ "$work/text" || fail "--only does not restrict"
if "${once[@]}" nosuch >"$work/none" 2>&1; then
	fail "no benchmark matches, and yet it ends with 0"
fi

# A floor that everything reaches, and one that nothing does.
floor() { # FLOOR: --check of one row with it
	echo "mutex mutex ns/op $1 - - median" >"$work/rows"
	(cd "$GORT_SOURCE" && python3 -B scripts/lib/bench.py --check --rounds=1 --time=1 \
		--procs=1 --rows="$work/rows" --client=none "gort=$GORT_BUILD/bench/bench_core" \
		"go=$GORT_BUILD/bench/go_core") >"$work/floor" 2>&1
}
floor 0.0001x || fail "--check fails above the floor"
! floor 1000000x || fail "--check passes below the floor"
grep -q 'below the floor: 1: mutex' "$work/floor" || fail "the missed floor is not named"
