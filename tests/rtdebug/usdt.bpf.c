// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* usdt.bpf.c - counts the hits of each tracepoint, named by its cookie, and keeps the last ones. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>
#include "usdt.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NPROBES);
	__type(key, __u32);
	__type(value, struct probe_hits);
} hits SEC(".maps");

SEC("usdt")
int on_probe(struct pt_regs *ctx)
{
	__u32 which = (__u32)bpf_usdt_cookie(ctx);
	struct probe_hits *h = bpf_map_lookup_elem(&hits, &which);
	long v;

	if (!h)
		return 0;
	__sync_fetch_and_add(&h->n, 1);
	h->nargs = (__u64)bpf_usdt_arg_cnt(ctx);
	for (int i = 0; i < NARGS; i++)
		h->arg[i] = bpf_usdt_arg(ctx, (__u64)i, &v) ? 0 : (__u64)v;
	return 0;
}
