/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_fd.c - file descriptors as sync objects: what one thread writes into a pipe another
 * reads from it, so the reader knows what the writer did before.
 *
 * Writing releases, reading acquires. Each descriptor has a channel: the two ends of a pipe or
 * socket pair share one, as do duplicates; all other sockets share one, since the detector does not
 * know which connects to which, and so do all files.
 *
 * The number itself is memory too: using a descriptor reads it, opening and closing it write it, so
 * a close() beside a use in another thread is a race.
 */
#include "builtins.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "front.h"
#include "report.h"

#define MAX_FDS 65536

enum {
	FILES = 1,
	SOCKETS = 2,
	OWN = 3
}; /* OWN + fd: the channel that began with that descriptor */

static struct {
	_Atomic uint32_t channel[MAX_FDS]; /* 0: opened behind our back, as a file */
	uint64_t use[MAX_FDS];             /* accessed as the descriptors' memory */
	_Atomic uint64_t origin[MAX_FDS];  /* where it was opened; the thread's number above */
	char sync[MAX_FDS + OWN];          /* addresses of the channels */
} fds;

static bool known(int fd)
{
	return me.tag && fd >= 0 && fd < MAX_FDS;
}

/* 0: none. Standard output is written by all, and read by nobody in this program. */
static uintptr_t channel_of(int fd)
{
	uint32_t c = load_rlx(&fds.channel[fd]);
	if (!c && fd <= STDERR_FILENO)
		return 0;
	return (uintptr_t)&fds.sync[c ? c : FILES];
}

static INLINE void fd_uses(int fd, uint64_t pc)
{
	if (known(fd))
		libc_access(&fds.use[fd], 8, TAG_READ, pc);
}

static INLINE void fd_releases(int fd, uint64_t pc)
{
	if (!known(fd))
		return;
	fd_uses(fd, pc);
	if (channel_of(fd))
		sync_merge(&me, channel_of(fd));
}

static INLINE void fd_acquires(int fd, uint64_t pc)
{
	if (!known(fd))
		return;
	fd_uses(fd, pc);
	if (channel_of(fd))
		sync_acquire(&me, channel_of(fd));
}

static INLINE void note_origin(int fd, uint64_t pc)
{
	if (!me.life || !thread_enter(&me))
		return;
	func_enter(&me, pc);
	uint64_t ctx = ctx_of(&me, OWN_PC);
	func_exit(&me);
	store_rlx(&fds.origin[fd], (uint64_t)me.life->past->uid << 32 | ctx);
	thread_leave(&me);
}

bool descriptor_at(uintptr_t addr, struct gort_finding_stack *s)
{
	uintptr_t fd = (addr - (uintptr_t)fds.use) / sizeof *fds.use;
	if (addr < (uintptr_t)fds.use || fd >= MAX_FDS || !load_rlx(&fds.origin[fd]))
		return false;
	report_stack(s, (uint32_t)load_rlx(&fds.origin[fd]), TAG_MASK);
	s->id = load_rlx(&fds.origin[fd]) >> 32;
	s->flags = GORT_ALLOC_FD;
	s->size = (uint32_t)fd;
	return true;
}

/* Until the second thread is created nothing is recorded, but channels are kept. */
static INLINE int fd_set_channel(int fd, uint32_t channel, uint64_t weak, uint64_t pc)
{
	if (!active || fd < 0 || fd >= MAX_FDS)
		return fd;
	store_rlx(&fds.channel[fd], channel);
	note_origin(fd, pc);
	if (me.tag)
		libc_access(&fds.use[fd], 8, weak, pc);
	return fd;
}

static INLINE int fd_opened(int fd, uint32_t channel, uint64_t pc)
{
	return fd_set_channel(fd, channel, 0, pc);
}

/*
 * By dup2(): whoever uses the number at the same time meets the old file or the new one, which
 * daemons rely on, so it only counts as a use.
 */
static INLINE int fd_replaced(int fd, uint32_t channel, uint64_t pc)
{
	return fd_set_channel(fd, channel, TAG_READ, pc);
}

static INLINE void fd_closes(int fd, uint64_t pc)
{
	if (!known(fd))
		return;
	libc_access(&fds.use[fd], 8, 0, pc);
	memory_forget((uintptr_t)&fds.use[fd], 8);
	if (channel_of(fd))
		sync_merge(&me, channel_of(fd));
}

static INLINE void pair_opened(const int pair[2], uint64_t pc)
{
	if (pair[0] < 0 || pair[0] >= MAX_FDS || in_libc(pc)) /* that closes them unseen */
		return;
	fd_opened(pair[0], OWN + (uint32_t)pair[0], pc);
	fd_opened(pair[1], OWN + (uint32_t)pair[0], pc);
}

EXPORT int pipe(int pair[2])
{
	int err = NEXT(pipe)(pair);
	if (!err)
		pair_opened(pair, PC);
	return err;
}

EXPORT int pipe2(int pair[2], int flags)
{
	int err = NEXT(pipe2)(pair, flags);
	if (!err)
		pair_opened(pair, PC);
	return err;
}

EXPORT int socketpair(int domain, int type, int protocol, int pair[2])
{
	int err = NEXT(socketpair)(domain, type, protocol, pair);
	if (!err)
		pair_opened(pair, PC);
	return err;
}

EXPORT int socket(int domain, int type, int protocol)
{
	return fd_opened(NEXT(socket)(domain, type, protocol), SOCKETS, PC);
}

EXPORT int eventfd(unsigned n, int flags)
{
	int fd = NEXT(eventfd)(n, flags);
	return fd_opened(fd, OWN + (uint32_t)fd, PC);
}

EXPORT int epoll_create(int n)
{
	int fd = NEXT(epoll_create)(n);
	return fd_opened(fd, OWN + (uint32_t)fd, PC);
}

EXPORT int epoll_create1(int flags)
{
	int fd = NEXT(epoll_create1)(flags);
	return fd_opened(fd, OWN + (uint32_t)fd, PC);
}

static uint32_t same_channel(int fd)
{
	return fd >= 0 && fd < MAX_FDS ? load_rlx(&fds.channel[fd]) : 0;
}

EXPORT int dup(int fd)
{
	fd_uses(fd, PC);
	return fd_opened(NEXT(dup)(fd), same_channel(fd), PC);
}

EXPORT int dup2(int fd, int to)
{
	fd_uses(fd, PC);
	if (fd == to)
		return NEXT(dup2)(fd, to);
	return fd_replaced(NEXT(dup2)(fd, to), same_channel(fd), PC);
}

EXPORT int dup3(int fd, int to, int flags)
{
	fd_uses(fd, PC);
	return fd_replaced(NEXT(dup3)(fd, to, flags), same_channel(fd), PC);
}

EXPORT int close(int fd)
{
	fd_closes(fd, PC);
	return NEXT(close)(fd);
}

EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t n)
{
	fd_releases(fd, PC);
	return NEXT(connect)(fd, addr, n);
}

EXPORT int accept(int fd, struct sockaddr *restrict addr, socklen_t *restrict n)
{
	int got = NEXT(accept)(fd, addr, n);
	if (got < 0)
		return got;
	fd_acquires(fd, PC);
	return fd_opened(got, SOCKETS, PC);
}

EXPORT int accept4(int fd, struct sockaddr *restrict addr, socklen_t *restrict n, int flags)
{
	int got = NEXT(accept4)(fd, addr, n, flags);
	if (got < 0)
		return got;
	fd_acquires(fd, PC);
	return fd_opened(got, SOCKETS, PC);
}

EXPORT ssize_t read(int fd, void *buf, size_t n)
{
	ssize_t got = NEXT(read)(fd, buf, n);
	if (got > 0)
		writes(buf, (size_t)got, PC);
	if (got >= 0)
		fd_acquires(fd, PC);
	return got;
}

EXPORT ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	ssize_t got = NEXT(pread)(fd, buf, n, at);
	if (got > 0)
		writes(buf, (size_t)got, PC);
	if (got >= 0)
		fd_acquires(fd, PC);
	return got;
}

/* The first `bytes` of what v holds. */
static void vector_access(const struct iovec *v, size_t n, size_t bytes, uint64_t weak, uint64_t pc)
{
	for (size_t i = 0; i < n && bytes; i++) {
		size_t part = v[i].iov_len < bytes ? v[i].iov_len : bytes;
		libc_access(v[i].iov_base, part, weak, pc);
		bytes -= part;
	}
}

static INLINE ssize_t vector_filled(
	int fd, const struct iovec *v, size_t n, ssize_t got, uint64_t pc)
{
	if (got > 0)
		vector_access(v, n, (size_t)got, 0, pc);
	if (got >= 0)
		fd_acquires(fd, pc);
	return got;
}

EXPORT ssize_t readv(int fd, const struct iovec *v, int n)
{
	return vector_filled(fd, v, (size_t)n, NEXT(readv)(fd, v, n), PC);
}

EXPORT ssize_t preadv(int fd, const struct iovec *v, int n, off_t at)
{
	return vector_filled(fd, v, (size_t)n, NEXT(preadv)(fd, v, n, at), PC);
}

EXPORT ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	ssize_t got = NEXT(recv)(fd, buf, n, flags);
	if (got > 0)
		writes(buf, (size_t)got, PC);
	if (got >= 0)
		fd_acquires(fd, PC);
	return got;
}

EXPORT ssize_t recvfrom(int fd, void *restrict buf, size_t n, int flags,
	struct sockaddr *restrict from, socklen_t *restrict len)
{
	ssize_t got = NEXT(recvfrom)(fd, buf, n, flags, from, len);
	if (got > 0)
		writes(buf, (size_t)got < n ? (size_t)got : n, PC); /* MSG_TRUNC tells of more */
	if (got >= 0)
		fd_acquires(fd, PC);
	return got;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t got = NEXT(recvmsg)(fd, m, flags);
	return vector_filled(fd, m->msg_iov, m->msg_iovlen, got, PC);
}

EXPORT int recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *timeout)
{
	int got = NEXT(recvmmsg)(fd, m, n, flags, timeout);
	for (int i = 0; i < got; i++)
		vector_filled(fd, m[i].msg_hdr.msg_iov, m[i].msg_hdr.msg_iovlen, m[i].msg_len, PC);
	return got;
}

/* In libc these two call nothing that could be seen. */
EXPORT int eventfd_read(int fd, eventfd_t *value)
{
	int err = NEXT(eventfd_read)(fd, value);
	if (!err)
		vector_filled(fd, &(struct iovec){value, sizeof *value}, 1, sizeof *value, PC);
	return err;
}

EXPORT int eventfd_write(int fd, eventfd_t value)
{
	fd_releases(fd, PC);
	return NEXT(eventfd_write)(fd, value);
}

EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	fd_releases(fd, PC);
	reads(buf, n, PC);
	return NEXT(write)(fd, buf, n);
}

EXPORT ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	fd_releases(fd, PC);
	reads(buf, n, PC);
	return NEXT(pwrite)(fd, buf, n, at);
}

static INLINE void vector_goes(int fd, const struct iovec *v, size_t n, uint64_t pc)
{
	fd_releases(fd, pc);
	vector_access(v, n, SIZE_MAX, TAG_READ, pc);
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int n)
{
	vector_goes(fd, v, (size_t)n, PC);
	return NEXT(writev)(fd, v, n);
}

EXPORT ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	vector_goes(fd, v, (size_t)n, PC);
	return NEXT(pwritev)(fd, v, n, at);
}

EXPORT ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	fd_releases(fd, PC);
	reads(buf, n, PC);
	return NEXT(send)(fd, buf, n, flags);
}

EXPORT ssize_t sendto(
	int fd, const void *buf, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
	fd_releases(fd, PC);
	reads(buf, n, PC);
	return NEXT(sendto)(fd, buf, n, flags, to, len);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	vector_goes(fd, m->msg_iov, m->msg_iovlen, PC);
	return NEXT(sendmsg)(fd, m, flags);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	for (unsigned i = 0; i < n; i++)
		vector_goes(fd, m[i].msg_hdr.msg_iov, m[i].msg_hdr.msg_iovlen, PC);
	return NEXT(sendmmsg)(fd, m, n, flags);
}

/* What programs with large file offsets call. */
EXPORT ssize_t pread64(int, void *, size_t, off64_t) __attribute__((alias("pread")));
EXPORT ssize_t pwrite64(int, const void *, size_t, off64_t) __attribute__((alias("pwrite")));
EXPORT ssize_t preadv64(int, const struct iovec *, int, off64_t) __attribute__((alias("preadv")));
EXPORT ssize_t pwritev64(int, const struct iovec *, int, off64_t) __attribute__((alias("pwritev")));

/* What was done before a descriptor was added is known to whoever gets its events. */
EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	fd_releases(epfd, PC);
	fd_uses(fd, PC);
	return NEXT(epoll_ctl)(epfd, op, fd, event);
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
	int got = NEXT(epoll_wait)(epfd, events, n, timeout);
	if (got > 0)
		fd_acquires(epfd, PC);
	return got;
}

EXPORT int epoll_pwait(
	int epfd, struct epoll_event *events, int n, int timeout, const sigset_t *mask)
{
	int got = NEXT(epoll_pwait)(epfd, events, n, timeout, mask);
	if (got > 0)
		fd_acquires(epfd, PC);
	return got;
}

/* Of a stream the descriptor counts; stdio's locks are not seen, and order nothing. */
static INLINE FILE *stream_opened(FILE *f, uint64_t pc)
{
	if (f)
		fd_opened(fileno(f), FILES, pc);
	return f;
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	return stream_opened(NEXT(fopen)(path, mode), PC);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	return stream_opened(NEXT(fopen64)(path, mode), PC);
}

EXPORT int fclose(FILE *f)
{
	fd_closes(fileno(f), PC);
	return NEXT(fclose)(f);
}

EXPORT int pclose(FILE *f)
{
	fd_closes(fileno(f), PC);
	return NEXT(pclose)(f);
}

/* The names by which a program that defines these itself calls on. */
__asm__(".globl __interceptor_fopen\n\t.set __interceptor_fopen, fopen");
__asm__(".globl __interceptor_fopen64\n\t.set __interceptor_fopen64, fopen64");
__asm__(".globl __interceptor_fclose\n\t.set __interceptor_fclose, fclose");

void descriptor_uses(int fd, uint64_t pc)
{
	fd_uses(fd, pc);
}

void descriptor_releases(int fd, uint64_t pc)
{
	fd_releases(fd, pc);
}

void descriptor_acquires(int fd, uint64_t pc)
{
	fd_acquires(fd, pc);
}

void descriptor_closes(int fd, uint64_t pc)
{
	fd_closes(fd, pc);
}

void descriptor_opened(int fd, enum descriptor_kind kind, uint64_t pc)
{
	const uint32_t channels[] = {FILES, SOCKETS, OWN + (uint32_t)fd};
	fd_opened(fd, channels[kind], pc);
}

void descriptor_pair(const int pair[2], uint64_t pc)
{
	pair_opened(pair, pc);
}
