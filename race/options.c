/* SPDX-License-Identifier: BSD-2-Clause */
/* options.c - see options.h. */
#include "builtins.h"

#include <stdbool.h>
#include <stdlib.h>

#include "options.h"

struct options options = {.exitcode = 66, .report_limit = 1000};

static const struct {
	const char *name;
	uint32_t *value;
} numbers[] = {
	{"exitcode", &options.exitcode},
	{"halt_on_error", &options.halt_on_error},
	{"report_limit", &options.report_limit},
};

static bool is_name(const char *s, const char *end, const char *name)
{
	while (s < end && *name && *s == *name) {
		s++;
		name++;
	}
	return s == end && !*name;
}

static void set_number(uint32_t *value, const char *s, const char *end)
{
	uint32_t n = 0;
	const char *p = s;
	for (; p < end && *p >= '0' && *p <= '9' && n < 100000000; p++)
		n = n * 10 + (uint32_t)(*p - '0');
	if (p == end && p > s)
		*value = n;
}

static void set(const char *name, const char *eq, const char *end)
{
	for (uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (is_name(name, eq, numbers[i].name))
			set_number(numbers[i].value, eq + 1, end);
	}
	if (!is_name(name, eq, "log_path"))
		return;
	size_t n = (size_t)(end - eq - 1);
	if (n >= sizeof options.log_path)
		return;
	race_memcpy(options.log_path, eq + 1, n);
	options.log_path[n] = '\0';
}

static bool separates(char c)
{
	return c == ' ' || c == ':' || c == ',' || c == '\n' || c == '\t';
}

void options_parse(const char *s)
{
	while (*s) {
		const char *name = s, *eq = NULL;
		for (; *s && !separates(*s); s++) {
			if (*s == '=' && !eq)
				eq = s;
		}
		if (eq)
			set(name, eq, s);
		if (*s)
			s++;
	}
}

void options_read(void)
{
	static const char *const names[] = {"TSAN_OPTIONS", "GORT_RACE"};
	for (int i = 0; i < 2; i++) {
		const char *text = getenv(names[i]);
		if (text)
			options_parse(text);
	}
}
