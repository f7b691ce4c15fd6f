/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor.h - what `gort doctor` finds out of a machine, and what it makes of that. */
#ifndef GORT_CLI_DOCTOR_H
#define GORT_CLI_DOCTOR_H

#include "cli.h"

/* What was found; -1 where the file is missing. */
struct machine {
	int kernel_major, kernel_minor;
	bool root;
	uint64_t caps;             /* CapEff of gort itself */
	int ptrace_scope;          /* kernel.yama.ptrace_scope */
	int unprivileged_bpf;      /* kernel.unprivileged_bpf_disabled */
	int perf_paranoid;         /* kernel.perf_event_paranoid */
	int hidepid;               /* of the mount of /proc */
	bool seccomp, procfs, btf; /* filtered system calls; /proc mounted; types of the kernel */
	bool container;
	bool race_library, go_tool; /* libgort-race.so found; go in PATH */
};

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct finding {
	const char *name; /* of what was checked */
	enum verdict verdict;
	char text[400];
	char fix[256]; /* "" when there is nothing to mend */
};

#define MAX_FINDINGS 16

/* Pure: the lines for a machine, in order; how many. */
size_t doctor_findings(const struct machine *m, struct finding *out);

#endif
