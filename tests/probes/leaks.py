#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""leaks.py GORT PROGRAM: holds gort leaks against what the goroutines of the program (goleaks/) say
of themselves."""
import json
import subprocess
import sys

CLASS = {"leak": "unreachable", "forever": "blocked-forever", "live": None}


def what_it_says(program):
    said = {}
    for line in program.stdout:
        if line == "ready\n":
            return said
        kind, goid, name = line.split()
        said[int(goid)] = (kind, name)
    sys.exit("leaks.py: the program ended before it was ready")


def judged(gort, pid):
    """{goid: class} as gort leaks has it; three looks, since that is what a verdict is."""
    run = subprocess.run(
        [gort, "leaks", "--json", "-d", "100ms", str(pid)], capture_output=True, text=True)
    if run.returncode != 66:
        sys.exit(f"leaks.py: gort leaks ended with {run.returncode}, not 66: {run.stderr}")
    sites = json.loads(run.stdout)["sites"]
    return {g["id"]: site["class"] for site in sites for g in site["goroutines"]}


def held_wrongly(gort, pid, said):
    """What is wrong with the reasons that gort gives for goroutines that are no leaks: each ends
    at something that lives by itself."""
    run = subprocess.run([gort, "leaks", "--json", "--held", "-n", "1", str(pid)],
                         capture_output=True, text=True)
    wrong, names = [], set()
    for site in json.loads(run.stdout)["held"]:
        last, who = site["held_by"][-1], said.get(site["goroutine"], ("", "?"))[1]
        if last["by"] == "object":
            wrong.append(f"goroutine {site['goroutine']} ({who}) is held by {site['held_by']}")
        names |= {last["name"]} if last["by"] == "variable" else set()
    names.discard(None)
    if "-symbols" in sys.argv[2] and "main.keptMutex" not in names:
        wrong.append(f"no variable is named main.keptMutex: {names}")
    return wrong


def main(gort, path):
    """What a goroutine that runs right then has left over on its stack may hide a leak: another
    verdict finds it. None may name one that is alive."""
    with subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        said, found = what_it_says(program), {}
        for _ in range(5):
            found |= judged(gort, program.pid)
            if all(found.get(goid) == CLASS[kind] for goid, (kind, _) in said.items()):
                break
        wrong = held_wrongly(gort, program.pid, said)
        program.stdin.close()
    wrong += [f"goroutine {goid} ({kind} {name}) is judged {found.get(goid)}"
             for goid, (kind, name) in said.items() if found.get(goid) != CLASS[kind]]
    wrong += [f"goroutine {goid} is none of the program's own: {found[goid]}"
              for goid in found if goid not in said]
    print("\n".join(wrong) or f"{len(said)} goroutines, {len(found)} of them leaked, all right")
    return bool(wrong or len(said) < 80 or "unreachable" not in found.values())


sys.exit(main(*sys.argv[1:]))
