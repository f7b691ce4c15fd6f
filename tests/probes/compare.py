#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares `gort stacks --go PID` with the SIGQUIT dump of the same process, to the letter.

usage: compare.py GORT TARGET [TARGET-ARG...]

Starts TARGET, waits for its "ready PID" line, reads it with GORT, makes it dump itself with
SIGQUIT, and compares what both print of every goroutine. Left aside are goroutine 0 (the thread's
own stack), goroutines that run in either dump, the runtime's scavenger, which wakes up by itself,
and of a header the passing "(scan)" and one minute more of waiting. Exit 0 when all agree.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

HEADER = re.compile(r"goroutine (\d+) [^[]*\[([^,\]]*)")
MINUTES = re.compile(r", (\d+) minutes")


def parse(path):
    """-> {goroutine: its block, as lines}"""
    goroutines = {}
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        for block in f.read().split("\n\n"):
            lines = block.strip("\n").split("\n")
            m = HEADER.match(lines[0])
            if m:
                goroutines[int(m[1])] = lines
    return goroutines


def state(lines):
    return HEADER.match(lines[0])[2].replace(" (scan)", "")


def same(own, ours):
    if own[1:] != ours[1:]:
        return False
    headers = [line.replace(" (scan)", "") for line in (own[0], ours[0])]
    waits = [int(m[1]) if m else 0 for m in map(MINUTES.search, headers)]
    texts = [MINUTES.sub("", h) for h in headers]
    return texts[0] == texts[1] and waits[0] - waits[1] in (0, 1)


def wakes(lines):
    """The runtime's scavenger goes on by itself, now and then."""
    return any(line.startswith("runtime.bgscavenge(") for line in lines)


def differences(own, ours):
    for goid, truth in own.items():
        seen = ours.get(goid)
        if goid == 0 or (seen and "running" in (state(truth), state(seen))):
            continue
        if seen and wakes(truth):
            continue
        if seen is None:
            yield f"goroutine {goid} [{state(truth)}] is missing"
        elif not same(truth, seen):
            pairs = list(zip(truth, seen))
            first = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
            yield (f"goroutine {goid}, line {first} of {len(truth)} and {len(seen)}:\n"
                   f"  own  {truth[first:first + 1]}\n  gort {seen[first:first + 1]}")
    for goid in ours.keys() - own.keys():
        yield f"goroutine {goid} is not in the process's own dump"


def quiet(goroutines):
    """What stands still of a dump."""
    return {goid: lines for goid, lines in goroutines.items()
            if state(lines) not in ("running", "runnable", "copystack") and not wakes(lines)}


def read_quiet(gort, pid, out):
    """Reads the process until all of it but what wakes up by itself has stood still for a time."""
    before, deadline = None, time.monotonic() + 100
    while time.monotonic() < deadline:
        out.seek(0)
        out.truncate()
        subprocess.run([gort, "stacks", "--go", str(pid)], stdout=out, check=True)
        now = parse(out.name)
        if quiet(now) == before and len(now) - len(before) <= 2:
            return
        before = quiet(now)
        time.sleep(0.1)
    sys.exit("compare.py: the target never stands still")


def check_labels(gort, pid):
    """Three goroutines of gotarget have each set of labels; older Go programs print none."""
    for label in "job=plain", "path=/a_b.c", "tab=a\tb\x01\\\"\x7f", "empty=", "a=1", "j=10":
        shown = subprocess.run([gort, "stacks", "--json", "--label", label, str(pid)],
                               stdout=subprocess.PIPE, check=True)
        if b'"shown":3,' not in shown.stdout:
            sys.exit(f"compare.py: not three goroutines with label {label}")


def run(gort, command):
    """Starts the target; returns the files with gort's dump and the process's own."""
    ours = tempfile.NamedTemporaryFile(suffix=".gort")
    own = tempfile.NamedTemporaryFile(suffix=".sigquit")
    env = {"GODEBUG": "tracebacklabels=1", **os.environ}
    target = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=own, text=True, env=env)
    try:
        ready = target.stdout.readline().split()
        if ready[:1] != ["ready"]:
            sys.exit(f"compare.py: {command[0]} did not start: {ready}")
        read_quiet(gort, target.pid, ours)
        check_labels(gort, target.pid)
        target.send_signal(signal.SIGQUIT)
        target.wait(timeout=120)
    finally:
        if target.poll() is None:
            target.kill()
            target.wait()
    return ours, own


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    ours_file, own_file = run(sys.argv[1], sys.argv[2:])
    ours, own = parse(ours_file.name), parse(own_file.name)
    wrong = list(differences(own, ours))
    states = {state(lines) for lines in own.values()}
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
