/* SPDX-License-Identifier: BSD-2-Clause */
/* error_test.c - errors as values: texts, wrapping, Is, As, Join, types of the program's own. */
#include "child.h"

GORT_SENTINEL(err_not_found, "not found");

struct path_error {
	struct gort_errorobj base;
	const char *path;
	error inner;
};

static const char *path_text(error err)
{
	return ((const struct path_error *)err)->path;
}

static error path_unwrap(error err)
{
	return ((const struct path_error *)err)->inner;
}

GORT_ERROR_TYPE(path_error, .text = path_text, .unwrap = path_unwrap);

/* Equal by value, and answers to another type. */
struct code_error {
	struct gort_errorobj base;
	long code;
};

static const char *code_text(error err)
{
	static __thread char text[32];
	snprintf(text, sizeof(text), "code %ld", ((const struct code_error *)err)->code);
	return text;
}

static bool code_is(error err, error target)
{
	const long code = ((const struct code_error *)err)->code;
	return target->type == err->type && ((const struct code_error *)target)->code == code;
}

static const struct path_error as_path = {{NULL}, "from as", NULL};

static const void *code_as(error err, const struct gort_errortype *t)
{
	(void)err;
	return t == &gort_errortype_path_error ? &as_path : NULL;
}

GORT_ERROR_TYPE(code_error, .text = code_text, .is = code_is, .as = code_as);

static bool says(error err, const char *text)
{
	return err && strcmp(error_text(err), text) == 0;
}

static int texts(int argc, char **argv)
{
	(void)argv;
	char buf[32] = "changes";
	error a = error_new(buf), b = error_new(buf);
	memset(buf, 'x', 4);
	REQUIRE(says(a, "changes") && a != b && strcmp(error_text(nil), "<nil>") == 0);
	REQUIRE(says(errorf("%d%% of %s", argc, "it"), "1% of it"));
	char large[1000];
	memset(large, 'a', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	REQUIRE(says(errorf("%s", large), large));
	REQUIRE(strlen(error_text(error_wrap(a, "%s", large))) == 999 + 2 + 7);
	return 0;
}

static int wrapping(int argc, char **argv)
{
	(void)argc, (void)argv;
	char text[16] = "buffer";
	error inner = errorf("x"), lit = error_wrap(inner, "open"), f = error_wrap(lit, "in %d", 3);
	error copied = error_wrap(inner, "%s", text), percent = error_wrap(inner, "100%%");
	text[0] = 'B';
	REQUIRE(says(f, "in 3: open: x") && error_text(f) == error_text(f));
	REQUIRE(says(copied, "buffer: x") && says(percent, "100%: x"));
	REQUIRE(error_unwrap(f) == lit && error_unwrap(lit) == inner && !error_unwrap(inner));
	REQUIRE(!error_unwrap(nil) && !error_wrap(nil, "open") && !error_wrap(nil, "%d", 1));
	return 0;
}

static int is(int argc, char **argv)
{
	(void)argc, (void)argv;
	error deep = error_wrap(error_wrap(err_not_found, "b"), "a");
	error c1 = error_make(struct code_error, code_error, .code = 1);
	error c2 = error_make(struct code_error, code_error, .code = 1);
	error c3 = error_make(struct code_error, code_error, .code = 3);
	REQUIRE(error_is(deep, err_not_found) && error_is(deep, deep) && error_is(nil, nil));
	REQUIRE(!error_is(err_not_found, deep) && !error_is(deep, nil) && !error_is(nil, deep));
	REQUIRE(c1 != c2 && error_is(error_wrap(c1, "w"), c2) && !error_is(c1, c3));
	REQUIRE(!error_is(deep, error_new("not found")));
	error p = error_make(struct path_error, path_error, .path = "/", .inner = err_not_found);
	REQUIRE(error_is(p, err_not_found) && says(p, "/"));
	return 0;
}

static int as(int argc, char **argv)
{
	(void)argc, (void)argv;
	error p = error_make(struct path_error, path_error, .path = "/p");
	const struct path_error *found =
		error_as(error_wrap(p, "w"), struct path_error, path_error);
	REQUIRE(found && &found->base == p);
	REQUIRE(!error_as(err_not_found, struct path_error, path_error));
	REQUIRE(!error_as(nil, struct path_error, path_error));
	error c = error_make(struct code_error, code_error, .code = 2);
	REQUIRE(error_as(c, struct path_error, path_error) == &as_path);
	REQUIRE(error_as(c, struct code_error, code_error)->code == 2);
	return 0;
}

static int join(int argc, char **argv)
{
	(void)argc, (void)argv;
	error a = error_new("a"), p = error_make(struct path_error, path_error, .path = "p");
	error j = error_join(a, nil, error_wrap(p, "w"), err_not_found);
	REQUIRE(says(j, "a\nw: p\nnot found") && !error_unwrap(j) && !error_join(nil, nil));
	REQUIRE(error_is(j, a) && error_is(j, err_not_found) && !error_is(j, error_new("a")));
	REQUIRE(&error_as(j, struct path_error, path_error)->base == p);
	error nested = error_wrap(error_join(error_join(j), nil), "top");
	REQUIRE(error_is(nested, p) && says(nested, "top: a\nw: p\nnot found"));
	return 0;
}

/* Whoever asks first decides the text; all see the same address. */
static void asks(error err, const char **out, waitgroup *wg)
{
	*out = error_text(err);
	wg_done(wg);
}

static int shared(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 500; i++) {
		const char *seen[4];
		waitgroup wg = {0};
		error err = error_wrap(err_not_found, "round %d", i);
		wg_add(&wg, 4);
		for (int k = 0; k < 4; k++)
			go(asks, err, &seen[k], &wg);
		wg_wait(&wg);
		for (int k = 0; k < 4; k++)
			REQUIRE(seen[k] == seen[0]);
	}
	return 0;
}

START_TEST(test_values)
{
	expect_code(texts, 0);
	expect_code(wrapping, 0);
	expect_code(shared, 0);
}
END_TEST

START_TEST(test_chains)
{
	expect_code(is, 0);
	expect_code(as, 0);
	expect_code(join, 0);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("error");
	TCase *values = tcase_create("values"), *chains = tcase_create("chains");
	tcase_add_test(values, test_values);
	tcase_add_test(chains, test_chains);
	suite_add_tcase(s, values);
	suite_add_tcase(s, chains);
	return s;
}

#include "check_main.h"
