/* SPDX-License-Identifier: BSD-2-Clause */
/* help.c - --help from the option tables, the help topics, gort version. */
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "help.h"
#include "man.h"
#include "out.h"

static const struct topic topics[] = {
	{"targets", "how to name a process",
		"A target is a pid or the name of a process: the name ps shows or the file name "
		"of\n"
		"its executable. Only Go programs (1.22 to 1.27) and C programs on libgort can be\n"
		"looked into. When several processes have the name, gort lists them and exits 2.\n"
		"A process in a container is named by the pid it has outside; inside the "
		"container\n"
		"by the one it has there. From another container: --host-proc DIR with the host's\n"
		"/proc mounted at DIR, and the pid it has there.\n"
		"A core file is a target of stacks, gc, heap, chans, leaks, record and ps, "
		"whether\n"
		"the kernel or gdb's gcore wrote it: \"gort stacks ./core.4121\". What it leaves "
		"out\n"
		"is read from the files of then, if they are still the same. When the executable\n"
		"is elsewhere now: --exe FILE. A core that shall need no files:\n"
		"  echo 0x7f > /proc/PID/coredump_filter; gcore -o core PID\n"
		"After -- stands a command that gort starts, as in \"gort top -- ./app -p 80\": "
		"of\n"
		"top, stacks, record, serve, sched, gc, chans, heap and leaks. They look a second\n"
		"after its start, or --after TIME; top, serve and record -e cpu look at once. "
		"What\n"
		"it prints goes to standard error, with -o FILE to its own place, under the "
		"screen\n"
		"of gort top nowhere. gort ends after it.\n"
		"The target is not stopped, signalled or written to: its memory is read from\n"
		"outside, and what changed while it was read is read again. What is more is "
		"asked\n"
		"for by name: --pause stops running threads, one by one, for their stacks; gort "
		"leaks\n"
		"--freeze stops all of them while the heap is copied. Both say for how long. They "
		"go on even when gort is killed meanwhile.\n"},
	{"permissions", "what gort may look into, and why not",
		"Reading another process needs the right to trace it: root, CAP_SYS_PTRACE, or "
		"the\n"
		"same user when kernel.yama.ptrace_scope is 0. In a container add it with\n"
		"  docker run --cap-add=SYS_PTRACE ...\n"
		"`gort sched` counts with eBPF: root, or CAP_BPF and CAP_PERFMON. To use gort\n"
		"without sudo:\n"
		"  sudo setcap cap_sys_ptrace,cap_bpf,cap_perfmon+ep \"$(command -v gort)\"\n"},
	{"exit-codes", "what the exit code says",
		"0    done\n"
		"1    failed, or nothing to show\n"
		"2    wrong usage\n"
		"3    target not found, or gone\n"
		"4    no permission\n"
		"5    target not supported\n"
		"66   findings (gort race, gort leak; --exit-code N)\n"
		"gort race, gort leak and all others that start a command (gort top -- ./app)\n"
		"otherwise exit as the command did, with 128+N after a\n"
		"signal; 125 when gort itself failed, 126 when the command is not executable, 127\n"
		"when it was not found.\n"},
	{"formats", "text, json, ndjson",
		"Data goes to standard output, remarks to standard error.\n"
		"  -f text    for people (the default)\n"
		"  -f json    one document; \"schema\" names its shape and version: gort.stacks/1\n"
		"  -f ndjson  one object a line, for jq and logs\n"
		"A number that could not be had is - in text and null in JSON, never 0.\n"
		"-o FILE is written under a temporary name and renamed when complete.\n"
		"Findings also as --sarif FILE, --junit FILE and --github, leaks as --pprof FILE; "
		"%p in\n"
		"FILE is the pid of gort, so that go test -exec gort-leak writes a file for each\n"
		"package, with -o, too.\n"},
	{"suppressions", "findings that are known, and findings that do not matter",
		"For gort leaks, gort-leak and gort-race.\n"
		"--baseline FILE: findings that are in FILE do not fail a run, but a place with "
		"more\n"
		"goroutines than before does. --update-baseline adds what was found; a place is "
		"known\n"
		"by the names of its calls, not by line numbers.\n"
		"--suppressions FILE, --ignore PATTERN: findings that match are not reported. A "
		"line:\n"
		"  KIND:PATTERN  # why        (or the reason as a comment in the line above)\n"
		"  any:      a call at the place, or its file\n"
		"  top:      the innermost call there\n"
		"  created:  the call that started the goroutine\n"
		"  reason:   what it waits for, as in brackets: chan send\n"
		"  leak:  race:  deadlock:  mutex:  thread:  signal:\n"
		"            as any:, of findings of that kind only\n"
		"  race_top: as top:, of races; called_from_lib: a call in that library\n"
		"A pattern is a part of the name; * is anything, ^ the start, $ the end. --ignore "
		"takes\n"
		"the same, or a PATTERN alone for any:. gort-race also reads the files that\n"
		"suppressions=FILE in TSAN_OPTIONS, GORACE and GORT_RACE names; they need no why.\n"
		"What was suppressed is counted on standard error.\n"},
	{"environment", "variables that gort and libgort programs read",
		"gort:             NO_COLOR, TERM=dumb, PAGER, GORT_LIBDIR (libgort-race.so),\n"
		"                  GORT_WITHOUT=all      as --without all, for every command\n"
		"libgort programs: GORT_CPUPROFILE=FILE  writes a CPU profile when the program "
		"ends\n"
		"                  GORT_LEAKCHECK=1      ends with 66 when goroutines are left "
		"over\n"
		"                  GORT_LEAKCHECK=CLASS,...   the same of these classes: "
		"unreachable,\n"
		"                                        unreachable-likely, blocked-forever, "
		"extra\n"},
};

#define NTOPICS (sizeof topics / sizeof topics[0])

const struct topic *topic_at(size_t i)
{
	return i < NTOPICS ? &topics[i] : NULL;
}

/* The examples' lines, with the comments in one column. */
static void print_examples(struct out *out, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n"), cmd = strcspn(lines, "#");
		if (cmd >= len)
			out_printf(out, "  %.*s\n", (int)len, lines);
		else
			out_printf(out, "  %-40.*s %.*s\n", (int)cmd, lines, (int)(len - cmd),
				lines + cmd);
		lines += len + (lines[len] == '\n');
	}
}

static void print_option(struct out *out, const struct opt *row)
{
	char left[64], key[8] = "    ";
	if (row->key)
		snprintf(key, sizeof key, "-%c, ", row->key);
	snprintf(left, sizeof left, "%s--%s%s%s", key, row->name, row->arg ? " " : "",
		row->arg ? row->arg : "");
	if (strlen(left) > 28)
		out_printf(out, "  %s\n  %-28s %s\n", left, "", row->help);
	else
		out_printf(out, "  %-28s %s\n", left, row->help);
}

void print_command_help(struct out *out, const struct command *c)
{
	out_printf(out, "%s%s - %s\n\n", command_prefix(c), c->name, c->summary);
	print_examples(out, c->examples);
	out_printf(out, "\nUsage: %s%s %s\n", command_prefix(c), c->name, c->synopsis);
	if (c->alias && strcmp(c->alias, c->name))
		out_printf(out, "       %s %s\n", c->alias, c->synopsis);
	if (c->common & TAKES_START)
		out_printf(out, "       %s%s %.*s-- command\n", command_prefix(c), c->name,
			(int)strcspn(c->synopsis, "<"), c->synopsis);
	out_printf(out, "\nOptions:\n");
	const struct opt *row;
	for (unsigned i = 0; (row = command_opt(c, &i));)
		print_option(out, row);
	if (c->notes)
		out_printf(out, "\n%s\n", c->notes);
}

void print_help(struct out *out)
{
	out_printf(out, "See inside any Go program, and any C program on libgort, while it runs. "
			"No rebuild, no agent, no restart.\n\n");
	print_examples(out,
		"gort ps                # which processes can be looked into\n"
		"gort stacks 4121       # what its goroutines do, grouped\n"
		"gort top --once 4121   # scheduler, collector, goroutines at a glance\n"
		"gort race -- ./app     # find data races\n");
	out_printf(out, "\nUsage: gort COMMAND [options] [target]\n\nCommands:\n");
	for (int i = 0; commands[i]; i++)
		if (command_prefix(commands[i])[0])
			out_printf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	out_printf(out, "\nPrograms: gort-race [--] command, gort-leak [--] command\n");
	out_printf(out,
		"\nA target is a pid, a process name, a core file, or -- and a command to start.\n"
		"More: gort COMMAND --help, gort help TOPIC\nwith TOPIC one of");
	for (size_t i = 0; i < NTOPICS; i++)
		out_printf(out, "%s %s", i ? "," : "", topics[i].name);
	out_printf(out, ".\n");
}

static int print_topic(struct out *out, const char *name, struct gsnap_err *err)
{
	const struct command *c = command_find(name);
	if (c) {
		print_command_help(out, c);
		return 0;
	}
	for (size_t i = 0; i < NTOPICS; i++)
		if (!strcmp(topics[i].name, name)) {
			out_printf(out, "%s - %s\n\n%s", name, topics[i].summary, topics[i].text);
			return 0;
		}
	err_what(err, CLI_USAGE, "help: no command or topic '%s'", name);
	const char *near = command_nearest(name);
	if (near)
		err_try(err, "gort help %s", near);
	err_try(err, "gort help targets|permissions|exit-codes|formats|suppressions|environment");
	return -1;
}

static int run_help(const struct opts *o)
{
	static struct out out;
	struct gsnap_err err = {0};
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	if (o->man && !print_man(&out, o->nargs ? o->args[0] : "gort")) {
		err_what(&err, CLI_USAGE, "help: no manual page '%s'", o->args[0]);
		return err_print(&err);
	}
	if (o->man)
		return out_close(&out);
	if (o->nargs == 0)
		print_help(&out);
	else if (print_topic(&out, o->args[0], &err))
		return err_print(&err);
	return out_close(&out);
}

static int run_version(const struct opts *o)
{
	static struct out out;
	struct gsnap_err err;
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	out_printf(&out, "gort %s (linux/amd64; Go 1.22 to 1.27, libgort)\n", GORT_VERSION);
	return out_close(&out);
}

static const struct opt own[] = {
	{"man", 0, OPT_FLAG, 1, offsetof(struct opts, man), NULL, "the manual page, as roff"},
	{0},
};

const struct command cmd_help = {
	.name = "help",
	.synopsis = "[COMMAND|TOPIC]",
	.summary = "explain a command or a topic",
	.examples = "gort help stacks      # the options of a command\n"
		    "gort help permissions # what gort may look into, and why not\n",
	.own = own,
	.max_args = 1,
	.args = ARGS_TOPICS,
	.run = run_help,
};

const struct command cmd_version = {
	.name = "version",
	.synopsis = "",
	.summary = "print the version",
	.args = ARGS_NONE,
	.examples = "gort version # this gort and the Go versions it knows\n",
	.run = run_version,
};
