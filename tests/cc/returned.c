/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * returned.c - structures that calls return: where gcc has a hook, and, with BAD, one store that
 * has none.
 */
#include "fake.h"

void other(void **slot, void *v);
void *one(void *v);
extern struct two global;
extern struct five table[3];

static void local(struct two *p, void *v)
{
	struct two t = make_two(v, v), array[2];
	struct five f = make_five(v);
	array[1] = make_two(v, v);
	*p = t;
	table[1] = f;
	p->b = one(array[1].a);
}

static struct five through(void *v)
{
	return make_five(v);
}

void other(void **slot, void *v)
{
	local((struct two *)slot, v);
	struct five f = through(v);
	table[2] = f;
#if BAD == 1
	*(struct two *)slot = make_two(v, v);
#elif BAD == 2
	table[0] = make_five(v);
#elif BAD == 3
	static struct two kept;
	kept = make_two(v, v);
	*slot = kept.a;
#elif BAD == 4
	global = make_two(v, v);
#endif
}
