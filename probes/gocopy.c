/* SPDX-License-Identifier: BSD-2-Clause */
#include "gocopy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "goread.h"

#define BATCH     4096
#define MAX_STACK (1ull << 30)

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

/* A member that the version does not have lies at 0. */
static uint64_t optional(const uint8_t *raw, size_t off)
{
	return off ? word(raw, off) : 0;
}

static bool exists(uint32_t status)
{
	return status != GSTATUS_IDLE && status != GSTATUS_DEAD && status != GSTATUS_DEADEXTRA;
}

static void decode_stack(const struct golayout *l, const uint8_t *raw, struct gocopy *c)
{
	uint64_t syscallsp = word(raw, l->g_syscallsp);
	c->lo = word(raw, G_STACKLO);
	c->hi = word(raw, G_STACKHI);
	if (c->status != GSTATUS_RUNNING) {
		c->syscall = syscallsp != 0;
		c->sp = c->syscall ? syscallsp : word(raw, G_SCHEDSP);
		c->pc = word(raw, c->syscall ? l->g_syscallpc : G_SCHEDPC);
	}
	if (c->sp < c->lo || c->sp >= c->hi || c->status == GSTATUS_COPYSTACK)
		c->sp = 0;
	c->base = c->sp ? c->sp : c->lo;
	c->len = c->hi > c->base && c->hi - c->base < MAX_STACK ? c->hi - c->base : 0;
}

static bool decode(const struct golayout *l, uint64_t addr, const uint8_t *raw, struct gocopy *c)
{
	uint32_t status;
	memcpy(&status, raw + l->g_atomicstatus, sizeof status);
	status &= ~GO_SCAN_BIT;
	*c = (struct gocopy){
		.addr = addr,
		.status = status == GSTATUS_LEAKED ? GSTATUS_WAITING : status,
		.goid = word(raw, l->g_goid),
		.waiting = word(raw, l->g_waiting),
		.defers = word(raw, l->g_defer),
		.panics = word(raw, l->g_panic),
		.refs = {word(raw, l->g_labels), word(raw, l->g_param), word(raw, l->g_ctxt),
			optional(raw, l->g_coroarg), optional(raw, l->g_bubble),
			optional(raw, l->g_timer)},
		.reason = raw[l->g_waitreason],
	};
	decode_stack(l, raw, c);
	return exists(status);
}

static void read_headers(
	const struct gotarget *g, struct gocopies *out, uint8_t *raw, struct tmem_read_at *reads)
{
	for (size_t from = 0; from < out->nallgs; from += BATCH) {
		size_t n = out->nallgs - from < BATCH ? out->nallgs - from : BATCH;
		for (size_t i = 0; i < n; i++)
			reads[i] = (struct tmem_read_at){.at = {out->allgs[from + i]},
				.buf = raw + i * G_MAXSIZE,
				.len = g->lay->g_size};
		target_readv(g->t, reads, n);
		for (size_t i = 0; i < n; i++) {
			out->lost += !reads[i].ok;
			if (reads[i].ok && decode(g->lay, out->allgs[from + i], raw + i * G_MAXSIZE,
						   &out->v[out->n]))
				out->n++;
		}
	}
}

int gocopies_read_stacks(const struct tmem *mem, struct gocopies *out)
{
	size_t k = 0;
	for (size_t i = 0; i < out->n; i++)
		out->nstacks += out->v[i].len;
	if (!out->nstacks)
		return 0;
	if (out->nstacks / 8 * 7 > tmem_size(mem))
		return -EPROTO; /* more than could have been copied to another place meanwhile */
	struct tmem_read_at *reads = malloc(out->n * sizeof *reads);
	void *arena = mmap(NULL, out->nstacks, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	out->arena = arena == MAP_FAILED ? NULL : arena;
	if (!reads || !out->arena) {
		free(reads);
		return -ENOMEM;
	}
	uint8_t *to = out->arena;
	for (size_t i = 0; i < out->n; i++) {
		struct gocopy *c = &out->v[i];
		if (c->len)
			reads[k++] =
				(struct tmem_read_at){.at = {c->base}, .buf = to, .len = c->len};
		to += c->len;
	}
	mem->readv(mem->ctx, reads, k);
	k = 0;
	for (size_t i = 0; i < out->n; i++)
		if (out->v[i].len && reads[k].ok)
			out->v[i].stack = reads[k++].buf;
		else
			k += out->v[i].len != 0;
	free(reads);
	return 0;
}

int gocopies_read(const struct gotarget *g, struct gocopies *out)
{
	*out = (struct gocopies){0};
	out->allgs = goread_allgs(g, 0, &out->nallgs);
	out->v = malloc((out->nallgs + 1) * sizeof *out->v);
	uint8_t *raw = malloc((size_t)BATCH * G_MAXSIZE);
	struct tmem_read_at *reads = malloc(BATCH * sizeof *reads);
	int err = out->allgs && out->v && raw && reads ? 0 : -ENOMEM;
	if (!err && !out->nallgs)
		err = g->t->read_errno ? -g->t->read_errno : -EFAULT;
	if (!err) {
		read_headers(g, out, raw, reads);
		err = gocopies_read_stacks(&g->t->mem, out);
	}
	free(raw);
	free(reads);
	return err;
}

void gocopies_free(struct gocopies *c)
{
	if (c->arena)
		munmap(c->arena, c->nstacks);
	free(c->allgs);
	free(c->v);
	*c = (struct gocopies){0};
}

bool gocopy_stood_still(const struct gocopy *a, const struct gocopy *b)
{
	return a->goid == b->goid && a->status == b->status && a->sp == b->sp && a->pc == b->pc &&
	       a->waiting == b->waiting && a->reason == b->reason && a->lo == b->lo;
}
