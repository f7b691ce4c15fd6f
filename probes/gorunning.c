/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gorunning.c - a goroutine that runs has its registers in the CPU, not in its g. A thread that the
 * kernel has blocked meanwhile tells its stack pointer by itself (/proc/PID/task/TID/syscall) and
 * is never stopped: that could end its system call early. Only one that is on a CPU is, when asked.
 *
 * While a thread stands, its g and its stack are copied, and nothing else is done.
 *
 * In a core all threads stand, and it has their registers.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ucontext.h>
#include "core.h"
#include "gorunning.h"
#include "pause.h"
#include "procfs.h"

#define COPY_MAX     (256u << 10) /* bytes of a stack that are copied while its thread stands */
#define SIGNAL_WORDS 4096         /* of a signal's stack: 32 KiB, all of Go's */

struct look {
	const struct gotarget *g;
	const struct gsnap_g *gp;
	struct gostack stack;
	uint8_t *mem;
	bool found;
};

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

/*
 * What a signal interrupted: the kernel has put it on the signal's stack, as a struct ucontext with
 * that very stack's bounds in it. Of a signal in a handler, what the first one interrupted.
 */
static bool interrupted(const struct look *l, const uint64_t bounds[2], uint64_t *sp, uint64_t *pc)
{
	uint64_t words[SIGNAL_WORDS];
	uint64_t at = bounds[1] - *sp < sizeof words ? *sp : bounds[1] - sizeof words;
	size_t n = (bounds[1] - at) / sizeof *words;
	if (!target_read(l->g->t, at, words, n * sizeof *words))
		return false;
	const struct {
		uint64_t sp, flags, size, gregs[NGREG];
	} * uc;
	for (size_t i = 0; i + sizeof *uc / sizeof *words <= n; i++) {
		uc = (const void *)&words[i];
		uint64_t old = uc->gregs[REG_RSP];
		if (uc->sp != bounds[0] || uc->size != bounds[1] - bounds[0] ||
			(old >= bounds[0] && old < bounds[1]))
			continue;
		*sp = uc->gregs[REG_RSP];
		*pc = uc->gregs[REG_RIP];
		return true;
	}
	return false;
}

/*
 * Where the goroutine's own stack ends while its thread is on another one: g0 for the runtime's
 * own work, where the runtime has noted how it left, or has it in m for a call of the vDSO. A
 * signal may interrupt any of that.
 */
static bool left_at(
	const struct look *l, const uint8_t *raw, uint64_t *sp, uint64_t *pc, bool *trap)
{
	const struct golayout *lay = l->g->lay;
	uint64_t m = word(raw, G_M), vdso = target_word(l->g->t, m + lay->m_vdsosp);
	uint64_t signal[2] = {0}, gsignal = target_word(l->g->t, m + lay->m_gsignal);
	if (gsignal && !target_read(l->g->t, gsignal, signal, sizeof signal))
		return false;
	if (*sp >= signal[0] && *sp < signal[1] && !interrupted(l, signal, sp, pc))
		return false;
	if (*sp >= word(raw, G_STACKLO) && *sp < word(raw, G_STACKHI)) {
		*trap = true;
		return true;
	}
	*sp = vdso ? vdso : word(raw, G_SCHEDSP);
	*pc = vdso ? target_word(l->g->t, m + lay->m_vdsopc) : word(raw, G_SCHEDPC);
	return true;
}

/* Copies the stack from sp on. */
static void look_at(void *ctx, uint64_t pc, uint64_t sp)
{
	struct look *l = ctx;
	uint8_t raw[G_MAXSIZE];
	uint32_t status;
	const struct golayout *lay = l->g->lay;
	if (!target_read(l->g->t, l->gp->addr, raw, lay->g_size))
		return;
	memcpy(&status, raw + lay->g_atomicstatus, sizeof status);
	uint64_t lo = word(raw, G_STACKLO), hi = word(raw, G_STACKHI), m = word(raw, G_M);
	if ((status & ~(uint32_t)G_SCAN) != GSTATUS_RUNNING ||
		word(raw, lay->g_goid) != l->gp->id ||
		target_word(l->g->t, m + lay->m_curg) != l->gp->addr)
		return;
	bool trap = sp >= lo && sp < hi;
	if ((!trap && !left_at(l, raw, &sp, &pc, &trap)) || sp < lo || sp >= hi)
		return;
	size_t len = hi - sp < COPY_MAX ? hi - sp : COPY_MAX;
	if (!target_read(l->g->t, sp, l->mem, len))
		return;
	l->stack = (struct gostack){.pc = pc, .sp = sp, .mem = l->mem, .len = len, .trap = trap};
	l->found = true;
}

static void count(struct gsnap_pause *p, int error, int64_t ns)
{
	if (error == -ETIMEDOUT)
		p->late++;
	else if (error)
		p->refused++;
	else
		p->threads++;
	p->total_ns += ns;
	p->longest_ns = ns > p->longest_ns ? ns : p->longest_ns;
}

static void look_in_core(struct look *l)
{
	const struct thread_regs *regs = core_regs(l->g->t->core, l->gp->tid);
	if (regs)
		look_at(l, regs->general[REGS_RIP], regs->general[REGS_RSP]);
}

static void look_live(struct look *l, struct gsnap_pause *pause)
{
	uint64_t sp, pc, now_sp, now_pc;
	int64_t ns = 0;
	pid_t tid = procfs_outer_tid(l->g->t, l->gp->tid);
	if (!tid)
		return;
	if (procfs_blocked_at(l->g->t, tid, &sp, &pc)) {
		look_at(l, pc, sp);
		/* What was copied while it went on is worthless. */
		l->found &= procfs_blocked_at(l->g->t, tid, &now_sp, &now_pc) && now_sp == sp &&
			    now_pc == pc;
	} else if (pause->max_ns) {
		int error = pause_thread(tid, pause->max_ns, look_at, l, &ns);
		count(pause, error, ns);
	}
}

static void read_one(struct goreader *rd, struct look *l, struct gsnap *s)
{
	if (l->g->t->core)
		look_in_core(l);
	else
		look_live(l, &s->pause);
	if (l->found)
		goreader_stack(rd, (uint32_t)(l->gp - s->gs), &l->stack);
}

void gorunning_read(struct goreader *rd, const struct gotarget *g, struct gsnap *s)
{
	uint8_t *mem = malloc(COPY_MAX);
	for (uint32_t i = 0; mem && i < s->ngs; i++) {
		struct look l = {.g = g, .gp = &s->gs[i], .mem = mem};
		if (l.gp->status == GSTATUS_RUNNING && l.gp->tid && l.gp->stack == GSNAP_NONE)
			read_one(rd, &l, s);
	}
	free(mem);
}
