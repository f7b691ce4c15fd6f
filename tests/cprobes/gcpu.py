#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds CPU profiles that `gort record` and `gort serve` take of a program on libgort (gcpu.c)
against what it executes, by `go tool pprof`.

usage: gcpu.py GORT GCPU
"""
import os
import re
import subprocess
import sys
import tempfile
import time

from attend import check, fetch, save, serving, start

PATIENCE = 120
SPENT = 2.0  # seconds of CPU time that a profile is to see, about 200 samples


def cpu_time(pid):
    """Seconds of CPU time, those of threads that have ended included."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(what, done):
    """Polls until done."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        check(time.monotonic() < deadline, "waited for", what)
        time.sleep(0.02)


def sampling(pid):
    """Whether gort has an event of the kernel open."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return any("perf_event" in link for link in links)


def stacks(program, path):
    """Seconds by stack, leaf first. The symbols of a stripped program are those of its twin."""
    twin = [program.removesuffix("-stripped")] if program.endswith("-stripped") else []
    force = ["-symbolize=force"] if twin else []
    done = subprocess.run(["go", "tool", "pprof", "-traces", *force, *twin, path],
                          capture_output=True, text=True, check=False)
    check(not done.returncode, done.stderr)
    found = []
    for block in done.stdout.split("-----------+")[1:]:
        lines = [line for line in block.splitlines()[1:] if line.strip()]
        if not lines:
            continue
        amount = re.match(r" *([\d.]+)(ms|s) +(.*)", lines[0])
        seconds = float(amount.group(1)) / (1000 if amount.group(2) == "ms" else 1)
        calls = [amount.group(3)] + [line.strip() for line in lines[1:]]
        found.append((seconds, [call.split(" ")[0].split(".")[0] for call in calls]))
    return found


def judge(program, path, used, least):
    """The profile has what the program does, and as much of it."""
    found = stacks(program, path)
    total = sum(seconds for seconds, _ in found)
    check(least * used < total < 1.4 * used, f"{total} s of {used} s", path)

    def of(*calls):
        return sum(s for s, stack in found if any(
            stack[i:i + len(calls)] == list(calls) for i in range(len(stack))))
    check(of("spin") > 0.9 * total, "spin", of("spin"), total)
    check(of("spin", "heavy", "burner") > 0.1 * total, "heavy", found)
    called_back = sum(s for s, stack in found if stack[:2] == ["spin", "compare"]
                      and "sorted" in stack and "burner" in stack)
    check(called_back > 0.1 * total, "compare", found)
    ends = {"goexit"}
    if program.endswith("-stripped"):  # pprof has no name in the twin for that of clang's builds
        ends.add("gomain")
    whole = sum(s for s, stack in found if "heavy" in stack and ends & set(stack))
    check(whole > 0.95 * of("heavy"), "stacks end", found)
    if not program.endswith("-stripped"):  # pprof finds no name for these in the twin
        check(of("spin", "deep", "deep", "deep") > 0.1 * total, "deep", found)
    print(f"{total:.2f} s of {used:.2f} s in {len(found)} stacks")


def record(gort, program, child, where):
    """gort record, until the program ends."""
    path = f"{where}/cpu.pb.gz"
    with start(gort, "record", "-q", "-e", "cpu", "-d", "600s", "-o", path, str(child.pid),
               stderr=subprocess.PIPE) as recorder:
        until("the first event", lambda: recorder.poll() is not None or sampling(recorder.pid))
        before = cpu_time(child.pid)
        until("samples", lambda: cpu_time(child.pid) > before + SPENT)
        used = cpu_time(child.pid) - before
        child.stdin.close()
        said = recorder.communicate()[1]
        check(recorder.returncode == 0, recorder.returncode, said)
    check(child.wait() == 0, "the program was harmed", child.returncode)
    judge(program, path, used, 0.6)


def serve(gort, program, pid, where):
    """gort serve, asked for something else meanwhile."""
    with serving(gort, pid) as (server, url):
        with start(sys.executable, "-c", "import sys, urllib.request as u\n"
                   "open(sys.argv[2], 'wb').write(u.urlopen(sys.argv[1]).read())",
                   f"{url}profile?seconds=5", f"{where}/served.pb.gz") as get:
            until("the first event", lambda: sampling(server.pid))
            before = cpu_time(pid)
            save(fetch(url + "goroutine", PATIENCE), f"{where}/goroutine.pb.gz")
            check(get.wait() == 0, "no profile")
        # The program goes on until what fetches the profile has ended.
        judge(program, f"{where}/served.pb.gz", cpu_time(pid) - before, 0.3)


def switched_off(gort, pid, where):
    """A refusal that says what, why."""
    done = subprocess.run([gort, "record", "-e", "cpu", "--without", "perf", "-o",
                           f"{where}/none.pb.gz", str(pid)], capture_output=True, text=True,
                          check=False)
    check(done.returncode == 5 and "perf_event is switched off" in done.stderr, done.stderr)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    gort, program = (os.path.abspath(path) for path in sys.argv[1:])
    with tempfile.TemporaryDirectory() as where:
        os.environ.update(PPROF_TMPDIR=where, PPROF_BINARY_PATH=where)
        with start(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            check(child.stdout.readline() == "ready\n", "the program does not start")
            switched_off(gort, child.pid, where)
            serve(gort, program, child.pid, where)
            record(gort, program, child, where)


if __name__ == "__main__":
    main()
