/* SPDX-License-Identifier: BSD-2-Clause */
/* test_doctor.c - what the doctor says of machines of several kinds. */
#include <stdlib.h>
#include "add_case.h"
#include "cli/doctor.h"

Suite *test_suite(void);

static struct finding findings[MAX_FINDINGS];
static size_t n;

static const struct machine fine = {.kernel_major = 6,
	.kernel_minor = 1,
	.root = true,
	.caps = ~UINT64_C(0),
	.ptrace_scope = 1,
	.procfs = true,
	.btf = true,
	.race_library = true,
	.go_tool = true};

static const struct finding *line(const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(findings[i].name, name))
			return &findings[i];
	ck_abort_msg("no line %s", name);
}

/* A line that is not ok always says how to mend it, one that is ok never does. */
static void look(const struct machine *m)
{
	n = doctor_findings(m, findings);
	ck_assert_uint_gt(n, 5);
	for (size_t i = 0; i < n; i++) {
		ck_assert(findings[i].text[0]);
		ck_assert_int_eq(findings[i].verdict != VERDICT_OK, findings[i].fix[0] != '\0');
	}
}

START_TEST(test_fine)
{
	look(&fine);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(findings[i].verdict, VERDICT_OK);
}
END_TEST

START_TEST(test_memory)
{
	struct machine m = fine;
	m.caps = 0;
	m.root = false;
	m.ptrace_scope = 0;
	look(&m);
	ck_assert_int_eq(line("memory")->verdict, VERDICT_WARN);
	m.ptrace_scope = 1;
	look(&m);
	ck_assert_int_eq(line("memory")->verdict, VERDICT_FAIL);
	ck_assert(strstr(line("memory")->fix, "setcap"));
	m.container = true;
	look(&m);
	ck_assert(strstr(line("memory")->fix, "--cap-add=SYS_PTRACE"));
	m.hidepid = 2;
	look(&m);
	ck_assert_int_eq(line("procfs")->verdict, VERDICT_WARN);
	m.procfs = false;
	look(&m);
	ck_assert_int_eq(line("procfs")->verdict, VERDICT_FAIL);
}
END_TEST

START_TEST(test_kernel)
{
	struct machine m = fine;
	m.kernel_major = 5;
	m.kernel_minor = 9;
	m.btf = m.race_library = m.go_tool = false;
	m.seccomp = true;
	look(&m);
	ck_assert_int_eq(line("kernel")->verdict, VERDICT_WARN);
	ck_assert(strstr(line("ebpf")->text, "BTF"));
	ck_assert_int_eq(line("race")->verdict, VERDICT_WARN);
	ck_assert_int_eq(line("seccomp")->verdict, VERDICT_WARN);
	m.kernel_minor = 10;
	m.btf = true;
	m.caps = UINT64_C(1) << 39; /* CAP_BPF without CAP_PERFMON */
	look(&m);
	ck_assert_int_eq(line("kernel")->verdict, VERDICT_OK);
	ck_assert_int_eq(line("ebpf")->verdict, VERDICT_WARN);
	m.caps |= UINT64_C(1) << 38;
	look(&m);
	ck_assert_int_eq(line("ebpf")->verdict, VERDICT_OK);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("doctor");
	add_case(s, "fine", test_fine);
	add_case(s, "memory", test_memory);
	add_case(s, "kernel", test_kernel);
	return s;
}

#include "check_main.h"
