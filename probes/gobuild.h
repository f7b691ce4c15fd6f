/* SPDX-License-Identifier: BSD-2-Clause */
/* gobuild.h - which Go built an executable, from the file alone. */
#ifndef GORT_PROBES_GOBUILD_H
#define GORT_PROBES_GOBUILD_H

#include "elf.h"

struct goversion {
	char text[64];    /* "go1.26.8", with its suffix if any: "go1.26.4 X:nogreenteagc" */
	int minor, patch; /* 1.minor.patch */
};

/*
 * Looks for the build info section, then for its magic in writable segments (debug/buildinfo), then
 * for runtime.buildVersion itself, which some build tools leave alone. False: not built by Go.
 */
bool gobuild_version(const struct elf *e, struct goversion *v);

/* Parses "go1.26.8..."; false when the text is no release of Go 1. */
bool goversion_parse(struct goversion *v, const char *text, size_t len);

#endif
