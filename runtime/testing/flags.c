/* SPDX-License-Identifier: BSD-2-Clause */
/* flags.c - the flags of go test, as a test binary takes them (Go's testing.go and match.go). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/noptr.h"
#include "testing/internal.h"

struct flags flags NOPTRDATA = {.count = 1,
	.benchtime = 1000000000,
	.timeout = 600000000000,
	.memprofilerate = -1,
	.blockprofilerate = 1,
	.mutexprofilefraction = 1};

/* ---- patterns ---- */

/* Where the part that begins at p ends: at one of ends that no bracket holds. */
static const char *part_end(const char *p, const char *ends)
{
	int square = 0, round = 0;
	for (; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[')
			square++;
		else if (*p == ']')
			square -= square > 0;
		else if (*p == '(' && !square)
			round++;
		else if (*p == ')' && !square)
			round -= round > 0;
		else if (!square && !round && strchr(ends, *p))
			break;
	}
	return p;
}

/* As Go reads it: alternatives first, then the elements of each. */
static bool pattern_parse(struct pattern *p, const char *text)
{
	for (p->n = 0; p->n < MAXALTERNATIVE; text++) {
		struct elements *e = &p->alternative[p->n++];
		for (e->n = 0; e->n < MAXLEVEL; text++) {
			const char *end = part_end(text, "/|");
			char element[256];
			if ((size_t)(end - text) >= sizeof(element))
				return false;
			snprintf(element, sizeof(element), "%.*s", (int)(end - text), text);
			if (regcomp(&e->re[e->n++], element, REG_EXTENDED | REG_NOSUB))
				return false;
			text = end;
			if (*text != '/')
				break;
		}
		if (!*text)
			return true;
	}
	return false;
}

static bool elements_match(const struct elements *e, const char *name, bool whole)
{
	char element[256];
	int i = 0;
	for (; *name && i < e->n; i++) {
		size_t n = strcspn(name, "/");
		snprintf(element, sizeof(element), "%.*s", (int)n, name);
		if (regexec(&e->re[i], element, 0, NULL, 0))
			return false;
		name += n + (name[n] == '/');
	}
	return !whole || i == e->n;
}

bool pattern_match(const struct pattern *p, const char *name, bool whole)
{
	for (int i = 0; i < p->n; i++)
		if (elements_match(&p->alternative[i], name, whole))
			return true;
	return p->n == 0;
}

/* ---- values ---- */

static bool number(const char *text, long *n)
{
	char *end;
	*n = strtol(text, &end, 10);
	return *text && !*end;
}

/* "1h2m3.5s", Go's time.ParseDuration without its rarer units. */
static bool duration(const char *text, int64_t *ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"h", 3.6e12}, {"m", 6e10}, {"s", 1e9}};
	double sum = 0;
	bool any_unit = strcmp(text, "0") == 0;
	for (char *end; *text && !(any_unit && strcmp(text, "0") == 0); text = end) {
		double v = strtod(text, &end);
		size_t i = 0, n = sizeof(units) / sizeof(*units);
		while (i < n && strncmp(end, units[i].name, strlen(units[i].name)))
			i++;
		if (end == text || i == n)
			return false;
		sum += v * units[i].ns;
		end += strlen(units[i].name);
		any_unit = true;
	}
	*ns = (int64_t)sum;
	return any_unit;
}

static bool benchtime(const char *text)
{
	size_t n = strlen(text);
	char digits[24];
	if (n < 2 || n > sizeof(digits) || text[n - 1] != 'x')
		return duration(text, &flags.benchtime) && flags.benchtime > 0;
	snprintf(digits, sizeof(digits), "%.*s", (int)n - 1, text);
	return number(digits, &flags.benchn) && flags.benchn > 0;
}

static bool shuffle(const char *text)
{
	long n = (long)time(NULL);
	flags.shuffle = strcmp(text, "off") != 0;
	if (flags.shuffle && strcmp(text, "on") && !number(text, &n))
		return false;
	flags.seed = n;
	return true;
}

/* ---- the command line ---- */

static const struct switches {
	const char *name;
	bool *on;
} switches[] = {{"v", &flags.v}, {"short", &flags.shorter}, {"benchmem", &flags.benchmem},
	{"failfast", &flags.failfast}, {"json", &flags.json}, {"gort.marked", &flags.marked}};

static const struct patterns {
	const char *name;
	struct pattern *p;
	bool *given;
} patterns[] = {{"run", &flags.run_, NULL}, {"skip", &flags.skip_, &flags.skip},
	{"bench", &flags.bench_, &flags.bench}, {"list", &flags.list_, &flags.list},
	{"fuzz", &flags.fuzz_, &flags.fuzz}};

static bool *switch_of(const char *name)
{
	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++)
		if (strcmp(switches[i].name, name) == 0)
			return switches[i].on;
	return NULL;
}

static bool set_pattern(const char *name, const char *value, bool *known)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		if (strcmp(patterns[i].name, name))
			continue;
		*known = true;
		if (patterns[i].given)
			*patterns[i].given = true;
		return pattern_parse(patterns[i].p, value);
	}
	return false;
}

static const struct profiles {
	const char *name;
	const char **file;
	long *rate; /* its rate is given by rate_name; NULL: it has none */
	const char *rate_name;
} profiles[] = {{"cpuprofile", &flags.cpuprofile, NULL, ""},
	{"memprofile", &flags.memprofile, &flags.memprofilerate, "memprofilerate"},
	{"blockprofile", &flags.blockprofile, &flags.blockprofilerate, "blockprofilerate"},
	{"mutexprofile", &flags.mutexprofile, &flags.mutexprofilefraction, "mutexprofilefraction"}};

static bool set_profile(const char *name, const char *value, bool *known)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
		const struct profiles *p = &profiles[i];
		if (p->rate && strcmp(name, p->rate_name) == 0)
			return number(value, p->rate) && *p->rate >= 0;
		if (strcmp(name, p->name) == 0) {
			*p->file = value;
			return true;
		}
	}
	*known = false;
	return true;
}

static bool set(const char *name, const char *value, bool *known)
{
	bool good = set_pattern(name, value, known);
	if (*known)
		return good;
	*known = true;
	if (strcmp(name, "count") == 0)
		return number(value, &flags.count);
	if (strcmp(name, "parallel") == 0)
		return number(value, &flags.parallel) && flags.parallel > 0;
	if (strcmp(name, "benchtime") == 0)
		return benchtime(value);
	if (strcmp(name, "timeout") == 0)
		return duration(value, &flags.timeout);
	if (strcmp(name, "fuzztime") == 0)
		return duration(value, &flags.fuzztime);
	if (strcmp(name, "shuffle") == 0)
		return shuffle(value);
	return set_profile(name, value, known);
}

static bool set_switch(bool *on, const char *value)
{
	*on = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
	return !value || *on || strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
}

/* One flag; *next: whether its value is the following argument. */
static bool flag(const char *arg, const char *following, bool *next)
{
	char name[32];
	arg += arg[1] == '-' ? 2 : 1;
	arg += strncmp(arg, "test.", 5) == 0 ? 5 : 0;
	const char *value = strchr(arg, '=');
	snprintf(name, sizeof(name), "%.*s", value ? (int)(value - arg) : (int)strlen(arg), arg);
	bool *on = switch_of(name), known = on != NULL, good;
	value = value ? value + 1 : NULL;
	*next = !on && !value;
	if (on)
		good = set_switch(on, value);
	else
		good = (value || following) && set(name, value ? value : following, &known);
	if (!good)
		fprintf(stderr,
			known ? "bad or missing value of flag -%s\n"
			      : "flag provided but not defined: -%s\n",
			name);
	return good;
}

bool flags_parse(int argc, char **argv)
{
	flags.parallel = gort_gomaxprocs(0);
	for (int i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		bool next;
		if (!flag(argv[i], argv[i + 1], &next))
			return false;
		i += next;
	}
	return true;
}
