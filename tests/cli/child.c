/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child.c - a program for the launchers to run. Its arguments say what it does, in order:
 *
 *   exit N       ends with N                  kill N      dies of signal N
 *   find A B     sends a race of pcs A and B, waits for the answer
 *   junk         sends a record that is none
 *   env NAME     ends with 9 unless NAME is set
 *   wait FILE    creates FILE, waits for SIGTERM or SIGINT, which end it with 40 + signal
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gort/abi.h"

#ifdef WITH_NEEDED
void fake_needed(void);
#endif

static struct gort_finding f;

static void send_record(size_t len)
{
	const char *fd = getenv(GORT_FINDING_FD_ENV);
	char answer;
	if (!fd || send(atoi(fd), &f, len, 0) != (ssize_t)len || recv(atoi(fd), &answer, 1, 0) != 1)
		exit(8);
}

static void add_stack(uint32_t role, uint64_t id, uint64_t pc, uint32_t access)
{
	f.stacks[f.nstacks++] = (struct gort_finding_stack){.role = role,
		.npcs = 2,
		.id = id,
		.addr = 0x7b0400001230,
		.size = 4,
		.access = access,
		.pcs = {pc, 0x3001}};
}

static void find(uint64_t a, uint64_t b)
{
	f = (struct gort_finding){
		.magic = GORT_FINDING_MAGIC, .kind = GORT_FINDING_RACE, .pid = getpid(), .seen = 1};
	add_stack(GORT_STACK_ACCESS, 1, a, GORT_ACCESS_WRITE);
	add_stack(GORT_STACK_PREVIOUS, 0, b, GORT_ACCESS_READ);
	f.size = offsetof(struct gort_finding, stacks[f.nstacks]);
	send_record(f.size);
}

static void on_signal(int sig)
{
	_exit(40 + sig);
}

static void wait_for_signal(const char *file)
{
	sigset_t none;
	sigemptyset(&none);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	for (;;)
		sigsuspend(&none);
}

/* Runs the words at argv; returns how many it used. */
static int act(char **argv)
{
	if (!strcmp(argv[0], "junk")) {
		f.magic = 1;
		send_record(100);
		return 1;
	}
	if (!argv[1])
		exit(7);
	if (!strcmp(argv[0], "exit"))
		exit(atoi(argv[1]));
	if (!strcmp(argv[0], "kill"))
		raise(atoi(argv[1]));
	if (!strcmp(argv[0], "env") && !getenv(argv[1]))
		exit(9);
	if (!strcmp(argv[0], "wait"))
		wait_for_signal(argv[1]);
	if (strcmp(argv[0], "find"))
		return 2;
	find(strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0));
	return 3;
}

int main(int argc, char **argv)
{
#ifdef WITH_NEEDED
	fake_needed();
#endif
	for (int i = 1; i < argc;)
		i += act(argv + i);
	return 0;
}
