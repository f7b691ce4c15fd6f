/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcstop.c - stopping everybody who may touch the heap.
 *
 * Goroutines that have a P are stopWorld's business (sched/stw.c): they stop in the signal handler,
 * if they are in the program's text, else where they next call the library. What is left are
 * threads that run the program's code without a P:
 *  - Ms whose P was taken while they slept, or between gort_blocking_begin and gort_blocking_end;
 *  - threads that libgort did not make.
 * All of them get the preemption signal. Its handler says where the thread stands and sleeps on a
 * futex until the collector is through. A system call that is interrupted is restarted by the
 * kernel; those that never are return EINTR, as after any signal.
 *
 * An M that waits in a system call of libgort's own (INSYSCALL) is left alone. It comes back by
 * exitsyscall, which finds no P, and what it has in its registers was saved before (savecallee).
 *
 * Not to be stopped is
 *  - a thread in a no-stop section (nostop.h), which asks itself again at the end of it;
 *  - an M without a P in libgort's text, except in a system call: it may hold a lock of the
 *    scheduler's. It is asked again.
 * A thread that blocks the signal is taken for one that holds no objects: libc has such. But the
 * handler blocks it as well, and so does libc for moments; so it must sleep in a system call, or
 * compute, for a while. Those of the last stop are remembered. An M whose goroutine runs without a
 * P is none of those: what it has in its registers cannot be seen, so there is no stop.
 *
 * From the first thread that stands until gcletgo no lock of libc is taken and nothing is
 * allocated: who stands may hold the lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/highfd.h"
#include "base/noptr.h"
#include "base/task.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/nostop.h"
#include "sched/preempt.h"
#include "sched/stw.h"
#include "sched/text.h"

#define MAXFOREIGN  4096
#define ROUND_NS    50000
#define AWAKE_NS    50000     /* who stands keeps its CPU for so long, and then sleeps */
#define PATIENT_NS  100000000 /* then who has not answered is looked at */
#define BLINDCPU_NS 5000000   /* that much CPU time is not spent in the handler */
#define MAXBLIND    64
#define GIVEUP_NS   10000000000 /* some thread never leaves libgort's text */

static struct {
	_Atomic bool on; /* the handler looks at state */
	/* Changes when all may go on. Not the upper half of a word: 0xc0 there is the heap's. */
	_Atomic uint32_t turn __attribute__((aligned(8)));
	_Atomic uint32_t nwaiting; /* for that, in the handler */
	_Atomic uint32_t nforeign;
	struct stopped *foreign; /* threads that are no Ms */
	int32_t blind[MAXBLIND]; /* threads that the last stop did without */
	uint32_t nblind;
} stop;

/* ---- in the handler ---- */

static struct stopped *findforeign(int32_t tid)
{
	uint32_t n = load_acq(&stop.nforeign); /* pairs with addforeign */
	for (uint32_t i = 0; i < n; i++)
		if (stop.foreign[i].tid == tid)
			return &stop.foreign[i];
	return NULL;
}

static inline bool inkind(uint32_t state, uint32_t kind)
{
	return (state & STOP_MASK) == kind;
}

/* Most stops are shorter than it takes to sleep and to be woken. */
static bool endssoon(uint32_t turn)
{
	int64_t end = nanotime() + AWAKE_NS;
	while (load_acq(&stop.turn) == turn) {
		if (load_rlx(&stopcrowded) || nanotime() > end)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

void gcawait(uint32_t turn)
{
	if (endssoon(turn))
		return;
	xadd_sc(&stop.nwaiting, 1); /* and then the turn: gcletgo looks in the other order */
	while (load_sc(&stop.turn) == turn)
		futexsleep(&stop.turn, turn, -1);
	xadd_sc(&stop.nwaiting, -1);
}

static void saveplace(struct stopped *t, const ucontext_t *uc)
{
	t->context = uc;
	t->sp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
	t->tp = (uintptr_t)__builtin_thread_pointer();
}

/* The thread stands until the turn of that request is over. */
static void stand(struct stopped *t, uint32_t wanted, const ucontext_t *uc)
{
	uint32_t turn = wanted >> STOP_BITS;
	if (cas_acqrel(&t->state, &wanted, turn << STOP_BITS | STOP_SAVES)) {
		saveplace(t, uc);
		store_rel(&t->state, turn << STOP_BITS | STOP_STANDS); /* pairs with asked */
	}
	gcawait(turn); /* one that was taken for blind, too */
}

/* An M with a P: the goroutine stands here, if it may. */
static bool standwithp(struct m *mp, const ucontext_t *uc)
{
	const greg_t *r = uc->uc_mcontext.gregs;
	uint32_t turn;
	if (!mp->curg || !instopsafe(mp->curg, (uintptr_t)r[REG_RIP], (uintptr_t)r[REG_RSP]))
		return false;
	saveplace(&mp->stop, uc);
	store_rel(&mp->stop.state, STOP_STANDS); /* pairs with standingdo */
	if (!gcstandp(mp, &turn)) {
		store_rlx(&mp->stop.state, STOP_NONE);
		return false;
	}
	gcawait(turn);
	return true;
}

bool gcstophere(struct m *mp, const ucontext_t *uc)
{
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	if (likely(!load_acq(&stop.on)) || nostop_defer())
		return false;
	if (mp && mp->p)
		return standwithp(mp, uc);
	struct stopped *t =
		mp ? &mp->stop : findforeign((int32_t)rawsyscall(SYS_gettid, 0, 0, 0, 0));
	uint32_t state = t ? load_acq(&t->state) : STOP_NONE;
	if (!inkind(state, STOP_WANTED) && !inkind(state, STOP_BLIND))
		return false;
	if (!mp || (mp->curg && (!gorttext(pc) || atsyscall(pc))))
		stand(t, state, uc);
	return true;
}

/* At the end of a no-stop section in which a stop came: has the signal sent again. */
static void stopself(void)
{
	if (load_acq(&stop.on))
		signalthread((int32_t)rawsyscall(SYS_gettid, 0, 0, 0, 0));
}

/* ---- who is to be stopped ---- */

/* Runs the program's code although it has no P. */
static bool roams(struct m *mp)
{
	struct g *gp = *(struct g *volatile *)&mp->curg;
	if (mp == getm() || mp->sysm || !gp || *(struct p *volatile *)&mp->p)
		return false;
	return load_acq(&mp->gate) != GATE_SYSCALL || gcold(gp)->blocking;
}

static bool ours(int32_t tid)
{
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		if (mp->procid == tid)
			return true;
	return false;
}

static void want(struct stopped *t)
{
	t->cpu = threadcpu(t->tid);
	store_rel(&t->state, load_rlx(&stop.turn) << STOP_BITS | STOP_WANTED);
}

static void addforeign(int32_t tid)
{
	uint32_t n = load_rlx(&stop.nforeign);
	if (ours(tid) || findforeign(tid) || n == MAXFOREIGN)
		return;
	stop.foreign[n].tid = tid;
	want(&stop.foreign[n]);
	store_rel(&stop.nforeign, n + 1);
}

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static int32_t number(const char *text)
{
	int32_t n = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (*text - '0');
	return *text ? 0 : n;
}

/*
 * The folder with a link for each thread of the process. It stays open: to look it up takes four
 * times as long as to ask. The program may close it, and give its number to something else.
 */
static struct {
	long fd;
	int32_t pid;
	dev_t dev;
	ino_t ino;
} tasks = {.fd = -1};

static bool kept(struct stat *st)
{
	return tasks.fd >= 0 && rawsyscall(SYS_fstat, tasks.fd, (long)st, 0, 0) == 0 &&
	       st->st_ino == tasks.ino && st->st_dev == tasks.dev;
}

/* What is known of it; it is opened if it is not yet. False: it cannot be. */
static bool asktasks(struct stat *st)
{
	int32_t pid = (int32_t)rawsyscall(SYS_getpid, 0, 0, 0, 0);
	if (tasks.pid == pid && kept(st))
		return true;
	tasks.pid = pid;
	tasks.fd = highfd(rawsyscall(SYS_openat, AT_FDCWD, (long)"/proc/self/task",
		O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
	if (tasks.fd < 0 || rawsyscall(SYS_fstat, tasks.fd, (long)st, 0, 0) != 0)
		return false;
	tasks.dev = st->st_dev;
	tasks.ino = st->st_ino;
	return true;
}

static void addlisted(const char *buf, long n)
{
	for (long at = 0; at < n;) {
		const struct dirent64 *d = (const struct dirent64 *)(buf + at);
		if (number(d->name))
			addforeign(number(d->name));
		at += d->len;
	}
}

/*
 * Adds the threads that are no Ms and are not known yet. False: there may be more, as the process
 * has no descriptor left for their list, or we no room.
 */
static bool findthreads(void)
{
	static char buf[32768] NOPTRBSS __attribute__((aligned(8)));
	struct stat st;
	long n = -1;
	if (!asktasks(&st)) /* without /proc nobody can be told of them, ever */
		return tasks.fd < 0 && tasks.fd != -EMFILE && tasks.fd != -ENFILE;
	if (rawsyscall(SYS_lseek, tasks.fd, 0, SEEK_SET, 0) == 0)
		while ((n = rawsyscall(SYS_getdents64, tasks.fd, (long)buf, sizeof(buf), 0)) > 0)
			addlisted(buf, n);
	return n == 0 && load_rlx(&stop.nforeign) < MAXFOREIGN;
}

/* How many threads there are; 0: the kernel does not tell. */
static uint64_t countthreads(void)
{
	struct stat st;
	if (!asktasks(&st) && rawsyscall(SYS_stat, (long)"/proc/self/task", (long)&st, 0, 0) != 0)
		return 0;
	return st.st_nlink > 2 ? st.st_nlink - 2 : 0;
}

static uint64_t countms(void)
{
	uint64_t n = 0;
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		n += mp->procid != 0;
	return n;
}

/* ---- asking ---- */

/* Whether the thread has the signal blocked. */
static bool blocked(int32_t tid)
{
	static char text[2048] NOPTRBSS;
	unsigned bit = (unsigned)preemptsignal() - 1; /* of 16 digits the last has bits 0 to 3 */
	readtask(tid, "status", text, sizeof(text));
	const char *line = strstr(text, "SigBlk:\t");
	if (!line || strlen(line) < 24)
		return false;
	char c = line[8 + 15 - bit / 4];
	return ((c <= '9' ? c - '0' : c - 'a' + 10) >> bit % 4) & 1;
}

/* Whether it sleeps in a system call; such a line begins with the number of the call. */
static bool asleep(int32_t tid)
{
	char text[16];
	readtask(tid, "syscall", text, sizeof(text));
	return text[0] >= '0' && text[0] <= '9';
}

static bool wasblind(int32_t tid)
{
	for (uint32_t i = 0; i < stop.nblind; i++)
		if (stop.blind[i] == tid)
			return true;
	return false;
}

static bool blind(const struct stopped *t, bool patient)
{
	if (!patient && !wasblind(t->tid))
		return false;
	return blocked(t->tid) && (asleep(t->tid) || threadcpu(t->tid) - t->cpu > BLINDCPU_NS);
}

/* Asks once more. True when t need not be waited for. */
static bool asked(struct stopped *t, bool patient)
{
	uint32_t state = load_acq(&t->state); /* pairs with stand */
	if (!inkind(state, STOP_WANTED))
		return !inkind(state, STOP_SAVES);
	if (signalthread(t->tid) && !blind(t, patient))
		return false;
	return cas_acqrel(&t->state, &state, (state & ~STOP_MASK) | STOP_BLIND);
}

/* One that has come back to the scheduler meanwhile need not stand. */
static bool askm(struct m *mp, bool patient)
{
	uint32_t state = load_acq(&mp->stop.state);
	if (inkind(state, STOP_STANDS))
		return true;
	if (inkind(state, STOP_SAVES))
		return false;
	if (!roams(mp))
		return cas_acqrel(&mp->stop.state, &state, STOP_NONE);
	mp->stop.tid = mp->procid;
	if (inkind(state, STOP_NONE))
		want(&mp->stop);
	return asked(&mp->stop, patient);
}

static bool askms(bool patient)
{
	bool all = true;
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		all &= askm(mp, patient);
	return all;
}

/*
 * A thread that was taken for foreign since it was about to become an M. Then it has the signal
 * blocked for good, if it is sysmon, and askms is who waits for it, if anybody must.
 */
static bool becameours(struct stopped *t)
{
	uint32_t state = load_acq(&t->state);
	return inkind(state, STOP_WANTED) && ours(t->tid) &&
	       cas_acqrel(&t->state, &state, STOP_NONE);
}

static bool askforeign(bool patient)
{
	bool all = true;
	for (uint32_t i = 0; i < load_rlx(&stop.nforeign); i++)
		all &= becameours(&stop.foreign[i]) || asked(&stop.foreign[i], patient);
	return all;
}

static bool someblindm(void)
{
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		if (inkind(load_acq(&mp->stop.state), STOP_BLIND) && roams(mp))
			return true;
	return false;
}

/*
 * Who runs may start threads: only two equal looks in a row tell that all of them stand. One number
 * is enough when it is that of Ms, which all stand: it cannot miss one that another leaves behind.
 */
static bool stopthreads(void)
{
	if (askms(false) && countthreads() == countms())
		return !someblindm();
	int64_t start = nanotime();
	for (uint32_t known = UINT32_MAX;;) {
		int64_t waited = nanotime() - start;
		if (!findthreads())
			return false;
		uint32_t n = load_rlx(&stop.nforeign);
		bool all = askms(waited > PATIENT_NS);
		all &= askforeign(waited > PATIENT_NS);
		if (all && n == known)
			return !someblindm();
		if (waited > GIVEUP_NS)
			return false;
		known = n;
		if (!all)
			futexsleep(&stop.turn, load_rlx(&stop.turn), ROUND_NS);
	}
}

void gcstopbegin(void)
{
	if (!stop.foreign)
		stop.foreign = sysalloc(MAXFOREIGN * sizeof(*stop.foreign));
	nostop_stop = stopself;
	store_sc(&stop.on, true);
}

void gcstoplook(void)
{
	struct stat st;
	asktasks(&st);
}

bool gcstop(int64_t *begin)
{
	*begin = stopTheWorldGC();
	if (stopthreads())
		return true;
	gcrestart();
	return false;
}

static void rememberblind(const struct stopped *t)
{
	if (inkind(load_rlx(&t->state), STOP_BLIND) && stop.nblind < MAXBLIND)
		stop.blind[stop.nblind++] = t->tid;
}

void gcletgo(void)
{
	if (!load_rlx(&stop.on))
		return;
	stop.nblind = 0;
	for (uint32_t i = 0; i < load_rlx(&stop.nforeign); i++)
		rememberblind(&stop.foreign[i]);
	store_sc(&stop.on, false);
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		store_rlx(&mp->stop.state, STOP_NONE);
	store_rlx(&stop.nforeign, 0);
	store_sc(&stop.turn, (load_rlx(&stop.turn) + 1) & (UINT32_MAX >> STOP_BITS));
	if (load_sc(&stop.nwaiting))
		futexwakeup(&stop.turn, INT32_MAX);
}

uint32_t gcturn(void)
{
	return load_acq(&stop.turn);
}

int64_t gcrestart(void)
{
	return startTheWorld(gomaxprocs);
}

void standingdo(void (*f)(const struct stopped *t, struct m *mp))
{
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		if (inkind(load_acq(&mp->stop.state), STOP_STANDS))
			f(&mp->stop, mp);
	for (uint32_t i = 0; i < load_rlx(&stop.nforeign); i++)
		if (inkind(load_acq(&stop.foreign[i].state), STOP_STANDS))
			f(&stop.foreign[i], NULL);
}
