/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gcmode.c - how the collector learns of the program's stores: from the program itself, if all of
 * it was made by gort-cc; else from the kernel.
 *
 * gort-cc, as link driver, looks at every object that goes into an output, and stamps the
 * output: an ELF note in gort_hooks.o, whose description it sets to 1. A missing note of one
 * object could not be seen in the output. Libraries that store no pointers of the program's need
 * no stamp.
 */
#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "debug/options.h"
#include "gort/gc.h"
#include "mem/mbarrier.h"
#include "mem/mgc.h"
#include "sched/race.h"

#define NT_GORT_STAMP 2

struct stamp {
	Elf64_Nhdr head;
	char name[8];
	uint32_t set;
};

static bool isstamp(const struct stamp *s)
{
	return s->head.n_type == NT_GORT_STAMP && s->head.n_namesz == 5 && s->head.n_descsz == 4 &&
	       memcmp(s->name, "gort", 5) == 0;
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* A module linked from parts with hooks each has several stamps. */
static bool stampedin(const char *p, const char *end)
{
	bool found = false;
	while ((size_t)(end - p) >= sizeof(Elf64_Nhdr)) {
		const Elf64_Nhdr *head = (const Elf64_Nhdr *)p;
		size_t size = sizeof(*head) + padded(head->n_namesz) + padded(head->n_descsz);
		if (size > (size_t)(end - p))
			return found;
		if (size >= sizeof(struct stamp) && isstamp((const struct stamp *)p))
			found |= ((const struct stamp *)p)->set == 1;
		p += size;
	}
	return found;
}

bool stamped(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		const char *p = (const char *)info->dlpi_addr + ph->p_vaddr;
		if (ph->p_type == PT_NOTE && ph->p_align <= 4 && stampedin(p, p + ph->p_memsz))
			return true;
	}
	return false;
}

bool needsnostamp(const struct dl_phdr_info *info)
{
	static const char *const names[] = {"libc.so", "libc-", "ld-", "ld.so", "libm.so", "libm-",
		"libmvec", "libgcc_s", "libpthread", "libdl.", "libdl-", "librt.", "librt-",
		"libgort", "linux-vdso"};
	const char *slash = strrchr(info->dlpi_name, '/');
	const char *base = slash ? slash + 1 : info->dlpi_name;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(base, names[i], strlen(names[i])) == 0)
			return true;
	return info->dlpi_addr == getauxval(AT_SYSINFO_EHDR);
}

/* Stops at the first module that has no stamp and needs one. */
static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	if (needsnostamp(info) || stamped(info))
		return 0;
	*(const char **)arg = info->dlpi_name[0] ? info->dlpi_name : "the program";
	return 1;
}

const char *unstamped(void)
{
	const char *who = NULL;
	dl_iterate_phdr(look, &who);
	return who;
}

bool gcconcurrent(void)
{
	if (raceenabled)
		return false;
	if (options.gcmode)
		return options.gcmode == GCMODE_BARRIER || options.gcmode == GCMODE_KERNEL;
	return !unstamped();
}

const char *gort_gcmode(const char **why)
{
	static const char *const names[] = {
		[GCMODE_BARRIER] = "barrier", [GCMODE_KERNEL] = "kernel", [GCMODE_STW] = "stw"};
	const char *who = options.gcmode ? NULL : unstamped();
	if (why)
		*why = who;
	if (options.gcmode == GCMODE_KERNEL && !gckernel())
		return names[GCMODE_STW];
	if (options.gcmode)
		return names[options.gcmode];
	return names[who ? GCMODE_KERNEL : GCMODE_BARRIER];
}
