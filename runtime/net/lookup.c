/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup.c - names of hosts, through libc (Go's net/cgo_unix.go).
 *
 * getaddrinfo reads files and asks servers, with timeouts of many seconds, and takes more stack
 * than a goroutine may have. So the goroutine is in a system call as far as the scheduler knows,
 * and the call is made on the stack of its thread: g0, which nothing else uses meanwhile.
 *
 * getaddrinfo is a weak reference: a fully static program gets the resolver, which needs shared
 * libraries at run time, only if it uses getaddrinfo itself. Else it knows numbers and localhost.
 */
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "gort/gort.h"
#include "net/sock.h"
#include "sched/sanitizer.h"

#pragma weak getaddrinfo
#pragma weak freeaddrinfo

enum { MAXNAME = 256 };

struct lookup {
	const struct network *n;
	const char *host;
	struct endpoint *e;
	int err;
};

/* Sockets of the C library prefer IPv6 where it works; the first address is the one to take. */
static int from_list(const struct addrinfo *list, struct endpoint *e)
{
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
			continue;
		memcpy(&e->addr, ai->ai_addr, ai->ai_addrlen);
		e->len = ai->ai_addrlen;
		return 0;
	}
	return -EADDRNOTAVAIL;
}

static int errno_of(int eai)
{
	if (eai == EAI_SYSTEM)
		return -errno;
	if (eai == EAI_MEMORY)
		return -ENOMEM;
	return eai == EAI_AGAIN ? -EAGAIN : -EADDRNOTAVAIL;
}

static void do_lookup(void *arg)
{
	struct lookup *l = arg;
	struct addrinfo *list, hints = {.ai_family = l->n->family, .ai_socktype = l->n->type};
	int eai = getaddrinfo(l->host, NULL, &hints, &list);
	if (eai) {
		l->err = errno_of(eai);
		return;
	}
	l->err = from_list(list, l->e);
	freeaddrinfo(list);
}

/* void call_on_stack(void (*fn)(void *), void *arg, uintptr_t sp): fn(arg) below sp. */
void call_on_stack(void (*fn)(void *), void *arg, uintptr_t sp)
	__attribute__((visibility("hidden")));
__asm__(".text\n"
	".hidden call_on_stack\n"
	".type call_on_stack, @function\n"
	"call_on_stack:\n"
	"	.cfi_startproc\n"
	"	push %rbp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset rbp, -16\n"
	"	mov %rsp, %rbp\n"
	"	.cfi_def_cfa_register rbp\n"
	"	mov %rdx, %rsp\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	call *%rax\n"
	"	mov %rbp, %rsp\n"
	"	pop %rbp\n"
	"	.cfi_def_cfa rsp, 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.size call_on_stack, .-call_on_stack\n");

/* AddressSanitizer takes every stack but the goroutine's own for an overflow. */
static void on_system_stack(void (*fn)(void *), void *arg)
{
#ifdef GORT_ASAN
	fn(arg);
#else
	uintptr_t sp = load_rlx(&getm()->g0->sched.sp);
	call_on_stack(fn, arg, sp & ~(uintptr_t)15);
#endif
}

static int lookup(const struct network *n, const char *host, struct endpoint *e)
{
	struct lookup l = {.n = n, .host = host, .e = e};
	if (!getaddrinfo)
		return -EADDRNOTAVAIL;
	gort_blocking_begin();
	on_system_stack(do_lookup, &l);
	gort_blocking_end();
	return l.err;
}

static void set_port(struct endpoint *e, in_port_t port)
{
	if (e->addr.sa.sa_family == AF_INET)
		e->addr.in.sin_port = port;
	else
		e->addr.in6.sin6_port = port;
}

int endpoint_resolve(const struct network *n, const char *text, struct endpoint *e)
{
	char host[MAXNAME];
	in_port_t port;
	bool ipv6;
	int err = endpoint_parse(n, text, e);
	if (err != -EADDRNOTAVAIL)
		return err;
	err = split_host_port(text, host, sizeof host, &port, &ipv6);
	if (err || ipv6)
		return -EADDRNOTAVAIL;
	if (!strcmp(host, "localhost"))
		err = endpoint_parse(n, n->family == AF_INET6 ? "[::1]:0" : "127.0.0.1:0", e);
	else
		err = lookup(n, host, e);
	if (!err)
		set_port(e, port);
	return err;
}
