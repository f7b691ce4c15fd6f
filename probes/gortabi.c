/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortabi.c - libgort's table of itself, validated entry by entry.
 *
 * Limits are generous for any libgort to come and small enough that a damaged or hostile table
 * costs neither memory nor time: so many entries, offsets and sizes within one megabyte. Entries
 * that break them, or are of an unknown kind, are left out, not fatal: a newer libgort may have new
 * kinds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gortabi.h"

#define MAX_ENTRIES    4096
#define MAX_ENTRY_SIZE 1024
#define MAX_OFFSET     (1u << 20)
#define SCAN_CHUNK     (1u << 16)

static uint32_t name_hash(const char *name)
{
	uint32_t h = 2166136261u;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h;
}

static bool entry_sane(const struct gort_abi_entry *e)
{
	if (!e->name[0] || !memchr(e->name, '\0', sizeof e->name))
		return false;
	switch (e->what) {
	case GORT_ABI_OFFSET:
		return e->value < MAX_OFFSET && e->size <= MAX_OFFSET;
	case GORT_ABI_SIZE:
		return e->value > 0 && e->value <= MAX_OFFSET;
	case GORT_ABI_ADDR:
	case GORT_ABI_TEXT:
		return e->value != 0;
	case GORT_ABI_CONST:
		return true;
	default:
		return false;
	}
}

static bool header_sane(const struct gort_abi *h)
{
	return h->size >= sizeof *h && h->size <= MAX_OFFSET && h->nentries > 0 &&
	       h->nentries <= MAX_ENTRIES && h->entry_size >= sizeof(struct gort_abi_entry) &&
	       h->entry_size <= MAX_ENTRY_SIZE && h->entries;
}

/* The first entry of a name wins. */
static void index_entry(struct gortabi *abi, uint32_t i)
{
	uint32_t h = name_hash(abi->entries[i].name);
	for (;; h++) {
		uint32_t *slot = &abi->index[h & abi->mask];
		if (*slot && strcmp(abi->entries[*slot - 1].name, abi->entries[i].name))
			continue;
		if (!*slot)
			*slot = i + 1;
		return;
	}
}

static int build_index(struct gortabi *abi)
{
	abi->mask = 15;
	while (abi->mask < abi->n * 2)
		abi->mask = abi->mask * 2 + 1;
	abi->index = calloc(abi->mask + 1, sizeof *abi->index);
	if (!abi->index)
		return -ENOMEM;
	for (uint32_t i = 0; i < abi->n; i++)
		index_entry(abi, i);
	return 0;
}

/* Entries of a newer libgort may be longer than ours: the known part comes first. */
static int read_entries(const struct tmem *mem, const struct gort_abi *h, struct gortabi *abi)
{
	size_t bytes = (size_t)h->nentries * h->entry_size;
	char *raw = malloc(bytes);
	abi->entries = calloc(h->nentries, sizeof *abi->entries);
	int error = raw && abi->entries ? 0 : -ENOMEM;
	if (!error && !tmem_read(mem, (taddr){(uintptr_t)h->entries}, raw, bytes))
		error = -EPROTO;
	for (uint32_t i = 0; !error && i < h->nentries; i++) {
		struct gort_abi_entry *e = &abi->entries[abi->n];
		memcpy(e, raw + (size_t)i * h->entry_size, sizeof *e);
		abi->n += entry_sane(e);
	}
	free(raw);
	if (!error && abi->n == 0)
		error = -EPROTO;
	return error ? error : build_index(abi);
}

int gortabi_read(const struct tmem *mem, taddr at, struct gortabi *out)
{
	struct gort_abi h;
	memset(out, 0, sizeof *out);
	out->at = at;
	if (!tmem_read(mem, at, &h, sizeof h) || memcmp(h.magic, GORT_ABI_MAGIC, sizeof h.magic))
		return -ENOENT;
	out->version = h.version;
	if (h.version != GORT_ABI_VERSION)
		return -EPROTONOSUPPORT;
	int error = header_sane(&h) ? read_entries(mem, &h, out) : -EPROTO;
	if (error)
		gortabi_free(out);
	return error;
}

void gortabi_free(struct gortabi *abi)
{
	free(abi->entries);
	free(abi->index);
	abi->entries = NULL;
	abi->index = NULL;
	abi->n = 0;
}

/* The text of the magic also occurs in programs that only look for it, so a miss goes on. */
int gortabi_scan(const struct tmem *mem, taddr lo, taddr hi, struct gortabi *out)
{
	uint64_t chunk[SCAN_CHUNK / sizeof(uint64_t)], magic;
	int found = -ENOENT;
	memcpy(&magic, GORT_ABI_MAGIC, sizeof magic);
	uint64_t at = lo.v & ~7ull, left = hi.v > at ? hi.v - at : 0;
	/* Counted down: `at` wraps when a damaged file claims memory up to the last byte. */
	for (size_t len; (len = (left < SCAN_CHUNK ? left : SCAN_CHUNK) & ~7ull) > 0;
		at += len, left -= len) {
		if (!tmem_read(mem, (taddr){at}, chunk, len))
			continue;
		for (size_t i = 0; i < len / sizeof magic; i++) {
			if (chunk[i] != magic)
				continue;
			found = gortabi_read(mem, (taddr){at + i * sizeof magic}, out);
			if (found == 0 || found == -ENOMEM)
				return found;
		}
	}
	return found;
}

const struct gort_abi_entry *gortabi_find(
	const struct gortabi *abi, const char *name, enum gort_abi_what what)
{
	if (!abi->index)
		return NULL;
	for (uint32_t h = name_hash(name);; h++) {
		uint32_t i = abi->index[h & abi->mask];
		if (!i)
			return NULL;
		const struct gort_abi_entry *e = &abi->entries[i - 1];
		if (!strcmp(e->name, name))
			return e->what == what ? e : NULL;
	}
}
