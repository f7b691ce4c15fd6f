#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pace.py: with the same settings the heap of a program on libgort grows as far as that of the same
program in Go, and the lines of gctrace agree with what the program counts itself.

With a percentage, the goal of each cycle follows from what the one before has marked, by the same
formula in both; and the heap does not end far from it. With a memory limit, or none at all, the
most memory that the process had, less what it maps of files, is within a tenth of Go's or of the
limit.
Where a cycle ends depends on how many CPUs the machine has to spare; so no more is asked than that
the largest heap is no less than a tenth below the goal, or Go's heap, and the median no more above.
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
LINE = re.compile(r"gc (\d+) @.* (\d+)->(\d+)->(\d+) MB, (\d+) MB goal, (\d+) MB stacks, "
                  r"(\d+) MB globals", re.M)
NUMBER = r"([\d.]+)"  # of milliseconds: two digits, or whole ones
TIMES = re.compile(rf"gc \d+ @{NUMBER}s (\d+)%: {NUMBER}\+{NUMBER}\+{NUMBER} ms clock, "
                   rf"{NUMBER}\+{NUMBER}/{NUMBER}/{NUMBER}\+{NUMBER} ms cpu,.* (\d+) P", re.M)


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
    cycles = [[int(n) for n in line] for line in LINE.findall(done.stderr)]
    times = [[float(n) for n in line] for line in TIMES.findall(done.stderr)]
    if len(times) != len(cycles):
        fail(f"{program}: not each line has its times as Go's: {done.stderr}")
    if "counted" in told:
        check_times(f"GOGC={percent} GOMEMLIMIT={limit} {mode}", times)
    return told, cycles


def check_times(what, lines):
    """The percentage has all CPU time in it that the lines tell of, but that of idle Ps."""
    had = 0
    for at, percent, *clock, begin, assist, background, _, end, procs in lines:
        had += begin + assist + background + end
        share = 100 * had / (procs * (1000 * at + .5 + sum(clock)))  # at is rounded
        if percent + 1 < .9 * share:
            fail(f"{what}: {percent} % of the CPUs for collecting, {share:.1f} by the times")


def check_counts(what, told, cycles, concurrent):
    if told["counted"] != told["measured"]:
        fail(f"{what}: the program counts {told['counted']} objects and bytes, "
             f"libgort {told['measured']}")
    if [c[0] for c in cycles] != list(range(1, told["cycles"][0] + 1)):
        fail(f"{what}: {told['cycles'][0]} cycles, and lines of {[c[0] for c in cycles]}")
    live, allocated, before = LIVEBYTES / MIB, 0, 0
    for number, begin, end, marked, *_ in cycles:
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


def check_goals(what, cycles, percent):
    """All numbers were rounded down, from MiB."""
    share = int(percent) / 100
    for (*_, marked, _, _, _), (number, *_, goal, stacks, globs) in zip(cycles, cycles[1:]):
        least = max(marked + share * (marked + stacks + globs), 4 * share)
        if not int(least) <= goal <= least + 1 + 3 * share:
            fail(f"{what}: cycle {number} has the goal {goal} MB, by the percentage {least:.1f}")


def full(cycles):
    """The cycles in which all was alive that will be."""
    return [c for c in cycles if c[1] > LIVEBYTES / MIB]


def check_ends(what, cycles, gos):
    """A heap that grows by a percentage; Go's may have to stop far from its goal."""
    ends = [c[2] for c in full(cycles)]
    wanted = [statistics.median(c[column] for c in full(gos)) for column in (2, 4)]
    most, median = max(ends), statistics.median(ends)
    print(f"{what}: {median:.0f}, at most {most} MB, Go {wanted[0]:.0f} of {wanted[1]:.0f}")
    if most < .9 * min(wanted) or median > 1.1 * max(wanted):
        fail(f"{what}: that is not within a tenth")


def check_memory(what, told, gos, limit):
    """Go's may have to exceed the limit, from which both keep three percent off."""
    if "memory" not in told:
        return
    got, wanted = told["memory"][0] / MIB, [gos["memory"][0] / MIB]
    print(f"{what}: {got:.0f} MB, Go {wanted[0]:.0f}: {got / wanted[0]:.3f}")
    if limit != "off":
        wanted.append(.97 * int(limit.removesuffix("MiB")))
    if not .9 * min(wanted) <= got <= 1.1 * max(wanted):
        fail(f"{what}: that is not within a tenth")


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
            gos, goscycles = run(judge, "stw", percent, limit, total)
            grows = limit == "off" and percent != "off"
            if grows:
                check_goals(f"Go, GOGC={percent}", goscycles, percent)
            for mode in ("stw", "barrier"):
                what = f"GOGC={percent} GOMEMLIMIT={limit} {mode}"
                told, cycles = run(program, mode, percent, limit, total)
                check_counts(what, told, cycles, mode == "barrier")
                if grows:
                    check_goals(what, cycles, percent)
                    check_ends(what, cycles, goscycles)
                else:
                    check_memory(what, told, gos, limit)
        for mode in ("stw", "barrier"):
            run(program, mode, "off", f"{LIVE // 2}MiB", 260, procs="1")


main()
