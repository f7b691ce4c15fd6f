# SPDX-License-Identifier: BSD-2-Clause
"""Measures looking into a live Go process from outside, and prints medians.

Usage: insidebench.py [--json] [--quick] [--best] [--only=REGEX] [--rounds=5] GORT DLV TARGET

inside_dump_N: CPU time, and inside_dump_N_kib the peak of memory, of gort reading, unwinding and
naming the stacks of N parked goroutines (printing apart: it writes a profile). inside_dlv_10000:
the time that passes until that is done, and until Delve, attached anew, has done the same; the two
take turns on one process. A ratio above 1 means that gort is faster.
"""
import subprocess
import tempfile

from peerbench import arguments, row, run

SIZES = (10000, 100000, 1000000)
DLV_SIZE = SIZES[0]


def dump(args, pid, work):
    return run([args.gort, "record", "-q", "-e", "goroutine", "-o", f"{work}/g.pb.gz", str(pid)])


def delve(args, pid, work):
    with open(f"{work}/commands", "w", encoding="ascii") as f:
        f.write("goroutines -t 64\nexit\n")
    with open(f"{work}/answers", "w", encoding="ascii") as f:
        f.write("n\n")  # the process goes on
    return run([args.dlv, "attach", str(pid), "--allow-non-terminal-interactive=true",
                "--init", f"{work}/commands"], f"{work}/answers")


def measure(args, size, rounds, work):
    name = f"inside_dump_{size}"
    compared = size == DLV_SIZE and args.only.search(f"inside_dlv_{size}")
    if not args.only.search(name) and not compared:
        return
    with subprocess.Popen([args.target, "-n", str(size)], stdout=subprocess.PIPE,
                          text=True) as target:
        target.stdout.readline()
        try:
            dump(args, target.pid, work)  # and nothing is read from the disk afterwards
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(dump(args, target.pid, work))
                if compared:
                    theirs.append(delve(args, target.pid, work))
        finally:
            target.kill()
    row(args, name, "ms", [1000 * cpu for _, cpu, _ in ours])
    row(args, name + "_kib", "KiB", [kib for _, _, kib in ours])
    if compared:
        row(args, f"inside_dlv_{size}", "ms", [1000 * passed for passed, _, _ in ours],
            dlv=[1000 * passed for passed, _, _ in theirs])


def main():
    args = arguments("gort", "dlv", "target")
    with tempfile.TemporaryDirectory() as work:
        for size in SIZES[:1] if args.quick else SIZES:
            measure(args, size, 1 if args.quick else args.rounds, work)


main()
