#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""serve.py CASE [GOVERSION] - `gort serve` on a Go program (serve.go) that also serves its own
/debug/pprof.

like-go     status, headers and errors are those of Go's net/http/pprof; so are the stacks
cpu         a CPU profile of a program that burns CPU has its function and callers
pprof       go tool pprof reads it, a difference over time too
metrics     promtool finds nothing wrong; the numbers are right
prometheus  a real Prometheus scrapes it
lifecycle   it needs a token where others can reach it, ends with the target, and on Ctrl-C
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
GORT = os.path.join(os.environ["GORT_BUILD"], "bin", "gort")
PATHS = ["", "goroutine", "goroutine?debug=1", "goroutine?debug=2", "goroutine?debug=x", "cmdline",
         "symbol", "symbol?0x1", "nope", "goroutine?seconds=x", "goroutine?seconds=0",
         "goroutine?seconds=-1", "goroutine?seconds=1&debug=1", "heap?seconds=1&debug=1",
         "%67oroutine?d%65bug=1"]
ERRORS = ["nope", "goroutine?seconds=x", "goroutine?seconds=1&debug=1"]


def skip(why):
    """This machine cannot."""
    print("SKIP: " + why)
    sys.exit(77)


def check(condition, *what):
    """Fails the test unless the condition holds."""
    if not condition:
        print("FAIL:", *what)
        sys.exit(1)


def eventually(what, attempt):
    """What attempt returns, once that is true; for at most 60 s."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        got = attempt()
        if got:
            return got
        time.sleep(0.1)
    return check(False, "never:", what)


class Process:
    """A child that prints where it serves; killed at the end."""

    def __init__(self, *command, **more):
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      text=True, **more)
        url = self.child.stdout.readline().strip()
        check(url, "no address:", command, url or self.child.stderr.read())
        self.address = urllib.parse.urlsplit(url).netloc

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()

    def ask(self, path, method="GET", headers=None):
        """The response and its body."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body


def target(where):
    """The Go program, built and started."""
    if not shutil.which("go"):
        skip("no Go toolchain in PATH")
    program = os.path.join(where, "goserve")
    toolchain = {"GOTOOLCHAIN": "go" + sys.argv[2]} if len(sys.argv) > 2 else {}
    shutil.copy(os.path.join(HERE, "serve.go"), where)
    with open(os.path.join(where, "go.mod"), "w", encoding="ascii") as f:
        f.write("module goserve\ngo 1.22\n") # before, the paths were not registered for GET only
    done = subprocess.run(["go", "build", "-o", program, "."], cwd=where, capture_output=True,
                          env=dict(os.environ, GOFLAGS="-mod=mod", **toolchain), text=True)
    check(not done.returncode, done.stderr)
    return Process(program)


def serve(pid, *more):
    """gort serve on it."""
    return Process(GORT, "serve", *more, str(pid))


def headers(response):
    """Those that must be equal: all but the date, the length and what HTTP does between hops."""
    free = ("date", "content-length", "connection", "transfer-encoding")
    return sorted((k.lower(), v) for k, v in response.getheaders() if k.lower() not in free)


def stack(text):
    """The record of the waiters in a goroutine profile as text."""
    found = re.search(r"^40 @.*?\n\n", text, re.M | re.S)
    check(found, "no 40 waiters:", text)
    return found.group(0)


def like_go(go, gort):
    """Compares answer by answer."""
    for path in PATHS:
        want, wanted = go.ask("/debug/pprof/" + path)
        got, body = gort.ask("/debug/pprof/" + path)
        check(got.status == want.status, path, got.status, want.status)
        check(headers(got) == headers(want), path, headers(got), headers(want))
        if path in ERRORS or path.startswith("cmdline"):
            check(body == wanted, path, body, wanted)
    moved = gort.ask("/debug/pprof")[0]
    check(moved.status == 307 and moved.getheader("Location") == "/debug/pprof/", moved.status)
    for method, path in (("POST", "/debug/pprof/"), ("GET", "/nope"),
                         ("HEAD", "/debug/pprof/goroutine?debug=1")):
        want, _ = go.ask(path, method)
        got, _ = gort.ask(path, method)
        check(got.status == want.status, method, path, got.status, want.status)
    path = "/debug/pprof/goroutine?debug=1"
    want, got = (stack(x.ask(path)[1].decode()) for x in (go, gort))
    check(got == want, got, want)
    pc = re.search(r"0x[0-9a-f]+", got.splitlines()[-2]).group(0)
    path = "/debug/pprof/symbol?" + pc
    check(gort.ask(path)[1] == go.ask(path)[1], gort.ask(path)[1], go.ask(path)[1])
    text = gort.ask("/debug/pprof/goroutine?debug=2")[1].decode()
    check(text.count("\nmain.waiter(") == 40, text)
    check("runtime.gopark" not in text, "debug=2 shows the runtime's own frames")
    for path in ("heap?debug=1", "allocs?debug=1", "block?debug=1", "mutex?debug=1",
                 "threadcreate?debug=1"):
        want, wanted = go.ask("/debug/pprof/" + path)
        got, body = gort.ask("/debug/pprof/" + path)
        check(headers(got) == headers(want), path, headers(got), headers(want))
        first = [re.sub(rb"\d+", b"N", x.split(b"\n")[0]) for x in (body, wanted)]
        check(first[0] == first[1], path, *first)
    for path in ("trace?seconds=1",):
        got, body = gort.ask("/debug/pprof/" + path)
        check(got.status == 500 and got.getheader("X-Go-Pprof") == "1", path, got.status)
        check(b"gort cannot" in body, path, body)


def tool(args, where):
    """go tool pprof."""
    env = dict(os.environ, PPROF_TMPDIR=where)
    done = subprocess.run(["go", "tool", "pprof", *args], env=env, capture_output=True, text=True)
    check(not done.returncode, done.stderr)
    return done.stdout


def cpu(go, gort, where):
    """A CPU profile of the program while it burns; of one that rests, without samples."""
    host, port = go.address.split(":")
    with socket.create_connection((host, int(port))) as burning:
        burning.sendall(b"GET /burn HTTP/1.1\r\nHost: localhost\r\n\r\n")
        response, why = gort.ask("/debug/pprof/profile?seconds=1")
        if response.status != 200 and b"perf_event" in why:
            if "GORT_WITHOUT" not in os.environ:
                skip(why.decode())
            check(b"perf_event is switched off (--without perf)" in why, why)
            return
        raw = tool(["-raw", f"http://{gort.address}/debug/pprof/profile?seconds=3"], where)
    check("samples/count cpu/nanoseconds" in raw and "Period: 10000000" in raw, raw)
    top = tool(["-top", "-cum", "-nodecount=40",
                os.path.join(where, "pprof.goserve.samples.cpu.001.pb.gz")], where)
    share = re.search(r"([0-9.]+)%\s+main\.burn$", top, re.M)
    check(share and float(share.group(1)) > 50, top)
    check("runtime.goexit" not in top and "net/http.(*conn).serve" in top, top)
    with socket.create_connection((host, int(port))) as burning:
        burning.sendall(b"GET /deep HTTP/1.1\r\nHost: localhost\r\n\r\n")
        traces = tool(["-traces", f"http://{gort.address}/debug/pprof/profile?seconds=3"], where)
    blocks = [b.split() for b in traces.split("-----------+")[1:] if "main.deep" in b]
    whole = [b for b in blocks if b.count("main.deep") == 61 and "net/http.(*conn).serve" in b]
    tags = tool(["-tags", os.path.join(where, "pprof.goserve.samples.cpu.002.pb.gz")], where)
    shares = re.findall(r"\(\s*([0-9.]+)%\): (gold|/deep)$", tags, re.M)
    check(len(shares) == 2 and all(float(share) > 30 for share, _ in shares), tags)
    check(blocks and len(whole) >= 0.9 * len(blocks), len(whole), "of", len(blocks), traces)


def pprof(gort, where):
    """The judge of profiles."""
    url = f"http://{gort.address}/debug/pprof/goroutine"
    top = tool(["-top", "-cum", url], where)
    check(re.search(r"\s40\s+\S+\s+main\.waiter", top), top)
    base = f"http://{gort.address}/debug/pprof/"
    for name in ("heap", "allocs"):
        top = tool(["-sample_index=alloc_space", "-top", base + name], where)
        check(re.search(r"\smain\.hoard", top), name, top)
        text = tool(["-symbolize=none", "-raw", base + name + "?debug=1"], where)
        check("inuse_space/bytes" in text and "bytes:[1048576]" in text, name, text)
    top = tool(["-top", base + "heap"], where)
    check("Type: inuse_space" in top and "main.hoard" in top, top)
    check("Type: alloc_space" in tool(["-top", base + "allocs"], where), "default of allocs")
    check("main.hoard" not in tool(["-top", base + "heap?seconds=1"], where), "delta of heap")
    top = tool(["-top", base + "goroutineleak"], where)
    check(re.search(r"\s3\s+\S+\s+main\.lost", tool(["-top", "-cum", base + "goroutineleak"],
                                                   where)), top)
    raw = tool(["-raw", url + "?seconds=1"], where)
    check("Duration: 1" in raw and "goroutine/count" in raw, raw)
    check(" 40: " not in raw, "what did not change is part of a difference:", raw)


def metrics(gort):
    """The judge of the page, and some of its numbers."""
    response, body = gort.ask("/metrics")
    kind = response.getheader("Content-Type")
    check(kind == "text/plain; version=0.0.4; charset=utf-8", kind)
    done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True,
                          check=False)
    check(not done.returncode and not done.stderr, done.stderr)
    text = body.decode()
    check(re.search(r"^go_goroutines 4[1-9]$", text, re.M), text)
    check('gort_goroutines{state="chan"} 43\n' in text, text)
    check(re.search(r'^go_info{version="go1\.[^"]+"} 1$', text, re.M), text)
    for name in ("go_gc_heap_goal_bytes", "process_resident_memory_bytes", "go_gc_gogc_percent"):
        check(re.search(rf"^{name} [1-9]", text, re.M), name, text)


def listening(pid):
    """The TCP port that a process listens on, None as long as there is none."""
    sockets = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            sockets.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:
            pass
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for line in lines.readlines()[1:]:
                words = line.split()
                if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                    return int(words[1].rsplit(":", 1)[1], 16)
    return None


def prometheus(gort, where):
    """Starts one on a free port and asks it for what it scraped."""
    config = os.path.join(where, "prometheus.yml")
    with open(config, "w", encoding="ascii") as f:
        f.write("global: {scrape_interval: 200ms}\nscrape_configs:\n- job_name: gort\n"
                f"  static_configs: [{{targets: ['{gort.address}']}}]\n")
    command = ["prometheus", "--config.file", config, "--web.listen-address", "127.0.0.1:0",
               "--storage.tsdb.path", os.path.join(where, "data")]
    with open(os.path.join(where, "log"), "w", encoding="ascii") as log, \
            subprocess.Popen(command, stdout=log, stderr=log) as child:
        try:
            port = eventually("prometheus listens", lambda: listening(child.pid))

            def query():
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                name = urllib.parse.quote('gort_goroutines{state="chan"}')
                connection.request("GET", "/api/v1/query?query=" + name)
                response = connection.getresponse()
                body = response.read()
                return response.status == 200 and json.loads(body)["data"]["result"]

            result = eventually("a sample", query)
            check(result[0]["value"][1] == "43", result)
        finally:
            child.kill()


def lifecycle(go, where):
    """Options, tokens, and how it ends."""
    pid = str(go.child.pid)
    done = subprocess.run([GORT, "serve", "--listen", "0.0.0.0:0", pid], capture_output=True,
                          text=True, check=False)
    check(done.returncode == 2 and "needs a token" in done.stderr, done)
    secret = os.path.join(where, "token")
    with open(secret, "w", encoding="ascii") as f:
        f.write("0123456789abcdef\n")
    with serve(pid, "--token-file", secret) as gort:
        check(gort.ask("/metrics")[0].status == 401, "no token, and it answers")
        allowed = {"Authorization": "Bearer 0123456789abcdef", "Host": "elsewhere"}
        check(gort.ask("/metrics", headers=allowed)[0].status == 200, "it refuses the token")
    with serve(pid) as gort:
        check(gort.ask("/metrics", headers={"Host": "evil.example"})[0].status == 403, "rebinding")
        host, port = gort.address.split(":")
        idle = [socket.create_connection((host, int(port))) for _ in range(8)]
        check(gort.ask("/metrics")[0].status == 200, "idle connections keep it from answering")
        idle[0].sendall(b"GET /debug/pprof/goroutine?seconds=60 HTTP/1.1\r\nHost: 127.1\r\n\r\n")
        check(gort.ask("/metrics")[0].status == 200, "one who waits keeps it from answering")
        for connection in idle:
            connection.close()
        gort.child.send_signal(signal.SIGINT)
        check(gort.child.wait(60) == 0, "Ctrl-C")
    with serve(pid) as gort:
        go.child.kill()
        go.child.wait()
        check(gort.child.wait(60) == 3, "the target has ended, gort has not")
        check("has ended" in gort.child.stderr.read(), "no message")


def main():
    case = sys.argv[1]
    needed = {"metrics": "promtool", "prometheus": "prometheus"}.get(case)
    if needed and not shutil.which(needed):
        skip("no " + needed)
    with tempfile.TemporaryDirectory() as where, target(where) as go:
        if case == "lifecycle":
            lifecycle(go, where)
            return
        with serve(go.child.pid) as gort:
            if case == "like-go":
                like_go(go, gort)
            elif case == "pprof":
                pprof(gort, where)
            elif case == "cpu":
                cpu(go, gort, where)
            elif case == "metrics":
                metrics(gort)
            elif case == "prometheus":
                prometheus(gort, where)


main()
