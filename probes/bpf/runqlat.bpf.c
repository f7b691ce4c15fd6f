// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * runqlat.bpf.c - how long threads of one process wait for a CPU: from wake-up or preemption to
 * running, aggregated per thread in the kernel. The method is that of bcc's runqlat; kept per
 * thread, and exact about four things that are easily got wrong:
 *
 *  1. A wait begins only with an event that was seen, so a thread that was runnable or asleep when
 *     counting began contributes nothing until its next wake-up or preemption. That holds because
 *     user space attaches sched_switch before the wake-ups.
 *  2. A thread that is woken while it still runs (it had set its state and not switched out yet) is
 *     not waiting: on_cpu.
 *  3. A thread preempted after setting its state is still on the run queue: the tracepoint's own
 *     `preempt`, not the state alone, tells.
 *  4. Pids are those of the initial namespace in here but of the reader's namespace outside, hence
 *     find_target, an iterator that runs once and translates.
 */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "runqlat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by user space before loading. */
const volatile int want_pid = 0;         /* as the reader's pid namespace numbers it */
const volatile unsigned int want_ns = 0; /* inode number of that namespace */

/* Results of find_target. */
int target_tgid = 0; /* in the initial namespace; 0: no such process */
unsigned int ns_level = 0;

__u64 lost = 0; /* threads that found the table full; approximate when several do at once */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096); /* user space sizes it by the number of threads */
	__type(key, struct runqlat_key);
	__type(value, struct runqlat_stat);
} threads SEC(".maps");

static const struct runqlat_stat no_stat;

/* The number of `pid` at one level of nesting, 0 when it is not visible there. */
static __always_inline int pid_nr_at(struct pid *pid, unsigned int level, unsigned int *inum)
{
	struct upid *up = (void *)pid + bpf_core_field_offset(pid->numbers) +
			  level * bpf_core_type_size(struct upid);

	if (level > BPF_CORE_READ(pid, level))
		return 0;
	if (inum)
		*inum = BPF_CORE_READ(up, ns, ns.inum);
	return BPF_CORE_READ(up, nr);
}

SEC("iter/task")
int find_target(struct bpf_iter__task *ctx)
{
	struct task_struct *p = ctx->task;
	unsigned int inum = 0;

	if (!p || p->pid != p->tgid)
		return 0;
	for (unsigned int level = 0; level < MAX_PID_NS_LEVEL; level++) {
		int nr = pid_nr_at(p->thread_pid, level, &inum);

		if (!nr)
			break;
		if (nr == want_pid && inum == want_ns) {
			target_tgid = p->tgid;
			ns_level = level;
		}
	}
	return 0;
}

static __always_inline struct runqlat_stat *stat_of(struct task_struct *p)
{
	struct runqlat_key key = {.tid = p->pid, .start_time = p->start_time};
	struct runqlat_stat *st = bpf_map_lookup_elem(&threads, &key);

	if (st)
		return st;
	if (bpf_map_update_elem(&threads, &key, &no_stat, BPF_NOEXIST)) {
		lost++;
		return NULL;
	}
	st = bpf_map_lookup_elem(&threads, &key);
	if (st)
		st->tid = pid_nr_at(p->thread_pid, ns_level, NULL);
	return st;
}

static __always_inline void begin_wait(struct task_struct *p)
{
	struct runqlat_stat *st;

	if (p->tgid != target_tgid)
		return;
	if (bpf_core_field_exists(p->on_cpu) && p->on_cpu)
		return;
	st = stat_of(p);
	if (st && !st->since)
		st->since = bpf_ktime_get_ns();
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *p)
{
	begin_wait(p);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *p)
{
	begin_wait(p);
	return 0;
}

static __always_inline __u64 task_state(struct task_struct *p)
{
	if (bpf_core_field_exists(p->__state))
		return p->__state;
	return ((struct task_struct___5_13 *)p)->state;
}

/* prev is the current task: it stays on the run queue, goes to sleep or is gone. */
static __always_inline void switch_out(bool preempt, struct task_struct *prev)
{
	struct runqlat_stat *st;

	if (prev->tgid != target_tgid)
		return;
	st = stat_of(prev);
	if (!st)
		return;
	st->since = preempt || task_state(prev) == TASK_RUNNING ? bpf_ktime_get_ns() : 0;
	bpf_get_current_comm(st->comm, sizeof(st->comm));
}

/* floor(log2(v)), 0 for 0. */
static __always_inline __u32 log2_slot(__u64 v)
{
	__u32 bit = 0;

	for (__u32 step = 32; step; step >>= 1)
		if (v >> step) {
			v >>= step;
			bit += step;
		}
	return bit < RUNQLAT_HIST ? bit : RUNQLAT_HIST - 1;
}

static __always_inline void switch_in(struct task_struct *next)
{
	struct runqlat_stat *st;
	__u64 wait;
	__u32 slot;

	if (next->tgid != target_tgid)
		return;
	st = stat_of(next);
	if (!st || !st->since)
		return;
	wait = bpf_ktime_get_ns() - st->since;
	st->since = 0;
	st->waits++;
	st->total_ns += wait;
	if (wait > st->max_ns)
		st->max_ns = wait;
	slot = log2_slot(wait);
	if (slot < RUNQLAT_HIST)
		st->slots[slot]++;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	switch_out(preempt, prev);
	switch_in(next);
	return 0;
}
