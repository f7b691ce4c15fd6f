/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traceback.c - prints goroutines exactly as Go's runtime does (traceback.go: goroutineheader,
 * traceback1, printcreatedby, tracebackothers), so that eyes and tools for Go dumps work unchanged.
 *
 * Runs in signal handlers while other threads go on: nothing is locked, a goroutine that runs on
 * another thread is named but not walked, and every walk is bounded by its stack.
 *
 * Differences from Go: arguments are always "(...)", as Go prints them for inlined calls, since the
 * C calling convention does not keep them; a goroutine's name follows its state; without line
 * information the module's path stands where the file does, with the offset in the module.
 */
#include "base/clock.h"
#include "base/noptr.h"
#include "gort/snap.h"
#include "sched/proflabel.h"
#include "sched/runtime2.h"
#include "options.h"
#include "symbolize.h"
#include "traceback.h"

/* Of a stack deeper than both together the middle is left out. */
#define INNERMOST 50u
#define OUTERMOST 50u

static bool show_runtime;

void traceback_show_runtime(void)
{
	show_runtime = true;
}

static void print_place(struct printer *p, const struct symbol *sym, uintptr_t pc)
{
	uintptr_t from = sym->entry;
	print_str(p, "\t");
	if (sym->file[0]) {
		print_str(p, sym->file);
	} else {
		print_str(p, sym->mod ? sym->mod->path : "?");
		if (sym->mod && !from)
			from = sym->mod->base;
	}
	print_str(p, ":");
	print_dec(p, sym->line);
	print_str(p, " +");
	print_hex(p, pc - from);
	print_str(p, "\n");
}

/*
 * Thousands of goroutines stand at the same few places. Dumps are made one at a time (panic.c), so
 * the cache needs no protection.
 */
static const struct symbol *lookup(uintptr_t pc, bool callsite)
{
	static struct {
		uintptr_t key;
		struct symbol sym;
	} cache[256] NOPTRBSS;
	uintptr_t key = pc << 1 | callsite;
	size_t at = (pc * 0x9e3779b97f4a7c15u) >> 56;
	if (cache[at].key != key)
		symbolize(pc, callsite, &cache[at].sym);
	cache[at].key = key;
	return &cache[at].sym;
}

static void traceback_frame(struct printer *p, uintptr_t pc, bool callsite)
{
	const struct symbol *sym = lookup(pc, callsite);
	print_str(p, sym->func);
	print_str(p, "(...)\n");
	print_place(p, sym, pc);
}

static bool shown_frame(const struct unwinder *u, bool everything)
{
	return everything || !lookup(u->regs.r[DW_RIP], u->callsite)->internal;
}

static unsigned count_frames(struct unwinder u, bool everything)
{
	unsigned n = 0;
	do {
		n += shown_frame(&u, everything);
	} while (unwind_next(&u));
	return n;
}

static void print_elided(struct printer *p, unsigned n)
{
	print_str(p, "...");
	print_dec(p, n);
	print_str(p, " frames elided...\n");
}

void traceback_frames(
	struct printer *p, const struct regs *regs, uintptr_t lo, uintptr_t hi, bool callsite)
{
	struct unwinder u;
	unwind_init(&u, regs, lo, hi, callsite);
	bool everything = show_runtime || options.traceback >= TRACE_SYSTEM;
	unsigned total = count_frames(u, everything), i = 0;
	if (!total) {
		everything = true;
		total = count_frames(u, everything);
	}
	bool cut = total > INNERMOST + OUTERMOST;
	do {
		if (!shown_frame(&u, everything))
			continue;
		if (!cut || i < INNERMOST || i >= total - OUTERMOST)
			traceback_frame(p, u.regs.r[DW_RIP], u.callsite);
		else if (i == INNERMOST)
			print_elided(p, total - INNERMOST - OUTERMOST);
		i++;
	} while (unwind_next(&u));
}

static const char *status_text(const struct gview *v)
{
	return v->status == GSTATUS_WAITING && v->reason[0] ? v->reason
							    : gsnap_status_name(v->status);
}

/* As Go's printquoted, but UTF-8 stays as it is. */
static void print_quoted(struct printer *p, const char *text)
{
	static const char named[] = "nn\nrr\rtt\t\"\"\"\\\\\\", hex[] = "0123456789abcdef";
	print_str(p, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		const char *name = named + 2;
		while (name < named + sizeof named - 1 && *name != *text)
			name += 3;
		if (name < named + sizeof named - 1)
			print_bytes(p, (char[]){'\\', name[-1]}, 2);
		else if (c < ' ' || c == 0x7f)
			print_bytes(p, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
		else
			print_bytes(p, text, 1);
	}
	print_str(p, "\"");
}

static void print_labels(struct printer *p, const struct labels *l)
{
	const char *text = l->text;
	print_str(p, " labels:{");
	for (uint32_t i = 0; i < 2 * l->n; i++, text += strlen(text) + 1) {
		if (i)
			print_str(p, i % 2 ? ": " : ", ");
		print_quoted(p, text);
	}
	print_str(p, "}");
}

void goroutineheader(struct printer *p, const struct gview *v)
{
	bool blocked = v->status == GSTATUS_WAITING || v->status == GSTATUS_SYSCALL;
	int64_t minutes = blocked && v->waitsince ? (nanotime() - v->waitsince) / 60000000000 : 0;
	print_str(p, "goroutine ");
	print_dec(p, v->goid);
	print_str(p, " [");
	print_str(p, status_text(v));
	if (minutes >= 1) {
		print_str(p, ", ");
		print_dec(p, (uint64_t)minutes);
		print_str(p, " minutes");
	}
	if (v->name) {
		print_str(p, ", name \"");
		print_str(p, v->name);
		print_str(p, "\"");
	}
	if (v->labels && debug.tracebacklabels)
		print_labels(p, v->labels);
	print_str(p, "]:\n");
}

static void print_created_by(struct printer *p, const struct gview *v)
{
	if (!v->gopc || v->goid == 1)
		return;
	const struct symbol *sym = lookup(v->gopc, true);
	print_str(p, "created by ");
	print_str(p, sym->func);
	if (v->parent) {
		print_str(p, " in goroutine ");
		print_dec(p, v->parent);
	}
	print_str(p, "\n");
	print_place(p, sym, v->gopc);
}

void traceback_g(struct printer *p, const struct gview *v, const struct regs *regs, bool callsite)
{
	struct regs parked;
	goroutineheader(p, v);
	if (regs)
		traceback_frames(p, regs, v->lo, v->hi, callsite);
	else if (gview_regs(v, &parked))
		traceback_frames(p, &parked, v->lo, v->hi, true);
	else if (!v->hi && v->startpc)
		traceback_frame(p, v->startpc, false);
	else
		print_str(p, "\tgoroutine running on other thread; stack unavailable\n");
	print_created_by(p, v);
}

static bool dumped(const struct gview *v)
{
	if (v->status == GSTATUS_DEAD || v->status == GSTATUS_IDLE || !v->goid)
		return false;
	return !v->system || options.traceback >= TRACE_SYSTEM;
}

void tracebackothers(struct printer *p, const struct g *me)
{
	uint32_t n = gview_count();
	for (uint32_t i = 0; i < n; i++) {
		struct gview v;
		struct g *gp = gview_at(i);
		if (!gp || gp == me)
			continue;
		gview_read(gp, &v);
		if (!dumped(&v))
			continue;
		print_str(p, "\n");
		traceback_g(p, &v, NULL, false);
	}
}
