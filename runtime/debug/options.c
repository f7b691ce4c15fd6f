/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - the table of all that libgort takes from the environment (Go's runtime1.go
 * parsedebugvars).
 *
 * A variable that Go has too is read under its own name and under GORT_ and that name, which wins,
 * so that a program which starts Go programs can tell them apart from itself. GORT_DEBUG has the
 * syntax of GODEBUG: the last of several values counts, and a name that is not known is not an
 * error, since it may be an option of another version.
 */
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gort/debug.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct options options = {.traceback = TRACE_SINGLE, .gogc = 100, .memlimit = INT64_MAX};
#define MEMPROFILERATE (512 << 10)

struct debugvars debug = {.stackidle = 5000, .heapidle = 1000, .memprofilerate = MEMPROFILERATE};

struct option {
	const char *name;
	bool (*parse)(const struct option *o, const char *text);
	void *to;
	bool gos;         /* Go's: GORT_ before the name is ours */
	int32_t min, max; /* of numbers */
	const char *want; /* of others: what a right value is */
};

static bool parsenumber(const struct option *o, const char *text)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (end == text || *end || errno || n < o->min || n > o->max)
		return false;
	*(int32_t *)o->to = (int32_t)n;
	return true;
}

static bool parsesize(const struct option *o, const char *text)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	int shift = 0;
	if (end == text || errno || n <= 0)
		return false;
	if (*end == 'k' || *end == 'K')
		shift = 10;
	else if (*end == 'm' || *end == 'M')
		shift = 20;
	if (end[shift != 0] || n > INT64_MAX >> shift)
		return false;
	*(int64_t *)o->to = (int64_t)n << shift;
	return true;
}

/* Microseconds; "100us", "1ms" or a bare number. */
static bool parsemicros(const struct option *o, const char *text)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (!strcmp(end, "ms") && n <= INT32_MAX / 1000)
		n *= 1000;
	else if (*end && strcmp(end, "us"))
		return false;
	if (end == text || errno || n < o->min || n > o->max)
		return false;
	*(int32_t *)o->to = (int32_t)n;
	return true;
}

static bool parsetext(const struct option *o, const char *text)
{
	*(const char **)o->to = text;
	return true;
}

static bool parsegogc(const struct option *o, const char *text)
{
	if (strcmp(text, "off") != 0)
		return parsenumber(o, text);
	*(int32_t *)o->to = -1;
	return true;
}

/* Go's: bytes, or with a unit. */
static bool parsememlimit(const struct option *o, const char *text)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	unsigned shift = 0;
	if (!strcmp(text, "off")) {
		*(int64_t *)o->to = INT64_MAX;
		return true;
	}
	while (*end && shift <= 40 && strcmp(end, units[shift / 10]) != 0)
		shift += 10;
	if (end == text || errno || n < 0 || shift > 40 || n > INT64_MAX >> shift)
		return false;
	*(int64_t *)o->to = (int64_t)n << shift;
	return true;
}

static bool parsetraceback(const struct option *o, const char *text)
{
	static const struct {
		const char *name;
		enum tracelevel level;
	} levels[] = {{"none", TRACE_NONE}, {"single", TRACE_SINGLE}, {"all", TRACE_ALL},
		{"system", TRACE_SYSTEM}, {"crash", TRACE_CRASH}, {"0", TRACE_NONE},
		{"1", TRACE_ALL}, {"2", TRACE_SYSTEM}};
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		if (!strcmp(text, levels[i].name)) {
			*(int32_t *)o->to = levels[i].level;
			return true;
		}
	}
	return false;
}

/* 0, 1, wait, or classes, each with its bit. */
static bool parseleakcheck(const struct option *o, const char *text)
{
	if (!strcmp(text, "wait")) {
		*(int32_t *)o->to = LEAKCHECK_WAIT;
		return true;
	}
	static const char *const names[] = {
		"1", "extra", "unreachable", "unreachable-likely", "blocked-forever"};
	static const int32_t bits[] = {GORT_LEAK_EXTRA, GORT_LEAK_EXTRA, GORT_LEAK_UNREACHABLE,
		GORT_LEAK_LIKELY, GORT_LEAK_FOREVER};
	int32_t all = 0;
	for (size_t len; *text; text += len + (text[len] == ',')) {
		size_t i = 0;
		len = strcspn(text, ",");
		while (i < COUNT(names) && (strlen(names[i]) != len || memcmp(names[i], text, len)))
			i++;
		if (i == COUNT(names) && strcmp(text, "0") != 0)
			return false;
		all |= i < COUNT(names) ? bits[i] : 0;
	}
	*(int32_t *)o->to = all;
	return true;
}

static bool parsegcroots(const struct option *o, const char *text)
{
	*(int32_t *)o->to = strcmp(text, "all") == 0;
	return *(int32_t *)o->to;
}

static bool parsegcmode(const struct option *o, const char *text)
{
	static const char *const names[] = {
		[GCMODE_BARRIER] = "barrier", [GCMODE_KERNEL] = "kernel", [GCMODE_STW] = "stw"};
	for (int32_t i = GCMODE_BARRIER; i <= GCMODE_STW; i++) {
		if (!strcmp(text, names[i])) {
			*(int32_t *)o->to = i;
			return true;
		}
	}
	return false;
}

static const struct option variables[] = {
	{"GOGC", parsegogc, &options.gogc, .gos = true, .max = INT32_MAX,
		.want = "a percentage or off"},
	{"GOMEMLIMIT", parsememlimit, &options.memlimit, .gos = true,
		.want = "a size such as 512MiB or 2GiB, or off"},
	{"GOMAXPROCS", parsenumber, &options.gomaxprocs, .gos = true, .min = 1, .max = INT32_MAX},
	{"GOTRACEBACK", parsetraceback, &options.traceback, .gos = true,
		.want = "none, single, all, system or crash"},
	{"GORT_GCMODE", parsegcmode, &options.gcmode, .want = "barrier, kernel or stw"},
	{"GORT_GCROOTS", parsegcroots, &options.gcroots, .want = "all"},
	{"GORT_STACK", parsesize, &options.stack, .want = "a size such as 64k, 256k, 1m or 8m"},
	{"GORT_LEAKCHECK", parseleakcheck, &options.leakcheck,
		.want = "0, 1, wait, or some of unreachable, unreachable-likely, blocked-forever "
			"and extra"},
	{"GORT_CPUPROFILE", parsetext, &options.cpuprofile, .want = "a file name"},
};

#define DEBUGVAR(var, least, most)                                                              \
	{                                                                                       \
		.name = #var, .parse = parsenumber, .to = &debug.var, .min = least, .max = most \
	}

/* In the order of the alphabet. */
static const struct option debugvariables[] = {
	DEBUGVAR(asyncpreemptoff, 0, 1),
	DEBUGVAR(blockprofilerate, 0, INT32_MAX),
	DEBUGVAR(clobberfree, 0, 1),
	DEBUGVAR(escapecheck, 0, 2),
	DEBUGVAR(gcbarriercheck, 0, 1),
	DEBUGVAR(gccheckmark, 0, 1),
	DEBUGVAR(gcmalloccheck, 0, 1),
	DEBUGVAR(gcstress, 0, INT32_MAX),
	DEBUGVAR(gctrace, 0, 2),
	DEBUGVAR(memprofilerate, 0, INT32_MAX),
	DEBUGVAR(mutexprofilefraction, 0, INT32_MAX),
	{"preempt", parsemicros, &debug.preempt, .min = 0, .max = 1000000,
		.want = "a time such as 100us or 1ms, at most 1000ms"},
	DEBUGVAR(preemptsignal, 1, 64),
	DEBUGVAR(rseqoff, 0, 1),
	DEBUGVAR(scheddetail, 0, 1),
	DEBUGVAR(schedtrace, 0, INT32_MAX),
	DEBUGVAR(stackguard, 0, 2),
	DEBUGVAR(stackidle, 1, INT32_MAX / 1000),
	DEBUGVAR(heapidle, 1, INT32_MAX / 1000),
	DEBUGVAR(tracebacklabels, 0, 1),
};

/* where: "GORT_DEBUG=" for an option inside it. */
static void set(const struct option *o, const char *where, const char *name, const char *text)
{
	char range[64];
	if (o->parse(o, text))
		return;
	const char *want = o->want;
	if (!want) {
		snprintf(range, sizeof range, "a whole number from %d to %d", o->min, o->max);
		want = range;
	}
	dprintf(2, "gort: %s%s=%s makes no sense and is left out: want %s\n", where, name, text,
		want);
}

static void readvariable(const struct option *o)
{
	char ours[64];
	const char *name = o->name, *text = NULL;
	if (o->gos) {
		snprintf(ours, sizeof ours, "GORT_%s", o->name);
		text = secure_getenv(ours);
		name = text && *text ? ours : o->name;
	}
	if (!text || !*text)
		text = secure_getenv(o->name);
	if (text && *text)
		set(o, "", name, text);
}

/* One name=value of GORT_DEBUG. */
static void readfield(const char *field, size_t len)
{
	char text[128];
	const char *equals = memchr(field, '=', len);
	if (!equals)
		return;
	size_t name = (size_t)(equals - field);
	snprintf(text, sizeof text, "%.*s", (int)(len - name - 1), equals + 1);
	for (size_t i = 0; i < COUNT(debugvariables); i++) {
		const struct option *o = &debugvariables[i];
		if (strlen(o->name) == name && !memcmp(o->name, field, name))
			set(o, "GORT_DEBUG=", o->name, text);
	}
}

void optionsinit(void)
{
	for (size_t i = 0; i < COUNT(variables); i++)
		readvariable(&variables[i]);
	for (const char *at = secure_getenv("GORT_DEBUG"); at && *at;) {
		size_t len = strcspn(at, ",");
		readfield(at, len);
		at += len + (at[len] == ',');
	}
	if (debug.escapecheck && debug.memprofilerate == MEMPROFILERATE)
		debug.memprofilerate = 1; /* so that it can tell where objects were allocated */
}
