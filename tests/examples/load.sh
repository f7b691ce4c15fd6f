#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# load.sh CASE: gort-load against a stand-in for NATS: counts what came back, and fails when nothing
# did, when the server complains, when there is no server, and on bad arguments.
set -u
load=$GORT_BUILD/examples/gort-load
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

command -v python3 >/dev/null || {
	echo "SKIP: no python3 for the stand-in server"
	exit 77
}

fail()
{
	cat "$tmp"/* 2>/dev/null
	echo "FAIL: $*"
	exit 1
}

# expect CODE ARGS...: gort-load ARGS ends with CODE.
expect()
{
	local want=$1 code=0
	shift
	"$load" "$@" >"$tmp/out" 2>"$tmp/err" || code=$?
	[ "$code" = "$want" ] || fail "gort-load $* ended with $code, not $want"
}

# serve MODE: starts the stand-in; it ends when this script closes its standard input.
serve()
{
	coproc SERVER { exec python3 "$here/fake_nats.py" "$1" 2>/dev/null; }
	read -r port <&"${SERVER[0]}" || fail "the stand-in did not start"
}

case $1 in
messages)
	serve ""
	expect 0 nats "127.0.0.1:$port" --conns 3 --seconds 20 --messages 500
	grep -Eq '^nats: 3 connections, ([5-9][0-9]{2}|[0-9]{4,}) messages in ' "$tmp/out" ||
		fail "no count"
	;;
silent)
	serve silent
	expect 1 nats "127.0.0.1:$port" --conns 2 --seconds 1
	grep -q ', 0 messages in ' "$tmp/out" || fail "counted what never came"
	;;
reject)
	serve reject
	expect 1 nats "127.0.0.1:$port" --conns 1 --seconds 20
	grep -q "the server says: -ERR 'Permissions" "$tmp/err" || fail "the reason is not told"
	;;
usage)
	expect 2
	expect 2 nats
	expect 2 http 127.0.0.1:80
	expect 2 nats 192.0.2.1:4222
	expect 2 nats localhost:4222
	expect 2 nats 127.0.0.1:0
	expect 2 nats 127.0.0.1:4222 --conns
	expect 2 nats 127.0.0.1:4222 --conns 0
	expect 2 nats 127.0.0.1:4222 --seconds 1x
	expect 1 nats 127.0.0.1:1
	grep -q 'Connection refused' "$tmp/err" || fail "the reason is not told"
	;;
*)
	fail "unknown case $1"
	;;
esac
echo ok
