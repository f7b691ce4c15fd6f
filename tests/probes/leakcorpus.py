#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""leakcorpus.py GORT SUITE [GOVERSION]: Go's own programs with goroutine leaks, judged twice.

SUITE is simple or goker, of the testdata of Go's goroutineleak profile, as the toolchain GOVERSION
(1.27.0) has it. Each program is held where it is about to write its own profile; gort leaks looks
at it from outside, then it goes on and the profile says what Go's detector finds. A goroutine that
only Go found is missed; one that only gort found is right when Go found others at the same place of
the same program, or when it is one of those that Go is known not to find (KNOWN).
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
	p.p.WriteTo(os.Stderr, 2)
	os.Exit(0)
	return nil
}
"""

# What Go's detector leaves out: locks in shared blocks of tiny objects, deferred calls that hold
# the channel of their own goroutine.
KNOWN = re.compile(r"Mutex|Once|Defer")


def build(suite, version, work):
    env = dict(os.environ, GOTOOLCHAIN="go" + version, CGO_ENABLED="0", GOFLAGS="-mod=mod")
    root = subprocess.check_output(["go", "env", "GOROOT"], env=env, text=True).strip()
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
    program = os.path.join(work, "program")
    if version.startswith("1.26"):
        env["GOEXPERIMENT"] = "goroutineleakprofile"
    command = ["go", "build", "-ldflags=-s -w", "-o", program, "."]
    subprocess.check_call(command, cwd=source, env=env)
    return program, names


def go_found(text):
    """{goid: site} of a goroutineleak profile with debug=2; the site is the creator's line."""
    found = {}
    for block in text.split("\n\n"):
        head = re.match(r"goroutine (\d+) .*\[.*leaked", block)
        if head and head[1] != "1":
            created = re.search(r"created by .*\n\s+(\S+)", block)
            found[int(head[1])] = created[1] if created else ""
    return found


def gort_found(gort, pid):
    run = subprocess.run([gort, "leaks", "--json", "-n", "2", "-d", "300ms", str(pid)],
                         capture_output=True, text=True)
    if run.returncode not in (0, 66):
        sys.exit(f"leakcorpus.py: gort leaks: {run.returncode}: {run.stderr}")
    found = {}
    for site in json.loads(run.stdout)["sites"]:
        created = site.get("created_by") or {}
        place = f"{created.get('file')}:{created.get('line')}"
        for g in site["goroutines"]:
            found[g["id"]] = place
    return found


def settle(pid):
    """Waits until the process has used no CPU for a while: its goroutines have got stuck."""
    used, until = -1, time.monotonic() + 30
    while time.monotonic() < until:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            now = sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        if now == used:
            return
        used = now
        time.sleep(0.2)


def held(program, name):
    p = subprocess.Popen([program, name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if line == "held\n":
            settle(p.pid)
            return p
    p.wait()
    return None


def main(gort, suite, version="1.27.0"):
    total = dict(go=0, gort=0, missed=0, beyond=0, false=0, programs=0, ended=0)
    with tempfile.TemporaryDirectory() as work:
        program, names = build(suite, version, work)
        for name in names:
            p = held(program, name)
            if not p:
                total["ended"] += 1
                continue
            ours = gort_found(gort, p.pid)
            p.stdin.write("\n")
            p.stdin.flush()
            theirs = go_found(p.stderr.read())
            p.wait()
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
    return bool(total["false"] or total["missed"] > total["beyond"] or total["go"] < 100)


sys.exit(main(*sys.argv[1:]))
