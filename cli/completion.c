/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * completion.c - `gort completion`: scripts for bash, zsh and fish, written from the option tables.
 *
 * Where a target is due they ask `gort ps`, so that pids and names are those gort can look into;
 * after -- the completion of the command that stands there takes over.
 */
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "help.h"
#include "out.h"

#define TARGETS "gort ps -q 2>/dev/null | awk 'NR > 1 { print $1; print $NF }'"

static const char *const shells[] = {"bash", "zsh", "fish", NULL};

enum words { WORDS_NONE, WORDS_TARGETS, WORDS_COMMANDS, WORDS_FILES, WORDS_TOPICS, WORDS_SHELLS };

static enum words words_of(const struct command *c)
{
	switch (c->args) {
	case ARGS_NONE:
		return WORDS_NONE;
	case ARGS_FILES:
		return WORDS_FILES;
	case ARGS_TOPICS:
		return WORDS_TOPICS;
	case ARGS_SHELLS:
		return WORDS_SHELLS;
	case ARGS_DEFAULT:
		break;
	}
	if (c->launcher)
		return WORDS_COMMANDS;
	return c->common & TAKES_PROC && c->max_args > 0 ? WORDS_TARGETS : WORDS_NONE;
}

/* Text inside '...' of a shell; also: characters that get a backslash. */
static void quoted(struct out *out, const char *text, const char *also)
{
	for (; *text; text++) {
		if (*text == '\'')
			out_text(out, "'\\'");
		else if (strchr(also, *text))
			out_text(out, "\\");
		out_write(out, text, 1);
	}
}

/* "a|b|c" as "a b c". */
static void choices(struct out *out, const char *arg)
{
	for (; *arg; arg++)
		out_write(out, *arg == '|' ? " " : arg, 1);
}

static void topic_words(struct out *out)
{
	for (size_t i = 0; topic_at(i); i++)
		out_printf(out, " %s", topic_at(i)->name);
}

static void command_words(struct out *out)
{
	for (int i = 0; commands[i]; i++)
		if (command_prefix(commands[i])[0])
			out_printf(out, "%s%s", i ? " " : "", commands[i]->name);
}

static void bash_words(struct out *out, enum words w)
{
	static const char *const fixed[] = {[WORDS_NONE] = ":",
		[WORDS_TARGETS] = "COMPREPLY=($(compgen -W \"$(" TARGETS ")\" -- \"$cur\"))",
		[WORDS_COMMANDS] = "COMPREPLY=($(compgen -c -- \"$cur\"))",
		[WORDS_FILES] = "COMPREPLY=($(compgen -f -- \"$cur\"))",
		[WORDS_SHELLS] = "COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\"))"};
	if (w != WORDS_TOPICS) {
		out_text(out, fixed[w]);
		return;
	}
	out_text(out, "COMPREPLY=($(compgen -W '");
	command_words(out);
	topic_words(out);
	out_text(out, "' -- \"$cur\"))");
}

/* After an option: its words, or file names, or nothing when the value is free. */
static void bash_values(struct out *out, const struct command *c)
{
	const struct opt *row;
	for (unsigned i = 0; (row = command_opt(c, &i));) {
		if (row->kind == OPT_FLAG)
			continue;
		out_printf(out, "\t'%s --%s'", c->name, row->name);
		if (row->key)
			out_printf(out, " | '%s -%c'", c->name, row->key);
		out_text(out, ")\n\t\t");
		if (row->kind == OPT_CHOICE) {
			out_text(out, "COMPREPLY=($(compgen -W '");
			choices(out, row->arg);
			out_text(out, "' -- \"$cur\"))\n");
		} else if (row->kind == OPT_STRING) {
			out_text(out, "COMPREPLY=($(compgen -f -- \"$cur\"))\n");
		} else {
			out_text(out, ":\n");
		}
		out_text(out, "\t\treturn ;;\n");
	}
}

static void bash_command(struct out *out, const struct command *c)
{
	const struct opt *row;
	out_printf(out, "\t%s)\n\t\tif [[ $cur == -* ]]; then\n\t\t\tCOMPREPLY=($(compgen -W '",
		c->name);
	for (unsigned i = 0; (row = command_opt(c, &i));)
		out_printf(out, "%s--%s", i > 1 ? " " : "", row->name);
	out_text(out, "' -- \"$cur\"))\n\t\telse\n\t\t\t");
	bash_words(out, words_of(c));
	out_text(out, "\n\t\tfi ;;\n");
}

static void bash(struct out *out)
{
	out_text(out, "# bash completion of gort: source <(gort completion bash)\n"
		      "# shellcheck shell=bash disable=SC2207 # words are what compgen makes\n"
		      "_gort() {\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		      "\tlocal command=${COMP_WORDS[1]} i\n"
		      "\tCOMPREPLY=()\n"
		      "\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
		      "\t\t[ \"${COMP_WORDS[i]}\" = -- ] || continue\n"
		      "\t\tif declare -F _command_offset >/dev/null; then\n"
		      "\t\t\t_command_offset $((i + 1))\n"
		      "\t\telif ((COMP_CWORD == i + 1)); then\n"
		      "\t\t\tCOMPREPLY=($(compgen -c -- \"$cur\"))\n"
		      "\t\telse\n"
		      "\t\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
		      "\t\tfi\n\t\treturn\n\tdone\n"
		      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '");
	command_words(out);
	out_text(out, "' -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase \"$command $prev\" in\n");
	for (int i = 0; commands[i]; i++)
		if (command_prefix(commands[i])[0])
			bash_values(out, commands[i]);
	out_text(out, "\tesac\n\tcase $command in\n");
	for (int i = 0; commands[i]; i++)
		if (command_prefix(commands[i])[0])
			bash_command(out, commands[i]);
	out_text(out, "\tesac\n}\ncomplete -F _gort gort\n");
}

static void zsh_option(struct out *out, const struct opt *row)
{
	out_text(out, " \\\n\t\t\t");
	if (row->key)
		out_printf(
			out, "'(-%c --%s)'{-%c,--%s}'[", row->key, row->name, row->key, row->name);
	else
		out_printf(out, "'--%s[", row->name);
	quoted(out, row->help, "[]:\\");
	out_text(out, "]");
	if (row->kind == OPT_CHOICE) {
		out_printf(out, ":%s:(", row->name);
		choices(out, row->arg);
		out_text(out, ")");
	} else if (row->kind != OPT_FLAG) {
		out_printf(out, ":%s:%s", row->name, row->kind == OPT_STRING ? "_files" : "");
	}
	out_text(out, "'");
}

static void zsh_words(struct out *out, enum words w)
{
	static const char *const fixed[] = {[WORDS_TARGETS] = "'*:target:_gort_targets'",
		[WORDS_COMMANDS] = "'*::command:_normal'",
		[WORDS_FILES] = "'*:file:_files'",
		[WORDS_SHELLS] = "'*:shell:(bash zsh fish)'"};
	if (w == WORDS_NONE)
		return;
	out_text(out, " \\\n\t\t\t");
	if (w != WORDS_TOPICS) {
		out_text(out, fixed[w]);
		return;
	}
	out_text(out, "'*:topic:(");
	command_words(out);
	topic_words(out);
	out_text(out, ")'");
}

static void zsh(struct out *out)
{
	out_text(out, "#compdef gort\n"
		      "# zsh completion of gort: gort completion zsh >\"${fpath[1]}/_gort\"\n"
		      "_gort_targets() {\n"
		      "\tlocal -a targets=(${(f)\"$(" TARGETS ")\"})\n"
		      "\tcompadd -a targets\n}\n\n_gort() {\n"
		      "\tlocal -i dashes=${words[(i)--]}\n"
		      "\tif (( dashes < CURRENT )); then\n"
		      "\t\tshift $dashes words\n\t\t(( CURRENT -= dashes ))\n"
		      "\t\t_normal\n\t\treturn\n\tfi\n\tlocal -a commands=(\n");
	for (int i = 0; commands[i]; i++) {
		if (!command_prefix(commands[i])[0])
			continue;
		out_printf(out, "\t\t'%s:", commands[i]->name);
		quoted(out, commands[i]->summary, ":\\");
		out_text(out, "'\n");
	}
	out_text(out, "\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n"
		      "\t\treturn\n\tfi\n\tshift words\n\t(( CURRENT-- ))\n\tcase $words[1] in\n");
	for (int i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		const struct opt *row;
		if (!command_prefix(c)[0])
			continue;
		out_printf(out, "\t%s)\n\t\t_arguments", c->name);
		for (unsigned k = 0; (row = command_opt(c, &k));)
			zsh_option(out, row);
		zsh_words(out, words_of(c));
		out_text(out, " ;;\n");
	}
	out_text(out, "\tesac\n}\n\n"
		      "if [ \"$funcstack[1]\" = _gort ]; then\n\t_gort \"$@\"\nelse\n"
		      "\tcompdef _gort gort\nfi\n");
}

static void fish_command(struct out *out, const struct command *c)
{
	const struct opt *row;
	const char *seen = "complete -c gort -n '__fish_seen_subcommand_from";
	for (unsigned i = 0; (row = command_opt(c, &i));) {
		out_printf(out, "%s %s' -l %s", seen, c->name, row->name);
		if (row->key)
			out_printf(out, " -s %c", row->key);
		if (row->kind == OPT_CHOICE) {
			out_text(out, " -xa '");
			choices(out, row->arg);
			out_text(out, "'");
		} else if (row->kind != OPT_FLAG) {
			out_text(out, row->kind == OPT_STRING ? " -rF" : " -x");
		}
		out_text(out, " -d '");
		quoted(out, row->help, "");
		out_text(out, "'\n");
	}
	enum words w = words_of(c);
	if (w == WORDS_NONE)
		return;
	out_printf(out, "%s %s'", seen, c->name);
	if (w == WORDS_TARGETS)
		out_text(out, " -a '(__gort_targets)'\n");
	else if (w == WORDS_COMMANDS)
		out_text(out, " -a '(__fish_complete_command)'\n");
	else if (w == WORDS_FILES)
		out_text(out, " -F\n");
	else if (w == WORDS_SHELLS)
		out_text(out, " -a 'bash zsh fish'\n");
	if (w == WORDS_TOPICS) {
		out_text(out, " -a '");
		command_words(out);
		topic_words(out);
		out_text(out, "'\n");
	}
}

static void fish(struct out *out)
{
	out_text(out, "# fish completion of gort: gort completion fish | source\n"
		      "function __gort_dashes\n\tcontains -- -- (commandline -opc)\nend\n"
		      "function __gort_targets\n\t__gort_dashes; or " TARGETS "\nend\n"
		      "function __gort_command\n"
		      "\tset -l words (commandline -opc) (commandline -ct)\n"
		      "\tset -e words[1..(contains -i -- -- $words)]\n"
		      "\tcomplete -C \"$words\"\nend\n"
		      "complete -c gort -f\n"
		      "complete -c gort -n __gort_dashes -a '(__gort_command)'\n");
	for (int i = 0; commands[i]; i++) {
		if (!command_prefix(commands[i])[0])
			continue;
		out_printf(out, "complete -c gort -n __fish_use_subcommand -a %s -d '",
			commands[i]->name);
		quoted(out, commands[i]->summary, "");
		out_text(out, "'\n");
	}
	for (int i = 0; commands[i]; i++)
		if (command_prefix(commands[i])[0])
			fish_command(out, commands[i]);
}

static int run_completion(const struct opts *o)
{
	static struct out out;
	static void (*const write[])(struct out *) = {bash, zsh, fish};
	struct gsnap_err err = {0};
	int which = 0;
	while (shells[which] && strcmp(shells[which], o->args[0]))
		which++;
	if (!shells[which]) {
		err_what(&err, CLI_USAGE, "completion: no script for '%s'", o->args[0]);
		err_why(&err, "there are bash, zsh and fish");
		err_try(&err, "gort completion bash >/etc/bash_completion.d/gort");
		return err_print(&err);
	}
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	write[which](&out);
	return out_close(&out);
}

const struct command cmd_completion = {
	.name = "completion",
	.synopsis = "bash|zsh|fish",
	.summary = "print a completion script for a shell",
	.examples = "source <(gort completion bash)           # now; in ~/.bashrc for good\n"
		    "gort completion zsh >\"${fpath[1]}/_gort\" # zsh\n"
		    "gort completion fish | source            # fish\n",
	.args = ARGS_SHELLS,
	.min_args = 1,
	.max_args = 1,
	.run = run_completion,
};
