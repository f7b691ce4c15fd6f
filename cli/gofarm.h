/* SPDX-License-Identifier: BSD-2-Clause */
/* gofarm.h - a GOROOT whose -race builds get gort's race detector. */
#ifndef GORT_CLI_GOFARM_H
#define GORT_CLI_GOFARM_H

#include "cli.h"

/*
 * The farm of the toolchain that `go` (a path) would use in this directory, made if need be from
 * the detector's object file; to be freed. NULL with err filled.
 */
char *gofarm_make(const char *go, const char *object, struct gsnap_err *err);

/*
 * argv for the toolchain in the farm, -race put in if it is missing; to be freed. NULL with err
 * filled when it is no subcommand that builds programs, nor env, which tells where the farm is.
 */
char **gofarm_args(char *const *args, int nargs, struct gsnap_err *err);

#endif
