/* SPDX-License-Identifier: BSD-2-Clause */
/* modules.c - see modules.h. */
#include "builtins.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>

#include "modules.h"
#include "report.h"
#include "sys.h"
#include "text.h"

#define MAX_MODULES 256

static struct module modules[MAX_MODULES]; /* report.lock */
static uint32_t nmodules;

static const char *parse_hex(const char *s, uint64_t *n)
{
	for (*n = 0;; s++) {
		uint32_t d = *s >= '0' && *s <= '9'   ? (uint32_t)(*s - '0')
			     : *s >= 'a' && *s <= 'f' ? (uint32_t)(*s - 'a' + 10)
						      : 16;
		if (d == 16)
			return s;
		*n = *n * 16 + d;
	}
}

/* A mapping of a file extends the module before it or starts one; offset 0 holds the ELF header. */
static void add_mapping(uint64_t lo, uint64_t hi, uint64_t offset, const char *path)
{
	struct module *m = nmodules ? &modules[nmodules - 1] : NULL;
	if (m && same_text(m->path, path)) {
		m->hi = hi;
		return;
	}
	if (m && !path[0] && m->hi == lo)
		m->hi = hi; /* its variables that are zero at first */
	if (nmodules == MAX_MODULES || offset || path[0] != '/')
		return;
	m = &modules[nmodules++];
	m->lo = m->bias = lo;
	m->hi = hi;
	uint32_t i = 0;
	for (; path[i] && i < sizeof m->path - 1; i++)
		m->path[i] = path[i];
	m->path[i] = '\0';
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)lo;
	if (e->e_type == ET_EXEC)
		m->bias = 0;
}

/* "lo-hi perms offset dev inode   path" */
static void parse_line(char *line)
{
	uint64_t lo, hi, offset;
	const char *s = parse_hex(line, &lo);
	s = parse_hex(s + (*s == '-'), &hi);
	bool readable = s[0] == ' ' && s[1] == 'r';
	s = parse_hex(s + 6, &offset);
	for (int fields = 0; *s && fields < 3; s++)
		fields += *s == ' ' && s[1] != ' ';
	if (readable || (nmodules && *s))
		add_mapping(lo, hi, readable ? offset : 1, s);
}

void modules_read(void)
{
	static char buf[8192]; /* report.lock */
	uint32_t n = 0;
	nmodules = 0;
	long fd = SYS3(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0), got;
	while (fd >= 0 && (got = SYS3(SYS_read, fd, buf + n, sizeof buf - 1 - n)) > 0) {
		char *line = buf, *end = buf + n + got;
		for (char *p = buf + n; p < end; p++) {
			if (*p != '\n')
				continue;
			*p = '\0';
			if (p - line > 24)
				parse_line(line);
			line = p + 1;
		}
		n = (uint32_t)(end - line);
		if (n == sizeof buf - 1)
			n = 0; /* no path is that long */
		race_memmove(buf, line, n);
	}
	if (fd >= 0)
		SYS3(SYS_close, fd, 0, 0);
}

const struct module *modules_find(uint64_t addr)
{
	for (uint32_t k = 0; k < nmodules; k++) {
		if (addr >= modules[k].lo && addr < modules[k].hi)
			return &modules[k];
	}
	return NULL;
}

bool front_module(uintptr_t addr)
{
	modules_read();
	return modules_find(addr) != NULL;
}
