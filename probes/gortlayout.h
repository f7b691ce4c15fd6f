/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortlayout.h - the members and variables of libgort that a reader uses, from its table.
 * Everything is asked for by Go's name; what a libgort does not publish switches off one thing.
 */
#ifndef GORT_PROBES_GORTLAYOUT_H
#define GORT_PROBES_GORTLAYOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "gortabi.h"

/* Where a member lies in its structure. size 0: not published. */
struct member {
	uint32_t offset;
	uint32_t size;
};

/* Where a variable lies. size 0: not published. */
struct variable {
	taddr at;
	uint32_t size;
};

/* Members of struct g. Those before G_REQUIRED a reader cannot do without. */
enum {
	G_STATUS,
	G_GOID,
	G_SP,
	G_LO,
	G_HI,
	G_REQUIRED,
	G_PARENT = G_REQUIRED,
	G_GOPC,
	G_STARTPC,
	G_WAITREASON,
	G_WAITSINCE,
	G_WAITON,
	G_MACHINE,
	G_NAME,
	G_SYSCALLSP,
	G_SYSCALLPC,
	G_SYSCALLBP,
	G_SUDOG,
	G_SYSTEM,
	G_MEMBERS
};

/* What a switched-out goroutine's stack pointer points to. */
enum { S_PC, S_RBP, S_RBX, S_R12, S_R13, S_R14, S_R15, S_MEMBERS };

/* Members of struct sudog and struct hchan. */
enum { W_G, W_ELEM, W_C, W_NEXT, W_MEMBERS };
enum { C_LEN, C_CAP, C_ELEMSIZE, C_CLOSED, C_RECVQ, C_SENDQ, C_MEMBERS };

/* Members of a mutex, and of a reader-writer mutex, which begins with one. */
enum { L_STATE, L_OWNER, L_SEMA, L_WRITERSEM, L_READERSEM, L_READERS, L_AWAITED, L_MEMBERS };

enum {
	P_RUNQHEAD,
	P_RUNQTAIL,
	P_RUNNEXT,
	P_STEALS,
	P_NUMBER,
	P_STATE,
	P_SCHEDTICK,
	P_SYSCALLTICK,
	P_TIMERS,
	P_M,
	P_MEMBERS
};

enum {
	V_ALLGPTR,
	V_ALLGLEN,
	V_REQUIRED,
	V_ALLP = V_REQUIRED,
	V_GOMAXPROCS,
	V_NPIDLE,
	V_NMSPINNING,
	V_NMIDLE,
	V_RUNQSIZE,
	V_WAITREASONS,
	V_VARIABLES
};

struct glayout {
	struct member g[G_MEMBERS], p[P_MEMBERS], switched[S_MEMBERS], m_procid, m_gate;
	struct member sudog[W_MEMBERS], chan[C_MEMBERS], lock[L_MEMBERS];
	uint32_t
		switch_size; /* bytes from the saved stack pointer to that of the switch's caller */
	uint32_t gate_taken; /* of m_gate, 0: not published */
	struct variable var[V_VARIABLES];
	uint32_t g_lo, g_len; /* the part of struct g that holds all members above */
	uint32_t p_lo, p_len;
};

/* Entries by name, for what only one file reads. */
struct member glayout_member(const struct gortabi *abi, const char *name);
struct variable glayout_variable(const struct gortabi *abi, const char *name);

/* 0, or -EPROTO with the name of the first required entry that is missing. */
int glayout_resolve(const struct gortabi *abi, struct glayout *lay, const char **missing);

/* An integer member of a copy that starts at offset lo of its structure; 0 when not published. */
static inline uint64_t member_get(const uint8_t *copy, uint32_t lo, struct member m)
{
	uint64_t v = 0;
	memcpy(&v, copy + m.offset - lo, m.size <= sizeof v ? m.size : sizeof v);
	return v;
}

#endif
