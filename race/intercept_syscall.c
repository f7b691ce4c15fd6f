/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_syscall.c - the hooks of sanitizer/linux_syscall_hooks.h, which a program that makes
 * system calls without libc calls around each.
 *
 * All hooks are data: a system call is the list of its effects, and two functions carry those out.
 * A hook receives as many longs as the call has arguments; six are taken, since what a shorter call
 * left in the other registers is not named by its effects.
 */
#include "builtins.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#include "front.h"

#define MAX_EFFECTS 5

enum what {
	EFFECT_END,
	EFFECT_READ,
	EFFECT_READ_IOV,
	EFFECT_TEXT,
	EFFECT_USES,
	EFFECT_RELEASES,
	EFFECT_CLOSES,
	EFFECT_AFTER, /* the others take place after the call */
	EFFECT_WROTE = EFFECT_AFTER,
	EFFECT_WROTE_IOV,
	EFFECT_ACQUIRES,
	EFFECT_OPENS,
	EFFECT_PAIR,
	EFFECT_FORKS
};

/* How often: an argument says, or one of these. */
enum { ONCE = 6, RESULT = 7 };

struct effect {
	uint8_t what;
	uint8_t arg;
	uint8_t times;
	uint16_t size; /* of one; OPENS: enum descriptor_kind */
};

#define READ(arg, size)                      \
	{                                    \
		EFFECT_READ, arg, ONCE, size \
	}
#define READ_N(arg, size, n)              \
	{                                 \
		EFFECT_READ, arg, n, size \
	}
#define READ_IOV(arg, n)                   \
	{                                  \
		EFFECT_READ_IOV, arg, n, 0 \
	}
#define TEXT(arg)                         \
	{                                 \
		EFFECT_TEXT, arg, ONCE, 0 \
	}
#define WROTE(arg, size)                      \
	{                                     \
		EFFECT_WROTE, arg, ONCE, size \
	}
#define WROTE_N(arg, size, n)              \
	{                                  \
		EFFECT_WROTE, arg, n, size \
	}
#define WROTE_RESULT(arg, size)                 \
	{                                       \
		EFFECT_WROTE, arg, RESULT, size \
	}
#define WROTE_IOV(arg, n)                   \
	{                                   \
		EFFECT_WROTE_IOV, arg, n, 0 \
	}
#define USES(arg)                         \
	{                                 \
		EFFECT_USES, arg, ONCE, 0 \
	}
#define RELEASES(arg)                         \
	{                                     \
		EFFECT_RELEASES, arg, ONCE, 0 \
	}
#define ACQUIRES(arg)                         \
	{                                     \
		EFFECT_ACQUIRES, arg, ONCE, 0 \
	}
#define CLOSES(arg)                         \
	{                                   \
		EFFECT_CLOSES, arg, ONCE, 0 \
	}
#define OPENS(kind)                         \
	{                                   \
		EFFECT_OPENS, 0, ONCE, kind \
	}
#define PAIR(arg)                         \
	{                                 \
		EFFECT_PAIR, arg, ONCE, 0 \
	}
#define FORKS                            \
	{                                \
		EFFECT_FORKS, 0, ONCE, 0 \
	}

struct call {
	const long *arg;
	long result;
	uint64_t pc;
};

static size_t bytes_of(const struct effect *e, const struct call *c)
{
	long n = e->times == ONCE ? 1 : e->times == RESULT ? c->result : c->arg[e->times];
	return n > 0 ? (size_t)n * e->size : 0;
}

static void range(const struct call *c, const void *p, size_t n, uint64_t weak)
{
	if (p && n && me.tag)
		access_range(&me, (uintptr_t)p, n, weak, c->pc);
}

/* Of all bytes, no more than left are touched. */
static void vector(const struct effect *e, const struct call *c, size_t left, uint64_t weak)
{
	const struct iovec *v = (const struct iovec *)c->arg[e->arg];
	for (long i = 0; v && i < c->arg[e->times] && left; i++) {
		size_t n = v[i].iov_len < left ? v[i].iov_len : left;
		range(c, v[i].iov_base, n, weak);
		left -= n;
	}
}

static size_t length(const char *s)
{
	size_t n = 0;
	while (s && s[n])
		n++;
	return s ? n + 1 : 0;
}

static void before(const struct effect *e, const struct call *c)
{
	const void *p = (const void *)c->arg[e->arg];
	int fd = (int)c->arg[e->arg];
	switch (e->what) {
	case EFFECT_READ:
		return range(c, p, bytes_of(e, c), TAG_READ);
	case EFFECT_READ_IOV:
		return vector(e, c, SIZE_MAX, TAG_READ);
	case EFFECT_TEXT:
		return range(c, p, length(p), TAG_READ);
	case EFFECT_USES:
		return descriptor_uses(fd, c->pc);
	case EFFECT_RELEASES:
		return descriptor_releases(fd, c->pc);
	case EFFECT_CLOSES:
		return descriptor_closes(fd, c->pc);
	}
}

static void after(const struct effect *e, const struct call *c)
{
	const void *p = (const void *)c->arg[e->arg];
	switch (e->what) {
	case EFFECT_WROTE:
		return range(c, p, bytes_of(e, c), 0);
	case EFFECT_WROTE_IOV:
		return vector(e, c, (size_t)c->result, 0);
	case EFFECT_ACQUIRES:
		return descriptor_acquires((int)c->arg[e->arg], c->pc);
	case EFFECT_OPENS:
		return descriptor_opened((int)c->result, e->size, c->pc);
	case EFFECT_PAIR:
		return descriptor_pair(p, c->pc);
	case EFFECT_FORKS:
		if (c->result == 0)
			front_forked();
	}
}

static void pre(const struct effect *e, const long *arg, uint64_t pc)
{
	struct call c = {arg, 0, pc};
	for (; active && e->what; e++)
		before(e, &c);
}

/* A call that failed has done nothing. */
static void post(const struct effect *e, long result, const long *arg, uint64_t pc)
{
	struct call c = {arg, result, pc};
	for (; active && result >= 0 && e->what; e++)
		after(e, &c);
}

#define SIX long a, long b, long c, long d, long e, long f
#define SYSCALL(name, ...)                                                          \
	static const struct effect effects_##name[MAX_EFFECTS] = {__VA_ARGS__};     \
	EXPORT void __sanitizer_syscall_pre_impl_##name(SIX);                       \
	EXPORT void __sanitizer_syscall_post_impl_##name(long result, SIX);         \
	EXPORT void __sanitizer_syscall_pre_impl_##name(SIX)                        \
	{                                                                           \
		pre(effects_##name, (const long[]){a, b, c, d, e, f}, PC);          \
	}                                                                           \
	EXPORT void __sanitizer_syscall_post_impl_##name(long result, SIX)          \
	{                                                                           \
		post(effects_##name, result, (const long[]){a, b, c, d, e, f}, PC); \
	}

static void nothing(void)
{
}

#define PLAIN(name)                                                                              \
	EXPORT void __sanitizer_syscall_pre_impl_##name(void) __attribute__((alias("nothing"))); \
	EXPORT void __sanitizer_syscall_post_impl_##name(void) __attribute__((alias("nothing")));

#include "intercept_syscall.h"
