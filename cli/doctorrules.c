/* SPDX-License-Identifier: BSD-2-Clause */
/* doctorrules.c - from what a machine is to what works there, why not, and what mends it. */
#include <stdarg.h>
#include <stdio.h>
#include "doctor.h"

#define CAP_SYS_PTRACE_BIT 19
#define CAP_SYS_ADMIN_BIT  21
#define CAP_PERFMON_BIT    38
#define CAP_BPF_BIT        39

#define SETCAP \
	"sudo setcap cap_sys_ptrace,cap_bpf,cap_perfmon+ep \"$(command -v gort)\"   (or sudo)"

static bool has(const struct machine *m, int cap)
{
	return m->caps >> cap & 1;
}

static struct finding *add(struct finding *out, size_t *n, const char *name)
{
	struct finding *f = &out[(*n)++];
	*f = (struct finding){.name = name};
	return f;
}

__attribute__((format(printf, 3, 4))) static void say(
	struct finding *f, enum verdict v, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
	f->verdict = v;
}

static void fix(struct finding *f, const char *text)
{
	snprintf(f->fix, sizeof f->fix, "%s", text);
}

static void kernel(const struct machine *m, struct finding *f)
{
	bool old = m->kernel_major < 5 || (m->kernel_major == 5 && m->kernel_minor < 10);
	say(f, old ? VERDICT_WARN : VERDICT_OK, "Linux %d.%d%s", m->kernel_major, m->kernel_minor,
		old ? ", older than 5.10: not tested" : "");
	if (old)
		fix(f, "a kernel from 5.10 on");
}

static void procfs(const struct machine *m, struct finding *f)
{
	if (!m->procfs) {
		say(f, VERDICT_FAIL, "not mounted: no process can be found");
		fix(f, "mount -t proc proc /proc");
	} else if (m->hidepid > 0 && !m->root) {
		say(f, VERDICT_WARN, "hidepid=%d: other users' processes are hidden", m->hidepid);
		fix(f, "sudo gort ..., or mount -o remount,hidepid=0 /proc");
	} else {
		say(f, VERDICT_OK, "every process is visible");
	}
}

/* Reading memory needs the right to trace: yama's scope for one's own, a capability for others'. */
static void memory(const struct machine *m, struct finding *f)
{
	if (has(m, CAP_SYS_PTRACE_BIT)) {
		say(f, VERDICT_OK, "any process can be read (CAP_SYS_PTRACE)");
	} else if (m->ptrace_scope <= 0) {
		say(f, VERDICT_WARN, "your own processes can be read, not those of other users");
		fix(f, SETCAP);
	} else {
		say(f, VERDICT_FAIL, "kernel.yama.ptrace_scope is %d and CAP_SYS_PTRACE is missing",
			m->ptrace_scope);
		fix(f, m->container ? "docker run --cap-add=SYS_PTRACE ..., or kubectl debug "
				      "--profile=sysadmin"
				    : SETCAP);
	}
}

static void ebpf(const struct machine *m, struct finding *f)
{
	bool caps = has(m, CAP_SYS_ADMIN_BIT) || (has(m, CAP_BPF_BIT) && has(m, CAP_PERFMON_BIT));
	if (!m->btf) {
		say(f, VERDICT_WARN, "the kernel has no BTF: gort sched has no wait times");
		fix(f, "a kernel with CONFIG_DEBUG_INFO_BTF, or gort sched --without bpf");
	} else if (!caps) {
		say(f, VERDICT_WARN,
			"CAP_BPF and CAP_PERFMON are missing: gort sched has no wait "
			"times");
		fix(f, m->container ? "docker run --cap-add=BPF --cap-add=PERFMON ..." : SETCAP);
	} else {
		say(f, VERDICT_OK, "programs can be loaded: gort sched measures waits");
	}
}

static void filter(const struct machine *m, struct finding *f)
{
	say(f, m->seccomp ? VERDICT_WARN : VERDICT_OK, "%s",
		m->seccomp ? "system calls are filtered; reading memory or bpf() may be refused"
			   : "no system call is filtered");
	if (m->seccomp)
		fix(f, "docker run --security-opt seccomp=unconfined ..., when they are refused");
}

static void helpers(const struct machine *m, struct finding *race, struct finding *go_tool)
{
	say(race, m->race_library ? VERDICT_OK : VERDICT_WARN, "%s",
		m->race_library ? "libgort-race.so is there"
				: "libgort-race.so is not there: no gort race");
	if (!m->race_library)
		fix(race, "cmake --install, or GORT_LIBDIR=DIRECTORY");
	say(go_tool, m->go_tool ? VERDICT_OK : VERDICT_WARN, "%s",
		m->go_tool ? "go tool pprof opens what gort record writes"
			   : "go is not in PATH: profiles can be written, not opened here");
	if (!m->go_tool)
		fix(go_tool, "install Go, or open the file elsewhere");
}

size_t doctor_findings(const struct machine *m, struct finding *out)
{
	size_t n = 0;
	kernel(m, add(out, &n, "kernel"));
	procfs(m, add(out, &n, "procfs"));
	memory(m, add(out, &n, "memory"));
	ebpf(m, add(out, &n, "ebpf"));
	filter(m, add(out, &n, "seccomp"));
	struct finding *race = add(out, &n, "race"), *go_tool = add(out, &n, "profiles");
	helpers(m, race, go_tool);
	return n;
}
