#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""go_suite.py [--toolchain goX.Y.Z] [--mode patch|farm|stock] [--procs N,N...] [--runs N]

Judges a detector by the race suite that comes with Go (runtime/race/testdata): each TestRace... has
to be reported, no TestNoRace... may be. Verdicts as in Go's own runner, race_test.go.

patch   the suite's binary as Go builds it, with libgort-race-go.so preloaded (default)
farm    built and run through `gort-race go`, with gort's detector linked in
stock   Go's own detector, for comparison

At one P every race must be found in every run. At more, the schedule decides whether the two
accesses of some tests happen unordered at all: there a race must be found in one of the runs. A
false alarm in any run fails. A goroutine that outlives its test may report under the name of the
next: what looks wrong is judged again alone, three times. A racy test may also make its program
panic, or end as a map then does: the tests after it run in another process. Exit status: 0 right,
1 wrong, 77 the toolchain cannot be had.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

BUILD = os.environ.get("GORT_BUILD", "build/release")
TIMEOUT = 400
# Its loop's state does race as these compilers make it, and Go's own detector says so.
REALLY_RACY = {"NoRaceRangeFuncIterator": ("1.23", "1.24")}


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--toolchain", default="")
    parser.add_argument("--mode", choices=("patch", "farm", "stock"), default="patch")
    parser.add_argument("--procs", default="1")
    parser.add_argument("--runs", type=int, default=1)
    return parser.parse_args()


def go_environment(toolchain):
    """The environment of one toolchain and where it lies."""
    env = {k: v for k, v in os.environ.items() if k not in ("GODEBUG", "GOROOT", "LD_PRELOAD")}
    if toolchain:
        env["GOTOOLCHAIN"] = toolchain
    found = subprocess.run(["go", "env", "GOROOT"], env=env, capture_output=True, text=True)
    if found.returncode:
        print(f"no toolchain {toolchain}: {found.stderr.strip()}")
        sys.exit(77)
    root = found.stdout.strip()
    return {**env, "GOROOT": root, "GOTOOLCHAIN": "local"}, root


def build(mode, env, root, exe):
    go = [f"{root}/bin/go"]
    if mode == "farm":
        go = [os.path.abspath(f"{BUILD}/bin/gort-race")] + go
        root = subprocess.run(go + ["env", "GOROOT"], env=env, check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()
    testdata = f"{root}/src/runtime/race/testdata"
    files = sorted(glob.glob(testdata + "/*_test.go"))
    command = go + ["test", "-race", "-c", "-o", exe] + files
    built = subprocess.run(command, cwd=testdata, env=env, capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"FAILED: cannot build the suite: {built.stderr[-2000:]}")
    return testdata


def execute(mode, env, exe, testdata, procs, *args):
    env = {**env, "GOMAXPROCS": procs, "GORACE": "suppress_equal_stacks=0 "
           "suppress_equal_addresses=0 atexit_sleep_ms=0"}
    if mode == "patch":
        env["LD_PRELOAD"] = os.path.abspath(f"{BUILD}/lib/libgort-race-go.so")
    p = subprocess.run([exe, "-test.v", *args], cwd=testdata, env=env, timeout=TIMEOUT,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p.returncode, p.stdout.decode("utf8", "replace")


def run_once(mode, env, exe, testdata, procs, done):
    """The outputs of the tests not done yet by name, up to one that panics; and whether all ran."""
    skip = [f"-test.skip=^Test({'|'.join(done)})$"] if done else []
    code, text = execute(mode, env, exe, testdata, procs, *skip)
    parts = re.split(r"(?m)^=== RUN   Test(\S+)$", text)
    outputs = dict(zip(parts[1::2], parts[2::2]))
    if code in (0, 1):
        return outputs, True
    if code == 2 and re.search(r"(?m)^(panic:|fatal error: concurrent map) ", parts[-1]):
        print(f"  Test{parts[-2]} panicked")
        return outputs, False
    sys.exit(f"FAILED: the suite crashed ({code}): {text[-3000:]}")


def run(mode, env, exe, testdata, procs):
    """The output of each test by name."""
    outputs, complete = {}, False
    while not complete:
        more, complete = run_once(mode, env, exe, testdata, procs, list(outputs))
        outputs.update(more)
    return outputs


def reports(text):
    return "DATA RACE" in text or "fatal error: concurrent map" in text


def verdicts(outputs, version):
    """(name, reported) of the tests that count; Go knows that TSan fails those named Failing."""
    for name, text in outputs.items():
        counts = re.match(r"(No)?Race", name) and "Failing" not in name and "--- SKIP:" not in text
        if counts and not version.startswith(REALLY_RACY.get(name, "?")):
            yield name, reports(text)


def reports_alone(mode, env, exe, testdata, procs, name):
    """In any of three runs; a race of the package's own initialization, before the test, does not
    count."""
    texts = [execute(mode, env, exe, testdata, procs, f"-test.run=^Test{name}$")[1]
             for _ in range(3)]
    return any(reports(text.partition(f"=== RUN   Test{name}\n")[2]) for text in texts)


def racy(name):
    return not name.startswith("No")


def judge(opt, env, exe, testdata, procs):
    found, missed, alarms, clean = set(), set(), set(), set()
    for _ in range(opt.runs):
        outputs = run(opt.mode, env, exe, testdata, procs)
        for name, reported in verdicts(outputs, opt.toolchain.removeprefix("go")):
            if reported != racy(name):
                reported = reports_alone(opt.mode, env, exe, testdata, procs, name)
            if racy(name):
                (found if reported else missed).add(name)
            else:
                (alarms if reported else clean).add(name)
    lost = missed if procs == "1" else missed - found
    print(f"{opt.toolchain or 'go'} {opt.mode} GOMAXPROCS={procs} runs={opt.runs}: races found "
          f"{len(found | missed) - len(lost)} of {len(found | missed)}, clean "
          f"{len(clean - alarms)} of {len(clean | alarms)}, missed once {len(missed)}")
    for name in sorted(lost):
        print(f"  missed: Test{name}")
    for name in sorted(alarms):
        print(f"  false alarm: Test{name}")
    return len(found) > 200 and not lost and not alarms


def main():
    opt = options()
    env, root = go_environment(opt.toolchain)
    with tempfile.TemporaryDirectory() as tmp:
        exe = f"{tmp}/suite.test"
        testdata = build(opt.mode, env, root, exe)
        right = [judge(opt, env, exe, testdata, procs) for procs in opt.procs.split(",")]
    sys.exit(not all(right))


main()
