#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""churn.py GORT PROGRAM RUNS [OPTION...]: gort leaks, RUNS times, on a program that moves its
references all the time (gochurn/): every leaked goroutine it names is one of those that the program
knows to be leaked, and hardly any of these is missed."""
import collections
import json
import subprocess
import sys


def main(gort, path, runs, *options):
    false, failed, known, missed = 0, [], {}, collections.Counter()
    with subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout:
            if line == "ready\n":
                break
            known[int(line.split()[1])] = line.split()[2]
        for _ in range(int(runs)):
            run = subprocess.run([gort, "leaks", "--json", *options, str(program.pid)],
                                 capture_output=True, text=True)
            if run.returncode != 66:
                failed.append(f"{run.returncode}: {run.stderr}")
                continue
            sites = json.loads(run.stdout)["sites"]
            found = {g["id"]: site for site in sites for g in site["goroutines"]}
            for goid in found.keys() - known.keys():
                false += 1
                print(f"goroutine {goid} is not leaked:",
                      *(f["func"] for f in found[goid]["stack"][:6]))
            missed.update(known[goid] for goid in known.keys() - found.keys())
        program.stdin.close()
        woken = program.stdout.read() == "all woken\n"
    share = missed.total() / (len(known) * int(runs))
    print(f"{runs} runs, {len(known)} leaked: {false} false, {missed.total()} missed "
          f"({100 * share:.2f} %, by kind {dict(missed)}), {len(failed)} without a verdict",
          *failed[:3])
    # A word left over on a stack may hide some in one run: a share is judged over many.
    return bool(false or failed or share > (0.005 if int(runs) >= 100 else 0.1) or not woken)


sys.exit(main(*sys.argv[1:]))
