#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""fake_nats.py [reject|silent]: just enough of a NATS server to test gort-load; prints its port.

reject answers the first PUB with -ERR; silent never delivers. It ends with its standard input."""
import socketserver
import sys
import threading

MODE = sys.argv[1] if len(sys.argv) > 1 else ""


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def publish(self, sids, line):
        _, subject, size = line.split()
        body = self.rfile.read(int(size) + 2)[:-2].decode()
        if MODE == "reject":
            self.say("-ERR 'Permissions Violation'")
        elif MODE != "silent":
            self.say(f"MSG {subject} {sids[subject]} {size}\r\n{body}")

    def handle(self):
        sids = {}
        self.say('INFO {"server_id":"fake"}')
        try:
            for raw in self.rfile:
                line = raw.decode().strip()
                if line.startswith("SUB "):
                    _, subject, sid = line.split()
                    sids[subject] = sid
                elif line == "PING":
                    self.say("PING\r\nPONG")
                elif line.startswith("PUB "):
                    self.publish(sids, line)
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Session) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    server.shutdown()
