/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits.h"

#include <string.h>

static const struct waitmeaning meanings[] = {
	{"chan receive", GSNAP_CHAN, GSNAP_RECV, 0, false},
	{"chan send", GSNAP_CHAN, GSNAP_SEND, 0, false},
	{"select", GSNAP_CHAN, GSNAP_SELECT, 0, false},
	{"chan receive (nil chan)", GSNAP_CHAN, GSNAP_RECV, 0, true},
	{"chan send (nil chan)", GSNAP_CHAN, GSNAP_SEND, 0, true},
	{"select (no cases)", GSNAP_CHAN, GSNAP_SELECT, 0, true},
	{"sync.Mutex.Lock", GSNAP_MUTEX, GSNAP_LOCK, 4, false},
	{"sync.RWMutex.RLock", GSNAP_RWMUTEX, GSNAP_RLOCK, 12, false},
	{"sync.RWMutex.Lock", GSNAP_RWMUTEX, GSNAP_LOCK, 8, false},
	{"sync.WaitGroup.Wait", GSNAP_WAITGROUP, GSNAP_WAIT, 8, false},
	{"sync.Cond.Wait", GSNAP_COND, GSNAP_WAIT, 16, false},
	{"semacquire", GSNAP_SEMA, GSNAP_WAIT, 0, false},
};

/* The length of a reason without what a synctest bubble has added. */
static size_t plain_length(const char *reason)
{
	static const char *const suffixes[] = {" (durable)", " (synctest)"};
	size_t n = strlen(reason);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		size_t k = strlen(suffixes[i]);
		if (n > k && !strcmp(reason + n - k, suffixes[i]))
			return n - k;
	}
	return n;
}

const struct waitmeaning *waits_meaning(const struct gsnap_g *gp)
{
	if (gp->status != GSTATUS_WAITING && gp->status != GSTATUS_LEAKED)
		return NULL;
	size_t n = plain_length(gp->reason);
	for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
		if (!strncmp(gp->reason, meanings[i].reason, n) && !meanings[i].reason[n])
			return &meanings[i];
	return NULL;
}

bool waits_init(struct waits *w, struct gsnap *out)
{
	*w = (struct waits){.out = out};
	for (uint32_t i = 0; i < out->ngs; i++)
		if (out->gs[i].addr && !idmap_put(&w->gs, out->gs[i].addr, i + 1))
			return false;
	return true;
}

void waits_free(struct waits *w)
{
	idmap_free(&w->objs);
	idmap_free(&w->gs);
}

uint32_t waits_g(const struct waits *w, uint64_t addr)
{
	uint32_t i = idmap_get(&w->gs, addr);
	return i ? i - 1 : GSNAP_NONE;
}

/* The nil channel has no address: its key is 1, where no object can be. */
static uint32_t object(struct waits *w, uint64_t addr, enum gsnap_objkind kind)
{
	uint32_t i = idmap_get(&w->objs, addr ? addr : 1);
	if (i) {
		/* The mutex inside an RWMutex has its address. */
		if (kind == GSNAP_RWMUTEX)
			w->out->objs[i - 1].kind = GSNAP_RWMUTEX;
		return i;
	}
	struct gsnap_obj *o = GSNAP_PUSH(w->out, objs, cap_objs);
	if (!o || !idmap_put(&w->objs, addr ? addr : 1, w->out->nobjs)) {
		w->out->oom = true;
		return 0;
	}
	o->addr = addr;
	o->kind = (uint8_t)kind;
	o->len = o->cap = o->elemsize = o->counter = GSNAP_UNKNOWN;
	return w->out->nobjs;
}

struct gsnap_wait *waits_add(
	struct waits *w, uint32_t g, const struct waitmeaning *m, uint64_t addr)
{
	uint32_t obj = object(w, addr, m->kind);
	struct gsnap_wait *wait = obj ? GSNAP_PUSH(w->out, waits, cap_waits) : NULL;
	if (!wait)
		return NULL;
	*wait = (struct gsnap_wait){g, obj - 1, (uint8_t)m->op, m->op == GSNAP_SELECT};
	w->out->objs[obj - 1].waiters++;
	return wait;
}
