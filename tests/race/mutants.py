#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mutants.py

Judges oracle_test.c: it is built with copies of the detector's core in each of which one rule is
broken, and has to fail with every one of them. The core as it is has to pass, and so has one whose
ids have 8 bits and whose epochs have 9, in which threads go on under other ids now and then, and
one that hands out the ids of the latest dead first.

Each mutant names the text that it replaces, which has to be there once. Exit status: 0 right, 1
not.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RACE = f"{ROOT}/race"
CORE = ["builtins", "mem", "shadow", "clock", "thread", "depot", "access", "record", "sync", "heap"]
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O1", "-fno-stack-protector", "-ftls-model=initial-exec",
         "-fno-strict-aliasing", "-w", f"-I{ROOT}", f"-I{ROOT}/runtime",
         f"-I{ROOT}/runtime/include", f"-I{ROOT}/tests"]

TIMEOUT = 120 # a mutant may hang; the test as it is takes less than a second

SMALL = [("thread.h", "#define MAX_TIDS   (1u << 20)", "#define MAX_TIDS   (1u << 8)"),
         ("thread.c", "thread_epoch(t) == UINT32_MAX", "thread_epoch(t) >= 511")]
LATEST = [("thread.c", "threads.queue[threads.head++ % QUEUE_SIZE];\n	threads.nqueue--;",
           "threads.queue[(threads.head + --threads.nqueue) % QUEUE_SIZE];")]

# (case that meets it, traces a batch, what is broken, changes)
MUTANTS = [
    ("words", 2000, "a write stands in for one it is not ordered after",
     [("access.c", "tag_covers(a->tag, old) && ordered(a->t, old)))",
       "tag_covers(a->tag, old)))")]),
    ("bytes", 2000, "bytes of the same epoch are not kept",
     [("access.c", "		return PLAN_MERGE;\n", "		return PLAN_PUT;\n")]),
    ("bytes", 2000, "an access of other bytes counts as recorded",
     [("access.c", "tag_covers(slot, tag) && !(tag & ~slot & TAG_MASK)", "tag_covers(slot, tag)")]),
    ("words", 2000, "a write does not look at the reads",
     [("access.c", "uint32_t over = racing_bytes(a, r);", "uint32_t over = 0;")]),
    ("words", 2000, "a read does not look at the write",
     [("access.c", "uint32_t over = racing_bytes(a, w);", "uint32_t over = 0;")]),
    ("bytes", 2000, "a record drops a write for a later read",
     [("record.c", "(before && tag_covers(a->tag, x))", "before")]),
    ("bytes", 2000, "a record keeps no bytes that the access does not cover",
     [("record.c", "		x &= ~over;\n", "		x = 0;\n")]),
    ("atomics", 2000, "an access stands in for a stronger one",
     [("shadow.h", "return !(a & ~b & TAG_WEAK);", "return !(a & ~b & TAG_READ);")]),
    ("atomics", 2000, "atomic accesses conflict with each other",
     [("shadow.h", "return !(a & b & TAG_WEAK);", "return !(a & b & TAG_READ);")]),
    ("words", 2000, "what one more epoch did is known to all",
     [("thread.h", "tag_epoch(tag) <= load_rlx(&seen_by_all[tid])",
       "tag_epoch(tag) <= load_rlx(&seen_by_all[tid]) + 1")]),
    ("words", 40000, "an id is reused by one who knows nothing of its owner",
     LATEST + [("thread.c", "clock_get(&parent->clock, id.tid) >= id.needed", "id.tid")]),
    ("words", 2000, "a creator goes on in the epoch its child knows",
     [("thread.c", "	thread_step(parent);\n	return life;", "	return life;")]),
    ("words", 2000, "join teaches nothing",
     [("thread.c", "	clock_join(&me->clock, &life->clock);\n", "")]),
    ("words", 2000, "a release gives no epoch of the thread's own",
     [("sync.c", "	clock_copy(&s->clock, &t->life->clock);\n"
       "	clock_raise(&s->clock, tag_tid(t->tag), thread_epoch(t));\n",
       "	clock_copy(&s->clock, &t->life->clock);\n")]),
    ("words", 2000, "a merge forgets what others gave",
     [("sync.c", "	clock_join(&s->clock, &t->life->clock);\n	clock_raise",
       "	clock_copy(&s->clock, &t->life->clock);\n	clock_raise")]),
    ("atomics", 40000, "an atomic stands in for one it is not ordered after",
     [("sync.c", "likely(ordered(t, s->clock.note_tag))", "true")]),
    ("atomics", 2000, "one that does not acquire stands in for those before",
     [("atomics.h", "acquires && releases;", "releases;")]),
    ("atomics", 2000, "a chain has a compare-and-swap that failed",
     [("atomics.h", "	atomic_alone(t, s);\n	if (acquires)\n"
       "		sync_take(t, s);\n	atomic",
       "	t->owed = 0;\n	if (acquires)\n		sync_take(t, s);\n	atomic")]),
    ("words", 2000, "the owner of a lock gives only its epoch",
     [("sync.c", "begin(t)) {\n		sync_give(t, s);",
       "begin(t)) {\n		clock_raise(&s->clock, tag_tid(t->tag), thread_epoch(t));")]),
    ("many", 3000, "a shared leaf hides what only one clock knew",
     [("clock.c", "	if (!more) {\n", "	if (true) {\n")]),
    ("many", 3000, "a shared inner node is changed in place",
     [("clock.c", "if (c != x && x && node_exclusive(own))", "if (c != x && x)")]),
    ("many", 3000, "a far epoch is dropped for the next",
     [("clock.c", "		tree_set(&c->root, c->far_tid - CLOCK_NEAR, c->far_epoch);\n",
       "		;\n")]),
    ("bytes", 40000, "a partial write stands in for a delayed read of more",
     [("access.c", "if (t->delayed.addr == addr && !(t->delayed.tag & TAG_MASK & ~mask))",
       "if (t->delayed.addr == addr)")]),
    ("words", 40000, "a thread does not know of itself under its former id",
     SMALL + [("thread.c", "	struct life *life = t->life;\n"
               "	clock_raise(&life->clock, life->tid, thread_epoch(t));\n	lock(",
               "	struct life *life = t->life;\n	lock(")]),
]


def changed(name, changes):
    with open(f"{RACE}/{name}") as f:
        text = f.read()
    for file, old, new in changes:
        if file == name:
            if text.count(old) != 1:
                sys.exit(f"FAILED: {name} has this {text.count(old)} times, not once:\n{old}")
            text = text.replace(old, new)
    return text


def compile_core(folder, changes):
    """Builds oracle_test with the changed core in a folder of its own."""
    os.mkdir(folder)
    for name in os.listdir(RACE):
        if name.endswith((".c", ".h")):
            with open(f"{folder}/{name}", "w") as f:
                f.write(changed(name, changes))
    sources = [f"{folder}/{name}.c" for name in CORE] + [f"{ROOT}/tests/race/oracle_test.c"]
    libs = subprocess.run(["pkg-config", "--libs", "check"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split()
    built = subprocess.run(["gcc", *FLAGS, f"-I{folder}", "-o", f"{folder}/oracle", *sources,
                            *libs, "-pthread"], capture_output=True, text=True)
    if built.returncode:
        sys.exit(f"FAILED: cannot build {folder}: {built.stderr[-2000:]}")
    return f"{folder}/oracle"


def judge(exe, case, traces):
    """What check says of the case; a batch that hangs or crashes has failed as well."""
    env = {**os.environ, "CK_RUN_CASE": case, "GORT_ORACLE_TRACES": str(traces),
           "GORT_ORACLE_BATCHES": "1"}
    try:
        p = subprocess.run([exe], env=env, text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return False, "hangs"
    first = re.search(r"(?m)^.*:[EF]:.*$", p.stdout)
    return p.returncode == 0, first.group(0) if first else ""


def run(work, number, case, traces, what, changes):
    passed, why = judge(compile_core(f"{work}/{number}", changes), case, traces)
    print(f"{'passed' if passed else 'caught'}  {case}: {what}  {why}", flush=True)
    return passed


def main():
    with tempfile.TemporaryDirectory() as work, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        right = [pool.submit(run, work, f"right-{i}-{case}", case, traces, what, changes)
                 for i, (what, changes) in enumerate([("as it is", []), ("small", SMALL),
                                                     ("latest first", LATEST)])
                 for case, traces in (("words", 3000), ("bytes", 3000), ("atomics", 1000))]
        mutants = [pool.submit(run, work, f"mutant-{i}", *mutant)
                   for i, mutant in enumerate(MUTANTS)]
        good = [f.result() for f in right], [not f.result() for f in mutants]
    print(f"{sum(good[1])} of {len(MUTANTS)} mutants caught")
    sys.exit(not (all(good[0]) and all(good[1])))


main()
