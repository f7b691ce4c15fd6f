/* SPDX-License-Identifier: BSD-2-Clause */
/* test_operand.c - which memory an instruction is about to touch, and how. */
#include <check.h>
#include <stdio.h>
#include "probes/operand.h"

static const struct user_regs_struct regs = {.rax = 0x10000,
	.rbx = 0x20000,
	.rcx = 3,
	.rbp = 0x30000,
	.rsi = 0x40000,
	.r12 = 0x50000,
	.r13 = 0x60000,
	.rip = 0x400000,
	.rsp = 0x7fff00000000};

static size_t bytes_of(const char *hex, unsigned char *out)
{
	unsigned v;
	size_t n = 0;
	for (; *hex; hex += 2, n++) {
		ck_assert_int_eq(sscanf(hex, "%2x", &v), 1);
		out[n] = (unsigned char)v;
	}
	return n;
}

static const struct {
	const char *code;
	uint64_t addr;
	uint32_t size;
	bool write;
} known[] = {
	{"8b00", 0x10000, 4, false},               /* mov (%rax), %eax */
	{"488b4308", 0x20008, 8, false},           /* mov 8(%rbx), %rax */
	{"488b44cbf8", 0x20010, 8, false},         /* mov -8(%rbx,%rcx,8), %rax */
	{"8903", 0x20000, 4, true},                /* mov %eax, (%rbx) */
	{"668903", 0x20000, 2, true},              /* mov %ax, (%rbx) */
	{"8803", 0x20000, 1, true},                /* mov %al, (%rbx) */
	{"48830578563412ff", 0x12745680, 8, true}, /* addq $-1, 0x12345678(%rip) */
	{"833d0001000000", 0x400107, 4, false},    /* cmpl $0, 0x100(%rip) */
	{"41c70424ffffffff", 0x50000, 4, true},    /* movl $-1, (%r12) */
	{"41894500", 0x60000, 4, true},            /* mov %eax, (%r13) */
	{"0fb606", 0x40000, 1, false},             /* movzbl (%rsi), %eax */
	{"48ff03", 0x20000, 8, true},              /* incq (%rbx) */
	{"ff13", 0x20000, 8, false},               /* call *(%rbx) */
	{"f20f1103", 0x20000, 8, true},            /* movsd %xmm0, (%rbx) */
	{"f30f1003", 0x20000, 4, false},           /* movss (%rbx), %xmm0 */
	{"0f1103", 0x20000, 16, true},             /* movups %xmm0, (%rbx) */
	{"c5fb1103", 0x20000, 8, true},            /* vmovsd %xmm0, (%rbx) */
	{"48398300010000", 0x20100, 8, false},     /* cmp %rax, 0x100(%rbx) */
	{"48018300010000", 0x20100, 8, true},      /* add %rax, 0x100(%rbx) */
};

START_TEST(operands)
{
	struct operand op;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		unsigned char code[16];
		bool is = operand_of(&op, code, bytes_of(known[i].code, code), &regs);
		ck_assert_msg(is && op.addr == known[i].addr && op.size == known[i].size &&
				      op.write == known[i].write,
			"%s: %d %lx %u %d", known[i].code, is, (unsigned long)op.addr, op.size,
			op.write);
	}
}
END_TEST

/* On the stack, through fs, by a locked instruction, no memory, an address that is not accessed. */
START_TEST(none)
{
	static const char *const codes[] = {"488b0424", "48894424f8", "64488b042528000000",
		"f0480fc103", "8703", "4889d8", "488d4308", "c3", "0f1f4000", "f3a4", "06"};
	struct operand op;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		unsigned char code[16];
		size_t n = bytes_of(codes[i], code);
		ck_assert_msg(!operand_of(&op, code, n, &regs), "%s", codes[i]);
	}
}
END_TEST

/* The last instruction of some. */
START_TEST(backwards)
{
	static const struct {
		const char *code;
		bool locked, writes;
	} ends[] = {
		{"4889d8f0480fc103", true, false}, /* mov %rbx, %rax; lock xadd %rax, (%rbx) */
		{"4889d84887030f1f00", false, false},
		{"4889d8488703", true, false}, /* xchg %rax, (%rbx) */
		{"9090909048890d78563412", false, true},
		{"90909090488b0d78563412", false, false},
		{"90909090488b03", false, false},
		{"90909090488903", false, true},
	};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		unsigned char code[32];
		size_t n = bytes_of(ends[i].code, code);
		ck_assert_msg(operand_locked(code, n) == ends[i].locked, "%s", ends[i].code);
		ck_assert_msg(operand_writes(code, n) == ends[i].writes, "%s", ends[i].code);
	}
}
END_TEST

Suite *test_suite(void);

Suite *test_suite(void)
{
	Suite *s = suite_create("operand");
	TCase *tc;
	const struct {
		const char *name;
		const TTest *test;
	} tests[] = {{"operands", operands}, {"none", none}, {"backwards", backwards}};
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		tc = tcase_create(tests[i].name);
		tcase_add_test(tc, tests[i].test);
		suite_add_tcase(s, tc);
	}
	return s;
}

#include "check_main.h"
