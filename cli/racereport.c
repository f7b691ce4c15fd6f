/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * racereport.c - data race reports in the words and shape of ThreadSanitizer, and in JSON.
 *
 * Tools that read TSan's reports find the lines they look for; gort adds the pair of functions in
 * alphabetical order, which is the same for the same race whichever access came last. That pair
 * with its lines is also what makes two records one race. An empty line follows every stack.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "probes/probes.h"
#include "racereport.h"
#include "target.h"

/* Bound on the calls of one stack: pcs of a record with what is inlined there. */
#define MAX_FRAMES 256

struct frames {
	struct sym_frame f[MAX_FRAMES];
	uint64_t pc[MAX_FRAMES];
	size_t n;
};

static struct frames resolved[GORT_FINDING_STACKS];

static bool well_formed(struct gort_finding *f, size_t len)
{
	if (len != sizeof *f || f->magic != GORT_FINDING_MAGIC || f->size != sizeof *f ||
		f->kind != GORT_FINDING_RACE || f->nstacks > GORT_FINDING_STACKS)
		return false;
	for (uint32_t i = 0; i < f->nstacks; i++) {
		if (f->stacks[i].npcs > GORT_FINDING_PCS)
			return false;
		f->stacks[i].name[sizeof f->stacks[i].name - 1] = '\0';
	}
	return true;
}

/* All pcs but the leaf are return addresses; one byte back they point into their calls. */
static void resolve(struct symbolizer *sym, const struct gort_finding_stack *st, struct frames *out)
{
	out->n = 0;
	for (uint32_t i = 0; i < st->npcs && out->n < MAX_FRAMES; i++) {
		uint64_t pc = st->pcs[i] - (i > 0);
		size_t n = symbolizer_pc(sym, pc, out->f + out->n, MAX_FRAMES - out->n);
		for (size_t k = 0; k < n; k++)
			out->pc[out->n + k] = pc;
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

static const struct sym_frame *top(const struct gort_finding *f, uint32_t role)
{
	static const struct sym_frame none;
	const struct frames *frames;
	return with_role(f, role, &frames) && frames->n > 0 ? &frames->f[0] : &none;
}

static const char *or_null(const char *s)
{
	return s ? s : "<null>";
}

/* The two functions in alphabetical order. */
static void sorted_pair(const struct gort_finding *f, const char *pair[2])
{
	const char *a = or_null(top(f, GORT_STACK_ACCESS)->func);
	const char *b = or_null(top(f, GORT_STACK_PREVIOUS)->func);
	bool swap = strcmp(a, b) > 0;
	pair[0] = swap ? b : a;
	pair[1] = swap ? a : b;
}

static uint64_t hash_text(const char *s)
{
	uint64_t h = 1;
	for (; *s; s++)
		h = gsnap_mix(h + (unsigned char)*s);
	return h;
}

static uint64_t hash_place(const struct sym_frame *f)
{
	char text[512];
	snprintf(text, sizeof text, "%s %s:%" PRIu32, or_null(f->func), or_null(f->file), f->line);
	return hash_text(f->func ? text : "");
}

static bool seen_before(struct race_report *r, const struct gort_finding *f)
{
	/* A sum does not depend on the order of the two. */
	uint64_t h =
		hash_place(top(f, GORT_STACK_ACCESS)) + hash_place(top(f, GORT_STACK_PREVIOUS));
	for (uint32_t i = 0; i < r->npairs; i++)
		if (r->pairs[i] == h)
			return true;
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

static void print_stack_title(struct out *out, const struct gort_finding_stack *st)
{
	char who[80], by[80];
	thread_name(st, st->id, who, sizeof who);
	thread_name(st, st->by, by, sizeof by);
	switch (st->role) {
	case GORT_STACK_ACCESS:
	case GORT_STACK_PREVIOUS:
		out_printf(out, "  %s of size %" PRIu32 " at 0x%012" PRIx64 " by %s:\n",
			access_words(st->access, st->role == GORT_STACK_PREVIOUS), st->size,
			st->addr, who);
		break;
	case GORT_STACK_ALLOC:
		out_printf(out,
			"  Location is heap block of size %" PRIu32 " at 0x%012" PRIx64
			" allocated by %s:\n",
			st->size, st->addr, who);
		break;
	case GORT_STACK_CREATED:
		who[0] = st->id ? 'T' : 'M';
		if (st->tid)
			out_printf(out, "  %s (tid=%" PRId32 ", running) created by %s at:\n", who,
				st->tid, by);
		else
			out_printf(out, "  %s (finished) created by %s at:\n", who, by);
		break;
	default:
		out_printf(out, "  Stack of %s:\n", who);
	}
}

static void print_text(struct race_report *r, const struct gort_finding *f)
{
	static const uint32_t order[] = {GORT_STACK_ACCESS, GORT_STACK_PREVIOUS, GORT_STACK_ALLOC,
		GORT_STACK_CREATED, GORT_STACK_BLOCKED};
	struct out *out = r->out;
	const struct sym_frame *leaf = top(f, GORT_STACK_ACCESS);
	const char *pair[2];
	sorted_pair(f, pair);
	out_printf(out,
		"==================\nWARNING: ThreadSanitizer: data race (pid=%" PRId32 ")\n",
		f->pid);
	for (size_t k = 0; k < sizeof order / sizeof order[0]; k++)
		for (uint32_t i = 0; i < f->nstacks; i++)
			if (f->stacks[i].role == order[k]) {
				print_stack_title(out, &f->stacks[i]);
				print_frames(out, &resolved[i]);
			}
	out_printf(out, "  Between: %s / %s", pair[0], pair[1]);
	if (f->seen > 1)
		out_printf(out, " (seen %" PRIu32 " times)", f->seen);
	out_printf(out, "\n\nSUMMARY: ThreadSanitizer: data race %s:%" PRIu32 " in %s\n",
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
	static const char *const roles[] = {
		"other", "access", "previous", "created", "allocated", "blocked"};
	bool access = st->role == GORT_STACK_ACCESS || st->role == GORT_STACK_PREVIOUS;
	jw_object(j, NULL);
	jw_str(j, "role", roles[st->role < sizeof roles / sizeof roles[0] ? st->role : 0]);
	jw_uint(j, "thread", st->id);
	jw_str(j, "name", st->name[0] ? st->name : NULL);
	jw_int(j, "tid", st->tid ? st->tid : GSNAP_UNKNOWN);
	if (access)
		jw_str(j, "access", st->access & GORT_ACCESS_WRITE ? "write" : "read");
	if (access)
		jw_bool(j, "atomic", st->access & GORT_ACCESS_ATOMIC);
	if (access || st->role == GORT_STACK_ALLOC) {
		jw_hex(j, "addr", st->addr);
		jw_uint(j, "size", st->size);
	}
	if (st->role == GORT_STACK_CREATED)
		jw_uint(j, "created_by", st->by);
	json_frames(j, frames);
	jw_close_object(j);
}

static void json_finding(struct json *j, const struct gort_finding *f)
{
	const char *pair[2];
	sorted_pair(f, pair);
	jw_str(j, "kind", "data race");
	jw_int(j, "pid", f->pid);
	jw_uint(j, "seen", f->seen);
	jw_array(j, "pair");
	jw_str(j, NULL, pair[0]);
	jw_str(j, NULL, pair[1]);
	jw_close_array(j);
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

int race_report_add(struct race_report *r, struct gort_finding *f, size_t len)
{
	if (!well_formed(f, len))
		return -EINVAL;
	struct symbolizer *sym = symbolizer_open(f->pid);
	if (!sym)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->nstacks; i++)
		resolve(sym, &f->stacks[i], &resolved[i]);
	if (seen_before(r, f))
		r->repeats++;
	else
		print(r, f);
	symbolizer_close(sym);
	return 0;
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
	uint32_t n = r->npairs;
	if (r->format == FORMAT_JSON) {
		jw_close_array(&r->json);
		jw_uint(&r->json, "count", n);
		jw_uint(&r->json, "repeats", r->repeats);
		jw_end(&r->json);
	} else if (r->format == FORMAT_TEXT && n > 0) {
		out_printf(r->out, "ThreadSanitizer: reported %" PRIu32 " warnings\n", n);
	}
	free(r->pairs);
	r->pairs = NULL;
	return n;
}
