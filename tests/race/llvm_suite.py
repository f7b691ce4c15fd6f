#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""llvm_suite.py DIR --compiler gcc|clang [--only GLOB] [--jobs N]

Runs LLVM 14's own tests of ThreadSanitizer, of which DIR is compiler-rt/test/tsan, as each of them
says, but its programs under gort-race. clang's have clang's runtime linked in, which is replaced.

Two judgements. Text: what the test itself demands, to the letter. Verdict: of tests with one
program and one expectation, whether a data race was reported; a race may take three runs, as
LLVM's own runner allows. Exit status: 0 as many as BOUNDS say and no false alarm, 1 not, 77 a tool
is missing.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

GORT_RACE = os.path.abspath(os.environ.get("GORT_BUILD", "build/release") + "/bin/gort-race")
LLVM_BIN = "/usr/lib/llvm-14/bin"
RUNS = 3
TIMEOUT = 60
BOUNDS = {"clang": {"found": 84, "text": 240}, "gcc": {"found": 80, "text": 226}}
FEATURES = {"linux", "system-linux", "x86_64", "x86_64-target-arch", "shell", "native-run",
            "glibc-2.30"}
OTHER_SYSTEMS = re.compile(r"darwin|objc|libdispatch|Unit/|libcxx/", re.I)


class Test:
    def __init__(self, path, opt):
        self.path, self.opt = path, opt
        self.name = os.path.relpath(path, opt.dir)
        with open(path, errors="replace") as f:
            self.text = f.read()
        joined = re.sub(r"\\\n.*?RUN:", " ", self.text)
        self.lines = re.findall(r"RUN:\s*(.*)", joined)

    def words(self, keyword):
        return [w.strip() for line in re.findall(keyword + r":(.*)", self.text)
                for w in line.split(",")]

    def supported(self):
        features = FEATURES | {self.opt.compiler}
        needs = [w for w in self.words("REQUIRES") if w]
        return not (OTHER_SYSTEMS.search(self.name) or not self.lines
                    or any(w in features or w == "*" for w in self.words("UNSUPPORTED"))
                    or any(not features & {w.strip() for w in need.split("||")} for need in needs))

    def script(self, program):
        """The RUN lines with what they stand for."""
        include = os.path.dirname(self.opt.dir)
        flags = f"-fsanitize=thread -Wall -g -w -msse4.2 -I{include}"
        if self.opt.compiler == "gcc":
            cc, cxx = "gcc", "g++"
            flags += f" -fPIE -pie -pthread -ldl -lrt -idirafter {resource_dir()}/include"
        else:
            cc, cxx = "clang-14", "clang++-14"
            flags += " -m64 -gline-tables-only"
        c_compiler = cxx if cc == "gcc" and self.path.endswith(".cpp") else cc
        meanings = [("%clangxx_tsan++11", f"{cxx} -std=c++11 {flags}"),
                    ("%clangxx_tsan", f"{cxx} -std=c++14 {flags}"),
                    ("%clang_tsan", f"{c_compiler} {flags}"), ("%gcc_tsan", f"{cc} {flags}"),
                    ("%env_tsan_opts=", "env TSAN_OPTIONS=atexit_sleep_ms=0:"),
                    ("%deflake", f"{self.opt.dir}/deflake.bash {RUNS}"),
                    ("%darwin_min_target_with_tls_support", ""), ("%link_libcxx_tsan", ""),
                    ("%clangxx", cxx), ("%clang", cc), ("%run", f"{GORT_RACE} "), ("%os", "Linux"),
                    ("%t", program), ("%s", self.path), ("%p", self.opt.dir),
                    ("FileCheck", f"{LLVM_BIN}/FileCheck")]
        out = []
        for line in self.lines:
            for what, meaning in meanings:
                line = line.replace(what, meaning)
            out.append(re.sub(r"(^|\s)not ", rf"\1{LLVM_BIN}/not ", line))
        return "set -e -o pipefail\n" + "\n".join(out)

    def expects(self):
        """True: a data race; False: silence; None: neither, or more than one program."""
        if len([line for line in self.lines if "%run" in line]) != 1:
            return None
        race = re.search(r"CHECK[A-Z0-9-]*:.*(WARNING|ThreadSanitizer): "
                         r"(ThreadSanitizer: )?data race", self.text)
        silent = re.search(r"CHECK-NOT:.*(ThreadSanitizer|WARNING)", self.text)
        return bool(race) if bool(race) != bool(silent) else None

    def reports(self, program):
        line = next(line for line in self.lines if "%run" in line)
        args = re.search(r"%run %t(?!-)([^|&>\n]*)", line)
        options = re.search(r"%env_tsan_opts=(\S+)", line)
        env = environment()
        if options:
            text = options.group(1).replace("%s", self.path).replace("%t", program)
            env["TSAN_OPTIONS"] += f":{text}"
        args = [a for a in (args.group(1) if args else "").split() if a not in ("1", "2")]
        return "data race" in run([GORT_RACE, program, *args], env, os.path.dirname(program))[0]


def environment():
    return {**os.environ, "TSAN_OPTIONS": "atexit_sleep_ms=0"}


def resource_dir():
    return subprocess.run(["clang-14", "-print-resource-dir"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def run(command, env, cwd):
    p = subprocess.Popen(command, env=env, cwd=cwd, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, start_new_session=True)
    try:
        return p.communicate(timeout=TIMEOUT)[0].decode("utf8", "replace"), p.returncode
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, 9)
        return p.communicate()[0].decode("utf8", "replace"), 124


def judge(test):
    """Its name, how the text went, and the verdict."""
    if not test.supported():
        return test.name, "unsupported", None
    with tempfile.TemporaryDirectory() as work:
        program = f"{work}/t"
        _, code = run(["bash", "-c", test.script(program)], environment(), work)
        built = os.path.isfile(program) and os.access(program, os.X_OK)
        text = "passed" if code == 0 else "failed" if built else "not built"
        expected = test.expects()
        if expected is None or not built:
            return test.name, text, None
        reported = any(test.reports(program) for _ in range(RUNS if expected else 1))
    return test.name, text, ("found" if reported else "missed") if expected else (
        "false alarm" if reported else "clean")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=os.path.abspath)
    parser.add_argument("--compiler", choices=("gcc", "clang"), default="clang")
    parser.add_argument("--only", default="*")
    parser.add_argument("--jobs", type=int, default=2)
    opt = parser.parse_args()
    for tool in ("clang-14", f"{LLVM_BIN}/FileCheck", f"{LLVM_BIN}/not", opt.compiler.replace(
            "clang", "clang++-14").replace("gcc", "g++")):
        if not shutil.which(tool):
            print(f"no {tool}")
            sys.exit(77)
    paths = [p for pattern in ("*.c", "*.cpp", "Linux/*.c", "Linux/*.cpp")
             for p in glob.glob(f"{opt.dir}/{pattern}")
             if fnmatch.fnmatch(os.path.basename(p), opt.only)]
    with concurrent.futures.ThreadPoolExecutor(opt.jobs) as pool:
        results = list(pool.map(judge, [Test(p, opt) for p in sorted(paths)]))
    texts = collections.Counter(text for _, text, _ in results)
    verdicts = collections.Counter(v for _, _, v in results if v)
    print(f"{opt.compiler}: {len(results)} tests, text {dict(texts)}, verdicts {dict(verdicts)}")
    for name, text, verdict in results:
        if text in ("failed", "not built") or verdict in ("missed", "false alarm"):
            print(f"  {name}: {text}, {verdict or 'no verdict'}")
    bounds = BOUNDS[opt.compiler]
    sys.exit(bool(verdicts["false alarm"] or verdicts["found"] < bounds["found"]
                  or texts["passed"] < bounds["text"]))


main()
