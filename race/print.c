/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.c - a finding as text when no launcher symbolizes it: "module+0xoffset" frames, which
 * addr2line -e module takes. The loader's lists are not used: their lock may be held by a thread
 * that waits for this report. /proc/self/maps is read instead.
 */
#include "builtins.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "report.h"
#include "sys.h"

#define MAX_MODULES 256

struct module {
	uint64_t lo, hi, bias; /* bias: what to subtract from a pc */
	char path[232];
};

static struct module modules[MAX_MODULES]; /* report.lock */
static uint32_t nmodules;

struct text {
	int fd;
	uint32_t n;
	char buf[4096];
};

static void flush(struct text *t)
{
	for (uint32_t done = 0; done < t->n;) {
		long n = sys_write(t->fd, t->buf + done, t->n - done);
		if (n <= 0)
			break;
		done += (uint32_t)n;
	}
	t->n = 0;
}

static void put(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (t->n == sizeof t->buf)
			flush(t);
		t->buf[t->n++] = *s;
	}
}

static void put_uint(struct text *t, uint64_t n, uint32_t base)
{
	char digits[24], *d = digits + sizeof digits - 1;
	*d = '\0';
	do
		*--d = "0123456789abcdef"[n % base];
	while (n /= base);
	put(t, d);
}

static void put_hex(struct text *t, uint64_t n)
{
	put(t, "0x");
	put_uint(t, n, 16);
}

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

bool same_text(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* A mapping of a file extends the module before it or starts one; offset 0 holds the ELF header. */
static void add_mapping(uint64_t lo, uint64_t hi, uint64_t offset, const char *path)
{
	struct module *m = nmodules ? &modules[nmodules - 1] : NULL;
	if (m && same_text(m->path, path)) {
		m->hi = hi;
		return;
	}
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

static void read_modules(void)
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

static void put_frame(struct text *t, uint32_t i, uint64_t pc)
{
	put(t, "    #");
	put_uint(t, i, 10);
	put(t, " ");
	for (uint32_t k = 0; k < nmodules; k++) {
		if (pc >= modules[k].lo && pc < modules[k].hi) {
			put(t, modules[k].path);
			put(t, "+");
			put_hex(t, pc - modules[k].bias);
			put(t, "\n");
			return;
		}
	}
	put_hex(t, pc);
	put(t, "\n");
}

/* Return addresses are printed as the call before them. */
static void put_stack(struct text *t, const struct gort_finding_stack *s)
{
	for (uint32_t i = 0; i < s->npcs; i++)
		put_frame(t, i, s->pcs[i] - (i > 0));
	if (!s->npcs)
		put(t, "    (no stack: the stack depot is full)\n");
	put(t, "\n");
}

static void put_thread(struct text *t, uint64_t id)
{
	if (id == 0) {
		put(t, "main thread");
	} else if (id == UINT32_MAX) {
		put(t, "a thread that ended long ago");
	} else {
		put(t, "thread T");
		put_uint(t, id, 10);
	}
}

static void put_access(struct text *t, const struct gort_finding_stack *s)
{
	bool previous = s->role == GORT_STACK_PREVIOUS, write = s->access & GORT_ACCESS_WRITE;
	put(t, previous ? "  Previous " : "  ");
	if (s->access & GORT_ACCESS_ATOMIC)
		put(t, previous ? "atomic " : "Atomic ");
	bool lower = previous || (s->access & GORT_ACCESS_ATOMIC);
	put(t, write ? (lower ? "write" : "Write") : (lower ? "read" : "Read"));
	put(t, " of size ");
	put_uint(t, s->size, 10);
	put(t, " at ");
	put_hex(t, s->addr);
	put(t, " by ");
	put_thread(t, s->id);
	put(t, ":\n");
}

static void put_header(struct text *t, const struct gort_finding_stack *s)
{
	if (s->role == GORT_STACK_ALLOC) {
		put(t, "  Location is heap block of size ");
		put_uint(t, s->size, 10);
		put(t, " at ");
		put_hex(t, s->addr);
		put(t, " allocated by ");
		put_thread(t, s->id);
		put(t, ":\n");
	} else if (s->role == GORT_STACK_CREATED) {
		put(t, "  Thread T");
		put_uint(t, s->id, 10);
		put(t, s->tid ? " (tid=" : " (finished");
		if (s->tid) {
			put_uint(t, (uint32_t)s->tid, 10);
			put(t, ", running");
		}
		put(t, ") created by ");
		put_thread(t, s->by);
		put(t, " at:\n");
	} else {
		put_access(t, s);
	}
}

void print_finding(int fd, const struct gort_finding *f)
{
	static struct text t; /* report.lock */
	t.fd = fd;
	t.n = 0;
	read_modules();
	put(&t, "==================\nWARNING: ThreadSanitizer: data race (pid=");
	put_uint(&t, (uint32_t)f->pid, 10);
	put(&t, ")\n");
	for (uint32_t i = 0; i < f->nstacks; i++) {
		put_header(&t, &f->stacks[i]);
		put_stack(&t, &f->stacks[i]);
	}
	put(&t, "SUMMARY: ThreadSanitizer: data race\n==================\n");
	flush(&t);
}
