/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortthreads.c - the threads of a program on libgort, as roots: libgort's have thread-local
 * variables; what else they have is of goroutines, or of the scheduler and keeps nothing. Of others
 * the whole stack above the stack pointer counts.
 *
 * Where the stack of another thread begins the kernel tells while the thread is blocked, and ptrace
 * when it stands. It ends where its mapping does. libc keeps the thread's descriptor at that end,
 * two words of which are its own address (the x86-64 ABI of ELF TLS, and glibc's self pointer).
 */
#include "gortthreads.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core.h"
#include "procfs.h"

#define MAX_MS      70000
#define REDZONE     128
#define DESCRIPTOR  (64u << 10) /* it lies at most so far from the end */
#define LOOKS       100         /* at a thread that runs, a millisecond apart */
#define REGS_FSBASE 21          /* of struct user_regs_struct */

static uint64_t get(const struct gortread *r, uint64_t base, struct member m)
{
	uint64_t v = 0;
	if (!m.size || m.size > sizeof v ||
		!tmem_read(&r->mem, (taddr){base + m.offset}, &v, m.size))
		return 0;
	return v;
}

static bool grow(void **v, size_t n, size_t *cap, size_t each)
{
	if (n < *cap)
		return true;
	size_t more = *cap ? *cap * 2 : 32;
	void *bigger = realloc(*v, more * each);
	if (!bigger)
		return false;
	*v = bigger;
	*cap = more;
	return true;
}

int gortthreads_ms(const struct gortread *r, struct gortms *out)
{
	struct member link = glayout_member(&r->abi, "m.alllink"),
		      tp = glayout_member(&r->abi, "m.tp");
	struct variable list = glayout_variable(&r->abi, "allm");
	uint64_t m;
	if (list.size != sizeof m || link.size != 8 || tp.size != 8 || !r->lay.m_procid.size)
		return -ENOTSUP;
	if (!tmem_read(&r->mem, list.at, &m, sizeof m))
		return -EFAULT;
	for (unsigned n = 0; m && n < MAX_MS; n++, m = get(r, m, link)) {
		if (!grow((void **)&out->v, out->n, &out->cap, sizeof *out->v))
			return -ENOMEM;
		out->v[out->n++] =
			(struct gortm){get(r, m, tp), (int32_t)get(r, m, r->lay.m_procid)};
	}
	return 0;
}

/* ---- where a stack ends ---- */

static uint64_t core_end(const struct core *c, uint64_t sp)
{
	for (size_t i = 0; i < c->nsegments; i++)
		if (sp >= c->segments[i].lo && sp < c->segments[i].hi)
			return c->segments[i].hi;
	return 0;
}

/* Of the mapping that sp is in, 0 when it is in none. */
static uint64_t mapping_end(const struct target *t, uint64_t sp)
{
	char path[160], line[512];
	uint64_t lo, hi, end = 0;
	if (t->core)
		return core_end(t->core, sp);
	FILE *f = fopen(target_path(t, "maps", path, sizeof path), "re");
	while (f && !end && fgets(line, sizeof line, f))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &lo, &hi) == 2 && sp >= lo && sp < hi)
			end = hi;
	if (f)
		fclose(f);
	return end;
}

/* The thread's descriptor in the end of its stack's mapping, 0 when there is none. */
static uint64_t descriptor(const struct gortread *r, uint64_t lo, uint64_t hi)
{
	lo = hi - lo > DESCRIPTOR ? hi - DESCRIPTOR : (lo + 7) & ~7ull;
	size_t n = (hi - lo) / 8;
	uint64_t *words = malloc(n * 8 + 1), found = 0;
	if (words && tmem_read(&r->mem, (taddr){lo}, words, n * 8))
		for (size_t i = 0; i + 2 < n; i++)
			if (words[i] == lo + 8 * i && words[i + 2] == words[i])
				found = words[i];
	free(words);
	return found;
}

/* ---- others ---- */

static bool is_m(const struct gortms *ms, int32_t tid, uint64_t tp)
{
	for (size_t i = 0; i < ms->n; i++)
		if ((tid && ms->v[i].tid == tid) || (tp && ms->v[i].tp == tp))
			return true;
	return false;
}

static int add(struct gortforeign *out, struct gortstack s)
{
	if (!grow((void **)&out->v, out->n, &out->cap, sizeof *out->v))
		return -ENOMEM;
	out->v[out->n++] = s;
	return 0;
}

static int add_standing(
	const struct gortms *ms, const struct gortthreads *threads, struct gortforeign *out)
{
	int err = 0;
	for (size_t i = 0; i < threads->n && !err; i++) {
		uint64_t tp = threads->regs[i].general[REGS_FSBASE];
		uint64_t sp = threads->regs[i].general[REGS_RSP];
		if (is_m(ms, 0, tp))
			continue;
		uint64_t end = mapping_end(threads->t, sp);
		err = add(out,
			(struct gortstack){sp - REDZONE, end ? end : sp, tp, &threads->regs[i]});
	}
	return err;
}

/* Waits, but not long, until the thread is blocked or has ended; false when it does neither. */
static bool wait_blocked(const struct target *t, pid_t tid, uint64_t *sp)
{
	struct timespec ms = {.tv_nsec = 1000000};
	uint64_t pc;
	for (unsigned i = 0; i < LOOKS; i++) {
		*sp = 0;
		if (procfs_blocked_at(t, tid, sp, &pc) || procfs_ended(t, tid))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

static int add_running(const struct gortread *r, const struct target *t, pid_t tid,
	struct gortforeign *out, const char **why)
{
	uint64_t sp;
	*why = "a thread that libgort did not make runs all the time: --freeze reads it too";
	if (!wait_blocked(t, tid, &sp))
		return -EPROTO;
	uint64_t end = sp ? mapping_end(t, sp) : 0;
	if (!sp)
		return 0;
	*why = "the variables of a thread that libgort did not make cannot be found: try --freeze";
	uint64_t tp = end ? descriptor(r, sp, end) : 0;
	return tp ? add(out, (struct gortstack){sp - REDZONE, end, tp, NULL}) : -EPROTO;
}

int gortthreads_foreign(const struct gortread *r, const struct gortms *ms,
	const struct gortthreads *threads, struct gortforeign *out, const char **why)
{
	pid_t *tids = NULL;
	int err = 0;
	if (!threads->t)
		return 0;
	if (threads->n)
		return add_standing(ms, threads, out);
	size_t n = target_threads(threads->t, &tids);
	for (size_t i = 0; i < n && !err; i++)
		if (!is_m(ms, tids[i], 0))
			err = add_running(r, threads->t, tids[i], out, why);
	free(tids);
	return err;
}
