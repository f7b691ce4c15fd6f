/* SPDX-License-Identifier: BSD-2-Clause */
/* commands.c - the table of commands, and how a name is looked up in it. */
#include "cli.h"

/* clang-format off: one a line */
const struct command *const commands[] = {
	&cmd_ps,
	&cmd_top,
	&cmd_stacks,
	&cmd_record,
	&cmd_serve,
	&cmd_sched,
	&cmd_gc,
	&cmd_chans,
	&cmd_heap,
	&cmd_leaks,
	&cmd_race,
	&cmd_leak,
	&cmd_diff,
	&cmd_doctor,
	&cmd_completion,
	&cmd_help,
	&cmd_version,
	NULL,
};
/* clang-format on */

const char *command_prefix(const struct command *c)
{
	return strncmp(c->name, "gort-", 5) ? "gort " : "";
}

const struct command *command_find(const char *name)
{
	for (int i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

const char *command_nearest(const char *name)
{
	const char *best = NULL;
	unsigned nearest = 3;
	for (int i = 0; commands[i]; i++) {
		unsigned d = edit_distance(name, commands[i]->name);
		if (d < nearest && d < strlen(commands[i]->name)) {
			nearest = d;
			best = commands[i]->name;
		}
	}
	return best;
}
