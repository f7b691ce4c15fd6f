/* SPDX-License-Identifier: BSD-2-Clause */
/* options.c - see options.h. */
#include "builtins.h"

#include <stdbool.h>

#include "options.h"

struct options options = {
	.exitcode = 66,
	.report_limit = 1000000,
	.suppress_equal_stacks = 1,
	.report_bugs = 1,
	.report_thread_leaks = 1,
	.report_destroy_locked = 1,
	.report_mutex_bugs = 1,
	.report_signal_unsafe = 1,
	.report_atomic_races = 1,
	.detect_deadlocks = 1,
	.follow = 1,
	.direct_calls = 1,
	.atexit_sleep_ms = 1000,
	.coverage_dir = ".",
};

static const struct {
	const char *name;
	uint32_t *value;
} numbers[] = {
	{"exitcode", &options.exitcode},
	{"halt_on_error", &options.halt_on_error},
	{"report_limit", &options.report_limit},
	{"suppress_equal_stacks", &options.suppress_equal_stacks},
	{"report_bugs", &options.report_bugs},
	{"report_thread_leaks", &options.report_thread_leaks},
	{"report_destroy_locked", &options.report_destroy_locked},
	{"report_mutex_bugs", &options.report_mutex_bugs},
	{"report_signal_unsafe", &options.report_signal_unsafe},
	{"report_atomic_races", &options.report_atomic_races},
	{"detect_deadlocks", &options.detect_deadlocks},
	{"follow", &options.follow},
	{"direct_calls", &options.direct_calls},
	{"second_deadlock_stack", &options.second_deadlock_stack},
	{"print", &options.print},
	{"log_fd", &options.log_fd},
	{"atexit_sleep_ms", &options.atexit_sleep_ms},
	{"coverage", &options.coverage},
};

static const struct {
	const char *name;
	char *value; /* of sizeof options.log_path */
} texts[] = {
	{"log_path", options.log_path},
	{"strip_path_prefix", options.strip_path_prefix},
	{"coverage_dir", options.coverage_dir},
};

static bool is_name(const char *s, const char *end, const char *name)
{
	while (s < end && *name && *s == *name) {
		s++;
		name++;
	}
	return s == end && !*name;
}

uint32_t options_number(const char *s)
{
	uint32_t n = 0;
	for (; *s >= '0' && *s <= '9' && n < 100000000; s++)
		n = n * 10 + (uint32_t)(*s - '0');
	return n;
}

static void set_number(uint32_t *value, const char *s, const char *end)
{
	const char *p = s;
	if (is_name(s, end, "true") || is_name(s, end, "yes"))
		*value = 1;
	if (is_name(s, end, "false") || is_name(s, end, "no"))
		*value = 0;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p == end && p > s)
		*value = options_number(s);
}

static void set(const char *name, const char *eq, const char *value, const char *end)
{
	for (uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (is_name(name, eq, numbers[i].name))
			set_number(numbers[i].value, value, end);
	}
	size_t n = (size_t)(end - value);
	for (uint32_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (!is_name(name, eq, texts[i].name) || n >= sizeof options.log_path)
			continue;
		race_memcpy(texts[i].value, value, n);
		texts[i].value[n] = '\0';
	}
}

static bool separates(char c)
{
	return c == ' ' || c == ':' || c == ',' || c == '\n' || c == '\t';
}

/* The end of a value that begins at s; one in quotes may hold separators. */
static const char *value_end(const char *s)
{
	char quote = *s == '\'' || *s == '"' ? *s : '\0';
	for (s += quote != '\0'; *s; s++) {
		if (quote ? *s == quote : separates(*s))
			break;
	}
	return s;
}

void options_parse(const char *s)
{
	while (*s) {
		const char *name = s;
		while (*s && *s != '=' && !separates(*s))
			s++;
		if (*s == '=') {
			const char *eq = s, *end = value_end(eq + 1);
			bool quoted = eq[1] == '\'' || eq[1] == '"';
			set(name, eq, eq + 1 + quoted, end);
			s = end;
		}
		if (*s)
			s++;
	}
}
