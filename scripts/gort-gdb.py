# SPDX-License-Identifier: BSD-2-Clause
"""gdb and the goroutines of a C program on libgort, live or from a core file.

    info goroutines            every goroutine: state, name, where it stands
    goroutine ID [COMMAND]     COMMAND, by default bt, as if goroutine ID were the thread
    goroutine all [COMMAND]    the same for each goroutine

Load it with `source gort-gdb.py`; gdb does so itself where libgort.so is installed under a prefix
that its auto-load safe-path names (the help of `info auto-load`).

Everything is found through the table in section .gort.abi (runtime/include/gort/abi.h), so neither
symbols nor debug information of libgort are needed. A goroutine that does not run has its registers
in a frame on its own stack. An unwinder claims that they are what the selected thread returns to:
that way gdb's own commands work on it, nothing is written to the program, and core files do too.
"""
import time

import gdb
import gdb.unwinder

WORD = 8
MAX_GOROUTINES = 1 << 24
MAX_FRAMES = 64
MINUTE = 60 * 10**9
SAVED = ("rbp", "rbx", "r12", "r13", "r14", "r15")
ROOMS = ("sched", "sync", "mem", "lang", "net", "testing", "debug", "base")


def read(addr, size):
    return int.from_bytes(gdb.selected_inferior().read_memory(addr, size).tobytes(), "little")


def text(addr, limit=64):
    """The NUL-terminated text at addr, "" when addr is 0."""
    out = b""
    while addr and len(out) < limit:
        c = gdb.selected_inferior().read_memory(addr + len(out), 1).tobytes()
        if c == b"\0":
            break
        out += c
    return out.decode(errors="replace")


class Table:
    """The entries of .gort.abi by name: (what, size, value)."""

    def __init__(self):
        self.entries = {}
        if gdb.selected_thread() is None:
            raise gdb.GdbError("There is no process: run the program, attach, or load a core file.")
        for line in gdb.execute("info files", to_string=True).split("\n"):
            words = line.split()
            if len(words) >= 5 and words[3] == "is" and words[4] == ".gort.abi":
                self.load(int(words[0], 16))
        if not self.entries:
            raise gdb.GdbError("This program has no libgort: there is no section .gort.abi.")

    def load(self, at):
        if gdb.selected_inferior().read_memory(at, 8).tobytes() != b"gort.abi":
            return
        number, size, entries = read(at + 16, 4), read(at + 20, 4), read(at + 24, WORD)
        for i in range(min(number, 4096)):
            entry = entries + i * size
            name = text(entry, 40)
            self.entries[name] = (read(entry + 40, 4), read(entry + 44, 4), read(entry + 48, WORD))

    def value(self, name):
        return self.entries[name][2]

    def member(self, addr, name):
        _, size, offset = self.entries[name]
        return read(addr + offset, size)

    def variable(self, name):
        _, size, addr = self.entries[name]
        return read(addr, size)


class Goroutine:
    def __init__(self, table, addr):
        self.table = table
        self.addr = addr
        self.id = self.get("goid")
        self.status = self.get("atomicstatus")

    def get(self, field):
        return self.table.member(self.addr, "g." + field)

    def named_status(self):
        for name in ("idle", "runnable", "running", "syscall", "waiting", "dead", "preempted",
                     "leaked"):
            if self.table.entries.get("_G" + name, (0, 0, -1))[2] == self.status:
                return name
        return "status %d" % self.status

    def state(self):
        """As a dump prints it between brackets."""
        state = self.named_status()
        if state not in ("waiting", "leaked", "syscall"):
            return state
        if state == "waiting":
            strings = self.table.value("waitReasonStrings")
            state = text(read(strings + WORD * self.get("waitreason"), WORD)) or state
        since, now = self.get("waitsince"), monotonic()
        minutes = (now - since) // MINUTE if since and now else 0
        return state if minutes < 1 else "%s, %d minutes" % (state, minutes)

    def name(self):
        return text(self.get("name"), 32)

    def header(self):
        name = self.name()
        name = ', name "%s"' % name if name else ""
        return "goroutine %d [%s%s]:" % (self.id, self.state(), name)

    def thread(self):
        """The thread that runs it, or None."""
        m = self.get("m")
        if not m or self.named_status() not in ("running", "syscall"):
            return None
        tid = self.table.member(m, "m.procid")
        for thread in gdb.selected_inferior().threads():
            if thread.ptid[1] == tid:
                return thread
        return None

    def registers(self):
        """Of the frame that it will return to, by name; None when it has none of its own."""
        sp, hi = self.get("sched.sp"), self.get("stack.hi")
        size = self.table.value("switch.frame.size")
        if not hi or not self.get("stack.lo") <= sp <= hi - size:
            return None
        regs = {r: read(sp + self.table.value("switch.frame." + r), WORD) for r in SAVED}
        regs["rip"] = read(sp + self.table.value("switch.frame.pc"), WORD)
        regs["rsp"] = sp + size
        return regs


def monotonic():
    """The clock that waits are measured by, None when it is not the program's."""
    connection = gdb.selected_inferior().connection
    live = connection is not None and connection.type == "native"
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) if live else None


def goroutines(table):
    """All that are not dead, by their numbers."""
    count, array = table.variable("allglen"), table.variable("allgptr")
    found = []
    for i in range(min(count, MAX_GOROUTINES)):
        g = Goroutine(table, read(array + WORD * i, WORD))
        if g.id and g.named_status() not in ("dead", "idle"):
            found.append(g)
    return sorted(found, key=lambda g: g.id)


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """While a view is on: the caller of the thread's innermost frame is the parked goroutine."""

    def __init__(self):
        super().__init__("gort")
        self.regs = None
        self.thread_sp = None

    def __call__(self, pending):
        if self.regs is None or int(pending.read_register("rsp")) != self.thread_sp:
            return None
        # A stack pointer below all others: gdb takes an outer frame at a lower address than its
        # inner one for a damaged stack.
        info = pending.create_unwind_info(FrameId(gdb.Value(WORD), pending.read_register("rip")))
        for name, value in self.regs.items():
            like = pending.read_register(name).type
            info.add_saved_register(name, gdb.Value(value).cast(like))
        return info


def of_thread(frame):
    """Whether the frame, perhaps an inlined call in it, is the one that the unwinder claimed."""
    return int(frame.read_register("rsp")) == UNWINDER.thread_sp


class ParkedFilter:
    """Leaves the thread's own frame out of a backtrace while a view is on."""

    def __init__(self):
        self.name = "gort"
        self.enabled = True
        self.priority = 100
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        if UNWINDER.regs is None:
            return frames
        return (f for f in frames if not of_thread(f.inferior_frame()))


UNWINDER = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)
ParkedFilter()


class View:
    """With it gdb's selected frame is the innermost one of a goroutine; None when it has none."""

    def __init__(self, g):
        self.g = g

    def __enter__(self):
        self.before = gdb.selected_thread()
        self.frame = gdb.selected_frame()
        thread, regs = self.g.thread(), self.g.registers()
        if thread:
            thread.switch()
            return gdb.newest_frame()
        if not regs:
            return None
        UNWINDER.thread_sp = int(gdb.newest_frame().read_register("rsp"))
        UNWINDER.regs = regs
        gdb.invalidate_cached_frames()
        frame = gdb.newest_frame()
        while frame and of_thread(frame):
            frame = frame.older()
        if frame:
            frame.select()
        return frame

    def __exit__(self, *_):
        UNWINDER.regs = None
        gdb.invalidate_cached_frames()
        self.before.switch()
        if self.frame.is_valid():
            self.frame.select()


def is_runtime(frame):
    """Whether the frame is libgort's own."""
    name = frame.name() or ""
    symtab = frame.find_sal().symtab
    if name.startswith("gort_") and name != "gort_main":
        return True
    if symtab:
        parts = symtab.filename.split("/")
        return any(a == "runtime" and b in ROOMS for a, b in zip(parts, parts[1:]))
    return "libgort" in (gdb.solib_name(frame.pc()) or "")


def describe(pc, frame=None):
    """function () at file:line"""
    sal = frame.find_sal() if frame else gdb.find_pc_line(pc)
    block = None if frame else gdb.block_for_pc(pc)
    while block and not block.function:
        block = block.superblock
    name = frame.name() if frame else block.function.name if block else None
    where = " at %s:%d" % (sal.symtab.filename, sal.line) if sal.symtab else ""
    return "%s ()%s" % (name or "%#x" % pc, where)


def place(g):
    """The innermost frame that is not libgort's."""
    with View(g) as frame:
        if not frame:
            return describe(g.get("startpc"))
        innermost = frame
        for _ in range(MAX_FRAMES):
            if not frame or not is_runtime(frame):
                break
            frame = frame.older()
        frame = frame or innermost
        return describe(frame.pc(), frame)


class InfoGoroutines(gdb.Command):
    """List the goroutines of a program on libgort: number, state, name and where each stands.
The goroutine that the selected thread runs is marked by *."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        table = Table()
        here = gdb.selected_thread().ptid[1]
        for g in goroutines(table):
            thread = g.thread()
            mark = "*" if thread and thread.ptid[1] == here else " "
            state = g.state()
            if thread:
                state += " (thread %d)" % thread.num
            name = g.name()
            print("%s %-5d %-24s %s%s" % (mark, g.id, state, '"%s" ' % name if name else "",
                                          place(g)))


class GoroutineCommand(gdb.Command):
    """Run a gdb command, by default bt, as if a goroutine were the selected thread.
Usage: goroutine ID|all [COMMAND]
ID is the number that `info goroutines` and dumps show."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        words = argument.split(None, 1)
        if not words or not (words[0] == "all" or words[0].isdigit()):
            raise gdb.GdbError("Usage: goroutine ID|all [COMMAND]")
        command = words[1] if len(words) > 1 else "bt"
        wanted = [g for g in goroutines(Table()) if words[0] in ("all", str(g.id))]
        if not wanted:
            raise gdb.GdbError("No goroutine has the number %s." % words[0])
        for g in wanted:
            self.run(g, command, from_tty)

    @staticmethod
    def run(g, command, from_tty):
        print(g.header())
        with View(g) as frame:
            if frame:
                gdb.execute(command, from_tty)
            else:
                print("not started: " + describe(g.get("startpc")))


InfoGoroutines()
GoroutineCommand()
