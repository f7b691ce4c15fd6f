/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interface.c - what programs ask of a sanitizer's runtime, for interface.sh: interface heap,
 * names, death, object, or file PATH. What can be told inside is; it then says "done".
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

/* sanitizer/allocator_interface.h, common_interface_defs.h and tsan_interface.h; clang has all. */
int __sanitizer_get_ownership(const volatile void *p);
size_t __sanitizer_get_allocated_size(const volatile void *p);
size_t __sanitizer_get_estimated_allocated_size(size_t n);
size_t __sanitizer_get_current_allocated_bytes(void);
size_t __sanitizer_get_heap_size(void);
size_t __sanitizer_get_free_bytes(void);
size_t __sanitizer_get_unmapped_bytes(void);
int __sanitizer_install_malloc_and_free_hooks(
	void (*allocated)(const volatile void *p, size_t n), void (*freed)(const volatile void *p));
void __sanitizer_malloc_hook(const volatile void *p, size_t n);
void __sanitizer_free_hook(const volatile void *p);
void __sanitizer_print_stack_trace(void);
void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t n);
void __sanitizer_symbolize_global(void *addr, const char *format, char *out, size_t n);
int __sanitizer_get_module_and_offset_for_pc(void *pc, char *module, size_t n, void **offset);
void __sanitizer_set_death_callback(void (*callback)(void));
int __sanitizer_acquire_crash_state(void);
void __sanitizer_set_report_path(const char *path);
void __sanitizer_report_error_summary(const char *summary);
void *__tsan_external_register_tag(const char *name);
void __tsan_external_write(void *addr, void *pc, void *tag);

#define EXPECT(x)                                            \
	do {                                                 \
		if (!(x)) {                                  \
			fprintf(stderr, "not so: %s\n", #x); \
			exit(4);                             \
		}                                            \
	} while (0)

#define MARK   54321 /* a size that nobody else asks for */
#define LARGE  (1 << 20)
#define UNSEEN __attribute__((no_sanitize("thread")))

/* By the hook of each kind: malloc() and free() change nothing, compilers believe. */
static const volatile void *volatile marked[2];
static volatile int freed[2];
static int shared;

static UNSEEN void note(int kind, const volatile void *p, size_t n)
{
	if (n == MARK)
		marked[kind] = p;
}

static UNSEEN void on_malloc(const volatile void *p, size_t n)
{
	note(0, p, n);
}

static UNSEEN void on_free(const volatile void *p)
{
	freed[0] += p == marked[0];
}

__attribute__((visibility("default"))) UNSEEN void __sanitizer_malloc_hook(
	const volatile void *p, size_t n)
{
	note(1, p, n);
}

__attribute__((visibility("default"))) UNSEEN void __sanitizer_free_hook(const volatile void *p)
{
	freed[1] += p == marked[1];
}

static void heap(void)
{
	size_t before = __sanitizer_get_current_allocated_bytes();
	char *volatile p = malloc(LARGE);
	EXPECT(__sanitizer_get_current_allocated_bytes() >= before + LARGE);
	EXPECT(__sanitizer_get_heap_size() >= LARGE);
	(void)__sanitizer_get_free_bytes();
	(void)__sanitizer_get_unmapped_bytes();
	EXPECT(__sanitizer_get_ownership(p) == 1 && __sanitizer_get_allocated_size(p) >= LARGE);
	EXPECT(__sanitizer_get_ownership(&shared) == 0);
	EXPECT(__sanitizer_get_ownership(NULL) == 0 && __sanitizer_get_allocated_size(NULL) == 0);
	EXPECT(__sanitizer_get_estimated_allocated_size(1001) >= 1001);
	free(p);
	EXPECT(__sanitizer_get_ownership(p) == 0);
	EXPECT(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0);
	for (int kind = 0; kind < 2; kind++)
		marked[kind] = NULL;
	p = malloc(MARK);
	EXPECT(marked[0] == p && marked[1] == p);
	EXPECT(__sanitizer_get_ownership(p) && __sanitizer_get_allocated_size(p) == MARK);
	p = realloc(p, LARGE);
	EXPECT(freed[0] == 1 && freed[1] == 1);
	free(p);
}

static NOINLINE void *here(void)
{
	return __builtin_return_address(0);
}

static NOINLINE void outer(char *text, size_t n)
{
	__sanitizer_print_stack_trace();
	__sanitizer_symbolize_pc(here(), "<%f|%n>", text, n);
}

static void names(void)
{
	char text[256] = "", module[256] = "";
	void *offset = NULL;
	outer(text, sizeof text);
	EXPECT(!strcmp(text, "<outer|0>") && !text[strlen(text) + 1]);
	__sanitizer_symbolize_pc(here(), "%f", text, 4);
	EXPECT(strlen(text) == 2);
	__sanitizer_symbolize_pc(here(), "%s:%l", text, sizeof text);
	puts(text);
	__sanitizer_symbolize_global(&shared, "%g", text, sizeof text);
	EXPECT(!strcmp(text, "shared"));
	EXPECT(__sanitizer_get_module_and_offset_for_pc(here(), module, sizeof module, &offset));
	EXPECT(strstr(module, "/") && offset && offset < here());
	EXPECT(!__sanitizer_get_module_and_offset_for_pc(text, module, sizeof module, &offset));
	EXPECT(__sanitizer_acquire_crash_state() && !__sanitizer_acquire_crash_state());
	__sanitizer_report_error_summary("SUMMARY: of its own");
}

static void *change(void *arg)
{
	shared = 1;
	return arg;
}

static NOINLINE void *change_object(void *arg)
{
	static char object;
	__tsan_external_write(&object, here(), __tsan_external_register_tag("object"));
	return arg;
}

static void race(void *(*fn)(void *))
{
	pthread_t t, u;
	pthread_create(&t, NULL, fn, NULL);
	pthread_create(&u, NULL, fn, NULL);
	pthread_join(t, NULL);
	pthread_join(u, NULL);
}

static void on_death(void)
{
	static const char text[] = "at death\n";
	fputs(text, stderr);
}

static void death(void)
{
	__sanitizer_set_death_callback(on_death);
	race(change);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "heap"))
		heap();
	else if (!strcmp(what, "names"))
		names();
	else if (!strcmp(what, "death"))
		death();
	else if (!strcmp(what, "object"))
		race(change_object);
	else if (!strcmp(what, "file") && argc > 2) {
		__sanitizer_set_report_path(argv[2]);
		race(change);
	} else
		return 3;
	puts("done");
	return 0;
}
