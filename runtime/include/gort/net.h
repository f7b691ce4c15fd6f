/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort/net.h - sockets for goroutines (Go's package net, on libgort's poller).
 *
 * A call that would block parks the calling goroutine; its thread runs others meanwhile. All
 * functions are for goroutines only. They return 0 or a length, or a negative errno; -EBADF is Go's
 * net.ErrClosed: the handle has been closed, also when that happened while the call was waiting.
 *
 * Handles are one word and may be copied. A handle that has been closed stays invalid: calls on it
 * fail with -EBADF and never reach a descriptor opened later.
 *
 *	network                addr
 *	"tcp", "udp"           "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "localhost:80",
 *	                       "name:80"; ":80": every address of this machine, of both IP versions
 *	"tcp4", "udp4"         the same, IPv4 only
 *	"tcp6", "udp6"         the same, IPv6 only
 *	"unix", "unixgram"     a path, or an abstract name after '@'
 *
 * Names go to the C library's getaddrinfo, which blocks the calling goroutine only; the first
 * address is taken. A program linked with -static gets names only if it calls getaddrinfo itself.
 */
#ifndef GORT_NET_H
#define GORT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "gort/context.h"
#include "gort/gort.h"
#include "gort/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gort_connobj *gort_conn;
typedef struct gort_listenerobj *gort_listener;

/* ---- listen, dial ---- */

/*
 * Go's net.Listen, for stream networks. Port 0 picks a free one; gort_listener_addr tells which.
 * The backlog is the kernel's somaxconn; TCP ports are reused (SO_REUSEADDR).
 */
GORT_API int gort_net_listen(const char *network, const char *addr, gort_listener *out);
/*
 * Go's Listener.Accept: waits for the next connection. Several goroutines may accept at once. When
 * the process has no descriptor left, -EMFILE is returned and the client waits: accept again later.
 */
GORT_API int gort_net_accept(gort_listener l, gort_conn *out);
/*
 * Go's net.Dial: waits until the connection is made or refused. A datagram network connects at
 * once: read and write then exchange datagrams with that address only. TCP connections, accepted
 * ones too, have TCP_NODELAY and keep-alive of 15 s set, as in Go.
 */
GORT_API int gort_net_dial(const char *network, const char *addr, gort_conn *out);
/*
 * The same, given up when ctx is cancelled: -ECANCELED, or -ETIMEDOUT when its deadline passed. A
 * connection made by then is closed. Looking a name up is not cut short. Go's DialContext.
 */
GORT_API int gort_net_dial_context(
	gort_context ctx, const char *network, const char *addr, gort_conn *out);
/* Go's net.ListenPacket, for datagram networks: a socket bound to addr that is not connected. */
GORT_API int gort_net_listen_packet(const char *network, const char *addr, gort_conn *out);

/* Writes the address as "127.0.0.1:8080" or a path into buf; -ENOSPC when size is too small. */
GORT_API int gort_listener_addr(gort_listener l, char *buf, size_t size);
/*
 * Makes goroutines that wait in accept fail; the port is free when it returns. The path of a Unix
 * listener is removed. 0, or -EBADF when it was closed before.
 */
GORT_API int gort_listener_close(gort_listener l);

/* ---- connections ---- */

/*
 * Go's Conn.Read: waits for at least one byte and reads at most size of them. 0 is the end of the
 * stream (Go's io.EOF), and the answer to size 0. Calls of several goroutines queue up. Of a
 * datagram that is longer than size the rest is lost; an empty one reads as 0.
 */
GORT_API ssize_t gort_conn_read(gort_conn c, void *buf, size_t size);
/* Go's Conn.Write: writes all of it; returns size, or an error after an unknown part. */
GORT_API ssize_t gort_conn_write(gort_conn c, const void *buf, size_t size);
/*
 * Makes goroutines that wait in read or write fail, and returns when the last of them has left and
 * the descriptor is closed. 0, or -EBADF when it was closed before.
 */
GORT_API int gort_conn_close(gort_conn c);

/*
 * Ends one direction: no more reads (they find the end of the stream), or no more writes (the far
 * end finds it). 0, -EBADF, or -ENOTCONN. Go's TCPConn.CloseRead, CloseWrite.
 */
GORT_API int gort_conn_close_read(gort_conn c);
GORT_API int gort_conn_close_write(gort_conn c);

/* This end and the far end in text, "" for one without name. Go's Conn.LocalAddr, RemoteAddr. */
GORT_API int gort_conn_local_addr(gort_conn c, char *buf, size_t size);
GORT_API int gort_conn_remote_addr(gort_conn c, char *buf, size_t size);

/* Go's TCPConn.SetNoDelay; on by default. */
GORT_API int gort_conn_set_nodelay(gort_conn c, bool on);
/* Asks a silent peer each period, rounded up to seconds, whether it lives; 0 does not ask. */
GORT_API int gort_conn_set_keepalive(gort_conn c, gort_duration period);
/*
 * The descriptor, for setsockopt and the like, or -EBADF. It stays the connection's: reading,
 * writing and closing it go through c. It is non-blocking.
 */
GORT_API int gort_conn_fd(gort_conn c);

/*
 * Deadlines: when is gort_now() and some time; 0 takes the deadline away. Once it has passed, calls
 * that wait and all later ones fail with -ETIMEDOUT (os.ErrDeadlineExceeded),
 * until it is set anew: a server that waits for its next request moves it before each read. One in
 * the past acts at once. Bytes that a write had sent before stay sent. 0, -EBADF, or -EOPNOTSUPP
 * for what blocks (os.ErrNoDeadline). Go's Conn.SetDeadline, SetReadDeadline, SetWriteDeadline.
 */
GORT_API int gort_conn_set_deadline(gort_conn c, gort_time when);
GORT_API int gort_conn_set_read_deadline(gort_conn c, gort_time when);
GORT_API int gort_conn_set_write_deadline(gort_conn c, gort_time when);
/* The same for accept. Go's TCPListener.SetDeadline. */
GORT_API int gort_listener_set_deadline(gort_listener l, gort_time when);

/*
 * When ctx is cancelled, the deadline of c passes: its reads and writes end with -ETIMEDOUT. With
 * *stop, which may be NULL, that is taken back and given back as in gort/context.h. Go's
 * context.AfterFunc(ctx, func() { c.SetDeadline(past) }).
 */
GORT_API void gort_conn_cancel_with(gort_conn c, gort_context ctx, struct gort_stop **stop);

/* ---- pipes and other descriptors ---- */

/*
 * A pipe, both ends non-blocking and closed on exec. Writing to one that nobody reads any more is
 * as write(2): SIGPIPE, and -EPIPE where that is ignored. Go's os.Pipe.
 */
GORT_API int gort_pipe(gort_conn *r, gort_conn *w);
/*
 * Takes over an open descriptor: connected or packet socket, pipe, terminal, file. Its flags are
 * left alone, as other processes may share them. Where the kernel cannot wait for it without
 * blocking a thread (files; terminals and named pipes without O_NONBLOCK), each read and write is
 * a blocking system call, which neither close nor a deadline ends. 0, -EBADF, or -EINVAL for a
 * listening socket; on failure fd stays the caller's. Go's os.NewFile, net.FileConn.
 */
GORT_API int gort_conn_from_fd(int fd, gort_conn *out);

/* ---- datagrams ---- */

/* The address of a socket, to keep and copy. Zeroed: none. Go's netip.AddrPort, UnixAddr. */
typedef struct gort_addr {
	uint64_t opaque[15];
} gort_addr;

/* From and to text, as above; an address without a name gives "". */
GORT_API int gort_addr_parse(const char *network, const char *text, gort_addr *out);
GORT_API int gort_addr_format(const gort_addr *a, char *buf, size_t size);

/* Waits for a datagram; its length, 0 for an empty one. from may be NULL. Go's ReadFrom. */
GORT_API ssize_t gort_conn_read_from(gort_conn c, void *buf, size_t size, gort_addr *from);
/* Sends one datagram of size bytes, which may be 0; returns size. Go's WriteTo. */
GORT_API ssize_t gort_conn_write_to(gort_conn c, const void *buf, size_t size, const gort_addr *to);

#ifdef __cplusplus
}
#endif

#endif
