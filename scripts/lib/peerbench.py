# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmarks of gort's commands share: insidebench.py and leakbench.py."""
import argparse
import json
import os
import re
import statistics
import subprocess
import time


def floors(path):
    """{row: floor} of a file."""
    with open(path, encoding="utf-8") as f:
        return dict(line.split() for line in f if line.strip() and not line.startswith("#"))


def arguments(*programs):
    p = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    p.add_argument("--json", action="store_true")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--best", action="store_true")
    p.add_argument("--only", type=re.compile, default=re.compile(""))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--check", action="store_true")
    p.add_argument("--rows", type=floors, default={})
    for name in programs:
        p.add_argument(name)
    args, _ = p.parse_known_args()
    args.missed = []
    return args


def holds(floor, own, ratio, noise):
    if floor == "noise":
        return own <= max(noise)
    if floor.startswith("<="):
        return own <= float(floor[2:])
    return ratio is not None and ratio >= float(floor[:-1])


def longest_gap(target):
    """ns at most that a goroutine of tests/bench/leaks or inside stood still since the last one."""
    target.stdin.write("\n")
    target.stdin.flush()
    return int(target.stdout.readline())


def finish(args):
    if args.missed and not args.quick:
        print("below the floor: " + ", ".join(args.missed))
    raise SystemExit(1 if args.missed and args.check and not args.quick else 0)


def run(command, answers="/dev/null", code=0):
    """Seconds that passed, seconds of CPU and KiB at most, of a command that ends with code."""
    start = time.monotonic()
    with open(answers, encoding="ascii") as f:
        process = subprocess.Popen(command, stdin=f, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    passed = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        raise SystemExit(f"scripts/bench: {' '.join(command)} ended with {process.returncode}")
    return passed, used.ru_utime + used.ru_stime, used.ru_maxrss


def row(args, name, unit, samples, noise=(), **peers):
    """noise: from where to where the samples lie without gort."""
    pick = min if args.best else statistics.median
    own = pick(samples)
    result = {"id": name, "unit": unit, "gort": round(own, 3),
              "peers": {who: round(pick(s), 3) for who, s in peers.items()},
              "ratio": {who: round(pick(s) / own, 2) for who, s in peers.items()}}
    if noise:
        result["noise"] = [round(min(noise), 3), round(max(noise), 3)]
    floor = args.rows.get(name)
    if floor:
        result |= {"floor": floor,
                   "holds": holds(floor, own, next(iter(result["ratio"].values()), None),
                                 noise)}
        args.missed += [] if result["holds"] else [name]
    if args.json:
        print(json.dumps(result), flush=True)
    else:
        print(f"{name:26} {result['gort']:12} {unit}" + "".join(
            f"   {who} {value} ({result['ratio'][who]}x)"
            for who, value in result["peers"].items()) +
            (f"   noise {min(noise):.3g} to {max(noise):.3g}" if noise else "") +
            (f"   {floor} {'yes' if result['holds'] else 'NO'}" if floor else ""), flush=True)
