# SPDX-License-Identifier: BSD-2-Clause
"""Sums the ctest runs of scripts/test.

Usage: results.py EXPECTED-SKIPS CONDITIONS RUN...

RUN.xml is a JUnit file of ctest. Prints each failed and each skipped test and, as its last line,
"N passed, N failed, N skipped". The exit status is 1 when a test failed, a run has no result or ran
no test, or a test was skipped that EXPECTED-SKIPS does not list: lines "test  where  reason", where
`test` is a shell pattern and `where` a run's name, one of the blank-separated CONDITIONS, or any.

RUN.again, where there is one, is the JUnit file of the failed tests' second run. A test that passed
there is printed and counted as passed. Of every hundred tests of a run one may need that: more are
no chance, and the run fails.
"""
import fnmatch
import os
import sys
import xml.etree.ElementTree as xml


def expected_skips(path):
    rows = []
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            if line.strip() and not line.startswith("#"):
                fields = line.split(None, 2)
                if len(fields) < 3:
                    sys.exit(f"{path}:{n}: test, where and reason are needed")
                rows.append(fields)
    return rows


def is_expected(rows, name, places):
    return any(fnmatch.fnmatchcase(name, test) and where in places for test, where, _ in rows)


def last_line(case):
    lines = [line for line in (case.findtext("system-out") or "").split("\n") if line.strip()]
    skips = [line for line in lines if line.lower().startswith("skip")]
    return (skips or lines or ["no reason given"])[-1].strip()


def cases_of(path):
    """(name, "passed" | "failed" | "skipped", reason) of each test case of a JUnit file."""
    for case in xml.parse(path).getroot().iter("testcase"):
        status = {"run": "passed", "notrun": "skipped"}.get(case.get("status"), "failed")
        skipped = case.find("skipped")
        # ctest also calls a test "not run" whose program it cannot find: that is a failure.
        if skipped is not None and "SKIP" not in (skipped.get("message") or ""):
            status = "failed"
        yield case.get("name"), status, last_line(case)


def passed_again(run):
    """The names of the tests that passed in the second run of those that had failed."""
    if not os.path.exists(run + ".again"):
        return set()
    return {name for name, status, _ in cases_of(run + ".again") if status == "passed"}


def main(expected_path, conditions, *runs):
    rows = expected_skips(expected_path)
    total = dict.fromkeys(("passed", "failed", "skipped"), 0)
    bad = False
    for run in runs:
        name = os.path.basename(run)
        count = dict.fromkeys(total, 0)
        again = passed_again(run)
        if os.path.exists(run + ".xml"):
            for test, status, reason in cases_of(run + ".xml"):
                if status == "failed" and test in again:
                    print(f"{name}: {test}: failed, then passed: {reason}")
                    status = "passed"
                count[status] += 1
                if status == "skipped" and not is_expected(rows, test, {"any", name,
                                                                       *conditions.split()}):
                    bad = True
                    status = "skipped, which tests/expected-skips does not list"
                if status != "passed":
                    print(f"{name}: {test}: {status}: {reason}")
        if len(again) > 1 + sum(count.values()) // 100:
            print(f"{name}: {len(again)} tests passed only when run again")
            bad = True
        if not sum(count.values()):
            print(f"{name}: no test ran")
            bad = True
        print(f"{name}: " + ", ".join(f"{status} {n}" for status, n in count.items()))
        for status, n in count.items():
            total[status] += n
    print(", ".join(f"{n} {status}" for status, n in total.items()))
    return 1 if bad or total["failed"] else 0


sys.exit(main(*sys.argv[1:]))
