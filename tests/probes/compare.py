#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares `gort stacks --go PID` with the SIGQUIT dump of the same process.

usage: compare.py GORT TARGET [TARGET-ARG...]

Starts TARGET, waits for its "ready PID" line, reads it with GORT, makes it dump itself with
SIGQUIT, and compares every goroutine: state, functions, file:line, creator. Goroutine 0 (the
thread's own stack) and goroutines that run in either dump are left aside; so is the argument list
of a call, which gort prints as `(...)`. Exit 0 when all agree.
"""
import re
import signal
import subprocess
import sys
import tempfile

HEADER = re.compile(r"goroutine (\d+) (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^\]]*)\]:$")
ADDRESSES = re.compile(r" fp=\S+ sp=\S+ pc=\S+$")


def function(line):
    """`pkg.(*T).f(0x1, {0x2, ...})` -> `pkg.(*T).f`: cuts the balanced brackets at the end."""
    depth = 0
    for i in range(len(line) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(line[i], 0)
        if depth == 0:
            return line[:i]
    return line


def parse_block(lines):
    """-> (state, [(function, place)...], (creator, place) or None)"""
    frames, created, i = [], None, 1
    while i + 1 < len(lines):
        place = ADDRESSES.sub("", lines[i + 1].strip())
        if lines[i].startswith("created by "):
            created = (lines[i], place)
        elif lines[i + 1].startswith("\t"):
            frames.append((function(lines[i]), place))
        i += 2
    return frames, created


def parse(path):
    goroutines = {}
    with open(path, encoding="utf-8", errors="replace") as f:
        for block in f.read().split("\n\n"):
            lines = block.strip("\n").split("\n")
            m = HEADER.match(lines[0])
            if m:
                state = re.sub(r", \d+ minutes", "", m[2]).replace(" (scan)", "")
                goroutines[int(m[1])] = (state, *parse_block(lines))
    return goroutines


def run(gort, command):
    """Starts the target; returns the files with gort's dump and the process's own."""
    ours = tempfile.NamedTemporaryFile(suffix=".gort")
    own = tempfile.NamedTemporaryFile(suffix=".sigquit")
    target = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=own, text=True)
    try:
        ready = target.stdout.readline().split()
        if ready[:1] != ["ready"]:
            sys.exit(f"compare.py: {command[0]} did not start: {ready}")
        subprocess.run([gort, "stacks", "--go", str(target.pid)], stdout=ours, check=True)
        target.send_signal(signal.SIGQUIT)
        target.wait(timeout=120)
    finally:
        if target.poll() is None:
            target.kill()
            target.wait()
    return ours, own


def differences(own, ours):
    for goid, truth in own.items():
        seen = ours.get(goid)
        if goid == 0 or (seen and "running" in (truth[0], seen[0])):
            continue
        if seen is None:
            yield f"goroutine {goid} [{truth[0]}] is missing"
        elif seen != truth:
            yield f"goroutine {goid} differs:\n  own  {truth}\n  gort {seen}"
    for goid in ours.keys() - own.keys():
        yield f"goroutine {goid} is not in the process's own dump"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    ours_file, own_file = run(sys.argv[1], sys.argv[2:])
    ours, own = parse(ours_file.name), parse(own_file.name)
    wrong = list(differences(own, ours))
    states = {state for state, _, _ in own.values()}
    print(f"{len(own) - 1} goroutines in {len(states)} states, {len(ours)} read by gort, "
          f"{len(wrong)} differ")
    for text in wrong[:5]:
        print(text)
    if len(own) < 100 or len(states) < 9:
        print("too few goroutines or states to prove anything")
        sys.exit(1)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
