/* SPDX-License-Identifier: BSD-2-Clause */
/* gortlayout.c - names of the table to positions; see gortlayout.h. */
#include <errno.h>
#include "gortlayout.h"

static const char *const g_names[G_MEMBERS] = {
	[G_STATUS] = "g.atomicstatus",
	[G_GOID] = "g.goid",
	[G_SP] = "g.sched.sp",
	[G_LO] = "g.stack.lo",
	[G_HI] = "g.stack.hi",
	[G_PARENT] = "g.parentGoid",
	[G_GOPC] = "g.gopc",
	[G_STARTPC] = "g.startpc",
	[G_WAITREASON] = "g.waitreason",
	[G_WAITSINCE] = "g.waitsince",
	[G_WAITON] = "g.waiting",
	[G_MACHINE] = "g.m",
	[G_NAME] = "g.name",
	[G_SYSCALLSP] = "g.syscallsp",
	[G_SYSCALLPC] = "g.syscallpc",
	[G_SYSCALLBP] = "g.syscallbp",
	[G_SUDOG] = "g.sudog",
	[G_SYSTEM] = "g.system",
};

static const char *const sudog_names[] = {
	[W_G] = "sudog.g", [W_ELEM] = "sudog.elem", [W_C] = "sudog.c", [W_NEXT] = "sudog.next"};

static const char *const chan_names[] = {[C_LEN] = "hchan.qcount",
	[C_CAP] = "hchan.dataqsiz",
	[C_ELEMSIZE] = "hchan.elemsize",
	[C_CLOSED] = "hchan.closed",
	[C_RECVQ] = "hchan.recvq",
	[C_SENDQ] = "hchan.sendq"};

static const char *const lock_names[] = {[L_STATE] = "Mutex.state",
	[L_OWNER] = "Mutex.owner",
	[L_SEMA] = "Mutex.sema",
	[L_WRITERSEM] = "RWMutex.writerSem",
	[L_READERSEM] = "RWMutex.readerSem",
	[L_READERS] = "RWMutex.readerCount",
	[L_AWAITED] = "RWMutex.readerWait"};

static const char *const switch_names[S_MEMBERS] = {
	[S_PC] = "switch.frame.pc",
	[S_RBP] = "switch.frame.rbp",
	[S_RBX] = "switch.frame.rbx",
	[S_R12] = "switch.frame.r12",
	[S_R13] = "switch.frame.r13",
	[S_R14] = "switch.frame.r14",
	[S_R15] = "switch.frame.r15",
};

static const char *const p_names[P_MEMBERS] = {
	[P_RUNQHEAD] = "p.runqhead",
	[P_RUNQTAIL] = "p.runqtail",
	[P_RUNNEXT] = "p.runnext",
	[P_STEALS] = "p.steals",
	[P_NUMBER] = "p.id",
	[P_STATE] = "p.status",
	[P_SCHEDTICK] = "p.schedtick",
	[P_SYSCALLTICK] = "p.syscalltick",
	[P_TIMERS] = "p.timers.len",
	[P_M] = "p.m",
};

static const char *const v_names[V_VARIABLES] = {
	[V_ALLGPTR] = "allgptr",
	[V_ALLGLEN] = "allglen",
	[V_ALLP] = "allp",
	[V_GOMAXPROCS] = "gomaxprocs",
	[V_NPIDLE] = "sched.npidle",
	[V_NMSPINNING] = "sched.nmspinning",
	[V_NMIDLE] = "sched.nmidle",
	[V_RUNQSIZE] = "sched.runqsize",
	[V_WAITREASONS] = "waitReasonStrings",
};

#define MAX_RECORD 32768 /* of a structure, that one table cannot make us read gigabytes */

struct member glayout_member(const struct gortabi *abi, const char *name)
{
	const struct gort_abi_entry *e = gortabi_find(abi, name, GORT_ABI_OFFSET);
	bool usable = e && e->value + e->size <= MAX_RECORD;
	return usable ? (struct member){(uint32_t)e->value, e->size} : (struct member){0, 0};
}

struct variable glayout_variable(const struct gortabi *abi, const char *name)
{
	const struct gort_abi_entry *e = gortabi_find(abi, name, GORT_ABI_ADDR);
	return e ? (struct variable){{e->value}, e->size} : (struct variable){{0}, 0};
}

/* The hull of the published members. */
static void hull(const struct member *m, size_t n, uint32_t *lo, uint32_t *len)
{
	uint32_t from = UINT32_MAX, to = 0;
	for (size_t i = 0; i < n; i++) {
		if (!m[i].size)
			continue;
		from = m[i].offset < from ? m[i].offset : from;
		to = m[i].offset + m[i].size > to ? m[i].offset + m[i].size : to;
	}
	*lo = to ? from : 0;
	*len = to ? to - from : 0;
}

/* Its members must lie within it, so that one copy holds them all. */
static const char *resolve_switch(const struct gortabi *abi, struct glayout *lay)
{
	const struct gort_abi_entry *size = gortabi_find(abi, "switch.frame.size", GORT_ABI_CONST);
	if (!size || size->value > 1024)
		return "switch.frame.size";
	lay->switch_size = (uint32_t)size->value;
	for (size_t i = 0; i < S_MEMBERS; i++) {
		struct member m = glayout_member(abi, switch_names[i]);
		if (m.size != 8 || m.offset + 8 > lay->switch_size)
			return switch_names[i];
		lay->switched[i] = m;
	}
	return NULL;
}

int glayout_resolve(const struct gortabi *abi, struct glayout *lay, const char **missing)
{
	*missing = NULL;
	for (size_t i = 0; i < G_MEMBERS; i++) {
		lay->g[i] = glayout_member(abi, g_names[i]);
		if (!lay->g[i].size && i < G_REQUIRED && !*missing)
			*missing = g_names[i];
	}
	for (size_t i = 0; i < P_MEMBERS; i++)
		lay->p[i] = glayout_member(abi, p_names[i]);
	for (size_t i = 0; i < W_MEMBERS; i++)
		lay->sudog[i] = glayout_member(abi, sudog_names[i]);
	for (size_t i = 0; i < C_MEMBERS; i++)
		lay->chan[i] = glayout_member(abi, chan_names[i]);
	for (size_t i = 0; i < L_MEMBERS; i++)
		lay->lock[i] = glayout_member(abi, lock_names[i]);
	for (size_t i = 0; i < V_VARIABLES; i++) {
		lay->var[i] = glayout_variable(abi, v_names[i]);
		if (!lay->var[i].size && i < V_REQUIRED && !*missing)
			*missing = v_names[i];
	}
	lay->m_procid = glayout_member(abi, "m.procid");
	lay->m_gate = glayout_member(abi, "m.gate");
	const struct gort_abi_entry *taken = gortabi_find(abi, "GATE_TAKEN", GORT_ABI_CONST);
	lay->gate_taken = taken ? (uint32_t)taken->value : 0;
	hull(lay->g, G_MEMBERS, &lay->g_lo, &lay->g_len);
	hull(lay->p, P_MEMBERS, &lay->p_lo, &lay->p_len);
	const char *bad = resolve_switch(abi, lay);
	*missing = *missing ? *missing : bad;
	return *missing ? -EPROTO : 0;
}
