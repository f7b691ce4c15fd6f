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
#include "probes/racesample.h"

#define SEC INT64_C(1000000000)
#define NOW (100000 * SEC)

struct probe {
	pid_t pid;
	int reads;
	const char *core;
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

/* The arguments of a frame of recv_stack, and what id 18 and so on passed. */
static void add_args(struct gsnap *s, uint32_t stack)
{
	for (uint32_t i = 0; i < s->stacks[stack].nlocs; i++) {
		struct gsnap_loc *loc = &s->locs[s->stack_locs[s->stacks[stack].loc + i]];
		bool worker = !strcmp(s->frames[loc->frame].func, "main.worker");
		loc->framesize = 0x20;
		loc->args = worker ? "\1, {\1?, ...}, _" : "";
		loc->nwords = worker ? 2 : 0;
	}
}

static const uint8_t *words_of(struct gsnap *s, uint64_t id)
{
	uint64_t words[] = {id, 0xc000012345};
	char *p = gsnap_alloc(s, sizeof words);
	return memcpy(p, words, sizeof words);
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
	add_args(s, recv);
	for (int i = 0; i < 3; i++) {
		struct gsnap_g *gp =
			add(s, 18 + i, GSTATUS_WAITING, "chan receive", -1, recv, mainloc);
		gp->waiton = 0xc000200000 + i * 0x60;
		gp->words = words_of(s, gp->id);
		gp->sp = 0xc000300f60;
	}
	add(s, 21, GSTATUS_RUNNING, "", -1, GSNAP_NONE, mainloc)->flags = GSNAP_G_MOVING;
	struct gsnap_g *locked = add(s, 22, GSTATUS_SYSCALL, "", 190 * SEC, recv, mainloc);
	locked->flags = GSNAP_G_LOCKED | GSNAP_G_TRUNCATED;
	locked->tid = 4125;
	locked->m = 0xc000052008;
	locked->m_id = 3;
	locked->labels = "job\0two words\0team\0pay";
	locked->nlabels = 2;
	s->tells_labels = true;
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
		.runq_longest = 31,
		.runq_longest_p = 2,
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

static void fill_hist(struct gsnap_hist *h, int first, uint64_t n)
{
	h->known = true;
	h->counts[first] = 9 * n;
	h->counts[first + 3] = n;
	h->counts[first + 20] = 1;
}

/* 25 cycles in half a second, under a memory limit; FAKE_GC=calm: none, far from the goal. */
static void fill_gc(struct gsnap *s, int reads)
{
	bool calm = getenv("FAKE_GC");
	int64_t mib = 1 << 20, cycles = calm ? 8 : 1200 + 25 * reads;
	s->gc = (struct gsnap_gc){.gc_percent = calm ? 100 : -1,
		.mem_limit = calm ? INT64_MAX : 448 * mib,
		.marked = 412 * mib,
		.live = 420 * mib,
		.trigger = calm ? 780 * mib : 421 * mib,
		.goal = calm ? 825 * mib : 422 * mib,
		.limit_goal = calm ? INT64_MAX / 2 + 1 : 422 * mib,
		.objects = 3200000,
		.object_bytes = 419 * mib,
		.unused_bytes = 9 * mib,
		.free_bytes = 3 * mib,
		.released_bytes = 60 * mib,
		.stack_bytes = 5 * mib,
		.mapped = 447 * mib,
		.allocs = 90000000 + 500000 * reads,
		.alloc_bytes = 9000 * mib + 92 * mib * reads,
		.frees = 86800000 + 500000 * reads,
		.freed_bytes = 8581 * mib + 92 * mib * reads,
		.cycles = cycles,
		.forced = 2,
		.last = s->when - SEC / 20,
		.stops = {41 * 1000, 63 * 1000},
		.pause_total_ns = 12 * 1000 * 1000,
		.cpu_assist = 2 * SEC + reads * SEC / 5,
		.cpu_dedicated = 20 * SEC + reads * SEC / 2,
		.cpu_idle = SEC,
		.cpu_pause = SEC / 100,
		.cpu_gc = 24 * SEC + reads * SEC * 7 / 10,
		.cpu_total = calm ? 400 * SEC : 400 * SEC + reads * 2 * SEC};
	fill_hist(&s->gc.pauses, 24, (uint64_t)cycles / 10);
	fill_hist(&s->gc.stopping, 20, (uint64_t)cycles / 10);
}

static void fill_sched(struct gsnap *s, int reads)
{
	for (int i = 0; i < 4; i++) {
		struct gsnap_p *p = gsnap_add_p(s);
		p->id = i;
		p->status = i < 3 ? PSTATUS_RUNNING : PSTATUS_IDLE;
		p->tid = i < 3 ? 4121 + i : 0;
		p->runq = i == 2 ? 30 : 0;
		p->next = i == 2;
		p->timers = 12;
		p->schedtick = (int64_t)(uint32_t)(0xffffff00u + (unsigned)(reads * 600 * i));
		p->syscalltick = 100 * reads;
	}
	s->sched.runq_global = 6;
	s->sched.mutex_wait_ns = SEC / 5 * reads;
	s->sched.wait_every = 8;
	s->sched.cgo_calls = 7 * reads;
	s->sched.preempts = 40 * reads;
	fill_hist(&s->sched.wait, 24, (uint64_t)(100 + reads));
	fill_hist(&s->sched.stop_gc, 16, 10);
	fill_hist(&s->sched.stop_other, 16, 1);
	fill_hist(&s->sched.stw_other, 40, 1);
}

static uint32_t add_obj(struct gsnap *s, uint64_t addr, enum gsnap_objkind kind)
{
	for (uint32_t i = 0; i < s->nobjs; i++)
		if (s->objs[i].addr == addr)
			return i;
	struct gsnap_obj *o = GSNAP_PUSH(s, objs, cap_objs);
	*o = (struct gsnap_obj){.addr = addr, .kind = kind, .counter = GSNAP_UNKNOWN};
	o->len = o->cap = kind == GSNAP_CHAN ? 0 : GSNAP_UNKNOWN;
	o->elem = kind == GSNAP_CHAN ? keep(s, "*feed.Event") : NULL;
	o->set = kind == GSNAP_MUTEX;
	return s->nobjs - 1;
}

static void add_wait(struct gsnap *s, uint32_t g, uint32_t obj, enum gsnap_op op, bool in_select)
{
	*GSNAP_PUSH(s, waits, cap_waits) = (struct gsnap_wait){g, obj, op, in_select};
	s->objs[obj].waiters++;
}

/* The channels that goroutines already wait for; for 4145 locks as well, and a circle of two. */
static void fill_waits(struct gsnap *s, bool locks)
{
	for (uint32_t i = 0; i < s->ngs; i++)
		if (s->gs[i].waiton)
			add_wait(s, i, add_obj(s, s->gs[i].waiton, GSNAP_CHAN),
				strcmp(s->gs[i].reason, "chan send") ? GSNAP_RECV : GSNAP_SEND,
				false);
	if (!locks)
		return;
	uint32_t stack = add_stack(s, 0x510000, recv_stack, LEN(recv_stack)), first = s->ngs;
	for (uint64_t i = 0; i < 4; i++)
		add(s, 60 + i, GSTATUS_WAITING, "sync.Mutex.Lock", 70 * SEC, stack, GSNAP_NONE);
	uint32_t a = add_obj(s, 0xc000300000, GSNAP_MUTEX);
	uint32_t b = add_obj(s, 0xc000300008, GSNAP_MUTEX);
	uint32_t group = add_obj(s, 0xc000300100, GSNAP_WAITGROUP);
	s->objs[group].counter = 7;
	add_wait(s, first, b, GSNAP_LOCK, false);
	add_wait(s, first + 1, a, GSNAP_LOCK, false);
	add_wait(s, first + 2, a, GSNAP_LOCK, false);
	add_wait(s, first + 3, group, GSNAP_WAIT, false);
	add_wait(s, 0, add_obj(s, 0xc000123000, GSNAP_CHAN), GSNAP_RECV, true);
	add_wait(s, 0, add_obj(s, 0, GSNAP_CHAN), GSNAP_SELECT, true);
	*GSNAP_PUSH(s, holds, cap_holds) = (struct gsnap_hold){.g = first, .obj = a};
	*GSNAP_PUSH(s, holds, cap_holds) = (struct gsnap_hold){.g = first + 1, .obj = b};
}

int probe_waits(struct probe *p, struct gsnap *s)
{
	(void)p;
	fill_waits(s, false);
	return 0;
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
	s->sched.runq_global = 1;
	struct gsnap_p *p = gsnap_add_p(s);
	p->tid = 4122;
	p->status = PSTATUS_RUNNING;
	p->runq = 2;
	p->steals = 12;
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
	fill_waits(s, pid == 4145);
	if (pid != 4141)
		fill_system(s);
	fill_stats(&s->stats, reads);
	if (pid == 4140)
		return;
	fill_gc(s, reads);
	fill_sched(s, reads);
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
	/* A look on the side, as top takes it, is no moment later. */
	fake_snapshot(out, p->pid, what == PROBE_WAITS || what & PROBE_PS ? p->reads : p->reads++);
	out->core = p->core;
	const char *gone = getenv("FAKE_GONE"); /* after so many reads, at least two */
	if (gone && p->reads > 2 && p->reads > atoi(gone))
		return refuse(err, 3, -ESRCH, "the process has ended", "", "gort ps");
	return 0;
}

/*
 * Of "checkout" three goroutines in `chan send` are leaked, or perhaps one (FAKE_LEAKS=unsure);
 * of 4141 none.
 */
int probe_heap(struct probe *p, struct probe_heap *out, struct gsnap_err *err)
{
	static const struct probe_heap_row rows[] = {
		{NULL, false, true, false, 48, 4000, 192000, 3000, 100},
		{NULL, true, true, false, 0, 3, 98304, 2, 0},
		{NULL, false, true, false, 640, 100, 64000, 90, 0},
		{NULL, false, false, true, 0, 1, 40960, 1, 0},
	};
	static const char *const types[] = {NULL, "*main.node", "main.node", NULL};
	enum { N = sizeof rows / sizeof *rows };
	if (p->pid != 4121)
		return refuse(err, 5, -ENOTSUP, "pid 4122 (demo) is no Go program",
			"this is read from the tables of Go's own runtime", "");
	*out = (struct probe_heap){.v = malloc(sizeof rows),
		.n = N,
		.objects = 4104,
		.bytes = 395264,
		.live_bytes = 300000,
		.leaked_bytes = 4800,
		.span_bytes = 524288,
		.marked = !getenv("FAKE_UNMARKED"),
		.why = "the types of more than one in a hundred kinds of objects make no sense"};
	memcpy(out->v, rows, sizeof rows);
	for (int i = 0; i < N; i++)
		out->v[i].type = types[i] ? strdup(types[i]) : NULL;
	return 0;
}

void probe_heap_free(struct probe_heap *heap)
{
	for (size_t i = 0; i < heap->n; i++)
		free(heap->v[i].type);
	free(heap->v);
}

int probe_profile(struct probe *p, enum probe_profile_kind kind, unsigned what, struct gsnap *out,
	struct gsnap_err *err)
{
	(void)p, (void)kind, (void)what;
	gsnap_init(out, GSNAP_GO);
	*err = (struct gsnap_err){.code = 5, .what = "the made-up process records nothing"};
	return -ENOTSUP;
}

int probe_cpu_start(struct probe *p, unsigned hz, struct probe_cpu **out, struct gsnap_err *err)
{
	static char recording;
	(void)p, (void)hz;
	*out = (struct probe_cpu *)&recording;
	if (getenv("FAKE_CPU"))
		return 0;
	return refuse(err, 5, -ENOTSUP, "cannot take a CPU profile of pid 4121 (checkout)",
		"the made-up process uses no CPU", "");
}

int probe_cpu_stop(struct probe *p, struct probe_cpu *c, unsigned what, struct gsnap *out,
	struct gsnap_err *err)
{
	(void)c, (void)what;
	fake_snapshot(out, p->pid, 0);
	struct gsnap_sample *sample = GSNAP_PUSH(out, samples, cap_samples);
	if (!sample)
		return refuse(err, 1, -ENOMEM, "out of memory", "", "");
	*sample = (struct gsnap_sample){.count = 30, .visible = GSNAP_NONE};
	return 0;
}

int probe_leaks(struct probe *p, const struct probe_leaks_how *how, struct probe_leaks *out,
	struct gsnap_err *err)
{
	bool unsure = getenv("FAKE_LEAKS");
	if (p->pid == 4122)
		return refuse(err, 5, -ENOTSUP, "no verdict on pid 4122 (demo)",
			"its libgort does not publish what a proof takes",
			"a libgort of the same version as this gort");
	*out = (struct probe_leaks){.goroutines = 16, .blocked = 12};
	out->held_ns = how->freeze ? SEC / 8 : 0;
	if (p->pid != 4121)
		return 0;
	out->v = calloc(4, sizeof *out->v);
	for (uint64_t i = 0; out->v && i < (unsure ? 1 : 3); i++)
		out->v[out->n++] = (struct probe_leak){.goid = 4711 + i,
			.object = 0xc000123000,
			.class = unsure ? PROBE_LEAK_LIKELY : PROBE_LEAK_UNREACHABLE};
	return 0;
}

/* Every goroutine that is asked for hangs on a registry, and on goroutine 21. */
int probe_held_by(struct probe *p, struct probe_held *of, size_t n, struct gsnap_err *err)
{
	static const struct probe_hold chain[] = {
		{PROBE_HELD_OBJECT, 0xc000400000, 16, 64, "main.hub"},
		{PROBE_HELD_STACK, 21, 0, 0, ""},
		{PROBE_HELD_VARIABLE, 0x5c0000, 8, 24, "main.registry"},
	};
	(void)p, (void)err;
	for (size_t i = 0; i < n; i++) {
		of[i].v = malloc(sizeof chain);
		if (!of[i].v)
			return -ENOMEM;
		memcpy(of[i].v, chain, sizeof chain);
		of[i].n = sizeof chain / sizeof *chain;
	}
	return 0;
}

void probe_held_free(struct probe_held *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(of[i].v);
	free(of);
}

/* checkout has debug information: goroutine 18 waits in worker with a parameter and a local. */
int probe_locals(struct probe *p, const struct gsnap *s, const struct gsnap_g *gp,
	struct probe_locals *out, struct gsnap_err *err)
{
	static const struct probe_local v[] = {
		{2, 0, true, "jobs", "chan int", "0xc000123000 (len 0, cap 3)", NULL},
		{2, 0, false, "done", "map[string]bool", NULL, "optimized away here"},
		{2, 0, false, "who", "string", "\"a\x1b[31mred\"", NULL},
	};
	(void)s;
	*out = (struct probe_locals){0};
	if (p->pid != 4121)
		return refuse(err, 5, -ENODATA, "cannot show the variables of pid 4122 (demo)",
			"its executable has no debug information (DWARF)",
			"the same program built with -g");
	if (gp->id != 18)
		return 0;
	*out = (struct probe_locals){.v = malloc(sizeof v), .n = 3};
	memcpy(out->v, v, sizeof v);
	return 0;
}

void probe_locals_free(struct probe_locals *locals)
{
	free(locals->v);
}

void probe_leaks_free(struct probe_leaks *leaks)
{
	free(leaks->v);
	leaks->v = NULL;
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

struct liveview {
	uint32_t all[1]; /* and further ones */
};

/* Everything anew each time, as probes/ does when too much of what it knows is of the past. */
int probe_refresh(struct probe *p, struct probe_view *v, struct gsnap_err *err)
{
	gsnap_free(&v->s);
	int rc = probe_snapshot(p, PROBE_STACKS, &v->s, err);
	struct liveview *live = rc ? NULL : realloc(v->live, (v->s.ngs + 1) * sizeof live->all[0]);
	if (rc || !live)
		return rc ? rc : -ENOMEM;
	v->live = live;
	for (uint32_t i = 0; i < v->s.ngs; i++)
		live->all[i] = i;
	v->changed = live->all;
	v->nchanged = v->s.ngs;
	v->renewed = true;
	return 0;
}

void probe_view_free(struct probe_view *v)
{
	free(v->live);
	gsnap_free(&v->s);
}

bool probe_symbol(struct probe *p, uint64_t pc, char *name, size_t size)
{
	(void)p;
	snprintf(name, size, "main.main");
	return pc >= 0x540000 && pc < 0x540100;
}

bool symbolizer_data(struct symbolizer *s, uint64_t addr, struct sym_data *out)
{
	(void)s;
	if (addr != 0x5000)
		return false;
	*out = (struct sym_data){.name = "_Z7counterv",
		.module = "/bin/race",
		.start = 0x4ff8,
		.size = 16,
		.offset = 0xff8};
	return true;
}

/* Of cores there is one, of checkout. */
bool probe_is_core(const char *path)
{
	return !strcmp(path, "core.4121");
}

int probe_open_core(
	const char *path, const struct probe_opts *opts, struct probe **out, struct gsnap_err *err)
{
	if (!probe_is_core(path))
		return refuse(err, 5, -ENOEXEC, "it is no core file",
			"it does not begin as an ELF file does", "a pid");
	int rc = probe_open(4121, opts, out, err);
	if (!rc)
		(*out)->core = "core.4121";
	return rc;
}

void probe_remark(const struct probe *p, char *text, size_t size)
{
	snprintf(text, size, "%s", p->core ? "core.4121 is cut off" : "");
}

int probe_list_core(const char *path, const struct probe_opts *opts, struct probe_proc *out,
	struct gsnap_err *err)
{
	struct probe *p;
	int rc = probe_open_core(path, opts, &p, err);
	if (rc)
		return rc;
	probe_close(p);
	*out = proc(4121, "checkout", "go1.26.8", 12481);
	out->rss = out->uptime_ns = GSNAP_UNKNOWN;
	return 0;
}

int race_sampler_possible(void)
{
	return -EOPNOTSUPP;
}

int race_sampler_open(struct race_sampler **out, pid_t pid)
{
	(void)pid;
	*out = NULL;
	return -EOPNOTSUPP;
}

bool race_sampler_try(struct race_sampler *s, struct race_access *held, struct race_access *other)
{
	(void)s;
	(void)held;
	(void)other;
	return false;
}

uint64_t race_sampler_addresses(const struct race_sampler *s)
{
	(void)s;
	return 0;
}

void race_sampler_close(struct race_sampler *s)
{
	(void)s;
}
