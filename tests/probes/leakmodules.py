#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""leakmodules.py GORT_LEAK MODULE@VERSION...: the tests of real modules, judged by gort-leak from
outside and by goleak (go.uber.org/goleak) from inside: both must name the same goroutines.

Each package is judged as it is and, so that one known leak is in every table, with a leak planted
after its tests. goleak's rule is class extra; unreachable are those of them that gort proves. Where
the two differ the state of the goroutine must be the reason (REASONS). Packages with a TestMain of
their own are left out, as goleak is put in by one.
"""
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

GOLEAK = "go.uber.org/goleak@v1.3.0"

# Find and not VerifyTestMain: goleak's own tests leave that one without its os.Exit.
TEST_MAIN = """package %s_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func planted(c chan int) { c <- 1 }

//go:noinline
func plant() { go planted(make(chan int)) }

func waits() bool {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for _, g := range strings.Split(string(buf), "\\n\\n") {
		if strings.Contains(g, "[chan send") && strings.Contains(g, "_test.planted(") {
			return true
		}
	}
	return false
}

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("PLANT") != "" {
		for plant(); !waits(); {
			time.Sleep(time.Millisecond)
		}
	}
	if os.Getenv("GOLEAK") != "" && code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Println("goleak:", err)
			code = 1
		}
	}
	os.Exit(code)
}
"""

# Some of their tests depend on time, and fail by themselves on a busy machine; and a goroutine that
# a ticker wakes each millisecond is on its way in some of gort's looks: it must be named in one.
TRIES = 5

# Who is named by one of the two only, and why that is right.
REASONS = {
    "goleak": (("running", "runnable"), "goes on, and gort looks once: it could end at once"),
    "gort": (("sleep", "select", "chan receive", "IO wait"),
             "ended while goleak looked again, for 0.43 s; gort looks once, at the end"),
}


def run(*command, cwd, check=True, **env):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=check,
                          env=dict(os.environ, CGO_ENABLED="0", GOFLAGS="-mod=mod", **env))


def copy(module, work):
    found = json.loads(run("go", "mod", "download", "-json", module, cwd=work).stdout)
    source = os.path.join(work, module.replace("/", "_"))
    shutil.copytree(found["Dir"], source, copy_function=shutil.copy)
    run("chmod", "-R", "u+w", source, cwd=work)
    if not os.path.exists(os.path.join(source, "go.mod")):
        run("go", "mod", "init", module.split("@")[0], cwd=source)
    run("go", "get", "-t", "./...", cwd=source)
    if module != GOLEAK:
        run("go", "get", GOLEAK, cwd=source)
    return source


def packages(source):
    """(folder, name) of each package with tests and no TestMain."""
    form = "{{.Dir}} {{.Name}} {{.TestGoFiles}} {{.XTestGoFiles}}"
    lines = run("go", "list", "-f", form, "./...", cwd=source).stdout.splitlines()
    for line in lines:
        folder, name, files = line.split(" ", 2)
        files = re.findall(r"[\w.-]+\.go", files)
        texts = [open(os.path.join(folder, f), encoding="utf-8").read() for f in files]
        if files and not any("func TestMain(" in t for t in texts):
            yield folder, name


def go_test(folder, *options, **env):
    return run("go", "test", "-count=1", "-vet=off", *options, ".", cwd=folder, check=False, **env)


def by_gort(gort_leak, folder, work, plant):
    """The goroutines left over by (creator, state), and how many are proved; None: not judged."""
    report = os.path.join(work, "report")
    if os.path.exists(report):
        os.unlink(report)
    judge = f"{gort_leak} --fail-on unreachable,extra --json -o {report}"
    done = go_test(folder, "-exec", judge, PLANT=plant)
    if not os.path.exists(report):
        return None, done.stdout + done.stderr
    sites = json.load(open(report, encoding="utf-8"))["sites"]
    left = collections.Counter()
    for s in sites:
        left[(s["created_by"]["func"], s["state"])] += s["count"]
    if bool(left) != (done.returncode != 0):
        return None, "the exit code is not that of what was found\n" + done.stdout
    return left, sum(s["count"] for s in sites if s["class"] == "unreachable")


def by_goleak(folder, plant):
    """The same by goleak."""
    done = go_test(folder, PLANT=plant, GOLEAK="1")
    if done.returncode and "goleak: found unexpected goroutines:" not in done.stdout:
        return None, done.stdout + done.stderr
    left = collections.Counter()
    for g in re.split(r"^.?Goroutine \d+ in state ", done.stdout, flags=re.M)[1:]:
        creator = re.search(r"^created by (.*?)(?: in goroutine \d+)?$", g, flags=re.M)
        left[(creator.group(1), re.match(r"[^,]*", g).group())] += 1
    return left, None


def by_creator(left):
    total = collections.Counter()
    for (creator, _), n in left.items():
        total[creator] += n
    return total


def differences(gort, goleak):
    """Yields (who named it, creator, state, how many, why or None)."""
    for who, mine, other in (("gort", gort, goleak), ("goleak", goleak, gort)):
        for creator, n in (by_creator(mine) - by_creator(other)).items():
            states = {s for c, s in mine if c == creator}
            expected, why = REASONS[who]
            known = sum(k for (c, s), k in mine.items() if c == creator and s in expected)
            yield who, creator, "/".join(sorted(states)), n, why if known >= n else None


def judge(gort_leak, place, folder, work, plant):
    """1 when the two differ without a reason, or one of them has not judged."""
    for _ in range(TRIES):
        gort, proved = by_gort(gort_leak, folder, work, plant)
        goleak, failure = by_goleak(folder, plant)
        if gort is not None and goleak is not None and all(
                why for *_, why in differences(gort, goleak)):
            break
    place += ", planted" if plant else ""
    if gort is None or goleak is None:
        print(f"{place}: NOT JUDGED:\n{proved if gort is None else failure}")
        return 1
    found = list(differences(gort, goleak))
    print(f"{place}: goleak {goleak.total()}, gort {gort.total()} ({proved} proved):",
          "differ" if found else "agree")
    for who, creator, states, n, why in found:
        print(f"\tby {who} alone: {n} of {creator} [{states}]: {why or 'UNEXPLAINED'}")
    missed = bool(plant) and not proved
    if missed:
        print("\tplanted, but not proved")
    return missed or any(not d[4] for d in found)


def main(gort_leak, *modules):
    gort_leak = os.path.abspath(gort_leak)
    judged = wrong = 0
    for module in modules:
        with tempfile.TemporaryDirectory() as work:
            source = copy(module, work)
            for folder, name in packages(source):
                with open(os.path.join(folder, "zz_main_test.go"), "w", encoding="utf-8") as f:
                    f.write(TEST_MAIN % name)
                place = f"{module} {os.path.relpath(folder, source)}"
                for plant in "", "1":
                    judged += 1
                    wrong += judge(gort_leak, place, folder, work, plant)
    print(f"{judged} verdicts, {wrong} that differ without a reason")
    return bool(wrong or not judged)


sys.exit(main(*sys.argv[1:]))
