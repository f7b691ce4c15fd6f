/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_probes.c - probes.h with made-up processes, so that what the command line prints is known.
 *
 * 4121 "checkout" is Go with goroutines of every kind; 4122 "demo" is on libgort with few numbers;
 * 4131 and 4132 are both called "twin"; 4140 has only system goroutines and 4141 none; 4150 is
 * gone, 4151 is another user's, 4152 is Python. The canned snapshot is deterministic, its clock
 * included: each one is taken 500 ms after the one before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake_probes.h"
#include "probes/probes.h"

#define SEC INT64_C(1000000000)
#define NOW (100000 * SEC)

struct probe {
	pid_t pid;
	int reads;
};

struct call {
	const char *func, *file;
	uint32_t line;
	bool inlined; /* into the next one */
};

static const char *keep(struct gsnap *s, const char *text)
{
	return text ? gsnap_str(s, text, strlen(text)) : NULL;
}

/* One location for calls[0..n): all but the last are inlined. */
static uint32_t add_loc(struct gsnap *s, uint64_t pc, const struct call *calls, int n)
{
	uint32_t found = gsnap_find_loc(s, pc, true);
	if (found != GSNAP_NONE)
		return found;
	uint32_t loc = gsnap_add_loc(s, pc, pc - 0x1d, true);
	for (int i = 0; i < n; i++)
		gsnap_add_frame(s, keep(s, calls[i].func), keep(s, calls[i].file), calls[i].line,
			i < n - 1);
	return loc;
}

/* The stack of calls, each with a pc of its own made from where it stands in the table. */
static uint32_t add_stack(struct gsnap *s, uint64_t base, const struct call *calls, int n)
{
	uint32_t locs[16];
	int nlocs = 0;
	for (int i = 0; i < n;) {
		int end = i;
		while (calls[end].inlined)
			end++;
		locs[nlocs++] = add_loc(s, base + i * 0x100, calls + i, end - i + 1);
		i = end + 1;
	}
	return gsnap_add_stack(s, locs, nlocs);
}

#define GOPARK                                                          \
	{                                                               \
		"runtime.gopark", "/go/src/runtime/proc.go", 461, false \
	}
#define GOEXIT                                                               \
	{                                                                    \
		"runtime.goexit", "/go/src/runtime/asm_amd64.s", 1771, false \
	}
#define LEN(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const struct call send_stack[] = {GOPARK,
	{"runtime.chansend", "/go/src/runtime/chan.go", 283, false},
	{"example.com/shop/feed.(*Hub).push", "/src/shop/feed/hub.go", 131, true},
	{"example.com/shop/api.(*Feed).run", "/src/shop/api/feed.go", 97, false}, GOEXIT};
static const struct call recv_stack[] = {GOPARK,
	{"runtime.chanrecv", "/go/src/runtime/chan.go", 667, false},
	{"main.worker", "/src/shop/main.go", 12, false}, GOEXIT};
static const struct call main_stack[] = {GOPARK,
	{"runtime.netpollblock", "/go/src/runtime/netpoll.go", 575, false},
	{"internal/poll.(*FD).Accept", "/go/src/internal/poll/fd_unix.go", 613, false},
	{"main.main", "/src/shop/main.go", 40, false},
	{"runtime.main", "/go/src/runtime/proc.go", 285, false}, GOEXIT};
static const struct call sys_stack[] = {
	GOPARK, {"runtime.bgsweep", "/go/src/runtime/mgcsweep.go", 279, false}, GOEXIT};
static const struct call created_feed[] = {
	{"example.com/shop/api.(*Feed).Publish", "/src/shop/api/feed.go", 88, false}};
static const struct call created_main[] = {{"main.main", "/src/shop/main.go", 30, false}};
static const struct call created_init[] = {
	{"runtime.gcenable", "/go/src/runtime/mgc.go", 212, false}};

static struct gsnap_g *add(struct gsnap *s, uint64_t id, int status, const char *reason,
	int64_t waited, uint32_t stack, uint32_t created)
{
	struct gsnap_g *gp = gsnap_add_g(s);
	gp->id = id;
	gp->addr = 0xc000000000 + id * 0x1c8;
	gp->status = status;
	gp->reason = keep(s, reason);
	gp->waitsince = waited < 0 ? GSNAP_UNKNOWN : NOW - waited;
	gp->stack = stack;
	gp->created = created;
	gp->parent = id == 1 ? 0 : 1;
	return gp;
}

/* What a checkout service might look like: 8 blocked senders, 3 receivers, main, a runner. */
static void fill_goroutines(struct gsnap *s)
{
	uint32_t send = add_stack(s, 0x500000, send_stack, LEN(send_stack));
	uint32_t recv = add_stack(s, 0x510000, recv_stack, LEN(recv_stack));
	uint32_t accept = add_stack(s, 0x520000, main_stack, LEN(main_stack));
	uint32_t feed = add_loc(s, 0x530000, created_feed, LEN(created_feed));
	uint32_t mainloc = add_loc(s, 0x540000, created_main, LEN(created_main));
	add(s, 1, GSTATUS_WAITING, "IO wait", 2 * SEC, accept, GSNAP_NONE);
	for (int i = 0; i < 8; i++) {
		struct gsnap_g *gp = add(s, 4711 + i, GSTATUS_WAITING, "chan send",
			(764 + i * 1000) * SEC, send, feed);
		gp->parent = 40 + i % 2;
		gp->waiton = 0xc000123000;
	}
	for (int i = 0; i < 3; i++)
		add(s, 18 + i, GSTATUS_WAITING, "chan receive", -1, recv, mainloc)->waiton =
			0xc000200000 + i * 0x60;
	add(s, 21, GSTATUS_RUNNING, "", -1, GSNAP_NONE, mainloc)->flags = GSNAP_G_MOVING;
	struct gsnap_g *locked = add(s, 22, GSTATUS_SYSCALL, "", 190 * SEC, recv, mainloc);
	locked->flags = GSNAP_G_LOCKED | GSNAP_G_TRUNCATED;
	locked->tid = 4125;
}

static void fill_system(struct gsnap *s)
{
	uint32_t sys = add_stack(s, 0x550000, sys_stack, LEN(sys_stack));
	uint32_t init = add_loc(s, 0x560000, created_init, LEN(created_init));
	for (int i = 0; i < 2; i++)
		add(s, 2 + i, GSTATUS_WAITING, "GC sweep wait", -1, sys, init)->flags =
			GSNAP_G_SYSTEM;
}

static void fill_stats(struct gsnap_stats *st, int reads)
{
	*st = (struct gsnap_stats){.gomaxprocs = 4,
		.idle_p = 1,
		.spinning_m = 0,
		.threads = 19,
		.idle_m = 13,
		.runq = 37,
		.steals = GSNAP_UNKNOWN,
		.heap_live = 412 << 20,
		.heap_goal = 825 << 20,
		.heap_inuse = 500 << 20,
		.gc_percent = 100,
		.mem_limit = INT64_C(2) << 30,
		.num_gc = 1204 + reads,
		.gc_pause_total_ns = 12 * 1000 * 1000,
		.total_alloc = (INT64_C(92) << 20) * reads};
}

static void fill_gort(struct gsnap *s)
{
	static const struct call park[] = {{"gopark", "/src/runtime/sched/proc.c", 200, false},
		{"gort_sleep", "/src/runtime/sched/timer.c", 80, false},
		{"worker", "/src/demo.c", 15, false},
		{"gort_call6", "/usr/include/gort/gort.h", 84, false},
		{"goexit", "/src/runtime/sched/proc.c", 90, false}};
	static const struct call creator[] = {{"gort_main", "/src/demo.c", 30, false}};
	uint32_t stack = add_stack(s, 0x401000, park, LEN(park));
	uint32_t loc = add_loc(s, 0x402000, creator, LEN(creator));
	add(s, 7, GSTATUS_WAITING, "sleep", 3 * SEC, stack, loc)->name = keep(s, "pump\033[31m");
	s->stats.gomaxprocs = 2;
	s->stats.steals = 12;
}

void fake_snapshot(struct gsnap *s, pid_t pid, int reads)
{
	bool gort = pid == 4122;
	gsnap_init(s, gort ? GSNAP_GORT : GSNAP_GO);
	s->pid = pid;
	s->when = NOW + reads * SEC / 2;
	s->exe = keep(s, gort ? "/srv/demo" : "/srv/checkout");
	s->version = keep(s, gort ? "gort 0.1.0" : "go1.26.8");
	s->stripped = !gort;
	s->has_lines = s->has_inline_info = true;
	if (gort) {
		fill_gort(s);
		return;
	}
	if (pid != 4140 && pid != 4141)
		fill_goroutines(s);
	if (pid != 4141)
		fill_system(s);
	fill_stats(&s->stats, reads);
}

static int refuse(
	struct gsnap_err *err, int code, int rc, const char *what, const char *why, const char *try)
{
	*err = (struct gsnap_err){.code = code};
	snprintf(err->what, sizeof err->what, "%s", what);
	snprintf(err->why, sizeof err->why, "%s", why);
	snprintf(err->tries[0], sizeof err->tries[0], "%s", try);
	return rc;
}

int probe_open(pid_t pid, const struct probe_opts *opts, struct probe **out, struct gsnap_err *err)
{
	(void)opts;
	if (pid == 4151)
		return refuse(err, 4, -EPERM, "cannot read memory of pid 4151 (vault)",
			"it belongs to another user", "sudo gort stacks 4151");
	if (pid == 4152)
		return refuse(err, 5, -ENOTSUP, "pid 4152 is no Go process",
			"it looks like python3.11", "py-spy dump --pid 4152");
	if (pid < 4121 || pid == 4150 || pid > 4152)
		return refuse(err, 3, -ESRCH, "there is no such process", "", "gort ps");
	*out = calloc(1, sizeof **out);
	if (!*out)
		return -ENOMEM;
	(*out)->pid = pid;
	return 0;
}

void probe_close(struct probe *p)
{
	free(p);
}

int probe_snapshot(struct probe *p, unsigned what, struct gsnap *out, struct gsnap_err *err)
{
	(void)what;
	fake_snapshot(out, p->pid, p->reads++);
	if (getenv("FAKE_GONE") && p->reads > 2)
		return refuse(err, 3, -ESRCH, "the process has ended", "", "gort ps");
	return 0;
}

static struct probe_proc proc(pid_t pid, const char *comm, const char *version, int64_t n)
{
	struct probe_proc p = {.pid = pid,
		.kind = strncmp(version, "gort", 4) ? GSNAP_GO : GSNAP_GORT,
		.goroutines = n,
		.rss = INT64_C(431) << 20,
		.uptime_ns = 273600 * SEC};
	snprintf(p.comm, sizeof p.comm, "%s", comm);
	snprintf(p.exe, sizeof p.exe, "/srv/%s", comm);
	snprintf(p.version, sizeof p.version, "%s", version);
	return p;
}

int probe_list(const struct probe_opts *opts, struct probe_proc **out, size_t *n)
{
	(void)opts;
	*n = 0;
	*out = calloc(8, sizeof **out);
	if (!*out)
		return -ENOMEM;
	if (getenv("FAKE_EMPTY"))
		return 0;
	struct probe_proc *p = *out;
	p[0] = proc(4121, "checkout", "go1.26.8", 12481);
	p[0].stripped = p[0].container = true;
	p[1] = proc(4122, "demo", "gort 0.1.0", 1);
	p[1].pie = true;
	p[2] = proc(4131, "twin", "go1.22.12", 5);
	p[3] = proc(4132, "twin", "go1.22.12", 6);
	p[4] = proc(4151, "vault\033[2J", "", GSNAP_UNKNOWN);
	p[4].uid = 65534;
	p[4].rss = GSNAP_UNKNOWN;
	snprintf(p[4].note, sizeof p[4].note, "goroutines, rss: it belongs to another user");
	*n = 5;
	return 0;
}

struct symbolizer {
	pid_t pid;
};

struct symbolizer *symbolizer_open(pid_t pid)
{
	struct symbolizer *s = calloc(1, sizeof *s);
	if (s)
		s->pid = pid;
	return s;
}

void symbolizer_close(struct symbolizer *s)
{
	free(s);
}

/* 0x1000 reader, 0x2000 writer with an inlined call, 0x3000 main; others are unknown. */
size_t symbolizer_pc(struct symbolizer *s, uint64_t pc, struct sym_frame *out, size_t max)
{
	static const char *const names[] = {NULL, "reader", "writer", "main"};
	uint64_t k = (pc + 1) >> 12;
	(void)s;
	out[0] = (struct sym_frame){.offset = pc};
	if (k == 0 || k > 3)
		return 1;
	out[0] = (struct sym_frame){
		.func = names[k], .file = "race.c", .module = "/tmp/race", .offset = pc};
	out[0].line = 10 * k;
	if (k != 2 || max < 2)
		return 1;
	out[1] = out[0];
	out[0].func = "store";
	out[0].line = 5;
	out[0].inlined = true;
	return 2;
}

struct runqlat {
	pid_t pid;
};

int runqlat_start(pid_t pid, struct runqlat **out, struct gsnap_err *err)
{
	if (getenv("FAKE_NO_BPF"))
		return refuse(err, 4, -ENOTSUP, "cannot count with eBPF: Operation not permitted",
			"it needs CAP_BPF and CAP_PERFMON", "sudo gort sched 4121");
	*out = calloc(1, sizeof **out);
	if (!*out)
		return -ENOMEM;
	(*out)->pid = pid;
	return 0;
}

int runqlat_stop(struct runqlat *r, struct runqlat_thread **out, size_t *n)
{
	free(r);
	*n = getenv("FAKE_IDLE") ? 0 : 2;
	*out = calloc(2, sizeof **out);
	if (!*out)
		return -ENOMEM;
	if (*n == 0)
		return 0;
	struct runqlat_thread *t = *out;
	t[0] = (struct runqlat_thread){.tid = 4121, .comm = "checkout", .switches = 150};
	t[0].slots[10] = 90;
	t[0].slots[13] = 10;
	t[0].wait_total_ns = 300000;
	t[0].wait_max_ns = 15000;
	t[1] = (struct runqlat_thread){.tid = 4122, .comm = "checkout", .switches = 60};
	t[1].slots[12] = 49;
	t[1].slots[20] = 1;
	t[1].wait_total_ns = 1900000;
	t[1].wait_max_ns = 1500000;
	return 0;
}
