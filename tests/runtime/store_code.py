#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""store_code.py [COMPILER...]: what compilers make of gort_store, at -O0 to -O3.

In the assembly of each gort_store of store_code.c, in this order: the old value is loaded from the
slot, the flag is tested, the slot is overwritten; and the register that holds old after that still
has it from this load, by way of the frame at most: a stop finds it there. The register is named by
a comment, GORT_STORE_NOTE. The file also has functions that break the rules, broken_...: the test
fails when it does not find them.
"""
import os
import re
import shutil
import subprocess
import sys

SCRATCH = {"ax", "cx", "dx", "si", "di", "8", "9", "10", "11"}
SOURCE = os.path.join(os.environ["GORT_SOURCE"], "tests/runtime/store_code.c")


def place(operand):
    """ax for %rax and %eax, 8 for %r8d; a place in memory as it is written."""
    m = re.fullmatch(r"%(?:[er]?(ax|bx|cx|dx|si|di|bp|sp|bl|al|cl|dl)|r(\d+)[dwb]?)", operand)
    return (m.group(1) or m.group(2)) if m else operand


def in_frame(operand):
    return bool(re.fullmatch(r"-?\d*\(%r[bs]p\)", operand))


def in_heap(operand):
    return "(" in operand and not in_frame(operand) and "rip" not in operand


class Instruction:
    def __init__(self, line, labels):
        self.labels = labels
        self.op, _, rest = line.partition("\t")
        self.args = re.findall(r"(?:[^,(]|\([^)]*\))+", rest.split("#")[0].replace(" ", ""))
        self.reads_only = bool(re.match(r"(cmp|test|j|push|ret|call|no)", self.op))
        self.move = bool(re.fullmatch(r"mov(q|l|abs\w*)?", self.op)) and len(self.args) == 2
        narrow = self.op in ("movl", "cmpl") or (self.move and re.match(r"%(e|r\d+d)",
                                                                        self.args[1]))
        self.tests_flag = any("gort_writebarrier(" in a or (narrow and in_heap(a))
                              for a in self.args)
        self.loads = self.move and in_heap(self.args[0]) and not narrow
        self.stores = self.move and in_heap(self.args[1])

    def defines(self, where):
        if self.op.startswith("call"):
            return where in SCRATCH
        return bool(self.args) and not self.reads_only and place(self.args[-1]) == where


def before(code, at):
    """Indices of the instructions after which code[at] may run."""
    if at > 0 and code[at - 1].op not in ("jmp", "ret", "retq"):
        yield at - 1
    for i, other in enumerate(code):
        if other.op.startswith("j") and other.args[0] in code[at].labels:
            yield i


def right(code, at, reg):
    """Whether on each way to the note code[at] the store keeps the rules. Walks backwards:
    old may go through registers and the frame; the store must come first, then the test, then the
    load."""
    seen, ways = set(), [(i, place(reg), "") for i in before(code, at)]
    while ways:
        i, where, met = ways.pop()
        if (i, where, met) in seen:
            continue
        seen.add((i, where, met))
        one = code[i]
        if one.stores and met == "":
            met = "store"
        if one.tests_flag and met == "store":
            met = "store test"
        if one.defines(where):
            if not one.move:
                return False
            if one.loads and met != "store test":
                return False
            if one.loads:
                continue
            where = place(one.args[0])
        more = [(k, where, met) for k in before(code, i)]
        if not more:
            return False
        ways += more
    return True


def check(assembly):
    """Function -> list of whether each of its stores is right."""
    bodies, name, labels = {}, None, []
    for line in assembly.splitlines():
        line = line.strip()
        if "%rsp, %rbp" not in assembly:
            line = line.replace("(%rbp", "(%bp")  # a register like others
        label = re.match(r"([a-z]\w*):", line)
        note = re.match(r"# old (\S+)", line)
        if label:
            name = label.group(1)
            bodies[name] = ([], [])
        elif note and name:
            bodies[name][1].append((len(bodies[name][0]), note.group(1)))
            bodies[name][0].append(Instruction("note", labels))
            labels = []
        elif re.match(r"\.L\w+:", line):
            labels.append(line[:-1])
        elif name and line and line[0] not in ".#":
            bodies[name][0].append(Instruction(line, labels))
            labels = []
    return {name: [right(code, at, reg) for at, reg in notes]
            for name, (code, notes) in bodies.items() if notes}


def compile_with(cc, level, flags):
    command = [cc, "-std=gnu17", level, "-S", "-fno-asynchronous-unwind-tables", "-o", "-",
               "-I" + os.path.join(os.environ["GORT_SOURCE"], "runtime/include"),
               '-DGORT_STORE_NOTE="# old %0"', *flags, SOURCE]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def functions(assembly):
    return re.split(r"(?m)^(?=[a-z]\w*:)", assembly)


def failures(cc, level, flags):
    found = {}
    for function in functions(compile_with(cc, level, flags)):
        found.update(check(function))
    for name, stores in sorted(found.items()):
        if all(stores) == name.startswith("broken_"):
            yield f"{name}: {stores}"
    if len(found) != 8:
        yield f"found only {sorted(found)}"


def main():
    compilers = sys.argv[1:] or [c for c in ("gcc", "clang-14") if shutil.which(c)]
    failed = 0
    for cc in compilers:
        for level in ("-O0", "-O1", "-O2", "-O3", "-Os"):
            for flags in ([], ["-fPIC"], ["-fno-omit-frame-pointer", "-fstack-protector-all"]):
                for text in failures(cc, level, flags):
                    print("FAIL", cc, level, *flags, text)
                    failed += 1
    return failed > 0


sys.exit(main())
