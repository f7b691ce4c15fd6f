/* SPDX-License-Identifier: BSD-2-Clause */
/* seedfile.h - keeps the seeds of fuzz targets equal to the images that tests make. */
#ifndef SEEDFILE_H
#define SEEDFILE_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The seed called name must hold exactly these bytes. With GOIMAGE_WRITE=DIR it is written below
 * DIR instead of compared.
 */
static inline void seedfile_check(const char *name, const uint8_t *bytes, size_t len)
{
	const char *dir = getenv("GOIMAGE_WRITE");
	char path[512];
	snprintf(path, sizeof path, "%s/%s", dir ? dir : GOIMAGE_SEEDS, name);
	FILE *f = fopen(path, dir ? "wb" : "rb");
	ck_assert_msg(f, "%s", path);
	if (dir) {
		ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	} else {
		/* One more, to see a seed that is too long. */
		uint8_t *have = malloc(len + 1);
		ck_assert_ptr_nonnull(have);
		ck_assert_uint_eq(fread(have, 1, len + 1, f), len);
		ck_assert_msg(!memcmp(have, bytes, len), "%s is old: GOIMAGE_WRITE", path);
		free(have);
	}
	fclose(f);
}

#endif
