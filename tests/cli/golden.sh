#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# golden.sh FILE - FILE is a session: "$ command", what it prints (stdout, then stderr), "exit N".
# Commands run in this folder's proc tree with the made-up processes of fake_probes.c. Times that
# are measured are replaced by words. GOLDEN_UPDATE=1 rewrites FILE.
set -u
golden=golden/$(basename "$1")
PATH=$GORT_BUILD/tests/cli/bin:$PATH
cd "$(dirname "$0")" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
unset NO_COLOR TERM PAGER GORT_WITHOUT
line=$(head -n 1 "$golden")
(eval "${line#$ }") >"$work/out" 2>"$work/err"
code=$?
{
	echo "$line"
	cat "$work/out" "$work/err"
	echo "exit $code"
} | sed -e 's/[0-9][0-9]:[0-9][0-9]:[0-9][0-9]$/HH:MM:SS/' -e 's/ in [0-9.]*[mun]*s$/ in TIME/' \
	-e 's/ in [0-9.]*[mun]*s, target/ in TIME, target/' >"$work/session"
if [ "${GOLDEN_UPDATE:-}" ]; then
	cp "$work/session" "$golden"
fi
diff -u "$golden" "$work/session"
