/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt_regs N [xsavec|xsave|fxsave] - preempts goroutines N times at arbitrary instructions and
 * sees that nothing they hold changes: all integer registers, flags, x87, mxcsr, xmm, ymm, zmm, k
 * and the red zone in assembly; floating-point and integer code as the compiler makes it.
 *
 * On one P, so that they run in between each other, and driven by a timer that signals the M each
 * INTERVAL_NS: another thread that sends signals would on a busy machine wait for its CPU.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "debug/options.h"
#include "preempt_regs.h"
#include "sched/preempt.h"
#include "sched/preemptfp.h"

_Static_assert(offsetof(struct state, k) == HELD_K && offsetof(struct state, x87) == HELD_X87 &&
		       offsetof(struct state, mxcsr) == HELD_MXCSR &&
		       offsetof(struct state, fpucw) == HELD_FPUCW &&
		       offsetof(struct held, out) == HELD_OUT &&
		       offsetof(struct held, level) == HELD_LEVEL,
	"the offsets of preempt_regs.h");

#define INTERVAL_NS 30000
#define LOOPS       2000

static volatile _Atomic int done;
static _Atomic long turns[4];
static uint64_t wanted = 100000;

static _Noreturn void differ(const char *what)
{
	dprintf(2, "preempt_regs: %s changed\n", what);
	_exit(1);
}

/* What the processor has and the chosen instruction saves. */
static uint32_t vectorlevel(void)
{
	if (preemptfp.kind == PREEMPTFP_FXSAVE || !__builtin_cpu_supports("avx"))
		return 0;
	return __builtin_cpu_supports("avx512f") ? 2 : 1;
}

static void fill(struct held *h, unsigned seed)
{
	static const size_t width[] = {16, 32, 64};
	*h = (struct held){.level = vectorlevel()};
	for (int i = 0; i < (h->level == 2 ? 32 : 16); i++)
		for (size_t k = 0; k < width[h->level]; k++)
			h->in.vec[i][k] = (uint8_t)(seed + 37u * (unsigned)i + 11u * k);
	for (int i = 0; i < 8; i++) {
		h->in.k[i] = h->level == 2 ? (seed * 77u + (unsigned)i * 4099u) & 0xffff : 0;
		h->in.x87[i] = seed + i * 1.25;
	}
	/* Masked exceptions; rounding, flush-to-zero and sticky flags of its own. */
	h->in.mxcsr = seed & 1 ? 0x3f80 | 0x8000 | 0x25 : 0x5f80 | 0x12;
	h->in.fpucw = seed & 1 ? 0x077f : 0x0b7f;
}

static void compare(const struct held *h)
{
	if (memcmp(h->in.vec, h->out.vec, sizeof(h->in.vec)) != 0)
		differ("a vector register");
	if (memcmp(h->in.k, h->out.k, sizeof(h->in.k)) != 0)
		differ("a mask register");
	if (memcmp(h->in.x87, h->out.x87, sizeof(h->in.x87)) != 0)
		differ("an x87 register");
	if (h->in.mxcsr != h->out.mxcsr || h->in.fpucw != h->out.fpucw)
		differ("a floating-point control word");
}

static void holder(void (*hold)(struct held *h), unsigned seed)
{
	struct held h;
	fill(&h, seed);
	while (!done) {
		memset(&h.out, 0, sizeof(h.out));
		hold(&h);
		compare(&h);
		turns[seed & 1]++;
	}
}

/* Values in as many registers as the compiler uses, over an inner loop without a call. */
static __attribute__((noinline)) double floats(const double *start, volatile long *turn)
{
	double a[12], sum = 0;
	memcpy(a, start, sizeof(a));
	for (*turn = 0; *turn < LOOPS; ++*turn)
		for (int j = 0; j < 12; j++)
			a[j] = a[j] * 0.999 + j * 1.5 + (a[j] > 100);
	for (int j = 0; j < 12; j++)
		sum += a[j];
	return sum;
}

static void floater(void)
{
	double start[12];
	for (int i = 0; i < 12; i++)
		start[i] = i * 3.25;
	volatile long turn;
	double expected = floats(start, &turn);
	while (!done) {
		if (floats(start, &turn) != expected)
			differ("the result of a floating-point loop");
		turns[2]++;
	}
}

static __attribute__((noinline)) uint64_t mixed(uint64_t x, volatile long *turn)
{
	uint64_t a = x, b = x ^ 0x9e37, c = x + 77, d = ~x, e = x << 7, f = x >> 3, g = 1, h = 2;
	for (*turn = 0; *turn < LOOPS; ++*turn) {
		a += b * 31 + (c < d);
		b ^= a >> 7;
		c += d - e;
		d = d * 5 + (uint64_t)*turn;
		e ^= f + (b < c);
		f += g | h;
		g = g * 3 + a;
		h ^= e;
	}
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

static void mixer(void)
{
	volatile long turn;
	uint64_t expected = mixed(42, &turn);
	while (!done) {
		if (mixed(42, &turn) != expected)
			differ("the result of an integer loop");
		turns[3]++;
	}
}

static uint64_t preemptions(bool refused)
{
	uint64_t n = 0;
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		n += refused ? load_rlx(&mp->nrefused) : load_rlx(&mp->npreempted);
	return n;
}

static bool allturned(void)
{
	return turns[0] && turns[1] && turns[2] && turns[3];
}

static int timer;

/* The next signal. No interval: where a signal costs more than that, nothing else would go on. */
static int arm(void)
{
	struct itimerspec when = {.it_value = {0, INTERVAL_NS}};
	return (int)syscall(SYS_timer_settime, timer, 0, &when, NULL);
}

/*
 * The timer knows one thread. Should that lose its CPU for so long that sysmon hands its P to
 * another M, that M is signalled from here: else nothing would end its holder.
 */
static void passon(void)
{
	struct m *mp = *(struct m *volatile *)&allp[0]->m;
	if (mp && mp != getm())
		signalthread(mp->procid);
}

static void tick(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	done = preemptions(false) >= wanted && allturned();
	sigpreempt(context);
	if (info->si_code == SI_TIMER) {
		passon();
		arm();
	}
}

/* Signals the calling thread from now on. */
static int starttimer(void)
{
	struct sigaction sa = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
	event._sigev_un._tid = (int)syscall(SYS_gettid);
	sigfillset(&sa.sa_mask);
	return sigaction(SIGURG, &sa, NULL) ||
	       syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) || arm();
}

static void spawn(void (*fn)(void), unsigned n, uint64_t a, uint64_t b)
{
	struct gort_call call = {.fn = fn, .n = n, .w = {a, b}};
	gort_go(&call);
}

static int run(int argc, char **argv)
{
	if (argc > 2)
		preemptfpchoose(strcmp(argv[2], "xsavec") == 0  ? PREEMPTFP_XSAVEC
				: strcmp(argv[2], "xsave") == 0 ? PREEMPTFP_XSAVE
								: PREEMPTFP_FXSAVE);
	spawn((void (*)(void))holder, 2, (uint64_t)regs_hold_b, 0xb2);
	spawn(floater, 0, 0, 0);
	spawn(mixer, 0, 0, 0);
	if (starttimer() != 0)
		return 1;
	holder(regs_hold_a, 0xa1);
	while (gort_num_goroutine() > 1)
		gort_gosched();
	printf("%lu preemptions, %lu refused, vector level %u, save kind %u, turns %ld %ld %ld "
	       "%ld\n",
		(unsigned long)preemptions(false), (unsigned long)preemptions(true), vectorlevel(),
		preemptfp.kind, turns[0], turns[1], turns[2], turns[3]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		wanted = strtoull(argv[1], NULL, 10);
	setenv("GORT_GOMAXPROCS", "1", 1);
	setenv("GORT_DEBUG", "preempt=100ms", 1); /* each signal counts as a request */
	gort_run(run, argc, argv);
}
