/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bugs.c - programs with a planted misuse of locks, threads or signals, and the same without it.
 *
 * bugs NAME runs the clean form, bugs NAME race the other. Nothing here hangs on timing: threads
 * run one after the other, and what must have ended is waited for.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool planted;
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER,
		       c = PTHREAD_MUTEX_INITIALIZER, gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pid_t tid;
static void *volatile block;

#define NOINLINE __attribute__((noinline))

static void *run(void *arg)
{
	((void (*)(void))arg)();
	return NULL;
}

static void in_thread(void (*fn)(void))
{
	pthread_t t;
	pthread_create(&t, NULL, run, (void *)fn);
	pthread_join(t, NULL);
}

static NOINLINE void lock_ab(void)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
}

static NOINLINE void lock_ba(void)
{
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
}

static NOINLINE void lock_bc(void)
{
	pthread_mutex_lock(&b);
	pthread_mutex_lock(&c);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&c);
}

static NOINLINE void lock_ca(void)
{
	pthread_mutex_lock(&c);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&c);
}

static void order(void)
{
	in_thread(lock_ab);
	in_thread(planted ? lock_ba : lock_ab);
}

static void order3(void)
{
	in_thread(lock_ab);
	in_thread(lock_bc);
	if (planted)
		in_thread(lock_ca);
}

static void gated_ab(void)
{
	pthread_mutex_lock(&gate);
	lock_ab();
	pthread_mutex_unlock(&gate);
}

static void gated_ba(void)
{
	pthread_mutex_lock(&gate);
	lock_ba();
	pthread_mutex_unlock(&gate);
}

/* Under a common lock the two orders cannot meet; once without it they can. */
static void gated(void)
{
	in_thread(gated_ab);
	in_thread(gated_ba);
	if (planted) {
		in_thread(lock_ab);
		in_thread(lock_ba);
	}
}

static void try_ba(void)
{
	pthread_mutex_lock(&b);
	if (!pthread_mutex_trylock(&a))
		pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
}

/* Who tries does not wait. */
static void attempt(void)
{
	in_thread(lock_ab);
	in_thread(planted ? lock_ba : try_ba);
}

static NOINLINE void write_then_lock(void)
{
	pthread_rwlock_wrlock(&rw);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_rwlock_unlock(&rw);
}

static NOINLINE void lock_then_read(void)
{
	pthread_mutex_lock(&a);
	pthread_rwlock_rdlock(&rw);
	pthread_rwlock_unlock(&rw);
	pthread_mutex_unlock(&a);
}

static void rwlock(void)
{
	in_thread(write_then_lock);
	in_thread(planted ? lock_then_read : write_then_lock);
}

/* The address of a lock that is gone is another lock. */
static void reuse(void)
{
	pthread_mutex_t *m = malloc(sizeof *m);
	pthread_mutex_init(m, NULL);
	pthread_mutex_lock(&a);
	pthread_mutex_lock(m);
	pthread_mutex_unlock(m);
	pthread_mutex_unlock(&a);
	if (!planted) {
		pthread_mutex_destroy(m);
		pthread_mutex_init(m, NULL);
	}
	pthread_mutex_lock(m);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(m);
	pthread_mutex_destroy(m);
	free(m);
}

static NOINLINE void give(pthread_mutex_t *m)
{
	pthread_mutex_unlock(m);
}

static void give_a(void)
{
	give(&a);
}

static void unlock(void)
{
	if (!planted)
		pthread_mutex_lock(&a);
	give(&a);
}

static void unlock_other(void)
{
	pthread_mutex_lock(&a);
	if (planted)
		in_thread(give_a);
	else
		give(&a);
}

static NOINLINE void give_rw(void)
{
	pthread_rwlock_unlock(&rw);
}

static void unlock_rw(void)
{
	if (!planted)
		pthread_rwlock_rdlock(&rw);
	give_rw();
}

static NOINLINE void read_rw(void)
{
	pthread_rwlock_rdlock(&rw);
}

/* glibc refuses the second one. */
static void read_own(void)
{
	pthread_rwlock_wrlock(&rw);
	if (!planted)
		pthread_rwlock_unlock(&rw);
	read_rw();
	pthread_rwlock_unlock(&rw);
}

static NOINLINE void write_rw(void)
{
	pthread_rwlock_wrlock(&rw);
}

static void write_own(void)
{
	write_rw();
	if (!planted)
		pthread_rwlock_unlock(&rw);
	write_rw();
	pthread_rwlock_unlock(&rw);
}

static NOINLINE void give_spin(void)
{
	pthread_spin_unlock(&spin);
}

static void unlock_spin(void)
{
	pthread_spin_init(&spin, 0);
	if (!planted)
		pthread_spin_lock(&spin);
	give_spin();
}

static NOINLINE void end_of(pthread_mutex_t *m)
{
	pthread_mutex_destroy(m);
}

static NOINLINE void take(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
}

static void destroy(void)
{
	take(&a);
	if (!planted)
		give(&a);
	end_of(&a);
}

static void destroyed(void)
{
	if (planted)
		end_of(&a);
	take(&a);
}

/* A mutex that tells its owner so is no bug; the other form would wait for ever. */
static void twice(void)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	if (!planted)
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&a, &attr);
	pthread_mutex_lock(&a);
	take(&a);
}

/* The thread itself, which the kernel knows until its destructors have run. */
static void say_tid(void)
{
	__atomic_store_n(&tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELAXED);
}

static NOINLINE void start_thread(pthread_t *t)
{
	pthread_create(t, NULL, run, (void *)say_tid);
}

static void leak(void)
{
	pthread_t t[3];
	for (int i = 0; i < 3; i++) {
		__atomic_store_n(&tid, 0, __ATOMIC_RELAXED);
		start_thread(&t[i]);
		if (!planted)
			pthread_join(t[i], NULL);
		while (!__atomic_load_n(&tid, __ATOMIC_RELAXED))
			sched_yield();
		while (!syscall(SYS_tgkill, getpid(), __atomic_load_n(&tid, __ATOMIC_RELAXED), 0))
			sched_yield();
	}
}

static NOINLINE void allocate(int sig)
{
	if (planted)
		block = malloc((size_t)sig);
}

static NOINLINE void set_errno(int sig)
{
	int before = errno;
	close(-1);
	if (!planted)
		errno = before;
	(void)sig;
}

static void with_handler(void (*fn)(int))
{
	struct sigaction act = {.sa_handler = fn};
	sigaction(SIGUSR1, &act, NULL);
	raise(SIGUSR1);
}

static void sig_malloc(void)
{
	with_handler(allocate);
	free(block);
}

static void sig_errno(void)
{
	with_handler(set_errno);
}

void AnnotateRWLockAcquired(const char *file, int line, const void *lock, long writer);
void AnnotateRWLockReleased(const char *file, int line, const void *lock, long writer);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void __tsan_mutex_pre_lock(void *m, unsigned flags);
void __tsan_mutex_post_lock(void *m, unsigned flags, int recursion);
int __tsan_mutex_pre_unlock(void *m, unsigned flags);
void __tsan_mutex_post_unlock(void *m, unsigned flags);
size_t __tsan_testonly_shadow_stack_current_size(void);

/* Locks that the program made itself, and tells of. */
static int hand_a, hand_b;

static NOINLINE void take_hand(long writer)
{
	AnnotateRWLockAcquired(__FILE__, __LINE__, &hand_a, writer);
}

static NOINLINE void give_hand(long writer)
{
	AnnotateRWLockReleased(__FILE__, __LINE__, &hand_a, writer);
}

static void hand_twice(void)
{
	take_hand(1);
	if (!planted)
		give_hand(1);
	take_hand(1);
}

static void hand_read(void)
{
	take_hand(1);
	give_hand(!planted);
}

static void hand_readers(void)
{
	take_hand(planted);
	take_hand(0);
	give_hand(planted);
	if (!planted)
		give_hand(0);
}

static NOINLINE void hand_lock(int *m)
{
	__tsan_mutex_pre_lock(m, 0);
	__tsan_mutex_post_lock(m, 0, 0);
}

static NOINLINE void hand_unlock(int *m)
{
	__tsan_mutex_pre_unlock(m, 0);
	__tsan_mutex_post_unlock(m, 0);
}

static NOINLINE void hand_ab(void)
{
	hand_lock(&hand_a);
	hand_lock(&hand_b);
	hand_unlock(&hand_b);
	hand_unlock(&hand_a);
}

static NOINLINE void hand_ba(void)
{
	hand_lock(&hand_b);
	hand_lock(&hand_a);
	hand_unlock(&hand_a);
	hand_unlock(&hand_b);
}

void AnnotateRWLockCreateStatic(const char *file, int line, const void *lock);
void AnnotateRWLockDestroy(const char *file, int line, const void *lock);

/* exit() destroys static locks while threads hold them. */
static NOINLINE void hand_static(void)
{
	if (!planted)
		AnnotateRWLockCreateStatic(__FILE__, __LINE__, &hand_a);
	take_hand(1);
	AnnotateRWLockDestroy(__FILE__, __LINE__, &hand_a);
	if (!planted)
		give_hand(1);
}

static void hand_order(void)
{
	in_thread(hand_ab);
	in_thread(planted ? hand_ba : hand_ab);
}

static NOINLINE void look_away(void)
{
	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	if (!planted)
		AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

static void ignores(void)
{
	in_thread(look_away);
}

/* A race is told with the locks that each held; where they were made is part of the report. */
static volatile long shared;
static int told[2];

static NOINLINE void make_lock(void)
{
	pthread_mutex_init(&a, NULL);
}

static NOINLINE void under_lock(void)
{
	pthread_mutex_lock(&a);
	shared = 1;
	pthread_mutex_unlock(&a);
	lock_bc();
	if (syscall(SYS_write, told[1], "x", 1) != 1)
		abort();
}

static NOINLINE void without_lock(void)
{
	char byte;
	if (syscall(SYS_read, told[0], &byte, 1) != 1)
		abort();
	if (planted)
		shared = 2;
}

static void held(void)
{
	pthread_t t;
	if (pipe(told))
		abort();
	make_lock();
	pthread_create(&t, NULL, run, (void *)without_lock);
	in_thread(under_lock);
	pthread_join(t, NULL);
}

/* A descriptor that is closed beside its use; the report says where it was opened. */
static int ends[2];

static NOINLINE void open_pipe(void)
{
	if (pipe(ends))
		abort();
}

static NOINLINE void use_pipe(void)
{
	if (write(ends[1], "x", 1) != 1 || syscall(SYS_write, told[1], "x", 1) != 1)
		abort();
}

static NOINLINE void close_pipe(void)
{
	char byte;
	if (syscall(SYS_read, told[0], &byte, 1) != 1)
		abort();
	if (planted)
		close(ends[1]);
}

static void descriptor(void)
{
	pthread_t t;
	if (syscall(SYS_pipe2, told, 0))
		abort();
	open_pipe();
	pthread_create(&t, NULL, run, (void *)close_pipe);
	in_thread(use_pipe);
	pthread_join(t, NULL);
}

static jmp_buf env;

static NOINLINE void jump_out(bool wanted)
{
	if (wanted)
		longjmp(env, 1);
}

static NOINLINE void call_jump_out(bool wanted)
{
	jump_out(wanted);
	shared++;
}

static void jump(void)
{
	volatile size_t depth = __tsan_testonly_shadow_stack_current_size();
	for (volatile int i = 0; i < 3; i++) {
		if (!setjmp(env))
			call_jump_out(true);
	}
	if (__tsan_testonly_shadow_stack_current_size() != depth)
		abort();
}

/* In a process of its own, which is waited for; then in a program that one starts. */
static void in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		fn();
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || WIFSIGNALED(status))
		abort();
}

static void start_order(void)
{
	execl("/proc/self/exe", "bugs", "order", planted ? "race" : NULL, NULL);
	abort();
}

static void child(void)
{
	in_child(order);
}

static void started(void)
{
	in_child(start_order);
}

static bool stop;

static void count(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		__atomic_fetch_add(&shared, 1, __ATOMIC_ACQ_REL);
}

static int count_too(void *arg)
{
	for (int i = 0; i < 100; i++)
		__atomic_fetch_add(&shared, 1, __ATOMIC_ACQ_REL);
	_exit(arg != NULL);
}

/* Children that are no fork(), while another thread uses the detector's locks. */
static void cloned(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status;
	pthread_t t;
	pthread_create(&t, NULL, run, (void *)count);
	for (int i = 0; i < 30; i++) {
		pid_t pid = clone(count_too, stack + sizeof stack, SIGCHLD, NULL);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			abort();
		pid = vfork();
		if (pid == 0)
			_exit(0);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			abort();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
}

static const struct {
	const char *name;
	void (*fn)(void);
} bugs[] = {
	{"order", order},
	{"order3", order3},
	{"gated", gated},
	{"attempt", attempt},
	{"rwlock", rwlock},
	{"reuse", reuse},
	{"unlock", unlock},
	{"unlock_other", unlock_other},
	{"unlock_rw", unlock_rw},
	{"read_own", read_own},
	{"write_own", write_own},
	{"unlock_spin", unlock_spin},
	{"destroy", destroy},
	{"destroyed", destroyed},
	{"twice", twice},
	{"leak", leak},
	{"sig_malloc", sig_malloc},
	{"sig_errno", sig_errno},
	{"hand_twice", hand_twice},
	{"hand_read", hand_read},
	{"hand_readers", hand_readers},
	{"hand_static", hand_static},
	{"hand_order", hand_order},
	{"ignores", ignores},
	{"held", held},
	{"descriptor", descriptor},
	{"jump", jump},
	{"child", child},
	{"started", started},
	{"cloned", cloned},
};

int main(int argc, char **argv)
{
	planted = argc > 2 && !strcmp(argv[2], "race");
	for (unsigned i = 0; argc > 1 && i < sizeof bugs / sizeof *bugs; i++) {
		if (strcmp(bugs[i].name, argv[1]))
			continue;
		bugs[i].fn();
		printf("done\n");
		return 0;
	}
	return 3;
}
