/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gortsnap.c - finding libgort's table in a live process and unwinding its goroutines by CFI:
 * position-dependent or not, stripped, without section headers; and other programs.
 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include "probes/gortsnap.h"
#include "procmem.h"
#include "suite.h"

Suite *test_suite(void);

#include "check_main.h"

#define NG 1000 /* of parked.c */

static char dir[512];

static void setup(void)
{
	ssize_t n = readlink("/proc/self/exe", dir, sizeof dir - 1);
	ck_assert_int_gt(n, 0);
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
}

static void snapshot(const char *path, struct gsnap *snap)
{
	struct child c = child_start(path, NULL, NULL);
	struct target t;
	target_init(&t, c.pid, NULL);
	struct gortsnap *s;
	struct gsnap_err err;
	ck_assert_str_eq(c.said, "ready\n");
	int error = gortsnap_open(&t, &s, &err);
	ck_assert_msg(error == 0, "%d", error);
	gsnap_init(snap, GSNAP_GORT);
	error = gortsnap_read(s, PROBE_STACKS | PROBE_MAPS, snap, &err);
	ck_assert_msg(error == 0, "%s: %s", err.what, err.why);
	ck_assert_int_eq(gortsnap_count(s), NG);
	gortsnap_close(s);
	child_end(&c);
}

static const struct gsnap_frame *frame_of(
	const struct gsnap *snap, const struct gsnap_g *gp, uint32_t i)
{
	const struct gsnap_stack *k = &snap->stacks[gp->stack];
	ck_assert_uint_lt(i, k->nlocs);
	return &snap->frames[snap->locs[snap->stack_locs[k->loc + i]].frame];
}

/* wait_here, worker 1 + id % 20 times, run, start. */
static void check_g(const struct gsnap *snap, const struct gsnap_g *gp, uint64_t id)
{
	char name[16];
	snprintf(name, sizeof name, "g%d", (int)id);
	ck_assert_uint_eq(gp->id, id);
	ck_assert_uint_eq(gp->flags, 0);
	ck_assert_str_eq(gp->reason, "chan receive");
	ck_assert_str_eq(gp->name, name);
	ck_assert_int_eq(gp->waitsince, 77);
	ck_assert_uint_eq(gp->parent, 1);
	ck_assert_uint_ne(gp->stack, GSNAP_NONE);
	ck_assert_uint_eq(snap->stacks[gp->stack].nlocs, 4 + id % 20);
}

static void check_names(const struct gsnap *snap, const struct gsnap_g *gp)
{
	uint32_t workers = 1 + (uint32_t)(gp->id % 20);
	ck_assert_str_eq(frame_of(snap, gp, 0)->func, "wait_here");
	for (uint32_t i = 1; i <= workers; i++) {
		const struct gsnap_frame *f = frame_of(snap, gp, i);
		ck_assert_str_eq(f->func, "worker");
		ck_assert_str_eq(strrchr(f->file, '/') + 1, "parked.c");
		ck_assert_uint_gt(f->line, 0);
	}
	ck_assert_str_eq(frame_of(snap, gp, workers + 1)->func, "parked_run");
	ck_assert_str_eq(frame_of(snap, gp, workers + 2)->func, "parked_start");
	if (gp->id == 1)
		return;
	const struct gsnap_loc *created = &snap->locs[gp->created];
	ck_assert_str_eq(snap->frames[created->frame].func, "main");
}

static void check_all(const char *path, bool stripped, bool pie)
{
	struct gsnap snap;
	snapshot(path, &snap);
	ck_assert_uint_eq(snap.ngs, NG);
	ck_assert_str_eq(snap.version, "gort 9.8.7");
	ck_assert_int_eq(snap.stripped, stripped);
	ck_assert_int_eq(snap.pie, pie);
	ck_assert_int_eq(snap.has_lines, !stripped);
	ck_assert_uint_ge(snap.nmaps, 1);
	ck_assert_str_eq(snap.maps[0].file, path);
	for (uint32_t i = 0; i < NG; i++) {
		check_g(&snap, &snap.gs[i], i + 1);
		if (!stripped)
			check_names(&snap, &snap.gs[i]);
	}
	if (stripped) {
		char prefix[300];
		snprintf(prefix, sizeof prefix, "%s+0x", strrchr(path, '/') + 1);
		const char *func = frame_of(&snap, &snap.gs[0], 0)->func;
		ck_assert_msg(!strncmp(func, prefix, strlen(prefix)), "%s", func);
	}
	gsnap_free(&snap);
}

static void check_program(const char *name, bool stripped, bool pie)
{
	char path[600];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	check_all(path, stripped, pie);
}

START_TEST(position_independent)
{
	check_program("parked", false, true);
}
END_TEST

START_TEST(position_dependent)
{
	check_program("parked-nopie", false, false);
}
END_TEST

START_TEST(stripped)
{
	check_program("parked-stripped", true, true);
	check_program("parked-nopie-stripped", true, false);
}
END_TEST

/* A copy whose ELF header knows of no section headers. */
static void without_sections(const char *from, const char *to)
{
	char command[1400];
	Elf64_Ehdr eh;
	snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
	ck_assert_int_eq(system(command), 0);
	int fd = open(to, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, &eh, sizeof eh, 0), sizeof eh);
	eh.e_shoff = eh.e_shnum = eh.e_shstrndx = 0;
	ck_assert_int_eq(pwrite(fd, &eh, sizeof eh, 0), sizeof eh);
	close(fd);
}

START_TEST(no_section_headers)
{
	static const char *const names[] = {"parked-stripped", "parked-nopie-stripped"};
	for (int i = 0; i < 2; i++) {
		char from[600], to[700];
		snprintf(from, sizeof from, "%s/%s", dir, names[i]);
		snprintf(to, sizeof to, "%s.nosections.%d", from, getpid());
		without_sections(from, to);
		check_all(to, true, i == 0);
		unlink(to);
	}
}
END_TEST

START_TEST(another_program_is_not_taken_for_one)
{
	char path[600];
	struct gortsnap *s;
	struct gsnap_err err;
	snprintf(path, sizeof path, "%s/symtarget", dir);
	struct child c = child_start(path, NULL, NULL);
	struct target t;
	target_init(&t, c.pid, NULL);
	ck_assert_int_eq(gortsnap_open(&t, &s, &err), -ENOENT);
	ck_assert_ptr_null(s);
	child_end(&c);
	ck_assert_int_eq(gortsnap_open(&t, &s, &err), -ENOENT);
}
END_TEST

START_TEST(a_process_that_ended_is_told)
{
	char path[600];
	struct gortsnap *s;
	struct gsnap_err err;
	struct gsnap snap;
	snprintf(path, sizeof path, "%s/parked", dir);
	struct child c = child_start(path, NULL, NULL);
	struct target t;
	target_init(&t, c.pid, NULL);
	ck_assert_int_eq(gortsnap_open(&t, &s, &err), 0);
	child_end(&c);
	gsnap_init(&snap, GSNAP_GORT);
	ck_assert_int_eq(gortsnap_read(s, PROBE_STACKS, &snap, &err), -ESRCH);
	ck_assert_int_eq(gortsnap_count(s), GSNAP_UNKNOWN);
	gsnap_free(&snap);
	gortsnap_close(s);
}
END_TEST

Suite *test_suite(void)
{
	return suite_of(&(struct units){"gortsnap", .seconds = 60, .setup = setup,
		.units = {
			{"pie", position_independent},
			{"nopie", position_dependent},
			{"stripped", stripped},
			{"nosections", no_section_headers},
			{"gone", a_process_that_ended_is_told},
			{"foreign", another_program_is_not_taken_for_one},
		}});
}
