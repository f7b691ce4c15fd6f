# SPDX-License-Identifier: BSD-2-Clause
"""Measures looking into a live Go process from outside, and prints medians.

Usage: insidebench.py [--json] [--check] [--quick] [--best] [--only=REGEX] [--rounds=5]
                      --rows=FILE GORT DLV TARGET GO LIBGORT

inside_dump_N: CPU time, and inside_dump_N_kib the peak of memory, of gort reading, unwinding and
naming the stacks of N parked goroutines (printing apart: it writes a profile). inside_dlv_10000:
the time that passes until that is done, and until Delve, attached anew, has done the same; the two
take turns on one process.

GO and LIBGORT (tests/bench/leaks, tests/bench/inside) have 100,000 parked goroutines and one that
sleeps for 50 us. inside_top_...: CPU time of the full screen of gort top, percent of one CPU, at a
refresh a second, the first ones apart. inside_gap_...: the longest that the sleeper stood still
while gort stacks ran again and again, beside the longest in as much time while nobody looked; in
turns. A ratio above 1 means that gort is better. FILE: the floors.
"""
import fcntl
import os
import pty
import select
import struct
import subprocess
import tempfile
import termios
import time

from peerbench import arguments, finish, longest_gap, row, run

SIZES = (10000, 100000, 1000000)
DLV_SIZE = SIZES[0]
PARKED = 100000
SETTLED = 5  # seconds after which gort top knows its target
WINDOW = 10  # seconds of gort top in a sample
GAPS = 2     # seconds of a sample of gaps


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


def drain(fd, seconds):
    """Reads what is drawn meanwhile."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            os.read(fd, 1 << 16)


def cpu_seconds(pid):
    return time.clock_gettime(~pid << 3 | 2)  # its CPU-time clock, as clock_getcpuclockid makes it


def top(args, kind, pid, rounds):
    name = f"inside_top_{kind}_{PARKED}"
    if not args.only.search(name):
        return
    fd, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    percent = []
    with subprocess.Popen([args.gort, "top", str(pid)], stdin=inner, stdout=inner,
                          env=os.environ | {"TERM": "xterm"}) as process:
        drain(fd, SETTLED)
        for _ in range(rounds):
            cpu, start = cpu_seconds(process.pid), time.monotonic()
            drain(fd, 2 if args.quick else WINDOW)
            percent.append(100 * (cpu_seconds(process.pid) - cpu) / (time.monotonic() - start))
        os.write(fd, b"q")
        drain(fd, 0.5)
        if process.wait(60):
            raise SystemExit(f"scripts/bench: gort top ended with {process.returncode}")
    os.close(inner)
    os.close(fd)
    row(args, name, "% of a CPU", percent)


def gaps(args, kind, target, rounds):
    name = f"inside_gap_{kind}_{PARKED}"
    if not args.only.search(name):
        return
    looked_at, alone = [], []
    for _ in range(rounds):
        longest_gap(target)
        start = time.monotonic()
        while time.monotonic() - start < GAPS:
            run([args.gort, "stacks", "-q", str(target.pid)])
        passed = time.monotonic() - start
        looked_at.append(longest_gap(target) / 1e6)
        time.sleep(passed)
        alone.append(longest_gap(target) / 1e6)
    row(args, name, "ms", looked_at, alone=alone)


def watch(args, kind, command, rounds):
    if not args.only.search(f"inside_top_{kind}_{PARKED} inside_gap_{kind}_{PARKED}"):
        return
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as target:
        target.stdout.readline()
        try:
            top(args, kind, target.pid, rounds)
            gaps(args, kind, target, rounds)
        finally:
            target.kill()


def main():
    args = arguments("gort", "dlv", "target", "go", "libgort")
    rounds = 1 if args.quick else args.rounds
    with tempfile.TemporaryDirectory() as work:
        for size in SIZES[:1] if args.quick else SIZES:
            measure(args, size, rounds, work)
    watch(args, "go", [args.go, "-parked", str(PARKED)], rounds)
    watch(args, "gort", [args.libgort, str(PARKED)], rounds)
    finish(args)


main()
