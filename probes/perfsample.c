/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfsample.c - perf_event samples of user registers and the top of the stack.
 *
 * An event counts one thread on one CPU and passes on to the threads that it starts; all events of
 * a CPU write into one ring, since rings are paid for from locked memory. A thread of gort's own
 * empties the rings and unwinds: only it touches the snapshot until it has ended. Unwinding reads
 * the sample and the tables in the executable, which nobody changes, and no memory of the process.
 *
 * Rejected: the kernel's own walk along frame pointers alone, which misses the caller of each
 * function that has no frame, and SIGPROF, which the program would see.
 */
#include "perfsample.h"

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

#define RING_PAGES 128u /* what perf_event_mlock_kb allows anyone, without the first page */
#define MAX_EVENTS 65536u
#define POLL_MS    50

struct ring {
	int fd;
	struct perf_event_mmap_page *head;
	uint8_t *data;
};

struct perfsample {
	const struct target *t;
	struct perfsample_how how;
	size_t nregs;
	struct idmap known; /* index + 1 of a stack, and labels, to index + 1 of the sample */
	int *fds;
	size_t nfds, cap;
	struct ring *rings; /* one a CPU */
	size_t nrings;
	pthread_t thread;
	int stop[2];           /* a pipe: closed at its writing end to stop the thread */
	struct pollfd *polled; /* that one's reading end, then the rings */
	uint64_t lost;
	size_t page;
	_Alignas(8) uint8_t record[UINT16_MAX + 1];
};

/* ---- samples ---- */

/* What begins a record of the layout that event_of asks for, after its header. */
struct sample {
	uint64_t ip;
	uint32_t pid, tid;
};

/*
 * What follows is, of 8 bytes each: how many entries the chain has, and it, if it was asked for;
 * abi and registers; the size of the stack, it, and how much of that was there.
 */
struct rest {
	const uint8_t *at;
	size_t len;
};

/* n words, which the records' alignment lets be read in place; NULL when there are not so many. */
static const uint64_t *take(struct rest *r, uint64_t n)
{
	const void *p = r->at;
	if (n > r->len / 8)
		return NULL;
	r->at += n * 8;
	r->len -= n * 8;
	return p;
}

/* The chain begins with a marker of the kernel: this is the user's side. */
static bool take_chain(struct rest *r, struct perfsample_at *out)
{
	const uint64_t *n = take(r, 1);
	out->chain = n ? take(r, *n) : NULL;
	if (!out->chain)
		return false;
	out->nchain = *n;
	while (out->nchain && *out->chain >= PERF_CONTEXT_MAX) {
		out->chain++;
		out->nchain--;
	}
	return true;
}

/* False: of a thread that had left its memory behind. */
static bool take_stack(struct rest *r, struct perfsample_at *out)
{
	const uint64_t *size = take(r, 1);
	if (!size || *size > r->len)
		return false;
	out->stack = (const uint8_t *)take(r, *size / 8);
	const uint64_t *used = *size ? take(r, 1) : NULL;
	out->len = used && *used <= *size ? *used : 0;
	return true;
}

static void count(struct perfsample *c, const struct perfsample_found *f)
{
	struct gsnap *samples = c->how.samples;
	uint64_t key = (uint64_t)f->set << 32 | (f->stack + 1);
	uint32_t at = idmap_get(&c->known, key);
	if (at) {
		samples->samples[at - 1].count++;
		return;
	}
	struct gsnap_sample *s = GSNAP_PUSH(samples, samples, cap_samples);
	if (!s)
		return;
	*s = (struct gsnap_sample){.stack = f->stack,
		.visible = f->stack,
		.count = 1,
		.labels = f->labels,
		.nlabels = f->nlabels};
	samples->oom |= !idmap_put(&c->known, key, samples->nsamples);
}

static void take_sample(struct perfsample *c, const uint8_t *record, size_t len)
{
	struct rest r = {record, len};
	struct perfsample_at at = {0};
	if (!take(&r, sizeof(struct sample) / 8) || (c->how.chain && !take_chain(&r, &at)))
		return;
	const uint64_t *abi = take(&r, 1);
	at.regs = take(&r, c->nregs);
	if (!abi || *abi != PERF_SAMPLE_REGS_ABI_64 || !at.regs || !take_stack(&r, &at))
		return;
	struct perfsample_found found = c->how.look(c->how.ctx, &at);
	if (found.stack != GSNAP_NONE)
		count(c, &found);
}

/* ---- rings ---- */

static void copy_out(const struct ring *r, size_t size, uint64_t at, void *to, size_t n)
{
	size_t from = at & (size - 1), first = size - from < n ? size - from : n;
	memcpy(to, r->data + from, first);
	memcpy((uint8_t *)to + first, r->data, n - first);
}

static void take_record(struct perfsample *c, const struct perf_event_header *h)
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
static void drain(struct perfsample *c, struct ring *r)
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
	struct perfsample *c = arg;
	while (poll(c->polled, c->nrings + 1, POLL_MS) >= 0 && !c->polled[0].revents) {
		for (size_t i = 0; i < c->nrings; i++) {
			drain(c, &c->rings[i]);
			/* The ring's first thread has ended, which would wake this one for ever. */
			if (c->polled[i + 1].revents & (POLLHUP | POLLERR))
				c->polled[i + 1].fd = -1;
		}
	}
	return NULL;
}

/* ---- events ---- */

static struct perf_event_attr event_of(const struct perfsample_how *how, bool kernel)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(struct perf_event_attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000u / how->hz,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_REGS_USER |
			       PERF_SAMPLE_STACK_USER | (how->chain ? PERF_SAMPLE_CALLCHAIN : 0),
		.sample_regs_user = how->regs,
		.sample_stack_user = how->stack,
		.wakeup_events = 1,
		.inherit = 1,
		.disabled = 1,
		.exclude_kernel = !kernel,
		.exclude_callchain_kernel = 1,
		.exclude_hv = 1,
	};
}

/* Time in system calls counts where the kernel lets it be seen (perf_event_paranoid below 2). */
static int open_event(const struct perfsample_how *how, pid_t tid, int cpu)
{
	int fd = -1;
	for (int kernel = 1; kernel >= 0 && fd < 0; kernel--) {
		struct perf_event_attr attr = event_of(how, kernel);
		fd = (int)syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
		if (fd < 0 && errno != EACCES && errno != EPERM)
			break;
	}
	return fd < 0 ? -errno : fd;
}

static int map_ring(struct perfsample *c, struct ring *r, int fd)
{
	void *p = mmap(NULL, (RING_PAGES + 1) * c->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*r = (struct ring){fd, p, (uint8_t *)p + c->page};
	return 0;
}

static bool keep_fd(struct perfsample *c, int fd)
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
static int add_event(struct perfsample *c, struct ring *r, pid_t tid, int cpu)
{
	int fd = open_event(&c->how, tid, cpu);
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

static int add_events(struct perfsample *c)
{
	pid_t *tids;
	size_t n = target_threads(c->t, &tids);
	int err = n ? 0 : -ESRCH;
	for (size_t cpu = 0; cpu < c->nrings; cpu++)
		for (size_t i = 0; i < n && !err; i++)
			err = add_event(c, &c->rings[cpu], tids[i], (int)cpu);
	free(n ? tids : NULL);
	size_t k = 0;
	for (size_t cpu = 0; cpu < c->nrings; cpu++)
		if (c->rings[cpu].head)
			c->rings[k++] = c->rings[cpu];
	c->nrings = k;
	return err ? err : k ? 0 : -ESRCH;
}

static void switch_events(struct perfsample *c, unsigned long request)
{
	for (size_t i = 0; i < c->nfds; i++)
		ioctl(c->fds[i], request, 0);
}

static void release(struct perfsample *c)
{
	for (size_t i = 0; i < c->nrings; i++)
		munmap(c->rings[i].head, (RING_PAGES + 1) * c->page);
	for (size_t i = 0; i < c->nfds; i++)
		close(c->fds[i]);
	for (int i = 0; i < 2; i++)
		if (c->stop[i] >= 0)
			close(c->stop[i]);
	idmap_free(&c->known);
	free(c->polled);
	free(c->rings);
	free(c->fds);
	free(c);
}

/* Each sample wakes the thread: what it looks for may not be there for long. */
static void poll_rings(struct perfsample *c)
{
	c->polled[0] = (struct pollfd){.fd = c->stop[0], .events = POLLIN};
	for (size_t i = 0; i < c->nrings; i++)
		c->polled[i + 1] = (struct pollfd){.fd = c->rings[i].fd, .events = POLLIN};
}

static int begin(struct perfsample *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	c->nrings = cpus > 0 ? (size_t)cpus : 1;
	c->rings = calloc(c->nrings, sizeof *c->rings);
	if (!c->rings || pipe2(c->stop, O_CLOEXEC))
		return -ENOMEM;
	int err = add_events(c);
	c->polled = calloc(c->nrings + 1, sizeof *c->polled);
	if (!err && !c->polled)
		err = -ENOMEM;
	if (!err)
		poll_rings(c);
	if (!err)
		err = -pthread_create(&c->thread, NULL, empty_rings, c);
	if (!err)
		switch_events(c, PERF_EVENT_IOC_ENABLE);
	return err;
}

int perfsample_start(
	const struct target *t, const struct perfsample_how *how, struct perfsample **out)
{
	struct perfsample *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->t = t;
	c->how = *how;
	c->nregs = (size_t)__builtin_popcountll(how->regs);
	c->stop[0] = c->stop[1] = -1;
	c->page = (size_t)sysconf(_SC_PAGESIZE);
	int err = begin(c);
	if (err)
		release(c);
	else
		*out = c;
	return err;
}

uint64_t perfsample_stop(struct perfsample *c)
{
	switch_events(c, PERF_EVENT_IOC_DISABLE);
	close(c->stop[1]);
	c->stop[1] = -1;
	pthread_join(c->thread, NULL);
	for (size_t i = 0; i < c->nrings; i++)
		drain(c, &c->rings[i]);
	uint64_t lost = c->lost;
	release(c);
	return lost;
}
