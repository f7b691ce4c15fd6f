/* SPDX-License-Identifier: BSD-2-Clause */
/* sock.h - between the files of net/. */
#ifndef GORT_NET_SOCK_H
#define GORT_NET_SOCK_H

#include "net/addr.h"
#include "net/fd.h"

/* endpoint_parse, and looks names up: blocks the goroutine meanwhile. lookup.c */
int endpoint_resolve(const struct network *n, const char *text, struct endpoint *e);

#endif
