#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds `gort sched` against what a program on libgort has made its goroutines wait for.

usage: gsched.py GORT GSCHED
"""
import json
import os
import subprocess
import sys

# Some other waits are counted, and up to one of each kind is not.
SHARE = 0.1


def check(own, sched):
    counted = sched["ready"]["count"]
    expected = own["waits"] / sched["ready_one_in"]
    print(f"{counted} waits counted, {expected:.0f} expected")
    if abs(counted - expected) > SHARE * expected:
        sys.exit("gsched.py: not one wait in so many was counted")
    if sched["stw_other"]["count"] != own["stops"] or sched["stop_other"]["count"] != own["stops"]:
        sys.exit(f"gsched.py: {own['stops']} stops, but gort counts "
                 f"{total(sched['stop_other'])} and {total(sched['stw_other'])}")
    if sched["mutex_wait_ns"] < own["mutex_ns"]:
        sys.exit(f"gsched.py: waited {own['mutex_ns']} ns for a mutex at least, but gort says "
                 f"{sched['mutex_wait_ns']}")
    if sched["stop_gc"]["count"]:
        sys.exit("gsched.py: it never collected")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with subprocess.Popen([sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env={"GORT_GOMAXPROCS": "1"}) as target:
        word, _, own = target.stdout.readline().partition(" ")
        if word != "ready":
            sys.exit("gsched.py: the target did not start")
        done = subprocess.run([sys.argv[1], "sched", "--json", "--without", "bpf", "-d", "10ms",
                               str(target.pid)], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"gsched.py: gort sched: exit {done.returncode} {done.stderr}")
        check(json.loads(own), json.loads(done.stdout))
        threads = len(os.listdir(f"/proc/{target.pid}/task"))
        if json.loads(done.stdout)["threads"] != threads:
            sys.exit(f"gsched.py: not {threads} threads: {json.loads(done.stdout)['threads']}")
        target.stdin.close()


if __name__ == "__main__":
    main()
