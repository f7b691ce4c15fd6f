/* SPDX-License-Identifier: BSD-2-Clause */
/* iface_test.c - interfaces: calls, assertions, type switches, comparison, the nil trap. */
#define GORT_VET
#include "child.h"

#define shape_methods(SELF)  \
	int (*area)(SELF *); \
	void (*grow)(SELF *, int)
GORT_INTERFACE(shape);
#define named_methods(SELF) const char *(*name)(SELF *)
GORT_INTERFACE(named);

typedef struct square {
	int a;
} square;
typedef struct circle {
	int r;
} circle;
typedef struct pair {
	int x, y;
} pair;
typedef struct list {
	int *p;
} list;

static int square_area(square *s)
{
	return s ? s->a * s->a : -1;
}

static void square_grow(square *s, int n)
{
	s->a += n;
}

static const char *square_name(square *s)
{
	(void)s;
	return "square";
}

static int circle_area(circle *c)
{
	return 3 * c->r * c->r;
}

static void circle_grow(circle *c, int n)
{
	c->r += n;
}

static bool pair_equal(const void *a, const void *b)
{
	const pair *p = a, *q = b;
	return p->x == q->x && p->y == q->y;
}

static uint64_t pair_hash(const void *a, uint64_t seed)
{
	const pair *p = a;
	return seed + (uint64_t)p->x * 31 + (uint64_t)p->y;
}

GORT_DYNTYPE(square);
GORT_DYNTYPE(circle);
GORT_VALUETYPE(pair, pair_equal, pair_hash);
GORT_VALUETYPE(list, NULL, NULL);
GORT_IMPL(shape, square, square_area, square_grow);
GORT_IMPL(named, square, square_name);
GORT_IMPL(shape, circle, circle_area, circle_grow);

static bool says(error err, const char *text)
{
	if (!err || strcmp(error_text(err), text))
		dprintf(2, "says %s\n", error_text(err));
	return err && strcmp(error_text(err), text) == 0;
}

static int calls(int argc, char **argv)
{
	(void)argv;
	square sq = {argc + 2};
	circle ci = {2};
	shape shapes[] = {as_iface(shape, square, &sq), as_iface(shape, circle, &ci)};
	for (int i = 0; i < 2; i++)
		call_method(shapes[i], grow, 1);
	REQUIRE(call_method(shapes[0], area) == 16 && call_method(shapes[1], area) == 27);
	REQUIRE(iface_equal(shapes[0], shapes[0]) && !iface_equal(shapes[0], shapes[1]));
	return 0;
}

/* ---- assertions ---- */

static void wants_circle(shape *s)
{
	(void)assert_type(circle, *s);
}

static void any_wants_circle(any *a)
{
	(void)assert_type(circle, *a);
}

static void any_wants_int(any *a)
{
	(void)assert_type(int, *a);
}

static void wants_named(any *a)
{
	(void)assert_iface(named, *a);
}

static void wants_shape(any *a)
{
	(void)assert_iface(shape, *a);
}

static int assertions(int argc, char **argv)
{
	(void)argc, (void)argv;
	square sq = {3}, *p;
	circle ci = {1}, *q;
	shape s = as_iface(shape, square, &sq), none = {0};
	any a = iface_any(s), c = any_ptr(circle, &ci), number = any_of(7), empty = {0};
	REQUIRE(assert_type(square, s) == &sq && assert_type(square, a) == &sq);
	REQUIRE(assert_ok(square, s, &p) && p == &sq && !assert_ok(circle, s, &q) && !q);
	REQUIRE(!assert_ok(square, none, &p) && !p && *assert_type(int, number) == 7);
	REQUIRE(says(
		protect(wants_circle, &s), "interface conversion: shape is *square, not *circle"));
	REQUIRE(says(protect(wants_circle, &none),
		"interface conversion: interface is nil, not *circle"));
	REQUIRE(says(protect(any_wants_circle, &a),
		"interface conversion: interface {} is *square, not *circle"));
	REQUIRE(says(protect(any_wants_int, &empty),
		"interface conversion: interface {} is nil, not int"));
	named n = assert_iface(named, a);
	shape t;
	REQUIRE(strcmp(call_method(n, name), "square") == 0 && !assert_iface_ok(named, c, &n));
	REQUIRE(assert_iface_ok(shape, n, &t) == false && assert_iface_ok(shape, c, &t));
	REQUIRE(call_method(t, area) == 3);
	REQUIRE(says(protect(wants_named, &c),
		"interface conversion: *circle is not named: missing method name"));
	REQUIRE(says(protect(wants_shape, &number),
		"interface conversion: int is not shape: missing method area"));
	REQUIRE(says(
		protect(wants_named, &empty), "interface conversion: interface is nil, not named"));
	return 0;
}

/* ---- type switch ---- */

static int which(any a)
{
	type_switch(a)
	{
		case_type(int, i)
		{
			if (*i < 0)
				break;
			return *i;
		}
		case_type(string, s)
		{
			return (int)s->len;
		}
		case_iface(named, n)
		{
			return (int)strlen(call_method(n, name));
		}
		case_type(circle, c)
		{
			return c ? c->r : -7;
		}
		case_nil
		{
			return -1;
		}
		case_other
		{
			return -2;
		}
	}
	return -3;
}

static int switches(int argc, char **argv)
{
	(void)argc, (void)argv;
	square sq = {3};
	circle ci = {5};
	REQUIRE(which(any_of(4)) == 4 && which(any_of(-4)) == -3 && which(any_of(S("four"))) == 4);
	REQUIRE(which(any_ptr(square, &sq)) == 6 && which(any_ptr(circle, &ci)) == 5);
	REQUIRE(which(any_ptr(circle, NULL)) == -7 && which((any){0}) == -1);
	REQUIRE(which(any_of(1.5)) == -2 && which(any_of(4l)) == -2);
	return 0;
}

/* ---- comparison ---- */

static void compares(any *a, any *b)
{
	REQUIRE(!any_equal(*a, *b));
}

static void hashes(any *a)
{
	(void)gort_any_hash(*a, 1);
}

static int comparison(int argc, char **argv)
{
	(void)argv;
	char text[] = "text", same[] = "text";
	gort_string s = {text, 4}, t = {same, 4};
	any l = any_copy(list, {&argc}), m = any_copy(list, {&argc}), n = any_of(1);
	any p = any_copy(pair, {1, 2});
	text[0] = 't'; /* nobody shares the copies */
	REQUIRE(any_equal(any_of(s), any_of(t)) && !any_equal(any_of(1), any_of(1l)));
	REQUIRE(any_equal(any_of(argc), any_of(1)) && !any_equal(any_of(true), any_of(false)));
	REQUIRE(any_equal(p, any_copy(pair, {1, 2})) && !any_equal(p, any_copy(pair, {2, 1})));
	REQUIRE(any_equal((any){0}, (any){0}) && !any_equal((any){0}, n));
	double nan = 0.0 / (argc - 1);
	REQUIRE(!any_equal(any_of(nan), any_of(nan)) && any_equal(any_of(0.0), any_of(-0.0)));
	REQUIRE(gort_any_hash(any_of(0.0), 9) == gort_any_hash(any_of(-0.0), 9));
	REQUIRE(gort_any_hash(any_of(s), 3) == gort_any_hash(any_of(t), 3));
	REQUIRE(!protect(compares, &l, &n));
	REQUIRE(says(protect(compares, &l, &m), "runtime error: comparing uncomparable type list"));
	REQUIRE(says(protect(hashes, &l), "runtime error: hash of unhashable type list"));
	REQUIRE(gort_any_hash(p, 5) == gort_any_hash(any_copy(pair, {1, 2}), 5));
	return 0;
}

/* ---- a nil pointer in an interface ---- */

static shape may_fail(bool fail)
{
	square *none = NULL;
	return fail ? as_iface(shape, square, none) : (shape){0};
}

static int typed_nil(int argc, char **argv)
{
	(void)argc, (void)argv;
	shape s = may_fail(true), t = may_fail(false);
	REQUIRE(iface_nil(t) && !iface_nil(s) && !iface_equal(s, t));
	REQUIRE(call_method(s, area) == -1); /* as in Go, the method runs */
	return 0;
}

START_TEST(test_methods)
{
	expect_code(calls, 0);
	expect_code(assertions, 0);
	expect_code(switches, 0);
}
END_TEST

START_TEST(test_values)
{
	expect_code(comparison, 0);
}
END_TEST

START_TEST(test_nil)
{
	struct child *c = run_child(typed_nil, 1);
	ck_assert_msg(c->code == 0, "%s", c->text);
	const char *vet = strstr(c->text, "iface_test.c:");
	ck_assert_msg(vet && strstr(vet, "this interface is not nil: it holds a nil *square"), "%s",
		c->text);
	ck_assert_ptr_null(strstr(vet + 1, "iface_test.c:")); /* the one that is nil is not named */
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("iface");
	TCase *methods = tcase_create("methods"), *values = tcase_create("values");
	TCase *nils = tcase_create("nil");
	tcase_add_test(methods, test_methods);
	tcase_add_test(values, test_values);
	tcase_add_test(nils, test_nil);
	suite_add_tcase(s, methods);
	suite_add_tcase(s, values);
	suite_add_tcase(s, nils);
	return s;
}

#include "check_main.h"
