#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""metrics.py TARGET SCENE - every number of `gort top --once` against what the program says.

TARGET is a version of Go, with which metrics.go is built, stripped, or the path of metrics.c built;
SCENE is still or busy. The program is asked before, after and, when busy, while gort looks: the
screen's numbers must lie between its answers. SCREEN is all that may be on the screen, and EXPECTED
has a rule for each number of it: a line that does not match or a number without a rule fails, as
does a "-" that no line at the end explains, or one that explains no "-". TARGET fake: the screen of
the program of fake_probes.c that publishes nothing.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["GORT_BUILD"]
GORT = os.path.join(BUILD, "bin", "gort")
MIB = 1 << 20
WINDOW = 0.4  # seconds between the two reads of top
STOP_ROOM = 5e7  # ns between when a program wants to stop and begins to, under load
HZ = os.sysconf("SC_CLK_TCK")
CATEGORIES = ("run", "runnable", "chan", "select", "io", "sleep", "sema", "syscall", "other")


def number(name):
    return rf"(?P<{name}>-|\+?-?\d[\d.,A-Za-z]*)"


def fill(text):
    """A pattern of a line: <name> is a number."""
    return re.sub(r"(?<!\?P)<(\w+)>", lambda m: number(m[1]), text)


SCREEN = [re.compile(fill(line)) for line in (
    r"gort top  \w+ \(pid <pid>\)  (?:go|gort )<version>(?:  stripped)?  up <up>  \[non-stop\]"
    r"   (?P<clock>\d\d:\d\d:\d\d)",
    r"CPU   \[(?P<bar>\|* *)\] <cpu>%? of <procs> P \(<idle_p> idle\)   threads <threads> "
    r"\(<run_m> run, <syscall_m> syscall, <spinning_m> spinning, <idle_m> idle\)",
    r"GOR   <goroutines> " + "".join(rf"(?:  {c} <{c}>)?" for c in CATEGORIES) +
    r"   <growth>(?:/s)?",
    r"SCHED wait p50 <wait_p50>  p99 <wait_p99>  max <wait_max>   runq <runq>(?: ! long queue)?"
    r"(?: \(P<longest_p>: <longest>(?: !)?\))?   steals <steals>(?:/s)?   preempt <preempt>(?:/s)?",
    r"GC    live <live>(?: ! at its limit)?  goal <goal> \(GOGC <gogc>\)  limit <limit>  "
    r"cycles <cycles> \(<cycle_rate>(?:/s)?\)  mark <mark>%? cpu  stop <stop>(?:(?<=-)|\+<stop2>)",
    r"ALLOC <alloc>(?:/s)?  <objects> obj/s   MUTEX wait <mutex>(?:/s)?   now <now>  "
    r"in use <in_use>   pauses <pauses>",
    r"",
    r"  COUNT  STATE           WAIT p50  CREATED BY                         BLOCKED AT   NOTE",
)]
ROW = re.compile(fill(r"(?P<bad>[! ]) *<count>  (?P<state>.{15}) *>?<wait>  (?P<created>.{34}) "
                      r"(?P<blocked>\S+(?: \S+:\d+)?)(?:   (?P<note>.*))?"))
MORE = re.compile(fill(r"         <groups> more: gort stacks <pid>"))
NOTE = re.compile(r"(?:(?P<leaked>\d+) )?leak[?:] .*|(?:seems? )?held(?:, e.g.)? by goroutine "
                  r"(?P<holder>\d+).*")
# What a line "-: NAME, NAME: reason" names, and the numbers it stands for.
REASONS = {
    "steals": ["steals"], "P": ["procs"], "idle M": ["idle_m"], "runq": ["runq"],
    "idle P": ["idle_p"], "spinning M": ["spinning_m"], "live": ["live"], "now": ["now"],
    "goal": ["goal"], "GOGC": ["gogc"], "limit": ["limit"], "in use": ["in_use"],
    "cycles": ["cycles", "cycle_rate"], "pauses": ["pauses"], "alloc": ["alloc"],
    "objects": ["objects"], "mark": ["mark"], "stop": ["stop"],
    "wait": ["wait_p50", "wait_p99", "wait_max"], "MUTEX wait": ["mutex"],
    "preempt": ["preempt"], "cpu": ["cpu"], "threads": ["threads"], "up": ["up"],
    "WAIT of syscall": [],
}

UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86400e9,
         "B": 1, "K": 1 << 10, "M": MIB, "G": 1 << 30, "T": 1 << 40}
TIMES = ("up", "wait_p50", "wait_p99", "wait_max", "stop", "stop2", "mutex", "pauses", "wait")


def interval(name, text):
    """From where to where a number may lie that prints as text: sizes round, times are cut off."""
    total = step = 0
    for digits, unit in re.findall(r"([\d.]+)([A-Za-z]*)", text.replace(",", "").lstrip("+-")):
        step = UNITS.get(unit, 1) * (0.1 if "." in digits else 1)
        total += float(digits) * UNITS.get(unit, 1)
    if text.startswith("-"):
        total = -total
    return (total, total + step) if name in TIMES else (total - step / 2, total + step / 2)


# ---- what the program says ----

class Answers:
    """Of a target, from before gort looked until after."""

    def __init__(self, own):
        self.own = own

    def between(self, key, below=0, above=0):
        values = [a[key] for a in self.own]
        return min(values) - below, max(values) + above

    def windows(self):
        """Pairs of answers, each as far apart as the two reads of top, or the first and last."""
        for i, a in enumerate(self.own):
            later = [b for b in self.own[i + 1:] if b["at"] - a["at"] >= WINDOW * 1e9]
            if later:
                yield a, later[0]

    def rate(self, key, room=1.3):
        """A second; with two answers alone all of it may have happened between the reads."""
        if len(self.own) == 2:
            return 0, (self.own[1][key] - self.own[0][key]) / WINDOW
        rates = [(b[key] - a[key]) * 1e9 / (b["at"] - a["at"]) for a, b in self.windows()]
        return min(rates) / room, max(rates) * room

    def ratio(self, above, below, scale, room=2):
        """Since the start when it did not change, else in the windows."""
        if len(self.own) == 2:
            share = scale * self.own[0][above] / self.own[0][below]
            return share * 0.999, share * 1.001
        moved = [(b[above] - a[above], b[below] - a[below]) for a, b in self.windows()]
        shares = [scale * x / y for x, y in moved if y > 0]
        return (min(shares) / room, max(shares) * room) if shares else None

    def stop(self):
        """One of the two of a cycle that ended meanwhile, or of the last one."""
        low, high = self.between("pause")
        return 1, max(a["last_pause"] for a in self.own) + high - low + STOP_ROOM

    def quantile(self, share):
        """Of the waits in the windows: from the lowest bucket to the end of the highest."""
        found = []
        for a, b in self.windows():
            before, after = (dict(x["/sched/latencies:seconds"]) for x in (a, b))
            seen, want = 0, share * (sum(after.values()) - sum(before.values()))
            for at in sorted(after):
                seen += after[at] - before.get(at, 0)
                if seen >= want > 0:
                    found.append(at)
                    break
        return (min(found), max(found) * 1.5 + 128) if found else None


def idle_threads(own):
    """Of a Go program that stands still: those in futex(2), but for sysmon, which may sleep."""
    futex = [a["futex"] for a in own]
    return min(futex) - 1, max(futex)


def still_rules(a, go):
    """The bounds of each number; None: it must be "-"."""
    procs = a.between("/sched/gomaxprocs:threads")
    objects, unused = (a.between(f"/memory/classes/heap/{k}:bytes")
                       for k in ("objects", "unused"))
    rules = {
        "idle_p": procs, "run": 0, "runnable": 0, "run_m": 0, "spinning_m": 0, "other": 0,
        "runq": 0, "growth": 0, "preempt": 0, "cycle_rate": 0, "mutex": 0,
        "wait_p50": None, "wait_p99": None, "wait_max": None, "chan": 51, "sleep": 5,
        "in_use": (objects[0] + unused[0], objects[1] + unused[1]),
    }
    if go:
        return rules | {"chan": 59, "select": 19, "sleep": 6, "sema": 16, "io": (1, 2),
                        "syscall": (2, 3), "syscall_m": (2, 3), "steals": None,
                        "idle_m": idle_threads(a.own),
                        "live": a.between("/gc/heap/live:bytes"),
                        "now": (objects[0], objects[1] + 4 * MIB),
                        "mark": a.ratio("/cpu/classes/gc/total:cpu-seconds",
                                        "/cpu/classes/total:cpu-seconds", 100)}
    return rules | {"sema": 7, "io": (0, 1), "syscall": (0, 1), "syscall_m": (0, 1), "select": 0,
                    "idle_m": (0, a.own[0]["threads"]), "steals": 0,
                    "live": (8 * MIB, objects[1]), "now": (8 * MIB, objects[1] + 4 * MIB),
                    "mark": (0, 100)}


def busy_rules(a, go):
    some = (0, 20)
    procs = a.between("/sched/gomaxprocs:threads")[0]
    goal = a.between("/gc/heap/goal:bytes", above=32 * MIB)
    collections = a.rate("/gc/cycles/total:gc-cycles")
    live = a.between("/gc/heap/live:bytes", 4 * MIB, 4 * MIB) if go else (8 * MIB, goal[1])
    # A P is preempted each 10 ms, for each stop of the world, and to scan each running goroutine.
    most = 100 * procs + 12 * collections[1]
    rules = {
        "idle_p": (0, procs), "run": (1, procs), "run_m": (1, procs), "runnable": (1, 12),
        "spinning_m": (0, procs), "idle_m": (0, a.own[0]["threads"]), "sleep": (0, 3),
        "sema": (0, 12), "io": some, "syscall": some, "syscall_m": some, "select": 0,
        "other": some, "runq": (1, 14), "longest_p": (0, procs - 1), "longest": (1, 14),
        "chan": a.between("parked", 4, 4), "growth": a.rate("goroutines", 2),
        "cycle_rate": collections, "mutex": a.rate("/sync/mutex/wait/total:seconds", 2),
        "live": live, "now": (live[0], goal[1]), "in_use": (live[0], goal[1] * 2),
        "preempt": (1, 2 * most), "goal": (live[0], goal[1]),
    }
    if go:
        return rules | {"steals": None, "preempt": (a.rate("preempted", 2)[0], 2 * most),
                        "mark": a.ratio("/cpu/classes/gc/total:cpu-seconds",
                                        "/cpu/classes/total:cpu-seconds", 100),
                        "wait_p50": a.quantile(0.5), "wait_p99": a.quantile(0.99),
                        "wait_max": a.quantile(1)}
    wait = (1, WINDOW * 1e10)
    return rules | {"steals": (0, 1e5), "mark": (0.01, 100), "wait_p50": wait, "wait_p99": wait,
                    "wait_max": wait}


def rules_of(a, scene, go):
    """All of EXPECTED: what both scenes have in common, then its own."""
    rules = {
        "procs": a.between("/sched/gomaxprocs:threads"), "threads": a.between("threads"),
        "goroutines": a.between("goroutines", 2, 2) if scene == "busy" else
                      a.between("goroutines"),
        "cpu": a.rate("cpu_percent", 1.5), "up": a.between("up", 2e7, 2e7),
        "goal": a.between("/gc/heap/goal:bytes"), "gogc": a.between("/gc/gogc:percent"),
        "limit": a.between("/gc/gomemlimit:bytes"),
        "cycles": a.between("/gc/cycles/total:gc-cycles"),
        "alloc": a.rate("/gc/heap/allocs:bytes"), "objects": a.rate("/gc/heap/allocs:objects"),
        "stop": a.stop(), "stop2": a.stop(), "pauses": a.between("pause"),
        "longest_p": None, "longest": None,
    }
    return rules | (still_rules if scene == "still" else busy_rules)(a, go)


# ---- the screen ----

class Screen:
    """Its numbers, rows and reasons by name, as text; bad: what is on it that should not be."""

    def __init__(self, text):
        lines = text.rstrip("\n").split("\n")
        self.numbers, self.rows, self.reasons, self.bad = {}, [], [], []
        self.groups = 0
        for pattern, line in zip(SCREEN, lines):
            self.take(pattern, line)
        for line in lines[len(SCREEN):]:
            if line.startswith("-: "):
                self.reasons += line[3:].split(": ")[0].split(", ")
            elif MORE.fullmatch(line):
                self.groups = int(MORE.fullmatch(line)["groups"])
            elif ROW.fullmatch(line):
                self.rows.append(ROW.fullmatch(line).groupdict())
            else:
                self.bad.append(f"unknown line: {line!r}")

    def take(self, pattern, line):
        match = pattern.fullmatch(line)
        if match:
            self.numbers |= {k: v for k, v in match.groupdict().items() if v is not None}
        else:
            self.bad.append(f"unknown line: {line!r}")

    def unexplained(self):
        """Each "-" needs its reason, and each reason its "-"."""
        for name in self.reasons:
            if name not in REASONS:
                yield f"unknown reason: {name}"
        named = {number for r in self.reasons for number in REASONS.get(r, [])}
        dashes = {k for k, v in self.numbers.items() if v == "-"}
        for name in dashes - named:
            yield f"{name} is -, and no line says why"
        for name in named - dashes:
            yield f"{name} is {self.numbers.get(name)}, but a line says why it is -"
        calls = [r for r in self.rows if r["state"].startswith("syscall") and r["wait"] == "-"]
        explained = "WAIT of syscall" in self.reasons  # perhaps in a group beyond these rows
        if calls and not explained or explained and not calls and not self.groups:
            yield f"waits of system calls: {calls}, explained: {self.reasons}"

    def wrong(self, rules):
        """Numbers outside their bounds, or without."""
        for name, text in self.numbers.items():
            if name in ("pid", "version", "clock", "bar"):
                continue
            if name not in rules:
                yield f"{name} {text}: nothing to compare it with"
                continue
            rule = rules[name]
            bounds = rule if isinstance(rule, tuple) or rule is None else (rule, rule)
            if (text == "-") != (bounds is None):
                yield f"{name}: gort {text}, expected {bounds}"
            elif bounds:
                low, high = interval(name, text)
                if high < bounds[0] or low > bounds[1]:
                    yield f"{name}: gort {text}, the program {bounds[0]:.9g} to {bounds[1]:.9g}"
        absent = [c for c in CATEGORIES if c not in self.numbers and rules[c] != 0 and
                  (not isinstance(rules[c], tuple) or rules[c][0] > 0)]
        if absent:
            yield f"not on the screen: {absent}"


def stop_errors(numbers, a):
    """The two stops of the last cycle are its pause, but for attempts that were given up."""
    low, high = a.between("pause")
    ns = interval("stop", numbers["stop"])[1] + interval("stop2", numbers["stop2"])[1]
    if low == high and ns < a.own[0]["last_pause"] / 10:
        yield f"stops: gort {numbers['stop']}+{numbers['stop2']}, it was {a.own[0]['last_pause']}"


def bar_errors(numbers):
    """The bar is the percentage again."""
    share = float(numbers["cpu"]) / 100 / int(numbers["procs"])
    width = len(numbers["bar"])
    if width != 26 or abs(numbers["bar"].count("|") - min(26, 26 * share)) > 1:
        yield f"the bar {numbers['bar']!r} for {numbers['cpu']} %"


# ---- the rows ----

def short(function):
    return function.rsplit("/", 1)[-1]


def goroutines_of(dump):
    """Of Go's own text: id, state, frames and creator, each as "function file:line"."""
    found = []
    for block in dump.strip().split("\n\n"):
        head, *lines = block.split("\n")
        ident, state = re.match(r"goroutine (\d+)(?: gp=\S+ m=\S+)? \[([^\],]*)", head).groups()
        frames, creator = [], "-"
        for function, place in zip(lines[::2], lines[1::2]):
            file = re.match(r"\t(?:.*/)?([^/]+:\d+)", place)[1]
            made = re.match(r"created by (.*?)(?: in goroutine \d+)?$", function)
            name = made[1] if made else function[:function.rindex("(")]
            if made:
                creator = f"{short(name)} {file}"
            else:
                frames.append(f"{short(name)} {file}")
        found.append((int(ident), state, tuple(frames), creator))
    return found


def wait_errors(row, a):
    """All waited before the first collection, whose start the runtime notes in the second."""
    low, high = interval("wait", row["wait"])
    began, ended = a.own[0]["collect"]
    if not a.own[0]["at"] - ended <= high or not low <= a.own[-1]["at"] - began:
        yield f"{row}: waited from {began} to {ended} on, it is {a.own[0]['at']}"


def note_errors(row, everyone):
    note = NOTE.fullmatch(row["note"])
    holder = [g[0] for g in everyone if any(f.startswith("main.holder ") for f in g[2])]
    if not note:
        yield f"unknown note: {row}"
    elif note["holder"] and [int(note["holder"])] != holder:
        yield f"goroutine {holder} holds it: {row}"
    elif note["leaked"] and int(note["leaked"]) != 6:
        yield f"not 6: {row}"


def go_row_errors(screen, dump, a):
    everyone = goroutines_of(dump)
    groups = {g[1:] for g in everyone}
    if len(screen.rows) != 10 or screen.groups != len(groups) - 10:
        yield f"{len(groups)} groups: {len(screen.rows)} rows and {screen.groups} more"
    for row in screen.rows:
        same = [g for g in everyone if row["state"].strip() == g[1][:15].strip() and
                row["blocked"] in g[2] and g[3].startswith(row["created"].strip())]
        if len(same) != int(row["count"]) and row["created"].strip() != "-":
            yield f"{row}: the program has {len(same)} such"
        if row["wait"] != "-" and row["created"].strip() != "-":
            yield from wait_errors(row, a)
        if row["note"]:
            yield from note_errors(row, everyone)
    if not any(row["note"] and "6 leak" in row["note"] for row in screen.rows):
        yield "no leaks on the screen"


def gort_row_errors(screen, own, a):
    got = {(r["state"].strip(), int(r["count"]), r["created"].strip()) for r in screen.rows
           if r["created"].strip() != "-"}
    want = {(state[:15], count, place) for state, count, place in own}
    if got != want:
        yield f"rows: {got} instead of {want}"
    for row in screen.rows:
        if row["created"].strip() != "-":
            yield from wait_errors(row, a)


# ---- the run ----

class Target:
    def __init__(self, command, env):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=env)
        self.pid = self.process.pid

    def line(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kernel(self):
        """What the kernel knows of it."""
        proc = f"/proc/{self.pid}"
        with open(f"{proc}/stat", encoding="ascii", errors="replace") as f:
            stat = f.read().rpartition(")")[2].split()
        with open("/proc/uptime", encoding="ascii") as f:
            up = float(f.read().split()[0]) - int(stat[19]) / HZ
        tasks, futex = os.listdir(f"{proc}/task"), 0
        for task in tasks:
            try:
                with open(f"{proc}/task/{task}/syscall", encoding="ascii") as f:
                    futex += f.read().startswith("202 ")
            except OSError:
                pass  # it ended
        return {"up": up * 1e9, "threads": len(tasks), "futex": futex,
                "cpu_percent": 100 * (int(stat[11]) + int(stat[12])) / HZ}

    def ask(self):
        return self.line("") | self.kernel()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def look(target, scene):
    """The screen and the answers around it."""
    own = [target.ask()]
    if scene == "still":
        time.sleep(0.1)
    command = [GORT, "top", "--once", "-d", f"{WINDOW}s", str(target.pid)]
    if scene == "still":
        command.insert(3, "--leaks")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as top:
        texts = []
        reader = threading.Thread(target=lambda: texts.append(top.stdout.read()))
        reader.start()
        while scene == "busy" and top.poll() is None:
            time.sleep(0.01)
            own.append(target.ask())
        reader.join()
    own.append(target.ask())
    return Screen(texts[0]), Answers(own)


def errors(target, scene, go):
    screen, answers = look(target, scene)
    bad = [*screen.bad, *screen.unexplained()]
    if bad:
        return bad
    bad = [*screen.wrong(rules_of(answers, scene, go)), *bar_errors(screen.numbers),
           *stop_errors(screen.numbers, answers)]
    if screen.numbers["pid"] != str(target.pid):
        bad.append(f"pid {screen.numbers['pid']}")
    if go and screen.numbers["version"] != sys.argv[1]:
        bad.append(f"version {screen.numbers['version']}")
    if scene == "still" and go:
        bad += go_row_errors(screen, target.line("dump"), answers)
    elif scene == "still":
        bad += gort_row_errors(screen, answers.own[0]["rows"], answers)
    return bad


def compare(target, scene, go):
    """What differs when nothing else disturbs, which a machine at work may need some tries for."""
    end, bad = time.monotonic() + 60, []
    while time.monotonic() < end:
        bad = errors(target, scene, go)
        if not bad:
            return []
    return bad


def build(version, where):
    """Path of the program, or exits with 77."""
    if not shutil.which("go"):
        print("SKIP: no Go toolchain in PATH")
        sys.exit(77)
    program = os.path.join(where, "metrics")
    # GO111MODULE=off would take the Go of PATH whatever GOTOOLCHAIN says.
    env = dict(os.environ, GOTOOLCHAIN="go" + version, CGO_ENABLED="0")
    command = ["go", "build", "-ldflags=-s -w", "-o", program, os.path.join(HERE, "metrics.go")]
    done = subprocess.run(command, env=env, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("go build: " + done.stderr)
    return program


def fake():
    """All is "-" but what is read out of the goroutines themselves."""
    gort = os.path.join(BUILD, "tests", "cli", "bin", "gort")
    done = subprocess.run([gort, "top", "--once", "-d", "0", "--host-proc", "none", "4122"],
                          cwd=HERE, capture_output=True, text=True, check=True)
    screen = Screen(done.stdout)
    known = {"pid": "4122", "goroutines": "1", "sleep": "1", "run": "0", "run_m": "0",
             "runnable": "0", "syscall_m": "0", "growth": "0", "procs": "2", "steals": "0",
             "version": "0.1.0"}
    got = {k: v for k, v in screen.numbers.items() if v != "-" and k not in ("bar", "clock")}
    return [*screen.bad, *screen.unexplained(),
            *([f"{got} instead of {known}"] if got != known else [])]


def live(name, scene, where):
    go = re.fullmatch(r"[\d.]+", name) is not None
    target = Target([build(name, where) if go else name, scene],
                    os.environ | ({"GOGC": "off"} if go and scene == "still" else {}))
    try:
        return compare(target, scene, go)
    finally:
        target.close()


def main():
    with tempfile.TemporaryDirectory() as where:
        bad = fake() if sys.argv[1] == "fake" else live(sys.argv[1], sys.argv[2], where)
    if bad:
        sys.exit("FAIL: " + "\n      ".join(bad))


assert math.isclose(interval("up", "3h02m")[0], 10920e9)
main()
