# SPDX-License-Identifier: BSD-2-Clause
"""Compares race detectors on one and the same instrumented program, and prints medians.

Usage: racebench.py [--json] [--quick] [--best] [--only=REGEX] [--rounds=5] --libs=DIR
                    C-PROGRAM GO-PROGRAM

The rows race_c_... are the C program under libgort-race.so and under gcc's libtsan, those named
race_go_... the Go program under libgort-race-go.so and as it is; ..._kib is the peak of memory. The
two take turns. A ratio above 1 means that gort is faster or smaller.
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess

LIMIT = 300


def arguments():
    p = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    p.add_argument("--json", action="store_true")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--best", action="store_true")
    p.add_argument("--only", type=re.compile, default=re.compile(""))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--libs", required=True)
    p.add_argument("c_program")
    p.add_argument("go_program")
    args, _ = p.parse_known_args()
    return args


def output(program, row, preload):
    env = {**os.environ, "GOMAXPROCS": "2", "GORACE": "atexit_sleep_ms=0",
           "TSAN_OPTIONS": "atexit_sleep_ms=0 report_bugs=0", "LD_PRELOAD": preload}
    out = subprocess.run([program, row] if row else [program], env=env, text=True, timeout=LIMIT,
                         stdout=subprocess.PIPE, check=True).stdout
    return dict(line.split() for line in out.splitlines()) if row else out.split()


def needed_alias(program, libs):
    dynamic = subprocess.run(["readelf", "-d", program], text=True, stdout=subprocess.PIPE,
                             check=True).stdout
    return f"{libs}/gort-race/" + re.search(r"\[(lib\S*tsan\S*)\]", dynamic).group(1)


def measure(args, kind, program, peer, preload):
    """The results of the rows of one program."""
    results = []
    for row in output(program, None, ""):
        name = f"race_{kind}_{row}"
        if not args.only.search(name):
            continue
        samples = {}
        for turn in range(1 if args.quick else args.rounds):
            pair = [("gort", preload), (peer, "")]
            for who, lib in pair[::-1] if turn % 2 else pair:
                for key, value in output(program, row, lib).items():
                    samples.setdefault((key, who), []).append(float(value))
        join = min if args.best else statistics.median
        for key, unit in ((row, "ns/op"), (row + "_kib", "KiB")):
            own, other = join(samples[key, "gort"]), join(samples[key, peer])
            results.append({"id": f"race_{kind}_{key}", "procs": 2, "unit": unit,
                            "gort": round(own, 2), "peers": {peer: round(other, 2)},
                            "ratio": {peer: round(other / own, 2)}})
    return results


def print_table(results, peer):
    print(f"{'id':<26}{'unit':>7}{'gort':>12}{peer:>12}{peer + '/gort':>12}")
    for r in results:
        print(f"{r['id']:<26}{r['unit']:>7}{r['gort']:>12.2f}{r['peers'][peer]:>12.2f}"
              f"{r['ratio'][peer]:>11.2f}x")
    for unit, what in (("ns/op", "time"), ("KiB", "memory")):
        logs = [math.log(r["ratio"][peer]) for r in results if r["unit"] == unit]
        if logs:
            print(f"geometric mean of {what}: {math.exp(sum(logs) / len(logs)):.2f}x")


def main():
    args = arguments()
    preload_c = f"{args.libs}/libgort-race.so:{needed_alias(args.c_program, args.libs)}"
    for kind, program, peer, preload in (
            ("c", args.c_program, "libtsan", preload_c),
            ("go", args.go_program, "go", f"{args.libs}/libgort-race-go.so")):
        results = measure(args, kind, program, peer, preload)
        if args.json:
            for r in results:
                print(json.dumps(r))
        elif results:
            print_table(results, peer)


main()
