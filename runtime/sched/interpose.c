/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interpose.c - functions of libc that block, for goroutines: the table, and input and output.
 *
 * Each public name that can block is here or in its neighbours, since libc's calls of itself do
 * not come by. What is taken over makes its system call directly or through another name that libc
 * has for the same function, never through dlsym: the same object serves libgort.so, libgort.a
 * and static programs. A name that libc offers once only, or beside others in one object of libc.a,
 * cannot be taken over so; its thread sleeps and sysmon takes the P (syscall.c), as for all
 * functions that nobody thought of. tests/runtime/interpose.sh compares the table with the
 * libraries.
 *
 *	park:     the goroutine parks in the poller or on a timer; no thread waits
 *	syscall:  the thread waits, in the syscall state: the P is free at once
 *	sysmon:   the thread waits; sysmon finds out, 1 to 20 ms later
 *	count:    a held lock keeps the goroutine from being preempted; contended: syscall
 *	stack:    a handler gets the alternate stack: on a goroutine's it would look like part of it
 *	forget:   does not wait; what is known of the descriptor ends
 *
 *	park      read readv recv recvfrom recvmsg __read_chk __recv_chk __recvfrom_chk
 *	park      write send sendto : in parts, as the peer makes room
 *	park      accept accept4 : when poll says so
 *	park      poll epoll_wait : of one descriptor, one direction; else syscall
 *	park      nanosleep clock_nanosleep sleep usleep : relative times; else syscall
 *	syscall   writev sendmsg : a rest would have to be cut out of the vector
 *	syscall   pread pread64 pwrite pwrite64 preadv pwritev fsync fdatasync : files
 *	syscall   connect : no flag makes it return at once
 *	syscall   ppoll select pselect epoll_pwait
 *	syscall   open open64 openat openat64 creat creat64 : FIFOs, network file systems
 *	syscall   wait waitpid wait3 wait4 waitid flock
 *	syscall   fcntl fcntl64 : F_SETLKW, F_OFD_SETLKW; else as libc
 *	stack     sigaction signal
 *	forget    close dup2 dup3 close_range closefrom fclose
 *	count     pthread_mutex_lock pthread_mutex_trylock pthread_mutex_timedlock
 *	count     pthread_mutex_unlock pthread_rwlock_rdlock pthread_rwlock_tryrdlock
 *	count     pthread_rwlock_wrlock pthread_rwlock_trywrlock pthread_rwlock_unlock
 *	count     pthread_spin_lock pthread_spin_trylock pthread_spin_unlock
 *	count     flockfile ftrylockfile funlockfile
 *	sysmon    fopen freopen fflush fwrite fputs puts printf ... : they seldom wait
 *	sysmon    fread fgets getc getline scanf ... : most calls find it in the buffer
 *	sysmon    getaddrinfo getnameinfo gethostbyname : one object with freeaddrinfo in libc.a
 *	sysmon    system popen pclose posix_spawn : libc keeps their only other name private
 *	sysmon    pthread_join sem_wait pthread_cond_wait : likewise
 *	sysmon    pthread_barrier_wait pthread_mutex_clocklock : likewise
 *	sysmon    sendfile splice copy_file_range recvmmsg sendmmsg ioctl msgrcv semop mq_receive
 *	sysmon    sync syncfs msync fallocate truncate rename unlink mkdir stat ... : short
 *	sysmon    sigwait sigwaitinfo sigsuspend pause : signals go to threads: gort_signal_notify
 *
 * A parked call is not ended by a signal: there is no EINTR. In threads of the program all of them
 * do what libc does.
 */
#include "sched/interpose.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sched/race.h"
#include "sched/sysfd.h"

#ifndef GORT_ASAN /* AddressSanitizer takes over the same names; then all is left to sysmon */

long plaincall(long nr, long a, long b, long c, long d, long e, long f)
{
	int type;
	if (getm())
		return rawsyscall6(nr, a, b, c, d, e, f);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	long r = rawsyscall6(nr, a, b, c, d, e, f);
	pthread_setcanceltype(type, &type);
	return r;
}

/* ---- calls on descriptors ---- */

/* A call as the program made it; try, in op, makes it so that it does not block. */
struct iocall {
	struct sysfdop op;
	long nr;
	long arg[6]; /* arg[0] is op.fd */
};

static long ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	struct timespec now = {0};
	return rawsyscall6(SYS_ppoll, (long)&p, 1, (long)&now, 0, 0, 0);
}

static __attribute__((noinline)) long blockincall(struct iocall *c)
{
	const long *a = c->arg;
	return INSYSCALL(rawsyscall6(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]));
}

/* If somebody takes what poll has seen, the call blocks its thread. */
static long trypolled(struct sysfdop *op)
{
	if (ready(op->fd, op->mode == POLL_READ ? POLLIN : POLLOUT) == 0)
		return -EAGAIN;
	return blockincall((struct iocall *)op);
}

static long trypipe(struct sysfdop *op)
{
	struct iocall *c = (struct iocall *)op;
	struct iovec one = {(void *)c->arg[1], (size_t)c->arg[2]};
	bool vector = c->nr == SYS_readv || c->nr == SYS_writev;
	long nr = op->mode == POLL_READ ? SYS_preadv2 : SYS_pwritev2;
	long r = rawsyscall6(nr, op->fd, vector ? c->arg[1] : (long)&one, vector ? c->arg[2] : 1,
		-1, -1, RWF_NOWAIT);
	if (likely(r != -EOPNOTSUPP))
		return r;
	op->try = trypolled;
	return trypolled(op);
}

/* read and write of a socket are made recvfrom and sendto; recvmsg has its flags elsewhere. */
static long trysocket(struct sysfdop *op)
{
	const long *a = ((struct iocall *)op)->arg;
	switch (((struct iocall *)op)->nr) {
	case SYS_recvmsg:
		return rawsyscall(SYS_recvmsg, a[0], a[1], a[2] | MSG_DONTWAIT, 0);
	case SYS_readv:
		return rawsyscall(SYS_recvmsg, a[0],
			(long)&(struct msghdr){
				.msg_iov = (struct iovec *)a[1], .msg_iovlen = (size_t)a[2]},
			MSG_DONTWAIT, 0);
	case SYS_read:
		return rawsyscall6(SYS_recvfrom, a[0], a[1], a[2], MSG_DONTWAIT, 0, 0);
	case SYS_write:
		return rawsyscall6(SYS_sendto, a[0], a[1], a[2], MSG_DONTWAIT, 0, 0);
	default:
		return rawsyscall6(((struct iocall *)op)->nr, a[0], a[1], a[2], a[3] | MSG_DONTWAIT,
			a[4], a[5]);
	}
}

/* One call, perhaps of a part; the goroutine waits as long as that takes. */
static long iodo(struct iocall *c)
{
	static long (*const tries[])(struct sysfdop *) = {
		[SYSFD_PIPE] = trypipe, [SYSFD_SOCKET] = trysocket, [SYSFD_POLL] = trypolled};
	enum sysfdkind kind = sysfdkind(c->op.fd);
	long r = SYSFD_BLOCK;
	if (c->op.mode == POLL_WRITE)
		racerelease(&raceio);
	if (kind != SYSFD_FILE && maypark()) {
		c->op.try = tries[kind];
		r = sysfddo(&c->op);
	}
	if (r == SYSFD_BLOCK)
		r = blockincall(c);
	if (c->op.mode == POLL_READ)
		raceacquire(&raceio);
	return r;
}

#define IOCALL(nr_, mode_, fd_, ...) \
	(&(struct iocall){           \
		.op = {.fd = (fd_), .mode = (mode_)}, .nr = (nr_), .arg = {(fd_), __VA_ARGS__}})

/* Writes all, as a blocking call does, but for descriptors that the program made non-blocking. */
static long writeall(struct iocall *c)
{
	long done = 0, size = c->arg[2];
	for (;;) {
		long r = iodo(c);
		if (r < 0)
			return done ? done : r;
		done += r;
		if (done >= size || (rawsyscall(SYS_fcntl, c->op.fd, F_GETFL, 0, 0) & O_NONBLOCK))
			return done;
		c->arg[1] += r;
		c->arg[2] -= r;
	}
}

INTERPOSE ssize_t read(int fd, void *buf, size_t n)
{
	if (n == 0 || !ingoroutine())
		return libcresult(plaincall(SYS_read, fd, (long)buf, (long)n, 0, 0, 0));
	return libcresult(iodo(IOCALL(SYS_read, POLL_READ, fd, (long)buf, (long)n)));
}

INTERPOSE ssize_t write(int fd, const void *buf, size_t n)
{
	if (n == 0 || !ingoroutine())
		return libcresult(plaincall(SYS_write, fd, (long)buf, (long)n, 0, 0, 0));
	return libcresult(writeall(IOCALL(SYS_write, POLL_WRITE, fd, (long)buf, (long)n)));
}

INTERPOSE ssize_t readv(int fd, const struct iovec *v, int n)
{
	if (!ingoroutine())
		return libcresult(plaincall(SYS_readv, fd, (long)v, n, 0, 0, 0));
	return libcresult(iodo(IOCALL(SYS_readv, POLL_READ, fd, (long)v, n)));
}

INTERPOSE ssize_t writev(int fd, const struct iovec *v, int n)
{
	return libcresult(BLOCKINGCALL(SYS_writev, fd, v, n, 0, 0, 0));
}

/* Calls that do more than wait once for something to arrive. */
#define NOTONCE (MSG_WAITALL | MSG_OOB | MSG_ERRQUEUE)

INTERPOSE ssize_t recvfrom(
	int fd, void *buf, size_t n, int flags, struct sockaddr *addr, socklen_t *len)
{
	if ((flags & (NOTONCE | MSG_DONTWAIT)) || !ingoroutine())
		return libcresult(BLOCKINGCALL(SYS_recvfrom, fd, buf, n, flags, addr, len));
	return libcresult(iodo(IOCALL(
		SYS_recvfrom, POLL_READ, fd, (long)buf, (long)n, flags, (long)addr, (long)len)));
}

INTERPOSE ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	return recvfrom(fd, buf, n, flags, NULL, NULL);
}

INTERPOSE ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	if ((flags & (NOTONCE | MSG_DONTWAIT)) || !ingoroutine())
		return libcresult(BLOCKINGCALL(SYS_recvmsg, fd, msg, flags, 0, 0, 0));
	return libcresult(iodo(IOCALL(SYS_recvmsg, POLL_READ, fd, (long)msg, flags)));
}

INTERPOSE ssize_t sendto(
	int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t len)
{
	if ((flags & MSG_DONTWAIT) || n == 0 || !ingoroutine())
		return libcresult(BLOCKINGCALL(SYS_sendto, fd, buf, n, flags, addr, len));
	return libcresult(writeall(
		IOCALL(SYS_sendto, POLL_WRITE, fd, (long)buf, (long)n, flags, (long)addr, len)));
}

INTERPOSE ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	return sendto(fd, buf, n, flags, NULL, 0);
}

INTERPOSE ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return libcresult(BLOCKINGCALL(SYS_sendmsg, fd, msg, flags, 0, 0, 0));
}

/* What programs compiled with _FORTIFY_SOURCE call. */
_Noreturn void __chk_fail(void);
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(
	int fd, void *buf, size_t n, size_t size, int flags, struct sockaddr *addr, socklen_t *len);

INTERPOSE ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
	if (n > size)
		__chk_fail();
	return read(fd, buf, n);
}

INTERPOSE ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
	if (n > size)
		__chk_fail();
	return recvfrom(fd, buf, n, flags, NULL, NULL);
}

INTERPOSE ssize_t __recvfrom_chk(
	int fd, void *buf, size_t n, size_t size, int flags, struct sockaddr *addr, socklen_t *len)
{
	if (n > size)
		__chk_fail();
	return recvfrom(fd, buf, n, flags, addr, len);
}

INTERPOSE int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct iocall *c = IOCALL(SYS_accept4, POLL_READ, fd, (long)addr, (long)len, flags);
	if (!ingoroutine())
		return (int)libcresult(
			plaincall(SYS_accept4, fd, (long)addr, (long)len, flags, 0, 0));
	c->op.try = trypolled;
	long r = sysfdkind(fd) == SYSFD_SOCKET && maypark() ? sysfddo(&c->op) : SYSFD_BLOCK;
	return (int)libcresult(r == SYSFD_BLOCK ? blockincall(c) : r);
}

INTERPOSE int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, 0);
}

INTERPOSE int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)libcresult(BLOCKINGCALL(SYS_connect, fd, addr, len, 0, 0, 0));
}

/* ---- files ---- */

INTERPOSE ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	return libcresult(BLOCKINGCALL(SYS_pread64, fd, buf, n, at, 0, 0));
}

INTERPOSE ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return libcresult(BLOCKINGCALL(SYS_pwrite64, fd, buf, n, at, 0, 0));
}

INTERPOSE ssize_t preadv(int fd, const struct iovec *v, int n, off_t at)
{
	return libcresult(BLOCKINGCALL(SYS_preadv, fd, v, n, at, 0, 0));
}

INTERPOSE ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return libcresult(BLOCKINGCALL(SYS_pwritev, fd, v, n, at, 0, 0));
}

INTERPOSE int fsync(int fd)
{
	return (int)libcresult(BLOCKINGCALL(SYS_fsync, fd, 0, 0, 0, 0, 0));
}

INTERPOSE int fdatasync(int fd)
{
	return (int)libcresult(BLOCKINGCALL(SYS_fdatasync, fd, 0, 0, 0, 0, 0));
}

INTERPOSE int openat(int dir, const char *path, int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	int mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, int) : 0;
	va_end(ap);
	return (int)libcresult(BLOCKINGCALL(SYS_openat, dir, path, flags, mode, 0, 0));
}

INTERPOSE int open(const char *path, int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	int mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, int) : 0;
	va_end(ap);
	return (int)libcresult(BLOCKINGCALL(SYS_openat, AT_FDCWD, path, flags, mode, 0, 0));
}

INTERPOSE int creat(const char *path, mode_t mode)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int __fcntl(int fd, int cmd, ...);

INTERPOSE int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	va_start(ap, cmd);
	long arg = va_arg(ap, long);
	va_end(ap);
	if (cmd != F_SETLKW && cmd != F_OFD_SETLKW)
		return __fcntl(fd, cmd, arg);
	return (int)libcresult(BLOCKINGCALL(SYS_fcntl, fd, cmd, arg, 0, 0, 0));
}

#define SAMEAS(name) INTERPOSE __attribute__((alias(#name)))
SAMEAS(pread) ssize_t pread64(int fd, void *buf, size_t n, off64_t at);
SAMEAS(pwrite) ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at);
SAMEAS(open) int open64(const char *path, int flags, ...);
SAMEAS(openat) int openat64(int dir, const char *path, int flags, ...);
SAMEAS(creat) int creat64(const char *path, mode_t mode);
SAMEAS(fcntl) int fcntl64(int fd, int cmd, ...);

/* ---- descriptors that end ---- */

/* In the child of a fork the poller is the parent's. */
static void forget(unsigned first, unsigned last)
{
	struct m *mp = getm();
	if (!mp || load_rlx(&mp->gate) != GATE_FORKED)
		sysfddrop(first, last);
}

static void forgetone(int fd)
{
	ingoroutine(); /* gets the P back, with which waiters can be woken */
	if (fd >= 0)
		forget((unsigned)fd, (unsigned)fd);
}

INTERPOSE int close(int fd)
{
	forgetone(fd);
	return (int)libcresult(plaincall(SYS_close, fd, 0, 0, 0, 0, 0));
}

INTERPOSE int dup2(int from, int to)
{
	if (from != to)
		forgetone(to);
	return (int)libcresult(rawsyscall(SYS_dup2, from, to, 0, 0));
}

INTERPOSE int dup3(int from, int to, int flags)
{
	if (from != to)
		forgetone(to);
	return (int)libcresult(rawsyscall(SYS_dup3, from, to, flags, 0));
}

INTERPOSE int close_range(unsigned first, unsigned last, int flags)
{
	if (!(flags & (int)CLOSE_RANGE_CLOEXEC) && first <= last) {
		ingoroutine();
		forget(first, last);
	}
	return (int)libcresult(rawsyscall(SYS_close_range, first, last, flags, 0));
}

INTERPOSE void closefrom(int first)
{
	close_range(first < 0 ? 0 : (unsigned)first, ~0u, 0);
}

int _IO_fclose(FILE *f);

INTERPOSE int fclose(FILE *f)
{
	forgetone(fileno(f));
	return _IO_fclose(f);
}

/* ---- signal handlers ---- */

/*
 * A handler on the goroutine's stack could interrupt the scheduler and call write(), which would
 * take it for the goroutine. Threads without an alternate stack ignore the flag.
 */
int __sigaction(int sig, const struct sigaction *new, struct sigaction *old);

INTERPOSE int sigaction(int sig, const struct sigaction *new, struct sigaction *old)
{
	if (!new || new->sa_handler == SIG_DFL || new->sa_handler == SIG_IGN)
		return __sigaction(sig, new, old);
	struct sigaction sa = *new;
	sa.sa_flags |= SA_ONSTACK;
	return __sigaction(sig, &sa, old);
}

INTERPOSE sighandler_t signal(int sig, sighandler_t handler)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
	sigaddset(&sa.sa_mask, sig);
	return sigaction(sig, &sa, &old) ? SIG_ERR : old.sa_handler;
}

#endif
