/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gocpu.c - perf_event samples of user registers and the top of the stack, unwound by the tables of
 * Go's runtime as a parked goroutine's stack is.
 *
 * An event counts one thread on one CPU and passes on to the threads that it starts; all events of
 * a CPU write into one ring, since rings are paid for from locked memory. A thread of gort's own
 * empties the rings: only it touches the snapshot until it has ended. Unwinding reads the tables in
 * the executable, which nobody changes, and no memory of the process.
 *
 * Rejected: the kernel's own walk along frame pointers, which misses the caller of each function
 * that has no frame, and SIGPROF, which the program would see.
 */
#include "gocpu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "idmap.h"

#define RING_PAGES 128u  /* what perf_event_mlock_kb allows anyone, without the first page */
#define STACK_COPY 8192u /* bytes of the stack that a sample carries */
#define MAX_EVENTS 65536u
#define POLL_MS    50

/* PERF_REG_X86_BP, SP and IP (asm/perf_regs.h): in a sample in this order. */
enum { REG_BP, REG_SP, REG_IP, NREGS };
#define REGS_MASK (1u << 6 | 1u << 7 | 1u << 8)

struct ring {
	int fd;
	struct perf_event_mmap_page *head;
	uint8_t *data;
};

struct gocpu {
	const struct gotarget *g;
	struct gsnap samples; /* of the thread, until it has ended */
	struct gounwind unwind;
	struct idmap by_stack; /* index + 1 of a stack to index + 1 of its sample */
	int *fds;
	size_t nfds, cap;
	struct ring *rings; /* one a CPU */
	size_t nrings;
	pthread_t thread;
	int stop[2]; /* a pipe: closed at its writing end to stop the thread */
	uint64_t lost;
	size_t page;
	uint8_t record[UINT16_MAX + 1];
};

/* ---- samples ---- */

/* A record of the layout that event_of asks for, after its header. */
struct sample {
	uint64_t ip;
	uint32_t pid, tid;
	uint64_t abi, regs[NREGS], stack_size;
	uint8_t stack[];
};

/* C code, the vDSO, the kernel: as in Go's own profiles. */
static uint32_t external(struct gocpu *c)
{
	static const char name[] = "runtime._ExternalCode";
	uint32_t loc = gsnap_find_loc(&c->samples, 1, false);
	if (loc != GSNAP_NONE)
		return loc;
	loc = gsnap_add_loc(&c->samples, 1, 1, false);
	if (loc != GSNAP_NONE)
		gsnap_add_frame(
			&c->samples, gsnap_str(&c->samples, name, sizeof name - 1), NULL, 0, false);
	return loc;
}

/* 1: the stack ends in goexit, which Go's profiles leave out. */
static uint32_t outermost(const struct gocpu *c, const struct goframes *fr)
{
	const struct gsnap_loc *loc = &c->samples.locs[fr->locs[fr->n - 1]];
	const char *name = loc->nframes ? c->samples.frames[loc->frame].func : "";
	return fr->n > 1 && !strcmp(name, "runtime.goexit");
}

static uint32_t stack_of(struct gocpu *c, const struct sample *it, size_t stack_len)
{
	struct gostack stack = {.pc = it->regs[REG_IP],
		.sp = it->regs[REG_SP],
		.mem = it->stack,
		.len = stack_len,
		.trap = true};
	gounwind_stack(&c->unwind, &stack);
	const struct goframes *fr = &c->unwind.frames;
	if (fr->n)
		return gsnap_add_stack(&c->samples, fr->locs, fr->n - outermost(c, fr));
	uint32_t loc = external(c);
	return loc == GSNAP_NONE ? loc : gsnap_add_stack(&c->samples, &loc, 1);
}

static void count(struct gocpu *c, uint32_t stack)
{
	uint32_t at = idmap_get(&c->by_stack, (uint64_t)stack + 1);
	if (at) {
		c->samples.samples[at - 1].count++;
		return;
	}
	struct gsnap_sample *s = GSNAP_PUSH(&c->samples, samples, cap_samples);
	if (!s)
		return;
	*s = (struct gsnap_sample){.stack = stack, .visible = stack, .count = 1};
	c->samples.oom |= !idmap_put(&c->by_stack, (uint64_t)stack + 1, c->samples.nsamples);
}

static void take_sample(struct gocpu *c, const uint8_t *record, size_t len)
{
	const struct sample *it = (const void *)record;
	uint64_t used;
	if (len < sizeof *it || it->abi != PERF_SAMPLE_REGS_ABI_64 ||
		it->stack_size > len - sizeof *it)
		return; /* of a thread that had left its memory behind */
	size_t end = sizeof *it + it->stack_size;
	used = 0;
	if (it->stack_size && len - end >= sizeof used)
		memcpy(&used, record + end, sizeof used);
	uint32_t stack = stack_of(c, it, used <= it->stack_size ? used : 0);
	if (stack != GSNAP_NONE)
		count(c, stack);
}

/* ---- rings ---- */

static void copy_out(const struct ring *r, size_t size, uint64_t at, void *to, size_t n)
{
	size_t from = at & (size - 1), first = size - from < n ? size - from : n;
	memcpy(to, r->data + from, first);
	memcpy((uint8_t *)to + first, r->data, n - first);
}

static void take_record(struct gocpu *c, const struct perf_event_header *h)
{
	uint64_t lost[2];
	size_t len = h->size - sizeof *h;
	if (h->type == PERF_RECORD_SAMPLE)
		take_sample(c, c->record, len);
	else if (h->type == PERF_RECORD_LOST && len >= sizeof lost) {
		memcpy(lost, c->record, sizeof lost);
		c->lost += lost[1];
	}
}

/* data_head is read before the records (acquire), data_tail written after them (release). */
static void drain(struct gocpu *c, struct ring *r)
{
	size_t size = RING_PAGES * c->page;
	uint64_t head = __atomic_load_n(&r->head->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = r->head->data_tail;
	while (tail < head) {
		struct perf_event_header h;
		copy_out(r, size, tail, &h, sizeof h);
		if (h.size < sizeof h || h.size > head - tail)
			break;
		copy_out(r, size, tail + sizeof h, c->record, h.size - sizeof h);
		take_record(c, &h);
		tail += h.size;
	}
	__atomic_store_n(&r->head->data_tail, tail, __ATOMIC_RELEASE);
}

static void *empty_rings(void *arg)
{
	struct gocpu *c = arg;
	struct pollfd fd = {.fd = c->stop[0], .events = POLLIN};
	while (!poll(&fd, 1, POLL_MS))
		for (size_t i = 0; i < c->nrings; i++)
			drain(c, &c->rings[i]);
	return NULL;
}

/* ---- events ---- */

static struct perf_event_attr event_of(unsigned hz, bool kernel)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(struct perf_event_attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000u / hz,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_REGS_USER |
			       PERF_SAMPLE_STACK_USER,
		.sample_regs_user = REGS_MASK,
		.sample_stack_user = STACK_COPY,
		.inherit = 1,
		.disabled = 1,
		.exclude_kernel = !kernel,
		.exclude_hv = 1,
	};
}

/* Time in system calls counts where the kernel lets it be seen (perf_event_paranoid below 2). */
static int open_event(pid_t tid, int cpu, unsigned hz)
{
	int fd = -1;
	for (int kernel = 1; kernel >= 0 && fd < 0; kernel--) {
		struct perf_event_attr attr = event_of(hz, kernel);
		fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		if (fd < 0 && errno != EACCES && errno != EPERM)
			break;
	}
	return fd < 0 ? -errno : fd;
}

static int map_ring(struct gocpu *c, struct ring *r, int fd)
{
	void *p = mmap(NULL, (RING_PAGES + 1) * c->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*r = (struct ring){fd, p, (uint8_t *)p + c->page};
	return 0;
}

static bool keep_fd(struct gocpu *c, int fd)
{
	if (c->nfds == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		int *bigger = cap <= MAX_EVENTS ? realloc(c->fds, cap * sizeof *bigger) : NULL;
		if (!bigger)
			return false;
		c->fds = bigger;
		c->cap = cap;
	}
	c->fds[c->nfds++] = fd;
	return true;
}

/* A thread on a CPU. One that has ended meanwhile, or a CPU that is off, is no error. */
static int add_event(struct gocpu *c, struct ring *r, pid_t tid, int cpu, unsigned hz)
{
	int fd = open_event(tid, cpu, hz);
	if (fd < 0)
		return fd == -ESRCH || fd == -ENODEV ? 0 : fd;
	if (!keep_fd(c, fd)) {
		close(fd);
		return -ENOMEM;
	}
	if (!r->head)
		return map_ring(c, r, fd);
	return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, r->fd) ? -errno : 0;
}

static int add_events(struct gocpu *c, unsigned hz)
{
	pid_t *tids;
	size_t n = target_threads(c->g->t, &tids);
	int err = n ? 0 : -ESRCH;
	for (size_t cpu = 0; cpu < c->nrings; cpu++)
		for (size_t i = 0; i < n && !err; i++)
			err = add_event(c, &c->rings[cpu], tids[i], (int)cpu, hz);
	free(n ? tids : NULL);
	size_t k = 0;
	for (size_t cpu = 0; cpu < c->nrings; cpu++)
		if (c->rings[cpu].head)
			c->rings[k++] = c->rings[cpu];
	c->nrings = k;
	return err ? err : k ? 0 : -ESRCH;
}

static void switch_events(struct gocpu *c, unsigned long request)
{
	for (size_t i = 0; i < c->nfds; i++)
		ioctl(c->fds[i], request, 0);
}

static void release(struct gocpu *c)
{
	for (size_t i = 0; i < c->nrings; i++)
		munmap(c->rings[i].head, (RING_PAGES + 1) * c->page);
	for (size_t i = 0; i < c->nfds; i++)
		close(c->fds[i]);
	for (int i = 0; i < 2; i++)
		if (c->stop[i] >= 0)
			close(c->stop[i]);
	gounwind_free(&c->unwind);
	idmap_free(&c->by_stack);
	gsnap_free(&c->samples);
	free(c->rings);
	free(c->fds);
	free(c);
}

static int begin(struct gocpu *c, unsigned hz)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	c->nrings = cpus > 0 ? (size_t)cpus : 1;
	c->rings = calloc(c->nrings, sizeof *c->rings);
	if (!c->rings || pipe2(c->stop, O_CLOEXEC))
		return -ENOMEM;
	int err = add_events(c, hz);
	if (!err)
		err = -pthread_create(&c->thread, NULL, empty_rings, c);
	if (!err)
		switch_events(c, PERF_EVENT_IOC_ENABLE);
	return err;
}

int gocpu_start(const struct gotarget *g, unsigned hz, struct gocpu **out)
{
	struct gocpu *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->g = g;
	c->stop[0] = c->stop[1] = -1;
	c->page = (size_t)sysconf(_SC_PAGESIZE);
	gsnap_init(&c->samples, GSNAP_GO);
	gounwind_init(&c->unwind, g, &c->samples);
	c->unwind.symbols = true;
	int err = begin(c, hz);
	if (err)
		release(c);
	else
		*out = c;
	return err;
}

int gocpu_stop(struct gocpu *c, struct gsnap *out, uint64_t *lost)
{
	switch_events(c, PERF_EVENT_IOC_DISABLE);
	close(c->stop[1]);
	c->stop[1] = -1;
	pthread_join(c->thread, NULL);
	for (size_t i = 0; i < c->nrings; i++)
		drain(c, &c->rings[i]);
	int err = c->samples.oom ? -ENOMEM : 0;
	*lost = c->lost;
	*out = c->samples;
	gsnap_init(&c->samples, GSNAP_GO);
	release(c);
	return err;
}
