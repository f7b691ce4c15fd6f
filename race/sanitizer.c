/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sanitizer.c - what sanitizer/common_interface_defs.h offers to programs: stacks and names, where
 * reports go, the end of the process. Of the weak ones the program's own goes before.
 */
#include "builtins.h"

#include <fcntl.h>
#include <stdlib.h>

#include "front.h"
#include "options.h"
#include "report.h"
#include "symbols.h"
#include "sys.h"
#include "text.h"

#define API(type, name, ...)           \
	EXPORT type name(__VA_ARGS__); \
	EXPORT type name(__VA_ARGS__)
#define WEAK_API(type, name, ...)                            \
	EXPORT __attribute__((weak)) type name(__VA_ARGS__); \
	EXPORT __attribute__((weak)) type name(__VA_ARGS__)

static const char *or_null(const char *s)
{
	return s ? s : "<null>";
}

static void put_place(struct text *t, const struct call *c)
{
	text_put(t, or_null(c->file));
	if (c->file) {
		text_put(t, ":");
		text_uint(t, c->line, 10);
	}
}

static void put_module(struct text *t, const struct call *c)
{
	text_put(t, "(");
	text_put(t, c->module ? c->module : "");
	text_put(t, c->module ? "+" : "");
	text_hex(t, c->module ? c->offset : c->pc);
	text_put(t, ")");
}

struct trace {
	struct text text;
	uint32_t n;
};

static void put_call(void *arg, const struct call *c)
{
	struct trace *trace = arg;
	struct text *t = &trace->text;
	text_put(t, "    #");
	text_uint(t, trace->n++, 10);
	text_put(t, " ");
	text_put(t, or_null(c->function));
	text_put(t, " ");
	put_place(t, c);
	text_put(t, " ");
	put_module(t, c);
	text_put(t, "\n");
}

/* The calls of this thread with the leaf pc, each as a pc inside it. */
static uint32_t current_stack(uint64_t *pcs, uint64_t pc)
{
	struct gort_finding_stack s = {.npcs = 1, .pcs = {pc}};
	if (me.life && thread_enter(&me)) {
		report_stack(&s, ctx_of(&me, pc), TAG_MASK);
		thread_leave(&me);
	}
	for (uint32_t i = 0; i < s.npcs; i++)
		pcs[i] = s.pcs[i] - (i > 0);
	return s.npcs;
}

API(void, __sanitizer_print_stack_trace, void)
{
	uint64_t pcs[GORT_FINDING_PCS];
	struct trace trace = {.n = 0};
	enter(PC);
	uint32_t n = current_stack(pcs, OWN_PC);
	leave();
	text_begin(&trace.text, report_log());
	symbols_each(pcs, n, put_call, &trace);
	text_put(&trace.text, "\n");
	text_flush(&trace.text);
}

/* Strings, each terminated, in room that somebody else owns. */
struct strings {
	const char *format;
	char *at, *end;
	uint32_t n;
};

static void put_field(struct text *t, char field, const struct call *c, uint32_t n)
{
	switch (field) {
	case 'n':
		text_uint(t, n, 10);
		break;
	case 'p':
		text_hex(t, c->pc);
		break;
	case 'm':
		text_put(t, or_null(c->module));
		break;
	case 'o':
		text_hex(t, c->offset);
		break;
	case 'f':
		text_put(t, or_null(c->function));
		break;
	case 's':
		text_put(t, or_null(c->file));
		break;
	case 'l':
		text_uint(t, c->line, 10);
		break;
	case 'c':
		text_uint(t, 0, 10);
		break;
	case 'F':
		text_put(t, "in ");
		text_put(t, or_null(c->function));
		break;
	case 'S':
	case 'L':
		if (c->file)
			put_place(t, c);
		else
			put_module(t, c);
		break;
	case 'M':
		put_module(t, c);
		break;
	default:
		text_put(t, (char[]){field, '\0'});
	}
}

static void put_string(struct strings *out, const char *s)
{
	if (out->at == out->end || !*s)
		return;
	while (*s && out->at < out->end - 1)
		*out->at++ = *s++;
	*out->at++ = '\0';
}

static void format_call(void *arg, const struct call *c)
{
	struct strings *out = arg;
	struct text t;
	text_begin(&t, -1);
	for (const char *f = out->format; *f; f++) {
		if (*f == '%' && f[1])
			put_field(&t, *++f, c, out->n);
		else
			text_put(&t, (char[]){*f, '\0'});
	}
	out->n++;
	t.buf[t.n] = '\0';
	put_string(out, t.buf);
}

/* pc is a return address. The last string is an empty one. */
API(void, __sanitizer_symbolize_pc, uint64_t pc, const char *format, char *out, size_t n)
{
	struct strings strings = {format, out, out + (n ? n - 1 : 0), 0};
	pc--;
	symbols_each(&pc, 1, format_call, &strings);
	if (n)
		*strings.at = '\0';
}

static void put_variable(struct text *t, char field, const char *name, const struct call *place)
{
	if (field == 'g')
		text_put(t, name);
	else
		put_field(t, field, place, 0);
}

API(void, __sanitizer_symbolize_global, uintptr_t addr, const char *format, char *out, size_t n)
{
	char name[256] = "";
	struct elfsym_object object;
	struct call place = {.pc = addr};
	struct strings strings = {format, out, out + n, 0};
	struct text t;
	text_begin(&t, -1);
	if (n)
		*out = '\0';
	if (!symbols_variable(addr, name, sizeof name, &object, &place.module) || !name[0])
		return;
	for (const char *f = format; *f; f++) {
		if (*f == '%' && f[1])
			put_variable(&t, *++f, name, &place);
		else
			text_put(&t, (char[]){*f, '\0'});
	}
	t.buf[t.n] = '\0';
	put_string(&strings, t.buf);
}

/* The whole path is given, or what fits. */
API(int, __sanitizer_get_module_and_offset_for_pc, uint64_t pc, char *path, size_t n, void **offset)
{
	struct module m;
	if (!symbols_module(pc, &m))
		return 0;
	struct strings strings = {NULL, path, path + n, 0};
	if (path && n)
		put_string(&strings, m.path);
	*offset = (void *)(pc - m.bias);
	return 1;
}

static void (*_Atomic death_callback)(void);

API(void, __sanitizer_set_death_callback, void (*callback)(void))
{
	store_rel(&death_callback, callback);
}

void front_dies(int code)
{
	void (*callback)(void) = load_acq(&death_callback);
	if (callback)
		callback();
	sys_exit(code);
}

/* The first one that asks may tell of a crash. */
API(int, __sanitizer_acquire_crash_state, void)
{
	static _Atomic uint32_t taken;
	return !xchg_acq(&taken, 1);
}

API(void, __sanitizer_set_report_path, const char *path)
{
	report_log_to(path);
}

API(void, __sanitizer_set_report_fd, void *fd)
{
	report_log_on((int)(intptr_t)fd);
	options.print = 1;
}

API(const char *, __sanitizer_get_report_path, void)
{
	return options.log_path;
}

WEAK_API(void, __sanitizer_report_error_summary, const char *summary)
{
	struct text t;
	text_begin(&t, report_log());
	text_put(&t, summary);
	text_put(&t, "\n");
	text_flush(&t);
}

/* Sandboxes are told of what the detector still opens. */
WEAK_API(void, __sanitizer_sandbox_on_notify, void *arguments)
{
	(void)arguments;
}

/*
 * Functions of clang's runtime that the handlers of -fsanitize=undefined call: in a program that
 * has the runtime inside they would use pipe() under our eyes, print to another file than the
 * detector and end with another code.
 */
API(bool, _ZN11__sanitizer23IsAccessibleMemoryRangeEmm, uintptr_t addr, size_t n)
{
	int ends[2];
	if (SYS3(SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK, 0))
		return false;
	bool readable = sys_write(ends[1], (const void *)addr, n) == (long)n;
	SYS3(SYS_close, ends[0], 0, 0);
	SYS3(SYS_close, ends[1], 0, 0);
	return readable;
}

API(void, _ZN11__sanitizer10ReportFile5WriteEPKcm, void *file, const char *text, size_t n)
{
	(void)file;
	sys_write(report_log(), text, n);
}

/* What clang's runtime is told for its part counts for all of it. */
API(_Noreturn void, _ZN11__sanitizer3DieEv, void)
{
	const char *text = getenv("UBSAN_OPTIONS");
	if (text)
		options_parse(text);
	front_dies((int)report_exit_code());
}
