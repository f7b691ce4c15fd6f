#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""leakcorpus.py GORT SUITE [GOVERSION [PROGRAM...]]: Go's own programs with goroutine leaks, judged
twice.

SUITE is simple or goker, of the testdata of Go's goroutineleak profile, as the toolchain GOVERSION
(1.27.0) has it. Each program is held where it is about to write its own profile; gort leaks looks
at it from outside, then it goes on and the profile says what Go's detector finds. A goroutine that
only Go found is missed; one that only gort found is right when Go found others at the same place of
the same program, or when it is one of those that Go is known not to find (KNOWN).

Versions before 1.26 have no such profile. There the program is built with ORACLE, too, and whoever
waits at a place where that one's detector finds leaks is one that gort has to find.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HOLD = """package pprof

import (
	"io"
	"os"
	"runtime/pprof"
	"time"
)

type Profile struct{ p *pprof.Profile }

func Lookup(name string) *Profile { return &Profile{pprof.Lookup(name)} }

func (p *Profile) WriteTo(w io.Writer, debug int) error {
	time.Sleep(300 * time.Millisecond)
	os.Stderr.WriteString("held\\n")
	os.Stdin.Read(make([]byte, 1))
	if p.p != nil {
		p.p.WriteTo(os.Stderr, 2)
	}
	os.Exit(0)
	return nil
}
"""

# What Go's detector leaves out: locks in shared blocks of tiny objects, deferred calls that hold
# the channel of their own goroutine.
KNOWN = re.compile(r"Mutex|Once|Defer")

ORACLE = "1.26.8"
ORACLE_RUNS = 10  # some leaks come but now and then
HAS_PROFILE = ("1.26", "1.27")
WAITS = re.compile(r"chan |select|sync\.|semacquire")


def copy(suite, work):
    """The programs with a profile that holds them, and their names."""
    root = subprocess.check_output(["go", "env", "GOROOT"], text=True,
                                   env=dict(os.environ, GOTOOLCHAIN="go" + ORACLE)).strip()
    data = os.path.join(root, "src/runtime/testdata/testgoroutineleakprofile")
    source = os.path.join(work, "corpus")
    shutil.copytree(os.path.join(data, "goker") if suite == "goker" else data, source,
                    ignore=None if suite == "goker" else shutil.ignore_patterns("goker"))
    names = []
    for name in sorted(os.listdir(source)):
        if name.endswith(".go"):
            path = os.path.join(source, name)
            os.chmod(path, 0o644)
            with open(path, encoding="utf-8") as f:
                text = f.read()
            names += re.findall(r'register\("(\w+)"', text)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text.replace('"runtime/pprof"', '"corpus/pprof"'))
    os.mkdir(os.path.join(source, "pprof"))
    with open(os.path.join(source, "pprof/hold.go"), "w", encoding="utf-8") as f:
        f.write(HOLD)
    with open(os.path.join(source, "go.mod"), "w", encoding="utf-8") as f:
        f.write("module corpus\n\ngo 1.22\n")
    return source, names


def build(source, version):
    env = dict(os.environ, GOTOOLCHAIN="go" + version, CGO_ENABLED="0", GOFLAGS="-mod=mod")
    program = os.path.join(source, "program-" + version)
    if version.startswith("1.26"):
        env["GOEXPERIMENT"] = "goroutineleakprofile"
    command = ["go", "build", "-ldflags=-s -w", "-o", program, "."]
    subprocess.check_call(command, cwd=source, env=env)
    return program


def site_of(func, file, line):
    """The creator's line; of Go's own packages the function, whose line depends on the version."""
    return f"{file}:{line}" if "/corpus/" in file else func


def go_found(text):
    """{goid: site} of a goroutineleak profile with debug=2."""
    found = {}
    for block in text.split("\n\n"):
        head = re.match(r"goroutine (\d+) .*\[.*leaked", block)
        if head and head[1] != "1":
            created = re.search(r"created by (.*?)(?: in goroutine \d+)?\n\s+(\S+):(\d+)", block)
            found[int(head[1])] = site_of(*created.groups()) if created else ""
    return found


def gort_found(gort, pid):
    run = subprocess.run([gort, "leaks", "--json", "-n", "2", "-d", "300ms", str(pid)],
                         capture_output=True, text=True)
    if run.returncode not in (0, 66):
        sys.exit(f"leakcorpus.py: gort leaks: {run.returncode}: {run.stderr}")
    found = {}
    for site in json.loads(run.stdout)["sites"]:
        created = site.get("created_by") or {}
        place = site_of(created.get("func"), created.get("file") or "", created.get("line"))
        for g in site["goroutines"]:
            found[g["id"]] = place
    return found


def settle(pid):
    """Waits until the process has stood still for a while: its goroutines have got stuck. On a
    machine that is busy, one that waits for a CPU uses none either."""
    used, still, until = -1, 0, time.monotonic() + 30
    while still < 3 and time.monotonic() < until:
        stats = [s.rsplit(")", 1)[1].split() for s in stats_of(pid)]
        now = sum(int(s[11]) + int(s[12]) for s in stats)
        still = still + 1 if now == used and not any(s[0] == "R" for s in stats) else 0
        used = now
        time.sleep(0.1)


def stats_of(pid):
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/stat", encoding="utf-8") as f:
                yield f.read()
        except OSError:
            pass


def held(program, name):
    p = subprocess.Popen([program, name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if line == "held\n":
            settle(p.pid)
            return p
    p.wait()
    return None


def finish(p):
    """What its own detector finds."""
    p.stdin.write("\n")
    p.stdin.flush()
    theirs = go_found(p.stderr.read())
    p.wait()
    return theirs


def waiting(gort, pid):
    """{goid: site} of goroutines that only another one can wake."""
    run = subprocess.run([gort, "stacks", "--json", str(pid)], capture_output=True, text=True,
                         check=True)
    found = {}
    for group in json.loads(run.stdout)["groups"]:
        created = group.get("created_by") or {}
        if WAITS.match(group["state"]):
            place = site_of(created.get("func"), created.get("file") or "", created.get("line"))
            found |= {g["id"]: place for g in group["goroutines"]}
    return found


def judge(gort, program, oracle, name):
    """What gort finds and what it should, {goid: site} each; None when that cannot be told."""
    p = held(program, name)
    if not p:
        return None
    ours = gort_found(gort, p.pid)
    if not oracle:
        return ours, finish(p)
    stuck = waiting(gort, p.pid)
    finish(p)
    sites = set()
    for _ in range(ORACLE_RUNS):
        p = held(oracle, name)
        sites |= set(finish(p).values()) if p else set()
        if sites.issuperset(ours.values()):
            break
    if not sites:
        return None  # a bug that did not come there: nothing to judge by
    return ours, {g: site for g, site in stuck.items() if site in sites}


def main(gort, suite, version="1.27.0", *only):
    total = dict(go=0, gort=0, missed=0, beyond=0, false=0, programs=0, ended=0)
    with tempfile.TemporaryDirectory() as work:
        source, names = copy(suite, work)
        program = build(source, version)
        oracle = None if version.startswith(HAS_PROFILE) else build(source, ORACLE)
        for name in only or names:
            judged = judge(gort, program, oracle, name)
            if not judged:
                total["ended"] += 1
                continue
            ours, theirs = judged
            missed, beyond = theirs.keys() - ours.keys(), ours.keys() - theirs.keys()
            false = {g for g in beyond
                     if ours[g] not in theirs.values() and not KNOWN.search(name)}
            if missed or false:
                print(f"{name}: Go {len(theirs)}, gort {len(ours)}, missed {len(missed)}, "
                      f"beyond {len(beyond)}, false {sorted(ours[g] for g in false)[:3]}")
            total["programs"] += 1
            total["go"] += len(theirs)
            total["gort"] += len(ours)
            total["missed"] += len(missed)
            total["beyond"] += len(beyond)
            total["false"] += len(false)
    print(suite, version, " ".join(f"{k} {v}" for k, v in total.items()))
    most = total["go"] / 100 if oracle else total["beyond"]
    return bool(total["false"] or total["missed"] > most or total["go"] < (1 if only else 100))


sys.exit(main(*sys.argv[1:]))
