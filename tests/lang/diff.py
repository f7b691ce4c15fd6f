#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""diff.py [--scripts N] [--seed S] [--keep FILE]: scripts of random operations, by seed, give the
same on libgort (driver.c) and in Go (driver/main.go). The first difference is printed with what
repeats it: the seed of its script.

--keep writes the scripts there. Exit 0 equal, 1 different, 77 no Go.
"""
import argparse
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

OPERATIONS = 40
RUNES = ["a", "b", "A", "k", "K", "s", "S", "Z", "0", "7", " ", "\t", "\n", ".", ",", "é", "É", "ß",
         "ſ", "\u212a", "世", "\u00a0", "\u2003", "Ǆ", "ǆ", "😀", "\ufffd", "\u0301", "\"", "\\",
         "'", "`", "\x7f", "\u200b", "ı"]
BAD = [b"\xff", b"\xc3", b"\xe4\xb8", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\x80"]
ESCAPES = [r"\n", r"\x41", r"\u00e9", r"\U0001f600", r"\101", r"\'", r"\"", r"\q", r"\ud800", "\\"]
FLOATS = ["0", "-0", "1", "1.5", "1e23", "5e-324", "1.7976931348623157e308", "inf", "-Inf", "nan",
          "0x1p-2", "0x1.8p1", "0x_1p1", "1_0", "1e", "e1", ".5", "5.", "+.e1", "1e400", "1e-400",
          "9007199254740993", "8.5e37", "3.4e39", "123456789", "1e21", "0.1", "infinity", "+nan"]


def some_text(rng, most=8):
    out = b""
    for _ in range(rng.randrange(most)):
        if rng.random() < 0.08:
            out += rng.choice(BAD)
        else:
            out += rng.choice(RUNES[:6] if rng.random() < 0.5 else RUNES).encode()
    return out


def hexed(text):
    return text.hex() or "-"


def number_text(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(FLOATS)
    if kind == 1:
        return str(rng.choice([2**31, 2**32, 2**63, 2**64, 127, 255]) + rng.randrange(-2, 3))
    if kind == 2:
        return rng.choice("+- ") + str(rng.randrange(1 << rng.randrange(1, 70)))
    if kind == 3:
        return rng.choice(["0x", "0X", "0b", "0o", "0", ""]) + "".join(
            rng.choice("0123456789abcdefz_") for _ in range(rng.randrange(6)))
    if kind == 4:
        return "".join(rng.choice("0123456789.e+-") for _ in range(rng.randrange(1, 25)))
    return repr(rng.uniform(-1, 1) * 10 ** rng.randrange(-30, 30))


def double_bits(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return rng.getrandbits(64)
    if kind == 1:  # few digits
        value = rng.randrange(1, 10000) * 10.0 ** rng.randrange(-12, 25)
    elif kind == 2:  # powers of two, where the neighbours are not equally far
        value = rng.choice([1.0, -1.0]) * 2.0 ** rng.randrange(-1074, 1024)
    else:
        value = rng.choice([0.0, -0.0, float("inf"), float("nan"), 5e-324, 1e21, 123456.0, 0.5,
                            2.5, 1.0 / 3])
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def slot(rng):
    return rng.randrange(6)


def rune(rng):
    return rng.choice([ord(rng.choice(RUNES)), rng.randrange(0x250), rng.randrange(0x2fff),
                       rng.randrange(-2, 0x110010), 0xd800, 0xfffd])


def ends(rng):
    return [rng.randrange(4096) for _ in range(3)]


def key(rng):
    return rng.randrange(20) if rng.random() < 0.3 else rng.randrange(3000)


MAKERS = {
    "ints_append": lambda r: [slot(r), r.randrange(1, 4)] + ends(r),
    "ints_concat": lambda r: [slot(r), slot(r)],
    "ints_sub": lambda r: [slot(r), slot(r)] + ends(r),
    "ints_sub3": lambda r: [slot(r), slot(r)] + ends(r),
    "ints_set": lambda r: [slot(r)] + ends(r),
    "ints_copy": lambda r: [slot(r), slot(r)],
    "ints_make": lambda r: [slot(r), r.randrange(9), r.randrange(9)],
    "ints_clear": lambda r: [slot(r)],
    "ints_dump": lambda r: [],
    "bytes_append": lambda r: [slot(r), hexed(some_text(r, 40)), r.randrange(256)],
    "bytes_of": lambda r: [slot(r), hexed(some_text(r, 40))],
    "strs_append": lambda r: [slot(r), r.randrange(1, 400), hexed(some_text(r))],
    "recs_append": lambda r: [slot(r), r.randrange(1, 400)],
    "panics": lambda r: [r.randrange(6)] + [r.randrange(-2, 12) for _ in range(3)],
    "buffer_write": lambda r: [hexed(some_text(r, 30)), r.randrange(256), rune(r)],
    "buffer_read": lambda r: [r.randrange(16), r.randrange(2), r.randrange(12), r.choice([10, 97])],
    "chain": lambda r: [r.randrange(3), r.randrange(6), r.randrange(3)],
    "error_tree": lambda r: [hexed(bytes(r.choices(b"abc0123wwwjjjn", k=r.randrange(12)))),
                             r.randrange(5)],
    "unwinds": lambda r: [hexed(bytes(r.choices(b"NNRSAT", k=r.randrange(6))) +
                                r.choice(b"peidmncax0").to_bytes(1, "big"))],
    "int_set": lambda r: [key(r), r.randrange(1000), hexed(some_text(r))],
    "int_get": lambda r: [key(r), hexed(some_text(r, 3))],
    "int_delete": lambda r: [key(r), hexed(some_text(r, 3))],
    "float_set": lambda r: [double_bits(r)],
    "maps_clear": lambda r: [],
    "int_sweep": lambda r: [],
    "str_searches": lambda r: [hexed(some_text(r)), hexed(some_text(r, 3)), rune(r)],
    "str_parts": lambda r: [hexed(some_text(r, 20)), hexed(some_text(r, 3)), r.randrange(-1, 5)],
    "str_trims": lambda r: [hexed(some_text(r)), hexed(some_text(r, 4))],
    "str_changes": lambda r: [hexed(some_text(r)), hexed(some_text(r, 3)), hexed(some_text(r, 4)),
                              r.randrange(-1, 5)],
    "str_runes": lambda r: [hexed(some_text(r, 20)), rune(r)],
    "fold": lambda r: [rune(r), rune(r)],
    "quoting": lambda r: [hexed(quoted(r)), rune(r)],
    "parsing": lambda r: [hexed(number_text(r).encode()), r.choice([0, 0, 10, 10, 2, 8, 16, 36, 1]),
                          r.choice([0, 8, 16, 32, 64, 64, 5, 65]), r.randrange(2)],
    "formatting": lambda r: [double_bits(r), r.choice([2, 8, 10, 16, 36]), r.randrange(20)],
}
WEIGHTS = {"ints_append": 6, "ints_sub": 3, "int_set": 8, "int_delete": 3, "int_get": 3,
           "panics": 2, "error_tree": 2, "unwinds": 3, "buffer_write": 2, "buffer_read": 2,
           "maps_clear": 0.1, "int_sweep": 0.5}


def quoted(rng):
    inner = some_text(rng)
    for _ in range(rng.randrange(3)):
        inner += rng.choice(ESCAPES).encode()
    mark = rng.choice([b'"', b"'", b"`", b""])
    return mark + inner + mark


def script(seed):
    rng = random.Random(seed)
    names = list(MAKERS)
    weights = [WEIGHTS.get(name, 1) for name in names]
    lines = [f"script {seed}"]
    for name in rng.choices(names, weights, k=OPERATIONS):
        lines.append(" ".join(str(word) for word in [name] + MAKERS[name](rng)))
    return lines + ["ints_dump", "int_sweep"]


def output(command, text):
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True,
                          timeout=600).stdout.splitlines()


def differences(lines, want, have):
    """The first one of each operation, with the seed of its script."""
    found, seed = {}, None
    for i, line in enumerate(lines):
        name = line.split()[0]
        if name == "script":
            seed = line.split()[1]
        if want[i:i + 1] != have[i:i + 1] and name not in found:
            found[name] = (f"--scripts 1 --seed {seed}: {line}\ngo:   {want[i:i + 1]}\n"
                           f"gort: {have[i:i + 1]}")
    return list(found.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--scripts", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep")
    args = parser.parse_args()
    if not shutil.which("go"):
        print("SKIP: no Go in PATH")
        return 77
    here, build = os.path.dirname(os.path.abspath(__file__)), os.environ["GORT_BUILD"]
    lines = [line for i in range(args.scripts) for line in script(args.seed + i)]
    lines.append("every_rune")
    text = "\n".join(lines) + "\n"
    if args.keep:
        with open(args.keep, "w", encoding="ascii") as f:
            f.write(text)
    with tempfile.TemporaryDirectory() as work:
        driver = os.path.join(work, "driver")
        subprocess.run(["go", "build", "-o", driver, "."], cwd=os.path.join(here, "driver"),
                       check=True)
        want = output([driver], text)
    have = output([os.path.join(build, "tests/lang/lang_driver")], text)
    found = differences(lines, want, have)
    for line in found[:10]:
        print(line)
    if found:
        return 1
    print(f"{args.scripts} scripts, {len(lines)} operations: the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())
