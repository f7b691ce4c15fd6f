/* SPDX-License-Identifier: BSD-2-Clause */
/* patch.c - see patch.h. */
#include "builtins.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "mem.h"
#include "patch.h"
#include "shadow.h"
#include "sys.h"

#define NEAR_STEP      (1ull << 20)
#define NEAR_FROM      (256ull << 20) /* leaves room for brk */
#define NEAR_TO        (1792ull << 20)
#define TRAMPOLINE     16
#define MAP_AT_EXACTLY (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE)

uint64_t patch_headers(void)
{
	Elf64_auxv_t aux[64];
	long fd = SYS3(SYS_open, "/proc/self/auxv", O_RDONLY | O_CLOEXEC, 0);
	long n = fd < 0 ? 0 : SYS3(SYS_read, fd, aux, sizeof aux);
	if (fd >= 0)
		SYS3(SYS_close, fd, 0, 0);
	for (long i = 0; (i + 1) * (long)sizeof *aux <= n; i++) {
		if (aux[i].a_type == AT_PHDR)
			return aux[i].a_un.a_val;
	}
	race_fatal("cannot read /proc/self/auxv", "mount /proc");
}

bool patch_open(struct patch *p)
{
	struct stat st;
	long fd = SYS3(SYS_open, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0), image = -1;
	if (fd < 0)
		return false;
	if (!SYS3(SYS_fstat, fd, &st, 0))
		image = rawsyscall6(SYS_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	SYS3(SYS_close, fd, 0, 0);
	if (image < 0 && image > -4096)
		return false;
	if (elfsym_open(&p->sym, (const void *)image, (size_t)st.st_size))
		return true;
	SYS3(SYS_munmap, image, st.st_size, 0);
	return false;
}

void patch_close(struct patch *p)
{
	SYS3(SYS_munmap, p->sym.image, p->sym.len, 0);
}

static void find_near(struct patch *p)
{
	uint64_t end = (p->bias + p->load.hi) & ~(NEAR_STEP - 1);
	for (uint64_t at = end + NEAR_FROM; at < end + NEAR_TO; at += NEAR_STEP) {
		long r = sys_mmap((void *)at, p->size, PROT_READ | PROT_WRITE, MAP_AT_EXACTLY);
		if (r == (long)at) {
			p->near = p->next = (unsigned char *)at;
			return;
		}
	}
	race_fatal(
		"no free memory near the program's code", "run without other preloaded libraries");
}

static void protect_text(const struct patch *p, int prot)
{
	uint64_t lo = (p->bias + p->load.text_lo) & ~(PAGE - 1);
	uint64_t hi = (p->bias + p->load.text_hi + PAGE - 1) & ~(PAGE - 1);
	if (SYS3(SYS_mprotect, lo, hi - lo, prot))
		race_fatal("the kernel does not let the program's code be patched", p->advice);
}

void patch_begin(struct patch *p, uint32_t n)
{
	p->size = (n * TRAMPOLINE + PAGE - 1) & ~(PAGE - 1);
	find_near(p);
	protect_text(p, PROT_READ | PROT_WRITE | PROT_EXEC);
}

void patch_end(struct patch *p)
{
	protect_text(p, PROT_READ | PROT_EXEC);
	SYS3(SYS_mprotect, p->near, p->size, PROT_READ | PROT_EXEC);
}

static void put_jump(unsigned char *from, const void *to)
{
	int32_t rel = (int32_t)((intptr_t)to - (intptr_t)(from + 5));
	from[0] = 0xe9;
	race_memcpy(from + 1, &rel, sizeof rel);
}

/* jmp *0(%rip); .quad to */
void patch_far_jump(unsigned char *from, const void *to)
{
	static const unsigned char jump[] = {0xff, 0x25, 0, 0, 0, 0};
	race_memcpy(from, jump, sizeof jump);
	race_memcpy(from + sizeof jump, &to, sizeof to);
}

void patch_redirect(struct patch *p, uint64_t at, const void *to)
{
	patch_far_jump(p->next, to);
	put_jump((unsigned char *)(p->bias + at), p->next);
	p->next += TRAMPOLINE;
}

static void nothing(void)
{
}

__attribute__((used)) static void (*resolve(void))(void) /* clang sees no use in ifunc */
{
	patch_program();
	return nothing;
}

static void at_relocation(void) __attribute__((ifunc("resolve")));

/* A reference, so that the loader has to resolve it. */
static void (*volatile keep)(void) __attribute__((used)) = at_relocation;
