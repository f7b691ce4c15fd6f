#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""gleaks.py GORT PROGRAM scenes|patterns|twins|cores|NAME...: holds gort leaks, from outside and in
each way to look, against what libgort proves inside the same program (gleaks.c), where it stops.
cores: against the core of a scene that has crashed there."""
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

# Three looks in pairs; one at a process that stands; one that is confirmed so.
WAYS = [["-d", "20ms"], ["-n", "1", "--freeze"], ["-n", "1"]]


def what_it_says(program):
    """{goid: class} of a stop, and {goid: "leak" or "live"}; None when it has ended."""
    proved, named = {}, {}
    for line in program.stdout:
        if line == "ready\n":
            return proved, named
        goid, *rest = line.split()
        if rest[0] == "is":
            named[int(goid)] = rest[1]
        else:
            proved[int(goid)] = rest[0]
    return None


def busy(task):
    """It runs, or writes."""
    try:
        return (task / "syscall").read_text().split()[0] in ("running", "1")
    except (FileNotFoundError, ProcessLookupError):
        return True


def stands(pid):
    """It has said "ready" a moment before it waits for a byte: until then its stack is deeper, and
    what was called earlier may have left an address there."""
    end = time.monotonic() + 60
    while any(busy(task) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()):
        if time.monotonic() > end:
            sys.exit("gleaks.py: the program does not come to rest")
        time.sleep(0.001)


def judged(gort, way, target):
    run = subprocess.run([gort, "leaks", "--json", *way, str(target)], capture_output=True,
                         text=True)
    if run.returncode not in (0, 66):
        sys.exit(f"gleaks.py: gort leaks {way}: {run.returncode}: {run.stderr}")
    sites = json.loads(run.stdout)["sites"]
    return {g["id"]: site["class"] for site in sites for g in site["goroutines"]}


def look(gort, name, target, said, ways):
    """What is wrong."""
    proved, named = said
    wrong = []
    if named and "leak" not in {named.get(goid) for goid in proved}:
        wrong.append(f"{name}: no leak is proved inside")
    wrong += [f"{name}: goroutine {goid}, which is alive, is called {proved[goid]} inside"
              for goid, kind in named.items() if kind == "live" and goid in proved]
    for way in ways:
        found = judged(gort, way, target)
        if not found.keys() >= proved.keys() or any(
                proved.get(goid, "unreachable" if named.get(goid) == "leak" else None) != kind
                for goid, kind in found.items()):
            wrong.append(f"{name}: {' '.join(way)} says {found}, the program {proved}")
    return wrong


def play(gort, program, words):
    """Every stop of one; what is wrong, and how many leaks there were."""
    wrong, stops, leaks = [], 0, 0
    with subprocess.Popen([program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as run:
        while (said := what_it_says(run)) and not wrong:
            if words[-1] != "twin":  # some of these go on for ever
                stands(run.pid)
            wrong, stops = look(gort, " ".join(words), run.pid, said, WAYS), stops + 1
            leaks += len(said[0])
            run.stdin.write("\n")
            run.stdin.flush()
        if said:
            run.kill()
    if not said and run.returncode:
        wrong.append(f"{' '.join(words)}: ended with {run.returncode}")
    if not stops or (leaks > 0) != (words[-1] != "twin"):
        wrong.append(f"{' '.join(words)}: {stops} stops, {leaks} leaks")
    return wrong, leaks


def may_dump():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def crash(gort, program, words):
    """The same of the core that it leaves behind."""
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen([os.path.abspath(program), *words], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              cwd=folder, preexec_fn=may_dump) as run:
            said = what_it_says(run)
            stands(run.pid)
            run.send_signal(signal.SIGABRT)
            run.wait()
        core = os.path.join(folder, os.listdir(folder)[0])
        return look(gort, " ".join(words), core, said, [[]]), len(said[0])


def cores_come_here():
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as f:
        pattern = f.read().strip()
    return pattern and "/" not in pattern and not pattern.startswith("|")


def wanted(program, names):
    """The command lines of what is asked for."""
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    patterns = [line.split()[0] for line in lines.splitlines() if "twin" in line]
    scenes = [line for line in lines.splitlines() if "twin" not in line]
    cases = {"scenes": [[name] for name in scenes], "patterns": [[name] for name in patterns],
             "twins": [[name, "twin"] for name in patterns], "cores": [[name] for name in scenes]}
    return [words for name in names for words in cases.get(name, [[name]])]


def main(gort, program, *names):
    wrong, total, cases = [], 0, wanted(program, names)
    once = crash if "cores" in names else play
    if once is crash and not cores_come_here():
        print("core_pattern: the kernel writes no core into the folder of the process here")
        return 77
    for words in cases:
        more, leaks = once(gort, program, words)
        wrong, total = wrong + more, total + leaks
    print("\n".join(wrong) or f"{len(cases)} programs, {total} leaks, all right")
    return bool(wrong or not cases)


sys.exit(main(*sys.argv[1:]))
