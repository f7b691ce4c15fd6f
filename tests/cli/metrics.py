#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""metrics.py GO - every number of `gort top --once` against the program's own runtime/metrics.

GO is a version, built with that toolchain; the program (metrics.go) is stripped. It is asked for
its numbers before and after gort reads them: a reading counts when both answers agree, so that
nothing moved meanwhile. Numbers the runtime does not export are checked against what the program is
made of.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GORT = os.path.join(os.environ["GORT_BUILD"], "bin", "gort")
MIB = 1 << 20


def build(version, where):
    """Path of the program, or exits with 77."""
    if not shutil.which("go"):
        print("SKIP: no Go toolchain in PATH")
        sys.exit(77)
    program = os.path.join(where, "metrics")
    env = dict(os.environ, GOTOOLCHAIN="go" + version, GO111MODULE="off", CGO_ENABLED="0")
    command = ["go", "build", "-ldflags=-s -w", "-o", program, os.path.join(HERE, "metrics.go")]
    done = subprocess.run(command, env=env, cwd=where, capture_output=True, text=True)
    if done.returncode:
        sys.exit("go build: " + done.stderr)
    return program


def ask(target):
    """The program's own numbers."""
    target.stdin.write("\n")
    target.stdin.flush()
    return json.loads(target.stdout.readline())


def gort(pid):
    """What gort reads."""
    command = [GORT, "top", "--once", "--json", "-d", "100ms", str(pid)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def wrong(own, top):
    """The numbers that differ, as text."""
    sched, gc, gors = top["sched"], top["gc"], top["goroutines"]
    inuse = own["/memory/classes/heap/objects:bytes"] + own["/memory/classes/heap/unused:bytes"]
    equal = [
        ("gomaxprocs", sched["gomaxprocs"], own["/sched/gomaxprocs:threads"]),
        ("threads", sched["threads"], own["threads"]),
        ("goroutines", gors["total"], own["goroutines"]),
        ("chan", gors["chan"], 40),
        ("select", gors["select"], 10),
        ("sleep", gors["sleep"], 5),
        ("sema", gors["sema"], 3),
        ("io", gors["io"] + gors["syscall"], 2),
        ("run", gors["run"], 0),
        ("runnable", gors["runnable"], 0),
        ("other", gors["other"], 0),
        ("per_s", gors["per_s"], 0),
        ("runq", sched["runq"], 0),
        ("idle P", sched["idle_p"], own["/sched/gomaxprocs:threads"]),
        ("spinning M", sched["spinning_m"], 0),
        ("goal", gc["heap_goal_bytes"], own["/gc/heap/goal:bytes"]),
        ("in use", gc["heap_inuse_bytes"], inuse),
        ("GOGC", gc["gogc_percent"], own["/gc/gogc:percent"]),
        ("limit", gc["limit_bytes"], own["/gc/gomemlimit:bytes"]),
        ("cycles", gc["cycles"], own["/gc/cycles/total:gc-cycles"]),
        ("cycles/s", gc["cycles_per_s"], 0),
        ("pauses", gc["pause_total_ns"], own["pause_total"]),
        ("steals", sched["steals_per_s"], None),
        ("preempt", sched["preempts_per_s"], 0),
    ]
    near = [
        ("live", gc["heap_live_bytes"], own["/gc/heap/live:bytes"], 4 * MIB),
        ("alloc", gc["alloc_bytes"], own["/gc/heap/allocs:bytes"], 4 * MIB),
        ("alloc/s", gc["alloc_bytes_per_s"], 0, MIB),
        ("cpu", top["cpu_cores"], 0, 0.5),
        ("idle M", sched["idle_m"], own["threads"] - 2, 2),
    ]
    bad = [f"{name}: gort {a}, the program {b}" for name, a, b in equal if a != b]
    bad += [f"{name}: gort {a}, not near {b}" for name, a, b, by in near if abs(a - b) > by]
    return bad


def compare(target):
    """None when all numbers agree within the deadline."""
    end = time.monotonic() + 60
    bad = ["never two equal answers"]
    while time.monotonic() < end:
        before = ask(target)
        time.sleep(0.05)
        top = gort(target.pid)
        after = ask(target)
        moving = ("/gc/heap/allocs:bytes", "/memory/classes/heap/objects:bytes",
                  "/memory/classes/heap/unused:bytes")
        if any(before[k] != after[k] for k in before if k not in moving):
            continue
        bad = wrong(before, top)
        if not bad:
            return None
    return bad


def main():
    with tempfile.TemporaryDirectory() as where:
        program = build(sys.argv[1], where)
        env = dict(os.environ, GOGC="off")
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env=env) as target:
            bad = compare(target)
            target.kill()
        if bad:
            sys.exit("FAIL: " + "\n      ".join(bad))


main()
