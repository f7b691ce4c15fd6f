#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""source.py [--scripts N] [--seed S] [--keep DIR]: the scripts of diff.py as programs. Each
operation is the body that driver.c or driver/main.go has for it, with literals for its arguments.
They are compiled by gcc and clang, without and with optimization, and by Go, and print the same.

Exit 0 equal, 1 different, 77 no Go.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import diff

HERE = os.path.dirname(os.path.abspath(__file__))
PER_FILE = 25
FLAGS = ["-std=gnu17", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-Wno-unused-function"]
BUILDS = [("gcc", "-O0"), ("clang-14", "-O2"), ("gcc", "-O2"), ("clang-14", "-O0")]
GO_HEAD = """package main

import ("errors"; "fmt"; "math"; "sort"; "strconv"; "strings"; "unicode/utf8")

var _ = []any{errors.New, fmt.Fprint, math.Pi, sort.Ints, strconv.Itoa, strings.Index, utf8.RuneLen}
"""


def bodies(path, pattern):
    with open(path, encoding="utf-8") as f:
        return dict(re.findall(pattern, f.read(), re.S | re.M))


def c_bodies():
    path = os.path.join(HERE, "driver.c")
    with open(path, encoding="utf-8") as f:
        names = dict(re.findall(r'\{"(\w+)", (\w+)\}', f.read()))
    found = bodies(path, r"^static void (\w+)\(void\)\n(\{.*?^\})")
    return {name: found[function] for name, function in names.items()}


def go_bodies():
    found = bodies(os.path.join(HERE, "driver/main.go"),
                   r'^\t"(\w+)": (func\(\) \{.*?\}),$(?=\n(?:\t"|\}))')
    return {name: body + "()" for name, body in found.items()}


def c_text(word):
    return 'S("%s")' % "".join("\\%03o" % c for c in bytes.fromhex(word.strip("-")))


def go_text(word):
    return '"%s"' % "".join("\\x%02x" % c for c in bytes.fromhex(word.strip("-")))


def filled(body, words, text, number, word64):
    """body with the words of a line in place of num(1), text(2) and the like."""
    def value(match):
        kind, i = match.group(1), int(match.group(2))
        word = words[i] if i < len(words) else None
        if kind == "text":
            return text(word or "-")
        if kind == "num":
            return number % (word or "0")
        image = word64 % word
        return image if kind == "word64" else f"frombits({image})"
    return re.sub(r"\b(num|text|word64|real|real64)\((\d)\)", value, body)


def c_source(scripts, operations):
    out = ['#include "driver.h"\n']
    for seed, lines in scripts:
        out.append(f"static void script_{seed}(void)\n{{\n\tbegin();\n")
        for line in lines:
            words = line.split()
            out.append(f'\tput("{words[0]}");\n')
            if words[0] in operations:
                out.append(filled(operations[words[0]], words, c_text, "%sL", "UINT64_C(%s)"))
            else:
                out.append(f"\tputnum({words[1]});")
            out.append('\n\tput("\\n");\n')
        out.append("}\n")
    calls = "".join(f"\tscript_{seed}();\n" for seed, _ in scripts)
    out.append("int gort_main(int argc, char **argv)\n{\n\t(void)argc, (void)argv;\n"
               f"{calls}\treturn 0;\n}}\n")
    return "".join(out)


def go_source(scripts, operations):
    out = [GO_HEAD]
    for seed, lines in scripts:
        out.append(f"func script{seed}() {{\nbegin()\n")
        for line in lines:
            words = line.split()
            out.append(f'out.WriteString("{words[0]}")\n')
            if words[0] in operations:
                out.append(filled(operations[words[0]], words, go_text, "int(%s)", "uint64(%s)"))
            else:
                out.append(f"put({words[1]})")
            out.append("\nout.WriteByte('\\n')\n")
        out.append("}\n")
    calls = "".join(f"script{seed}()\n" for seed, _ in scripts)
    out.append(f"func main() {{\nbegin()\n{calls}out.Flush()\n}}\n")
    return "".join(out)


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def run(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True,
                          check=True).stdout.splitlines()


def go_output(work, scripts):
    folder = os.path.join(work, "go")
    os.mkdir(folder)
    for name in ("go.mod", "shared.go"):
        shutil.copy(os.path.join(HERE, "driver", name), folder)
    write(os.path.join(folder, "main.go"), go_source(scripts, go_bodies()))
    # Unoptimized: it takes a tenth of the time.
    run("go", "build", "-gcflags=-N -l", "-o", "program", ".", cwd=folder)
    return run(os.path.join(folder, "program"))


def c_output(work, i, scripts, operations):
    source, program = os.path.join(work, f"{i}.c"), os.path.join(work, f"program{i}")
    runtime = os.path.join(HERE, "../../runtime/include")
    compiler, level = BUILDS[i % len(BUILDS)]
    if not shutil.which(compiler):
        compiler = os.environ["CC"]
    write(source, c_source(scripts, operations))
    run(compiler, *FLAGS, level, "-I" + HERE, "-I" + runtime, source, "-o", program,
        os.path.join(os.environ["GORT_BUILD"], "lib/libgort.a"), "-lpthread")
    return run(program)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scripts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    args = parser.parse_args()
    if not shutil.which("go"):
        print("SKIP: no Go in PATH")
        return 77
    scripts = [(seed, diff.script(seed)) for seed in range(args.seed, args.seed + args.scripts)]
    operations, have = c_bodies(), []
    with tempfile.TemporaryDirectory() as work:
        work = args.keep or work
        want = go_output(work, scripts)
        for i, first in enumerate(range(0, len(scripts), PER_FILE)):
            have += c_output(work, i, scripts[first:first + PER_FILE], operations)
    for line, (a, b) in enumerate(zip(want, have)):
        if a != b:
            print(f"line {line}:\ngo:   {a}\ngort: {b}")
            return 1
    if len(want) != len(have) or len(want) < 40 * args.scripts:
        print(f"{len(have)} lines, Go has {len(want)}")
        return 1
    print(f"{args.scripts} scripts as programs: the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())
