#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""gunseen.py GORT GUNSEEN: a goroutine that blocks where libgort is not told is shown where it is,
from outside and in its own dump, not where it blocked first; and nowhere when it runs."""
import signal
import subprocess
import sys
import time

BLOCKED, LATER = "fills_the_pipe(", "waits_for_a_line("


def shown(gort, pid, wanted, others):
    """Looks until wanted is what it shows and none of the others; how the last look was."""
    end = time.monotonic() + 60
    text = ""
    while time.monotonic() < end:
        text = subprocess.run([gort, "stacks", str(pid)], capture_output=True, text=True,
                              check=False).stdout
        if wanted in text and not any(other in text for other in others):
            return
        time.sleep(0.02)
    sys.exit(f"gunseen.py: not {wanted} alone in\n{text}")


def dump(target):
    target.send_signal(signal.SIGQUIT)
    return target.communicate()[1].decode()


def run(gort, program, runs):
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as target:
        try:
            shown(gort, target.pid, BLOCKED, [LATER])
            target.stdout.read(1 << 20)
            shown(gort, target.pid, LATER, [BLOCKED])
            wanted = LATER
            if runs:
                target.stdin.write(b"\n")
                target.stdin.flush()
                shown(gort, target.pid, "no stack", [BLOCKED, LATER])
                wanted = "computes("  # the signal has found that thread
            text = dump(target)
            if wanted not in text or BLOCKED in text or (runs and LATER in text):
                sys.exit(f"gunseen.py: not {wanted} in its own dump:\n{text}")
        finally:
            target.kill()


def main():
    for runs in False, True:
        run(sys.argv[1], sys.argv[2], runs)


if __name__ == "__main__":
    main()
