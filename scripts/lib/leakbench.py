# SPDX-License-Identifier: BSD-2-Clause
"""Measures looking for leaked goroutines, and prints medians.

Usage: leakbench.py [--json] [--quick] [--best] [--only=REGEX] [--rounds=5] BIN PROGRAM

In a live process with a GiB of linked objects of 64 bytes (PROGRAM is tests/bench/leaks):
leaks_pass_1g is the CPU time of one look, leaks_pass_1g_kib the peak of gort's memory, and
leaks_freeze_1g how long the process stood still for --freeze (the longest gap of a goroutine that
sleeps for 50 us), beside the longest gap while nobody looks. leaks_exit_10000: by how much
gort-leak delays the end of a program that leaves so many goroutines, and how long goleak took to
find them. All take turns. A ratio above 1 means that gort is better.
"""
import subprocess
import time

from peerbench import arguments, longest_gap, row, run

MIB = 1024
LEAVES = 10000
FINDINGS = 66


def measure_live(args, rounds):
    mib = MIB // 16 if args.quick else MIB
    leaks = [args.bin + "/gort", "leaks", "-q", "-n", "1"]
    with subprocess.Popen([args.program, "-heap", str(mib)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as target:
        target.stdout.readline()
        looks, stood, alone = [], [], []
        try:
            for _ in range(rounds):
                looks.append(run(leaks + [str(target.pid)], code=FINDINGS))
                longest_gap(target)
                run(leaks + ["--freeze", str(target.pid)], code=FINDINGS)
                stood.append(longest_gap(target) / 1e6)
                time.sleep(1)
                alone.append(longest_gap(target) / 1e6)
        finally:
            target.kill()
    row(args, "leaks_pass_1g", "ms", [1000 * cpu for _, cpu, _ in looks])
    row(args, "leaks_pass_1g_kib", "KiB", [kib for _, _, kib in looks],
        heap=[mib << 10] * rounds)
    row(args, "leaks_freeze_1g", "ms", stood, alone=alone)


def measure_exit(args, rounds):
    program = [args.program, "-exit", str(LEAVES)]
    delays, goleak = [], []
    for _ in range(rounds):
        without = run(program)[0]
        judged = run([args.bin + "/gort-leak", "-q"] + program, code=FINDINGS)[0]
        delays.append(1000 * (judged - without))
        out = subprocess.run(program + ["-goleak"], stdout=subprocess.PIPE, text=True, check=True)
        found, took = out.stdout.split()
        assert found == "true"
        goleak.append(int(took) / 1e6)
    row(args, f"leaks_exit_{LEAVES}", "ms", delays, goleak=goleak)


def main():
    args = arguments("bin", "program")
    rounds = 1 if args.quick else args.rounds
    if args.only.search("leaks_pass_1g leaks_freeze_1g"):
        measure_live(args, rounds)
    if args.only.search(f"leaks_exit_{LEAVES}"):
        measure_exit(args, rounds)


main()
