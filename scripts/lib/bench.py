# SPDX-License-Identifier: BSD-2-Clause
"""Runs the benchmark programs of gort, Go and other peers in turn and prints medians.

Usage: bench.py [--json] [--check] [--quick] [--best] [--full] [--only=REGEX] [--procs=1,2]
                [--rounds=5] [--time=100] --rows=FILE --client=PROGRAM
                [--absent NAME=WHY]... NAME=PROGRAM...

The first program is gort's and the second Go's, against which the floors of FILE (tests/bench/rows)
are judged. Rounds are the outer loop and the order of the programs turns from round to round, so
that a machine that slows down for a while slows all of them down.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys

BUDGET = 8.0      # after so many seconds a row is sampled no more,
LEAST_ROUNDS = 3  # but so often at least
LIMIT = 600       # seconds for one sample


class Row:
    def __init__(self, fields):
        self.id, self.run, unit, one, two, _, over = fields
        self.unit, _, ideal = unit.partition("-")
        self.ideal = float(ideal or 0)
        self.floors = {1: one, 2: two}
        self.over = over

    def floor(self, procs):
        """None where nothing is asked."""
        return self.floors.get(procs)

    def asked(self, procs):
        return self.floors[min(procs, 2)] != "-"

    def join(self, values, best):
        values = [abs(value - self.ideal) for value in values]
        if self.over == "max":
            return max(values)
        return min(values) if best else statistics.median(values)

    def holds(self, procs, gort, ratio):
        floor = self.floor(procs)
        if gort is None or floor is None:
            return floor is None
        if floor.startswith("<="):
            return gort <= float(floor[2:])
        return ratio is not None and ratio >= float(floor[:-1])


def read_rows(path):
    with open(path, encoding="utf-8") as f:
        return [Row(line.split()) for line in f if line.strip() and not line.startswith("#")]


def positive(text):
    if not text.isdigit() or not 0 < int(text) < 1000000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number")
    return int(text)


def arguments():
    p = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    p.add_argument("--json", action="store_true")
    p.add_argument("--check", action="store_true")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--best", action="store_true")
    p.add_argument("--full", action="store_true")
    p.add_argument("--only", type=re.compile, default=re.compile(""))
    p.add_argument("--procs", type=lambda s: [positive(n) for n in s.split(",")], default=[1, 2])
    p.add_argument("--rounds", type=positive, default=5)
    p.add_argument("--time", type=positive, default=100)
    p.add_argument("--rows", required=True)
    p.add_argument("--client", required=True)
    p.add_argument("--absent", action="append", default=[])
    p.add_argument("programs", nargs="+")
    args = p.parse_args()
    args.programs = dict(program.split("=", 1) for program in args.programs)
    if args.quick and args.check:
        p.error("--check judges what is measured, --quick measures nothing")
    if args.quick:
        args.rounds, args.time = 1, 5
    return args


class Runner:
    """Samples of the programs; what went wrong is kept in `failures`."""

    def __init__(self, args):
        self.args = args
        self.failures = []
        self.known = {}
        for name, program in args.programs.items():
            for procs in args.procs:
                out = subprocess.run([program], env=self.env(procs), text=True, timeout=LIMIT,
                                     stdout=subprocess.PIPE, check=True).stdout
                self.known[name, procs] = set(out.split())

    def env(self, procs):
        env = dict(os.environ, GOMAXPROCS=str(procs), GORT_BENCH_MS=str(self.args.time),
                   GORT_BENCH_SCALE="100" if self.args.quick else
                   os.environ.get("GORT_BENCH_SCALE", "1"))
        env.pop("GORT_GOMAXPROCS", None)
        return env

    def knows(self, name, run, procs):
        return ("echo_server" if run.startswith("echo:") else run) in self.known[name, procs]

    def output(self, command, procs):
        """{id: value} as printed by the command."""
        out = subprocess.run(command, env=self.env(procs), text=True, timeout=LIMIT,
                             stdout=subprocess.PIPE, check=True).stdout
        return {name: float(value) for name, value in (line.split() for line in out.splitlines())}

    def echo(self, program, connections, procs):
        server = subprocess.Popen([program, "echo_server"], env=self.env(procs), text=True,
                                  stdout=subprocess.PIPE)
        try:
            port = server.stdout.readline().split()[1].split(".")[0]
            out = self.output([self.args.client, port, connections, str(5 * self.args.time)], procs)
            return {"echo_" + connections: out["echo"]}
        finally:
            server.kill()
            server.wait()

    def sample(self, name, run, procs):
        program = self.args.programs[name]
        try:
            if run.startswith("echo:"):
                return self.echo(program, run[5:], procs)
            return self.output([program, run], procs)
        except (subprocess.SubprocessError, IndexError, ValueError) as err:
            self.failures.append(f"{name} {run} with {procs} P: {err}")
            return {}


def measured_in(turn, names, spent, full):
    """Who has a sample taken in that round, in which order, of a row that took `spent` so far."""
    if turn >= LEAST_ROUNDS and spent > BUDGET:
        names = names[:2] if full else []
    first = turn % max(len(names), 1)
    return names[first:] + names[:first]


def measure(runner, runs):
    """{(id, procs, program name): [value of each round]}"""
    samples, spent = {}, dict.fromkeys(runs, 0.0)
    names = list(runner.args.programs)
    for turn in range(runner.args.rounds):
        for run, procs in runs:
            start = os.times().elapsed
            for name in measured_in(turn, names, spent[run, procs], runner.args.full):
                if not runner.knows(name, run, procs):
                    continue
                for row, value in runner.sample(name, run, procs).items():
                    samples.setdefault((row, procs, name), []).append(value)
            spent[run, procs] += os.times().elapsed - start
    return samples


def results_of(args, rows, samples):
    """(row, what --json prints of it) for each row and number of Ps."""
    gort, *peers = args.programs
    for row in rows:
        for procs in filter(row.asked, args.procs):
            joined = {name: round(row.join(samples[row.id, procs, name], args.best), 2)
                      for name in args.programs if (row.id, procs, name) in samples}
            own = joined.get(gort)
            yield row, {"id": row.id, "procs": procs, "unit": row.unit, "gort": own,
                        "peers": {name: joined[name] for name in peers if name in joined},
                        "ratio": {name: round(joined[name] / own, 2) for name in peers
                                  if name in joined and own}}


def short(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 100 else f"{value:.1f}" if value < 10000 else f"{value:.0f}"


def print_table(args, results):
    """Prints the table and returns the rows whose floor is missed."""
    go, *others = list(args.programs)[1:]
    others += [absent.split("=", 1)[0] for absent in args.absent]
    print(f"{'id':<23}{'Ps':>3}{'unit':>7}{'gort':>10}{go:>10}{go + '/gort':>9}{'at least':>10}"
          f"{'holds':>7}" + "".join(f"{name:>13}" for name in others))
    missed = []
    for row, res in results:
        ratio, floor = res["ratio"].get(go), row.floor(res["procs"])
        holds = row.holds(res["procs"], res["gort"], ratio)
        if not holds and not args.quick:
            missed.append(f"{row.id} with {res['procs']} P")
        verdict = "" if args.quick or floor is None else "yes" if holds else "NO"
        print(f"{row.id:<23}{res['procs']:>3}{row.unit:>7}{short(res['gort']):>10}"
              f"{short(res['peers'].get(go)):>10}{short(ratio) + 'x' if ratio else '-':>9}"
              f"{floor or '-':>10}{verdict:>7}" +
              "".join(f"{short(res['peers'].get(name)):>13}" for name in others))
    return missed


def print_remarks(args, missed):
    for absent in args.absent:
        print("{}: - because {}".format(*absent.split("=", 1)))
    if args.quick:
        print("--quick shows that the rows run; its values are not measurements")
    else:
        fewer = f"{LEAST_ROUNDS} at least where they take over {BUDGET:.0f} s"
        if args.full:
            fewer = f"{LEAST_ROUNDS} at least of other peers, where they take over {BUDGET:.0f} s"
        print(f"{'best' if args.best else 'medians'} of {args.rounds} rounds of {args.time} ms "
              f"({fewer}); load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    if missed:
        print(f"below the floor: {len(missed)}: {', '.join(missed)}")


def main():
    args = arguments()
    rows = [row for row in read_rows(args.rows) if args.only.search(row.id)]
    if not rows:
        ids = " ".join(row.id for row in read_rows(args.rows))
        sys.exit(f"scripts/bench: no benchmark matches; there are: {ids}")
    runner = Runner(args)
    runs = dict.fromkeys((row.run, procs) for row in rows for procs in args.procs
                         if row.asked(procs))
    results = list(results_of(args, rows, measure(runner, runs)))
    missed = []
    if args.json:
        go = list(args.programs)[1]
        for row, res in results:
            print(json.dumps(res, separators=(",", ":")))
            if not row.holds(res["procs"], res["gort"], res["ratio"].get(go)):
                missed.append(row.id)
    else:
        missed = print_table(args, results)
        print_remarks(args, missed)
    for failure in runner.failures:
        print(f"scripts/bench: {failure}", file=sys.stderr)
    sys.exit(1 if runner.failures or args.check and missed else 0)


main()
