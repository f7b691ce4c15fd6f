#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# smoke.sh: scripts/bench in its smallest form prints every benchmark in the documented shape, and
# refuses what it does not know. No time is looked at.
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

bench=("$GORT_SOURCE/scripts/bench" --build "$GORT_BUILD" --rounds 1 --time 1)
"${bench[@]}" --json --procs 1,2 >"$work/json" || fail "scripts/bench --json failed"
python3 - "$work/json" <<'END' || fail "the JSON lines have another shape"
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
ids = {"spawn_exit", "yield_2", "chan_pingpong", "chan_buffered", "mutex", "mutex_contended_100",
       "cond_pingpong"}
assert {(row["id"], row["procs"]) for row in rows} >= {(i, p) for i in ids for p in (1, 2)}
for row in rows:
    assert list(row) == ["id", "procs", "unit", "gort", "peers", "ratio"], row
    assert row["unit"] == "ns/op" and row["gort"] > 0 and row["peers"]["go"] > 0, row
    assert abs(row["ratio"]["go"] - row["peers"]["go"] / row["gort"]) < 0.03 * row["ratio"]["go"]
END
"${bench[@]}" --only '^yield_2$' --procs 1 >"$work/text" || fail "scripts/bench --only failed"
grep -qE '^yield_2 +1 +[0-9.]+ +[0-9.]+ +[0-9.]+x$' "$work/text" || fail "no row of the table"
! grep -q chan_ "$work/text" || fail "--only does not restrict"
if "${bench[@]}" --only nosuch >"$work/none" 2>&1; then
	fail "no benchmark matches, and yet it ends with 0"
fi
