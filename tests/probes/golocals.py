#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares the variables that gort shows with those that golocals/ says it has.

usage: golocals.py GORT TARGET KIND

KIND: debug (built without optimization: every variable must be there, with its type and value),
dwarf (with it: every value that is there must be the right one, and most must be), stripped (the
reason, and nothing else).

Exit status: 0 all well, 1 not.
"""
import json
import subprocess
import sys

MOST = 0.4  # of the variables of an optimized program: those that live on the stack


def start(target):
    """The program, what it says of itself, and its pid."""
    process = subprocess.Popen([target], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    truths = []
    for line in process.stdout:
        if line == "ready\n":
            return process, truths
        truths.append(json.loads(line))
    sys.exit("the target ended")


def shown(gort, pid):
    """What gort shows: (function, name) to a list of variables."""
    done = subprocess.run([gort, "stacks", "--locals", "--json", str(pid)], check=True,
                          stdout=subprocess.PIPE, text=True)
    found = {}
    for group in json.loads(done.stdout)["groups"]:
        for goroutine in group["goroutines"]:
            if goroutine["id"] == 1:
                continue  # it may still be saying that it is ready
            assert not goroutine["locals_moved"], goroutine
            for v in goroutine["locals"]:
                found.setdefault((v["func"], v["name"]), []).append(v)
    return found


def compare(truths, found, kind):
    right, bad = 0, []
    for t in truths:
        if t["Name"] == "never":
            continue
        all_of = found.get((t["Func"], t["Name"]), [])
        same = [v for v in all_of if v["type"] == t["Type"]]
        if any(v["value"] == t["Value"] for v in same):
            right += 1
        elif kind == "debug" or any(v["value"] is not None for v in same):
            bad.append(f"{t}\n  shown as {all_of}")
    n = len(truths)
    print(f"{right} of {n} variables right, {len(bad)} wrong")
    if right < MOST * n:
        bad.append(f"too few of {n}")
    return bad


def reason(gort, pid):
    done = subprocess.run([gort, "stacks", "--locals", str(pid)], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 5 and not done.stdout and "no debug information" in done.stderr:
        return []
    return [f"exit {done.returncode}\n{done.stdout}{done.stderr}"]


def main():
    gort, target, kind = sys.argv[1:]
    process, truths = start(target)
    try:
        if kind == "stripped":
            bad = reason(gort, process.pid)
        else:
            bad = compare(truths, shown(gort, process.pid), kind)
    finally:
        process.kill()
        process.wait()
    for it in bad:
        print(it)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
