/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gortlive.c - programs on the real libgort, shared and static, stripped and not: every
 * goroutine's state, wait reason, creator and whole stack, and the same as the process itself
 * prints on SIGQUIT.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include "probes/gortsnap.h"
#include "procmem.h"
#include "suite.h"

Suite *test_suite(void);

#include "check_main.h"

#define EACH  50
#define TOTAL (4 * EACH + 4 + 3) /* and main, spinner, in_kernel */

static char dir[512];

static void setup(void)
{
	ssize_t n = readlink("/proc/self/exe", dir, sizeof dir - 1);
	ck_assert_int_gt(n, 0);
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
	setenv("GOMAXPROCS", "4", 1);
	setenv("GOTRACEBACK", "system", 1);
}

/* A running gtarget and what was read of it. */
struct live {
	struct child c;
	struct target t;
	struct gortsnap *s;
	struct gsnap snap;
};

static void start(struct live *l, const char *program)
{
	char path[600], each[16];
	struct gsnap_err err;
	snprintf(path, sizeof path, "%s/%s", dir, program);
	snprintf(each, sizeof each, "%d", EACH);
	l->c = child_start(path, each, NULL);
	ck_assert_str_eq(l->c.said, "ready\n");
	target_init(&l->t, l->c.pid, NULL);
	int error = gortsnap_open(&l->t, &l->s, &err);
	ck_assert_msg(error == 0, "%d", error);
}

static void end(struct live *l)
{
	gsnap_free(&l->snap);
	gortsnap_close(l->s);
	child_end(&l->c);
}

static void read_now(struct live *l)
{
	struct gsnap_err err;
	gsnap_init(&l->snap, GSNAP_GORT);
	int error = gortsnap_read(l->s, PROBE_STACKS | PROBE_WAITS, &l->snap, &err);
	ck_assert_msg(error == 0, "%s: %s", err.what, err.why);
}

static int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A goroutine that is just about to park waits already but has no stack to be read yet. */
static uint32_t count_standing(const struct gsnap *s, unsigned status)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->ngs; i++)
		n += s->gs[i].status == status && !(s->gs[i].flags & GSNAP_G_MOVING);
	return n;
}

/* Until everything has come to rest: all wait but the spinner and the one in the kernel. */
static void read_settled(struct live *l)
{
	for (int tries = 0; tries < 1000; tries++) {
		read_now(l);
		if (count_standing(&l->snap, GSTATUS_WAITING) == TOTAL - 2 &&
			count_standing(&l->snap, GSTATUS_SYSCALL) == 1)
			return;
		gsnap_free(&l->snap);
		usleep(10000);
	}
	ck_abort_msg("the goroutines do not come to rest");
}

static const struct gsnap_frame *frame_at(
	const struct gsnap *s, const struct gsnap_g *gp, uint32_t i)
{
	const struct gsnap_stack *k = &s->stacks[gp->stack];
	const struct gsnap_loc *loc = &s->locs[s->stack_locs[k->loc + i]];
	return &s->frames[loc->frame + loc->nframes - 1];
}

static uint32_t depth(const struct gsnap *s, const struct gsnap_g *gp)
{
	return gp->stack == GSNAP_NONE ? 0 : s->stacks[gp->stack].nlocs;
}

/* Position of a function in the stack, depth if it is not there. */
static uint32_t find_func(const struct gsnap *s, const struct gsnap_g *gp, const char *func)
{
	uint32_t i = 0, n = depth(s, gp);
	while (i < n && strcmp(frame_at(s, gp, i)->func, func))
		i++;
	return i;
}

static const struct kind {
	const char *outer, *leaf, *reason, *creator;
	uint8_t status;
	uint32_t count;
} kinds[] = {
	{"receiver", "receive_leaf", "chan receive", "spawn_all", GSTATUS_WAITING, EACH},
	{"sender", "sender", "chan send", "spawn_all", GSTATUS_WAITING, EACH},
	{"sleeper", "sleeper", "sleep", "spawn_all", GSTATUS_WAITING, EACH},
	{"waiter", "waiter", "sync.WaitGroup.Wait", "spawn_all", GSTATUS_WAITING, EACH},
	{"locker", "locker", "sync.Mutex.Lock", "spawn_waits", GSTATUS_WAITING, 2},
	{"conder", "conder", "sync.Cond.Wait", "spawn_waits", GSTATUS_WAITING, 1},
	{"selecter", "selecter", "select", "spawn_waits", GSTATUS_WAITING, 1},
	{"gort_main", "gort_main", "sync.WaitGroup.Wait", NULL, GSTATUS_WAITING, 1},
	{"in_kernel", "in_kernel", "", "gort_main", GSTATUS_SYSCALL, 1},
};
#define NKINDS (sizeof kinds / sizeof *kinds)

/* The user's own frames: named, in gtarget.c, with a line. */
static void check_user_frame(const struct gsnap *s, const struct gsnap_g *gp, uint32_t i)
{
	const struct gsnap_frame *f = frame_at(s, gp, i);
	ck_assert_ptr_nonnull(f->file);
	ck_assert_str_eq(strrchr(f->file, '/') + 1, "gtarget.c");
	ck_assert_uint_gt(f->line, 0);
}

static void check_kind(const struct gsnap *s, const struct gsnap_g *gp, const struct kind *k)
{
	uint32_t at = find_func(s, gp, k->outer), leaf = find_func(s, gp, k->leaf);
	ck_assert_uint_lt(leaf, depth(s, gp));
	ck_assert_uint_eq(at - leaf, strcmp(k->outer, k->leaf) ? 1 : 0);
	check_user_frame(s, gp, at);
	check_user_frame(s, gp, leaf);
	ck_assert_uint_eq(gp->status, k->status);
	ck_assert_str_eq(gp->reason, k->reason);
	ck_assert_uint_eq(gp->flags, 0);
	ck_assert_str_eq(frame_at(s, gp, depth(s, gp) - 1)->func, "goexit");
	if (k->creator)
		ck_assert_str_eq(s->frames[s->locs[gp->created].frame].func, k->creator);
	if (!strcmp(k->outer, "sender"))
		ck_assert_str_eq(gp->name, "sender");
	if (k->status == GSTATUS_WAITING)
		ck_assert_int_le(gp->waitsince, now_ns());
}

static void check_symbolized(const char *program)
{
	struct live l;
	start(&l, program);
	read_settled(&l);
	ck_assert_uint_eq(l.snap.ngs, TOTAL);
	for (size_t k = 0; k < NKINDS; k++) {
		uint32_t n = 0;
		for (uint32_t i = 0; i < l.snap.ngs; i++) {
			const struct gsnap_g *gp = &l.snap.gs[i];
			if (find_func(&l.snap, gp, kinds[k].outer) == depth(&l.snap, gp))
				continue;
			check_kind(&l.snap, gp, &kinds[k]);
			n++;
		}
		ck_assert_msg(n == kinds[k].count, "%s: %u", kinds[k].outer, n);
	}
	ck_assert_int_eq(l.snap.stats.gomaxprocs, 4);
	ck_assert_int_eq(gortsnap_count(l.s), TOTAL);
	end(&l);
}

START_TEST(shared_library)
{
	check_symbolized("gtarget");
}
END_TEST

START_TEST(static_library)
{
	check_symbolized("gtarget-static");
}
END_TEST

START_TEST(position_dependent)
{
	check_symbolized("gtarget-nopie");
}
END_TEST

START_TEST(running_goroutines_have_a_thread)
{
	struct live l;
	char path[64];
	start(&l, "gtarget");
	read_settled(&l);
	for (uint32_t i = 0; i < l.snap.ngs; i++) {
		const struct gsnap_g *gp = &l.snap.gs[i];
		bool on_thread = gp->status == GSTATUS_RUNNING || gp->status == GSTATUS_SYSCALL;
		ck_assert_int_eq(gp->tid != 0, on_thread);
		snprintf(path, sizeof path, "/proc/%d/task/%d", l.c.pid, gp->tid);
		ck_assert(!on_thread || access(path, F_OK) == 0);
	}
	end(&l);
}
END_TEST

static uint32_t count_objects(const struct gsnap *s, enum gsnap_objkind kind, uint32_t waiters)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->nobjs; i++)
		n += s->objs[i].kind == kind && s->objs[i].waiters == waiters;
	return n;
}

/* The two lockers hold each other's mutex; libgort's frames may show them no other's. */
static void check_locks(const struct gsnap *s)
{
	uint32_t held = 0;
	for (uint32_t i = 0; i < s->nholds; i++)
		held += find_func(s, &s->gs[s->holds[i].g], "locker") <
			depth(s, &s->gs[s->holds[i].g]);
	ck_assert_uint_eq(held, 2);
	for (uint32_t i = 0; i < s->nobjs; i++)
		if (s->objs[i].kind == GSNAP_MUTEX)
			ck_assert(s->objs[i].set);
}

START_TEST(what_goroutines_wait_for)
{
	struct live l;
	start(&l, "gtarget");
	read_settled(&l);
	const struct gsnap *s = &l.snap;
	uint32_t ops[GSNAP_WAIT + 1] = {0}, selects = 0;
	for (uint32_t i = 0; i < s->nwaits; i++) {
		ops[s->waits[i].op]++;
		selects += s->waits[i].in_select;
	}
	ck_assert_uint_eq(count_objects(s, GSNAP_CHAN, EACH), 2);
	ck_assert_uint_eq(count_objects(s, GSNAP_WAITGROUP, EACH + 1), 1);
	ck_assert_uint_eq(count_objects(s, GSNAP_MUTEX, 1), 2);
	ck_assert_uint_eq(count_objects(s, GSNAP_COND, 1), 1);
	ck_assert_uint_eq(count_objects(s, GSNAP_CHAN, 1), 1); /* the first case of the select */
	ck_assert_uint_eq(ops[GSNAP_RECV], EACH + 1);
	ck_assert_uint_eq(ops[GSNAP_SEND], EACH);
	ck_assert_uint_eq(ops[GSNAP_LOCK], 2);
	ck_assert_uint_eq(selects, 1);
	check_locks(s);
	end(&l);
}
END_TEST

/* Without symbols the shape remains: the same depths and states, places by module and offset. */
static void check_stripped(const char *program)
{
	struct live l;
	char prefix[64];
	start(&l, program);
	read_settled(&l);
	snprintf(prefix, sizeof prefix, "%s+0x", program);
	uint32_t own = 0;
	for (uint32_t i = 0; i < l.snap.ngs; i++) {
		const struct gsnap_g *gp = &l.snap.gs[i];
		if (gp->status != GSTATUS_WAITING)
			continue;
		ck_assert_uint_eq(gp->flags, 0);
		ck_assert_uint_ge(depth(&l.snap, gp), 3);
		for (uint32_t f = 0; f < depth(&l.snap, gp); f++)
			own += !strncmp(frame_at(&l.snap, gp, f)->func, prefix, strlen(prefix));
	}
	ck_assert(l.snap.stripped);
	ck_assert_uint_ge(own, 5 * EACH);
	end(&l);
}

START_TEST(stripped_shared)
{
	check_stripped("gtarget-stripped");
}
END_TEST

START_TEST(stripped_static)
{
	check_stripped("gtarget-static-stripped");
}
END_TEST

/* ---- the process's own dump ---- */

/*
 * "func(...)\n\tfile:line +0x1d\n", the way the dump prints a frame. A dump tells no inlined calls:
 * the file is then that of the one or of the other.
 */
static size_t print_frame(char *to, size_t room, const struct gsnap *s, uint32_t loc)
{
	const struct gsnap_frame *f = &s->frames[s->locs[loc].frame + s->locs[loc].nframes - 1];
	const char *file = s->locs[loc].nframes == 1 && f->file ? f->file : "";
	return (size_t)snprintf(to, room, "%s(...)\n\t%s%s", f->func, file, *file ? ":" : "");
}

/* The machine frames of one goroutine must follow its header in the dump, in order. */
static void check_in_dump(const char *dump, const struct gsnap *s, const struct gsnap_g *gp)
{
	char text[700];
	snprintf(text, sizeof text, "goroutine %llu [", (unsigned long long)gp->id);
	const char *at = strstr(dump, text);
	ck_assert_msg(at != NULL, "%s is not in the dump", text);
	const char *next = strstr(at + 1, "\ngoroutine ");
	ck_assert_ptr_nonnull(strstr(at, gp->reason));
	const struct gsnap_stack *k = &s->stacks[gp->stack];
	for (uint32_t i = 0; i < k->nlocs; i++) {
		print_frame(text, sizeof text, s, s->stack_locs[k->loc + i]);
		const char *found = strstr(at, text);
		ck_assert_msg(found && (!next || found < next), "goroutine %d: %s missing",
			(int)gp->id, text);
		at = found;
	}
}

static char *read_dump(int fd)
{
	enum { ROOM = 1 << 22 };
	char *text = malloc(ROOM);
	ssize_t n = pread(fd, text, ROOM - 1, 0);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	return text;
}

START_TEST(the_same_as_its_own_dump)
{
	struct live l;
	char name[] = "/tmp/gort-dumpXXXXXX";
	int dump = mkstemp(name), saved = dup(2);
	unlink(name);
	dup2(dump, 2);
	start(&l, "gtarget");
	dup2(saved, 2);
	read_settled(&l);
	kill(l.c.pid, SIGQUIT);
	waitpid(l.c.pid, NULL, 0);
	char *text = read_dump(dump);
	for (uint32_t i = 0; i < l.snap.ngs; i++)
		if (l.snap.gs[i].status == GSTATUS_WAITING)
			check_in_dump(text, &l.snap, &l.snap.gs[i]);
	free(text);
	close(dump);
	end(&l);
}
END_TEST

Suite *test_suite(void)
{
	return suite_of(&(struct units){"gortlive", .seconds = 60, .setup = setup,
		.units = {
			{"shared", shared_library},
			{"static", static_library},
			{"nopie", position_dependent},
			{"waits", what_goroutines_wait_for},
			{"threads", running_goroutines_have_a_thread},
			{"stripped", stripped_shared},
			{"stripped_static", stripped_static},
			{"sigquit", the_same_as_its_own_dump},
		}});
}
