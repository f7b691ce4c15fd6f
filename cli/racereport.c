/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * racereport.c - data races, deadlocks and misuse of threads in the words and shape of
 * ThreadSanitizer, and in JSON.
 *
 * Tools that read TSan's reports find the lines they look for; gort adds the pair of functions in
 * alphabetical order, which is the same for the same race whichever access came last. That pair
 * with its lines is also what makes two records one race. An empty line follows every stack.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "demangle.h"
#include "probes/probes.h"
#include "racereport.h"
#include "target.h"

/* Bound on the calls of one stack: pcs of a record with what is inlined there. */
#define MAX_FRAMES 256
#define DETECTOR   "libgort-race"

struct frames {
	struct sym_frame f[MAX_FRAMES];
	uint64_t pc[MAX_FRAMES];
	size_t n;
};

static struct frames resolved[GORT_FINDING_STACKS];

/* That the finding is about; its name is NULL when it is about something else. */
static struct sym_data variable;

/* What suppressions and SARIF call it: its kind comes first. NULL for what is not reported here. */
static const char *rule_of(uint32_t kind)
{
	static const char *const rules[GORT_FINDING_KINDS] = {
		[GORT_FINDING_RACE] = "race-data",
		[GORT_FINDING_FREED] = "race-use-after-free",
		[GORT_FINDING_LOCK_ORDER] = "deadlock-lock-order",
		[GORT_FINDING_UNLOCK] = "mutex-unlock",
		[GORT_FINDING_DOUBLE_LOCK] = "mutex-double-lock",
		[GORT_FINDING_READ_LOCK] = "mutex-read-lock",
		[GORT_FINDING_READ_UNLOCK] = "mutex-read-unlock",
		[GORT_FINDING_DESTROY_LOCKED] = "mutex-destroy-locked",
		[GORT_FINDING_BAD_LOCK] = "mutex-invalid",
		[GORT_FINDING_THREAD_LEAK] = "thread-leak",
		[GORT_FINDING_SIGNAL_UNSAFE] = "signal-unsafe-call",
		[GORT_FINDING_ERRNO] = "signal-errno",
		[GORT_FINDING_IGNORES] = "thread-ignores",
		[GORT_FINDING_VPTR] = "race-vptr",
		[GORT_FINDING_VPTR_FREED] = "race-vptr-use-after-free",
	};
	return kind < GORT_FINDING_KINDS ? rules[kind] : NULL;
}

static bool well_formed(struct gort_finding *f, size_t len)
{
	if (len < offsetof(struct gort_finding, stacks) || f->magic != GORT_FINDING_MAGIC ||
		f->size != len || !rule_of(f->kind) || f->nstacks > GORT_FINDING_STACKS ||
		len != offsetof(struct gort_finding, stacks[f->nstacks]))
		return false;
	for (uint32_t i = 0; i < f->nstacks; i++) {
		if (f->stacks[i].npcs > GORT_FINDING_PCS)
			return false;
		f->stacks[i].name[sizeof f->stacks[i].name - 1] = '\0';
	}
	return true;
}

static bool is_detector(const struct sym_frame *f)
{
	return f->module && !strncmp(base_name(f->module), DETECTOR, strlen(DETECTOR));
}

/*
 * Calls of the detector's own stand for the libc function that the program called: where in the
 * detector's source it is says nothing, and what is inlined there neither.
 */
static size_t only_the_call(struct sym_frame *f, size_t n)
{
	if (n == 0 || !is_detector(&f[0]))
		return n;
	f[0] = f[n - 1];
	f[0].file = NULL;
	f[0].line = 0;
	f[0].inlined = false;
	return 1;
}

/* All pcs but the leaf are return addresses; one byte back they point into their calls. */
static void resolve(struct symbolizer *sym, const struct gort_finding_stack *st, struct frames *out)
{
	out->n = 0;
	for (uint32_t i = 0; i < st->npcs && out->n < MAX_FRAMES; i++) {
		uint64_t pc = st->pcs[i] - (i > 0);
		size_t n = symbolizer_pc(sym, pc, out->f + out->n, MAX_FRAMES - out->n);
		n = only_the_call(out->f + out->n, n);
		for (size_t k = 0; k < n; k++) {
			out->f[out->n + k].func = demangle(out->f[out->n + k].func);
			out->pc[out->n + k] = pc;
		}
		out->n += n;
	}
}

static const struct gort_finding_stack *with_role(
	const struct gort_finding *f, uint32_t role, const struct frames **frames)
{
	for (uint32_t i = 0; i < f->nstacks; i++)
		if (f->stacks[i].role == role) {
			*frames = &resolved[i];
			return &f->stacks[i];
		}
	return NULL;
}

static const struct sym_frame no_frame;

/* The innermost call with a line; else the innermost. */
static size_t innermost_index(const struct frames *frames)
{
	for (size_t i = 0; i < frames->n; i++)
		if (frames->f[i].file)
			return i;
	return 0;
}

static const struct sym_frame *innermost(const struct frames *frames)
{
	return frames->n > 0 ? &frames->f[innermost_index(frames)] : &no_frame;
}

static const struct sym_frame *top(const struct gort_finding *f, uint32_t role)
{
	const struct frames *frames;
	return with_role(f, role, &frames) ? innermost(frames) : &no_frame;
}

/* The two stacks that make the finding: their tops are its place and its name. */
static uint32_t first_role(const struct gort_finding *f)
{
	return f->kind == GORT_FINDING_LOCK_ORDER    ? GORT_STACK_LOCKED
	       : f->kind == GORT_FINDING_THREAD_LEAK ? GORT_STACK_CREATED
	       : f->kind == GORT_FINDING_IGNORES     ? GORT_STACK_IGNORE
						     : GORT_STACK_ACCESS;
}

static bool is_race(const struct gort_finding *f)
{
	return f->kind == GORT_FINDING_RACE || f->kind == GORT_FINDING_FREED ||
	       f->kind == GORT_FINDING_VPTR || f->kind == GORT_FINDING_VPTR_FREED;
}

/* The address of the access or of the lock; 0 when it is memory of another kind. */
static uint64_t accessed(const struct gort_finding *f)
{
	uint64_t addr = 0;
	for (uint32_t i = 0; i < f->nstacks; i++) {
		if (f->stacks[i].role == GORT_STACK_ALLOC || f->stacks[i].role == GORT_STACK_OWNER)
			return 0;
		if (f->stacks[i].role == (is_race(f) ? GORT_STACK_ACCESS : GORT_STACK_LOCK))
			addr = f->stacks[i].addr;
	}
	return addr;
}

static const char *or_null(const char *s)
{
	return s ? s : "<null>";
}

/* The two functions in alphabetical order. */
static void sorted_pair(const struct gort_finding *f, const char *pair[2])
{
	const char *a = or_null(top(f, first_role(f))->func);
	const char *b = or_null(top(f, GORT_STACK_PREVIOUS)->func);
	bool swap = strcmp(a, b) > 0;
	pair[0] = swap ? b : a;
	pair[1] = swap ? a : b;
}

/*
 * By name and line, which are the same in another process. Where there is no line, perhaps because
 * the compiler merged two, the place of the code in its page tells one access from another.
 */
static uint64_t hash_place(const struct frames *frames, size_t i)
{
	const struct sym_frame *f = &frames->f[i];
	char text[512];
	uint64_t line = f->line ? f->line : frames->pc[i] % 4096 << 32;
	snprintf(text, sizeof text, "%s %s:%" PRIu64, or_null(f->func), or_null(f->file), line);
	return hash_text(1, f->func ? text : "");
}

/* The innermost calls of what is misused are often those of a class around it. */
static uint64_t hash_calls(const struct frames *frames)
{
	uint64_t h = 0;
	for (size_t i = 0; i < frames->n; i++)
		h = gsnap_mix(h + hash_place(frames, i));
	return h;
}

static uint64_t hash_access(const struct frames *frames)
{
	return frames->n > 0 ? hash_place(frames, innermost_index(frames)) : 0;
}

#define HIDDEN 1ull /* in a pair: it was suppressed or known */

/* Also notes it for the next time; *hidden says what became of the first one. */
static bool seen_before(struct race_report *r, const struct gort_finding *f, bool *hidden)
{
	/* A sum does not depend on the order of the two. */
	uint64_t h = is_race(f) ? 0 : gsnap_mix(f->kind);
	for (uint32_t i = 0; i < f->nstacks; i++)
		if (f->stacks[i].role == first_role(f) || f->stacks[i].role == GORT_STACK_PREVIOUS)
			h += is_race(f) ? hash_access(&resolved[i]) : hash_calls(&resolved[i]);
	h &= ~HIDDEN;
	for (uint32_t i = 0; i < r->npairs; i++)
		if ((r->pairs[i] & ~HIDDEN) == h) {
			*hidden = r->pairs[i] & HIDDEN;
			return true;
		}
	if (r->npairs == r->cap) {
		uint32_t cap = r->cap ? r->cap * 2 : 64;
		uint64_t *bigger = realloc(r->pairs, cap * sizeof *bigger);
		if (!bigger)
			return false;
		r->pairs = bigger;
		r->cap = cap;
	}
	r->pairs[r->npairs++] = h;
	return false;
}

static void thread_name(const struct gort_finding_stack *st, uint64_t id, char *buf, size_t size)
{
	if (id == 0)
		snprintf(buf, size, "main thread");
	else if (st->name[0] && id == st->id)
		snprintf(buf, size, "thread T%" PRIu64 " '%s'", id, st->name);
	else
		snprintf(buf, size, "thread T%" PRIu64, id);
}

static void print_frames(struct out *out, const struct frames *frames)
{
	for (size_t i = 0; i < frames->n; i++) {
		const struct sym_frame *f = &frames->f[i];
		out_printf(out, "    #%zu %s ", i, or_null(f->func));
		if (f->file)
			out_printf(out, "%s:%" PRIu32, f->file, f->line);
		else
			out_printf(out, "<null>");
		if (f->module)
			out_printf(out, " (%s+0x%" PRIx64 ")", base_name(f->module), f->offset);
		else
			out_printf(out, " (0x%" PRIx64 ")", frames->pc[i]);
		out_printf(out, "\n");
	}
	if (frames->n == 0)
		out_printf(out, "    [the stack is no longer known]\n");
	out_printf(out, "\n");
}

static const char *access_words(uint32_t access, bool previous)
{
	static const char *const words[2][4] = {{"Read", "Write", "Atomic read", "Atomic write"},
		{"Previous read", "Previous write", "Previous atomic read",
			"Previous atomic write"}};
	return words[previous][access & 3];
}

/* The how-manieth lock of the finding. */
static uint32_t lock_number(const struct gort_finding *f, const struct gort_finding_stack *st)
{
	uint32_t n = 0;
	for (const struct gort_finding_stack *s = f->stacks; s < st; s++)
		n += s->role == GORT_STACK_LOCK;
	return n;
}

/* " (mutexes: write M0, read M1)": what was held during the access. */
static void print_mutexes(
	struct out *out, const struct gort_finding *f, const struct gort_finding_stack *access)
{
	uint32_t held = access->role == GORT_STACK_PREVIOUS ? GORT_LOCK_PREVIOUS : GORT_LOCK_ACCESS;
	bool any = false;
	for (uint32_t i = 0; i < f->nstacks; i++) {
		const struct gort_finding_stack *st = &f->stacks[i];
		if (st->role != GORT_STACK_LOCK || !(st->flags & held))
			continue;
		out_printf(out, "%s%s M%" PRIu32, any ? ", " : " (mutexes: ",
			st->flags & held << GORT_LOCK_READER ? "read" : "write",
			lock_number(f, st));
		any = true;
	}
	out_printf(out, any ? ")" : "");
}

/* "Location is heap block", "Thread T1 created", ...: the stacks behind those that conflict. */
static void print_stack_title(
	struct out *out, const struct gort_finding *f, const struct gort_finding_stack *st)
{
	char who[80], by[80];
	thread_name(st, st->id, who, sizeof who);
	thread_name(st, st->by, by, sizeof by);
	switch (st->role) {
	case GORT_STACK_ALLOC:
		if (st->flags & GORT_ALLOC_FD) {
			out_printf(out,
				"  Location is file descriptor %" PRIu32 " created by %s at:\n",
				st->size, who);
			break;
		}
		out_printf(out,
			"  Location is heap block of size %" PRIu32 " at 0x%012" PRIx64
			" allocated by %s:\n",
			st->size, st->addr, who);
		break;
	case GORT_STACK_CREATED:
		who[0] = st->id ? 'T' : 'M';
		if (st->tid > 0)
			out_printf(out, "  %s (tid=%" PRId32 ", running) created by %s at:\n", who,
				st->tid, by);
		else
			out_printf(out, "  %s (tid=0, finished) created by %s at:\n", who, by);
		break;
	case GORT_STACK_LOCK:
		out_printf(out, "  Mutex M%" PRIu32 " (0x%012" PRIx64 ") created at:\n",
			lock_number(f, st), st->addr);
		break;
	case GORT_STACK_SLEEP:
		out_printf(out, "  As if synchronized via sleep:\n");
		break;
	default:
		out_printf(out, "  Stack of %s:\n", who);
	}
}

static void print_place(struct out *out, const struct gort_finding *f)
{
	char who[80];
	if (variable.name)
		out_printf(out,
			"  Location is global '%s' of size %" PRIu64 " at 0x%012" PRIx64
			" (%s+0x%" PRIx64 ")\n\n",
			variable.name, variable.size, variable.start, base_name(variable.module),
			variable.offset);
	for (uint32_t i = 0; i < f->nstacks; i++) {
		const struct gort_finding_stack *st = &f->stacks[i];
		if (st->role != GORT_STACK_OWNER)
			continue;
		thread_name(st, st->id, who, sizeof who);
		out_printf(out, "  Location is %s of %s.\n\n",
			st->flags & GORT_OWNER_TLS ? "TLS" : "stack", who);
	}
}

static void print_others(struct out *out, const struct gort_finding *f)
{
	static const uint32_t order[] = {GORT_STACK_SLEEP, GORT_STACK_ALLOC, GORT_STACK_LOCK,
		GORT_STACK_CREATED, GORT_STACK_BLOCKED};
	for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
		if (order[k] == GORT_STACK_ALLOC)
			print_place(out, f);
		for (uint32_t i = 0; i < f->nstacks; i++) {
			const struct gort_finding_stack *st = &f->stacks[i];
			if (st->role != order[k] || (st->role == GORT_STACK_LOCK && !st->npcs))
				continue;
			print_stack_title(out, f, st);
			print_frames(out, &resolved[i]);
		}
	}
}

static void print_accesses(struct out *out, const struct gort_finding *f)
{
	char who[80];
	for (uint32_t i = 0; i < f->nstacks && i < 2; i++) {
		const struct gort_finding_stack *st = &f->stacks[i];
		if (st->role != GORT_STACK_ACCESS && st->role != GORT_STACK_PREVIOUS)
			continue;
		thread_name(st, st->id, who, sizeof who);
		if (is_race(f)) {
			out_printf(out, "  %s of size %" PRIu32 " at 0x%012" PRIx64 " by %s",
				access_words(st->access, st->role == GORT_STACK_PREVIOUS), st->size,
				st->addr, who);
			print_mutexes(out, f, st);
			out_printf(out, ":\n");
		} else if (st->role == GORT_STACK_PREVIOUS) {
			out_printf(out, "  and:\n");
		}
		print_frames(out, &resolved[i]);
	}
}

/* Stacks 2i and 2i+1 are the lock that was taken in step i and the one that was held. */
static void print_cycle(struct out *out, const struct gort_finding *f)
{
	char who[80];
	uint32_t n = 0;
	while (2 * n + 1 < f->nstacks && f->stacks[2 * n].role == GORT_STACK_LOCKED)
		n++;
	out_printf(out, "  Cycle in lock order graph: ");
	for (uint32_t i = 0; i < n; i++)
		out_printf(
			out, "M%" PRIu32 " (0x%012" PRIx64 ") => ", i, f->stacks[2 * i + 1].addr);
	out_printf(out, "M0\n\n");
	for (uint32_t i = 0; i < n; i++) {
		const struct gort_finding_stack *st = &f->stacks[2 * i];
		thread_name(st, st->id, who, sizeof who);
		out_printf(out,
			"  Mutex M%" PRIu32 " acquired here while holding mutex M%" PRIu32
			" in %s:\n",
			(i + 1) % n, i, who);
		print_frames(out, &resolved[2 * i]);
		if (st[1].npcs) {
			out_printf(out,
				"  Mutex M%" PRIu32
				" previously acquired by the same thread here:\n",
				i);
			print_frames(out, &resolved[2 * i + 1]);
		} else if (i == 0) {
			out_printf(out, "    Hint: use GORT_RACE=second_deadlock_stack=1 to get "
					"more informative warning message\n\n");
		}
	}
}

static void print_seen(struct out *out, const struct gort_finding *f)
{
	const char *pair[2];
	sorted_pair(f, pair);
	if (is_race(f)) {
		out_printf(out, "  Between: %s / %s", pair[0], pair[1]);
		if (f->seen > 1)
			out_printf(out, " (seen %" PRIu32 " times)", f->seen);
		out_printf(out, "\n\n");
	} else if (f->kind == GORT_FINDING_THREAD_LEAK && f->seen > 1) {
		out_printf(out, "  And %" PRIu32 " more similar thread leaks.\n\n", f->seen - 1);
	}
}

/* TSan's line has two spaces where the thread's name would be. */
static void print_ignores(struct out *out, const struct gort_finding *f)
{
	const struct gort_finding_stack *first = &f->stacks[0];
	bool main = first->role != GORT_STACK_CREATED;
	if (main)
		out_printf(out, "ThreadSanitizer: main thread %s\n", gort_finding_title(f->kind));
	else
		out_printf(out, "ThreadSanitizer: thread T%" PRIu64 " %s %s, created at:\n",
			first->id, first->name, gort_finding_title(f->kind));
	for (uint32_t i = 0; i < f->nstacks; i++) {
		if (i || main)
			out_printf(out, "  Ignore was enabled at:\n");
		print_frames(out, &resolved[i]);
	}
}

static void print_text(struct race_report *r, const struct gort_finding *f)
{
	struct out *out = r->out;
	const char *title = gort_finding_title(f->kind);
	const struct sym_frame *leaf = top(f, first_role(f));
	out_printf(out, "==================\n");
	if (f->kind == GORT_FINDING_IGNORES) {
		print_ignores(out, f);
	} else {
		out_printf(out, "WARNING: ThreadSanitizer: %s (pid=%" PRId32 ")\n", title, f->pid);
		if (f->kind == GORT_FINDING_LOCK_ORDER)
			print_cycle(out, f);
		else
			print_accesses(out, f);
		print_others(out, f);
	}
	print_seen(out, f);
	out_printf(out, "SUMMARY: ThreadSanitizer: %s %s:%" PRIu32 " in %s\n", title,
		or_null(leaf->file), leaf->line, or_null(leaf->func));
	out_printf(out, "==================\n");
}

static void json_frames(struct json *j, const struct frames *frames)
{
	jw_array(j, "frames");
	for (size_t i = 0; i < frames->n; i++) {
		const struct sym_frame *f = &frames->f[i];
		jw_object(j, NULL);
		jw_str(j, "func", f->func);
		jw_str(j, "file", f->file);
		jw_int(j, "line", f->line ? (int64_t)f->line : GSNAP_UNKNOWN);
		jw_bool(j, "inlined", f->inlined);
		jw_str(j, "module", f->module);
		jw_hex(j, "offset", f->offset);
		jw_hex(j, "pc", frames->pc[i]);
		jw_close_object(j);
	}
	jw_close_array(j);
}

static void json_stack_of(
	struct json *j, const struct gort_finding_stack *st, const struct frames *frames)
{
	static const char *const roles[] = {"other", "access", "previous", "created", "allocated",
		"blocked", "locked", "held", "lock", "owner", "ignore"};
	bool access =
		st->size && (st->role == GORT_STACK_ACCESS || st->role == GORT_STACK_PREVIOUS);
	jw_object(j, NULL);
	jw_str(j, "role", roles[st->role < sizeof roles / sizeof roles[0] ? st->role : 0]);
	jw_uint(j, "thread", st->id);
	jw_str(j, "name", st->name[0] ? st->name : NULL);
	jw_int(j, "tid", st->tid > 0 ? st->tid : GSNAP_UNKNOWN);
	if (access)
		jw_str(j, "access", st->access & GORT_ACCESS_WRITE ? "write" : "read");
	if (access)
		jw_bool(j, "atomic", st->access & GORT_ACCESS_ATOMIC);
	if (st->addr)
		jw_hex(j, "addr", st->addr);
	if (access || st->role == GORT_STACK_ALLOC)
		jw_uint(j, "size", st->size);
	if (st->role == GORT_STACK_CREATED)
		jw_uint(j, "created_by", st->by);
	json_frames(j, frames);
	jw_close_object(j);
}

static void json_finding(struct json *j, const struct gort_finding *f)
{
	const char *pair[2];
	sorted_pair(f, pair);
	jw_str(j, "kind", gort_finding_title(f->kind));
	jw_int(j, "pid", f->pid);
	jw_uint(j, "seen", f->seen);
	jw_array(j, "pair");
	jw_str(j, NULL, pair[0]);
	jw_str(j, NULL, pair[1]);
	jw_close_array(j);
	jw_str(j, "variable", variable.name);
	jw_array(j, "stacks");
	for (uint32_t i = 0; i < f->nstacks; i++)
		json_stack_of(j, &f->stacks[i], &resolved[i]);
	jw_close_array(j);
}

static void print(struct race_report *r, const struct gort_finding *f)
{
	struct json line;
	if (r->format == FORMAT_TEXT) {
		print_text(r, f);
	} else if (r->format == FORMAT_NDJSON) {
		jw_begin(&line, r->out, "gort.race/1");
		json_finding(&line, f);
		jw_end(&line);
	} else {
		jw_object(&r->json, NULL);
		json_finding(&r->json, f);
		jw_close_object(&r->json);
	}
	out_flush(r->out);
}

static void collect_stack(
	struct report *r, enum report_role role, const char *title, const struct frames *frames)
{
	report_stack(r, role, title);
	for (size_t i = 0; i < frames->n; i++) {
		const struct sym_frame *f = &frames->f[i];
		report_frame(r, f->func, f->file || is_detector(f) ? f->file : f->module, f->line);
	}
}

/* The finding in the form that all of gort's reports share. */
static void collect(struct report *r, const struct gort_finding *f)
{
	char message[600];
	const char *pair[2], *title = gort_finding_title(f->kind);
	sorted_pair(f, pair);
	if (is_race(f))
		snprintf(message, sizeof message, "%s between %s and %s", title, pair[0], pair[1]);
	else
		snprintf(message, sizeof message, "%s", title);
	struct finding *all = report_add(r, rule_of(f->kind), message);
	if (all)
		all->fails = true;
	for (uint32_t i = 0; i < f->nstacks; i++) {
		uint32_t role = f->stacks[i].role;
		if (role == first_role(f))
			collect_stack(r, REPORT_AT, "here", &resolved[i]);
		else if (role == GORT_STACK_PREVIOUS)
			collect_stack(r, REPORT_AT, "and here, before", &resolved[i]);
		else if (role == GORT_STACK_CREATED)
			collect_stack(r, REPORT_CREATED, "thread created by", &resolved[i]);
	}
	if (variable.name) {
		report_stack(r, REPORT_AT, "the variable");
		report_frame(r, variable.name, NULL, 0);
	}
}

static bool is_new(struct race_report *r, const struct gort_finding *f)
{
	if (!r->findings)
		return true;
	collect(r->findings, f);
	report_judge(r->findings);
	return !r->findings->n || r->findings->v[r->findings->n - 1].status == FINDING_NEW;
}

static void resolve_all(struct symbolizer *sym, const struct gort_finding *f)
{
	for (uint32_t i = 0; i < f->nstacks; i++)
		resolve(sym, &f->stacks[i], &resolved[i]);
	variable = (struct sym_data){0};
	if (f->nstacks > 0 && accessed(f) && symbolizer_data(sym, accessed(f), &variable))
		variable.name = demangle(variable.name);
}

/* A pair that was met before is judged as it was then: its sender is another process. */
static int add_resolved(struct race_report *r, const struct gort_finding *f)
{
	bool hidden;
	if (seen_before(r, f, &hidden)) {
		r->repeats += !hidden;
		return hidden;
	}
	if (!is_new(r, f)) {
		if (r->npairs)
			r->pairs[r->npairs - 1] |= HIDDEN;
		return 1;
	}
	r->told++;
	if (!r->count_only)
		print(r, f);
	return 0;
}

int race_report_add(struct race_report *r, struct gort_finding *f, size_t len)
{
	if (!well_formed(f, len))
		return -EINVAL;
	if (r->count_only && !r->findings) {
		r->told++;
		return 0;
	}
	struct symbolizer *sym = symbolizer_open(f->pid);
	if (!sym)
		return -ENOMEM;
	resolve_all(sym, f);
	int hidden = add_resolved(r, f);
	symbolizer_close(sym);
	demangle_free();
	return hidden;
}

/* A line for each call at pc, and an empty one; or nothing, when there is no room. */
static size_t put_places(const struct frames *frames, char *text, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < frames->n; i++) {
		const struct sym_frame *f = &frames->f[i];
		int len = snprintf(text + n, size - n, "%s\t%s\t%" PRIu32 "\n",
			f->func ? f->func : "", f->file ? f->file : "", f->line);
		if (len < 0 || (size_t)len + 1 >= size - n)
			return 0;
		n += (size_t)len;
	}
	text[n] = '\n';
	return n + 1;
}

size_t race_report_places(const struct gort_question *q, char *text, size_t size)
{
	static struct gort_finding_stack one = {.npcs = 1};
	struct symbolizer *sym = symbolizer_open(q->pid);
	size_t n = 0, len = 1;
	for (uint32_t i = 0; sym && i < q->npcs && len; i++) {
		one.pcs[0] = q->pcs[i];
		resolve(sym, &one, &resolved[0]);
		len = put_places(&resolved[0], text + n, size - n);
		n += len;
	}
	symbolizer_close(sym);
	demangle_free();
	if (!n)
		text[n++] = '\n';
	return n;
}

void race_report_begin(struct race_report *r, struct out *out, int format, const char *command)
{
	*r = (struct race_report){.out = out, .format = format};
	if (format != FORMAT_JSON)
		return;
	jw_begin(&r->json, out, "gort.race/1");
	jw_str(&r->json, "command", command);
	jw_lines(&r->json, "findings");
}

uint32_t race_report_end(struct race_report *r)
{
	uint32_t n = r->told;
	if (r->format == FORMAT_JSON) {
		jw_close_array(&r->json);
		jw_uint(&r->json, "count", n);
		jw_uint(&r->json, "repeats", r->repeats);
		jw_end(&r->json);
	} else if (r->format == FORMAT_TEXT && n > 0 && !r->count_only) {
		out_printf(r->out, "ThreadSanitizer: reported %" PRIu32 " warnings\n", n);
	}
	free(r->pairs);
	r->pairs = NULL;
	return n;
}
