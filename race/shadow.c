/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow.c - reserves the tables of shadow.h. */
#include "builtins.h"

#include <errno.h>
#include <sys/mman.h>

#include "mem.h"
#include "shadow.h"
#include "sys.h"

static void no_shadow(long err)
{
	if (err == -EEXIST)
		race_fatal(
			"the range of the shadow memory, 0x100000000000-0x480100000000, is in use",
			"run without other libraries that map fixed addresses (sanitizers, "
			"emulators)");
	race_fatal("cannot reserve 56 TiB of address space for the shadow memory",
		"ulimit -v unlimited; sysctl vm.overcommit_memory=0 (2 forbids reservations)");
}

void shadow_map(void)
{
	size_t n = SHADOW_END - SHADOW_CELLS;
	long p = sys_mmap((void *)SHADOW_CELLS, n, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE);
	if (p != (long)SHADOW_CELLS)
		no_shadow(p < 0 ? p : -EEXIST);
	SYS3(SYS_madvise, SHADOW_CELLS, n, MADV_NOHUGEPAGE);
	SYS3(SYS_madvise, SHADOW_CELLS, n, MADV_DONTDUMP);
}
