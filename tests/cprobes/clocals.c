/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clocals.c - a program on libgort whose goroutines wait in calls with variables of many kinds. It
 * says what they are, a JSON object a line as tests/probes/golocals.py reads them, and "ready"; it
 * ends with its input.
 */
#include <gort/go.h>
#include <stdio.h>

#define COLD __attribute__((noinline)) static

enum colour { RED = 1, GREEN = 2 };

struct point {
	int x, y;
	const char *name;
	struct point *next;
};

struct packed {
	unsigned low : 3, mid : 9;
	enum colour colour : 4;
};

static chan(int) never;
static chan(int) ready;

static void tell(const char *func, const char *name, const char *type, const char *value)
{
	printf("{\"Func\": \"%s\", \"Name\": \"%s\", \"Type\": \"%s\", \"Value\": \"%s\"}\n", func,
		name, type, value);
}

/* Whoever has their addresses may read the variables while the caller waits, and write them. */
COLD void use(const void *first, ...)
{
	__asm__ volatile("" : : "r"(first) : "memory");
}

COLD void wait_here(void)
{
	chan_send(ready, 1);
	(void)chan_recv(never);
	__asm__ volatile("" ::: "memory");
}

COLD void numbers(int n)
{
	unsigned char small = 200;
	signed char negative = (signed char)-n;
	double half = (double)n + 0.5;
	bool yes = n > 0;
	char letter = 'x';
	enum colour colour = GREEN;
	static int calls = 7;
	char text[32];
	snprintf(text, sizeof text, "%d", n);
	tell("numbers", "n", "int", text);
	tell("numbers", "small", "unsigned char", "200");
	tell("numbers", "negative", "signed char", "-41");
	tell("numbers", "half", "double", "41.5");
	tell("numbers", "yes", "_Bool", "true");
	tell("numbers", "letter", "char", "120 'x'");
	tell("numbers", "colour", "enum colour", "GREEN");
	tell("numbers", "calls", "int", "7");
	use(&n, &small, &negative, &half, &yes, &letter, &colour, &calls);
	wait_here();
	use(&n, &small, &negative, &half, &yes, &letter, &colour, &calls);
}

COLD void aggregates(int n)
{
	static const char *const here = "here";
	struct point last = {n, -7, here, NULL}, *null = NULL;
	struct packed bits = {5, 300, RED};
	int squares[] = {n, n + 1, n + 2};
	char word[8] = "word";
	tell("aggregates", "null", "struct point *", "NULL");
	tell("aggregates", "bits", "struct packed", "{low: 5, mid: 300, colour: 1}");
	tell("aggregates", "squares", "int[3]", "[41, 42, 43]");
	tell("aggregates", "word", "char[8]", "\\\"word\\\"");
	use(&last, &null, &bits, &squares, &word, &n);
	wait_here();
	use(&last, &null, &bits, &squares, &word, &n);
}

int gort_main(int argc, char **argv)
{
	char line[8];
	(void)argv;
	never = make_chan(int, 0);
	ready = make_chan(int, 0);
	go(numbers, argc + 40);
	(void)chan_recv(ready);
	go(aggregates, argc + 40);
	(void)chan_recv(ready);
	printf("ready\n");
	fflush(stdout);
	return fgets(line, sizeof line, stdin) ? 0 : 1;
}
