/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli.h - what every part of the command line shares: exit codes, parsed options, commands.
 *
 * The options of a command are rows of a table (struct opt). Parsing, --help and whatever else has
 * to know the options read the same rows, so they cannot disagree.
 */
#ifndef GORT_CLI_H
#define GORT_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "gort/snap.h"

/* Exit codes of the contract; the last three are gort's own failures in run modes, as env(1). */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAIL = 1,
	CLI_USAGE = 2,
	CLI_GONE = 3,
	CLI_PERMISSION = 4,
	CLI_UNSUPPORTED = 5,
	CLI_FINDINGS = 66,
	CLI_LAUNCH = 125,
	CLI_NOT_EXECUTABLE = 126,
	CLI_NOT_FOUND = 127,
};

enum out_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_NDJSON };
enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum group_by { BY_ALL, BY_STATE, BY_STACK, BY_CREATED, BY_WAITING_ON };

/*
 * Mixes a text and its end into a hash; NULL is the empty one. It stays as it is: the fingerprints
 * of baselines are made of it.
 */
static inline uint64_t hash_text(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = gsnap_mix(h + (unsigned char)*s);
	return gsnap_mix(h + 256);
}

/* Kernel features that --without can switch off, as bits of opts.without. */
enum feature { FEATURE_BPF = 1 << 0, FEATURE_PERF = 1 << 1 };

#define MAX_IDS     64
#define MAX_IGNORES 64

/* Everything a command line can say. Flags and choices are ints so that one table can set them. */
struct opts {
	int64_t duration_ns; /* -1 when not given */
	int64_t min_wait_ns;
	int64_t max_pause_ns; /* 5 ms when not given; counts only with pause */
	int64_t count;        /* -n, -1 when not given */
	int64_t exit_code;    /* -1 when not given */
	const char *output, *host_proc, *exe, *event, *fail_on, *listen, *token_file;
	const char *state, *func, *created_by, *label;               /* parts of what is wanted */
	const char *suppressions, *baseline, *sarif, *junit, *pprof; /* report.h */
	const char *ignores[MAX_IGNORES];
	size_t nignores;
	int format, color, by;
	int quiet, verbose, no_pager, all, go, locals, once, batch, leaks, watch, help, man, pause;
	int github, update_baseline, freeze, held, goleak, no_follow, sample;
	bool page;  /* the command may start a pager */
	bool cores; /* its target may be a core file */
	unsigned without;
	uint64_t ids[MAX_IDS];
	size_t nids;
	char **args; /* what is left: the target, or the command to run */
	int nargs;
	bool starts;      /* args are the target's command: gort starts it (started.c) */
	int64_t after_ns; /* and looks so long after that */
};

enum opt_kind {
	OPT_FLAG,     /* int field = value */
	OPT_CHOICE,   /* int field = value + index of the word in arg ("a|b|c") */
	OPT_STRING,   /* const char *, a file */
	OPT_TEXT,     /* const char * that nothing can complete */
	OPT_DURATION, /* int64_t nanoseconds: "2s", "250ms", "1h30m", "1.5" (seconds) */
	OPT_NUMBER,   /* int64_t >= value */
	OPT_IDS,      /* adds to opts.ids; "4711,4713" */
	OPT_FEATURES, /* adds to the unsigned bits of field; "bpf,..." */
	OPT_IGNORE,   /* adds to opts.ignores */
};

struct opt {
	const char *name; /* long name; NULL ends a table */
	char key;         /* short letter or 0 */
	enum opt_kind kind;
	int value;
	size_t field; /* offset in struct opts */
	const char *arg;
	const char *help;
};

/* Common options a command takes, as bits of command.common; the order of opt.c's table. */
enum {
	TAKES_DURATION = 1 << 0,
	TAKES_OUTPUT = 1 << 1,
	TAKES_FORMAT = 1 << 2,
	TAKES_COLOR = 1 << 3,
	TAKES_PAGER = 1 << 4,
	TAKES_PROC = 1 << 5,
	TAKES_WITHOUT = 1 << 6,
	TAKES_EXIT_CODE = 1 << 7,
	TAKES_PAUSE = 1 << 8 | 1 << 9,
	TAKES_REPORT = 0x7f << 10, /* what report_open and report_write want to know */
	TAKES_CORE = 1 << 17,      /* the target may be a core file; --exe */
	TAKES_START = 1 << 18,     /* the target may be "-- command"; --after */
};

/* What the words of a command are, for completion. */
enum arg_words {
	ARGS_DEFAULT, /* targets when it takes --host-proc, a command line when it is a launcher */
	ARGS_NONE,
	ARGS_FILES,
	ARGS_TOPICS,
	ARGS_SHELLS,
};

struct command {
	const char *name;
	const char *synopsis; /* after the name: "[options] <target>" */
	const char *summary;  /* one line, no full stop */
	const char *examples; /* lines "command # meaning" */
	const char *notes;    /* closing paragraph of --help, or NULL */
	const struct opt *own;
	unsigned common;
	int min_args, max_args;
	enum arg_words args;
	bool launcher;     /* options end at the first word that is none: the command to run */
	const char *alias; /* own program name ("gort-race"), or NULL */
	int (*run)(const struct opts *o);
};

extern const struct command cmd_ps;
extern const struct command cmd_top;
extern const struct command cmd_stacks;
extern const struct command cmd_record;
extern const struct command cmd_serve;
extern const struct command cmd_sched;
extern const struct command cmd_gc;
extern const struct command cmd_chans;
extern const struct command cmd_heap;
extern const struct command cmd_leaks;
extern const struct command cmd_race;
extern const struct command cmd_leak;
extern const struct command cmd_diff;
extern const struct command cmd_doctor;
extern const struct command cmd_completion;
extern const struct command cmd_help;
extern const struct command cmd_version;
extern const struct command *const commands[]; /* NULL-terminated, in the order of help */

/* What stands before the name on a command line: "gort ", or "" for a program of its own. */
const char *command_prefix(const struct command *c);
/* NULL when there is none of that name. */
const struct command *command_find(const char *name);
/* The known command nearest to a mistyped name, or NULL when nothing is near. */
const char *command_nearest(const char *name);

/* Parses argv (argv[0] is skipped). 0, or -EINVAL with err filled (code 2). */
int opts_parse(
	const struct command *c, int argc, char **argv, struct opts *o, struct gsnap_err *err);
/* Next row of the options c takes, in the order of help; start with *i = 0; NULL at the end. */
const struct opt *command_opt(const struct command *c, unsigned *i);
/* Nanoseconds, or -1 when text is no duration. */
int64_t parse_duration(const char *text);
/* Edit distance with transpositions, for "did you mean"; words longer than 31 compare as far. */
unsigned edit_distance(const char *a, const char *b);

#endif
