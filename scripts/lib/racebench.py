# SPDX-License-Identifier: BSD-2-Clause
"""Compares race detectors on one and the same instrumented program, and prints medians.

Usage: racebench.py [--json] [--check] [--quick] [--best] [--only=REGEX] [--procs=2,1] [--rounds=5]
                    --libs=DIR --rows=FILE C-PROGRAM GO-PROGRAM

The rows race_c_... are the C program under libgort-race.so and under gcc's libtsan, those named
race_go_... the Go program under libgort-race-go.so and as it is; ..._kib is the peak of memory. The
two take turns. With 2 procs the program's threads run at once, with 1 they take turns on a
processor. A ratio above 1 means that gort is faster or smaller.
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys

LIMIT = 300
APART = ("spawn", "many")  # not in the mean


def arguments():
    p = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    p.add_argument("--json", action="store_true")
    p.add_argument("--check", action="store_true")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--best", action="store_true")
    p.add_argument("--only", type=re.compile, default=re.compile(""))
    p.add_argument("--procs", default="2,1")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--libs", required=True)
    p.add_argument("--rows", required=True)
    p.add_argument("c_program")
    p.add_argument("go_program")
    args, _ = p.parse_known_args()
    return args


def read_floors(path):
    """By row, and by row_kib."""
    floors = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, of_time, of_memory = line.split()
                floors[name], floors[name + "_kib"] = of_time, of_memory
    return floors


def holds(floor, own, ratio):
    if floor.startswith("<="):
        return own <= float(floor[2:])
    return floor == "-" or ratio >= float(floor[:-1])


def output(program, row, preload, procs=2):
    env = {**os.environ, "GOMAXPROCS": "2", "GORACE": "atexit_sleep_ms=0",
           "TSAN_OPTIONS": "atexit_sleep_ms=0 report_bugs=0", "LD_PRELOAD": preload}
    one = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if procs == 1 else []
    out = subprocess.run(one + [program] + ([row] if row else []), env=env, text=True,
                         timeout=LIMIT, stdout=subprocess.PIPE, check=True).stdout
    return dict(line.split() for line in out.splitlines()) if row else out.split()


def needed_alias(program, libs):
    dynamic = subprocess.run(["readelf", "-d", program], text=True, stdout=subprocess.PIPE,
                             check=True).stdout
    return f"{libs}/gort-race/" + re.search(r"\[(lib\S*tsan\S*)\]", dynamic).group(1)


def sample(args, row, program, peer, preload, procs):
    """The values of each key the row prints, by who ran it."""
    samples = {}
    for turn in range(1 if args.quick else args.rounds):
        pair = [("gort", preload), (peer, "")]
        for who, lib in pair[::-1] if turn % 2 else pair:
            for key, value in output(program, row, lib, procs).items():
                samples.setdefault((key, who), []).append(float(value))
    return samples


def result(args, name, unit, procs, peer, own, other):
    floor = args.floors.get(name, "-")
    return {"id": name, "procs": procs, "unit": unit, "gort": round(own, 2),
            "peers": {peer: round(other, 2)}, "ratio": {peer: round(other / own, 2)},
            "floor": floor, "holds": holds(floor, own, other / own)}


def mean(args, kind, procs, peer, results):
    logs = [math.log(r["gort"] / r["peers"][peer]) for r in results
            if r["unit"] == "ns/op" and r["id"].rpartition("_")[2] not in APART]
    own = math.exp(sum(logs) / len(logs))
    return result(args, f"race_{kind}_mean", "peer's", procs, peer, own, 1)


def measure(args, kind, program, peer, preload, procs):
    """The results of the rows of one program; their mean when all were measured."""
    results = []
    rows = output(program, None, "")
    chosen = [row for row in rows if args.only.search(f"race_{kind}_{row}")
              and (procs > 1 or row != "many")]
    join = min if args.best else statistics.median
    for row in chosen:
        samples = sample(args, row, program, peer, preload, procs)
        for key, unit in ((row, "ns/op"), (row + "_kib", "KiB")):
            results.append(result(args, f"race_{kind}_{key}", unit, procs, peer,
                                  join(samples[key, "gort"]), join(samples[key, peer])))
    if set(rows) - set(chosen) <= set(APART):
        results.append(mean(args, kind, procs, peer, results))
    return results


def print_table(results, peer):
    print(f"{'id':<24}{'procs':>6}{'unit':>8}{'gort':>11}{peer:>11}{peer + '/gort':>13}"
          f"{'floor':>10}{'holds':>7}")
    for r in results:
        verdict = "" if r["floor"] == "-" else "yes" if r["holds"] else "NO"
        print(f"{r['id']:<24}{r['procs']:>6}{r['unit']:>8}{r['gort']:>11.2f}"
              f"{r['peers'][peer]:>11.2f}{r['ratio'][peer]:>12.2f}x{r['floor']:>10}{verdict:>7}")


def main():
    args = arguments()
    args.floors = read_floors(args.rows)
    preload_c = f"{args.libs}/libgort-race.so:{needed_alias(args.c_program, args.libs)}"
    missed = 0
    for kind, program, peer, preload in (
            ("c", args.c_program, "libtsan", preload_c),
            ("go", args.go_program, "go", f"{args.libs}/libgort-race-go.so")):
        results = []
        for procs in args.procs.split(","):
            results += measure(args, kind, program, peer, preload, int(procs))
        missed += sum(not r["holds"] for r in results)
        if args.json:
            for r in results:
                print(json.dumps(r))
        elif results:
            print_table(results, peer)
    sys.exit(1 if args.check and missed and not args.quick else 0)


main()
