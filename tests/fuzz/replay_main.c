/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_main.c - runs a fuzz target over its seeds and over mutations of them, without a fuzzer.
 *
 * usage: fuzz_NAME MUTATIONS FILE-OR-DIRECTORY...
 *
 * The mutations depend only on the seed's bytes and their number, so a failure names the input that
 * caused it and comes back on the next run. Each input ends at an inaccessible page, so reading one
 * byte too far is a crash even without AddressSanitizer. An input that takes 10 s is a failure.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEED_MAX (8u << 20)
#define PAGE     4096u

static uint8_t *arena, *work;
static char current[512];
static unsigned long ninputs;

static void on_signal(int sig)
{
	const char *text = sig == SIGALRM ? "replay: hangs: " : "replay: crashed: ";
	ssize_t unused = write(2, text, strlen(text));
	unused += write(2, current, strlen(current));
	unused += write(2, "\n", 1);
	(void)unused;
	signal(sig, SIG_DFL);
	raise(sig == SIGALRM ? SIGABRT : sig);
	_exit(1);
}

static uint64_t next_random(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	uint64_t z = (*state ^ (*state >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void run(const uint8_t *data, size_t size, const char *name, unsigned mutation)
{
	snprintf(current, sizeof current, "%s, mutation %u, %zu bytes", name, mutation, size);
	uint8_t *at = arena + SEED_MAX - size;
	if (size)
		memcpy(at, data, size);
	alarm(10);
	LLVMFuzzerTestOneInput(at, size);
	alarm(0);
	ninputs++;
}

static void put_number(uint8_t *at, size_t room, uint64_t *state)
{
	static const uint64_t odd[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
		0x80000000u, 0xffffffffu, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX};
	uint64_t value = odd[next_random(state) % (sizeof odd / sizeof odd[0])];
	size_t width = (size_t)1 << next_random(state) % 4;
	memcpy(at, &value, width < room ? width : room);
}

/* Applies one random edit to work[0..size); returns the new size. */
static size_t edit(size_t size, uint64_t *state)
{
	size_t at = next_random(state) % size, n = 1 + next_random(state) % 16;
	if (n > size - at)
		n = size - at;
	switch (next_random(state) % 7) {
	case 0:
		work[at] ^= 1u << next_random(state) % 8;
		return size;
	case 1:
		work[at] = (uint8_t)next_random(state);
		return size;
	case 2:
		put_number(work + at, size - at, state);
		return size;
	case 3:
		return at ? at : 1;
	case 4:
		memmove(work + at, work + at + n, size - at - n);
		return size > n ? size - n : size;
	case 5:
		memmove(work + at, work + next_random(state) % (size - n + 1), n);
		return size;
	default:
		if (size + n > SEED_MAX)
			return size;
		memmove(work + at + n, work + at, size - at);
		return size + n;
	}
}

static void mutate(const uint8_t *seed, size_t size, const char *name, unsigned mutations)
{
	uint64_t base = size;
	for (size_t i = 0; i < size; i++)
		base = base * 31 + seed[i];
	for (unsigned m = 1; m <= mutations && size; m++) {
		uint64_t state = base + m;
		memcpy(work, seed, size);
		size_t len = size;
		for (unsigned edits = 1 + next_random(&state) % 8; edits--;)
			len = edit(len, &state);
		run(work, len, name, m);
	}
}

static int replay_file(const char *path, unsigned mutations)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) || st.st_size > SEED_MAX) {
		fprintf(stderr, "replay: cannot use %s\n", path);
		return 1;
	}
	uint8_t *seed = malloc(st.st_size + 1);
	ssize_t got = seed ? read(fd, seed, st.st_size) : -1;
	close(fd);
	if (got == st.st_size) {
		run(seed, got, path, 0);
		mutate(seed, got, path, mutations);
	}
	free(seed);
	return got != st.st_size;
}

static int replay_path(const char *path, unsigned mutations)
{
	DIR *dir = opendir(path);
	if (!dir)
		return replay_file(path, mutations);
	int failed = 0;
	for (struct dirent *e; (e = readdir(dir));) {
		char sub[4096];
		snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
		if (e->d_name[0] != '.')
			failed |= replay_file(sub, mutations);
	}
	closedir(dir);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = argc < 3;
	arena = mmap(
		NULL, SEED_MAX + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	work = mmap(NULL, SEED_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED || work == MAP_FAILED ||
		mprotect(arena + SEED_MAX, PAGE, PROT_NONE))
		return 1;
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
	for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
		signal(fatal[i], on_signal);
	for (int i = 2; i < argc; i++)
		failed |= replay_path(argv[i], (unsigned)atoi(argv[1]));
	printf("replay: %lu inputs\n", ninputs);
	return failed || !ninputs;
}
