#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""leakmodules.py GORT_LEAK MODULE@VERSION...: the tests of real modules, judged by gort-leak from
outside and by goleak (go.uber.org/goleak) from inside: both must find the same packages leaking.

goleak's rule is class extra; unreachable are those of them that gort proves. Packages with a
TestMain of their own are left out, as goleak is put in by one.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

GOLEAK = "go.uber.org/goleak@v1.3.0"
TEST_MAIN = """package %s_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
"""


def run(*command, cwd, check=True):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=check,
                          env=dict(os.environ, CGO_ENABLED="0", GOFLAGS="-mod=mod"))


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


def by_gort(gort_leak, folder, work):
    """Goroutines left over, and those of them that are proved; None when the tests fail anyway."""
    program, report = os.path.join(work, "test"), os.path.join(work, "report")
    run("go", "test", "-c", "-o", program, ".", cwd=folder)
    done = run(gort_leak, "--fail-on", "unreachable,extra", "--json", "-v", "-o", report, program,
               cwd=folder, check=False)
    if done.returncode not in (0, 66):
        return None
    sites = json.load(open(report, encoding="utf-8"))["sites"]
    proved = sum(s["count"] for s in sites if s["class"] == "unreachable")
    return sum(s["count"] for s in sites), proved


def by_goleak(folder, name):
    path = os.path.join(folder, "zz_goleak_test.go")
    with open(path, "w", encoding="utf-8") as f:
        f.write(TEST_MAIN % name)
    done = run("go", "test", "-count=1", ".", cwd=folder, check=False)
    os.unlink(path)
    if "goleak: Errors" in done.stdout:
        return len(re.findall(r"Goroutine \d+ in state", done.stdout))
    return 0 if done.returncode == 0 else None


def main(gort_leak, *modules):
    wrong = judged = 0
    for module in modules:
        with tempfile.TemporaryDirectory() as work:
            source = copy(module, work)
            for folder, name in packages(source):
                gort, goleak = by_gort(gort_leak, folder, work), by_goleak(folder, name)
                place = os.path.relpath(folder, source)
                if gort is None or goleak is None:
                    print(f"{module} {place}: its tests fail by themselves")
                    continue
                judged += 1
                differs = bool(gort[0]) != bool(goleak)
                wrong += differs
                print(f"{module} {place}: goleak {goleak}, gort {gort[0]} ({gort[1]} proved)",
                      "DIFFERS" if differs else "")
    print(f"{judged} packages, {wrong} judged differently")
    return bool(wrong or not judged)


sys.exit(main(*sys.argv[1:]))
