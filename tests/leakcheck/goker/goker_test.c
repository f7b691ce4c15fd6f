/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goker_test.c - runs the patterns: of each all that leaks is proved, and nothing else; of its
 * mended twin nothing is called leaked at any moment, and all of it ends.
 */
#include "leakcheck/goker/goker.h"

#include "debug/gview.h"
#include "mem/mgcleak.h"
#include "runtime/child.h"
#include "suite.h"

bool mended;
static const struct pattern *now;
static chan(int) gate;

void look_here(void)
{
	if (mended)
		(void)chan_recv(gate);
}

static void driver(void)
{
	now->run();
}

struct count {
	unsigned all, blocked;
};

/* Goroutines other than the main one. Without stacks and names, unlike a snapshot: it is quick. */
static struct count count(void)
{
	struct count c = {0};
	for (uint32_t i = 0; i < gview_count(); i++) {
		struct gview v;
		gview_read(gview_at(i), &v);
		if (v.goid <= 1 || v.system || v.status == GSTATUS_DEAD || v.status == GSTATUS_IDLE)
			continue;
		c.all++;
		c.blocked += v.status == GSTATUS_WAITING && strcmp(v.reason, "sleep") != 0;
	}
	return c;
}

/* Nothing of the patterns is on this stack. */
static unsigned proved(void)
{
	struct gleaks l;
	unsigned n = 0;
	REQUIRE(gleaksfind((uintptr_t)__builtin_frame_address(0), &l));
	for (size_t i = 0; i < l.n; i++)
		n += l.v[i].class == GSNAP_LEAK_UNREACHABLE;
	REQUIRE(n == l.n);
	gleaksfree(&l);
	return n;
}

/* Nobody moves any more, or child.h ends the child. */
static int broken(int argc, char **argv)
{
	(void)argc, (void)argv;
	go(driver);
	for (struct count c = {0}; c.all != now->leaks || c.blocked != c.all; gort_sleep(100 * us))
		c = count();
	unsigned found = proved();
	if (found != now->leaks)
		dprintf(2, "%u of %u found\n", found, now->leaks);
	REQUIRE(found == now->leaks && count().blocked == found);
	return 0;
}

static int twin(int argc, char **argv)
{
	(void)argc, (void)argv;
	mended = true;
	gate = make_chan(int, 0);
	go(driver);
	do {
		REQUIRE(proved() == 0);
		select
		{
			case_send(gate, 1)
			{
			}
			case_after(100 * us)
			{
			}
		}
	} while (count().all);
	return 0;
}

static void play(const struct pattern *patterns)
{
	for (now = patterns; now->name; now++)
		for (int procs = 1; procs <= 2; procs++) {
			struct child *c = run_child(broken, procs);
			ck_assert_msg(c->code == 0, "%s: exit %d: %s", now->name, c->code, c->text);
			c = run_child(twin, procs);
			ck_assert_msg(c->code == 0, "the mended %s: exit %d: %s", now->name,
				c->code, c->text);
		}
}

START_TEST(test_channel)
{
	play(channel_patterns);
}
END_TEST

START_TEST(test_context)
{
	play(context_patterns);
}
END_TEST

START_TEST(test_mixed)
{
	play(mixed_patterns);
}
END_TEST

START_TEST(test_locks)
{
	play(lock_patterns);
}
END_TEST

START_TEST(test_order)
{
	play(order_patterns);
}
END_TEST

static size_t length(const struct pattern *patterns)
{
	size_t n = 0;
	while (patterns[n].name)
		n++;
	return n;
}

START_TEST(test_all)
{
	ck_assert_uint_eq(length(channel_patterns) + length(context_patterns) +
				  length(mixed_patterns) + length(lock_patterns) +
				  length(order_patterns),
		63);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"goker", .seconds = 120,
		.units = {
			{"channel", test_channel},
			{"context", test_context},
			{"mixed", test_mixed},
			{"locks", test_locks},
			{"order", test_order},
			{"all", test_all},
		}});
}

#include "check_main.h"
