/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dwlayout.c - a row of golayouttab.h from the DWARF of a program whose Go gort does not know.
 *
 * The members and where DWARF has them are those of golayoutdef.h, from which scripts/golayout
 * makes the table. The readers copy some structures into buffers of a fixed size and take some
 * offsets as the same in every version: a layout for which either is wrong is refused. The rest is
 * proved on live memory like any other row (golocate.c).
 */
#include "dwlayout.h"

#include <dwarf.h>
#include <string.h>
#include <elfutils/libdw.h>
#include "dwscopes.h"

#define ABSENT UINT32_MAX
#define ANY    (1u << 20)

/* The structures, and how far into each of them its readers' buffer goes. */
static const struct structure {
	const char *name;
	uint32_t room;
} structures[] = {{"g", G_MAXSIZE}, {"m", ANY}, {"p", ANY}, {"schedt", ANY}, {"mstats", ANY},
	{"consistentHeapStats", ANY}, {"heapStatsDelta", 2048}, {"workType", ANY}, {"mheap", ANY},
	{"mspan", 160}, {"hchan", 128}, {"_defer", ANY}, {"special", 32}, {"sudog", 128},
	{"moduledata", ANY}, {"synctestBubble", ANY}, {"gcControllerState", GCC_SIZE}};

#define NSTRUCTURES (sizeof structures / sizeof *structures)

struct types {
	Dwarf_Die die[NSTRUCTURES];
	bool found[NSTRUCTURES];
	size_t nfound;
};

#define SIZE_CLASSES 68

static const struct wanted {
	const char *where;
	size_t field;
	uint32_t width; /* bytes that are read there */
} wanted[] = {
#define WANTED(name, where) {where, offsetof(struct golayout, name), 8},
	GO_MEMBERS(WANTED)
#undef WANTED
};

/* Arrays: read whole. */
static const struct wanted arrays[] = {
	{"heapStatsDelta.smallAllocCount", 0, SIZE_CLASSES * 8},
	{"heapStatsDelta.smallFreeCount", 0, SIZE_CLASSES * 8},
};

static const struct fixed {
	const char *where;
	uint32_t at;
} fixed[] = {{"g.stack.lo", G_STACKLO}, {"g.stack.hi", G_STACKHI}, {"g.m", G_M},
	{"g.sched.sp", G_SCHEDSP}, {"g.sched.pc", G_SCHEDPC}, {"m.g0", M_G0}, {"p.id", P_ID},
	{"p.status", P_STATUS}, {"schedt.goidgen", SCHED_GOIDGEN},
	{"gcControllerState.gcPercent", GCC_GCPERCENT},
	{"gcControllerState.memoryLimit", GCC_MEMORYLIMIT},
	{"gcControllerState.heapMinimum", GCC_HEAPMINIMUM},
	{"gcControllerState.runway", GCC_RUNWAY},
	{"gcControllerState.gcPercentHeapGoal", GCC_PERCENTGOAL},
	{"gcControllerState.sweepDistMinTrigger", GCC_SWEEPDISTMIN},
	{"gcControllerState.triggered", GCC_TRIGGERED},
	{"gcControllerState.heapLive", GCC_HEAPLIVE},
	{"gcControllerState.heapMarked", GCC_HEAPMARKED},
	{"gcControllerState.heapInUse", GCC_HEAPINUSE},
	{"gcControllerState.heapReleased", GCC_HEAPRELEASED},
	{"gcControllerState.heapFree", GCC_HEAPFREE},
	{"gcControllerState.totalAlloc", GCC_TOTALALLOC},
	{"gcControllerState.totalFree", GCC_TOTALFREE},
	{"gcControllerState.mappedReady", GCC_MAPPEDREADY}, {"moduledata.ftab", MD_FTAB},
	{"moduledata.minpc", MD_MINPC}, {"moduledata.maxpc", MD_MAXPC},
	{"moduledata.text", MD_TEXT}, {"moduledata.etext", MD_ETEXT},
	{"moduledata.noptrdata", MD_NOPTRDATA}};

static void note_type(struct types *t, Dwarf_Die *die)
{
	static const char package[] = "runtime.";
	const char *name = dwarf_diename(die);
	if (!name || strncmp(name, package, sizeof package - 1) != 0)
		return;
	for (size_t i = 0; i < NSTRUCTURES; i++)
		if (!t->found[i] && !strcmp(name + sizeof package - 1, structures[i].name)) {
			t->die[i] = *die;
			t->found[i] = true;
			t->nfound++;
		}
}

static void find_types(struct module *m, struct types *t)
{
	Dwarf_Addr bias;
	Dwarf_Die *cu = NULL, die;
	while (t->nfound < NSTRUCTURES && (cu = dwfl_module_nextcu(m->dw, cu, &bias))) {
		if (dwarf_child(cu, &die))
			continue;
		do
			if (dwarf_tag(&die) == DW_TAG_structure_type)
				note_type(t, &die);
		while (dwscopes_next(&die));
	}
}

static bool member(Dwarf_Die *type, const char *name, size_t n, Dwarf_Die *out)
{
	if (dwarf_child(type, out))
		return false;
	do {
		const char *it = dwarf_diename(out);
		if (dwarf_tag(out) == DW_TAG_member && it && !strncmp(it, name, n) && !it[n])
			return true;
	} while (dwscopes_next(out));
	return false;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *type)
{
	Dwarf_Attribute at;
	return dwarf_attr_integrate(die, DW_AT_type, &at) && dwarf_formref_die(&at, type) &&
	       !dwarf_peel_type(type, type);
}

/* The offset of a path of n bytes, "sched.ctxt", from the start of a structure. */
static uint32_t path_offset(Dwarf_Die type, const char *path, size_t n)
{
	uint64_t sum = 0;
	for (const char *end = path + n; path < end;) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		size_t len = (size_t)((dot ? dot : end) - path);
		Dwarf_Die it;
		Dwarf_Attribute at;
		Dwarf_Word off;
		if (!member(&type, path, len, &it) ||
			!dwarf_attr(&it, DW_AT_data_member_location, &at) ||
			dwarf_formudata(&at, &off) || off >= ANY)
			return ABSENT;
		sum += off;
		path += len + 1;
		if (path < end && !type_of(&it, &type))
			return ABSENT;
	}
	return sum < ANY ? (uint32_t)sum : ABSENT;
}

/* What one alternative of n bytes stands for: "g.sched.ctxt" or "sizeof g". */
static uint32_t one_offset(struct types *t, const char *spec, size_t n, uint32_t width)
{
	static const char size_of[] = "sizeof ";
	bool whole = !strncmp(spec, size_of, sizeof size_of - 1);
	const char *name = whole ? spec + sizeof size_of - 1 : spec, *end = spec + n;
	const char *dot = whole ? end : memchr(spec, '.', n);
	for (size_t i = 0; dot && i < NSTRUCTURES; i++) {
		const char *it = structures[i].name;
		size_t len = (size_t)(dot - name);
		if (!t->found[i] || strlen(it) != len || memcmp(it, name, len) != 0)
			continue;
		int size = dwarf_bytesize(&t->die[i]);
		uint32_t room = size < 0 ? 0 : (uint32_t)size;
		if (whole)
			return room > 0 && room <= structures[i].room ? room : ABSENT;
		uint32_t off = path_offset(t->die[i], dot + 1, (size_t)(end - dot - 1));
		room = room < structures[i].room ? room : structures[i].room;
		return off < room && width <= room - off ? off : ABSENT;
	}
	return ABSENT;
}

static uint32_t offset(struct types *t, const struct wanted *w)
{
	uint32_t found = ABSENT;
	const char *spec = w->where;
	for (size_t n; *spec && found == ABSENT; spec += n + (spec[n] == '|')) {
		n = strcspn(spec, "|");
		found = one_offset(t, spec, n, w->width);
	}
	return found;
}

/* Whether what no row tells is where it always was. */
static bool rest_stands(struct types *t, const char **member)
{
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
		*member = fixed[i].where;
		if (offset(t, &(struct wanted){fixed[i].where, 0, 1}) != fixed[i].at)
			return false;
	}
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
		*member = arrays[i].where;
		if (offset(t, &arrays[i]) == ABSENT)
			return false;
	}
	return true;
}

enum dwlayout dwlayout_read(struct modules *ms, struct golayout *out, const char **member)
{
	struct types t = {0};
	struct module *m = modules_main(ms);
	if (m && module_elf(m))
		find_types(m, &t);
	if (!t.found[0])
		return DWLAYOUT_NONE;
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		uint32_t off = offset(&t, &wanted[i]);
		*member = wanted[i].where;
		if (off == ABSENT)
			return DWLAYOUT_OTHER;
		memcpy((char *)out + wanted[i].field, &off, sizeof off);
	}
	return rest_stands(&t, member) ? DWLAYOUT_READ : DWLAYOUT_OTHER;
}
