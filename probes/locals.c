/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locals.c - from the scopes of a pc to the variables that are declared there, and their values.
 *
 * A variable of a block is shown only from its declaration on: before, what is in its place may be
 * anything. Names that the compiler made up are left out. Go keeps a variable that escapes on the
 * heap and has a pointer named &x to it: that is followed.
 */
#include "locals.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dwscopes.h"

#define MAX_VARS 256 /* of one machine frame */

bool locals_known(struct modules *ms)
{
	Dwarf_Addr bias;
	struct module *m = modules_main(ms);
	return m && module_elf(m) && dwfl_module_nextcu(m->dw, NULL, &bias);
}

/* The scopes of a frame's pc, innermost first, and where in the stack they are. */
struct place {
	struct locals *l;
	const struct dwframe *f;
	Dwarf_Addr addr; /* in the DWARF */
	Dwarf_Die *scopes;
	int n;
	uint32_t loc, budget;
};

static bool append(struct locals *l, const struct probe_local *v)
{
	struct probe_locals *out = l->out;
	if (out->n == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 32;
		struct probe_local *bigger = realloc(out->v, cap * sizeof *bigger);
		if (!bigger) {
			l->oom = true;
			return false;
		}
		out->v = bigger;
		out->cap = cap;
	}
	out->v[out->n++] = *v;
	return true;
}

static uint32_t declared_at(Dwarf_Die *var)
{
	int line;
	Dwarf_Attribute at;
	Dwarf_Word v;
	if (dwarf_decl_line(var, &line) == 0)
		return (uint32_t)line;
	return dwarf_attr_integrate(var, DW_AT_decl_line, &at) && !dwarf_formudata(&at, &v)
		       ? (uint32_t)v
		       : 0;
}

/* What a pointer of that name leads to. */
static void follow_escaped(struct locals *l, Dwarf_Die *type, struct dwvalue *v)
{
	Dwarf_Die to;
	uint64_t at = 0;
	if (v->why || v->n < sizeof at || !dwtype_of(type, &to)) {
		v->why = v->why ? v->why : "its type makes no sense";
		return;
	}
	memcpy(&at, v->bytes, sizeof at);
	*type = to;
	uint64_t size = dwtype_size(type);
	v->n = size < sizeof v->bytes ? size : sizeof v->bytes;
	if (!tmem_read(l->mem, (taddr){at}, v->bytes, v->n))
		v->why = "its memory cannot be read";
}

/* The strings of a variable, in one block that is freed by its name. */
static char *keep(const char *name, const char *type, const char *value)
{
	size_t a = strlen(name) + 1, b = strlen(type) + 1, c = strlen(value) + 1;
	char *p = malloc(a + b + c);
	if (!p)
		return NULL;
	memcpy(p, name, a);
	memcpy(p + a, type, b);
	memcpy(p + a + b, value, c);
	return p;
}

static bool is_result(Dwarf_Die *var)
{
	Dwarf_Attribute at;
	bool result;
	return dwarf_attr_integrate(var, DW_AT_variable_parameter, &at) &&
	       !dwarf_formflag(&at, &result) && result;
}

static void add_variable(
	struct place *at, Dwarf_Die *var, Dwarf_Die *func, const char *name, uint32_t frame)
{
	struct locals *l = at->l;
	static _Thread_local struct dwvalue v;
	struct dwtext type_text, text = {.s = ""};
	Dwarf_Die type;
	if (!dwtype_of(var, &type))
		return;
	dwloc_fetch(l->mem, var, func, at->addr, at->f, dwtype_size(&type), &v);
	if (l->names.type && name[0] == '&') {
		name++;
		follow_escaped(l, &type, &v);
	}
	if (v.why && is_result(var))
		return; /* it is not there yet */
	dwtype_name(&type, &type_text);
	if (!v.why)
		dwtype_value(l->mem, &l->names, &type, v.bytes, v.n, &text);
	char *block = keep(name, type_text.s, text.s);
	if (!block) {
		l->oom = true;
		return;
	}
	const char *type_at = block + strlen(block) + 1;
	struct probe_local it = {.loc = at->loc,
		.frame = frame,
		.param = dwarf_tag(var) == DW_TAG_formal_parameter,
		.name = block,
		.type = type_at,
		.value = v.why ? NULL : type_at + strlen(type_at) + 1,
		.why = v.why};
	if (!append(l, &it))
		free(block);
}

/* Made up by the compiler: results without a name, temporaries. */
static bool artificial(const struct locals *l, const char *name)
{
	return l->names.type ? name[0] == '~' || name[0] == '.' || !strcmp(name, "_") : !name[0];
}

/* The variables of a scope that is part of call number `frame`, which is at that line. */
static void add_scope(
	struct place *at, Dwarf_Die *scope, Dwarf_Die *func, uint32_t frame, uint32_t line)
{
	Dwarf_Die var;
	if (dwarf_child(scope, &var))
		return;
	do {
		int tag = dwarf_tag(&var);
		const char *name = dwarf_diename(&var);
		if ((tag != DW_TAG_variable && tag != DW_TAG_formal_parameter) || !name ||
			artificial(at->l, name) ||
			(tag == DW_TAG_variable && line && declared_at(&var) > line))
			continue;
		if (at->budget-- == 0)
			return;
		add_variable(at, &var, func, name, frame);
	} while (dwscopes_next(&var));
}

static bool is_call(Dwarf_Die *scope)
{
	int tag = dwarf_tag(scope);
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

/* Call by call from the innermost one; in each from the outermost block, parameters first. */
static void add_calls(struct place *at, const struct gsnap_loc *calls)
{
	struct locals *l = at->l;
	Dwarf_Die *func = NULL;
	int from = 0;
	for (int i = 0; i < at->n && !func; i++)
		if (dwarf_tag(&at->scopes[i]) == DW_TAG_subprogram)
			func = &at->scopes[i];
	for (uint32_t frame = 0; func && frame < calls->nframes; frame++) {
		int to = from;
		while (to < at->n && !is_call(&at->scopes[to]))
			to++;
		if (to == at->n)
			return;
		uint32_t line = l->s->frames[calls->frame + frame].line;
		for (int i = to; i >= from; i--)
			add_scope(at, &at->scopes[i], func, frame, line);
		if (&at->scopes[to] == func)
			return;
		from = to + 1;
	}
}

void locals_add(
	struct locals *l, uint32_t loc, const struct gsnap_loc *calls, const struct dwframe *f)
{
	Dwarf_Die scopes[DWSCOPES_MAX];
	uint64_t pc = f->pc - f->callsite;
	struct module *m = modules_at(l->ms, pc);
	Dwarf_Die *cu = m ? module_cu(m, pc) : NULL;
	if (!cu)
		return;
	struct place at = {.l = l,
		.f = f,
		.addr = pc - m->dwarf_bias,
		.scopes = scopes,
		.loc = loc,
		.budget = MAX_VARS};
	at.n = dwscopes(cu, at.addr, scopes);
	add_calls(&at, calls);
}
