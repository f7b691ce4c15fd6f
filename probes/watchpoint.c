/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watchpoint.c - see watchpoint.h. Each is an event of its own with a small ring, which the kernel
 * switches off itself after one hit: a thread pays for at most one trap.
 */
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <asm/perf_regs.h>
#include "watchpoint.h"

#define RING_PAGES 4 /* a record has 64 KiB at most, these about 8 */

/* A record of the layout asked for, after its header; the stack, and how much of it is valid. */
struct sample {
	uint64_t ip;
	uint32_t pid, tid;
	uint64_t abi, bp, sp, pc, stack_size;
	uint8_t stack[WATCH_STACK];
	uint64_t used;
};

static struct perf_event_attr event_of(uint64_t addr, uint32_t n, bool reads)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(struct perf_event_attr),
		.bp_type = reads ? HW_BREAKPOINT_RW : HW_BREAKPOINT_W,
		.bp_addr = addr,
		.bp_len = n,
		.sample_period = 1,
		.wakeup_events = 1,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_REGS_USER |
			       PERF_SAMPLE_STACK_USER,
		.sample_regs_user =
			1u << PERF_REG_X86_BP | 1u << PERF_REG_X86_SP | 1u << PERF_REG_X86_IP,
		.sample_stack_user = WATCH_STACK,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t ring_size(void)
{
	return (RING_PAGES + 1) * page_size();
}

int watch_begin(struct watch *w, pid_t tid, uint64_t addr, uint32_t n, bool reads)
{
	struct perf_event_attr attr = event_of(addr, n, reads);
	w->fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	w->ring = mmap(NULL, ring_size(), PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
	if (w->ring != MAP_FAILED && !ioctl(w->fd, PERF_EVENT_IOC_REFRESH, 1))
		return 0;
	int error = -errno;
	if (w->ring != MAP_FAILED)
		munmap(w->ring, ring_size());
	close(w->fd);
	return error;
}

/* The first record of a ring that nothing was taken from. */
static bool first_record(const struct perf_event_mmap_page *head, struct sample *it)
{
	const uint8_t *data = (const uint8_t *)head + page_size();
	struct perf_event_header h;
	if (__atomic_load_n(&head->data_head, __ATOMIC_ACQUIRE) < sizeof h)
		return false;
	memcpy(&h, data, sizeof h);
	if (h.type != PERF_RECORD_SAMPLE || h.size < sizeof h + offsetof(struct sample, stack))
		return false;
	size_t n = h.size - sizeof h;
	memset(it, 0, sizeof *it);
	memcpy(it, data + sizeof h, n < sizeof *it ? n : sizeof *it);
	return it->abi == PERF_SAMPLE_REGS_ABI_64;
}

bool watch_end(struct watch *w, struct watch_hit *hit)
{
	struct sample it;
	bool caught = first_record(w->ring, &it);
	munmap(w->ring, ring_size());
	close(w->fd);
	if (!caught)
		return false;
	*hit = (struct watch_hit){.pc = it.pc, .sp = it.sp, .bp = it.bp};
	hit->stack_len = it.stack_size == WATCH_STACK && it.used <= WATCH_STACK ? it.used : 0;
	memcpy(hit->stack, it.stack, hit->stack_len);
	return true;
}

int watch_possible(void)
{
	volatile uint64_t word __attribute__((aligned(8))) = 0;
	struct watch_hit hit;
	struct watch w;
	int error = watch_begin(&w, 0, (uintptr_t)&word, sizeof word, false);
	if (error)
		return error;
	word = 1;
	return watch_end(&w, &hit) ? 0 : -EOPNOTSUPP;
}
