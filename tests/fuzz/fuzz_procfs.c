/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_procfs.c - the input is the files of a process in a made-up procfs, each of them ended by a
 * byte 0xff: everything that reads /proc/PID reads them, whoever may have had a say in them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/procstat.h"
#include "memfiles.h"
#include "probes/gorunning.h"
#include "probes/lookslike.h"
#include "probes/mappings.h"
#include "tests/probes/goimage.h"

#define PID 7
/* In the order of the pieces of the input. */
static const char *const names[] = {
	"stat", "status", "maps", "auxv", "statm", "task/7/syscall", "task/7/status", "cgroup"};
enum { NFILES = sizeof names / sizeof *names };

static char proc[64];
static int fds[NFILES];

static char *path_of(const char *name, char path[128])
{
	snprintf(path, 128, "%s/%d/%s", proc, PID, name);
	return path;
}

static void clean_up(void)
{
	static const char *const dirs[] = {"task/7", "task", ""};
	char path[128];
	for (size_t i = 0; i < NFILES; i++)
		unlink(path_of(names[i], path));
	for (size_t i = 0; i < 3; i++)
		rmdir(path_of(dirs[i], path));
	rmdir(proc);
}

static void make_proc(void)
{
	char path[128];
	snprintf(proc, sizeof proc, "/tmp/gort-fuzzXXXXXX");
	if (!mkdtemp(proc))
		abort();
	mkdir(path_of("", path), 0700);
	mkdir(path_of("task", path), 0700);
	mkdir(path_of("task/7", path), 0700);
	for (size_t i = 0; i < NFILES; i++)
		fds[i] = memfile_make(path_of(names[i], path));
	atexit(clean_up);
}

static void write_files(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < NFILES; i++) {
		const uint8_t *end = size ? memchr(data, 0xff, size) : NULL;
		size_t len = end ? (size_t)(end - data) : size;
		memfile_write(fds[i], data, len);
		data += end ? len + 1 : len;
		size -= end ? len + 1 : len;
	}
}

static void read_modules(const struct target *t)
{
	struct gsnap s;
	struct modules *ms = modules_open(t);
	gsnap_init(&s, GSNAP_GO);
	if (!ms)
		abort();
	mappings_add(ms, &s);
	for (size_t i = 0; i < modules_count(ms); i++)
		if (modules_get(ms, i)->start >= modules_get(ms, i)->end)
			__builtin_trap();
	modules_refresh(ms);
	modules_close(ms);
	gsnap_free(&s);
}

/* Goroutine 1 of the image runs, on the thread whose files these are. */
static void running_image(struct goimage *im, const struct golayout *l)
{
	enum { AT_M = 0x2c00, M_ID = 1 };
	uint32_t running = GSTATUS_RUNNING;
	goimage_make(im);
	put(im, AT_G + l->g_atomicstatus, &running, sizeof running);
	put64(im, AT_G + G_M, addr_of(AT_M));
	put64(im, AT_M + l->m_id, M_ID);
	put64(im, AT_M + l->m_procid, PID);
	put64(im, AT_M + l->m_curg, addr_of(AT_G));
	put64(im, AT_DATAEND - 8, addr_of(AT_M));
}

static void read_running(struct target *t)
{
	static struct goimage im;
	struct gotarget g = {.t = t};
	struct gomemory memory = {im.bytes, sizeof im.bytes};
	struct gsnap s;
	bool guess;
	running_image(&im, golayout_for(26, 8, &guess));
	t->mem = (struct tmem){gomemory_readv, &memory, gomemory_size};
	if (elf_parse(&g.elf, im.bytes, sizeof im.bytes) || !gobuild_version(&g.elf, &g.version))
		abort();
	g.lay = golayout_for(26, 8, &guess);
	if (moduledata_find(&g) || golocate(&g))
		abort();
	g.glob.allm = addr_of(AT_DATAEND - 8);
	gsnap_init(&s, GSNAP_GO);
	gosnap_goroutines(&g, PROBE_STACKS, &s);
	if (!s.ngs || s.gs[0].tid != PID)
		__builtin_trap();
	gsnap_free(&s);
	gotarget_close(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target t;
	struct procinfo info;
	struct gsnap_err err;
	if (!proc[0])
		make_proc();
	write_files(data, size);
	target_init(&t, PID, proc);
	if (!procfs_read(&t, &info))
		lookslike_forbidden(&t, &info, EPERM, &err);
	for (uint64_t type = 0; type < 40; type++)
		target_auxv(&t, type);
	target_size(&t);
	procstat_read(proc, PID);
	read_modules(&t);
	read_running(&t);
	target_fini(&t);
	return 0;
}
