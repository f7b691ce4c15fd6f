#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pace.py: with the same settings the heap of a program on libgort grows as far as that of the same
program in Go, and the lines of gctrace agree with what the program counts itself.

What is compared is within a tenth of Go's: with a percentage, the heap at the end of a cycle, by
the median of a dozen; with a memory limit, or none at all, the most memory that the process had,
less what it maps of files, for which there is no limit.
A program that needs more than its limit gets on all the same: were it to collect whenever it is
over the limit, it would take hours.
Exit 0 equal, 1 different, 77 no Go.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

LIVE = 32  # MiB
MIB = 1 << 20
SETTINGS = [("50", "off", 300), ("100", "off", 500), ("200", "off", 900), ("off", "off", 160),
            ("off", "64MiB", 260), ("100", "56MiB", 260)]  # and MiB to be allocated
LIVEBYTES = LIVE * MIB // 64 * (64 + 8)
LINE = re.compile(r"gc (\d+) @.* (\d+)->(\d+)->(\d+) MB, (\d+) MB goal", re.M)


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def run(program, mode, percent, limit, total, procs="2"):
    env = dict(os.environ, GOGC=percent, GOMEMLIMIT=limit, GOMAXPROCS=procs, GODEBUG="gctrace=1",
               GORT_DEBUG="gctrace=1", GORT_GCMODE=mode)
    done = subprocess.run([program, str(LIVE), str(total)], env=env, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        fail(f"{program} with {percent}, {limit}: exit {done.returncode}: {done.stderr[-300:]}")
    told = {}
    for line in done.stdout.splitlines():
        name, *numbers = line.split()
        told[name] = [int(n) for n in numbers]
    return told, [[int(n) for n in line] for line in LINE.findall(done.stderr)]


def check_counts(what, told, cycles, concurrent):
    if told["counted"] != told["measured"]:
        fail(f"{what}: the program counts {told['counted']} objects and bytes, "
             f"libgort {told['measured']}")
    if [c[0] for c in cycles] != list(range(1, told["cycles"][0] + 1)):
        fail(f"{what}: {told['cycles'][0]} cycles, and lines of {[c[0] for c in cycles]}")
    live, allocated, before = LIVEBYTES / MIB, 0, 0
    for number, begin, end, marked, _ in cycles:
        allocated += end - before
        before = marked
        during = end - begin + 1 if concurrent else 1
        if begin > live and not live - 1 <= marked <= live + during + 1:
            fail(f"{what}: cycle {number} says that {marked} MB of {end} live, "
                 f"the program has {live:.1f}")
    counted = told["counted"][1] / MIB
    if allocated > counted + len(cycles) + 1:
        fail(f"{what}: by its cycles {allocated} MB were allocated, {counted:.0f} by the program")
    if cycles and allocated + cycles[-1][4] + len(cycles) + 1 < counted:
        fail(f"{what}: by its cycles only {allocated} MB were allocated of {counted:.0f}")


def size(told, cycles, limit):
    """What is compared: all memory if that has a limit, or is never collected. None: not known."""
    if limit != "off" or not cycles:
        return told["memory"][0] / MIB if "memory" in told else None
    return statistics.median(c[2] for c in cycles if c[1] > LIVEBYTES / MIB)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.path.join(os.environ["GORT_BUILD"], "tests/runtime/pace")
    if not shutil.which("go"):
        print("no Go")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as scratch:
        judge = os.path.join(scratch, "pace")
        subprocess.run(["go", "build", "-o", judge, "main.go"], cwd=os.path.join(here, "pace"),
                       check=True, env=dict(os.environ, GO111MODULE="off"))
        for percent, limit, total in SETTINGS:
            wanted = size(*run(judge, "stw", percent, limit, total), limit)
            for mode in ("stw", "barrier"):
                what = f"GOGC={percent} GOMEMLIMIT={limit} {mode}"
                told, cycles = run(program, mode, percent, limit, total)
                check_counts(what, told, cycles, mode == "barrier")
                got = size(told, cycles, limit)
                if got is None:
                    continue
                print(f"{what}: {got:.0f} MB, Go {wanted:.0f}: {got / wanted:.3f}")
                if not 0.9 * wanted <= got <= 1.1 * wanted:
                    fail(f"{what}: {got:.1f} MB, {wanted:.1f} in Go")
        for mode in ("stw", "barrier"):
            run(program, mode, "off", f"{LIVE // 2}MiB", 260, procs="1")


main()
