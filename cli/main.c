/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c - picks the command, by verb or by the name gort was started under. */
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "help.h"
#include "out.h"
#include "started.h"

static int show_help(const struct command *c)
{
	static struct out out;
	struct opts o = {0};
	struct gsnap_err err;
	if (out_open(&out, &o, STDOUT_FILENO, &err))
		return err_print(&err);
	if (c)
		print_command_help(&out, c);
	else
		print_help(&out);
	return out_close(&out);
}

/* In run modes 2 is the child's to return, so even wrong usage is gort's own failure there. */
static int run_command(const struct command *c, int argc, char **argv)
{
	struct opts o;
	struct gsnap_err err = {0};
	if (opts_parse(c, argc, argv, &o, &err)) {
		err_print(&err);
		return c->launcher ? CLI_LAUNCH : CLI_USAGE;
	}
	if (o.help)
		return show_help(c);
	return o.starts ? started_run(c, &o) : c->run(&o);
}

static void list_commands(struct gsnap_err *err)
{
	char names[200] = "";
	for (int i = 0; commands[i]; i++)
		if (command_prefix(commands[i])[0] && strlen(names) < sizeof names - 32) {
			strcat(names, " ");
			strncat(names, commands[i]->name, 30);
		}
	err_why(err, "this version has:%s", names);
}

static int unknown_command(const char *name)
{
	struct gsnap_err err;
	const char *near = command_nearest(name);
	if (name[0] == '-')
		err_what(&err, CLI_USAGE, "unknown option '%s' before the command", name);
	else
		err_what(&err, CLI_USAGE, "unknown command '%s'", name);
	if (name[0] == '-')
		err_why(&err, "options follow the command: gort ps --json");
	else
		list_commands(&err);
	if (near)
		err_try(&err, "gort %s      (did you mean that?)", near);
	err_see(&err, "gort --help");
	return err_print(&err);
}

static const struct command *by_alias(const char *argv0)
{
	const char *slash = strrchr(argv0, '/'), *name = slash ? slash + 1 : argv0;
	for (int i = 0; commands[i]; i++)
		if (commands[i]->alias && !strcmp(commands[i]->alias, name))
			return commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *c = argc > 0 ? by_alias(argv[0]) : NULL;
	if (c)
		return run_command(c, argc, argv);
	if (argc < 2) {
		show_help(NULL);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return show_help(NULL);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return run_command(&cmd_version, 1, argv);
	c = command_find(argv[1]);
	return c ? run_command(c, argc - 1, argv + 1) : unknown_command(argv[1]);
}
