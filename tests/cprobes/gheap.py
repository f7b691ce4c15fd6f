#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds `gort gc` and `gort heap` against what a program on libgort says of its own heap.

usage: gheap.py GORT GHEAP
"""
import json
import subprocess
import sys
import time

STARTED = time.monotonic_ns()


def read(command, pid):
    done = subprocess.run([sys.argv[1], command, "--json", pid], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        sys.exit(f"gheap.py: gort {command}: exit {done.returncode} {done.stderr}")
    return json.loads(done.stdout)


def expect(what, own, gort):
    if own != gort:
        sys.exit(f"gheap.py: {what}: the program says {own}, gort {gort}")


def check_gc(own, gc):
    pairs = {"num_gc": "cycles", "objects": "objects", "bytes": "object_bytes", "allocs": "allocs",
             "alloc_bytes": "alloc_bytes", "goal": "goal_bytes", "pause": "pause_total_ns",
             "released": "released_bytes"}
    for theirs, ours in pairs.items():
        expect(ours, own[theirs], gc[ours])
    expect("forced", 2, gc["forced"])
    expect("in use", own["inuse"], gc["object_bytes"] + gc["unused_bytes"])
    expect("mapped", own["sys"] - own["released"], gc["mapped_bytes"])
    expect("gogc", 100, gc["gogc_percent"])
    expect("pauses", own["num_gc"], gc["pauses"]["count"]) # each cycle has one, without gort-cc
    expect("stops", own["num_gc"], gc["stops"]["count"])
    expect("marking", 0, gc["marking"])
    cpu = gc["cpu_ns"]
    expect("CPU of pauses", own["pause"] * own["procs"], cpu["pause"])
    expect("CPU of all", cpu["assist"] + cpu["dedicated"] + cpu["idle"] + cpu["pause"], cpu["gc"])
    since_start = (time.monotonic_ns() - STARTED) * own["procs"]
    if not cpu["gc"] < cpu["total"] <= since_start:
        sys.exit(f"gheap.py: {cpu['gc']} ns of CPU time of {cpu['total']} for collecting")
    if not 0 < gc["live_bytes"] <= gc["heap_bytes"] < gc["trigger_bytes"]:
        sys.exit(f"gheap.py: live {gc['live_bytes']}, now {gc['heap_bytes']}, trigger "
                 f"{gc['trigger_bytes']}")
    if not 0 <= gc["since_last_ns"] < 3600e9:
        sys.exit(f"gheap.py: the last cycle was {gc['since_last_ns']} ns ago")


def check_heap(own, heap):
    expect("objects of the heap", own["objects"], heap["objects"])
    expect("bytes of the heap", own["bytes"], heap["bytes"])
    expect("spans", own["inuse"], heap["span_bytes"])
    kinds = {(k["type"], k["size"], k["pointers"]): k for k in heap["kinds"]}
    nodes = kinds.get((None, 80, True), {"objects": 0})
    if nodes["objects"] < 6000:
        sys.exit(f"gheap.py: {nodes['objects']} nodes of 6000")
    large = [k for k in heap["kinds"] if k["type"] == "struct node"]
    if len(large) != 1 or large[0]["objects"] != 3 or not large[0]["large"]:
        sys.exit(f"gheap.py: not 3 arrays of struct node: {large}")
    garbage = kinds.get((None, 320, True), {"objects": 0, "live_objects": 0})
    if garbage["objects"] < 1000 or garbage["live_objects"] > 10:  # words left over keep some
        sys.exit(f"gheap.py: not 1000 objects that nothing reaches: {garbage}")
    kept = kinds.get((None, 384, True), {"objects": 0, "leaked_objects": 0})
    if kept["objects"] < 200 or kept["leaked_objects"] < 190:
        sys.exit(f"gheap.py: not 200 objects that only a leaked goroutine keeps: {kept}")
    if nodes["live_objects"] < 6000:
        sys.exit(f"gheap.py: {nodes['live']} nodes alive of 6000")
    texts = kinds.get((None, 1024, False), {"objects": 0})
    if texts["objects"] < 500:
        sys.exit(f"gheap.py: {texts['objects']} texts of 500")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with subprocess.Popen([sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as target:
        word, _, own = target.stdout.readline().partition(" ")
        if word != "ready":
            sys.exit("gheap.py: the target did not start")
        own, pid = json.loads(own), str(target.pid)
        check_gc(own, read("gc", pid))
        check_heap(own, read("heap", pid))
        print(f"agreed on {own['objects']} objects of {own['bytes']} bytes, {own['num_gc']} cycles")
        target.stdin.close()


if __name__ == "__main__":
    main()
