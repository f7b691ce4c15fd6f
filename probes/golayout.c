/* SPDX-License-Identifier: BSD-2-Clause */
#include "golayout.h"

#include <stddef.h>

/*
 * One patch release changed a structure inside a minor: m.allpSnapshot was ported back, so
 * m.alllink is 0x18 higher from 1.23.12 and 1.24.6 on. Such a minor has two rows; the later one is
 * marked by the patch it starts with.
 */
struct row {
	int from_patch;
	struct golayout layout;
};

static const struct row rows[] = {
	{0,
		{
			.minor = 22,
			.g_syscallsp = 0x70,
			.g_syscallpc = 0x78,
			.g_atomicstatus = 0x90,
			.g_goid = 0x98,
			.g_waitsince = 0xa8,
			.g_waitreason = 0xb0,
			.g_lockedm = 0xd0,
			.g_parentgoid = 0x110,
			.g_gopc = 0x118,
			.g_startpc = 0x128,
			.g_waiting = 0x138,
			.g_size = 424,
			.m_procid = 0x48,
			.m_curg = 0xc0,
			.m_spinning = 0x114,
			.m_alllink = 0x148,
			.p_m = 0x38,
			.p_schedtick = 0x10,
			.p_runqhead = 0x190,
			.p_runqtail = 0x194,
			.p_runnext = 0x998,
			.s_nmidle = 0x28,
			.s_mnext = 0x30,
			.s_maxmcount = 0x38,
			.s_npidle = 0x58,
			.s_nmspinning = 0x5c,
			.s_runqsize = 0x78,
			.s_timetorun = 0x140,
			.ms_enablegc = 0x1e38,
			.ms_numgc = 0x1e18,
			.ms_numforcedgc = 0x1e1c,
			.ms_pausetotal = 0xe10,
			.ms_lastgcunix = 0xe08,
			.sudog_c = 0x50,
			.md_gofunc = 0x140,
		}},
#define G_1_23                                                                                     \
	.g_syscallsp = 0x70, .g_syscallpc = 0x78, .g_atomicstatus = 0x98, .g_goid = 0xa0,          \
	.g_waitsince = 0xb0, .g_waitreason = 0xb8, .g_lockedm = 0xd8, .g_parentgoid = 0x118,       \
	.g_gopc = 0x120, .g_startpc = 0x130, .g_waiting = 0x140, .g_size = 440, .m_procid = 0x48,  \
	.m_curg = 0xc0, .m_spinning = 0x114, .p_m = 0x30, .p_schedtick = 0x10,                     \
	.p_runqhead = 0x188, .p_runqtail = 0x18c, .p_runnext = 0x990, .s_nmidle = 0x28,            \
	.s_mnext = 0x30, .s_maxmcount = 0x38, .s_npidle = 0x58, .s_nmspinning = 0x5c,              \
	.s_runqsize = 0x78, .s_timetorun = 0x140, .ms_enablegc = 0x1e38, .ms_numgc = 0x1e18,       \
	.ms_numforcedgc = 0x1e1c, .ms_pausetotal = 0xe10, .ms_lastgcunix = 0xe08, .sudog_c = 0x50, \
	.md_gofunc = 0x140
	{0, {.minor = 23, .m_alllink = 0x148, G_1_23}},
	{12, {.minor = 23, .m_alllink = 0x160, G_1_23}},
	{0, {.minor = 24, .m_alllink = 0x148, G_1_23}},
	{6, {.minor = 24, .m_alllink = 0x160, G_1_23}},
#undef G_1_23
	{0,
		{
			.minor = 25,
			.g_syscallsp = 0x68,
			.g_syscallpc = 0x70,
			.g_atomicstatus = 0x90,
			.g_goid = 0x98,
			.g_waitsince = 0xa8,
			.g_waitreason = 0xb0,
			.g_lockedm = 0xd0,
			.g_parentgoid = 0x110,
			.g_gopc = 0x118,
			.g_startpc = 0x128,
			.g_waiting = 0x138,
			.g_size = 440,
			.m_procid = 0x40,
			.m_curg = 0xb8,
			.m_spinning = 0x10c,
			.m_alllink = 0x158,
			.p_m = 0x30,
			.p_schedtick = 0x10,
			.p_runqhead = 0x188,
			.p_runqtail = 0x18c,
			.p_runnext = 0x990,
			.s_nmidle = 0x30,
			.s_mnext = 0x38,
			.s_maxmcount = 0x40,
			.s_npidle = 0x60,
			.s_nmspinning = 0x64,
			.s_runqsize = 0x80,
			.s_timetorun = 0x158,
			.ms_enablegc = 0x2040,
			.ms_numgc = 0x1e00,
			.ms_numforcedgc = 0x1e04,
			.ms_pausetotal = 0xdf8,
			.ms_lastgcunix = 0xdf0,
			.sudog_c = 0x50,
			.md_gofunc = 0x140,
		}},
#define G_1_26                                                                                     \
	.g_syscallsp = 0x68, .g_syscallpc = 0x70, .g_atomicstatus = 0x90, .g_goid = 0x98,          \
	.g_waitsince = 0xa8, .g_waitreason = 0xb0, .g_lockedm = 0xd0, .g_parentgoid = 0x118,       \
	.g_gopc = 0x120, .g_startpc = 0x130, .g_waiting = 0x140, .g_size = 456, .m_procid = 0x40,  \
	.m_curg = 0xb8, .m_spinning = 0x114, .m_alllink = 0x160, .p_m = 0x30, .p_schedtick = 0x10, \
	.p_runqhead = 0x190, .p_runqtail = 0x194, .p_runnext = 0x998, .s_nmidle = 0x40,            \
	.s_mnext = 0x48, .s_maxmcount = 0x50, .s_npidle = 0x70, .s_nmspinning = 0x74,              \
	.s_runqsize = 0x90, .s_timetorun = 0x168, .ms_enablegc = 0x28c0, .ms_numgc = 0x1e00,       \
	.ms_numforcedgc = 0x1e04, .ms_pausetotal = 0xdf8, .ms_lastgcunix = 0xdf0, .sudog_c = 0x58
	{0, {.minor = 26, .md_gofunc = 0x140, G_1_26}},
	{0, {.minor = 27, .md_gofunc = 0x158, G_1_26}},
#undef G_1_26
};

#define NROWS (sizeof rows / sizeof *rows)

int golayout_oldest(void)
{
	return rows[0].layout.minor;
}

int golayout_newest(void)
{
	return rows[NROWS - 1].layout.minor;
}

const struct golayout *golayout_for(int minor, int patch, bool *guess)
{
	const struct golayout *best = NULL;
	*guess = minor > golayout_newest();
	if (*guess)
		return &rows[NROWS - 1].layout;
	for (size_t i = 0; i < NROWS; i++)
		if (rows[i].layout.minor == minor && patch >= rows[i].from_patch)
			best = &rows[i].layout;
	return best;
}
