/* SPDX-License-Identifier: BSD-2-Clause */
#include "gobuild.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC          "\xff Go buildinf:"
#define MAGIC_LEN      14
#define HEADER         32 /* bytes before the inline strings of Go 1.18 and later */
#define INLINE_STRINGS 2

/* "go1.26.8", "go1.27rc1", "go1.25-devel_0123 ...", "devel go1.28-abc": the number decides. */
bool goversion_parse(struct goversion *v, const char *text, size_t len)
{
	*v = (struct goversion){0};
	if (!len || len >= sizeof v->text)
		return false;
	memcpy(v->text, text, len);
	for (size_t i = 0; i < len; i++)
		if (v->text[i] < ' ' || v->text[i] > '~')
			return false;
	const char *p = strstr(v->text, "go1.");
	if (!p || p[4] < '0' || p[4] > '9')
		return false;
	char *end;
	v->minor = (int)strtol(p + 4, &end, 10);
	v->patch = *end == '.' ? (int)strtol(end + 1, NULL, 10) : 0;
	return true;
}

static bool parse_info(const uint8_t *p, size_t len, struct goversion *v)
{
	if (len < HEADER + 1 || memcmp(p, MAGIC, MAGIC_LEN) || !(p[15] & INLINE_STRINGS))
		return false;
	size_t n = p[HEADER]; /* a uvarint; a version text is shorter than 128 bytes */
	if (n >= 128 || n > len - HEADER - 1)
		return false;
	return goversion_parse(v, (const char *)p + HEADER + 1, n);
}

static bool from_section(const struct elf *e, struct goversion *v)
{
	const Elf64_Shdr *sh = elf_section(e, ".go.buildinfo");
	size_t avail;
	const uint8_t *p = sh ? elf_at(e, sh->sh_addr, &avail) : NULL;
	return p && parse_info(p, avail, v);
}

static bool from_magic(const struct elf *e, unsigned seg, struct goversion *v)
{
	size_t len;
	const uint8_t *p = elf_segment(e, seg, &len);
	for (size_t off = 0; p && off + HEADER < len; off += 16)
		if (p[off] == 0xff && parse_info(p + off, len - off, v))
			return true;
	return false;
}

/* A string header {pointer, length} whose text begins with "go1.": runtime.buildVersion. */
static bool from_string(const struct elf *e, unsigned seg, struct goversion *v)
{
	size_t len;
	const uint8_t *p = elf_segment(e, seg, &len);
	for (size_t off = 0; p && off + 16 <= len; off += 8) {
		uint64_t w[2];
		memcpy(w, p + off, sizeof w);
		if (w[1] < 5 || w[1] > 40)
			continue;
		size_t avail;
		const uint8_t *text = elf_at(e, w[0], &avail);
		if (text && avail >= w[1] && !memcmp(text, "go1.", 4) &&
			goversion_parse(v, (const char *)text, w[1]))
			return true;
	}
	return false;
}

/* Segments that overlap would let a small file be searched without end: as much as it has. */
static bool scan(const struct elf *e, struct goversion *v,
	bool (*found)(const struct elf *, unsigned, struct goversion *))
{
	size_t len, left = e->size;
	for (unsigned i = 0; i < e->nph; i++) {
		if (!(e->ph[i].p_flags & PF_W) || !elf_segment(e, i, &len))
			continue;
		if (len > left)
			return false;
		left -= len;
		if (found(e, i, v))
			return true;
	}
	return false;
}

bool gobuild_version(const struct elf *e, struct goversion *v)
{
	return from_section(e, v) || scan(e, v, from_magic) || scan(e, v, from_string);
}
