/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gcmodel [-a] [-t] [-m MILLIONS] [PREFIX...]: explores the rows whose names begin with one of
 * the prefixes, and fails when one does not do what it is expected to.
 *   -a  the slow ones, too
 *   -t  prints the steps to each loss
 *   -m  room for that many millions of states (default 16)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explore.h"
#include "model.h"

static bool selected(const struct rules *row, char **prefixes, bool all)
{
	if (row->slow && !all)
		return false;
	bool any = !*prefixes;
	for (; *prefixes; prefixes++)
		any |= strncmp(row->name, *prefixes, strlen(*prefixes)) == 0;
	return any;
}

/* True when it did what it should. */
static bool run(const struct rules *row, uint32_t maxstates, bool trace)
{
	struct result r = explore(row, maxstates);
	bool good = !r.full && r.lost == row->lost;
	const char *what = r.full ? "CAPPED" : r.lost ? "LOST" : "SAFE";
	printf("%-4s %-28s %-6s %9lu states %10lu steps", good ? "ok" : "FAIL", row->name, what,
		r.states, r.steps);
	if (r.lost)
		printf(", lost after %d", r.shortest);
	printf(": %s\n", row->rule);
	if (trace && r.lost)
		print_loss(row, maxstates);
	fflush(stdout);
	return good;
}

int main(int argc, char **argv)
{
	bool all = false, trace = false;
	uint32_t millions = 16;
	for (int c; (c = getopt(argc, argv, "atm:")) != -1;) {
		all |= c == 'a';
		trace |= c == 't';
		if (c == 'm')
			millions = (uint32_t)atoi(optarg);
		if (c == '?')
			return 2;
	}
	int ran = 0, failed = 0;
	for (int i = 0; i < nrows; i++)
		if (selected(&rows[i], argv + optind, all)) {
			ran++;
			failed += !run(&rows[i], millions * 1000000, trace);
		}
	printf("%d rows, %d failed\n", ran, failed);
	return ran == 0 || failed > 0;
}
