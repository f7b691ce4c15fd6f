/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oldkernel.c - oldkernel PROGRAM ARGUMENT...: runs a program as on Linux 5.10, as far as libgort
 * asks for what is newer: each such call fails as it would there. The filter is for all that the
 * program starts, so `oldkernel ctest` does, too.
 *
 *	epoll_pwait2                    5.11: waits of the poller are whole milliseconds
 *	madvise MADV_POPULATE_WRITE     5.14: fresh stacks are touched
 *	userfaultfd, with asynchronous  6.7: mode kernel of the collector stops the program
 *	write protection; PAGEMAP_SCAN
 *	madvise MADV_GUARD_INSTALL      6.13: guards of stacks are PROT_NONE
 *
 * Exit status 77: no filter can be set here.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define POPULATE_WRITE 23
#define GUARD_INSTALL  102
#define PAGEMAP_SCAN   _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96)

#define LOAD(field)       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(k, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, n)
#define ALLOW             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define FAIL(err)         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))

static struct sock_filter filter[] = {
	LOAD(arch),
	SKIP_UNLESS(AUDIT_ARCH_X86_64, 16),
	LOAD(nr),
	SKIP_UNLESS(SYS_epoll_pwait2, 1),
	FAIL(ENOSYS),
	SKIP_UNLESS(SYS_userfaultfd, 1),
	FAIL(EINVAL),
	SKIP_UNLESS(SYS_madvise, 6),
	LOAD(args[2]),
	SKIP_UNLESS(POPULATE_WRITE, 1),
	FAIL(EINVAL),
	SKIP_UNLESS(GUARD_INSTALL, 1),
	FAIL(EINVAL),
	ALLOW,
	SKIP_UNLESS(SYS_ioctl, 3),
	LOAD(args[1]),
	SKIP_UNLESS(PAGEMAP_SCAN, 1),
	FAIL(ENOTTY),
	ALLOW,
};

int main(int argc, char **argv)
{
	struct sock_fprog prog = {sizeof(filter) / sizeof(*filter), filter};
	if (argc < 2) {
		fprintf(stderr, "usage: oldkernel PROGRAM ARGUMENT...\n");
		return 2;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		perror("SKIP: seccomp");
		return 77;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 2;
}
