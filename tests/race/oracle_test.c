/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_test.c - random traces: the detector's core against an exact model.
 *
 * The model keeps, for each byte, each thread's last access of each kind as an epoch, and a full
 * vector clock for each thread and lock. For every byte the first race must be found at the same
 * operation by both; after a byte's first race the two may differ and the byte is ignored. In every
 * other trace reads may be delayed (access.c): then the race may be found later, but in the trace.
 *
 * Where everything races at once, edges that are lost or made up hardly matter: in half of the
 * traces an access that would race, says the model, is mostly left out.
 *
 * GORT_ORACLE_TRACES=n runs n traces a batch, GORT_ORACLE_BATCHES=n so many of the 20 batches.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "atomics.h"
#include "heap.h"
#include "record.h"
#include "sync.h"

#define NBYTES     64
#define MAXT       130
#define NLOCKS     4
#define NATOM      3
#define NCELLS     4 /* atomics at each half of two words that are accessed otherwise, too */
#define NSYNC      (NLOCKS + NATOM + NCELLS)
#define NKINDS     4 /* TAG_WEAK >> 8 */
#define BATCHES    20
#define TRACES     1700 /* a batch: 100,000 in the three cases of 20 batches each */
#define FAR_TRACES 100  /* with many threads, which take longer */

struct shape {
	uint32_t length, max_live, words_only, atomic_percent;
};

static const struct shape shapes[] = {
	{200, 6, 1, 0},
	{200, 8, 0, 0},
	{250, 8, 0, 40},
	{700, 110, 0, 15},
};

static struct trace {
	const struct shape *shape;
	uint32_t op, nthreads, nbytes, write_percent, care_percent;
	bool delays;
	uintptr_t mem;
	int owner[NLOCKS];
	bool live[MAXT];
	struct life *ended[MAXT];

	uint32_t clock[MAXT][MAXT];
	uint32_t sync[NSYNC][MAXT];
	uint32_t last[NBYTES][NKINDS][MAXT];
	int found[NBYTES], expected[NBYTES];
} tr;

static struct thread threads[MAXT];
static uint64_t races_met, inflated_met, far_met, late_met, chained_met;
static uint32_t seed;

void on_race(const struct race *r)
{
	for (uint32_t i = 0; i < 8; i++) {
		uintptr_t at = r->addr + i - tr.mem;
		if ((r->mask >> i & 1) && at < NBYTES && tr.found[at] < 0)
			tr.found[at] = (int)tr.op;
	}
}

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

static void join_clock(uint32_t *d, const uint32_t *s)
{
	for (uint32_t i = 0; i < MAXT; i++)
		d[i] = d[i] < s[i] ? s[i] : d[i];
}

static uintptr_t sync_addr(uint32_t i)
{
	return tr.mem + 4096 + i * 8;
}

static uint32_t nlive(void)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < tr.nthreads; i++)
		n += tr.live[i];
	return n;
}

static uint32_t any_live(void)
{
	uint32_t i;
	do
		i = rnd(tr.nthreads);
	while (!tr.live[i]);
	return i;
}

static void op_fork(uint32_t t)
{
	if (tr.nthreads == MAXT || nlive() >= tr.shape->max_live)
		return;
	uint32_t n = tr.nthreads++;
	thread_begin(&threads[n], thread_fork(&threads[t], 0), 1);
	far_met += tag_tid(threads[n].tag) >= CLOCK_NEAR;
	tr.live[n] = true;
	memcpy(tr.clock[n], tr.clock[t], sizeof tr.clock[n]);
	tr.clock[n][n] = 1;
	tr.clock[t][t]++;
}

static void op_lock(uint32_t t)
{
	uint32_t l = rnd(NLOCKS);
	bool owned = rnd(2);
	if (tr.owner[l] < 0) {
		tr.owner[l] = (int)t;
		(owned ? sync_acquire_owned : sync_acquire)(&threads[t], sync_addr(l));
		join_clock(tr.clock[t], tr.sync[l]);
	} else if (tr.owner[l] == (int)t) {
		tr.owner[l] = -1;
		(owned ? sync_release_owned : sync_release)(&threads[t], sync_addr(l));
		memcpy(tr.sync[l], tr.clock[t], sizeof tr.sync[l]);
		tr.clock[t][t]++;
	}
}

static void op_atomic_sync(uint32_t t)
{
	uint32_t l = NLOCKS + rnd(NATOM), what = rnd(3);
	if (what == 0) {
		sync_acquire(&threads[t], sync_addr(l));
		join_clock(tr.clock[t], tr.sync[l]);
		return;
	}
	if (what == 1) {
		sync_merge(&threads[t], sync_addr(l));
		join_clock(tr.sync[l], tr.clock[t]);
	} else {
		sync_release(&threads[t], sync_addr(l));
		memcpy(tr.sync[l], tr.clock[t], sizeof tr.sync[l]);
	}
	tr.clock[t][t]++;
}

static bool model_race(uint32_t t, uint32_t byte, uint32_t kind)
{
	for (uint32_t k = 0; k < NKINDS; k++) {
		for (uint32_t j = 0; !(k & kind) && j < tr.nthreads; j++) {
			if (j != t && tr.last[byte][k][j] > tr.clock[t][j])
				return true;
		}
	}
	return false;
}

static void model_access(uint32_t t, uint32_t b, uint32_t n, uint32_t kind)
{
	for (uint32_t i = b; i < b + n; i++) {
		if (tr.expected[i] < 0 && model_race(t, i, kind))
			tr.expected[i] = (int)tr.op;
		tr.last[i][kind][t] = tr.clock[t][t];
	}
}

static bool would_race(uint32_t t, uint32_t b, uint32_t n, uint32_t kind)
{
	bool race = false;
	for (uint32_t i = b; i < b + n; i++)
		race |= tr.expected[i] < 0 && model_race(t, i, kind);
	return race;
}

static void core_access(struct thread *t, uintptr_t a, uint32_t n, uint32_t kind)
{
	uint64_t mask = ((1ull << n) - 1) << (a & 7);
	bool one = (a & 7) + n <= 8;
	if (one && kind == 0 && write_hit(t, a, mask))
		return;
	if (one && kind == 1 && read_hit(t, a, mask))
		return;
	access_bytes(t, a, n, (uint64_t)kind << 8, 0x1000 + rnd(4));
}

static void op_access(uint32_t t)
{
	uint32_t n = rnd(3) ? 1u << rnd(4) : 1 + rnd(8);
	if (tr.shape->words_only)
		n = 8;
	uint32_t b = rnd(tr.nbytes - n + 1), kind = rnd(100) >= tr.write_percent;
	if (rnd(100) < tr.shape->atomic_percent)
		kind |= 2;
	if (!(n & (n - 1)) && (n == 8 || kind >= 2 || rnd(2)))
		b -= b % n;
	if (rnd(100) < tr.care_percent && would_race(t, b, n, kind))
		return;
	bool update = tr.delays && kind == 1 && rnd(2); /* x += y: reads are learnt to be delayed */
	core_access(&threads[t], tr.mem + b, n, kind);
	model_access(t, b, n, kind);
	if (update) {
		core_access(&threads[t], tr.mem + b, n, 0);
		model_access(t, b, n, 0);
	}
	if (!tr.delays)
		thread_settle(&threads[t]);
	inflated_met += (load_rlx(&cell_of(tr.mem + b)->w) & TAG_INFLATED) != 0;
}

/* Chained ones acquire and release; FAILED is a compare-and-swap that found another value. */
enum { LOAD, STORE, UPDATE, FAILED, CHAINED, NOPS = 8 };

static void model_atomic(uint32_t t, uint32_t *sync, uint32_t op, bool acquires, bool releases)
{
	if (acquires)
		join_clock(tr.clock[t], sync);
	if (releases && op == STORE)
		memcpy(sync, tr.clock[t], sizeof tr.clock[t]);
	else if (releases)
		join_clock(sync, tr.clock[t]);
	tr.clock[t][t] += releases;
}

static void atomic_operation(uint32_t t, uint32_t i, uint32_t n)
{
	uint32_t op = rnd(NOPS);
	bool acquires = op != STORE && rnd(3), releases = op == STORE || (op == UPDATE && rnd(2));
	if (op >= CHAINED)
		acquires = releases = true;
	uint64_t weak = op == LOAD ? TAG_READ : 0;
	struct thread *th = &threads[t];
	struct sync *s = atomic_enter(th, tr.mem + i * 4, n, weak, 0x2000 + rnd(4));
	ck_assert_ptr_nonnull(s);
	chained_met += th->owed != 0;
	model_access(t, i * 4, n, 2 | (weak != 0));
	if (op == LOAD || op == FAILED)
		atomic_loaded(th, s, acquires);
	else if (op == STORE)
		atomic_stored(th, s, true);
	else
		atomic_updated(th, s, acquires, releases);
	model_atomic(t, tr.sync[NLOCKS + NATOM + i], op, acquires, releases);
}

/* A few threads after each other, at one place. */
static void op_atomic(uint32_t t)
{
	uint32_t i = rnd(tr.nbytes > 8 ? 4 : 2), n = i % 2 || rnd(2) ? 4 : 8;
	atomic_operation(t, i, n);
	for (uint32_t more = rnd(6); more--;)
		atomic_operation(any_live(), i, n);
	if (rnd(4) == 0) { /* as Go's sync.Mutex does with its state */
		t = any_live();
		sync_release(&threads[t], tr.mem + i * 4);
		model_atomic(t, tr.sync[NLOCKS + NATOM + i], STORE, false, true);
		atomic_operation(any_live(), i, n);
	}
}

static bool holds_lock(uint32_t t)
{
	for (uint32_t i = 0; i < NLOCKS; i++) {
		if (tr.owner[i] == (int)t)
			return true;
	}
	return false;
}

/*
 * A thread other than t ends; t waits for it, or nobody does; its last write may be
 * of what t read and has not recorded. Thread 0 outlives the trace.
 */
static void op_end(uint32_t t)
{
	uint32_t j = any_live(), how = rnd(8);
	if (j == t || j == 0 || holds_lock(j))
		return;
	uintptr_t delayed = threads[t].delayed.addr;
	if (delayed && rnd(2)) {
		core_access(&threads[j], delayed, 8, 0);
		model_access(j, (uint32_t)(delayed - tr.mem), 8, 0);
	}
	struct life *life = threads[j].life;
	tr.live[j] = false;
	thread_end(&threads[j]);
	if (how == 0) {
		thread_drop(life);
	} else if (how == 1) {
		tr.ended[j] = life;
	} else {
		thread_join(&threads[t], life);
		join_clock(tr.clock[t], tr.clock[j]);
	}
}

static void one_op(void)
{
	uint32_t t = any_live(), k = rnd(100);
	uint32_t grow = tr.shape->max_live > 60 && tr.op < tr.shape->max_live ? 50 : 5;
	if (tr.op < 4 || k < grow)
		op_fork(t);
	else if (k < grow + 4)
		op_end(t);
	else if (k < grow + 16)
		op_lock(t);
	else if (k < grow + 22)
		op_atomic_sync(t);
	else if (k < grow + 23)
		threads_scan();
	else if (tr.shape->atomic_percent && k < grow + 30)
		op_atomic(t);
	else
		op_access(t);
}

static void trace_begin(const struct shape *shape, uintptr_t mem)
{
	memset(&tr, 0, sizeof tr);
	memset(tr.owner, -1, sizeof tr.owner);
	memset(tr.found, -1, sizeof tr.found);
	memset(tr.expected, -1, sizeof tr.expected);
	tr.shape = shape;
	tr.mem = mem;
	tr.nthreads = 1;
	tr.live[0] = true;
	tr.clock[0][0] = 1;
	tr.nbytes = 8 * (1 + rnd(NBYTES / 8));
	tr.write_percent = 10 + rnd(70);
}

static void trace_end(void)
{
	for (uint32_t i = 1; i < tr.nthreads; i++) {
		struct life *life = tr.ended[i];
		if (tr.live[i]) {
			life = threads[i].life;
			thread_end(&threads[i]);
		}
		if (life)
			thread_join(&threads[0], life);
	}
	memory_forget(tr.mem, NBYTES);
	sync_forget(sync_addr(0), NSYNC * 8);
	ck_assert_uint_eq(records_live(), 0);
	ck_assert_uint_eq(syncs_live(), 0);
}

static void one_trace(const struct shape *shape, uintptr_t mem, uint32_t s)
{
	seed = s * 2654435761u | 1;
	for (int i = 0; i < 8; i++)
		rnd(2);
	trace_begin(shape, mem);
	tr.delays = s % 2;
	tr.care_percent = s / 2 % 2 ? 95 : 0;
	for (tr.op = 0; tr.op < shape->length; tr.op++)
		one_op();
	for (uint32_t i = 0; i < tr.nthreads; i++)
		thread_settle(&threads[i]);
	for (uint32_t i = 0; i < NBYTES; i++) {
		bool later = tr.delays && tr.expected[i] >= 0 && tr.found[i] > tr.expected[i];
		late_met += later;
		if (tr.found[i] != tr.expected[i] && !later)
			ck_abort_msg("trace %u byte %u: first race at op %d, the model says %d", s,
				i, tr.found[i], tr.expected[i]);
		races_met += tr.expected[i] >= 0;
	}
	trace_end();
}

static void batch(const struct shape *shape, uint32_t number)
{
	const char *more = getenv("GORT_ORACLE_TRACES");
	uint32_t usual = shape->max_live > CLOCK_NEAR ? FAR_TRACES : TRACES;
	uint32_t n = more ? (uint32_t)atoi(more) : usual;
	void *mem = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(mem != MAP_FAILED);
	shadow_map();
	thread_main(&threads[0], 1);
	for (uint32_t i = 0; i < n; i++)
		one_trace(shape, (uintptr_t)mem, number * n + i + 1);
	ck_assert_uint_gt(races_met, n); /* the traces were not trivial */
	ck_assert_uint_gt(late_met, 0);
	if (!shape->words_only)
		ck_assert_uint_gt(inflated_met, n);
	if (shape->atomic_percent)
		ck_assert_uint_gt(chained_met, n / 4);
	if (shape->max_live > CLOCK_NEAR)
		ck_assert_uint_gt(far_met, 0);
}

START_TEST(words)
{
	batch(&shapes[0], (uint32_t)_i);
}
END_TEST

START_TEST(bytes)
{
	batch(&shapes[1], (uint32_t)_i);
}
END_TEST

START_TEST(atomics)
{
	batch(&shapes[2], (uint32_t)_i);
}
END_TEST

START_TEST(many)
{
	batch(&shapes[3], (uint32_t)_i);
}
END_TEST

static void add(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	const char *fewer = getenv("GORT_ORACLE_BATCHES");
	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, test, 0, fewer ? atoi(fewer) : BATCHES);
	suite_add_tcase(s, tc);
}

Suite *test_suite(void);

Suite *test_suite(void)
{
	Suite *s = suite_create("oracle");
	add(s, "words", words);
	add(s, "bytes", bytes);
	add(s, "atomics", atomics);
	add(s, "many", many);
	return s;
}

#include "check_main.h"
