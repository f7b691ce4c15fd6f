/* SPDX-License-Identifier: BSD-2-Clause */
#include "pclntab.h"

#include <errno.h>
#include <string.h>

#define MAGIC     0xfffffff1u
#define FUNC_SIZE 44 /* of runtime._func, before its pcdata words */
#define MAX_NAME  65536

static bool read_at(const struct pclntab *t, uint64_t off, void *out, size_t len)
{
	if (off > t->size || len > t->size - off)
		return false;
	memcpy(out, t->base + off, len);
	return true;
}

static uint32_t u32_at(const struct pclntab *t, uint64_t off, uint32_t otherwise)
{
	uint32_t v;
	return read_at(t, off, &v, sizeof v) ? v : otherwise;
}

/*
 * The header: magic, two zero bytes, minimal instruction size, pointer size; then words. The name
 * table's offset is 72 with Go's linker and 96 with an external one, so it is only bounded.
 */
bool pclntab_looks_right(const uint8_t *p, size_t size)
{
	if (size < 72)
		return false;
	uint32_t magic;
	uint64_t w[8];
	memcpy(&magic, p, sizeof magic);
	memcpy(w, p + 8, sizeof w);
	return magic == MAGIC && !p[4] && !p[5] && p[6] == 1 && p[7] == 8 && w[0] > 0 &&
	       w[0] < 1 << 24 && w[3] >= 64 && w[3] <= 256 && w[7] < UINT32_MAX;
}

int pclntab_init(struct pclntab *t, const uint8_t *base, size_t size)
{
	if (!pclntab_looks_right(base, size))
		return -EPROTO;
	uint64_t w[8];
	memcpy(w, base + 8, sizeof w);
	*t = (struct pclntab){base, size, (uint32_t)w[0], w[3], w[4], w[5], w[6], w[7]};
	uint64_t ftab_end = t->funcs + ((uint64_t)t->nfunc * 2 + 1) * 4;
	if (t->names > size || t->cutab > size || t->files > size || t->pctab > size ||
		ftab_end > size)
		return -EPROTO;
	return 0;
}

static const char *text_at(const struct pclntab *t, uint64_t off)
{
	if (off >= t->size)
		return NULL;
	size_t room = t->size - off < MAX_NAME ? t->size - off : MAX_NAME;
	return memchr(t->base + off, '\0', room) ? (const char *)t->base + off : NULL;
}

const char *pclntab_name(const struct pclntab *t, uint32_t off)
{
	return text_at(t, t->names + off);
}

static uint32_t entry_of(const struct pclntab *t, uint32_t i)
{
	return u32_at(t, t->funcs + (uint64_t)i * 8, UINT32_MAX);
}

bool pclntab_func(const struct pclntab *t, uint32_t i, struct gofunc *f)
{
	uint64_t at = t->funcs + u32_at(t, t->funcs + (uint64_t)i * 8 + 4, UINT32_MAX);
	uint8_t raw[FUNC_SIZE];
	if (!read_at(t, at, raw, sizeof raw))
		return false;
	uint32_t w[10];
	memcpy(w, raw, sizeof w);
	*f = (struct gofunc){
		.entry = w[0],
		.end = entry_of(t, i + 1),
		.name = pclntab_name(t, w[1]),
		.pcsp = w[4],
		.pcfile = w[5],
		.pcln = w[6],
		.args = (int32_t)w[2],
		.npcdata = w[7],
		.cu = w[8],
		.flag = raw[41],
		.nfuncdata = raw[43],
		.tail = at + FUNC_SIZE,
	};
	return f->name && f->entry == entry_of(t, i) && f->end >= f->entry;
}

bool pclntab_find(const struct pclntab *t, uint32_t off, struct gofunc *f)
{
	uint32_t lo = 0, hi = t->nfunc;
	if (off < entry_of(t, 0) || off >= entry_of(t, t->nfunc))
		return false;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (entry_of(t, mid) <= off)
			lo = mid;
		else
			hi = mid;
	}
	return pclntab_func(t, lo, f);
}

/*
 * Only the names of the runtime's functions are looked at as a whole: a big program has a hundred
 * thousand others.
 */
void pclntab_lookup(const struct pclntab *t, const char *const *names, uint32_t *idx, size_t n)
{
	static const char package[] = "runtime.";
	memset(idx, 0xff, n * sizeof *idx);
	for (uint32_t i = 0; i < t->nfunc; i++) {
		char start[sizeof package - 1];
		struct gofunc f;
		uint64_t at = t->funcs + u32_at(t, t->funcs + (uint64_t)i * 8 + 4, UINT32_MAX);
		uint64_t name = t->names + u32_at(t, at + 4, UINT32_MAX);
		if (!read_at(t, name, start, sizeof start) ||
			memcmp(start, package, sizeof start) != 0 || !pclntab_func(t, i, &f))
			continue;
		for (size_t k = 0; k < n; k++)
			if (idx[k] == UINT32_MAX && !strcmp(f.name + 8, names[k] + 8))
				idx[k] = i;
	}
}

static bool read_uvarint(const struct pclntab *t, uint64_t *off, uint32_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 35 && *off < t->size; shift += 7) {
		uint8_t b = t->base[(*off)++];
		*v |= (uint32_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return true;
	}
	return false;
}

/* A table is pairs of (zig-zag value delta, pc delta), from value -1 at the function's entry. */
int32_t pclntab_value(const struct pclntab *t, const struct gofunc *f, uint32_t table, uint32_t off)
{
	if (!table)
		return -1;
	uint64_t at = t->pctab + table;
	uint32_t pc = f->entry, value = UINT32_MAX;
	for (bool first = true;; first = false) {
		uint32_t zigzag, step;
		if (!read_uvarint(t, &at, &zigzag) || (!zigzag && !first))
			return -1;
		if (!read_uvarint(t, &at, &step))
			return -1;
		value += zigzag & 1 ? ~(zigzag >> 1) : zigzag >> 1;
		if (pc + step < pc)
			return -1;
		pc += step;
		if (off < pc)
			return (int32_t)value;
	}
}

uint32_t pclntab_pcdata(const struct pclntab *t, const struct gofunc *f, uint32_t which)
{
	return which < f->npcdata ? u32_at(t, f->tail + which * 4, 0) : 0;
}

uint32_t pclntab_funcdata(const struct pclntab *t, const struct gofunc *f, uint32_t which)
{
	if (which >= f->nfuncdata)
		return UINT32_MAX;
	return u32_at(t, f->tail + ((uint64_t)f->npcdata + which) * 4, UINT32_MAX);
}

const char *pclntab_line(
	const struct pclntab *t, const struct gofunc *f, uint32_t off, uint32_t *line)
{
	int32_t file = pclntab_value(t, f, f->pcfile, off), n = pclntab_value(t, f, f->pcln, off);
	*line = n > 0 ? (uint32_t)n : 0;
	if (file < 0)
		return NULL;
	uint32_t at = u32_at(t, t->cutab + ((uint64_t)f->cu + (uint32_t)file) * 4, UINT32_MAX);
	return at == UINT32_MAX ? NULL : text_at(t, t->files + at);
}
