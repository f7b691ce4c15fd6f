/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * man.c - manual pages as roff (man(7) macros): gort(1), gort-COMMAND(1) and gort-TOPIC(7). They
 * are written when gort is built (cli/CMakeLists.txt), so that they say what --help says.
 */
#include <ctype.h>
#include <stdio.h>
#include "err.h"
#include "help.h"
#include "man.h"

#define MAN_DATE "2026-11-29" /* of this version: a page is the same whenever it is built */

/* Text with what roff would take for its own escaped; at_start: of a line. */
static void roff(struct out *out, const char *text, size_t len, bool at_start)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (at_start && (c == '.' || c == '\''))
			out_text(out, "\\&");
		if (c == '\\')
			out_text(out, "\\e");
		else if (c == '-')
			out_text(out, "\\-");
		else
			out_write(out, &c, 1);
		at_start = c == '\n';
	}
}

static void roff_text(struct out *out, const char *text)
{
	roff(out, text, strlen(text), true);
}

static void upper(const char *text, char *buf, size_t size)
{
	snprintf(buf, size, "%s", text);
	for (char *p = buf; *p; p++)
		*p = (char)toupper((unsigned char)*p);
}

static void title(struct out *out, const char *page, int section, const char *summary)
{
	char name[64];
	upper(page, name, sizeof name);
	out_text(out, ".\\\" Written by gort help --man; edit the tables in cli/ instead.\n.TH ");
	roff_text(out, name);
	out_printf(out, " %d %s \"gort %s\" \"gort manual\"\n.SH NAME\n", section, MAN_DATE,
		GORT_VERSION);
	roff_text(out, page);
	out_text(out, " \\- ");
	roff(out, summary, strlen(summary), false);
	out_text(out, "\n");
}

/* Lines as they are, in a block that is not filled. */
static void verbatim(struct out *out, const char *text)
{
	size_t len = strlen(text);
	out_text(out, ".nf\n");
	roff_text(out, text);
	out_text(out, len && text[len - 1] == '\n' ? ".fi\n" : "\n.fi\n");
}

/* Text to be filled by the reader's width: words, in lines of no more than 72 characters. */
static void filled(struct out *out, const char *text)
{
	size_t column = 0;
	for (text += strspn(text, " \n"); *text;) {
		size_t len = strcspn(text, " \n");
		if (column && column + 1 + len > 72) {
			out_text(out, "\n");
			column = 0;
		}
		if (column)
			out_text(out, " ");
		roff(out, text, len, column == 0);
		column += len + (column > 0);
		text += len;
		text += strspn(text, " \n");
	}
	out_text(out, "\n");
}

static void option(struct out *out, const struct opt *row)
{
	char names[96];
	snprintf(names, sizeof names, "%s%c%s--%s", row->key ? "-" : "", row->key ? row->key : ' ',
		row->key ? ", " : "", row->name);
	out_text(out, ".TP\n\\fB");
	roff(out, names + !row->key, strlen(names + !row->key), false);
	out_text(out, "\\fR");
	if (row->arg) {
		out_text(out, " \\fI");
		roff(out, row->arg, strlen(row->arg), false);
		out_text(out, "\\fR");
	}
	out_text(out, "\n");
	filled(out, row->help);
}

static void command_page(struct out *out, const struct command *c)
{
	char page[64];
	const struct opt *row;
	snprintf(page, sizeof page, "%s%s", command_prefix(c)[0] ? "gort-" : "", c->name);
	title(out, page, 1, c->summary);
	out_printf(out, ".SH SYNOPSIS\n.B %s%s\n", command_prefix(c), c->name);
	if (c->synopsis[0]) {
		roff_text(out, c->synopsis);
		out_text(out, "\n");
	}
	if (c->common & TAKES_START) {
		out_printf(out, ".br\n.B %s%s\n", command_prefix(c), c->name);
		char front[128];
		snprintf(front, sizeof front, "%.*s-- command", (int)strcspn(c->synopsis, "<"),
			c->synopsis);
		roff_text(out, front);
		out_text(out, "\n");
	}
	if (c->notes) {
		out_text(out, ".SH DESCRIPTION\n");
		filled(out, c->notes);
	}
	out_text(out, ".SH OPTIONS\n");
	for (unsigned i = 0; (row = command_opt(c, &i));)
		option(out, row);
	out_text(out, ".SH EXAMPLES\n");
	verbatim(out, c->examples);
	out_text(out, ".SH SEE ALSO\n.BR gort (1),\n.BR gort\\-targets (7),\n"
		      ".BR gort\\-permissions (7),\n.BR gort\\-exit\\-codes (7)\n");
}

static void overview(struct out *out)
{
	title(out, "gort", 1, "see inside Go programs and C programs on libgort while they run");
	out_text(out, ".SH SYNOPSIS\n.B gort\n\\fICOMMAND\\fR [options] [\\fItarget\\fR]\n"
		      ".SH DESCRIPTION\n"
		      "Looks into any Go program, and any C program on libgort, while it runs:\n"
		      "no rebuild, no agent, no restart. A target is a pid, a process name or a\n"
		      "core file.\n"
		      ".SH COMMANDS\n");
	for (int i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		out_printf(out, ".TP\n.B %s%s\n", command_prefix(c), c->name);
		roff_text(out, c->summary);
		out_text(out, "\n");
	}
	out_text(out, ".SH SEE ALSO\n");
	for (size_t i = 0; topic_at(i); i++) {
		out_text(out, ".BR gort\\-");
		roff_text(out, topic_at(i)->name);
		out_printf(out, " (7)%s\n", topic_at(i + 1) ? "," : "");
	}
}

static bool topic_page(struct out *out, const char *name)
{
	for (size_t i = 0; topic_at(i); i++) {
		const struct topic *t = topic_at(i);
		char page[64];
		if (strcmp(t->name, name))
			continue;
		snprintf(page, sizeof page, "gort-%s", name);
		title(out, page, 7, t->summary);
		out_text(out, ".SH DESCRIPTION\n");
		verbatim(out, t->text);
		out_text(out, ".SH SEE ALSO\n.BR gort (1)\n");
		return true;
	}
	return false;
}

bool print_man(struct out *out, const char *name)
{
	const struct command *c = command_find(name);
	if (!strcmp(name, "gort"))
		overview(out);
	else if (c)
		command_page(out, c);
	else
		return topic_page(out, name);
	return true;
}
