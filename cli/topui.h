/* SPDX-License-Identifier: BSD-2-Clause */
/* topui.h - the full screen of `gort top`. */
#ifndef GORT_CLI_TOPUI_H
#define GORT_CLI_TOPUI_H

#include "topdata.h"

/* Runs until the user quits or the target ends. Returns the exit code. */
int top_screen(const struct opts *o, struct topdata *d);

#endif
