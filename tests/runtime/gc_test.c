/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_test.c - the collector keeps what is reachable, from each kind of root, and frees the rest.
 *
 * Children run with each collection checked a second time (gccheckmark) and what is freed
 * overwritten (clobberfree), so a lost object shows at once.
 */
#include "mem/mgc.h"
#include "mem/mheap.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "child.h"
#include "patience.h"
#include "suite.h"

#ifdef GORT_ASAN
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define MAGIC 0x600dc0de600dc0de

struct node {
	uint64_t magic;
	struct node *a;
	struct node *b;
	uint64_t id;
};

GORT_TYPE(node_type, struct node, a, b);

static struct node *newnode(uint64_t id)
{
	struct node *n = id % 2 ? gort_new(struct node, &node_type) : gort_new(struct node);
	*n = (struct node){.magic = MAGIC, .id = id};
	return n;
}

static bool good(const struct node *n, uint64_t id)
{
	return n->magic == MAGIC && n->id == id;
}

/* Overwrites what calls have left on the stack and in registers. */
static __attribute__((noinline)) void wipe(void)
{
	volatile char space[16384];
	for (size_t i = 0; i < sizeof(space); i++)
		space[i] = 0;
	__asm__ volatile("" : : "r"(&space) : "rbx", "r12", "r13", "r14", "r15", "memory");
}

/* Collects; makes new objects in the place of what has been freed. */
static void churn(void)
{
	wipe();
	gort_gc();
	for (int i = 0; i < 3000; i++)
		newnode(99999);
	wipe();
}

static bool exists(uintptr_t hidden)
{
	size_t size;
	return gort_object((void *)~hidden, &size) != NULL;
}

/* An address that no collector finds. */
#define HIDE(p) (~(uintptr_t)(p))

/* ---- what is freed ---- */

static __attribute__((noinline)) uintptr_t garbage(size_t size)
{
	char *p = gort_malloc(size);
	memset(p, 1, size < 4096 ? size : 4096);
	return HIDE(p);
}

/* Whether a later object was made in the place of one that had been freed. */
static bool isin(uintptr_t p, const uintptr_t *from, const uintptr_t *end)
{
	while (from < end && *from != p)
		from++;
	return from < end;
}

static int frees(int argc, char **argv)
{
	(void)argc, (void)argv;
	static const size_t sizes[] = {
		1, 8, 24, 100, 1000, 5000, 30000, 100000, 3000000, 70u << 20};
	enum { N = 92 }; /* two of the largest */
	uintptr_t hidden[N];
	int left = 0;
	for (int i = 0; i < N; i++)
		hidden[i] = garbage(sizes[i / 10]);
	wipe();
	gort_gc();
	for (int i = 0; i < N; i++)
		left += exists(hidden[i]) && !isin(hidden[i], hidden + i + 1, hidden + N);
	REQUIRE(left <= 3); /* a word that looks like a pointer may keep one */
	return 0;
}

/* The heap of a program that only makes garbage does not grow. */
static int bounded(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_memstats m;
	for (uint64_t i = 0; i < 500000; i++)
		newnode(i);
	for (int i = 0; i < 40; i++)
		garbage(1 << 20);
	gort_read_memstats(&m);
	REQUIRE(m.heap_sys < (40u << 20) && m.num_gc >= 5);
	REQUIRE(m.mallocs >= 500040 && m.total_alloc > 500000 * sizeof(struct node));
	return 0;
}

/* Memory that is not needed any more goes back to the system, and is zero when it is used again. */
static __attribute__((noinline)) void hoard(void)
{
	struct node *list = NULL;
	for (uint64_t i = 0; i < 1500000; i++) {
		struct node *n = newnode(i);
		n->a = list;
		list = n;
	}
}

static int returns(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_memstats m;
	gort_time deadline = gort_now() + patience(60) * sec;
	hoard();
	gort_read_memstats(&m);
	REQUIRE(m.heap_sys > (40u << 20));
	do {
		wipe();
		gort_gc();
		gort_sleep(10 * ms);
		gort_read_memstats(&m);
	} while (m.heap_sys - m.heap_released > (16u << 20) && gort_now() < deadline);
	REQUIRE(m.heap_sys - m.heap_released <= (16u << 20));
	hoard();
	for (int i = 0; i < 1000; i++) {
		char *page = gort_malloc(8192);
		REQUIRE(!page[0] && !memcmp(page, page + 1, 8191));
	}
	return 0;
}

/*
 * Pages are in memory before they are taken, when many are: nothing was freed, so what is in memory
 * and not in use can have come there in no other way. And it is no more than a window.
 */
static int ahead(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_memstats m;
	uint64_t idle, taken = 0;
	gort_set_gc_percent(-1);
	do {
		for (int i = 0; i < 8; i++, taken += 16384) {
			char *p = gort_malloc(16384);
			REQUIRE(!p[0] && !memcmp(p, p + 1, 16383));
		}
		gort_sleep(100 * us);
		gort_read_memstats(&m);
		idle = m.heap_sys - m.heap_released - m.heap_inuse;
	} while (idle < (128u << 10) && taken < (1u << 30));
	REQUIRE(idle >= (128u << 10) && idle <= (2u << 20));
	return 0;
}

static bool canpopulate(void)
{
	const int populatewrite = 23; /* of Linux 5.14 */
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool can = madvise(p, 4096, populatewrite) == 0;
	munmap(p, 4096);
	return can;
}

START_TEST(test_ahead)
{
	if (canpopulate())
		expect_code(ahead, 0);
}
END_TEST

START_TEST(test_frees)
{
	expect_code(frees, 0);
	expect_code(bounded, 0);
	expect_code(returns, 0);
}
END_TEST

/* ---- roots ---- */

static struct node *global;
static __thread struct node *local;

static __attribute__((noinline)) void make_global(void)
{
	global = newnode(1);
	global->a = newnode(2);
	local = newnode(3);
	local->b = newnode(4);
}

static int variables(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_lock_os_thread(); /* local is this thread's, and who collects may go on on another */
	make_global();
	churn();
	REQUIRE(good(global, 1) && good(global->a, 2) && good(local, 3) && good(local->b, 4));
	gort_unlock_os_thread();
	return 0;
}

/*
 * Variables that the runtime says hold no pointers are no roots, nor is what the loader has made
 * read-only; those around them are.
 */
struct whichroots {
	bool data, bss, noptrdata, noptrbss, relro;
};

static const void *const readonly[4096] = {&readonly, [4095] = &readonly};

static bool within(const void *p, uintptr_t lo, uintptr_t hi)
{
	return (uintptr_t)p >= lo && (uintptr_t)p < hi;
}

static void look(uintptr_t lo, uintptr_t hi, void *arg)
{
	struct whichroots *w = arg;
	w->data |= within(&gcpace, lo, hi);
	w->bss |= within(&gcforget, lo, hi);
	w->noptrdata |= within(&mheap, lo, hi) || within((char *)(&mheap + 1) - 1, lo, hi);
	w->relro |= within(&readonly[1024], lo, hi) || within(&readonly[3072], lo, hi);
	w->noptrbss |= within(&arenas, lo, hi) || within((char *)(&arenas + 1) - 1, lo, hi);
}

static int tables(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct whichroots w = {false};
	gort_gc();
	rootsvariables(look, &w);
	REQUIRE(w.data && w.bss && !w.noptrdata && !w.noptrbss && !w.relro);
	return 0;
}

/* Pointers into the middle count, in the heap as well. */
static int interior(int argc, char **argv)
{
	(void)argc, (void)argv;
	char **holder = gort_malloc(8);
	char *volatile inner = (char *)gort_malloc(5000) + 4000;
	*holder = (char *)gort_malloc(1000000) + 999999;
	(*holder)[0] = *inner = 'x';
	churn();
	REQUIRE(exists(HIDE(inner)) && exists(HIDE(*holder)) && (*holder)[0] == 'x' &&
		*inner == 'x');
	return 0;
}

/* Kept by goroutines in all states. */
static void keeper(chan(int) gate, struct node *n, waitgroup *wg)
{
	(void)chan_recv(gate);
	REQUIRE(good(n, 7) && good(n->a, 8));
	wg_done(wg);
}

static void sleeper(struct node *n, waitgroup *wg)
{
	gort_sleep(200 * ms);
	REQUIRE(good(n, 7) && good(n->a, 8));
	wg_done(wg);
}

static _Atomic bool stop;

static void computer(struct node *n, waitgroup *wg)
{
	while (!atomic_load(&stop))
		REQUIRE(good(n, 7) && good(n->a, 8));
	wg_done(wg);
}

static void blocker(struct node *n, waitgroup *wg)
{
	gort_blocking_begin();
	while (!atomic_load(&stop))
		usleep(1000);
	gort_blocking_end();
	REQUIRE(good(n, 7) && good(n->a, 8));
	wg_done(wg);
}

/*
 * In a system call that libgort knows and does not wait for in the poller. Where a sanitizer has
 * libc's names libgort does not know it, and who was preempted on this thread waits as well.
 */
static void reader(int fd, struct node *n, waitgroup *wg)
{
	struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	if (SANITIZED)
		gort_blocking_begin();
	while (poll(both, 2, -1) < 1)
		REQUIRE(errno == EINTR);
	if (SANITIZED)
		gort_blocking_end();
	REQUIRE(good(n, 7) && good(n->a, 8));
	wg_done(wg);
}

static __attribute__((noinline)) struct node *pair(void)
{
	struct node *n = newnode(7);
	n->a = newnode(8);
	return n;
}

static int goroutines(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) gate = make_chan(int, 0);
	waitgroup wg = {0};
	int fds[2];
	REQUIRE(pipe(fds) == 0);
	wg_add(&wg, 8);
	for (int i = 0; i < 2; i++) {
		go(keeper, gate, pair(), &wg);
		go(sleeper, pair(), &wg);
		go(computer, pair(), &wg);
		go(blocker, pair(), &wg);
	}
	wg_add(&wg, 1);
	go(reader, fds[0], pair(), &wg);
	for (int i = 0; i < 10; i++) {
		churn();
		gort_sleep(5 * ms);
	}
	atomic_store(&stop, true);
	REQUIRE(write(fds[1], "x", 1) == 1);
	chan_close(gate);
	wg_wait(&wg);
	return 0;
}

/* Values on their way: in a buffer, a waiting sender, a timer's call, a pool, a map. */
struct large {
	struct node *n[5];
};

static void send_small(chan(struct node *) c)
{
	chan_send(c, pair());
}

static void send_large(chan(struct large) c)
{
	struct large v = {{NULL, NULL, NULL, NULL, pair()}};
	chan_send(c, v);
}

static void later(struct node *n, waitgroup *wg)
{
	REQUIRE(good(n, 7) && good(n->a, 8));
	wg_done(wg);
}

static gort_pool pool;
static gort_sync_map *map; /* in memory that is not looked at */

static __attribute__((noinline)) void fill(chan(struct node *) buffered, waitgroup *wg)
{
	chan_send(buffered, pair());
	time_after_func(100 * ms, later, pair(), wg);
	gort_set_label("key", "value");
	gort_pool_put(&pool, pair());
	map = calloc(1, sizeof(*map));
	for (uintptr_t i = 1; i < 500; i++)
		gort_sync_map_store(map, (void *)i, pair());
}

static int travelling(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(struct node *) buffered = make_chan(struct node *, 3);
	chan(struct node *) small = make_chan(struct node *, 0);
	chan(struct large) big = make_chan(struct large, 0);
	waitgroup wg = {0};
	void *v;
	wg_add(&wg, 1);
	fill(buffered, &wg);
	go(send_small, small);
	go(send_large, big);
	gort_sleep(10 * ms);
	churn();
	struct node *n = chan_recv(buffered);
	REQUIRE(good(n, 7) && good(n->a, 8));
	n = chan_recv(small);
	REQUIRE(good(n, 7) && good(n->a, 8));
	n = chan_recv(big).n[4];
	REQUIRE(good(n, 7) && good(n->a, 8));
	n = gort_pool_get(&pool);
	REQUIRE(!n || (good(n, 7) && good(n->a, 8))); /* a second collection empties pools */
	for (uintptr_t i = 1; i < 500; i++) {
		REQUIRE(gort_sync_map_load(map, (void *)i, &v));
		n = v;
		REQUIRE(good(n, 7) && good(n->a, 8));
	}
	REQUIRE(strcmp(gort_label("key"), "value") == 0);
	wg_wait(&wg);
	return 0;
}

/* A thread that libgort knows nothing of: its stack, its registers, its thread-local variables. */
static _Atomic int turn;

static void *foreign(void *arg)
{
	(void)arg;
	struct node *volatile mine = pair();
	local = pair();
	atomic_store(&turn, 1);
	while (atomic_load(&turn) == 1)
		usleep(1000);
	struct node *spun = pair();
	atomic_store(&turn, 3);
	while (atomic_load(&turn) == 3)
		REQUIRE(good(spun, 7) && good(spun->a, 8));
	REQUIRE(good(mine, 7) && good(mine->a, 8) && good(local, 7) && good(local->a, 8));
	return NULL;
}

/* It has its objects, and sleeps. */
static pthread_t startforeign(void)
{
	pthread_t t;
	REQUIRE(pthread_create(&t, NULL, foreign, NULL) == 0);
	while (atomic_load(&turn) != 1)
		gort_sleep(ms);
	return t;
}

/* It computes beside collections, looks whether it has them still, and ends. */
static void endforeign(pthread_t t)
{
	atomic_store(&turn, 2);
	while (atomic_load(&turn) != 3)
		gort_sleep(ms);
	churn();
	churn();
	atomic_store(&turn, 4);
	pthread_join(t, NULL);
}

static int threads(int argc, char **argv)
{
	(void)argc, (void)argv;
	pthread_t t = startforeign();
	churn();
	endforeign(t);
	return 0;
}

/* The number by which the collector asks how many threads there are; -1: there is none. */
static int taskfolder(void)
{
	char path[32], to[64];
	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, to, sizeof(to) - 1);
		to[n > 0 ? n : 0] = '\0';
		if (strstr(to, "/task"))
			return fd;
	}
	return -1;
}

/* That number is given to folders with as many links as there may be threads of libgort. */
static int renumbered(int argc, char **argv)
{
	(void)argc, (void)argv;
	char folder[] = "/tmp/gort-gc-XXXXXX", inner[32];
	pthread_t t = startforeign();
	REQUIRE(mkdtemp(folder));
	for (int i = 0; i < 10; i++) {
		gort_gc();
		int fd = open(folder, O_PATH | O_DIRECTORY), number = taskfolder();
		REQUIRE(number > 2 && dup2(fd, number) == number && close(fd) == 0);
		churn();
		snprintf(inner, sizeof(inner), "%s/%d", folder, i);
		REQUIRE(mkdir(inner, 0700) == 0);
	}
	for (int i = 0; i < 10; i++) {
		snprintf(inner, sizeof(inner), "%s/%d", folder, i);
		rmdir(inner);
	}
	rmdir(folder);
	endforeign(t);
	return 0;
}

/* Without a descriptor nobody can be told of that thread: nothing is freed until there is one. */
static int nodescriptor(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct rlimit old, none = {0};
	struct gort_memstats before, after;
	pthread_t t = startforeign();
	REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
	none.rlim_max = old.rlim_max;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	churn();
	REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
	gort_read_memstats(&before);
	churn();
	gort_read_memstats(&after);
	REQUIRE(after.num_gc > before.num_gc);
	endforeign(t);
	return 0;
}

/* A goroutine whose thread blocks all signals cannot be stopped: it keeps what it has. */
static void unstoppable(waitgroup *wg)
{
	sigset_t all, old;
	struct node *n = pair();
	gort_blocking_begin();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	atomic_store(&turn, 5);
	while (atomic_load(&turn) == 5)
		REQUIRE(good(n, 7) && good(n->a, 8));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	gort_blocking_end();
	REQUIRE(good(n, 7) && good(n->a, 8));
	wg_done(wg);
}

static int blind(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_memstats before, after;
	waitgroup wg = {0};
	wg_add(&wg, 1);
	go(unstoppable, &wg);
	while (atomic_load(&turn) != 5)
		gort_sleep(ms);
	gort_gc();
	for (int i = 0; i < 3000; i++)
		newnode(99999);
	atomic_store(&turn, 6);
	wg_wait(&wg);
	gort_read_memstats(&before);
	gort_gc();
	gort_read_memstats(&after);
	REQUIRE(after.num_gc > before.num_gc);
	return 0;
}

/* Memory that is looked at because the program says so; and is not any more. */
static __attribute__((noinline)) void registered(struct node **cell, uintptr_t *pinned)
{
	cell[3] = pair();
	struct node *n = pair();
	gort_pin(n);
	*pinned = HIDE(n);
}

static int told(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct node **cell = calloc(10, sizeof(*cell));
	uintptr_t pinned;
	gort_root_add(cell, 10 * sizeof(*cell));
	registered(cell, &pinned);
	churn();
	REQUIRE(good(cell[3], 7) && good(cell[3]->a, 8) && exists(pinned));
	gort_unpin((void *)~pinned);
	gort_root_remove(cell);
	free(cell);
	return 0;
}

/* Of roots that begin and end at any word each word counts. */
enum { NWORD = 12 };

static __attribute__((noinline)) void plant(struct node **block, uintptr_t *hidden, int n)
{
	for (int i = 0; i < n; i++) {
		block[i] = newnode(2);
		hidden[i] = HIDE(block[i]);
	}
}

static void words_of(struct node **block, int n)
{
	uintptr_t hidden[NWORD];
	gort_root_add(block, (size_t)n * sizeof(*block));
	plant(block, hidden, n);
	wipe();
	gort_gc();
	for (int i = 0; i < n; i++)
		REQUIRE(exists(hidden[i]));
	gort_root_remove(block);
}

static int words(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct node **block = aligned_alloc(16, 32 * sizeof(*block)); /* malloc's: no root */
	for (int begin = 0; begin < 4; begin++)
		for (int n = 1; n <= NWORD; n++)
			words_of(block + begin, n);
	free(block);
	return 0;
}

START_TEST(test_roots)
{
	expect_code(words, 0);
	expect_code(told, 0);
	expect_code(variables, 0);
	expect_code(tables, 0);
	expect_code(interior, 0);
	expect_code(goroutines, 0);
	expect_code(travelling, 0);
	expect_code(threads, 0);
	expect_code(renumbered, 0);
	expect_code(nodescriptor, 0);
	expect_code(blind, 0);
}
END_TEST

/* ---- random graphs against a model ---- */

enum { NSLOTS = 64, NDEPTH = 300 };

struct graph {
	struct node *slot[NSLOTS];
	uint64_t id[NSLOTS]; /* of what the slot holds, 0: nothing */
	unsigned seed;
};

static unsigned draw(struct graph *g, unsigned n)
{
	return (unsigned)rand_r(&g->seed) % n;
}

/* Every node of a list has the id of the one before it, less one. */
static void checklist(const struct graph *g, unsigned i)
{
	uint64_t id = g->id[i];
	for (const struct node *n = g->slot[i]; n; n = n->a, id--) {
		REQUIRE(good(n, id));
		REQUIRE(!n->b || n->b->magic == MAGIC);
	}
	REQUIRE(!g->slot[i] || id % 1000 == 0);
}

static void growlist(struct graph *g, unsigned i)
{
	struct node *n = newnode(g->id[i] + 1);
	n->a = g->slot[i];
	n->b = g->slot[draw(g, NSLOTS)];
	g->slot[i] = n;
	g->id[i]++;
}

static void mutate(struct graph *g)
{
	unsigned i = draw(g, NSLOTS), k = draw(g, NSLOTS);
	switch (draw(g, 8)) {
	case 0:
		g->slot[i] = NULL;
		g->id[i] = 1000 * draw(g, 1000);
		break;
	case 1:
		g->slot[i] = g->slot[k];
		g->id[i] = g->id[k];
		break;
	case 2:
		if (g->slot[i] && g->slot[i]->a) {
			g->slot[i] = g->slot[i]->a;
			g->id[i]--;
		}
		break;
	case 3:
		garbage(draw(g, 4000) + 1);
		break;
	default:
		if (g->id[i] % 1000 < NDEPTH)
			growlist(g, i);
		break;
	}
}

/* The slots lie on the stack, in a global array, or in an object. */
static struct graph shared[4];

static void randomgraph(unsigned seed, waitgroup *wg)
{
	struct graph onstack = {.seed = seed};
	struct graph *g = seed % 3 == 0   ? &onstack
			  : seed % 3 == 1 ? &shared[seed % 4]
					  : gort_new(struct graph);
	g->seed = seed;
	for (int i = 0; i < 25000; i++) {
		mutate(g);
		if (i % 64 == 0)
			checklist(g, draw(g, NSLOTS));
		if (i % 1000 == 0)
			gort_gosched();
	}
	for (unsigned i = 0; i < NSLOTS; i++)
		checklist(g, i);
	wg_done(wg);
}

static int graphs(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	gort_set_gc_percent(20);
	wg_add(&wg, 4);
	for (unsigned i = 0; i < 4; i++)
		go(randomgraph, i + 10, &wg);
	wg_wait(&wg);
	struct gort_memstats m;
	gort_read_memstats(&m);
	REQUIRE(m.num_gc >= 3);
	return 0;
}

static void with_debug(const char *options, mainfn *fn)
{
	setenv("GORT_DEBUG", options, 1);
	expect_code(fn, 0);
}

START_TEST(test_graphs)
{
	with_debug("gccheckmark=1,clobberfree=1", graphs);
	with_debug("gccheckmark=1,clobberfree=1,preempt=100us", graphs);
}
END_TEST

/* ---- a second look finds what was not marked ---- */

static int unmarked(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct node *n = pair(), *other = newnode(1);
	gort_gc();
	gcforget = (uintptr_t)n->a;
	gort_gc();
	REQUIRE(good(other, 1));
	return 0;
}

START_TEST(test_check)
{
	struct child *c = run_child(unmarked, 1);
	ck_assert_int_eq(c->code, 2);
	ck_assert_msg(strstr(c->text, "is reachable and was not marked"), "%s", c->text);
}
END_TEST

static int stressed(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct graph g = {.seed = 5};
	for (int i = 0; i < 4000; i++)
		mutate(&g);
	for (unsigned i = 0; i < NSLOTS; i++)
		checklist(&g, i);
	return 0;
}

START_TEST(test_stress)
{
	with_debug("gccheckmark=1,clobberfree=1,gcstress=3", stressed);
}
END_TEST

/* ---- a program that no longer allocates gives back what it had until its goal ---- */

enum { MB = 1 << 20, KEPT = 16, PEAK = 48 };

static uint64_t bytes(uint64_t pages)
{
	return pages << PAGESHIFT;
}

static uint64_t held(void)
{
	lock(&mheap.lock);
	uint64_t n = bytes(mheap.pagesmapped - mheap.pagesclean);
	unlock(&mheap.lock);
	return n;
}

static void *volatile large;

static int shrinks(int argc, char **argv)
{
	(void)argc, (void)argv;
	int64_t deadline = monotonic() + patience(60) * sec;
	large = gort_malloc((size_t)KEPT * MB);
	for (int i = 0; i < PEAK; i++)
		(void)gort_malloc(MB);
	gort_gc();
	while (held() > (KEPT + 6) * MB) /* its goal is twice as much */
		if (monotonic() > deadline)
			return 1;
		else
			gort_sleep(10 * ms);
	return 6;
}

START_TEST(test_shrinks)
{
	setenv("GORT_DEBUG", "heapidle=20", 1);
	struct child *c = run_child(shrinks, 2);
	ck_assert_msg(c->code == 6, "exit %d: %.500s", c->code, c->text);
}
END_TEST

/* ---- what is told of the heap and of collections ---- */

static void require_sums(const struct gort_memstats *m)
{
	uint64_t pauses = 0;
	REQUIRE(m->num_gc <= 256);
	for (uint64_t i = 0; i < m->num_gc; i++) {
		REQUIRE(m->pause_ns[i] > 0 && m->pause_end[i] <= m->last_gc);
		REQUIRE(i == 0 || m->pause_end[i] >= m->pause_end[i - 1]);
		pauses += m->pause_ns[i];
	}
	REQUIRE(pauses == m->pause_total_ns && m->pause_last_ns <= pauses);
	REQUIRE(m->heap_objects == m->mallocs - m->frees);
	REQUIRE(m->heap_inuse + m->heap_idle == m->heap_sys);
	REQUIRE(m->heap_released <= m->heap_idle && m->heap_alloc <= m->heap_inuse);
	REQUIRE(m->heap_alloc <= m->total_alloc && m->heap_sys <= m->sys);
	REQUIRE(m->gc_cpu_fraction >= 0 && m->gc_cpu_fraction <= 1);
}

static int told_figures(int argc, char **argv)
{
	(void)argc, (void)argv;
	enum { SMALL = 10000, LARGE = 100000 };
	static char *kept[SMALL];
	struct gort_memstats m[4];
	gort_set_gc_percent(-1);
	gort_read_memstats(&m[0]);
	for (int i = 0; i < SMALL; i++)
		kept[i] = gort_malloc(64);
	large = gort_malloc(LARGE);
	gort_read_memstats(&m[1]);
	gort_gc();
	gort_read_memstats(&m[2]);
	memset(kept, 0, sizeof(kept));
	large = NULL;
	gort_gc();
	gort_gc();
	gort_read_memstats(&m[3]);
	for (int i = 0; i < 4; i++)
		require_sums(&m[i]);
	uint64_t bytes = m[1].total_alloc - m[0].total_alloc, n = m[1].mallocs - m[0].mallocs;
	REQUIRE(n >= SMALL + 1 && n < SMALL + 100);
	REQUIRE(bytes >= SMALL * 64 + LARGE && bytes < SMALL * 64 + 2 * LARGE);
	REQUIRE(m[2].num_gc == m[1].num_gc + 1 && m[3].num_forced_gc == m[1].num_forced_gc + 3);
	REQUIRE(m[2].heap_objects >= SMALL + 1);
	REQUIRE(m[3].frees - m[2].frees > SMALL - 100);
	REQUIRE(m[2].heap_alloc - m[3].heap_alloc > SMALL * 60 + LARGE);
	return 0;
}

START_TEST(test_figures)
{
	expect_code(told_figures, 0);
}
END_TEST

static Suite *test_suite(void)
{
	setenv("GORT_DEBUG", "gccheckmark=1,clobberfree=1", 1);
	return suite_of(&(struct units){"gc", .seconds = 120,
		.units = {
			{"frees", test_frees},
			{"roots", test_roots},
			{"graphs", test_graphs},
			{"check", test_check},
			{"stress", test_stress},
			{"shrinks", test_shrinks},
			{"ahead", test_ahead},
			{"figures", test_figures},
		}});
}

#include "check_main.h"
