/* SPDX-License-Identifier: BSD-2-Clause */
/* gc_check_library.c - a library with a thread-local variable, for gc_check_test.c. */
struct node;

struct node **variable(void);

static __thread struct node *held;

struct node **variable(void)
{
	return &held;
}
