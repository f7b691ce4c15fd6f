/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opt.c - from argv to struct opts by the table of a command.
 *
 * getopt_long does the splitting; its arrays are built from the rows, and each row says where its
 * value goes. A row common to several commands exists once, here, so that the same flag means the
 * same everywhere; a command lists which of them it takes and adds its own.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include "err.h"

#define MAX_OPTS  48
#define LONG_KEY  256 /* val of row i in the getopt array, so that it cannot be a letter */
#define AT(field) offsetof(struct opts, field)

static const struct opt common[] = {
	{"duration", 'd', OPT_DURATION, 0, AT(duration_ns), "TIME", "how long: 2s, 500ms, 1m"},
	{"output", 'o', OPT_STRING, 0, AT(output), "FILE", "write to FILE instead of the default"},
	{"format", 'f', OPT_CHOICE, 0, AT(format), "text|json|ndjson", "output format"},
	{"color", 0, OPT_CHOICE, 0, AT(color), "auto|always|never", "colours; also NO_COLOR"},
	{"no-pager", 0, OPT_FLAG, 1, AT(no_pager), NULL, "never start a pager on a terminal"},
	{"host-proc", 0, OPT_STRING, 0, AT(host_proc), "DIR", "procfs to look into, not /proc"},
	{"without", 0, OPT_FEATURES, 0, AT(without), "FEATURE,...", "do without: bpf, perf, all"},
	{"exit-code", 0, OPT_NUMBER, 0, AT(exit_code), "N", "exit with N on findings, not 66"},
	{"pause", 0, OPT_FLAG, 1, AT(pause), NULL,
		"stop running threads, one by one, for their stacks"},
	{"max-pause", 0, OPT_DURATION, 0, AT(max_pause_ns), "TIME", "at most that long each (5ms)"},
	{"ignore", 0, OPT_IGNORE, 0, 0, "PATTERN",
		"hide findings with a call of that name; again for more"},
	{"suppressions", 0, OPT_STRING, 0, AT(suppressions), "FILE", "hide what its lines match"},
	{"baseline", 0, OPT_STRING, 0, AT(baseline), "FILE",
		"only findings that are not in it count"},
	{"update-baseline", 0, OPT_FLAG, 1, AT(update_baseline), NULL, "add the findings to it"},
	{"sarif", 0, OPT_STRING, 0, AT(sarif), "FILE", "write findings as SARIF 2.1.0"},
	{"junit", 0, OPT_STRING, 0, AT(junit), "FILE", "write findings as JUnit XML"},
	{"github", 0, OPT_FLAG, 1, AT(github), NULL, "annotate the workflow of GitHub Actions"},
	{"exe", 0, OPT_STRING, 0, AT(exe), "FILE", "the executable of a core, where it is now"},
	{"after", 0, OPT_DURATION, 0, AT(after_ns), "TIME",
		"with -- command: look so long after its start"},
};

static const struct opt json = {
	"json", 0, OPT_FLAG, FORMAT_JSON, AT(format), NULL, "same as -f json"};

static const struct opt always[] = {
	{"quiet", 'q', OPT_FLAG, 1, AT(quiet), NULL, "no remarks on standard error"},
	{"verbose", 'v', OPT_FLAG, 1, AT(verbose), NULL, "say what was read and what it cost"},
	{"help", 'h', OPT_FLAG, 1, AT(help), NULL, "this text; needs no privileges"},
};

static const struct {
	const char *name;
	unsigned bit;
} features[] = {{"bpf", FEATURE_BPF}, {"perf", FEATURE_PERF}, {"all", ~0u}};

#define LEN(a) (sizeof(a) / sizeof(a)[0])

/* Rows in the order own, common, json, always; *i counts candidates, taken or not. */
const struct opt *command_opt(const struct command *c, unsigned *i)
{
	unsigned rows = 0;
	while (c->own && c->own[rows].name)
		rows++;
	for (;;) {
		unsigned k = (*i)++;
		if (k < rows)
			return &c->own[k];
		k -= rows;
		if (k < LEN(common)) {
			if (c->common & (1u << k))
				return &common[k];
			continue;
		}
		k -= LEN(common);
		if (k == 0 && c->common & TAKES_FORMAT)
			return &json;
		if (k >= 1 && k <= LEN(always))
			return &always[k - 1];
		if (k > LEN(always))
			return NULL;
	}
}

struct getopt_args {
	const struct opt *rows[MAX_OPTS];
	struct option longs[MAX_OPTS + 1];
	char shorts[2 * MAX_OPTS + 4];
	int n;
};

static void build(const struct command *c, struct getopt_args *g)
{
	*g = (struct getopt_args){0};
	char *s = g->shorts;
	*s++ = c->launcher ? '+' : ':';
	if (c->launcher)
		*s++ = ':';
	const struct opt *row;
	for (unsigned i = 0; g->n < MAX_OPTS && (row = command_opt(c, &i)); g->n++) {
		int has = row->kind == OPT_FLAG ? no_argument : required_argument;
		g->rows[g->n] = row;
		g->longs[g->n] = (struct option){row->name, has, NULL, LONG_KEY + g->n};
		if (row->key)
			*s++ = row->key;
		if (row->key && has == required_argument)
			*s++ = ':';
	}
}

static const struct opt *row_of(const struct getopt_args *g, int val)
{
	if (val >= LONG_KEY)
		return g->rows[val - LONG_KEY];
	for (int i = 0; i < g->n; i++)
		if (g->rows[i]->key == val)
			return g->rows[i];
	return NULL;
}

int64_t parse_duration(const char *text)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	double total = 0;
	do {
		char *end;
		if (text[0] < '0' || text[0] > '9')
			return -1;
		double v = strtod(text, &end);
		size_t len = strcspn(end, "0123456789."), u = 0;
		while (u < LEN(units) &&
			(strlen(units[u].name) != len || strncmp(end, units[u].name, len)))
			u++;
		if (u == LEN(units) && len > 0)
			return -1;
		total += v * (len ? units[u].ns : 1e9);
		text = end + len;
	} while (*text);
	return total < 9e18 ? (int64_t)total : -1;
}

static int choice(const char *words, const char *arg)
{
	size_t len = strlen(arg);
	for (int i = 0; words; i++) {
		size_t n = strcspn(words, "|");
		if (n == len && !strncmp(words, arg, n))
			return i;
		words = words[n] ? words + n + 1 : NULL;
	}
	return -1;
}

static bool number(const char *text, uint64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno;
}

static bool add_ids(struct opts *o, const char *arg)
{
	char copy[1024];
	if (strlen(arg) >= sizeof copy)
		return false;
	strcpy(copy, arg);
	for (char *save, *word = strtok_r(copy, ",", &save); word;
		word = strtok_r(NULL, ",", &save)) {
		if (o->nids == MAX_IDS || !number(word, &o->ids[o->nids]))
			return false;
		o->nids++;
	}
	return o->nids > 0;
}

static bool add_features(unsigned *bits, const char *arg)
{
	while (*arg) {
		size_t n = strcspn(arg, ","), i = 0;
		while (i < LEN(features) &&
			(strlen(features[i].name) != n || strncmp(features[i].name, arg, n)))
			i++;
		if (i == LEN(features))
			return false;
		*bits |= features[i].bit;
		arg += n + (arg[n] == ',');
	}
	return *bits != 0;
}

static bool set(const struct opt *row, struct opts *o, const char *arg)
{
	void *field = (char *)o + row->field;
	uint64_t n;
	int word;
	switch (row->kind) {
	case OPT_FLAG:
		*(int *)field = row->value;
		return true;
	case OPT_CHOICE:
		word = choice(row->arg, arg);
		*(int *)field = row->value + word;
		return word >= 0;
	case OPT_STRING:
	case OPT_TEXT:
		*(const char **)field = arg;
		return arg[0] != '\0';
	case OPT_DURATION:
		return (*(int64_t *)field = parse_duration(arg)) >= 0;
	case OPT_NUMBER:
		if (!number(arg, &n) || n > INT32_MAX || n < (uint64_t)row->value)
			return false;
		*(int64_t *)field = n;
		return true;
	case OPT_IDS:
		return add_ids(o, arg);
	case OPT_FEATURES:
		return add_features(field, arg);
	case OPT_IGNORE:
		if (o->nignores == MAX_IGNORES || !arg[0])
			return false;
		o->ignores[o->nignores++] = arg;
		return true;
	}
	return false;
}

static int usage(const struct command *c, struct gsnap_err *err)
{
	err_try(err, "%s%s %s", command_prefix(c), c->name, c->synopsis);
	err_see(err, "%s%s --help", command_prefix(c), c->name);
	return -EINVAL;
}

static int bad_value(
	const struct command *c, const struct opt *row, const char *arg, struct gsnap_err *err)
{
	err_what(err, CLI_USAGE, "%s: bad value '%s' for --%s", c->name, arg, row->name);
	if (row->kind == OPT_NUMBER)
		err_why(err, "it takes a number from %d on: %s", row->value, row->help);
	else
		err_why(err, "it takes %s: %s", row->arg, row->help);
	return usage(c, err);
}

/* Whether some command has the option, to tell a typing error from the wrong place. */
static bool known_elsewhere(const char *word)
{
	for (int k = 0; commands[k]; k++) {
		const struct opt *row;
		for (unsigned i = 0; (row = command_opt(commands[k], &i));) {
			if (word[0] == '-' && word[1] == '-' &&
				!strncmp(word + 2, row->name, strcspn(word + 2, "=")) &&
				strlen(row->name) == strcspn(word + 2, "="))
				return true;
			if (word[0] == '-' && word[1] && word[1] == row->key)
				return true;
		}
	}
	return false;
}

static int bad_option(const struct command *c, const char *word, struct gsnap_err *err)
{
	err_what(err, CLI_USAGE, "%s: unknown option '%s'", c->name, word);
	if (known_elsewhere(word))
		err_why(err, "other commands have it, %s does not take it", c->name);
	return usage(c, err);
}

static int check_started(const struct command *c, const struct opts *o, struct gsnap_err *err)
{
	if (o->nargs == 0)
		err_what(err, CLI_USAGE, "%s: no command after --", c->name);
	else if (o->host_proc)
		err_what(err, CLI_USAGE, "%s: --host-proc and -- command exclude each other",
			c->name);
	else
		return 0;
	return usage(c, err);
}

static int check_args(const struct command *c, const struct opts *o, struct gsnap_err *err)
{
	if (o->exit_code > UINT8_MAX) { /* of which the kernel would keep the last byte */
		err_what(err, CLI_USAGE, "%s: --exit-code takes 0 to 255", c->name);
		return usage(c, err);
	}
	if (o->starts && !o->help)
		return check_started(c, o, err);
	if (o->after_ns >= 0 && !o->help) {
		err_what(err, CLI_USAGE, "%s: --after goes with -- command", c->name);
		return usage(c, err);
	}
	if (o->help || (o->nargs >= c->min_args && o->nargs <= c->max_args))
		return 0;
	if (o->nargs > c->max_args)
		err_what(err, CLI_USAGE, "%s: one word too many: '%s'", c->name,
			o->args[c->max_args]);
	else if (c->launcher)
		err_what(err, CLI_USAGE, "%s: no command to run", c->name);
	else if (c->args != ARGS_DEFAULT)
		err_what(err, CLI_USAGE, "%s: a word is missing", c->name);
	else
		err_what(err, CLI_USAGE, "%s: no target", c->name);
	if (!c->launcher && o->nargs < c->min_args && c->args == ARGS_DEFAULT)
		err_why(err, "the target is a pid or the name of a process%s%s; gort ps lists them",
			c->common & TAKES_CORE ? ", or a core file" : "",
			c->common & TAKES_START ? ", or -- and a command" : "");
	return usage(c, err);
}

/* GORT_WITHOUT is --without for every gort below a process: how a whole test run does without. */
static int from_environment(struct opts *o, struct gsnap_err *err)
{
	const char *value = getenv("GORT_WITHOUT");
	if (!value || !*value || add_features(&o->without, value))
		return 0;
	err_what(err, CLI_USAGE, "bad value '%s' of GORT_WITHOUT", value);
	err_why(err, "it takes what --without takes: bpf, perf, all");
	err_see(err, "gort help environment");
	return -EINVAL;
}

int opts_parse(
	const struct command *c, int argc, char **argv, struct opts *o, struct gsnap_err *err)
{
	struct getopt_args g;
	/* Counted before getopt moves words that stand in front of "--" behind it. */
	int after_dashes = argc - 1;
	while (after_dashes > 0 && strcmp(argv[argc - 1 - after_dashes], "--"))
		after_dashes--;
	build(c, &g);
	*o = (struct opts){.duration_ns = -1,
		.min_wait_ns = -1,
		.count = -1,
		.exit_code = -1,
		.after_ns = -1,
		.max_pause_ns = 5000000};
	if (from_environment(o, err))
		return -EINVAL;
	opterr = 0;
	optind = 0;
	for (;;) {
		int val = getopt_long(argc, argv, g.shorts, g.longs, NULL);
		if (val == -1)
			break;
		char letter[] = {'-', (char)optopt, 0};
		const char *word = optopt > 0 && optopt < LONG_KEY ? letter : argv[optind - 1];
		if (val == '?')
			return bad_option(c, word, err);
		if (val == ':') {
			err_what(err, CLI_USAGE, "%s: %s needs a value", c->name, argv[optind - 1]);
			return usage(c, err);
		}
		const struct opt *row = row_of(&g, val);
		if (!set(row, o, optarg))
			return bad_value(c, row, optarg, err);
	}
	o->args = argv + optind;
	o->nargs = argc - optind;
	o->starts = c->common & TAKES_START && after_dashes == o->nargs &&
		    !strcmp(argv[optind - 1], "--");
	o->page = c->common & TAKES_PAGER;
	o->cores = c->common & TAKES_CORE;
	return check_args(c, o, err);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

unsigned edit_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned d[33][33];
	if (na > 31 || nb > 31)
		return 99;
	for (size_t i = 0; i <= na; i++)
		for (size_t k = 0; k <= nb; k++) {
			if (i == 0 || k == 0) {
				d[i][k] = i + k;
				continue;
			}
			unsigned swap = a[i - 1] != b[k - 1];
			d[i][k] = min3(d[i - 1][k] + 1, d[i][k - 1] + 1, d[i - 1][k - 1] + swap);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				d[i][k] = min3(d[i][k], d[i - 2][k - 2] + 1, 99);
		}
	return d[na][nb];
}
