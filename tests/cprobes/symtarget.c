/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symtarget.c - a process to symbolize. Prints one pc and its link-time address, then waits for the
 * end of its input. `symtarget` shows a static function; `symtarget LIB DIR` shows a function of a
 * library that lies on a file system only this process can see.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/sendfile.h>

__attribute__((noinline, used)) static uintptr_t symtarget_hidden(void)
{
	uintptr_t pc;
	__asm__ volatile("lea -1(%%rip), %0" : "=r"(pc));
	return pc;
}

static int copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	ssize_t n = 1;
	while (in >= 0 && out >= 0 && n > 0)
		n = sendfile(out, in, NULL, 1 << 20);
	return n;
}

static uintptr_t in_private_mount(const char *lib, const char *dir)
{
	char path[512];
	snprintf(path, sizeof path, "%s/private.so", dir);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("none", dir, "tmpfs", 0, NULL))
		return 0;
	if (copy(lib, path))
		return 0;
	void *handle = dlopen(path, RTLD_NOW);
	return handle ? (uintptr_t)dlsym(handle, "symlib_function") : 0;
}

int main(int argc, char **argv)
{
	char c;
	uintptr_t pc = argc > 2 ? in_private_mount(argv[1], argv[2]) : symtarget_hidden();
	printf("%lx\n", (unsigned long)pc);
	fflush(stdout);
	return (int)read(0, &c, 1);
}
