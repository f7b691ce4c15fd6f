/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recover.c - panic, recover and protect (Go's panic.go).
 *
 * A panic runs on top of the frame that panicked: it takes deferred calls off the goroutine's list
 * and calls them, so that all frames are there for the dump if nobody recovers. Then it leaves them
 * for the frame of the innermost protect. A deferred call may panic itself; that one runs the rest
 * and leaves the first one's frames too. gcold._panic links those under way.
 *
 * Invariants:
 *  1. c->_protect is the innermost protect whose frame is on the stack. Those above c->goexitsp
 *     catch panics, but are not returned to: the goroutine goes on to its end.
 *  2. A panic runs exactly what was deferred after its protect was opened: what is left when it
 *     leaves is what was there before.
 *  3. Nobody panics with a lock of the runtime, or a no-stop section, held.
 *
 * Rejected: setjmp in protect, which makes every local of the program's function volatile or
 * undefined; DWARF unwinding to run the frames' cleanups, which needs -fexceptions in all of the
 * program and costs a microsecond a frame.
 */
#include "lang/recover.h"

#include "base/throw.h"
#include "lang/defer.h"
#include "lang/error.h"
#include "lang/panic.h"
#include "sched/proc.h"
#include "sched/sanitizer.h"

#define RUNTIME_ERROR(name, words) \
	static const struct gort_texterror name = {{&gort_errortype_runtime_error}, words}

RUNTIME_ERROR(nilargument, "panic called with nil argument");
RUNTIME_ERROR(nilpointer, "runtime error: invalid memory address or nil pointer dereference");
RUNTIME_ERROR(divide, "runtime error: integer divide by zero");

/* ---- panic ---- */

/* Leaves all frames that pr has called. */
static _Noreturn void leaveto(struct gcold *c, struct gprotect *pr, gort_error value)
{
	c->_panic = pr->panic;
	c->_protect = pr->prev;
	san_abandon();
	protectjump(pr, value);
}

void gopanic(gort_error value)
{
	struct gpanic p = {.value = value ? value : &nilargument.base};
	if (!getg())
		fatalpanic(&p);
	struct gcold *c = gcold(getgchecked("panic"));
	p.link = c->_panic;
	p.protect = c->_protect;
	c->_panic = &p;
	rununtil(c, p.protect ? p.protect->defers : NULL);
	getgchecked("panic");
	if (p.protect && (uintptr_t)p.protect > c->goexitsp && c->goexitsp) {
		c->_protect = p.protect->prev;
		gort_goexit();
	}
	if (p.protect)
		leaveto(c, p.protect, p.recovered ? NULL : p.value);
	if (!p.recovered)
		fatalpanic(&p);
	goreturn();
}

gort_error gort_recover(void)
{
	struct gcold *c = gcold(getgchecked("recover"));
	struct gpanic *p = c->_panic;
	if (!p || p->recovered || p->protect != c->_protect)
		return NULL;
	p->recovered = true;
	return p->value;
}

void gort_panic(gort_error value)
{
	gopanic(value);
}

void gort_panictext(const char *text)
{
	gopanic(errortext(&gort_errortype_text, text ? text : "<nil>"));
}

void gort_panicf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	gort_error err = errorformat(&gort_errortype_text, fmt, ap);
	va_end(ap);
	gopanic(err);
}

void gopanic_text(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	gort_error err = errorformat(&gort_errortype_runtime_error, fmt, ap);
	va_end(ap);
	gopanic(err);
}

void gort_panicdivide(void)
{
	gopanic(&divide.base);
}

void panicnil(void)
{
	gopanic(&nilpointer.base);
}

/* ---- protect ---- */

_Static_assert(sizeof(struct gprotect) == GPROTECT_SIZE, "protect_amd64.S makes room for it");

void protectopen(struct gprotect *pr)
{
	struct gcold *c = gcold(getgchecked("protect"));
	*pr = (struct gprotect){.prev = c->_protect, .defers = c->_defer, .panic = c->_panic};
	c->_protect = pr;
}

void protectclose(struct gprotect *pr)
{
	gcold(getg())->_protect = pr->prev;
}
