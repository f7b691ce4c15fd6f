/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_usdt.c - the tracepoints as a tracer sees them: attached to a running program by their
 * names, through libbpf, they are hit as often as the program did what they stand for, with the
 * arguments that README.md promises.
 */
#include <check.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include "run_victim.h"
#include "usdt.h"
#include "usdt.skel.h"

static Suite *test_suite(void);

#include "check_main.h"
#include "suite.h"

/* What the victim does when it is told to go on; see probed() there. */
#define PROBED 100

enum { CREATE, START, BLOCK, UNBLOCK, SCHED, END, ENTER, EXIT, SEND, RECV, CASE, NNAMES };

static const char *const names[NNAMES] = {"go__create", "go__start", "go__block", "go__unblock",
	"go__sched", "go__end", "syscall__enter", "syscall__exit", "chan__send", "chan__recv",
	"select__case"};

static struct probe_hits hits[NNAMES];

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static struct bpf_link *links[NNAMES];

static void attach(struct usdt_bpf *bpf)
{
	for (unsigned long i = 0; i < NNAMES; i++) {
		LIBBPF_OPTS(bpf_usdt_opts, opts, .usdt_cookie = i);
		links[i] = bpf_program__attach_usdt(
			bpf->progs.on_probe, v.pid, GORT_FILE, "gort", names[i], &opts);
		int err = (int)libbpf_get_error(links[i]);
		if (err == -EPERM || err == -EACCES || err == -EOPNOTSUPP || err == -ENODEV) {
			kill(v.pid, SIGKILL);
			SKIP("no uprobes here: %s", strerror(-err));
		}
		ck_assert_msg(!err, "%s: %s", names[i], strerror(-err));
	}
}

static struct usdt_bpf *load(void)
{
	libbpf_set_print(silent);
	struct usdt_bpf *bpf = usdt_bpf__open();
	ck_assert_ptr_nonnull(bpf);
	int err = usdt_bpf__load(bpf);
	if (err)
		SKIP("eBPF programs cannot be loaded here: %s", strerror(-err));
	return bpf;
}

static void trace_victim(void)
{
	const char *env[] = {"ASAN_OPTIONS=detect_leaks=0", "GORT_GOMAXPROCS=2", NULL};
	const char *argv[] = {VICTIM, "probed", NULL};
	struct usdt_bpf *bpf = load();
	victim_start(env, argv);
	victim_ready();
	attach(bpf);
	kill(v.pid, SIGUSR1); /* it waits for this */
	victim_finish();
	expect_exit(0);
	for (unsigned i = 0; i < NNAMES; i++)
		ck_assert_int_eq(bpf_map_lookup_elem(bpf_map__fd(bpf->maps.hits), &i, &hits[i]), 0);
	for (unsigned i = 0; i < NNAMES; i++)
		bpf_link__destroy(links[i]);
	usdt_bpf__destroy(bpf);
}

static void expect_hits(int probe, unsigned long long n, unsigned long long nargs)
{
	ck_assert_msg(
		hits[probe].n == n, "%s: %llu hits, not %llu", names[probe], hits[probe].n, n);
	ck_assert_msg(
		hits[probe].nargs == nargs, "%s: %llu arguments", names[probe], hits[probe].nargs);
}

START_TEST(attached)
{
	trace_victim();
	expect_hits(CREATE, PROBED, 5);
	expect_hits(END, PROBED, 2);
	expect_hits(SEND, PROBED, 2);
	expect_hits(RECV, PROBED, 2);
	expect_hits(CASE, 1, 2);
	ck_assert_int_ge(hits[START].n, PROBED);
	ck_assert_int_ge(hits[BLOCK].n, 1);
	ck_assert_int_ge(hits[SCHED].n, 1);
	ck_assert_int_ge(hits[ENTER].n, PROBED);
	ck_assert_int_ge(hits[EXIT].n, PROBED);
	/* What blocked was woken, and what was created or woken or gave way started. */
	ck_assert_int_eq(hits[BLOCK].n, hits[UNBLOCK].n);
	/* The goroutines have numbers after the main one's. */
	const unsigned long long *arg = hits[CREATE].arg;
	ck_assert_int_ne(arg[0], 0);
	ck_assert_int_gt(arg[1], 1);
	ck_assert_int_eq(arg[2], 1);
	ck_assert_int_ne(arg[3], 0);
	ck_assert_int_ne(arg[4], 0);
	/* The last to block is the main goroutine, in gort_sleep. */
	ck_assert_int_eq(hits[BLOCK].arg[1], 1);
	ck_assert_int_eq(hits[BLOCK].arg[2], 14);
	ck_assert_int_eq(hits[CASE].arg[1], 0);
	ck_assert_int_ne(hits[SEND].arg[0], 0);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"debug_usdt", .seconds = 240,
		.units = {
			{"attached", attached},
		}});
}
