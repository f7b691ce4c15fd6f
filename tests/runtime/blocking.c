/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocking.c - a program whose goroutines call what blocks, built by interpose.sh shared, with
 * libgort.a, and static. A ticker goroutine counts; each wait ends only because the ticker went on,
 * or it must have gone on meanwhile. Prints "ok"; alarm ends a program that hangs.
 */
#define GORT_NO_SELECT
#include <errno.h>
#include <fcntl.h>
#include <gort/go.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "patience.h"

extern char **environ;

#define REQUIRE(cond)                                                                           \
	do {                                                                                    \
		if (!(cond)) {                                                                  \
			dprintf(2, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #cond, \
				errno);                                                         \
			_exit(99);                                                              \
		}                                                                               \
	} while (0)

static _Atomic long ticks;

static void ticker(void)
{
	for (;;) {
		gort_sleep(1 * ms);
		atomic_fetch_add(&ticks, 1);
	}
}

/* What must happen later, by another goroutine that first lets the ticker make progress. */
static void later(void (*f)(int), int arg)
{
	long seen = atomic_load(&ticks);
	while (atomic_load(&ticks) < seen + 3)
		gort_sleep(1 * ms);
	f(arg);
}

static void put(int fd)
{
	REQUIRE(write(fd, "line\n", 5) == 5);
}

static void drain(int fd)
{
	char buf[4096];
	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

static void unlockfile(int fd)
{
	REQUIRE(flock(fd, LOCK_UN) == 0);
}

static void connectto(int fd)
{
	struct sockaddr_un addr;
	socklen_t len = sizeof(addr);
	REQUIRE(getsockname(fd, (struct sockaddr *)&addr, &len) == 0);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	REQUIRE(s >= 0 && connect(s, (struct sockaddr *)&addr, len) == 0);
	REQUIRE(send(s, "line\n", 5, 0) == 5);
	REQUIRE(close(s) == 0);
}

/* ---- descriptors ---- */

static void pipes(void)
{
	int p[2];
	char buf[8];
	REQUIRE(pipe(p) == 0);
	for (int i = 0; i < 3; i++) {
		go(later, put, p[1]);
		REQUIRE(read(p[0], buf, sizeof(buf)) == 5);
	}
	go(later, put, p[1]);
	struct pollfd f = {p[0], POLLIN, 0};
	REQUIRE(poll(&f, 1, -1) == 1 && f.revents == POLLIN);
	REQUIRE(read(p[0], buf, sizeof(buf)) == 5);
	REQUIRE(poll(&f, 1, 5) == 0);
	REQUIRE(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
	REQUIRE(read(p[0], buf, sizeof(buf)) == -1 && errno == EAGAIN);
	REQUIRE(fcntl(p[0], F_GETFL) == O_NONBLOCK && !(fcntl(p[1], F_GETFL) & O_NONBLOCK));
	REQUIRE(close(p[0]) == 0 && close(p[1]) == 0);
}

static void bigwrite(void)
{
	int p[2];
	static char buf[1 << 20];
	REQUIRE(pipe(p) == 0);
	go(later, drain, p[0]);
	REQUIRE(write(p[1], buf, sizeof(buf)) == sizeof(buf));
	REQUIRE(close(p[1]) == 0);
}

static void sockets(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char buf[8];
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	REQUIRE(s >= 0 && bind(s, (struct sockaddr *)&addr, sizeof(sa_family_t)) == 0);
	REQUIRE(listen(s, 5) == 0);
	go(later, connectto, s);
	int c = accept(s, NULL, NULL);
	REQUIRE(c >= 0 && recv(c, buf, sizeof(buf), MSG_WAITALL) == 5);
	REQUIRE(recv(c, buf, sizeof(buf), 0) == 0);
	REQUIRE(close(c) == 0 && close(s) == 0);
}

static void epolls(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int p[2], e = epoll_create1(0);
	REQUIRE(e >= 0 && pipe(p) == 0 && epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev) == 0);
	REQUIRE(epoll_wait(e, &ev, 1, 5) == 0);
	go(later, put, p[1]);
	REQUIRE(epoll_wait(e, &ev, 1, -1) == 1);
	REQUIRE(close(e) == 0 && close(p[0]) == 0 && close(p[1]) == 0);
}

static void selects(void)
{
	int p[2];
	fd_set set;
	FD_ZERO(&set);
	REQUIRE(pipe(p) == 0);
	FD_SET(p[0], &set);
	go(later, put, p[1]);
	REQUIRE(select(p[0] + 1, &set, NULL, NULL, NULL) == 1);
	REQUIRE(close(p[0]) == 0 && close(p[1]) == 0);
}

/* A number that was waited for and closed means a new file at once. */
static void reuse(void)
{
	for (int i = 0; i < 20; i++) {
		int p[2];
		char buf[8];
		REQUIRE(pipe(p) == 0);
		go(later, put, p[1]);
		REQUIRE(read(p[0], buf, sizeof(buf)) == 5);
		switch (i % 4) {
		case 0:
			REQUIRE(close(p[0]) == 0);
			break;
		case 1:
			REQUIRE(dup2(p[1], p[0]) == p[0] && close(p[0]) == 0);
			break;
		case 2:
			REQUIRE(close_range((unsigned)p[0], (unsigned)p[0], 0) == 0);
			break;
		default:
			REQUIRE(fclose(fdopen(p[0], "r")) == 0);
		}
		REQUIRE(close(p[1]) == 0);
	}
}

static void readclosed(int fd, chan(int) out)
{
	char c;
	ssize_t n = read(fd, &c, 1);
	chan_send(out, n < 0 ? errno : -1);
}

static void closewakes(void)
{
	int p[2];
	chan(int) out = make_chan(int, 0);
	REQUIRE(pipe(p) == 0);
	go(readclosed, p[0], out);
	gort_sleep(10 * ms);
	REQUIRE(close(p[0]) == 0);
	REQUIRE(chan_recv(out) == EBADF);
	REQUIRE(close(p[1]) == 0);
}

/* ---- files and stdio ---- */

static void files(void)
{
	char name[] = "/tmp/gort-blocking-XXXXXX", buf[64];
	int fd = mkstemp(name);
	REQUIRE(fd >= 0 && pwrite(fd, "0123456789", 10, 0) == 10 && fsync(fd) == 0);
	REQUIRE(read(fd, buf, sizeof(buf)) == 10 && pread(fd, buf, 4, 6) == 4 && buf[0] == '6');
	int other = open(name, O_RDWR);
	REQUIRE(other >= 0 && flock(fd, LOCK_EX) == 0);
	go(later, unlockfile, fd);
	REQUIRE(flock(other, LOCK_EX) == 0);
	REQUIRE(close(fd) == 0 && close(other) == 0 && unlink(name) == 0);
}

static void stdio(void)
{
	int p[2];
	char line[32], *more = NULL;
	size_t size = 0;
	REQUIRE(pipe(p) == 0);
	FILE *f = fdopen(p[0], "r");
	go(later, put, p[1]);
	REQUIRE(fgets(line, sizeof(line), f) && strcmp(line, "line\n") == 0);
	go(later, put, p[1]);
	REQUIRE(getline(&more, &size, f) == 5);
	free(more);
	REQUIRE(fclose(f) == 0 && close(p[1]) == 0);
}

static void names(void)
{
	struct addrinfo *list = NULL, hints = {.ai_family = AF_INET, .ai_flags = AI_NUMERICHOST};
	REQUIRE(getaddrinfo("127.0.0.1", "80", &hints, &list) == 0);
	freeaddrinfo(list);
#ifndef ALLSTATIC
	hints.ai_flags = 0;
	REQUIRE(getaddrinfo("localhost", NULL, &hints, &list) == 0);
	freeaddrinfo(list);
#endif
}

/* ---- time and processes ---- */

static void sleeps(void)
{
	long seen = atomic_load(&ticks);
	for (int i = 0; i < 3; i++) {
		REQUIRE(usleep(5000) == 0);
		REQUIRE(nanosleep(&(struct timespec){0, 5000000}, NULL) == 0);
		REQUIRE(poll(NULL, 0, 5) == 0);
	}
	REQUIRE(nanosleep(&(struct timespec){0, -1}, NULL) == -1 && errno == EINVAL);
	while (atomic_load(&ticks) < seen + 3)
		gort_gosched();
}

/* Each child ends when a goroutine has written the line that it reads. */
static const char *waitfor(const int *p, const char *then)
{
	static char command[64];
	snprintf(command, sizeof(command), "read x <&%d; %s", p[0], then);
	go(later, put, p[1]);
	return command;
}

static void children(void)
{
	int status, p[2];
	pid_t pid;
	char *argv[] = {"sh", "-c", NULL, NULL}, line[32];
	REQUIRE(pipe(p) == 0);
	argv[2] = (char *)waitfor(p, "exit 3");
	REQUIRE(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ) == 0);
	REQUIRE(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
	argv[2] = (char *)waitfor(p, "exit 3");
	pid = fork();
	if (pid == 0) {
		execv("/bin/sh", argv);
		_exit(98);
	}
	REQUIRE(pid > 0 && wait(&status) == pid && WEXITSTATUS(status) == 3);
	status = system(waitfor(p, "exit 4"));
	REQUIRE(WEXITSTATUS(status) == 4);
	FILE *f = popen(waitfor(p, "echo hello"), "r");
	REQUIRE(f && fgets(line, sizeof(line), f) && strcmp(line, "hello\n") == 0);
	REQUIRE(pclose(f) == 0);
	REQUIRE(close(p[0]) == 0 && close(p[1]) == 0);
}

/* ---- locks of threads: a holder computes for longer than a time slice ---- */

static pthread_mutex_t pmutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static int shared, nowhere;

static void compute(void)
{
	int before = shared++;
	for (volatile int i = 0; i < 10000000; i++)
		;
	REQUIRE(shared == before + 1);
}

static void holder(int me, waitgroup *wg)
{
	for (int i = 0; i < 3; i++) {
		switch ((me + i) % 4) {
		case 0:
			REQUIRE(pthread_mutex_trylock(&pmutex) != 0 ||
				!pthread_mutex_unlock(&pmutex));
			break;
		case 1:
			REQUIRE(pthread_rwlock_rdlock(&rwlock) == 0);
			REQUIRE(pthread_rwlock_unlock(&rwlock) == 0);
			break;
		case 2:
			REQUIRE(pthread_spin_lock(&spin) == 0);
			nowhere++;
			REQUIRE(pthread_spin_unlock(&spin) == 0);
			break;
		default:
			flockfile(stdout);
			funlockfile(stdout);
		}
		REQUIRE(pthread_rwlock_wrlock(&rwlock) == 0);
		REQUIRE(pthread_mutex_lock(&pmutex) == 0);
		compute();
		REQUIRE(pthread_mutex_trylock(&pmutex) == EBUSY);
		REQUIRE(pthread_rwlock_tryrdlock(&rwlock) == EBUSY);
		REQUIRE(pthread_mutex_unlock(&pmutex) == 0);
		REQUIRE(pthread_rwlock_unlock(&rwlock) == 0);
	}
	wg_done(wg);
}

static void locks(void)
{
	waitgroup wg = {0};
	REQUIRE(pthread_spin_init(&spin, 0) == 0);
	wg_add(&wg, 6);
	for (int i = 0; i < 6; i++)
		go(holder, i, &wg);
	wg_wait(&wg);
	REQUIRE(shared == 18);
}

/* ---- kinds of mutexes that belong to the thread ---- */

enum { RECURSIVE, ERRORCHECK, ROBUST, INHERIT, NKIND };

static void makekind(pthread_mutex_t *m, int kind)
{
	pthread_mutexattr_t a;
	REQUIRE(pthread_mutexattr_init(&a) == 0);
	if (kind == RECURSIVE)
		REQUIRE(pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE) == 0);
	if (kind == ERRORCHECK)
		REQUIRE(pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK) == 0);
	if (kind == ROBUST)
		REQUIRE(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0);
	if (kind == INHERIT)
		REQUIRE(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == 0);
	REQUIRE(pthread_mutex_init(m, &a) == 0);
	pthread_mutexattr_destroy(&a);
}

/* Whoever holds one waits, computes and unlocks it on the thread that locked it. */
static void owner(pthread_mutex_t *m, int kind, int *inside, waitgroup *wg)
{
	for (int i = 0; i < 4; i++) {
		REQUIRE(pthread_mutex_lock(m) == 0);
		pid_t thread = gettid();
		REQUIRE((*inside)++ == 0);
		usleep(1000);
		for (volatile int k = 0; k < 3000000; k++)
			;
		if (kind == RECURSIVE)
			REQUIRE(pthread_mutex_lock(m) == 0 && pthread_mutex_unlock(m) == 0);
		if (kind == ERRORCHECK)
			REQUIRE(pthread_mutex_lock(m) == EDEADLK);
		REQUIRE(--*inside == 0 && gettid() == thread);
		REQUIRE(pthread_mutex_unlock(m) == 0);
	}
	wg_done(wg);
}

static void kinds(void)
{
	static pthread_mutex_t m[NKIND];
	static int inside[NKIND];
	waitgroup wg = {0};
	wg_add(&wg, 4 * NKIND);
	for (int kind = 0; kind < NKIND; kind++) {
		makekind(&m[kind], kind);
		for (int i = 0; i < 4; i++)
			go(owner, &m[kind], kind, &inside[kind], &wg);
	}
	wg_wait(&wg);
}

/* Of two that have a thread each, the one whose thread ends with it keeps the mutex. */
static void die_with_it(pthread_mutex_t *m, _Atomic int *dead, waitgroup *both, waitgroup *locked)
{
	gort_lock_os_thread();
	wg_done(both);
	wg_wait(both);
	if (gettid() == getpid() || atomic_fetch_add(dead, 1) > 0) {
		gort_unlock_os_thread();
		return;
	}
	REQUIRE(pthread_mutex_lock(m) == 0);
	wg_done(locked);
}

static void ownerdeath(void)
{
	static pthread_mutex_t m;
	static _Atomic int dead;
	static waitgroup both, locked;
	makekind(&m, ROBUST);
	wg_add(&both, 2);
	wg_add(&locked, 1);
	for (int i = 0; i < 2; i++)
		go(die_with_it, &m, &dead, &both, &locked);
	wg_wait(&locked);
	REQUIRE(pthread_mutex_lock(&m) == EOWNERDEAD);
	REQUIRE(pthread_mutex_consistent(&m) == 0);
	REQUIRE(pthread_mutex_unlock(&m) == 0);
	REQUIRE(pthread_mutex_lock(&m) == 0 && pthread_mutex_unlock(&m) == 0);
}

/* ---- a handler writes to a pipe, whatever it interrupts ---- */

static int bell[2];

static void ring(int n)
{
	(void)n;
	int saved = errno;
	(void)!write(bell[1], "x", 1);
	errno = saved;
}

static void pass(chan(int) in, chan(int) out)
{
	for (;;)
		chan_send(out, chan_recv(in));
}

static void handlers(void)
{
	chan(int) out = make_chan(int, 0), in = make_chan(int, 0);
	struct itimerval every = {{0, 200}, {0, 200}}, never = {0};
	char buf[64];
	REQUIRE(pipe(bell) == 0);
	REQUIRE(signal(SIGVTALRM, ring) != SIG_ERR);
	go(pass, out, in);
	REQUIRE(setitimer(ITIMER_VIRTUAL, &every, NULL) == 0);
	for (long rung = 0; rung < 20;) {
		for (int i = 0; i < 2000; i++) {
			chan_send(out, i);
			REQUIRE(chan_recv(in) == i);
		}
		struct pollfd f = {bell[0], POLLIN, 0};
		if (poll(&f, 1, 0) == 1)
			rung += read(bell[0], buf, sizeof(buf));
	}
	REQUIRE(setitimer(ITIMER_VIRTUAL, &never, NULL) == 0);
}

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	alarm(patience(60));
	go(ticker);
	pipes();
	bigwrite();
	sockets();
	epolls();
	selects();
	reuse();
	closewakes();
	files();
	stdio();
	names();
	sleeps();
	locks();
	kinds();
	ownerdeath();
	handlers();
	children();
	puts("ok");
	return 0;
}
