/* SPDX-License-Identifier: BSD-2-Clause */
/* symbols.c - see symbols.h. */
#include "builtins.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>

#include "front.h"
#include "report.h"
#include "symbols.h"
#include "sys.h"

static struct gort_question question; /* report.lock; the answer too */
static char answer[GORT_ANSWER_MAX + 1];

struct image {
	struct elfsym e;
	void *at;
	size_t len;
};

static bool image_open(struct image *m, const char *path)
{
	long fd = SYS3(SYS_open, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	long n = SYS3(SYS_lseek, fd, 0, SEEK_END);
	long at = rawsyscall6(SYS_mmap, 0, n > 0 ? n : 0, PROT_READ, MAP_PRIVATE, fd, 0);
	SYS3(SYS_close, fd, 0, 0);
	if (at < 0 && at > -4096)
		return false;
	m->at = (void *)at;
	m->len = (size_t)n;
	if (elfsym_open(&m->e, m->at, m->len))
		return true;
	SYS3(SYS_munmap, m->at, m->len, 0);
	return false;
}

static void image_close(struct image *m)
{
	SYS3(SYS_munmap, m->at, m->len, 0);
}

/* By the symbol table of the module's file, where what is static is too. */
static void show_unasked(
	struct call *c, const char *path, void (*fn)(void *, const struct call *), void *arg)
{
	struct image m;
	struct elfsym_object function = {0};
	bool opened = path && image_open(&m, path);
	if (opened && elfsym_find(&m.e, STT_FUNC, c->offset, &function))
		c->function = function.name;
	fn(arg, c);
	if (opened)
		image_close(&m);
}

/* Ends the field at a separator; NULL for an empty one. */
static const char *field(char **s, char separator)
{
	char *at = *s;
	while (**s && **s != separator)
		++*s;
	if (**s)
		*(*s)++ = '\0';
	return *at ? at : NULL;
}

static uint32_t number(const char *s)
{
	uint32_t n = 0;
	for (; s && *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint32_t)(*s - '0');
	return n;
}

/* A line for each call, then an empty one. False: it was cut off here. */
static bool show_answer(
	char **s, struct call *c, void (*fn)(void *, const struct call *), void *arg)
{
	bool any = false;
	while (**s && **s != '\n') {
		c->function = field(s, '\t');
		c->file = field(s, '\t');
		c->line = number(field(s, '\n'));
		fn(arg, c);
		any = true;
	}
	*s += **s == '\n';
	return any;
}

/* The answer, terminated; empty when there is none. */
static char *ask(const uint64_t *pcs, uint32_t n)
{
	question.magic = GORT_QUESTION_MAGIC;
	question.size = (uint32_t)offsetof(struct gort_question, pcs[n]);
	question.pid = (int32_t)SYS3(SYS_getpid, 0, 0, 0);
	question.npcs = n;
	race_memcpy(question.pcs, pcs, n * sizeof *pcs);
	answer[report_ask(&question, question.size, answer, GORT_ANSWER_MAX)] = '\0';
	return answer;
}

void symbols_each(
	const uint64_t *pcs, uint32_t n, void (*fn)(void *arg, const struct call *call), void *arg)
{
	bool outside = report_enter();
	modules_read();
	char *s = ask(pcs, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct module *m = modules_find(pcs[i]);
		struct call c = {.pc = pcs[i], .module = m ? m->path : NULL};
		c.offset = m ? pcs[i] - m->bias : 0;
		if (!show_answer(&s, &c, fn, arg))
			show_unasked(&c, c.module, fn, arg);
	}
	if (outside)
		report_leave();
}

bool symbols_module(uint64_t addr, struct module *module)
{
	bool outside = report_enter();
	modules_read();
	const struct module *m = modules_find(addr);
	if (m)
		*module = *m;
	if (outside)
		report_leave();
	return m != NULL;
}

static bool find_in_file(
	const char *path, uintptr_t addr, char *name, size_t size, struct elfsym_object *object)
{
	struct image m;
	if (!image_open(&m, path))
		return false;
	bool found = elfsym_find(&m.e, STT_OBJECT, addr, object);
	for (size_t i = 0; found && i < size; i++) {
		name[i] = i + 1 < size ? object->name[i] : '\0';
		if (!name[i])
			break;
	}
	image_close(&m);
	return found;
}

bool symbols_variable(
	uintptr_t addr, char *name, size_t size, struct elfsym_object *object, const char **path)
{
	Dl_info info;
	struct link_map *map;
	if (!dladdr1((void *)addr, &info, (void **)&map, RTLD_DL_LINKMAP))
		return false;
	*path = info.dli_fname;
	const char *file = map->l_name[0] ? map->l_name : "/proc/self/exe";
	if (!find_in_file(file, addr - map->l_addr, name, size, object))
		*object = (struct elfsym_object){.start = addr - map->l_addr};
	object->start += map->l_addr;
	return true;
}
