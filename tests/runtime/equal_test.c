/* SPDX-License-Identifier: BSD-2-Clause */
/* equal_test.c - deep equality; each pair of values as Go's reflect.DeepEqual judges it. */
#include <gort/gort.h>
#include <math.h>

#include "child.h"
#include "suite.h"

typedef slice(int) ints;
typedef slice(ints) rows;
typedef slice(double) doubles;
typedef map(string, ints) table;
typedef struct node {
	struct node *next;
	string name;
	table words;
	int pair[2];
	any value;
	int not_compared;
} node;
typedef node *nodep;
typedef slice(nodep) nodes;

GORT_EQUAL_SLICE(ints, int);
GORT_EQUAL_SLICE(rows, ints);
GORT_EQUAL_SLICE(doubles, double);
GORT_EQUAL_MAP(table, string, ints);
GORT_EQUAL_POINTER(nodep, node);
GORT_EQUAL_STRUCT(node, (nodep, next), (string, name), (table, words), (int, pair), (any, value));
GORT_EQUAL_SLICE(nodes, nodep);

static int slices(int argc, char **argv)
{
	(void)argc, (void)argv;
	ints none = {0}, empty = make_slice(ints, 0), a = slice_of(ints, 1, 2, 3),
	     b = slice_of(ints, 1, 2, 3);
	REQUIRE(gort_equal(ints, a, b) && gort_equal(ints, sub(a, 1, 2), sub(b, 1, 2)));
	REQUIRE(!gort_equal(ints, a, sub(b, 0, 2)) && !gort_equal(ints, none, empty));
	REQUIRE(gort_equal(ints, none, none) && gort_equal(ints, empty, make_slice(ints, 0, 5)));
	REQUIRE(gort_equal(rows, slice_of(rows, a, b), slice_of(rows, b, a)));
	REQUIRE(!gort_equal(rows, slice_of(rows, a, none), slice_of(rows, a, empty)));
	at(b, 2) = 4;
	REQUIRE(!gort_equal(ints, a, b));
	doubles d = slice_of(doubles, (double)NAN), e = slice_of(doubles, (double)NAN);
	REQUIRE(gort_equal(doubles, d, d) && !gort_equal(doubles, d, e));
	REQUIRE(gort_equal(doubles, slice_of(doubles, 0.0), slice_of(doubles, -0.0)));
	REQUIRE(gort_equal(string, S("ab"), str_from("ab")) && !gort_equal(int, 1, 2));
	return 0;
}

static table words(int last)
{
	table t = make_map(string, ints);
	map_at(t, S("a")) = slice_of(ints, 1);
	map_at(t, S("b")) = slice_of(ints, 2, last);
	return t;
}

static int maps(int argc, char **argv)
{
	(void)argc, (void)argv;
	table none = nil, a = words(3), b = words(3), c = words(4);
	REQUIRE(gort_equal(table, a, b) && !gort_equal(table, a, c) &&
		gort_equal(table, none, nil));
	REQUIRE(!gort_equal(table, none, make_map(string, ints)));
	map_delete(b, S("a"));
	REQUIRE(!gort_equal(table, a, b));
	map_at(b, S("c")) = slice_of(ints, 1);
	REQUIRE(!gort_equal(table, a, b));
	return 0;
}

/* n nodes in a circle. */
static nodep circle(int n)
{
	nodep first = gort_new(node), last = first;
	*first = (node){
		.name = str_from("x"), .words = words(3), .pair = {1, 2}, .value = any_of(7)};
	for (int i = 1; i < n; i++) {
		nodep p = gort_new(node);
		*p = *first;
		p->not_compared = i;
		last = last->next = p;
	}
	last->next = first;
	return first;
}

static int structs(int argc, char **argv)
{
	(void)argc, (void)argv;
	nodep a = circle(3), b = circle(3), c = circle(4);
	REQUIRE(gort_equal(nodep, a, b) && gort_equal(node, *a, *b));
	REQUIRE(gort_equal(nodep, a, c)); /* as Go says: no step of the walk differs */
	REQUIRE(gort_equal(nodes, slice_of(nodes, a, b), slice_of(nodes, b, a)));
	b->next->pair[1] = 9;
	REQUIRE(!gort_equal(nodep, a, b));
	b->next->pair[1] = 2;
	b->next->next->value = any_of(7L); /* another type */
	REQUIRE(!gort_equal(nodep, a, b) && !gort_equal(nodep, a, nil));
	return 0;
}

START_TEST(equality)
{
	expect_code(slices, 0);
	expect_code(maps, 0);
	expect_code(structs, 0);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"equal", .seconds = 120,
		.units = {
			{"equality", equality},
		}});
}

#include "check_main.h"
