#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds the profiles that `gort record` and `gort serve` read out of a program on libgort (gprof.c)
against those that it writes of itself: each sample's stack, values and label, by `go tool pprof`.

usage: gprof.py GORT GPROF [cores]
cores: also read out of the core that it leaves behind when it crashes.
"""
import glob
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile

from attend import check, fetch, save, serving, start

# What `gort record -e` calls it: what serve does.
PROFILES = {"heap": "heap", "alloc": "allocs", "block": "block", "mutex": "mutex"}
# How the texts of serve begin.
TEXTS = {"heap": "heap profile: ", "allocs": "heap profile: ",
         "block": "--- contention:\ncycles/second=1000000000\n",
         "mutex": "--- mutex:\ncycles/second=1000000000\nsampling period=1\n"}
# Of all objects, what the functions of gprof.c have allocated.
COUNTS = {"keeper": 544, "dropper": 8000, "large": 30}


def run(*argv, code=0):
    """The standard output and error of a command that is to end with code."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    check(done.returncode == code, *argv, done.returncode, done.stderr)
    return done.stdout, done.stderr


def raw(path):
    """The lines before the samples, and the samples by addresses and label."""
    text, _ = run("go", "tool", "pprof", "-raw", "-symbolize=none", path)
    head, rest = text.split("Samples:\n")
    samples, locations = rest.split("Locations\n")
    address = dict(re.findall(r"^ *(\d+): (0x[0-9a-f]+) ", locations, re.M))
    found, key = {}, None
    for line in samples.splitlines()[1:]:
        values = re.match(r" *([-\d ]+): ([\d ]*)$", line)
        if not values:
            found[key + (line.strip(),)] = found.pop(key)
            continue
        key = tuple(address[n] for n in values.group(2).split())
        found[key] = [int(v) for v in values.group(1).split()]
    return re.sub(r"(Time|Duration):.*\n", "", head), samples.splitlines()[0], found


def compare(name, ours, theirs):
    """The two profiles are one."""
    got, want = raw(ours), raw(theirs)
    check(got[:2] == want[:2], name, got[:2], want[:2])
    check(want[2], name, "the program has no samples")
    for key, values in want[2].items():
        check(got[2].get(key) == values, name, key, got[2].get(key), values)
    check(len(got[2]) == len(want[2]), name, "gort invents", set(got[2]) - set(want[2]))
    print(f"{name}: {len(want[2])} stacks alike")


def top(path):
    """What each function has allocated itself, in objects."""
    text, _ = run("go", "tool", "pprof", "-sample_index=alloc_objects", "-nodefraction=0", "-top",
                  path)
    return {line.split()[5].split(".")[0]: int(line.split()[0])
            for line in text.splitlines() if re.match(r" +\d+ ", line)}


def may_dump():
    """A core, however large."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def cores_come_here():
    """Whether the kernel writes cores into the folder of the process."""
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        pattern = file.read().strip()
    return pattern and "/" not in pattern and not pattern.startswith("|")


def crash(gort, child, where):
    """Ends the program; its core has the same profiles."""
    child.send_signal(signal.SIGABRT)
    child.wait()
    core = glob.glob(f"{where}/*core*")
    check(len(core) == 1, "no core", os.listdir(where))
    for event in PROFILES:
        run(gort, "record", "-q", "-e", event, "-o", f"{where}/cored.pb.gz", core[0])
        compare(f"{event} of the core", f"{where}/cored.pb.gz", f"{where}/{event}.pb.gz")


def judge(gort, program, rate, where, symbols):
    """One run of the program, which samples one byte and nanosecond in `rate`."""
    debug = f"memprofilerate={rate},blockprofilerate={rate},mutexprofilefraction={min(rate, 1)}"
    env = dict(os.environ, GORT_DEBUG=debug, ASAN_OPTIONS="detect_leaks=0")
    with start(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=where,
               preexec_fn=may_dump) as child:
        check(child.stdout.readline() == "ready\n", "the program does not start")
        pid = str(child.pid)
        if rate == 0:
            _, said = run(gort, "record", "-e", "heap", "-o", f"{where}/none.pb.gz", pid, code=5)
            check("records no allocations" in said and "memprofilerate=0" in said, said)
            for event in ("block", "mutex"):
                _, said = run(gort, "record", "-e", event, "-o", f"{where}/none.pb.gz", pid, code=1)
                check(f"GORT_DEBUG={event}profile" in said, said)
            _, said = run(gort, "record", "-e", "threadcreate", "-o", f"{where}/none.pb.gz", pid,
                          code=5)
            check("records none" in said and "gort chans" in said, said)
            child.kill()
            return
        for event in PROFILES:
            run(gort, "record", "-q", "-e", event, "-o", f"{where}/ours-{event}.pb.gz", pid)
        if rate == 1:
            serve(gort, pid, where)
        child.stdin.write(f"{where}\n")
        child.stdin.flush()
        check(child.stdout.readline() == "done\n", "the program writes nothing")
        for event, name in PROFILES.items():
            compare(event, f"{where}/ours-{event}.pb.gz", f"{where}/{event}.pb.gz")
            if rate == 1:
                compare(f"served {name}", f"{where}/served-{name}.pb.gz", f"{where}/{event}.pb.gz")
        if rate != 1 and "cores" in sys.argv and cores_come_here():
            crash(gort, child, where)
            return
        child.stdin.close()
        check(child.wait() == 0, "the program was harmed", child.returncode)
    if rate == 1 and symbols:
        found = top(f"{where}/ours-heap.pb.gz")
        for name, count in COUNTS.items():
            check(found.get(name) == count, name, found)
        for event in ("block", "mutex"):
            text, _ = run("go", "tool", "pprof", "-top", "-cum", "-nodefraction=0",
                          f"{where}/ours-{event}.pb.gz")
            check("Type: delay" in text and re.search(r" locker\b", text), text)


def serve(gort, pid, where):
    """Fetches each profile of `gort serve`, and its text."""
    with serving(gort, pid) as (_, url):
        for name in PROFILES.values():
            save(fetch(url + name), f"{where}/served-{name}.pb.gz")
            text = fetch(url + name + "?debug=1").decode()
            check(text.startswith(TEXTS[name]), text)
            check(("# runtime.MemStats" in text) == (name in ("heap", "allocs")), text)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    gort, program = (os.path.abspath(path) for path in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as where:
        os.environ["PPROF_TMPDIR"] = where
        stripped = program.endswith("-stripped")
        for rate in (1, 4096, 0):
            judge(gort, program, rate, where, not stripped)


if __name__ == "__main__":
    main()
