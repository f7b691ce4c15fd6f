/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.c - -json: the program runs itself with -v and turns what comes out into the events of `go
 * test -json` (Go's cmd/internal/test2json). Lines of the frame are told from the tests' own output
 * by a control character before them.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "mem/malloc.h"
#include "testing/internal.h"

extern char **environ;

static char test[256]; /* whose output comes */

static void quoted(builder *b, const char *text, size_t n)
{
	builder_write(b, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '"' || c == '\\')
			builder_printf(b, "\\%c", c);
		else if (c == '\n' || c == '\t' || c == '\r')
			builder_printf(b, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
		else if (c < ' ' || c == '<' || c == '>' || c == '&')
			builder_printf(b, "\\u%04x", c);
		else
			builder_write(b, text + i, 1);
	}
	builder_write(b, "\"", 1);
}

static void event(
	const char *action, const char *name, const char *elapsed, const char *output, size_t len)
{
	builder b = {0};
	struct timespec now;
	struct tm tm;
	char time[40];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	builder_printf(&b, "{\"Time\":\"%s.%09ldZ\",\"Action\":\"%s\",\"Package\":", time,
		now.tv_nsec, action);
	quoted(&b, program_invocation_short_name, strlen(program_invocation_short_name));
	if (*name) {
		builder_printf(&b, ",\"Test\":");
		quoted(&b, name, strlen(name));
	}
	if (elapsed)
		builder_printf(&b, ",\"Elapsed\":%s", elapsed);
	if (output) {
		builder_printf(&b, ",\"Output\":");
		quoted(&b, output, len);
	}
	builder_printf(&b, "}\n");
	out(builder_result(&b));
}

static void name_test(const char *text, size_t n)
{
	snprintf(test, sizeof(test), "%.*s", (int)n, text);
}

/* "=== RUN   TestA", without its first four bytes. False: it is done with. */
static bool update(const char *line, size_t n)
{
	static const char *const actions[][2] = {
		{"RUN ", "run"}, {"PAUSE ", "pause"}, {"CONT ", "cont"}, {"NAME ", NULL}};
	size_t i = 0, count = sizeof(actions) / sizeof(*actions);
	while (i < count && strncmp(line, actions[i][0], strlen(actions[i][0])))
		i++;
	if (i == count)
		return true;
	const char *at = line + strlen(actions[i][0]);
	at += strspn(at, " ");
	bool pause = i == 1;
	name_test(at, strcspn(at, "\n"));
	if (actions[i][1] && !pause)
		event(actions[i][1], test, NULL, NULL, 0);
	if (actions[i][1])
		event("output", test, NULL, line - 4, n);
	if (pause)
		event(actions[i][1], test, NULL, NULL, 0);
	return false;
}

/* "PASS: TestA (0.00s)": the event, to be sent after the line itself, or NULL. */
static const char *result(const char *line, char *took, size_t size)
{
	static const char *const actions[][2] = {
		{"PASS: ", "pass"}, {"FAIL: ", "fail"}, {"SKIP: ", "skip"}};
	const char *open = strrchr(line, '(');
	for (size_t i = 0; i < 3 && open > line + 7; i++) {
		if (strncmp(line, actions[i][0], 6))
			continue;
		name_test(line + 6, (size_t)(open - line) - 7);
		snprintf(took, size, "%g", atof(open + 1));
		return actions[i][1];
	}
	return NULL;
}

/* A line, or what there is of it. The control character is not part of the output. */
static void one_line(const char *line, size_t n)
{
	const char *then = NULL;
	char took[16];
	if (*line == '\x16') {
		line++;
		n--;
		if (strncmp(line, "=== ", 4) == 0 && !update(line + 4, n))
			return;
		if (strncmp(line, "--- ", 4) == 0)
			then = result(line + 4, took, sizeof(took));
		else
			*test = '\0';
	}
	event("output", test, NULL, line, n);
	if (then)
		event(then, test, took, NULL, 0);
}

static void convert(FILE *in)
{
	char *line = NULL;
	size_t cap = 0;
	for (ssize_t n; (n = getline(&line, &cap, in)) > 0;)
		one_line(line, (size_t)n);
	free(line);
}

static pid_t start(int argc, char **argv, int *fd)
{
	posix_spawn_file_actions_t actions;
	char **args = mallocgc(((size_t)argc + 4) * sizeof(*args));
	int fds[2], n = 0;
	pid_t pid;
	if (pipe2(fds, O_CLOEXEC))
		return -1;
	args[n++] = argv[0];
	args[n++] = (char *)(uintptr_t) "-v";
	args[n++] = (char *)(uintptr_t) "-gort.marked";
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i] + strspn(argv[i], "-"), "json") &&
			strcmp(argv[i] + strspn(argv[i], "-"), "test.json"))
			args[n++] = argv[i];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
	int bad = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	*fd = fds[0];
	return bad ? -1 : pid;
}

int json_run(int argc, char **argv)
{
	int fd, status;
	char seconds_text[16];
	int64_t begin = nanotime();
	pid_t pid = start(argc, argv, &fd);
	if (pid < 0) {
		fprintf(stderr, "testing: -json: cannot run this program again: %s\n",
			strerror(errno));
		return 2;
	}
	event("start", "", NULL, NULL, 0);
	FILE *in = fdopen(fd, "r");
	convert(in);
	fclose(in);
	waitpid(pid, &status, 0);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 2;
	snprintf(seconds_text, sizeof(seconds_text), "%.3g", (double)(nanotime() - begin) / 1e9);
	event(code ? "fail" : "pass", "", seconds_text, NULL, 0);
	return code;
}
