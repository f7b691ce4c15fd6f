/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strings.c - functions of libc that read or write the program's memory, each on a text of its own
 * that another thread changed; strings clean with the lock in place, strings race without it. Each
 * must be told once.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NOINLINE  __attribute__((noinline))
#define UNWATCHED __attribute__((no_sanitize("thread")))

enum { SIZE = 64 };

static bool planted;
static int told[2], pair[2];
static FILE *input;
static char text[64][SIZE];
static char own[SIZE];
static volatile long sink;
static volatile size_t eight = 8; /* the compiler makes code of its own for known lengths */
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

static NOINLINE int print(char *s, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(s, SIZE, format, ap);
	va_end(ap);
	return n;
}

static NOINLINE int print_all(char *s, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = vsprintf(s, format, ap); /* of known length */
	va_end(ap);
	return n;
}

static struct iovec vector_of(char *s)
{
	return (struct iovec){s, 8};
}

static struct msghdr message_of(struct iovec *v)
{
	return (struct msghdr){.msg_iov = v, .msg_iovlen = 1};
}

/* s is the changed text "abcdefgh"; own is the same. */
#define FUNCTIONS(X)                                             \
	X(use_memcpy, memcpy(own, s, eight) != 0)                \
	X(use_memcpy_to, memcpy(s, own, eight) != 0)             \
	X(use_memmove, memmove(own, s, eight) != 0)              \
	X(use_mempcpy, mempcpy(own, s, eight) != 0)              \
	X(use_memset, memset(s, 1, eight) != 0)                  \
	X(use_memcmp, memcmp(own, s, eight))                     \
	X(use_memchr, memchr(s, 'h', eight) != 0)                \
	X(use_memrchr, memrchr(s, 'a', eight) != 0)              \
	X(use_strlen, strlen(s))                                 \
	X(use_strnlen, strnlen(s, SIZE))                         \
	X(use_strcpy, strcpy(own, s) != 0)                       \
	X(use_strcpy_to, strcpy(s, own) != 0)                    \
	X(use_stpcpy, stpcpy(own, s) != 0)                       \
	X(use_strncpy, strncpy(own, s, eight + 1) != 0)          \
	X(use_strcat, strcat(s, "x") != 0)                       \
	X(use_strncat, strncat(s, "xyz", eight - 6) != 0)        \
	X(use_strcmp, strcmp(s, own))                            \
	X(use_strncmp, strncmp(own, s, eight))                   \
	X(use_strcasecmp, strcasecmp(s, "ABCDEFGH"))             \
	X(use_strncasecmp, strncasecmp(s, "ABCDEFGH", eight))    \
	X(use_strchr, strchr(s, 'h') != 0)                       \
	X(use_strrchr, strrchr(s, 'h') != 0)                     \
	X(use_strstr, strstr(s, "gh") != 0)                      \
	X(use_strstr_of, strstr(own, s) != 0)                    \
	X(use_strspn, strspn(s, "abcdefg"))                      \
	X(use_strcspn, strcspn(s, "gh"))                         \
	X(use_strpbrk, strpbrk(s, "gh") != 0)                    \
	X(use_strdup, put(strdup(s)))                            \
	X(use_strndup, put(strndup(s, eight)))                   \
	X(use_snprintf, snprintf(s, SIZE, "%d", 123456))         \
	X(use_sprintf, sprintf(s, "%d", 123456))                 \
	X(use_vsnprintf, print(s, "%d", 123456))                 \
	X(use_vsprintf, print_all(s, "%d", 123456))              \
	X(use_fgets, fgets(s, SIZE, input) != 0)                 \
	X(use_fread, fread(s, 8, 1, input))                      \
	X(use_fwrite, fwrite(s, 8, 1, input))                    \
	X(use_write, write(pair[0], s, 8))                       \
	X(use_read, read(pair[1], s, 8))                         \
	X(use_send, send(pair[0], s, 8, 0))                      \
	X(use_recv, recv(pair[1], s, 8, 0))                      \
	X(use_sendto, sendto(pair[0], s, 8, 0, NULL, 0))         \
	X(use_recvfrom, recvfrom(pair[1], s, 8, 0, NULL, NULL))  \
	X(use_writev, writev(pair[0], &(struct iovec){s, 8}, 1)) \
	X(use_readv, readv(pair[1], &(struct iovec){s, 8}, 1))   \
	X(use_sendmsg, send_message(s))                          \
	X(use_recvmsg, receive_message(s))

static NOINLINE int put(char *s)
{
	bool got = s;
	free(s);
	return got;
}

static int send_message(char *s)
{
	struct iovec v = vector_of(s);
	struct msghdr m = message_of(&v);
	return (int)sendmsg(pair[0], &m, 0);
}

static int receive_message(char *s)
{
	struct iovec v = vector_of(s);
	struct msghdr m = message_of(&v);
	return (int)recvmsg(pair[1], &m, 0);
}

#define DEFINE(name, call)                 \
	static NOINLINE void name(char *s) \
	{                                  \
		sink = (long)(call);       \
	}
FUNCTIONS(DEFINE)

static void (*const functions[])(char *) = {
#define NAME(name, call) name,
	FUNCTIONS(NAME)};

#define N (sizeof functions / sizeof *functions)

__attribute__((visibility("default"))) void __tsan_on_report(void *report);

static unsigned reports;

UNWATCHED void __tsan_on_report(void *report)
{
	reports += report != NULL;
}

static NOINLINE void change(char *s)
{
	for (int i = 0; i < 8; i++)
		((volatile char *)s)[i] = (char)('a' + i);
}

static void *change_all(void *arg)
{
	if (!planted)
		pthread_mutex_lock(&mu);
	for (unsigned i = 0; i < N; i++)
		change(text[i]);
	if (!planted)
		pthread_mutex_unlock(&mu);
	if (syscall(SYS_write, told[1], "x", 1) != 1)
		abort();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t;
	char byte;
	planted = argc > 2 && !strcmp(argv[2], "race");
	input = tmpfile();
	if (syscall(SYS_pipe2, told, 0) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || !input)
		return 3;
	if (fputs("123456\n12345678", input) < 0 || fseek(input, 0, SEEK_SET))
		return 3;
	memcpy(own, "abcdefgh", 9);
	if (pthread_create(&t, NULL, change_all, NULL) || syscall(SYS_read, told[0], &byte, 1) != 1)
		return 3;
	for (unsigned i = 0; i < N; i++) {
		unsigned before = reports;
		if (!planted)
			pthread_mutex_lock(&mu);
		functions[i](text[i]);
		if (!planted)
			pthread_mutex_unlock(&mu);
		if (reports - before != planted) {
			fprintf(stderr, "function %u: %u reports\n", i, reports - before);
			return 4;
		}
	}
	pthread_join(t, NULL);
	printf("done\n");
	return 0;
}
