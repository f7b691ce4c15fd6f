/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * front.c - start and end of the C front end.
 *
 * At exit with findings the process ends in this library's destructor, with its own code; standard
 * output is flushed before. Destructors of libraries that are torn down later do not run then.
 */
#include "builtins.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "front.h"
#include "report.h"
#include "sys.h"

__thread struct thread me __attribute__((tls_model("initial-exec")));
bool active;

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
static void after_fork(void)
{
	if (me.tag)
		active = false;
	me.tag = 0;
	report_reset();
}

void front_init(void)
{
	static bool done;
	if (done)
		return;
	done = true;
	shadow_map();
	thread_main(&me);
	me.tag = 0; /* until pthread_create: what happens before is ordered before it */
	active = true;
}

void front_start(void)
{
	static bool done;
	if (!done) {
		done = true;
		report_init();
		pthread_atfork(NULL, NULL, after_fork);
	}
	if (me.life)
		thread_resume(&me);
	else
		thread_main(&me); /* created by a library behind our back */
}

EXPORT void __tsan_init(void);

EXPORT void __tsan_init(void)
{
	front_init();
}

int exit_code(int code)
{
	return active && report_count() ? (int)report_exit_code() : code;
}

__attribute__((destructor)) static void at_exit(void)
{
	if (!active)
		return;
	report_end();
	if (exit_code(0) == 0)
		return;
	me.tag = 0;
	fflush(NULL);
	sys_exit(exit_code(0));
}

EXPORT void _exit(int code)
{
	if (active)
		report_end();
	sys_exit(exit_code(code));
}

EXPORT void _Exit(int code)
{
	_exit(code);
}
