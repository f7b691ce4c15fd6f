/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort/net.h - stream sockets for goroutines (Go's package net, on libgort's poller).
 *
 * A call that would block parks the calling goroutine; its thread runs others meanwhile. All
 * functions are for goroutines only. They return 0 or a length, or a negative errno; -EBADF is Go's
 * net.ErrClosed: the handle has been closed, also when that happened while the call was waiting.
 *
 * Handles are one word and may be copied. A handle that has been closed stays invalid: calls on it
 * fail with -EBADF and never reach a descriptor opened later.
 *
 * network is "tcp" (addr "127.0.0.1:8080", "[::1]:8080", ":8080" for all addresses,
 * "localhost:8080"; names are not looked up) or "unix" (addr is a path, or an abstract name after
 * '@').
 */
#ifndef GORT_NET_H
#define GORT_NET_H

#include <stddef.h>
#include <sys/types.h>

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gort_connobj *gort_conn;
typedef struct gort_listenerobj *gort_listener;

/* Go's net.Listen. Port 0 picks a free one; gort_listener_addr tells which. */
GORT_API int gort_net_listen(const char *network, const char *addr, gort_listener *out);
/* Go's Listener.Accept: waits for the next connection. Several goroutines may accept at once. */
GORT_API int gort_net_accept(gort_listener l, gort_conn *out);
/* Go's net.Dial: waits until the connection is made or refused. */
GORT_API int gort_net_dial(const char *network, const char *addr, gort_conn *out);

/* Writes the address as "127.0.0.1:8080" or a path into buf; -ENOSPC when size is too small. */
GORT_API int gort_listener_addr(gort_listener l, char *buf, size_t size);
/* Wakes goroutines that wait in accept. 0, or -EBADF when it was closed before. */
GORT_API int gort_listener_close(gort_listener l);

/*
 * Go's Conn.Read: waits for at least one byte and reads at most size of them. 0 is the end of the
 * stream (Go's io.EOF), and the answer to size 0. Calls of several goroutines queue up.
 */
GORT_API ssize_t gort_conn_read(gort_conn c, void *buf, size_t size);
/* Go's Conn.Write: writes all of it; returns size, or an error after an unknown part. */
GORT_API ssize_t gort_conn_write(gort_conn c, const void *buf, size_t size);
/* Wakes goroutines that wait in read or write. 0, or -EBADF when it was closed before. */
GORT_API int gort_conn_close(gort_conn c);

#ifdef __cplusplus
}
#endif

#endif
