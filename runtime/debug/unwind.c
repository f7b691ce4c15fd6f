/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind.c - the in-process unwinder: signal-safe, bounded, and harmless on garbage.
 *
 * A step looks its pc up in a small cache of simple rows, else runs the call frame program (eh.c)
 * and fills the cache. Code without call frame information is crossed by its frame pointer, a call
 * through a bad pointer by the return address on top of the stack.
 *
 * Invariants:
 *  1. Words in [lo, hi) are loaded directly; any other word is fetched with process_vm_readv() on
 *     ourselves, which fails where a load would fault.
 *  2. The stack pointer rises with every step, except across at most MAX_SWITCHES signal frames: no
 *     walk runs for ever.
 *  3. A cache slot is three words written without a lock; the key is xored with the data (Hyatt's
 *     lockless transposition table), so a torn slot does not match its pc. The module table's
 *     generation is part of the key: a slot never outlives its module.
 *
 * Rejected: libgcc's _Unwind_Backtrace and libunwind (locks and malloc inside, 117 and 7 ns a
 * frame), frame pointers alone (other people's libraries have none).
 */
#include <errno.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/noptr.h"
#include "module.h"
#include "unwind.h"

#define CACHE_SLOTS  2048u
#define MAX_SWITCHES 4u
#define NOT_SAVED    INT16_MIN
#define OUTERMOST    (-1) /* in place of the register: nobody called it */

/*
 * The rows that nearly all code has: CFA = rsp or rbp + n, callee-saved registers at CFA + 8 * k;
 * or none, where a stack begins.
 */
struct simple_row {
	int32_t cfa_off;
	int16_t cfa_reg;
	int16_t rbp, rbx, r12, r13, r14, r15;
};

struct slot {
	_Atomic uint64_t key, word[3];
};

static struct slot cache[CACHE_SLOTS] NOPTRBSS;

static const struct {
	uint8_t reg;
	uint8_t offset; /* in struct simple_row */
} saved_regs[] = {
	{DW_RBP, offsetof(struct simple_row, rbp)},
	{DW_RBX, offsetof(struct simple_row, rbx)},
	{12, offsetof(struct simple_row, r12)},
	{13, offsetof(struct simple_row, r13)},
	{14, offsetof(struct simple_row, r14)},
	{15, offsetof(struct simple_row, r15)},
};

#define NSAVED (sizeof saved_regs / sizeof saved_regs[0])

static int16_t *saved_slot(struct simple_row *row, size_t i)
{
	return (int16_t *)((char *)row + saved_regs[i].offset);
}

/* The stack being read may belong to frames whose red zones a sanitizer has poisoned. */
__attribute__((no_sanitize("address"))) static uint64_t load_word(uintptr_t addr)
{
	return *(const volatile uint64_t *)addr;
}

static bool read_word(const struct eh_mem *mem, uint64_t addr, uint64_t *out)
{
	const struct unwinder *u = (const struct unwinder *)mem;
	if (addr & 7)
		return false;
	if (addr >= u->lo && addr < u->hi && u->hi - addr >= 8) {
		*out = load_word(addr);
		return true;
	}
	struct iovec local = {out, 8}, remote = {(void *)addr, 8};
	int saved = errno;
	bool ok = process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 8;
	errno = saved;
	return ok;
}

static uint64_t cache_key(uintptr_t pc, uint32_t generation)
{
	return pc | (uint64_t)generation << 48;
}

static struct slot *cache_slot(uintptr_t pc)
{
	return &cache[(pc * 0x9e3779b97f4a7c15u) >> 53];
}

static bool cache_get(uintptr_t pc, uint32_t generation, struct simple_row *row)
{
	struct slot *s = cache_slot(pc);
	uint64_t w[3], key = load_rlx(&s->key);
	for (int i = 0; i < 3; i++)
		w[i] = load_rlx(&s->word[i]);
	_Static_assert(sizeof *row <= sizeof w, "a row fits the slot");
	memcpy(row, w, sizeof *row);
	return (key ^ w[0] ^ w[1] ^ w[2]) == cache_key(pc, generation);
}

static void cache_put(uintptr_t pc, uint32_t generation, const struct simple_row *row)
{
	struct slot *s = cache_slot(pc);
	uint64_t w[3] = {0};
	memcpy(w, row, sizeof *row);
	store_rlx(&s->key, cache_key(pc, generation) ^ w[0] ^ w[1] ^ w[2]);
	for (int i = 0; i < 3; i++)
		store_rlx(&s->word[i], w[i]);
}

static bool slot_offset(const struct eh_rule *rule, int16_t *out)
{
	*out = NOT_SAVED;
	if (rule->kind == EH_SAME)
		return true;
	*out = (int16_t)(rule->value / 8);
	return rule->kind == EH_OFFSET && rule->value % 8 == 0 && rule->value / 8 > INT16_MIN &&
	       rule->value / 8 <= INT16_MAX;
}

static bool simplify(const struct eh_row *row, struct simple_row *out)
{
	*out = (struct simple_row){.cfa_reg = OUTERMOST};
	if (row->reg[row->ra].kind == EH_UNDEFINED)
		return true;
	if (row->cfa.kind != EH_REGISTER || row->signal || row->ra != DW_RIP ||
		(row->cfa_reg != DW_RSP && row->cfa_reg != DW_RBP))
		return false;
	const struct eh_rule *ra = &row->reg[DW_RIP];
	if (ra->kind != EH_OFFSET || ra->value != -8 || row->reg[DW_RSP].kind != EH_SAME)
		return false;
	*out = (struct simple_row){.cfa_off = row->cfa.value, .cfa_reg = row->cfa_reg};
	for (size_t i = 0; i < NSAVED; i++)
		if (!slot_offset(&row->reg[saved_regs[i].reg], saved_slot(out, i)))
			return false;
	return true;
}

static int step_simple(struct unwinder *u, struct simple_row *row)
{
	if (row->cfa_reg == OUTERMOST)
		return -ENODATA;
	uint64_t cfa = u->regs.r[row->cfa_reg] + (uint64_t)(int64_t)row->cfa_off, pc;
	if (!read_word(&u->mem, cfa - 8, &pc))
		return -EFAULT;
	for (size_t i = 0; i < NSAVED; i++) {
		int16_t k = *saved_slot(row, i);
		if (k != NOT_SAVED && !read_word(&u->mem, cfa + (uint64_t)((int64_t)k * 8),
					      &u->regs.r[saved_regs[i].reg]))
			return -EFAULT;
	}
	u->regs.r[DW_RSP] = cfa;
	u->regs.r[DW_RIP] = pc;
	return pc ? 0 : -ENODATA;
}

/* Code without call frame information: trust the frame pointer if it points up the stack. */
static int step_frame_pointer(struct unwinder *u)
{
	uint64_t fp = u->regs.r[DW_RBP], next, pc;
	if (fp < u->regs.r[DW_RSP] || !read_word(&u->mem, fp, &next) ||
		!read_word(&u->mem, fp + 8, &pc) || !module_find(pc - 1))
		return -EFAULT;
	u->regs.r[DW_RBP] = next;
	u->regs.r[DW_RSP] = fp + 16;
	u->regs.r[DW_RIP] = pc;
	return 0;
}

/* The pc itself is bad: the call that went there pushed its return address last. */
static int step_bad_call(struct unwinder *u)
{
	uint64_t pc;
	if (!read_word(&u->mem, u->regs.r[DW_RSP], &pc) || !module_find(pc - 1))
		return step_frame_pointer(u);
	u->regs.r[DW_RSP] += 8;
	u->regs.r[DW_RIP] = pc;
	return 0;
}

static int step_full(struct unwinder *u, const struct module *mod, uintptr_t pc,
	uint32_t generation, bool *signal)
{
	struct eh_row row;
	struct simple_row simple;
	int err = eh_find_row(&mod->eh, pc, &row);
	if (err)
		return step_frame_pointer(u);
	*signal = row.signal;
	if (simplify(&row, &simple))
		cache_put(pc, generation, &simple);
	return eh_step(&mod->eh, &row, &u->mem, &u->regs);
}

static int step(struct unwinder *u, bool *signal)
{
	uintptr_t pc = u->regs.r[DW_RIP] - u->callsite;
	const struct module_table *t = modules();
	struct simple_row row;
	uint32_t generation = t ? t->generation : 0;
	if (cache_get(pc, generation, &row))
		return step_simple(u, &row);
	const struct module *mod = module_find(pc);
	if (mod)
		return step_full(u, mod, pc, generation, signal);
	return u->callsite ? step_frame_pointer(u) : step_bad_call(u);
}

void unwind_init(
	struct unwinder *u, const struct regs *regs, uintptr_t lo, uintptr_t hi, bool callsite)
{
	*u = (struct unwinder){
		.mem = {read_word},
		.regs = *regs,
		.lo = lo,
		.hi = hi,
		.callsite = callsite,
		.valid = true,
	};
}

bool unwind_next(struct unwinder *u)
{
	uint64_t sp = u->regs.r[DW_RSP];
	bool signal = false;
	if (!u->valid)
		return false;
	int err = step(u, &signal);
	u->callsite = !signal;
	u->complete = err == -ENODATA;
	u->valid = !err && (u->regs.r[DW_RSP] > sp || (signal && u->switches++ < MAX_SWITCHES));
	return u->valid;
}

void regs_of_ucontext(const ucontext_t *uc, struct regs *regs)
{
	static const uint8_t greg[NREGS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
		REG_RBP, REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14,
		REG_R15, REG_RIP};
	for (int i = 0; i < NREGS; i++)
		regs->r[i] = (uint64_t)uc->uc_mcontext.gregs[greg[i]];
}
