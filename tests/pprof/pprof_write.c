/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof_write.c - writes known profiles for the external judge: `pprof_write goroutine|cpu FILE`.
 */
#include <stdio.h>

#include "canned.h"
#include "pprof/pprof.h"

static int goroutine(unsigned char **out, size_t *len)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GO);
	canned_map(&s, "/nowhere/app");
	canned_g(
		&s, 1, GSTATUS_WAITING, "chan receive", STACK("runtime.gopark", "main.main"), NULL);
	for (uint64_t id = 2; id < 42; id++)
		canned_g(&s, id, GSTATUS_WAITING, "select",
			STACK("runtime.gopark", "main.worker", "main.run"), "main.main");
	canned_g(&s, 42, GSTATUS_WAITING, "sleep", STACK("main.tick"), "main.main")->name =
		"ticker";
	int err = pprof_goroutines(&s, PPROF_GOROUTINE, out, len);
	gsnap_free(&s);
	return err;
}

static int cpu(unsigned char **out, size_t *len)
{
	struct pprof *p = pprof_new(PPROF_CPU, 10000000);
	if (!p)
		return -1;
	pprof_set_time(p, 1700000000000000000, 1000000000);
	pprof_add_mapping(p, &(struct gsnap_map){0x400000, 0x500000, 0, "/nowhere/app", "c0ffee"});
	struct pprof_line hot[] = {{"inlined_hash", "hash.h", 12}, {"lookup", "map.c", 80}};
	uint64_t stack[] = {
		pprof_location(p, 0x400100, hot, 2),
		pprof_location(p, 0x400200, &(struct pprof_line){"gort_main", "app.c", 5}, 1),
	};
	pprof_sample(p, stack, 2, (int64_t[]){90, 900000000}, NULL, NULL);
	pprof_sample(p, stack + 1, 1, (int64_t[]){10, 100000000}, "tenant", "blue");
	int err = pprof_encode(p, out, len);
	pprof_free(p);
	return err;
}

int main(int argc, char **argv)
{
	unsigned char *bytes;
	size_t len;
	if (argc != 3)
		return 2;
	if (argv[1][0] == 'c' ? cpu(&bytes, &len) : goroutine(&bytes, &len))
		return 1;
	FILE *f = fopen(argv[2], "wb");
	if (!f || fwrite(bytes, 1, len, f) != len || fclose(f))
		return 1;
	free(bytes);
	return 0;
}
