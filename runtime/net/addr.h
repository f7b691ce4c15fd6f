/* SPDX-License-Identifier: BSD-2-Clause */
/* addr.h - addresses of sockets and their text; addr.c. No part of libgort is needed for it. */
#ifndef GORT_NET_ADDR_H
#define GORT_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What the kernel takes: one address, and a byte that ends the longest path. */
struct endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		char bytes[sizeof(struct sockaddr_un) + 1];
	} addr;
	socklen_t len; /* 0: no address */
};

/* A network by its name: "tcp", "tcp4", "tcp6", "udp" and so on, "unix", "unixgram". */
struct network {
	const char *name;
	int type;   /* SOCK_STREAM or SOCK_DGRAM */
	int family; /* AF_UNSPEC: of either IP version */
};

/* NULL: there is none of that name. */
const struct network *network_named(const char *name);

/*
 * The host and port of an IP address in text: "host:port", "[host]:port". host gets at most size
 * bytes with the NUL. *ipv6: it was in brackets. 0, -EINVAL, or -ENAMETOOLONG.
 */
int split_host_port(const char *text, char *host, size_t size, in_port_t *port, bool *ipv6);

/*
 * A numeric address, path, or abstract name of network n. An empty host is the wildcard address:
 * of IPv6 where n is of either version, for IPv4 as well. 0; -EINVAL: malformed; -EADDRNOTAVAIL: a
 * host that is no number, maybe a name.
 */
int endpoint_parse(const struct network *n, const char *text, struct endpoint *e);

/* As text into buf; -ENOSPC when size is too small. */
int endpoint_format(const struct endpoint *e, char *buf, size_t size);

#endif
