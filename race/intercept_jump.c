/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_jump.c - setjmp and longjmp: the calls that a jump leaves are taken off the shadow
 * stack.
 *
 * A setjmp notes how deep the shadow stack is, under its caller's stack pointer; a longjmp finds
 * the note by the stack pointer in its buffer, which glibc stores as rol(sp ^ %fs:0x30, 17). Notes
 * of functions that have returned lie below the next setjmp's and are dropped then.
 *
 * setjmp() itself must be called in its caller's frame: the stubs call note_jump() and go on to the
 * real one.
 */
#include "builtins.h"

#include <setjmp.h>

#include "front.h"

#define MAX_JUMPS 64
#define JB_RSP    6

struct jump {
	uintptr_t sp;
	size_t depth;
};

/* The outermost first: sp falls. When there are too many the outermost is forgotten. */
static __thread struct {
	uint32_t n;
	struct jump v[MAX_JUMPS];
} jumps __attribute__((tls_model("initial-exec")));

enum { PLAIN, SIGMASK, NKINDS };

/* Called from the stubs. Returns the function to go on to. */
__attribute__((used)) void *note_jump(uintptr_t sp, uint32_t kind);

__attribute__((used)) void *note_jump(uintptr_t sp, uint32_t kind)
{
	static const char *const names[NKINDS] = {"_setjmp", "__sigsetjmp"};
	static _Atomic uintptr_t real[NKINDS];
	while (jumps.n && jumps.v[jumps.n - 1].sp <= sp)
		jumps.n--;
	if (jumps.n == MAX_JUMPS) {
		race_memmove(jumps.v, jumps.v + 1, sizeof jumps.v - sizeof *jumps.v);
		jumps.n--;
	}
	if (me.life)
		jumps.v[jumps.n++] = (struct jump){sp, (size_t)(me.sp - me.base)};
	if (!load_rlx(&real[kind]))
		store_rlx(&real[kind], (uintptr_t)next_function(names[kind], NULL));
	return (void *)load_rlx(&real[kind]);
}

/* clang-format off */
#define STUB(name, kind)                          \
	__asm__(".text\n"                         \
		".balign 16\n"                    \
		".globl " name "\n"               \
		".type " name ", @function\n"     \
		name ":\n"                        \
		"	.cfi_startproc\n"         \
		"	push %rdi\n"              \
		"	.cfi_adjust_cfa_offset 8\n" \
		"	push %rsi\n"              \
		"	.cfi_adjust_cfa_offset 8\n" \
		"	sub $8, %rsp\n"           \
		"	.cfi_adjust_cfa_offset 8\n" \
		"	lea 32(%rsp), %rdi\n"     \
		"	mov $" #kind ", %esi\n"   \
		"	call note_jump\n"         \
		"	add $8, %rsp\n"           \
		"	.cfi_adjust_cfa_offset -8\n" \
		"	pop %rsi\n"               \
		"	.cfi_adjust_cfa_offset -8\n" \
		"	pop %rdi\n"               \
		"	.cfi_adjust_cfa_offset -8\n" \
		"	jmp *%rax\n"              \
		"	.cfi_endproc\n"           \
		".size " name ", . - " name "\n")
/* clang-format on */

STUB("_setjmp", 0);
STUB("setjmp", 0);
STUB("__sigsetjmp", 1);
STUB("sigsetjmp", 1);

static void cut_stack(const struct __jmp_buf_tag *env)
{
	uintptr_t guard, sp = (uintptr_t)env->__jmpbuf[JB_RSP];
	__asm__("mov %%fs:0x30, %0" : "=r"(guard));
	sp = (sp >> 17 | sp << 47) ^ guard;
	for (uint32_t i = jumps.n; i-- > 0;) {
		if (jumps.v[i].sp != sp)
			continue;
		if (me.life && jumps.v[i].depth < (size_t)(me.sp - me.base))
			me.sp = me.base + jumps.v[i].depth;
		return;
	}
}

EXPORT void longjmp(jmp_buf env, int value)
{
	cut_stack(env);
	NEXT(longjmp)(env, value);
	__builtin_unreachable();
}

EXPORT void _longjmp(jmp_buf env, int value)
{
	cut_stack(env);
	NEXT(_longjmp)(env, value);
	__builtin_unreachable();
}

EXPORT void siglongjmp(sigjmp_buf env, int value)
{
	cut_stack(env);
	NEXT(siglongjmp)(env, value);
	__builtin_unreachable();
}

EXPORT _Noreturn void __longjmp_chk(jmp_buf env, int value);

EXPORT _Noreturn void __longjmp_chk(jmp_buf env, int value)
{
	cut_stack(env);
	NEXT(__longjmp_chk)(env, value);
	__builtin_unreachable();
}
