/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.c - a finding as text when no launcher symbolizes it: "module+0xoffset" frames, which
 * addr2line -e module takes.
 */
#include "builtins.h"

#include <stdbool.h>
#include <stdint.h>

#include "front.h"
#include "modules.h"
#include "report.h"
#include "text.h"

/* A program's own, which is told what is printed, goes before this one. */
EXPORT __attribute__((weak)) void __sanitizer_on_print(const char *text);

EXPORT __attribute__((weak)) void __sanitizer_on_print(const char *text)
{
	(void)text;
}

static void put_frame(struct text *t, uint32_t i, uint64_t pc)
{
	text_put(t, "    #");
	text_uint(t, i, 10);
	text_put(t, " ");
	const struct module *m = modules_find(pc);
	if (m) {
		text_put(t, m->path);
		text_put(t, "+");
	}
	text_hex(t, m ? pc - m->bias : pc);
	text_put(t, "\n");
}

/* Return addresses are printed as the call before them. */
static void put_stack(struct text *t, const struct gort_finding_stack *s)
{
	for (uint32_t i = 0; i < s->npcs; i++)
		put_frame(t, i, s->pcs[i] - (i > 0));
	if (!s->npcs)
		text_put(t, "    (no stack: the stack depot is full)\n");
	text_put(t, "\n");
}

static void put_thread(struct text *t, uint64_t id)
{
	if (id == 0) {
		text_put(t, "main thread");
	} else if (id == UINT32_MAX) {
		text_put(t, "a thread that ended long ago");
	} else {
		text_put(t, "thread T");
		text_uint(t, id, 10);
	}
}

static void put_access(struct text *t, const struct gort_finding_stack *s)
{
	bool previous = s->role == GORT_STACK_PREVIOUS, write = s->access & GORT_ACCESS_WRITE;
	text_put(t, previous ? "  Previous " : "  ");
	if (s->access & GORT_ACCESS_ATOMIC)
		text_put(t, previous ? "atomic " : "Atomic ");
	bool lower = previous || (s->access & GORT_ACCESS_ATOMIC);
	text_put(t, write ? (lower ? "write" : "Write") : (lower ? "read" : "Read"));
	text_put(t, " of size ");
	text_uint(t, s->size, 10);
	text_put(t, " at ");
	text_hex(t, s->addr);
	text_put(t, " by ");
	put_thread(t, s->id);
	text_put(t, ":\n");
}

static void put_created(struct text *t, const struct gort_finding_stack *s)
{
	text_put(t, "  Thread T");
	text_uint(t, s->id, 10);
	text_put(t, s->tid ? " (tid=" : " (finished");
	if (s->tid) {
		text_uint(t, (uint32_t)s->tid, 10);
		text_put(t, ", running");
	}
	text_put(t, ") created by ");
	put_thread(t, s->by);
	text_put(t, " at:\n");
}

static void put_lock(struct text *t, const struct gort_finding_stack *s, const char *what)
{
	text_put(t, "  Mutex ");
	text_hex(t, s->addr);
	text_put(t, what);
	if (s->role == GORT_STACK_LOCKED) {
		text_hex(t, s[1].addr); /* HELD */
		text_put(t, " in ");
		put_thread(t, s->id);
	}
	text_put(t, ":\n");
}

/* Of a race, in the words of its mutexes' list. */
static const char *lock_use(uint32_t flags)
{
	static const char *const uses[] = {"", " held during the access, created at",
		" held during the previous access, created at",
		" held during both accesses, created at"};
	return uses[flags & (GORT_LOCK_ACCESS | GORT_LOCK_PREVIOUS)];
}

static void put_header(struct text *t, const struct gort_finding *f, uint32_t i)
{
	const struct gort_finding_stack *s = &f->stacks[i];
	bool race = f->kind == GORT_FINDING_RACE || f->kind == GORT_FINDING_FREED ||
		    f->kind == GORT_FINDING_VPTR || f->kind == GORT_FINDING_VPTR_FREED;
	if (s->role == GORT_STACK_ALLOC && s->flags & GORT_ALLOC_FD) {
		text_put(t, "  Location is file descriptor ");
		text_uint(t, s->size, 10);
		text_put(t, " created by ");
		put_thread(t, s->id);
		text_put(t, " at:\n");
	} else if (s->role == GORT_STACK_ALLOC) {
		text_put(t, "  Location is heap block of size ");
		text_uint(t, s->size, 10);
		text_put(t, " at ");
		text_hex(t, s->addr);
		text_put(t, " allocated by ");
		put_thread(t, s->id);
		text_put(t, ":\n");
	} else if (s->role == GORT_STACK_OWNER) {
		text_put(t, s->flags & GORT_OWNER_TLS ? "  Location is TLS of "
						      : "  Location is stack of ");
		put_thread(t, s->id);
		text_put(t, ".\n");
	} else if (s->role == GORT_STACK_CREATED) {
		put_created(t, s);
	} else if (s->role == GORT_STACK_LOCKED) {
		put_lock(t, s, " acquired here while holding mutex ");
	} else if (s->role == GORT_STACK_HELD) {
		put_lock(t, s, " previously acquired by the same thread here");
	} else if (s->role == GORT_STACK_LOCK) {
		put_lock(t, s, s->flags ? lock_use(s->flags) : " created at");
	} else if (s->role == GORT_STACK_IGNORE) {
		text_put(t, "  Ignore was enabled at:\n");
	} else if (s->role == GORT_STACK_SLEEP) {
		text_put(t, "  As if synchronized via sleep:\n");
	} else if (race) {
		put_access(t, s);
	} else if (s->role == GORT_STACK_PREVIOUS) {
		text_put(t, "  and:\n");
	}
}

/* A lock that nobody initialised; where a held lock was taken is an option. */
static bool has_nothing(const struct gort_finding_stack *s)
{
	return !s->npcs && (s->role == GORT_STACK_LOCK || s->role == GORT_STACK_HELD);
}

void print_finding(int fd, const struct gort_finding *f)
{
	static struct text t; /* report.lock */
	text_begin(&t, fd);
	t.seen = __sanitizer_on_print;
	modules_read();
	text_put(&t, "==================\nWARNING: ThreadSanitizer: ");
	text_put(&t, gort_finding_title(f->kind));
	text_put(&t, " (pid=");
	text_uint(&t, (uint32_t)f->pid, 10);
	text_put(&t, ")\n");
	for (uint32_t i = 0; i < f->nstacks; i++) {
		const struct gort_finding_stack *st = &f->stacks[i];
		if (has_nothing(st))
			continue;
		put_header(&t, f, i);
		if (st->role == GORT_STACK_OWNER)
			text_put(&t, "\n");
		else
			put_stack(&t, st);
	}
	if (f->kind == GORT_FINDING_THREAD_LEAK && f->seen > 1) {
		text_put(&t, "  And ");
		text_uint(&t, f->seen - 1, 10);
		text_put(&t, " more similar thread leaks.\n\n");
	}
	text_put(&t, "SUMMARY: ThreadSanitizer: ");
	text_put(&t, gort_finding_title(f->kind));
	text_put(&t, "\n==================\n");
	text_flush(&t);
}

void print_total(int fd, uint32_t n)
{
	static struct text t; /* report.lock */
	text_begin(&t, fd);
	text_put(&t, "ThreadSanitizer: reported ");
	text_uint(&t, n, 10);
	text_put(&t, " warnings\n");
	text_flush(&t);
}
