#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""goprofiles.py GORT TARGET - holds the profiles that gort reads out of a Go process (goprof/)
against those that the process writes of itself: each sample's stack, with inlined calls, files and
lines, its values and its labels, by `go tool pprof -raw`. The target is not touched meanwhile: it
has written nothing when gort reads it."""

import collections
import json
import os
import re
import subprocess
import sys
import tempfile

EVENTS = {"heap": "heap", "allocs": "alloc", "block": "block", "mutex": "mutex",
          "threadcreate": "threadcreate"}


def check(condition, *what):
    """Fails the test unless the condition holds."""
    if not condition:
        print("FAIL:", *what)
        sys.exit(1)


def own(key):
    """Whether the target allocated this in order to write its profile."""
    return any(call.startswith(("main.write ", "bufio.")) for call in key[0])


def raw(path):
    """The samples of a profile by stack and label, and the lines before them."""
    done = subprocess.run(["go", "tool", "pprof", "-raw", "-symbolize=none", path],
                          capture_output=True, text=True, check=False,
                          env=dict(os.environ, PPROF_TMPDIR=os.path.dirname(path)))
    check(not done.returncode, done.stderr)
    head, rest = done.stdout.split("Samples:\n")
    samples, rest = rest.split("Locations\n")
    locations, number = {}, None
    for line in rest.split("Mappings\n")[0].splitlines():
        start = re.match(r"\s*(\d+): (0x[0-9a-f]+) (?:M=\d+ )?(.*)", line)
        if start:
            number = start.group(1)
            locations[number] = [start.group(3).strip()]
        elif line.strip():
            locations[number].append(line.strip())
    last = None
    types = samples.splitlines()[0]
    found = []
    for line in samples.splitlines()[1:]:
        values = re.match(r"\s*([-\d ]+): ([\d ]*)$", line)
        if values:
            stack = tuple(call for n in values.group(2).split() for call in locations[n])
            last = [tuple(int(v) for v in values.group(1).split()), stack, ""]
            found.append(last)
        else:
            last[2] = line.strip()
    sums = collections.defaultdict(lambda: [0, 0, 0, 0])
    for values, stack, label in found:
        # Go has 32 zeros for a thread whose creator it does not know, from 1.23 on.
        key = (tuple(re.sub(r" s=\d+$", "", call) for call in stack
                     if not call.startswith(":0:0")), label)
        for i, v in enumerate(values):
            sums[key][i] += v
    head = re.sub(r"(Time|Duration):.*\n", "", head)
    return head, types, {k: v for k, v in sums.items() if any(v) and not own(k)}


def near(name, a, b):
    """Equal; of a contention all but the delay, which was converted from ticks by another clock."""
    if name == "threadcreate":
        return a[0] >= b[0] # writing may have taken one more
    if name not in ("block", "mutex"):
        return a == b
    return a[0] == b[0] and abs(a[1] - b[1]) <= max(abs(a[1]) * 0.005, 1)


def compare(name, want, got):
    """The two profiles are one."""
    head, types, samples = raw(want)
    ours_head, ours_types, ours = raw(got)
    check(types == ours_types, name, types, ours_types)
    check(head == ours_head, name, head, ours_head)
    check(samples, name, "the target has no sample")
    for key, values in samples.items():
        check(key in ours or name == "threadcreate", name, "gort lacks", key, "it has", *ours)
        check(near(name, values, ours.get(key, (0,))), name, key, values, ours.get(key))
    for key in ours:
        check(key in samples, name, "gort invents", key)
    return len(samples)


def heap(gort, pid, allocated, nodes):
    """What fills the heap is what the target has put there."""
    done = subprocess.run([gort, "heap", "--json", str(pid)], capture_output=True, text=True,
                          check=False)
    check(not done.returncode, done.stderr)
    got = json.loads(done.stdout)
    check(got["not_marked"] is None, got["not_marked"])
    check(abs(got["bytes"] - allocated) < allocated * 0.01, got["bytes"], allocated)
    kinds = {k["type"]: k for k in got["kinds"] if k["type"] and not k["array"]}
    for name, objects, live, leaked in (("main.node", nodes, nodes, 0), ("main.hostage", 10, 0, 10),
                                        ("main.trash", 1000, 0, 0)):
        kind = kinds[name]
        found = (kind["objects"], kind["live_objects"], kind["leaked_objects"])
        # What ran last, or still runs, may have left pointers where they still count.
        check(found[0] == objects and 0 <= found[1] - live <= 1 + objects / 100
              and found[2] <= leaked and found[1] + found[2] >= live + leaked, name, found)
    print(f"heap: {got['bytes']} of {allocated} bytes, {len(kinds)} types")


def judge(gort, target, args, names, where):
    """One run of the target."""
    with subprocess.Popen([target, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as child:
        heap(gort, child.pid, *(int(n) for n in child.stdout.readline().split()))
        check(child.stdout.readline() == "ready\n", "the target does not start")
        ours = os.path.join(where, "ours")
        theirs = os.path.join(where, "theirs")
        for path in (ours, theirs):
            os.makedirs(path, exist_ok=True)
        for name in names:
            done = subprocess.run(
                [gort, "record", "-q", "-e", EVENTS[name], "-o", f"{ours}/{name}.pb.gz",
                 str(child.pid)], capture_output=True, text=True, check=False)
            check(not done.returncode, name, done.returncode, done.stderr)
        child.stdin.write(theirs + "\n")
        child.stdin.flush()
        check(child.stdout.readline() == "done\n", "the target writes nothing")
        for name in names:
            n = compare(name, f"{theirs}/{name}", f"{ours}/{name}.pb.gz")
            print(f"{name}: {n} stacks alike")
        leaks = f"{ours}/leaks.pb.gz"
        done = subprocess.run([gort, "record", "-q", "-e", "goroutineleak", "-o", leaks,
                               str(child.pid)], capture_output=True, text=True, check=False)
        check(not done.returncode, done.stderr)
        found = [(k, v) for k, v in raw(leaks)[2].items() if v[0] == 3]
        check(len(found) == 1 and "main.leak" in " ".join(found[0][0][0]), raw(leaks))
        child.stdin.close()


def main():
    gort, target = sys.argv[1:]
    with tempfile.TemporaryDirectory() as where:
        judge(gort, target, [], EVENTS, where)
        judge(gort, target, ["no-gc"], ["heap", "allocs"], where)


main()
