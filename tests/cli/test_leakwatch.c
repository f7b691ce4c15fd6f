/* SPDX-License-Identifier: BSD-2-Clause */
/* test_leakwatch.c - which places grow: nobody leaves, and more come. */
#include "add_case.h"
#include "cli/leakwatch.h"

static struct leakwatch w;

/* A look: goroutines first..last wait in a function, at a line. */
struct waiting {
	const char *func;
	uint32_t line;
	uint64_t first, last;
};

static void take(struct gsnap *s, const struct waiting *of, size_t n)
{
	gsnap_init(s, GSNAP_GO);
	for (size_t i = 0; i < n; i++) {
		uint32_t loc = gsnap_add_loc(s, 0x1000 * (i + 1), 0, true);
		gsnap_add_frame(s, of[i].func, "a.go", of[i].line, false);
		for (uint64_t id = of[i].first; id <= of[i].last; id++) {
			struct gsnap_g *gp = gsnap_add_g(s);
			gp->id = id;
			gp->status = GSTATUS_WAITING;
			gp->reason = "chan receive";
			gp->stack = gsnap_add_stack(s, &loc, 1);
		}
	}
}

static void look(const struct waiting *of, size_t n)
{
	struct gsnap s;
	take(&s, of, n);
	ck_assert_int_eq(leakwatch_add(&w, &s), 0);
	gsnap_free(&s);
}

#define LOOK(...)                             \
	look((struct waiting[]){__VA_ARGS__}, \
		sizeof((struct waiting[]){__VA_ARGS__}) / sizeof(struct waiting))

START_TEST(grows)
{
	LOOK({"main.a", 1, 10, 12});
	LOOK({"main.a", 1, 10, 13});
	ck_assert_uint_eq(leakwatch_growing(&w), 0); /* two looks say nothing */
	LOOK({"main.a", 1, 10, 14});
	ck_assert_uint_eq(leakwatch_growing(&w), 1);
	struct gsnap s;
	take(&s, (struct waiting[]){{"main.b", 1, 5, 5}, {"main.a", 1, 10, 10}}, 2);
	ck_assert(!leakwatch_grows(&w, &s, &s.gs[0]));
	ck_assert(leakwatch_grows(&w, &s, &s.gs[1]));
	gsnap_free(&s);
	LOOK({"main.a", 1, 10, 14}); /* as many as before is no growth in the long run */
	LOOK({"main.a", 1, 10, 14});
	ck_assert_uint_eq(leakwatch_growing(&w), 0);
	leakwatch_free(&w);
}
END_TEST

/* As many as before and more, but others: work goes on there. */
START_TEST(moves)
{
	LOOK({"main.a", 1, 10, 12}, {"main.a", 2, 20, 20});
	LOOK({"main.a", 1, 11, 14}, {"main.a", 2, 20, 21});
	LOOK({"main.a", 1, 11, 16}, {"main.a", 2, 20, 22});
	ck_assert_uint_eq(leakwatch_growing(&w), 1);
	LOOK({"main.a", 1, 11, 18}); /* all have left line 2 */
	LOOK({"main.a", 1, 11, 18}, {"main.a", 2, 20, 30});
	ck_assert_uint_eq(leakwatch_growing(&w), 0);
	leakwatch_free(&w);
}
END_TEST

/* A place that was not there at first. */
START_TEST(late)
{
	LOOK({"main.a", 1, 1, 1});
	LOOK({"main.a", 1, 1, 1});
	LOOK({"main.a", 1, 1, 1}, {"main.b", 1, 2, 3});
	LOOK({"main.a", 1, 1, 1}, {"main.b", 1, 2, 5});
	ck_assert_uint_eq(leakwatch_growing(&w), 0);
	LOOK({"main.a", 1, 1, 1}, {"main.b", 1, 2, 6});
	ck_assert_uint_eq(leakwatch_growing(&w), 1);
	leakwatch_free(&w);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("leakwatch");
	add_case(s, "grows", grows);
	add_case(s, "moves", moves);
	add_case(s, "late", late);
	return s;
}

#include "check_main.h"
