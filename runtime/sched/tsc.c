/* SPDX-License-Identifier: BSD-2-Clause */
/* tsc.c - anchors of the time stamp counter; tsc.h has the idea. */
#include "sched/tsc.h"

#include <fcntl.h>
#include <string.h>

#include "base/clock.h"

#define CLOCKSOURCE  "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define SPAN_NS      200000
#define CALIBRATE_NS 10000000
#define READ_NS      1000 /* both readings of an anchor take no longer, else they are repeated */
/* By a thousandth. The kernel slews its clock by half of that at most. */
#define FASTER(x) ((x) + ((x) >> 10))

_Atomic uint64_t tscrate, tscspan;

/* The two readings that gave the rate; begin.tsc 0: the counter is not to be used. */
static struct anchor begin;
static _Atomic bool usable;

/* The counter has not come further than the clock. tsc 0: we were held up each time. */
static struct anchor takeanchor(void)
{
	struct anchor a = {0, nanotime()};
	for (int i = 0; i < 3 && a.tsc == 0; i++) {
		int64_t before = a.ns;
		uint64_t tsc = __builtin_ia32_rdtsc();
		a.ns = nanotime();
		if (a.ns - before < READ_NS)
			a.tsc = tsc;
	}
	return a;
}

void tscinit(void)
{
	char name[8] = "";
	long fd = rawsyscall(SYS_openat, AT_FDCWD, (long)CLOCKSOURCE, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	rawsyscall(SYS_read, fd, (long)name, sizeof(name) - 1, 0);
	rawsyscall(SYS_close, fd, 0, 0, 0);
	begin = takeanchor();
	store_rlx(&usable, begin.tsc != 0 && strcmp(name, "tsc\n") == 0);
}

/*
 * (ns << 32) / count, 0 when that is beyond 64 bits. By hand, as the division of 128 bits is a call
 * of libgcc: in a program linked with libgort.a a place where a goroutine may be preempted.
 */
static uint64_t nspercount(uint64_t ns, uint64_t count)
{
	uint64_t quotient, rest = ns >> 32;
	if (rest >= count)
		return 0;
	__asm__("divq %2" : "=a"(quotient), "+d"(rest) : "r"(count), "a"(ns << 32) : "cc");
	return quotient;
}

/* The rate by two readings that lie far enough apart. Ps that do it at once agree well enough. */
static void calibrate(struct anchor now)
{
	int64_t ns = now.ns - begin.ns;
	if (ns < CALIBRATE_NS || now.tsc <= begin.tsc)
		return;
	uint64_t rate = nspercount((uint64_t)ns, now.tsc - begin.tsc);
	if (rate == 0)
		return;
	store_rlx(&tscrate, FASTER(rate));
	store_rel(&tscspan, ((uint64_t)SPAN_NS << 32) / rate);
}

/* Whether now lies where the counter says, going by old. */
static bool agrees(struct anchor old, struct anchor now)
{
	uint64_t count = now.tsc - old.tsc;
	if (old.tsc == 0 || count >> 32) /* none, or it was long ago */
		return true;
	int64_t ns = now.ns - old.ns, told = (int64_t)(count * load_rlx(&tscrate) >> 32);
	int64_t off = told > ns ? told - ns : ns - told;
	return off <= 2 * READ_NS + (ns >> 9);
}

int64_t tscanchor(struct p *pp)
{
	if (!load_rlx(&usable))
		return nanotime();
	struct anchor old = pp->anchor, now = takeanchor();
	pp->anchor = now;
	if (now.tsc == 0)
		return now.ns;
	if (load_rlx(&tscspan) == 0) {
		calibrate(now);
	} else if (unlikely(!agrees(old, now))) {
		store_rlx(&usable, false);
		store_rlx(&tscspan, 0);
	}
	return now.ns;
}
