# SPDX-License-Identifier: BSD-2-Clause
"""What gprof.py and gcpu.py share: programs that end with the test, and a server to ask."""
import contextlib
import re
import signal
import subprocess
import sys
import urllib.request

CHILDREN = []


def check(condition, *what):
    """Fails the test unless the condition holds."""
    if not condition:
        print("FAIL:", *what)
        for child in CHILDREN:
            child.kill()
        sys.exit(1)


def start(*argv, **how):
    """A process that does not outlive the test."""
    CHILDREN.append(subprocess.Popen(argv, text=True, **how))
    return CHILDREN[-1]


def fetch(url, timeout=None):
    """What is there."""
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read()


def save(data, path):
    with open(path, "wb") as out:
        out.write(data)


@contextlib.contextmanager
def serving(gort, pid):
    """gort serve and where its profiles are."""
    with start(gort, "serve", str(pid), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        said = ""
        while not (url := re.search(r"http://[^/ ]+/debug/pprof/", said)):
            line = server.stdout.readline()
            check(line, "gort serve ends", said, server.stderr.read() if not line else "")
            said += line
        yield server, url.group(0)
        server.send_signal(signal.SIGINT)
        server.communicate()
