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

/* Read from the file; the error says what is wrong. */
static gort_error read_file(const struct input *in, union gort_fuzzvalue *args)
{
	char path[512];
	gort_bytes text;
	snprintf(path, sizeof(path), "%s/%s", in->dir, in->file);
	gort_error err = gort_file_read(path, &text);
	if (err)
		return err;
	err = corpus_decode(gort_str_unsafe(text.ptr, text.len), in->entry->types, args);
	return err ? error_wrap(err, "unmarshal %s", path) : NULL;
}

static void replay_file(struct gort_t *t, void *arg)
{
	const struct input *in = arg;
	union gort_fuzzvalue args[GORT_FUZZ_MOST];
	gort_error err = read_file(in, args);
	if (err)
		t_fatal(t, "%s", gort_error_text(err));
	in->entry->fuzz(t, args);
}

struct seed {
	const struct gort_test *entry;
	const struct gort_fuzzseed *seed;
	struct gort_t *t;
};

static void call_target(const union gort_fuzzvalue *args, void *arg)
{
	const struct seed *s = arg;
	s->entry->fuzz(s->t, args);
}

static void replay_seed(struct gort_t *t, void *arg)
{
	struct seed *s = arg;
	s->t = t;
	s->seed->values(call_target, s);
}

/* The first of them is the last of the list. */
static int replay_seeds(
	struct gort_t *t, const struct gort_test *e, const struct gort_fuzzseed *seed)
{
	char name[32];
	if (!seed)
		return 0;
	int n = replay_seeds(t, e, seed->next);
	struct seed s = {.entry = e, .seed = seed};
	snprintf(name, sizeof(name), "seed#%d", n);
	gort_t_run(t, name, replay_seed, &s);
	return n + 1;
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Calls f for each file of e's corpus. */
static void each_file(const struct gort_test *e, void (*f)(struct input *in, void *arg), void *arg)
{
	char dir[256];
	struct dirent **files;
	snprintf(dir, sizeof(dir), "testdata/fuzz/%s", test_name(e));
	int n = scandir(dir, &files, visible, alphasort);
	for (int i = 0; i < n; i++) {
		struct input in = {e, dir, files[i]->d_name};
		f(&in, arg);
		free(files[i]);
	}
	if (n >= 0)
		free(files);
}

static void replay(struct input *in, void *arg)
{
	gort_t_run(arg, in->file, replay_file, in);
}

void fuzz_replay(struct gort_t *t, const struct gort_test *e)
{
	replay_seeds(t, e, e->seeds);
	each_file(e, replay, t);
}

/* ---- search ---- */

static gort_test_driver *driver; /* NULL: not linked */

void gort_test_search(gort_test_driver *d)
{
	driver = d;
}

static const struct gort_test *searched;

/*
 * What libFuzzer begins with: files of their own, whose bytes are split to the arguments. It calls
 * the target once for nothing and once for each of them before it goes on to what it makes itself;
 * then they are removed.
 */
static struct {
	char dir[256];
	int n, calls;
	builder list; /* with a comma before each */
} begins;

static void begin_with(const union gort_fuzzvalue *args, void *arg)
{
	gort_bytes bytes = corpus_join(searched->types, args);
	builder name = {0};
	(void)arg;
	builder_printf(&name, "%s/%d", begins.dir, begins.n);
	if (gort_file_write(ended(&name), bytes.ptr, bytes.len, 0600))
		return;
	begins.n++;
	builder_printf(&begins.list, ",%s", ended(&name));
}

static void begin_with_file(struct input *in, void *arg)
{
	union gort_fuzzvalue args[GORT_FUZZ_MOST];
	if (!read_file(in, args))
		begin_with(args, arg);
}

static void begin(void)
{
	const char *tmp = getenv("TMPDIR");
	int length =
		snprintf(begins.dir, sizeof(begins.dir), "%s/gort-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	if (length >= (int)sizeof(begins.dir) || !mkdtemp(begins.dir)) {
		begins.dir[0] = '\0';
		return;
	}
	for (const struct gort_fuzzseed *seed = searched->seeds; seed; seed = seed->next)
		seed->values(begin_with, NULL);
	each_file(searched, begin_with_file, NULL);
}

static void begun(void)
{
	char name[sizeof(begins.dir) + 16];
	if (!begins.dir[0])
		return;
	for (int i = 0; i < begins.n; i++) {
		snprintf(name, sizeof(name), "%s/%d", begins.dir, i);
		unlink(name);
	}
	rmdir(begins.dir);
	begins.dir[0] = '\0';
}

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
	if (begins.calls++ > begins.n)
		begun();
	corpus_split(data, size, searched->types, args);
	if (test_input(searched, args, &said))
		return 0;
	begun();
	write_corpus(args, &path);
	const char *name = test_name(searched), *file = (const char *)path.buf.ptr;
	outf("--- FAIL: %s\n%s\n    Failing input written to %s\n    To re-run:\n    "
	     "-run=%s/%s\nFAIL\n",
		name, ended(&said), file, name, strrchr(file, '/') + 1);
	_exit(1);
}

/* libFuzzer leaves the program itself. */
static void over(int status, void *arg)
{
	(void)arg;
	if (status == 0)
		outf("PASS\n");
}

static void drive(struct gort_chan *done)
{
	char limit[48];
	snprintf(limit, sizeof(limit), "-max_total_time=%lld",
		(long long)(flags.fuzztime / 1000000000));
	builder first = {0};
	builder_printf(&first, "-seed_inputs=%s", begins.n ? ended(&begins.list) + 1 : "");
	char *args[] = {program_invocation_name, limit, ended(&first), NULL}, **argv = args;
	int argc = begins.n ? 3 : 2;
	int status = driver(&argc, &argv, one_input);
	gort_chan_send(done, &status);
}

/* libFuzzer is used to the stack of a thread. */
#define SEARCH_STACK ((size_t)8 << 20)

int fuzz_search(const struct gort_test *e)
{
	int status;
	struct gort_chan *done = gort_chan_make(sizeof(status), 0);
	struct gort_call call = {(void (*)(void))drive, 1, {(uintptr_t)done}};
	searched = e;
	if (!driver) {
		fprintf(stderr, "testing: -fuzz needs clang's libFuzzer, see gort/testing.h\n");
		return 2;
	}
	begin();
	on_exit(over, NULL);
	gort_go_stack(&call, SEARCH_STACK);
	(void)gort_chan_recv(done, &status);
	return status;
}
