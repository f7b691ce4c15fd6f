#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Looks into programs that never stand still, for as long as you like.

usage: restless.py GORT SECONDS TARGET...

Each TARGET (built from gotarget/, or ../cprobes/grestless.c) runs as one that creates and ends
goroutines at full speed, as one that executes itself anew all the time, as one that forks children,
and as one that soon exits. All commands of GORT look at one of them, then at the next: together
they would have all CPUs, and GORT none. GORT may find a program gone or unreadable, but must not
crash, hang, leak, or end with a code that says nothing: it is best built with sanitizers. The
programs must still run, unless they were meant to end.

It ends with the look that has begun when the time is over. However it ends, its programs do too.

Exit status: 0 all well, 1 not.
"""
import collections
import ctypes
import itertools
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

COMMANDS = ["stacks", "stacks --go", "stacks --json --all", "stacks --pause --go",
            "top --once -d 50ms", "gc -d 50ms", "sched --without bpf -d 50ms", "chans", "leaks",
            "leaks --held -n 1", "leaks --freeze", "heap", "ps",
            "record -e goroutine -o WORK/profile.pb.gz", "record -e heap -o WORK/heap.pb.gz"]
WAYS = {"busy": "-n 500 -busy 200", "exec": "-n 300 -busy 20 -restless exec",
        "fork": "-n 300 -busy 20 -restless fork", "exit": "-n 300 -busy 20 -restless exit"}
CODES = {0: "ok", 1: "undecided", 3: "gone", 5: "not readable", 66: "findings"}
TIMEOUT = 120  # seconds of one look, without those in which it only waits for a CPU
CPU_MAX = 60  # seconds of CPU of one look: it takes 0.2
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    """Holds across exec; children that a program forks in between end by themselves."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def look_limits():
    die_with_parent()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_MAX, CPU_MAX + 1))


def starved(pid):
    """Seconds that the threads of a process were ready to run and had no CPU."""
    waited = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            waited = max(waited, int(path.read_text().split()[1]))
        except (OSError, IndexError):
            pass  # it has just ended
    return waited / 1e9


def wait_for(process):
    """What it wrote to standard error; None when it did not end."""
    begun = time.monotonic()
    while True:
        try:
            return process.communicate(timeout=TIMEOUT / 10)[1]
        except subprocess.TimeoutExpired:
            if time.monotonic() - begun - starved(process.pid) < TIMEOUT:
                continue
        process.kill()
        process.communicate()
        return None


class Target:
    """One program, started again whenever it has ended; ended at the end of a with."""

    def __init__(self, path, way):
        self.command = [path, *WAYS[way].split()]
        self.way = way
        self.process = None

    def pid(self):
        if self.process and self.process.poll() is not None and self.way != "exit":
            sys.exit(f"{' '.join(self.command)} ended with {self.process.returncode}")
        if not self.process or self.process.poll() is not None:
            self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL, process_group=0,
                                            preexec_fn=die_with_parent)
        return str(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


def look(gort, command, pid, work, seen):
    """One look; whether all was well."""
    words = command.replace("WORK", str(work)).split()
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:exitcode=99",
               UBSAN_OPTIONS="halt_on_error=1:exitcode=99")
    words += [] if command == "ps" else [pid]
    done = subprocess.Popen([gort, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True, env=env, preexec_fn=look_limits)
    stderr = wait_for(done)
    if stderr is None:
        print(f"gort {' '.join(words)}: still there after {TIMEOUT} s")
        return False
    seen[command.split()[0], CODES.get(done.returncode, str(done.returncode))] += 1
    if done.returncode in CODES and "Sanitizer" not in stderr:
        return True
    print(f"gort {' '.join(words)}: exit {done.returncode}\n{stderr[-3000:]}")
    return False


def soak(gort, seconds, targets, work):
    seen, bad, looks, end = collections.Counter(), 0, 0, time.monotonic() + seconds
    for target in itertools.cycle(targets):
        with target:
            for command in COMMANDS:
                if time.monotonic() >= end or bad >= 5:
                    break
                bad += not look(gort, command, target.pid(), work, seen)
                looks += 1
            else:
                continue
        break
    for (command, what), n in sorted(seen.items()):
        print(f"{command:8} {what:12} {n}")
    print(f"{looks} looks, {bad} bad")
    return bad


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    targets = [Target(os.path.abspath(path), way) for path in sys.argv[3:] for way in WAYS]
    with tempfile.TemporaryDirectory() as work:
        bad = soak(sys.argv[1], float(sys.argv[2]), targets, pathlib.Path(work))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
