#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""findings.py PROGRAM MODE: what the detector sends to a launcher, and its options.

socket    one well-formed record, answered; nothing on standard error
mute      a launcher that is gone: the report is printed instead, the program is not held up
options   exitcode, log_path, halt_on_error of TSAN_OPTIONS and GORT_RACE
"""
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile

STACK = struct.Struct("<IIQQQIIiI32s128Q")
HEAD = struct.Struct("<IIIIiI")
LIB = os.path.join(os.environ["GORT_BUILD"], "lib")


def check(ok, *what):
    if not ok:
        sys.exit("FAILED: " + " ".join(map(str, what)))


def preload(program):
    dynamic = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True)
    need = re.search(r"NEEDED.*\[(lib\S*tsan\S*)\]", dynamic.stdout).group(1)
    return f"{LIB}/libgort-race.so:{LIB}/gort-race/{need}"


def start(program, case, fds=(), **env):
    env = {**os.environ, "LD_PRELOAD": preload(program), **env}
    return subprocess.Popen([program, case, "race"], env=env, pass_fds=fds, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(p):
    out, err = p.communicate(timeout=60)
    return p.returncode, out, err


def parse(record):
    magic, size, kind, nstacks, pid, seen = HEAD.unpack_from(record)
    check(magic == 0x676F7266 and size == len(record) and kind == 1 and seen == 1, "head")
    return pid, [STACK.unpack_from(record, HEAD.size + i * STACK.size) for i in range(nstacks)]


def through_socket(program):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(60)
    p = start(program, "heap", (theirs.fileno(),), GORT_FINDING_FD=str(theirs.fileno()))
    theirs.close()
    pid, stacks = parse(ours.recv(65536))
    check(p.poll() is None, "it did not wait for the answer")
    ours.send(b"x")
    code, out, err = finish(p)
    check(code == 66 and "done" in out and not err, code, out, err)
    check(pid == p.pid, "pid")
    roles = sorted(s[0] for s in stacks)
    check(roles == [1, 2, 3, 3, 4], "roles", roles)
    now, before, block = stacks[0], stacks[1], stacks[-1]
    check(now[2] == 2 and before[2] == 1 and block[2] == 0, "threads")
    check(now[4] == before[4] and now[5] == 4 and now[6] == 1, "address, size, write")
    check(block[4] + 200 == now[4] and 400 <= block[5] < 500, "heap block")
    check(all(s[1] > 0 and s[10] for s in stacks), "stacks")


def mute(program):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    p = start(program, "heap", (theirs.fileno(),), GORT_FINDING_FD=str(theirs.fileno()))
    theirs.close()
    ours.close()
    code, out, err = finish(p)
    check(code == 66 and "done" in out and "data race" in err, code, out, err)


def options(program):
    code, out, err = finish(start(program, "counter", TSAN_OPTIONS="verbosity=0 exitcode=7"))
    check(code == 7 and "done" in out, "exitcode of TSAN_OPTIONS", code)
    code, out, err = finish(start(program, "counter", TSAN_OPTIONS="exitcode=7",
                                  GORT_RACE="exitcode=0"))
    check(code == 0 and "data race" in err, "exitcode=0 of GORT_RACE", code)
    code, out, err = finish(start(program, "counter", GORT_RACE="halt_on_error=1"))
    check(code == 66 and "done" not in out and err.count("data race (pid") == 1, "halt_on_error")
    code, out, err = finish(start(program, "counter", TSAN_OPTIONS="report_bugs=false"))
    check(code == 0 and "done" in out and not err, "report_bugs", code, err)
    with tempfile.TemporaryDirectory() as d:
        p = start(program, "counter", GORT_RACE=f"log_path='{d}/log',report_limit=1",
                  TSAN_OPTIONS="report_bugs=false:report_bugs=yes")
        code, out, err = finish(p)
        with open(f"{d}/log.{p.pid}", encoding="utf-8") as f:
            text = f.read()
        check(code == 66 and not err and text.count("data race (pid") == 1, "log_path", err)


{"socket": through_socket, "mute": mute, "options": options}[sys.argv[2]](sys.argv[1])
