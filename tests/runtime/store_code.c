/* SPDX-License-Identifier: BSD-2-Clause */
/* store_code.c - stores for store_code.py to look at, and two that break the protocol. */
#include <gort/gort.h>

struct node {
	struct node *next, *other;
	long number;
};

void plain(struct node **slot, struct node *v);
void nil(struct node *p);
void link_in(struct node *p, struct node *q);
struct node *pop(struct node **head);
void indexed(struct node **table, long i, struct node *v);
void fill(struct node **table, long n, struct node *v);
void broken_forget(struct node **slot, struct node *v);
void broken_order(struct node **slot, struct node *v);

void plain(struct node **slot, struct node *v)
{
	gort_store(slot, v);
}

void nil(struct node *p)
{
	gort_store(&p->other, NULL);
}

void link_in(struct node *p, struct node *q)
{
	gort_store(&q->next, p->next);
	gort_store(&p->next, q);
}

struct node *pop(struct node **head)
{
	struct node *p = *head;
	if (p)
		gort_store(head, p->next);
	return p;
}

void indexed(struct node **table, long i, struct node *v)
{
	gort_store(&table[i], v);
}

void fill(struct node **table, long n, struct node *v)
{
	for (long i = 0; i < n; i++)
		gort_store(&table[i], v);
}

/* The register of old is used again before the store. */
void broken_forget(struct node **slot, struct node *v)
{
	struct node *volatile *s = slot;
	struct node *old = *s;
	if (*(volatile uint32_t *)&gort_writebarrier)
		gort_wblog(old);
	__asm__ volatile("movq $0, %0" : "=r"(old));
	*s = v;
	__asm__ volatile(GORT_STORE_NOTE : : "r"(old));
}

/* The test comes first. */
void broken_order(struct node **slot, struct node *v)
{
	struct node *volatile *s = slot;
	uint32_t on = *(volatile uint32_t *)&gort_writebarrier;
	struct node *old = *s;
	if (on)
		gort_wblog(old);
	*s = v;
	__asm__ volatile(GORT_STORE_NOTE : : "r"(old));
}
