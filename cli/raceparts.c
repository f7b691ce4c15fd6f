/* SPDX-License-Identifier: BSD-2-Clause */
/* raceparts.c - asks the loader for the program's libraries, as ldd does, and looks into each. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "elfscan.h"
#include "err.h"
#include "raceparts.h"
#include "target.h"

/* The loader prints what it would load and ends; -1 when it cannot be asked. */
static int ask_loader(const char *path, pid_t *pid)
{
	int fds[2], null;
	if (pipe2(fds, O_CLOEXEC))
		return -1;
	*pid = fork();
	if (*pid == 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, STDIN_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		setenv("LD_TRACE_LOADED_OBJECTS", "1", 1);
		execl(path, path, NULL);
		_exit(127);
	}
	close(fds[1]);
	if (*pid > 0)
		return fds[0];
	close(fds[0]);
	return -1;
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* Nobody instruments the system's, and those of a detector or of gort tell of themselves. */
static bool tells_nothing(const char *path)
{
	static const char *const system[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"};
	static const char *const own[] = {"libgort", "libtsan", "libclang_rt."};
	struct elfscan e;
	for (size_t i = 0; i < sizeof system / sizeof *system; i++) {
		if (starts_with(path, system[i]))
			return false;
	}
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		if (starts_with(base_name(path), own[i]))
			return false;
	}
	return !elfscan_file(path, &e) && e.elf64 && !e.tsan[0] && !e.direct && !e.tsan_calls &&
	       !e.gort_race;
}

void race_parts_tell(const struct opts *o, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	pid_t pid;
	int fd = ask_loader(path, &pid);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	/* "	libx.so => /place/libx.so (0x7f...)" */
	while (f && getline(&line, &size, f) > 0) {
		char *name = strstr(line, "=> /"), *end = name ? strstr(name, " (0x") : NULL;
		if (!end)
			continue;
		*end = '\0';
		if (tells_nothing(name + 3))
			note(o,
				"accesses in %s are unseen: it was not compiled with "
				"-fsanitize=thread",
				base_name(name + 3));
	}
	free(line);
	if (f)
		fclose(f);
	if (fd >= 0)
		waitpid(pid, NULL, 0);
}
