/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotypename.c - the name of a Go type in a live process: abi.Type.Str is an offset from
 * moduledata.types of a name, which is a byte of flags, a varint length and the text. A type that
 * reflection made lies elsewhere and has no name here.
 */
#include <string.h>
#include "gotarget.h"

/* internal/abi.Type, the same in all versions. */
enum { TYPE_TFLAG = 20, TYPE_STR = 40, TYPE_SIZE = 48, TFLAG_EXTRASTAR = 2 };

/* The text at a name's address, cut to what fits. */
static bool read_name(const struct gotarget *g, uint64_t at, bool star, char *buf, size_t size)
{
	uint8_t head[4];
	if (!target_read(g->t, at, head, sizeof head))
		return false;
	size_t len = head[1] & 0x7f, skip = 2;
	if (head[1] & 0x80) {
		len |= (size_t)(head[2] & 0x7f) << 7;
		skip = 3;
	}
	if (head[1] & head[2] & 0x80 || len <= star)
		return false;
	len -= star;
	len = len < size ? len : size - 1;
	if (!target_read(g->t, at + skip + star, buf, len))
		return false;
	buf[len] = '\0';
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return true;
}

bool gotype_name(const struct gotarget *g, uint64_t type, char *buf, size_t size)
{
	uint64_t types = target_word(g->t, g->md.addr + g->lay->md_types);
	uint64_t etypes = target_word(g->t, g->md.addr + g->lay->md_etypes);
	uint8_t raw[TYPE_SIZE];
	int32_t off;
	if (type < types || type >= etypes || !target_read(g->t, type, raw, sizeof raw))
		return false;
	memcpy(&off, raw + TYPE_STR, sizeof off);
	if (off <= 0 || types + (uint32_t)off >= etypes)
		return false;
	return read_name(g, types + (uint32_t)off, raw[TYPE_TFLAG] & TFLAG_EXTRASTAR, buf, size);
}
