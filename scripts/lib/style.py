# SPDX-License-Identifier: BSD-2-Clause
"""The rules of scripts/check-style that need no outside tool.

Usage: style.py [RULE...]      (in the root of the tree; without a rule: all of them)
       style.py --files KIND   (the files of a kind, one a line)
       style.py --rules        (the rules, one a line)

Each finding is one line, "file:line: rule: text"; the exit status is 1 when there was one.

The files are those under the current directory, so a tarball and a clone are checked alike; what
is left out is build/, .git and seed corpora (bytes, not text).
"""
import os
import re
import sys
import statistics

WIDTH = 100
FILE_LINES = 1000
BODY_CAP, BODY_P90, BODY_MEDIAN = 80, 35, 12
DUPLICATE, DUPLICATE_IN_TESTS = 12, 30

KINDS = {"c": (".c", ".h"), "asm": (".S",), "python": (".py",), "go": (".go",),
         "cmake": (".cmake", ".cmake.in", "CMakeLists.txt"), "text": (".md", ".in", ".json")}
CODE = ("c", "asm", "python", "go", "cmake", "shell")

SPDX = re.compile(r"SPDX-License-Identifier: (BSD-2-Clause|\(?(GPL-2\.0-only OR BSD-2-Clause|"
                  r"BSD-2-Clause OR GPL-2\.0-only)\)?)( \*/)?$")

# Headers of libc, the kernel and the compiler: all that the folders compiled into somebody else's
# process may include from outside the tree.
LIBC = set("""aio alloca assert cpuid cpuio ctype dirent dlfcn elf emmintrin endian err errno
    error execinfo fcntl features fenv float fnmatch getopt glob grp ifaddrs immintrin inttypes
    iso646 langinfo libgen limits link locale malloc math mqueue netdb nl_types paths poll printf
    pthread pty pwd regex resolv sched search semaphore setjmp sgtty signal spawn stdalign stdarg
    stdatomic stdbool stddef stdint stdio stdio_ext stdlib stdnoreturn string strings syscall
    syslog termios threads time uchar ucontext unistd utime utmp wait wchar wctype wordexp
    x86intrin""".split())
LIBC_FOLDERS = ("sys", "linux", "asm", "arpa", "net", "netinet", "bits", "sanitizer", "valgrind")

# Who may include what, by the path of the included file in this tree (design: architecture.md).
SNAP, ABI = "runtime/include/gort/snap.h", "runtime/include/gort/abi.h"
MAY_INCLUDE = {
    "runtime": (),
    "leakcheck": (SNAP,),
    "pprof": (SNAP,),
    "race": (ABI, "runtime/base/"),
    "probes": (ABI, SNAP, "runtime/base/x86.h"),
    "cli": ("runtime/include/gort/", "probes/", "pprof/", "leakcheck/"),
}
MAY_INCLUDE_ROOM = {"runtime/debug": ("leakcheck/leakcheck.h", "pprof/pprof.h")}
LIBC_ONLY = ("runtime", "leakcheck", "pprof", "race")
# An own ELF and unwind reader would be a second one beside those: see race/README.md.
MAY_INCLUDE_LIBRARY = {"race": ("libunwind.h",)}

REGISTRIES = re.compile(r"\b((proxy|sum|index)\.golang|(files\.)?pythonhosted|pypi(\.python)?|"
                        r"(registry\.)?npmjs|registry\.yarnpkg|(static\.)?crates|"
                        r"(repo1?|central)\.maven|(deb|security|snapshot|ftp)\.debian"
                        r")\.(org|com|io|net)\b")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")


def kind_of(path):
    name = os.path.basename(path)
    for kind, ends in KINDS.items():
        if any(name.endswith(end) for end in ends):
            return kind
    if "." in name.lstrip("."):
        return None
    with open(path, "rb") as f:
        first = f.readline(64)
    if first.startswith(b"#!"):
        return "python" if b"python" in first else "shell"
    return "shell" if name.endswith(".sh") else None


def walk():
    """All checked files as {path: kind}, paths relative to the current directory."""
    found = {}
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(d for d in folders if d not in (".git", "build", "seeds"))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), ".")
            if os.path.islink(path) or name == ".git":
                continue
            kind = "shell" if name.endswith(".sh") else kind_of(path)
            if kind:
                found[path] = kind
    return found


class Tree:
    def __init__(self):
        self.kinds = walk()
        self.lines = {}
        for path in self.kinds:
            with open(path, encoding="utf-8", errors="replace") as f:
                self.lines[path] = f.read().split("\n")
            if self.lines[path][-1] == "":
                self.lines[path].pop()

    def of(self, *kinds):
        return [p for p, kind in self.kinds.items() if kind in kinds]


def width(tree):
    for path in tree.of(*CODE):
        for n, line in enumerate(tree.lines[path], 1):
            columns = len(line.expandtabs(8))
            if columns > WIDTH:
                yield path, n, f"{columns} columns, at most {WIDTH}"


def blanks(tree):
    for path in tree.kinds:
        lines = tree.lines[path]
        for n, line in enumerate(lines, 1):
            if line != line.rstrip():
                yield path, n, "blank at the end of the line"
        if lines and not lines[-1]:
            yield path, len(lines), "blank line at the end of the file"


def c_code_lines(lines):
    """(number, line) of the lines of a C file that do not begin inside a block comment."""
    inside = False
    for n, line in enumerate(lines, 1):
        if not inside:
            yield n, line
        for mark in re.findall(r"/\*|\*/|//", line):
            if mark == "//" and not inside:
                break
            inside = mark == "/*" if mark != "//" else inside


def shell_code_lines(lines):
    """(number, line) of the lines of a script outside its here-documents."""
    end = None
    for n, line in enumerate(lines, 1):
        if end is not None:
            end = None if line.strip() == end else end
            continue
        yield n, line
        here = re.search(r"<<-?\s*[\"'\\]?(\w+)", line)
        if here and "<<<" not in line:
            end = here.group(1)


def tabs(tree):
    readers = {"c": c_code_lines, "shell": shell_code_lines}
    for path in tree.of("c", "asm", "shell", "cmake", "go"):
        reader = readers.get(tree.kinds[path], lambda lines: enumerate(lines, 1))
        for n, line in reader(tree.lines[path]):
            if re.match(r" (?! ?\*)|\s* {8}", line):
                yield path, n, "indented by blanks, not tabs"


def spdx(tree):
    for path in tree.of("c", "asm", "python", "shell", "go"):
        lines = tree.lines[path] or [""]
        n = 1 if lines[0].startswith("#!") else 0
        if not SPDX.search(lines[n] if n < len(lines) else ""):
            yield path, n + 1, "no SPDX-License-Identifier: BSD-2-Clause"


def bodies(lines):
    """(line of the opening brace, lines between the braces) of each function of a C file."""
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        elif line.startswith("}") and start is not None:
            yield start, n - start - 1
            start = None


def function_length(tree):
    lengths = []
    for path in tree.of("c"):
        for n, length in bodies(tree.lines[path]):
            lengths.append(length)
            if length > BODY_CAP:
                yield path, n, f"a body of {length} lines, at most {BODY_CAP}"
    if not lengths:
        return
    lengths.sort()
    median, p90 = statistics.median(lengths), lengths[len(lengths) * 9 // 10]
    if median > BODY_MEDIAN:
        yield ".", 0, f"the median body has {median:g} lines, at most {BODY_MEDIAN}"
    if p90 > BODY_P90:
        yield ".", 0, f"90 % of the bodies have up to {p90} lines, at most {BODY_P90}"


def file_length(tree):
    for path in tree.of(*CODE):
        count = len(tree.lines[path])
        if count > FILE_LINES:
            yield path, count, f"{count} lines, at most {FILE_LINES}"


def is_libc(name):
    return name.split("/")[0] in LIBC_FOLDERS or name.removesuffix(".h") in LIBC


def resolve(tree, path, name):
    """The path in this tree of what `path` includes as `name`, or None."""
    top = path.split("/")[0]
    for base in (os.path.dirname(path), top, "runtime/include", ""):
        candidate = os.path.normpath(os.path.join(base, name))
        if candidate in tree.kinds:
            return candidate
    others = [p for p in tree.kinds if os.path.basename(p) == name]
    return others[0] if others else None


def include(tree):
    for path in tree.of("c", "asm"):
        top = path.split("/")[0]
        if top not in MAY_INCLUDE:
            continue
        allowed = MAY_INCLUDE[top] + MAY_INCLUDE_ROOM.get(os.path.dirname(path), ())
        for n, line in enumerate(tree.lines[path], 1):
            found = re.match(r"\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", line)
            if not found:
                continue
            angle, name = found.groups()
            target = None if angle == "<" and is_libc(name) else resolve(tree, path, name)
            if target and not target.startswith(top + "/") and not target.startswith(allowed):
                yield path, n, f"{top}/ may not include {target}"
            elif (not target and angle == "<" and top in LIBC_ONLY and not is_libc(name)
                    and name not in MAY_INCLUDE_LIBRARY.get(top, ())):
                yield path, n, f"{top}/ may include nothing of other libraries: {name}"


def code_of(tree, path):
    """The normalised code lines of a file, numbered: no comments, blanks or lone braces."""
    text = "\n".join(tree.lines[path])
    keep = lambda found: "\n" * found.group().count("\n")
    if tree.kinds[path] in ("c", "asm", "go"):
        text = re.sub(r"/\*.*?\*/|//[^\n]*", keep, text, flags=re.S)
    else:
        text = re.sub(r"(?m)^\s*#[^\n]*", "", text)
    for n, line in enumerate(text.split("\n"), 1):
        line = " ".join(line.split())
        if re.search(r"\w", line) and not line.startswith("#include"):
            yield n, line


def duplicate(tree):
    """Blocks of equal code: hash every window of the bound, extend the first match, report once."""
    seen = {}
    for path in tree.of("c", "asm", "python", "shell", "go"):
        bound = DUPLICATE_IN_TESTS if path.startswith("tests/") else DUPLICATE
        code = list(code_of(tree, path))
        skip = 0
        for i in range(len(code) - bound + 1):
            key = tuple(line for _, line in code[i:i + bound])
            first = seen.setdefault(key, (path, code[i][0], i))
            other, at, j = first
            if i < skip or (other == path and i - j < bound):
                continue
            skip = i + bound
            yield path, code[i][0], f"{bound} or more lines equal to those at {other}:{at}"


def unfinished(tree):
    for path in tree.kinds:
        for n, line in enumerate(tree.lines[path], 1):
            found = UNFINISHED.search(line)
            if found:
                yield path, n, f"{found.group()}: finish it or file an issue"


def registry(tree):
    for path in tree.kinds:
        for n, line in enumerate(tree.lines[path], 1):
            found = REGISTRIES.search(line)
            if found:
                yield path, n, f"names the package registry {found.group()}"


def python(tree):
    for path in tree.of("python"):
        try:
            compile("\n".join(tree.lines[path]) + "\n", path, "exec", dont_inherit=True)
        except SyntaxError as err:
            yield path, err.lineno or 0, err.msg


RULES = {"width": width, "blanks": blanks, "tabs": tabs, "spdx": spdx,
         "function-length": function_length, "file-length": file_length, "include": include,
         "duplicate": duplicate, "unfinished": unfinished, "registry": registry,
         "python": python}


def main(argv):
    if argv[:1] == ["--rules"]:
        print("\n".join(RULES))
        return 0
    tree = Tree()
    if argv[:1] == ["--files"]:
        print("\n".join(sorted(tree.of(*argv[1:]))))
        return 0
    count = 0
    for rule in argv or RULES:
        for path, line, text in RULES[rule](tree):
            print(f"{path}:{line}: {rule}: {text}")
            count += 1
    return 1 if count else 0


sys.exit(main(sys.argv[1:]))
