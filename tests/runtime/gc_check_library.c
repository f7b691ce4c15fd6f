/* SPDX-License-Identifier: BSD-2-Clause */
/* gc_check_library.c - a library with variables, for gc_check_test.c. */
struct node;

struct node **variable(void);
struct node **threadlocal(void);

static struct node *held;
static __thread struct node *mine;

struct node **variable(void)
{
	return &held;
}

struct node **threadlocal(void)
{
	return &mine;
}
