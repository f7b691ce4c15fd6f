#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares what gort's commands say of a process with what it says of itself.

usage: figures.py GORT TARGET

TARGET -figures prints its own runtime/metrics whenever it reads a line. It is asked, read by gort,
and asked again: what gort says must lie between the two answers, which for most figures are equal.
When a cycle of the collector fell in between, the round is repeated. TARGET -waits has goroutines
wait for an object of each kind and prints what these are. TARGET -queue keeps goroutines in the
queue of its only P.
"""
import json
import os
import subprocess
import sys
import time

ROUNDS = 20

GC = {
    "gogc_percent": "/gc/gogc:percent",
    "limit_bytes": "/gc/gomemlimit:bytes",
    "live_bytes": "/gc/heap/live:bytes",
    "goal_bytes": "/gc/heap/goal:bytes",
    "objects": "/gc/heap/objects:objects",
    "object_bytes": "/memory/classes/heap/objects:bytes",
    "unused_bytes": "/memory/classes/heap/unused:bytes",
    "free_bytes": "/memory/classes/heap/free:bytes",
    "released_bytes": "/memory/classes/heap/released:bytes",
    "stack_bytes": "/memory/classes/heap/stacks:bytes",
    "allocs": "/gc/heap/allocs:objects",
    "alloc_bytes": "/gc/heap/allocs:bytes",
    "frees": "/gc/heap/frees:objects",
    "freed_bytes": "/gc/heap/frees:bytes",
    "cycles": "/gc/cycles/total:gc-cycles",
    "forced": "/gc/cycles/forced:gc-cycles",
    "cpu_ns.gc": "/cpu/classes/gc/total:cpu-seconds",
    "cpu_ns.assist": "/cpu/classes/gc/mark/assist:cpu-seconds",
    "cpu_ns.dedicated": "/cpu/classes/gc/mark/dedicated:cpu-seconds",
    "cpu_ns.idle": "/cpu/classes/gc/mark/idle:cpu-seconds",
    "cpu_ns.pause": "/cpu/classes/gc/pause:cpu-seconds",
    "cpu_ns.total": "/cpu/classes/total:cpu-seconds",
}
GC_HISTOGRAMS = {
    "pauses": "/sched/pauses/total/gc:seconds",
    "stops": "/sched/pauses/stopping/gc:seconds",
}
# Seconds as a float64 lose the last nanoseconds of a long time.
ROUNDING_NS = 16


class Target:
    def __init__(self, path, mode):
        env = os.environ | ({"GODEBUG": "asyncpreemptoff=1"} if mode == "-queue" else {})
        self.process = subprocess.Popen([path, mode], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=env)
        ready = self.process.stdout.readline().split()
        if ready[:1] != ["ready"]:
            sys.exit(f"figures.py: {path} did not start: {ready}")
        self.pid, self.words = self.process.pid, ready[2:]

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()


def member(document, path):
    for key in path.split("."):
        document = document[key]
    return document


def scalar_errors(names, said, before, after):
    for ours, theirs in names.items():
        value = member(said, ours)
        room = ROUNDING_NS if ours.endswith("_ns") or ours.startswith("cpu_ns") else 0
        low, high = sorted((before[theirs], after[theirs]))
        if value is None or not low - room <= value <= high + room:
            yield f"{ours}: gort says {value}, {theirs} was {before[theirs]}, then {after[theirs]}"


def histogram_errors(names, said, before, after):
    for ours, theirs in names.items():
        got = dict(map(tuple, said[ours]["buckets"]))
        low, high = dict(map(tuple, before[theirs])), dict(map(tuple, after[theirs]))
        for at in got.keys() | low.keys() | high.keys():
            if not low.get(at, 0) <= got.get(at, 0) <= high.get(at, 0):
                yield (f"{ours}: bucket from {at} ns: gort says {got.get(at, 0)}, "
                       f"{theirs} had {low.get(at, 0)}, then {high.get(at, 0)}")
        if not got:
            yield f"{ours}: empty"


SCHED = {
    "gomaxprocs": "/sched/gomaxprocs:threads",
    "mutex_wait_ns": "/sync/mutex/wait/total:seconds",
}
SCHED_HISTOGRAMS = {
    "ready": "/sched/latencies:seconds",
    "stop_gc": "/sched/pauses/stopping/gc:seconds",
    "stop_other": "/sched/pauses/stopping/other:seconds",
    "stw_other": "/sched/pauses/total/other:seconds",
}


def quantile(histogram, share):
    """Where the bucket starts that holds it."""
    want, seen = share * sum(histogram.values()), 0
    for at in sorted(histogram):
        seen += histogram[at]
        if seen >= want:
            return at
    return None


def quantile_errors(said, theirs):
    """Within one bucket: those are as wide as a quarter of their power of two."""
    histogram = dict(map(tuple, theirs))
    for name, share in (("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99), ("max_ns", 1)):
        own = quantile(histogram, share)
        if not own <= said[name] <= max(own * 1.5, own + 128):
            yield f"{name}: gort says {said[name]}, its own histogram {own}"


def check_sched(program, target):
    before = target.ask()
    said = gort([program, "sched", "--json", "--without", "bpf", "-d", "1ms"], str(target.pid))
    after = target.ask()
    wrong = [*scalar_errors(SCHED, said, before, after),
             *histogram_errors(SCHED_HISTOGRAMS, said, before, after),
             *quantile_errors(said["ready"], after["/sched/latencies:seconds"])]
    ps = said["ps"]
    if not said["mutex_wait_ns"]:
        wrong.append("no goroutine waited for a mutex")
    if [p["id"] for p in ps] != list(range(said["gomaxprocs"])):
        wrong.append(f"Ps: {ps}")
    if any(p["tid"] is not None and not os.path.exists(f"/proc/{target.pid}/task/{p['tid']}")
           for p in ps):
        wrong.append(f"threads of the Ps: {ps}")
    return wrong, f"sched: {len(SCHED)} figures and {len(SCHED_HISTOGRAMS)} histograms"


def find(objects, address):
    found = [o for o in objects if o["address"] == address]
    return found[0] if len(found) == 1 else None


def object_errors(seen, truth):
    if not seen:
        yield f"{truth['Kind']} {truth['Address']} is missing"
        return
    to = {}
    for wait in seen["waits"]:
        to[wait["to"]] = to.get(wait["to"], 0) + 1
    facts = {"Kind": seen["kind"], "To": to, "Holders": len(seen["seem_to_hold"])}
    if truth["Kind"] == "chan":
        facts |= {"Element": seen["element"], "Cap": seen["cap"], "Len": seen["len"]}
    elif truth["Kind"] == "wait group":
        facts |= {"Len": seen["counter"]}
    elif truth["Kind"] != "cond":
        facts |= {"Locked": seen["locked"]}
    for key, value in facts.items():
        if value != truth[key]:
            yield f"{truth['Kind']} {truth['Address']}: {key} is {value}, not {truth[key]}"


def check_chans(program, target):
    truth = target.ask()
    # Not all goroutines of a target just started need have come to wait.
    for _ in range(ROUNDS):
        said = gort([program, "chans", "--json"], str(target.pid))
        wrong = [text for one in truth["objects"]
                 for text in object_errors(find(said["objects"], one["Address"]), one)]
        circles = [sorted(w["waits_for"] for w in c) for c in said["possible_deadlocks"]]
        if circles != [sorted(truth["deadlock"])]:
            wrong.append(f"deadlock of {truth['deadlock']}: {circles}")
        if sum(len(o["waits"]) for o in said["objects"] if o["kind"] == "nil chan") != 2:
            wrong.append("not two goroutines on a nil channel")
        if not wrong:
            break
        time.sleep(0.1)
    return wrong, f"chans: {len(truth['objects'])} objects and a deadlock"


def gort(command, *words):
    out = subprocess.run([*command, *words], stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)


def check_gc(program, target):
    wrong = ["no round without a cycle of the collector"]
    for _ in range(ROUNDS):
        before = target.ask()
        said = gort([program, "gc", "--json", "-d", "1ms"], str(target.pid))
        after = target.ask()
        wrong = [*scalar_errors(GC, said, before, after),
                 *histogram_errors(GC_HISTOGRAMS, said, before, after)]
        if not wrong and said["goal_bytes"] > said["trigger_bytes"] >= said["live_bytes"] > 0:
            break
    return wrong, f"gc: {len(GC)} figures and {len(GC_HISTOGRAMS)} histograms"


TOP = {
    "sched.gomaxprocs": "/sched/gomaxprocs:threads",
    "gc.heap_marked_bytes": "/gc/heap/live:bytes",
    "gc.heap_goal_bytes": "/gc/heap/goal:bytes",
    "gc.gogc_percent": "/gc/gogc:percent",
    "gc.limit_bytes": "/gc/gomemlimit:bytes",
    "gc.cycles": "/gc/cycles/total:gc-cycles",
    "gc.alloc_bytes": "/gc/heap/allocs:bytes",
}


def since_start_errors(said, own):
    """What top knows of cycles when none has ended meanwhile: the average of all."""
    share = 100 * own["/cpu/classes/gc/total:cpu-seconds"] / own["/cpu/classes/total:cpu-seconds"]
    if not share * 0.999 <= said["gc"]["cpu_percent"] <= share * 1.001:
        yield f"collector: gort says {said['gc']['cpu_percent']} %, it was {share}"
    if said["gc"]["pause_a_cycle_ns"] != said["gc"]["pause_total_ns"] // said["gc"]["cycles"]:
        yield f"pauses: {said['gc']}"
    if not sum(n for _, n in own["/sched/pauses/total/gc:seconds"]) >= said["gc"]["cycles"]:
        yield "more cycles than pauses"
    if said["goroutines"]["total"] != own["/sched/goroutines:goroutines"]:
        yield (f"goroutines: gort says {said['goroutines']['total']}, "
               f"it had {own['/sched/goroutines:goroutines']}")


def window_errors(said, before, after):
    """What happened between two refreshes of top, which lie between the two answers."""
    low, high = (dict(map(tuple, own["/sched/latencies:seconds"])) for own in (before, after))
    for at, n in said["sched"]["wait"]["buckets"]:
        if n > high.get(at, 0) - low.get(at, 0):
            yield f"wait: {n} from {at} ns, it had {low.get(at, 0)}, then {high.get(at, 0)}"
    waited = said["sched"]["mutex_wait_ns_per_s"] * said["window_ns"] / 1e9
    room = after["/sync/mutex/wait/total:seconds"] - before["/sync/mutex/wait/total:seconds"]
    if not 0 <= waited <= room * 1.0001 + ROUNDING_NS:  # a rate has so many digits
        yield f"waits for mutexes: gort says {waited}, the program {room}"


def check_top(program, target):
    """While the program works, which it does when it is asked."""
    waits = 0
    for _ in range(ROUNDS):
        before = target.ask()
        top = subprocess.Popen([program, "top", "--once", "--json", "-d", "300ms",
                                str(target.pid)], stdout=subprocess.PIPE, text=True)
        while top.poll() is None:
            target.ask()
        said, after = json.loads(top.stdout.read()), target.ask()
        top.stdout.close()
        wrong = [*window_errors(said, before, after), *scalar_errors(TOP, said, before, after)]
        if before["/gc/cycles/total:gc-cycles"] == after["/gc/cycles/total:gc-cycles"]:
            wrong += since_start_errors(said, after)
        waits += said["sched"]["wait"]["count"]
        # Of several cycles none may have found as much alive as the first and the last one did.
        cycles = after["/gc/cycles/total:gc-cycles"] - before["/gc/cycles/total:gc-cycles"]
        if wrong and cycles <= 1 or waits and not wrong:
            break
    if not wrong and not waits:
        wrong = ["no wait in all windows"]
    return wrong, f"top: {len(TOP) + 3} figures and waits of goroutines"


def check_queue(program, target):
    queued = int(target.words[0])
    for _ in range(ROUNDS):
        top = gort([program, "top", "--once", "--json", "-d", "1ms"], str(target.pid))["sched"]
        p = gort([program, "sched", "--json", "--without", "bpf", "-d", "1ms"],
                 str(target.pid))["ps"][0]
        said = top["runq_longest"], top["runq_longest_p"]
        wrong = []
        # Some have run while it wrote that it is ready, and wait in the global queue.
        if said != (p["runq"] + p["next"], 0) or not queued / 2 <= said[0] <= top["runq"]:
            wrong = [f"{queued} goroutines wait for P 0: {top['runq']} do, {said}, {p}"]
        if not wrong:
            break
        time.sleep(0.1)
    return wrong, "top: the longest queue"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    failed = False
    modes = {"-figures": (check_gc, check_sched, check_top), "-waits": (check_chans,),
             "-queue": (check_queue,)}
    for mode, checks in modes.items():
        target = Target(sys.argv[2], mode)
        try:
            for check in checks:
                wrong, what = check(sys.argv[1], target)
                print(what, "differ" if wrong else "agree with what the program says")
                for text in wrong[:20]:
                    print("  " + text)
                failed = failed or bool(wrong)
        finally:
            target.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
