/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * front.c - start and end of the C front end.
 *
 * At exit with findings the process ends in this library's destructor, with its own code; standard
 * output is flushed before. Destructors of libraries that are torn down later do not run then.
 */
#include "builtins.h"

#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front.h"
#include "options.h"
#include "report.h"
#include "sys.h"

__thread struct thread me __attribute__((tls_model("initial-exec")));
bool active, forked;
const uint32_t front_main = 0;

static const struct past *main_past;
static uintptr_t main_tls; /* its thread pointer: on x86-64 the variables lie below it */
static size_t tls_size;    /* of the modules that were there at the start */

static const char *const option_names[] = {"TSAN_OPTIONS", "GORT_RACE"};

void *next_function(const char *name, const char *version)
{
	uint32_t busy = me.busy;
	me.busy = 1;
	void *f = version ? dlvsym(RTLD_NEXT, name, version) : NULL;
	if (!f)
		f = dlsym(RTLD_NEXT, name);
	me.busy = busy;
	if (!f)
		race_fatal(name, "run a glibc program: no such function follows libgort-race.so");
	return f;
}

/* Locks of the detector may be held by threads the child lacks: then it is not watched. */
void front_forked(void)
{
	if (me.tag || !options.follow)
		active = false;
	me.tag = me.delayed.addr = 0;
	forked = true;
	report_reset();
}

/* What a program, and LLVM's tests, may define: C++ functions in the namespace __tsan. */
EXPORT __attribute__((weak)) void _ZN6__tsan12OnInitializeEv(void);

EXPORT __attribute__((weak)) void _ZN6__tsan12OnInitializeEv(void)
{
}

/* The same: whether the process fails, given whether anything was found. */
EXPORT __attribute__((weak)) bool _ZN6__tsan10OnFinalizeEb(bool failed);

EXPORT __attribute__((weak)) bool _ZN6__tsan10OnFinalizeEb(bool failed)
{
	return failed;
}

static bool not_first, environment_read;

/* When both have been done: with gcc's code the environment is read last, with clang's first. */
static void both_done(void)
{
	if (active && environment_read && options.direct_calls)
		near_calls();
}

void front_init(void)
{
	static bool done;
	if (done)
		return;
	done = true;
	shadow_map();
	thread_main(&me, sys_gettid());
	main_past = me.life->past;
	main_tls = (uintptr_t)__builtin_thread_pointer();
	me.tag = 0;          /* until pthread_create: what happens before is ordered before it */
	active = !not_first; /* the shadow is looked at all the same */
	_ZN6__tsan12OnInitializeEv();
	both_done();
}

/* Text of libc, of the loader and of libubsan. */
static const char *const system_names[] = {"/libc.so.6", "/ld-linux", "/libubsan.so"};
#define NSYSTEM (sizeof system_names / sizeof *system_names)

static struct {
	uintptr_t lo, hi;
} system_text[NSYSTEM];

bool in_libc(uint64_t pc)
{
	for (uint32_t i = 0; i < NSYSTEM; i++) {
		if (pc - system_text[i].lo < system_text[i].hi - system_text[i].lo)
			return true;
	}
	return false;
}

static uint32_t system_number(const char *name)
{
	uint32_t i = 0;
	while (i < NSYSTEM &&
		(!name || strncmp(name, system_names[i], strlen(system_names[i])) != 0))
		i++;
	return i;
}

static int note_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint32_t i = system_number(strrchr(info->dlpi_name, '/'));
	for (int k = 0; k < info->dlpi_phnum; k++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[k];
		if (ph->p_type == PT_TLS)
			tls_size += (ph->p_memsz + ph->p_align - 1) & -ph->p_align;
		if (i < NSYSTEM && ph->p_type == PT_LOAD && ph->p_flags & PF_X) {
			system_text[i].lo = info->dlpi_addr + ph->p_vaddr;
			system_text[i].hi = system_text[i].lo + ph->p_memsz;
		}
	}
	(void)size;
	(void)arg;
	return 0;
}

/* Of this library; the linker's. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

bool front_own(uint64_t pc)
{
	return pc >= (uint64_t)__ehdr_start && pc < (uint64_t)etext;
}

#define MAIN_STACK (8ul << 20) /* it grows */

const struct past *main_owner(uintptr_t addr, uint32_t *flags)
{
	extern void *__libc_stack_end;
	uintptr_t top = (uintptr_t)__libc_stack_end;
	if (!main_past)
		return NULL;
	if (addr < top && top - addr < MAIN_STACK)
		return main_past;
	*flags = GORT_OWNER_TLS;
	return addr < main_tls && main_tls - addr <= tls_size ? main_past : NULL;
}

/* The program's own go before these. */
EXPORT __attribute__((weak)) const char *__tsan_default_options(void);

EXPORT __attribute__((weak)) const char *__tsan_default_options(void)
{
	return "";
}

EXPORT __attribute__((weak)) const char *__tsan_default_suppressions(void);

EXPORT __attribute__((weak)) const char *__tsan_default_suppressions(void)
{
	return "";
}

#define FIRST_PROCESS "GORT_RACE_FIRST"

/* follow=0: a program that a watched process starts finds this mark in its environment. */
static void stay_in_first(void)
{
	not_first = getenv(FIRST_PROCESS);
	if (not_first)
		active = false;
	else
		setenv(FIRST_PROCESS, "1", 1);
}

/* Once libc has it, which front_init() comes before. */
__attribute__((constructor)) static void read_environment(void)
{
	if (environment_read)
		return;
	environment_read = true;
	free(malloc(1)); /* looked up now: dlsym() frees what it said of a failure before */
	options_parse(__tsan_default_options());
	report_init(option_names, sizeof option_names / sizeof *option_names);
	const char *hidden = __tsan_default_suppressions();
	if (hidden)
		report_hide(hidden);
	if (!options.follow)
		stay_in_first();
	dl_iterate_phdr(note_module, NULL);
	both_done();
	pthread_atfork(NULL, NULL, front_forked);
}

void front_start(void)
{
	read_environment();
	if (me.life)
		thread_resume(&me, sys_gettid());
	else
		thread_main(&me, sys_gettid()); /* created by a library behind our back */
}

void name_thread(struct past *who, const char *name)
{
	size_t n = 0;
	while (name[n] && n < 31)
		n++;
	char *copy = mem_alloc(n + 1); /* a report may be reading the former one */
	race_memcpy(copy, name, n);
	who->name = copy;
}

EXPORT void __tsan_init(void);

EXPORT void __tsan_init(void)
{
	front_init();
}

int exit_code(int code)
{
	return active && _ZN6__tsan10OnFinalizeEb(report_count()) ? (int)report_exit_code() : code;
}

__attribute__((destructor)) static void at_exit(void)
{
	if (!active)
		return;
	thread_settle(&me);
	ignores_checked();
	threads_leaked();
	report_end();
	coverage_end();
	int code = exit_code(0);
	if (code == 0)
		return;
	me.tag = 0;
	fflush(NULL);
	front_dies(code);
}

EXPORT void _exit(int code)
{
	if (active) {
		thread_settle(&me);
		ignores_checked();
		threads_leaked();
		report_end();
		coverage_end();
	}
	sys_exit(exit_code(code));
}

EXPORT void _Exit(int code)
{
	_exit(code);
}
