#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds what gort reads out of a core file against the process that it is of.

usage: core.py GORT CASE TARGET [TARGET-ARG...]

TARGET is a program that prints "ready ..." or "ready": gotarget or gtarget. CASE:
  crash   SIGABRT with GOTRACEBACK=crash: all goroutines, running ones too, are those of the dump
          that the Go program prints of itself; the other commands say what they said before
  libgort SIGABRT: what stood still is as it was, and the running goroutine has a stack
  parts   the executable is gone, elsewhere or another one; the core is cut off, or needs no file
  gcore   gdb's gcore of a process that goes on
Exit 77 when the kernel does not write cores into files here.
"""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare  # noqa: E402 (a neighbour)


def gort(*args):
    return subprocess.run([sys.argv[1], *args], capture_output=True, text=True, check=False)


def read(*args):
    done = gort(*args)
    if done.returncode:
        sys.exit(f"core.py: gort {' '.join(args)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def may_dump(core_filter):
    def prepare():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
        with open("/proc/self/coredump_filter", "w", encoding="ascii") as f:
            f.write(core_filter)
    return prepare


def kernel_writes_files():
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as f:
        pattern = f.read().strip()
    return pattern and "/" not in pattern and not pattern.startswith("|")


class Target:
    """A target in a folder of its own, where its core comes to lie."""

    def __init__(self, command, core_filter="0x33", name=None):
        self.dir = tempfile.mkdtemp(prefix="gort-core.", dir=os.environ.get("GORT_BUILD"))
        self.exe = command[0]
        if name:
            self.exe = os.path.join(self.dir, name)
            shutil.copy(command[0], self.exe)
        self.own = open(os.path.join(self.dir, "own"), "w", encoding="utf-8")
        env = {**os.environ, "GOTRACEBACK": "crash", "GODEBUG": "tracebacklabels=1"}
        self.process = subprocess.Popen(
            [self.exe, *command[1:]], cwd=self.dir, env=env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.own, text=True,
            preexec_fn=may_dump(core_filter))
        if not self.process.stdout.readline().startswith("ready"):
            sys.exit(f"core.py: {self.exe} did not start")
        self.pid = str(self.process.pid)

    def stand_still(self):
        """What gort says once nothing moves any more but what never stands."""
        with tempfile.NamedTemporaryFile(dir=self.dir) as out:
            compare.read_quiet(sys.argv[1], self.pid, out)
            return compare.parse(out.name)

    def crash(self):
        self.process.send_signal(signal.SIGABRT)
        self.process.wait(timeout=120)
        self.own.flush()
        for name in os.listdir(self.dir):
            if name.startswith("core"):
                return os.path.join(self.dir, name)
        return sys.exit("core.py: no core was written")

    def stacks(self, core, *args):
        path = os.path.join(self.dir, "stacks")
        with open(path, "w", encoding="utf-8") as f:
            f.write(read("stacks", "--go", *args, core))
        return compare.parse(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.own.close()
        shutil.rmtree(self.dir)


REGISTER = re.compile(r"r\w+ +0x|[cfg]s +0x")

# Registers are roots in a core: what is garbage or leaked in a running process may live there.
PASSING = {"when_ns", "window_ns", "core", "wait_median_ns", "wait_max_ns", "since_last_ns",
           "live_bytes", "live_objects", "leaked_bytes", "leaked_objects"}


def facts(value):
    """A document without what depends on when and how it was read."""
    if isinstance(value, dict):
        return {k: facts(v) for k, v in value.items()
                if k not in PASSING and not k.endswith("_per_s")}
    return [facts(v) for v in value] if isinstance(value, list) else value


def figures(target):
    """What the commands say of a process or a core."""
    said = {}
    for command in (["gc", "-d", "1ms"], ["chans"], ["heap"]):
        said[command[0]] = facts(json.loads(read(*command, "--json", target)))
    return said


def leaked(target, *args):
    """The goroutines of a target that are found to be leaked."""
    done = gort("leaks", "--json", *args, target)
    if done.returncode != 66:
        sys.exit(f"core.py: gort leaks {target}: exit {done.returncode} {done.stderr}")
    return {g["id"] for site in json.loads(done.stdout)["sites"] for g in site["goroutines"]}


def same_facts(before, after):
    for command, said in before.items():
        for key, value in said.items():
            if value != after[command].get(key):
                sys.exit(f"core.py: {command}: {key}: {str(value)[:300]}\n   in the core: "
                         f"{str(after[command].get(key))[:300]}")


def same_leaks(before, after):
    if after - before or len(after) < 0.9 * len(before):
        sys.exit(f"core.py: {len(before)} leaked goroutines, in the core {len(after)}, of them "
                 f"{len(after - before)} others")


def same_goroutines(own, ours):
    """Of Go's own dump, all of them; threads add their registers to it."""
    own.pop(0, None)
    for goid, lines in own.items():
        lines = [line for line in lines if not REGISTER.match(line)]
        elsewhere = any("stack unavailable" in line for line in lines)
        if ours.get(goid) != lines and not elsewhere and not compare.wakes(lines):
            sys.exit(f"core.py: goroutine {goid}\n  own {lines}\ngort {ours.get(goid)}")
    if ours.keys() - own.keys() or len(own) < 100:
        sys.exit(f"core.py: {len(own)} goroutines in its own dump, {len(ours)} in the core")


def case_crash(command):
    with Target(command) as t:
        t.stand_still()
        before, leaks = figures(t.pid), leaked(t.pid, "-n", "1")
        core = t.crash()
        same_goroutines(compare.parse(t.own.name), t.stacks(core))
        same_facts(before, figures(core))
        same_leaks(leaks, leaked(core))
        row = json.loads(read("ps", "--json", core))["processes"][0]
        if row["kind"] != "go" or row["goroutines"] is None or row["rss_bytes"] is not None:
            sys.exit(f"core.py: ps: {row}")


def case_libgort(command):
    with Target(command) as t:
        before = t.stand_still()
        t.stacks(core := t.crash())
        after = t.stacks(core)
        for goid, lines in before.items():
            if "running" in compare.state(lines):
                if not any("spinner" in line or "+0x" in line for line in after[goid]):
                    sys.exit(f"core.py: no stack of a running goroutine: {after[goid]}")
            elif lines[1:] != after.get(goid, [])[1:]:
                sys.exit(f"core.py: goroutine {goid}\nthen {lines}; now {after.get(goid)}")


def expect(done, code, *texts):
    for text in texts:
        if done.returncode != code or text not in done.stderr:
            sys.exit(f"core.py: not exit {code} with '{text}': {done.returncode} {done.stderr}")


def elsewhere(t, core, whole):
    """The executable was moved, and then another one was put in its place."""
    moved = os.path.join(t.dir, "moved")
    os.rename(t.exe, moved)
    expect(gort("stacks", core), 5, "is not in the core", "is not here", "--exe FILE")
    if t.stacks(core, "--exe", moved) != whole:
        sys.exit("core.py: --exe makes a difference")
    shutil.copy(sys.argv[1], t.exe)
    expect(gort("stacks", core), 5, "is another build")


def cut_off(t, core, whole):
    """Half of it is there: the heads of all goroutines or an error that says why not."""
    moved = os.path.join(t.dir, "moved")
    size = os.path.getsize(core)
    for part in 0.05, 0.5, 0.9:
        os.truncate(core, int(size * part))
        done = gort("stacks", "--go", "--exe", moved, core)
        if done.returncode not in (0, 5) or "is cut off" not in done.stderr:
            sys.exit(f"core.py: {part} of a core: {done.returncode} {done.stderr}")
        shutil.copy(core + ".whole", core)
    if t.stacks(core, "--exe", moved) != whole:
        sys.exit("core.py: the whole core is not what it was")


def case_parts(command):
    with Target(command, name="shop") as t:
        core = t.crash()
        whole = t.stacks(core)
        shutil.copy(core, core + ".whole")
        elsewhere(t, core, whole)
        cut_off(t, core, whole)
        expect(gort("top", "--once", core), 5, "looks at a process that runs")
        expect(gort("stacks", "--exe", t.exe, "1"), 2, "--exe goes with a core file")
        expect(gort("stacks", t.exe), 5, "is no core file", "it is a program")
    with Target(command, core_filter="0x7f", name="shop") as t:
        core = t.crash()
        whole = t.stacks(core)
        os.unlink(t.exe)
        if t.stacks(core) != whole:
            sys.exit("core.py: a core that has it all needs its executable")


def case_gcore(command):
    with Target(command) as t:
        before = t.stand_still()
        subprocess.run(["gcore", "-o", "core", t.pid], cwd=t.dir, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = t.stacks(os.path.join(t.dir, "core." + t.pid))
        wrong = [goid for goid, lines in compare.quiet(before).items()
                 if after.get(goid, [""])[1:] != lines[1:]]
        if wrong or not before:
            sys.exit(f"core.py: not as they were: goroutines {wrong}")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    case = sys.argv[2]
    if case != "gcore" and not kernel_writes_files():
        print("core_pattern: the kernel writes no core into the folder of the process here")
        sys.exit(77)
    globals()["case_" + case](sys.argv[3:])


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{sys.argv[2]}: agreed in {time.monotonic() - started:.1f} s")
