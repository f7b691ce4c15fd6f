/* SPDX-License-Identifier: BSD-2-Clause */
#include "objtext.h"

#include "human.h"

const char *object_kind(const struct gsnap_obj *o)
{
	static const char *const names[] = {
		"chan", "mutex", "rwmutex", "wait group", "cond", "semaphore"};
	return o->addr ? names[o->kind] : "nil chan";
}

void print_object_kind(struct out *out, const struct gsnap_obj *o)
{
	out_printf(out, "%s%s%s", object_kind(o), o->elem ? " " : "", o->elem ? o->elem : "");
}

void print_object_state(struct out *out, const struct gsnap_obj *o)
{
	if (o->kind == GSNAP_CHAN && o->addr)
		out_printf(out, "  cap %s  len %s%s", human_count(o->cap).s, human_count(o->len).s,
			o->set ? "  closed" : "");
	else if (o->kind == GSNAP_MUTEX || o->kind == GSNAP_RWMUTEX)
		out_printf(out, "  %s", o->set ? "locked" : "not locked");
	if (o->kind == GSNAP_RWMUTEX && o->counter != GSNAP_UNKNOWN)
		out_printf(out, "  %s readers", human_count(o->counter).s);
	if (o->kind == GSNAP_WAITGROUP)
		out_printf(out, "  counter %s", human_count(o->counter).s);
}
