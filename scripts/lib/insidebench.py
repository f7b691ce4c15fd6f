# SPDX-License-Identifier: BSD-2-Clause
"""Measures looking into a live Go process from outside, and prints medians.

Usage: insidebench.py [--json] [--check] [--quick] [--best] [--only=REGEX] [--rounds=5]
                      --rows=FILE GORT DLV TARGET GO LIBGORT

inside_dump_N: CPU time, and inside_dump_N_kib the peak of memory, of gort reading, unwinding and
naming the stacks of N parked goroutines (printing apart: it writes a profile). inside_memory_N: the
part of that peak that it has not with FEW goroutines of the same program, divided by the bytes of
the stacks that it read, as strace counts process_vm_readv: what it read more than with FEW, without
two copies of each g. inside_dlv_10000: the time that passes until that is done, and until Delve,
attached anew, has done the same; the two take turns on one process.

GO and LIBGORT (tests/bench/leaks, tests/bench/inside) have 100,000 parked goroutines and one that
sleeps for 50 us. inside_top_...: CPU time of the full screen of gort top, percent of one CPU, at a
refresh a second, the first ones apart. inside_gap_...: the longest that the sleeper stood still
in a window in which gort stacks looked once, of twice the time that this takes, beside the longest
in one of the same length in which nobody looked; in pairs, each the other way round than the one
before. noise: from where to where eight of ten windows lie in which nobody looked; the floor of
that name is that the median with gort lies not above. A ratio above 1 means that gort is better.
FILE: the floors.
"""
import fcntl
import os
import pty
import re
import select
import shutil
import statistics
import struct
import subprocess
import tempfile
import termios
import time

from peerbench import arguments, finish, longest_gap, row, run

SIZES = (10000, 100000, 1000000)
DLV_SIZE = SIZES[0]
FEW = 10
G_SIZE = 456  # struct g of Go 1.26: probes/golayouttab.h
PARKED = 100000
SETTLED = 5  # seconds after which gort top knows its target
WINDOW = 4   # seconds of gort top in a sample
PAIRS = 21   # of windows of gaps


def dump(args, pid, work, *under):
    return run([*under, args.gort, "record", "-q", "-e", "goroutine", "-o", f"{work}/g.pb.gz",
                str(pid)])


def bytes_read(args, pid, work):
    """Of the memory of the process, by one dump."""
    trace = f"{work}/trace"
    dump(args, pid, work, "strace", "-f", "-e", "trace=process_vm_readv", "-o", trace)
    with open(trace, encoding="utf-8") as f:
        return sum(int(n) for n in re.findall(r"= (\d+)$", f.read(), re.MULTILINE))


def delve(args, pid, work):
    with open(f"{work}/commands", "w", encoding="ascii") as f:
        f.write("goroutines -t 64\nexit\n")
    with open(f"{work}/answers", "w", encoding="ascii") as f:
        f.write("n\n")  # the process goes on
    return run([args.dlv, "attach", str(pid), "--allow-non-terminal-interactive=true",
                "--init", f"{work}/commands"], f"{work}/answers")


def parked(args, size):
    return subprocess.Popen([args.target, "-n", str(size)], stdout=subprocess.PIPE, text=True)


def of_few(args, rounds, work):
    """KiB and bytes read of dumping FEW goroutines; None: strace is missing."""
    if not args.only.search(" ".join(f"inside_memory_{size}" for size in SIZES)):
        return None
    if not shutil.which("strace"):
        print("inside_memory: not measured, strace is missing")
        return None
    with parked(args, FEW) as target:
        target.stdout.readline()
        try:
            kib = [dump(args, target.pid, work)[2] for _ in range(rounds + 1)]
            return statistics.median(kib), bytes_read(args, target.pid, work)
        finally:
            target.kill()


def memory(args, size, kib, read, few):
    stacks = read - few[1] - 2 * G_SIZE * (size - FEW)
    row(args, f"inside_memory_{size}", "of the stacks",
        [(k - few[0]) * 1024 / stacks for k in kib])


def measure(args, size, few, rounds, work):
    name = f"inside_dump_{size}"
    remember = few if args.only.search(f"inside_memory_{size}") else None
    compared = size == DLV_SIZE and args.only.search(f"inside_dlv_{size}")
    if not args.only.search(name) and not compared and not remember:
        return
    with parked(args, size) as target:
        target.stdout.readline()
        try:
            dump(args, target.pid, work)  # and nothing is read from the disk afterwards
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(dump(args, target.pid, work))
                if compared:
                    theirs.append(delve(args, target.pid, work))
            read = bytes_read(args, target.pid, work) if remember else 0
        finally:
            target.kill()
    row(args, name, "ms", [1000 * cpu for _, cpu, _ in ours])
    row(args, name + "_kib", "KiB", [kib for _, _, kib in ours])
    if remember:
        memory(args, size, [kib for _, _, kib in ours], read, few)
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


def look(args, target):
    return run([args.gort, "stacks", "-q", str(target.pid)])[0]


def gap(args, target, seconds, looked_at):
    """ms of the longest in a window."""
    longest_gap(target)
    end = time.monotonic() + seconds
    if looked_at:
        look(args, target)
    time.sleep(max(0, end - time.monotonic()))
    return longest_gap(target) / 1e6


def gaps(args, kind, target):
    name = f"inside_gap_{kind}_{PARKED}"
    if not args.only.search(name):
        return
    seconds = 2 * max(look(args, target), look(args, target))  # the first one loads files
    windows = {True: [], False: []}
    for i in range(2 if args.quick else PAIRS):
        for looked_at in (i % 2 == 0, i % 2 == 1):
            windows[looked_at].append(gap(args, target, seconds, looked_at))
    tenths = statistics.quantiles(windows[False], n=10, method="inclusive")
    row(args, name, "ms", windows[True], (tenths[0], tenths[-1]), alone=windows[False])


def watch(args, kind, command, rounds):
    if not args.only.search(f"inside_top_{kind}_{PARKED} inside_gap_{kind}_{PARKED}"):
        return
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as target:
        target.stdout.readline()
        try:
            top(args, kind, target.pid, rounds)
            gaps(args, kind, target)
        finally:
            target.kill()


def main():
    args = arguments("gort", "dlv", "target", "go", "libgort")
    rounds = 1 if args.quick else args.rounds
    with tempfile.TemporaryDirectory() as work:
        few = of_few(args, rounds, work)
        for size in SIZES[:1] if args.quick else SIZES:
            measure(args, size, few, rounds, work)
    watch(args, "go", [args.go, "-parked", str(PARKED)], rounds)
    watch(args, "gort", [args.libgort, str(PARKED)], rounds)
    finish(args)


main()
