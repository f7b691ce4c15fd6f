/* SPDX-License-Identifier: BSD-2-Clause */
#include "golayout.h"

#include <stddef.h>
#include "golayouttab.h"

/*
 * One patch release changed a structure inside a minor: m.allpSnapshot was ported back, so
 * m.alllink is 0x18 higher from 1.23.12 and 1.24.6 on. Such a minor has two rows; the later one is
 * marked by the patch it starts with.
 */
struct row {
	int from_patch;
	struct golayout layout;
};

#define PICK_0(name, v, ...)                      .name = (v),
#define PICK_1(name, a, v, ...)                   .name = (v),
#define PICK_2(name, a, b, v, ...)                .name = (v),
#define PICK_3(name, a, b, c, v, ...)             .name = (v),
#define PICK_4(name, a, b, c, d, v, ...)          .name = (v),
#define PICK_5(name, a, b, c, d, e, v, ...)       .name = (v),
#define PICK_6(name, a, b, c, d, e, f, v, ...)    .name = (v),
#define PICK_7(name, a, b, c, d, e, f, g, v, ...) .name = (v),

#define ROW(column, of, patch) {patch, {.minor = (of), GO_OFFSETS(PICK_##column)}},

static const struct row rows[] = {GO_LAYOUTS(ROW)};

#define NROWS (sizeof rows / sizeof *rows)

int golayout_oldest(void)
{
	return rows[0].layout.minor;
}

int golayout_newest(void)
{
	return rows[NROWS - 1].layout.minor;
}

const struct golayout *golayout_for(int minor, int patch, bool *guess)
{
	const struct golayout *best = NULL;
	*guess = minor > golayout_newest();
	if (*guess)
		return &rows[NROWS - 1].layout;
	for (size_t i = 0; i < NROWS; i++)
		if (rows[i].layout.minor == minor && patch >= rows[i].from_patch)
			best = &rows[i].layout;
	return best;
}
