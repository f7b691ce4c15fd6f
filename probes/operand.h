/* SPDX-License-Identifier: BSD-2-Clause */
/* operand.h - the memory that an instruction of a stopped thread is about to touch. */
#ifndef GORT_PROBES_OPERAND_H
#define GORT_PROBES_OPERAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

struct operand {
	uint64_t addr;
	uint32_t size;
	bool write; /* also when it reads as well */
};

/*
 * False when it touches none, or none that counts: by a locked instruction, through a segment, on
 * the thread's own stack, or in a way that is not known here.
 */
bool operand_of(struct operand *op, const unsigned char *code, size_t n,
	const struct user_regs_struct *regs);

/*
 * Of the instruction that ends at code + n, which may be more than one as it is read backwards:
 * whether it may be a locked one; whether it may be one that writes.
 */
bool operand_locked(const unsigned char *code, size_t n);
bool operand_writes(const unsigned char *code, size_t n);

#endif
