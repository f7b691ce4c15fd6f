/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.c - fuzz targets (Go's fuzz.go): replayed over the corpus in testdata/fuzz/NAME, whose files
 * have Go's format, and, when the program is linked with clang's libFuzzer, searched for more.
 *
 * libFuzzer runs in a goroutine: the program keeps its own main. A failing input is written to the
 * corpus, where the next replay finds it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gort/io.h"
#include "testing/corpus.h"
#include "testing/internal.h"

/* ---- replay ---- */

struct input {
	const struct gort_test *entry;
	const char *dir, *file;
};

static void replay_file(struct gort_t *t, void *arg)
{
	const struct input *in = arg;
	char path[512];
	union gort_fuzzvalue args[GORT_FUZZ_MOST];
	gort_bytes text;
	snprintf(path, sizeof(path), "%s/%s", in->dir, in->file);
	gort_error err = gort_file_read(path, &text);
	if (err)
		t_fatal(t, "%s", gort_error_text(err));
	err = corpus_decode(gort_str_unsafe(text.ptr, text.len), in->entry->types, args);
	if (err)
		t_fatal(t, "unmarshal %s: %s", path, gort_error_text(err));
	in->entry->fuzz(t, args);
}

static void replay_seed(struct gort_t *t, void *arg)
{
	const struct gort_fuzzseed *seed = arg;
	seed->call(t);
}

/* The first of them is the last of the list. */
static int replay_seeds(struct gort_t *t, struct gort_fuzzseed *seed)
{
	char name[32];
	if (!seed)
		return 0;
	int n = replay_seeds(t, seed->next);
	snprintf(name, sizeof(name), "seed#%d", n);
	gort_t_run(t, name, replay_seed, seed);
	return n + 1;
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

void fuzz_replay(struct gort_t *t, const struct gort_test *e)
{
	char dir[256];
	struct dirent **files;
	replay_seeds(t, e->seeds);
	snprintf(dir, sizeof(dir), "testdata/fuzz/%s", test_name(e));
	int n = scandir(dir, &files, visible, alphasort);
	for (int i = 0; i < n; i++) {
		struct input in = {e, dir, files[i]->d_name};
		gort_t_run(t, in.file, replay_file, &in);
		free(files[i]);
	}
	if (n >= 0)
		free(files);
}

/* ---- search ---- */

static gort_test_driver *driver; /* NULL: not linked */

void gort_test_search(gort_test_driver *d)
{
	driver = d;
}

static const struct gort_test *searched;

/* Its name is a hash of what is in it, as with Go, whose hash is another. */
static void write_corpus(const union gort_fuzzvalue *args, builder *path)
{
	gort_string text = corpus_encode(searched->types, args);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for
		range(i, c, text) hash = (hash ^ (unsigned char)c) * UINT64_C(0x100000001b3);
	builder_printf(
		path, "testdata/fuzz/%s/%016llx", test_name(searched), (unsigned long long)hash);
	char *name = ended(path);
	for (char *at = name; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		mkdir(name, 0777);
	}
	(void)gort_file_write(name, text.ptr, text.len, 0666);
}

static int one_input(const uint8_t *data, size_t size)
{
	union gort_fuzzvalue args[GORT_FUZZ_MOST];
	builder path = {0}, said = {0};
	corpus_split(data, size, searched->types, args);
	if (test_input(searched, args, &said))
		return 0;
	write_corpus(args, &path);
	const char *name = test_name(searched), *file = (const char *)path.buf.ptr;
	outf("--- FAIL: %s\n%s\n    Failing input written to %s\n    To re-run:\n    "
	     "-run=%s/%s\nFAIL\n",
		name, ended(&said), file, name, strrchr(file, '/') + 1);
	_exit(1);
}

static void drive(struct gort_chan *done)
{
	char limit[48];
	snprintf(limit, sizeof(limit), "-max_total_time=%lld",
		(long long)(flags.fuzztime / 1000000000));
	char *args[] = {program_invocation_name, limit, NULL}, **argv = args;
	int argc = 2;
	driver(&argc, &argv, one_input);
	gort_chan_close(done);
}

/* libFuzzer is used to the stack of a thread. */
#define SEARCH_STACK ((size_t)8 << 20)

int fuzz_search(const struct gort_test *e)
{
	struct gort_chan *done = gort_chan_make(1, 0);
	struct gort_call call = {(void (*)(void))drive, 1, {(uintptr_t)done}};
	searched = e;
	if (!driver) {
		fprintf(stderr, "testing: -fuzz needs clang's libFuzzer, see gort/testing.h\n");
		return 2;
	}
	gort_go_stack(&call, SEARCH_STACK);
	(void)gort_chan_recv(done, NULL);
	outf("PASS\n");
	return 0;
}
