# SPDX-License-Identifier: BSD-2-Clause
"""Runs the benchmark programs of gort and its peers in turn and prints medians.

Usage: bench.py [--json] [--only=REGEX] [--procs=1,2] [--rounds=5] [--time=100] NAME=PROGRAM...

The first program is gort's. Rounds are the outer loop and the order of the programs turns from
round to round, so that a machine that slows down for a while slows all of them down.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys


def positive(text):
    if not text.isdigit() or not 0 < int(text) < 1000000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return int(text)


def arguments():
    p = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    p.add_argument("--json", action="store_true")
    p.add_argument("--only", type=re.compile, default=re.compile(""))
    p.add_argument("--procs", type=lambda s: [positive(n) for n in s.split(",")], default=[1, 2])
    p.add_argument("--rounds", type=positive, default=5)
    p.add_argument("--time", type=positive, default=100)
    p.add_argument("programs", nargs="+")
    args = p.parse_args()
    args.programs = dict(program.split("=", 1) for program in args.programs)
    return args


def sample(program, name, procs, ms):
    """{id: ns/op} of one run of `program`, for one benchmark or for all (name None)."""
    env = dict(os.environ, GOMAXPROCS=str(procs), GORT_BENCH_MS=str(ms))
    env.pop("GORT_GOMAXPROCS", None)
    run = subprocess.run([program] + ([name] if name else []), env=env, text=True, timeout=600,
                         stdout=subprocess.PIPE, check=False)
    if run.returncode != 0:
        sys.exit(f"scripts/bench: {program} {name or ''} ended with {run.returncode}")
    return {name: float(ns) for name, ns in (line.split() for line in run.stdout.splitlines())}


def measure(args, ids):
    """{(id, procs, program name): [ns/op of each round]}"""
    samples = {}
    names = list(args.programs)
    for turn in range(args.rounds):
        for bench in ids:
            for procs in args.procs:
                for name in names[turn % len(names):] + names[:turn % len(names)]:
                    ns = sample(args.programs[name], bench, procs, args.time)[bench]
                    samples.setdefault((bench, procs, name), []).append(ns)
    return samples


def rows_of(args, ids, samples):
    gort, *peers = args.programs
    for bench in ids:
        for procs in args.procs:
            median = {name: statistics.median(samples[bench, procs, name])
                      for name in args.programs}
            yield {"id": bench, "procs": procs, "unit": "ns/op", "gort": round(median[gort], 2),
                   "peers": {name: round(median[name], 2) for name in peers},
                   "ratio": {name: round(median[name] / median[gort], 2) for name in peers}}


def print_table(args, rows):
    peers = list(args.programs)[1:]
    print(f"{'id':<16}{'procs':>6}{'gort ns/op':>12}" +
          "".join(f"{name + ' ns/op':>12}{name + '/gort':>10}" for name in peers))
    for row in rows:
        print(f"{row['id']:<16}{row['procs']:>6}{row['gort']:>12.2f}" +
              "".join(f"{row['peers'][name]:>12.2f}{row['ratio'][name]:>9.2f}x" for name in peers))
    print(f"medians of {args.rounds} rounds of {args.time} ms; load average "
          f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")


def main():
    args = arguments()
    known = [list(sample(program, None, 1, 1)) for program in args.programs.values()]
    ids = [name for name in known[0] if args.only.search(name)]
    if any(sorted(ids_of) != sorted(known[0]) for ids_of in known):
        sys.exit(f"scripts/bench: the programs know different benchmarks: {known}")
    if not ids:
        sys.exit(f"scripts/bench: no benchmark matches; there are: {' '.join(known[0])}")
    rows = rows_of(args, ids, measure(args, ids))
    if args.json:
        for row in rows:
            print(json.dumps(row, separators=(",", ":")))
    else:
        print_table(args, rows)


main()
