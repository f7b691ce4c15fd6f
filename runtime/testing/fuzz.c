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
	const char *why;
	size_t size;
	gort_bytes text;
	snprintf(path, sizeof(path), "%s/%s", in->dir, in->file);
	gort_error err = gort_file_read(path, &text);
	if (err)
		t_fatal(t, "%s", gort_error_text(err));
	uint8_t *data = corpus_decode((const char *)text.ptr, (size_t)text.len, &size, &why);
	if (!data)
		t_fatal(t, "unmarshal %s: %s", path, why);
	in->entry->fuzz(t, data, size);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

void fuzz_replay(struct gort_t *t, const struct gort_test *e)
{
	char dir[256];
	struct dirent **files;
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
static void write_corpus(const uint8_t *data, size_t size, struct buf *path)
{
	gort_string value = gort_quote(gort_str_unsafe(data, (gort_isize)size));
	gort_string text =
		gort_sprintf("go test fuzz v1\n[]byte(%.*s)\n", (int)value.len, value.ptr);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (gort_isize i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
	buf_printf(path, "testdata/fuzz/%s/%016llx", test_name(searched), (unsigned long long)hash);
	buf_add(path, "", 1);
	for (char *at = path->p; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		mkdir(path->p, 0777);
	}
	(void)gort_file_write(path->p, text.ptr, text.len, 0666);
}

static int one_input(const uint8_t *data, size_t size)
{
	struct buf path = {0}, said = {0};
	if (test_input(searched, data, size, &said))
		return 0;
	write_corpus(data, size, &path);
	const char *name = test_name(searched);
	outf("--- FAIL: %s\n%.*s\n    Failing input written to %s\n    To re-run:\n    "
	     "-run=%s/%s\nFAIL\n",
		name, (int)said.n, said.p, path.p, name, strrchr(path.p, '/') + 1);
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
