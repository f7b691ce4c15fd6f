/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addr.c - addresses of sockets and their text (Go's net/ipsock.go, ip.go, unixsock.go).
 *
 * Text: "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", ":80"; a path; '@' and an abstract name.
 * An IPv4 address that comes out of an IPv6 socket is printed as what it is.
 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct network *network_named(const char *name)
{
	static const struct network all[] = {
		{"tcp", SOCK_STREAM, AF_UNSPEC},
		{"tcp4", SOCK_STREAM, AF_INET},
		{"tcp6", SOCK_STREAM, AF_INET6},
		{"udp", SOCK_DGRAM, AF_UNSPEC},
		{"udp4", SOCK_DGRAM, AF_INET},
		{"udp6", SOCK_DGRAM, AF_INET6},
		{"unix", SOCK_STREAM, AF_UNIX},
		{"unixgram", SOCK_DGRAM, AF_UNIX},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!strcmp(all[i].name, name))
			return &all[i];
	return NULL;
}

/* ---- text to address ---- */

static int parse_port(const char *text, in_port_t *out)
{
	unsigned long port = 0;
	if (!*text)
		return -EINVAL;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		port = port * 10 + (unsigned long)(*p - '0');
		if (port > 65535)
			return -EINVAL;
	}
	*out = htons((uint16_t)port);
	return 0;
}

int split_host_port(const char *text, char *host, size_t size, in_port_t *port, bool *ipv6)
{
	const char *colon = strrchr(text, ':');
	if (!colon || parse_port(colon + 1, port))
		return -EINVAL;
	size_t len = (size_t)(colon - text);
	*ipv6 = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	if (*ipv6) {
		text++;
		len -= 2;
	}
	if (memchr(text, '[', len) || memchr(text, ']', len) || (!*ipv6 && memchr(text, ':', len)))
		return -EINVAL;
	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(host, text, len);
	host[len] = '\0';
	return 0;
}

static int set_ipv4(struct endpoint *e, const char *host, in_port_t port)
{
	struct sockaddr_in *in = &e->addr.in;
	if (inet_pton(AF_INET, *host ? host : "0.0.0.0", &in->sin_addr) != 1)
		return -EADDRNOTAVAIL;
	in->sin_family = AF_INET;
	in->sin_port = port;
	e->len = sizeof *in;
	return 0;
}

/* The interface that a scoped address belongs to: a name or a number. */
static int parse_zone(const char *zone, uint32_t *out)
{
	char *end;
	if (strlen(zone) >= IF_NAMESIZE)
		return -EINVAL;
	*out = if_nametoindex(zone);
	if (*out)
		return 0;
	unsigned long n = strtoul(zone, &end, 10);
	if (*zone < '0' || *zone > '9' || *end || n > UINT32_MAX)
		return -EINVAL;
	*out = (uint32_t)n;
	return 0;
}

static int set_ipv6(struct endpoint *e, char *host, in_port_t port)
{
	struct sockaddr_in6 *in6 = &e->addr.in6;
	char *zone = strchr(host, '%');
	if (zone)
		*zone++ = '\0';
	if (inet_pton(AF_INET6, *host ? host : "::", &in6->sin6_addr) != 1)
		return -EADDRNOTAVAIL;
	if (zone && parse_zone(zone, &in6->sin6_scope_id))
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = port;
	e->len = sizeof *in6;
	return 0;
}

static int parse_ip(const struct network *n, const char *text, struct endpoint *e)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	in_port_t port;
	bool ipv6;
	int err = split_host_port(text, host, sizeof host, &port, &ipv6);
	if (err)
		return err == -ENAMETOOLONG ? -EADDRNOTAVAIL : err;
	if (!*host && !ipv6)
		ipv6 = n->family != AF_INET;
	if (n->family == (ipv6 ? AF_INET : AF_INET6))
		return -EADDRNOTAVAIL;
	return ipv6 ? set_ipv6(e, host, port) : set_ipv4(e, host, port);
}

static int parse_unix(const char *text, struct endpoint *e)
{
	struct sockaddr_un *un = &e->addr.un;
	size_t len = strlen(text);
	if (len == 0 || len >= sizeof un->sun_path)
		return -EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, text, len + 1);
	e->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	if (text[0] == '@') { /* abstract names are not NUL-terminated */
		un->sun_path[0] = '\0';
		e->len--;
	}
	return 0;
}

int endpoint_parse(const struct network *n, const char *text, struct endpoint *e)
{
	memset(e, 0, sizeof *e);
	return n->family == AF_UNIX ? parse_unix(text, e) : parse_ip(n, text, e);
}

/* ---- address to text ---- */

static int format_unix(const struct endpoint *e, char *buf, size_t size)
{
	const char *path = e->addr.un.sun_path;
	size_t len = e->len - offsetof(struct sockaddr_un, sun_path);
	bool abstract = len && !path[0];
	return snprintf(
		buf, size, "%s%.*s", abstract ? "@" : "", (int)len - abstract, path + abstract);
}

static int format_ipv6(const struct sockaddr_in6 *in6, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "", zone[IF_NAMESIZE + 1] = "";
	const struct in6_addr *a = &in6->sin6_addr;
	unsigned port = ntohs(in6->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(a)) {
		inet_ntop(AF_INET, &a->s6_addr[12], host, sizeof host);
		return snprintf(buf, size, "%s:%u", host, port);
	}
	inet_ntop(AF_INET6, a, host, sizeof host);
	if (in6->sin6_scope_id) {
		zone[0] = '%';
		if (!if_indextoname(in6->sin6_scope_id, zone + 1))
			snprintf(zone + 1, IF_NAMESIZE, "%u", in6->sin6_scope_id);
	}
	return snprintf(buf, size, "[%s%s]:%u", host, zone, port);
}

int endpoint_format(const struct endpoint *e, char *buf, size_t size)
{
	char host[INET_ADDRSTRLEN] = "";
	int n = 0;
	if (size)
		*buf = '\0';
	if (e->len == 0)
		return size ? 0 : -ENOSPC;
	if (e->addr.sa.sa_family == AF_UNIX) {
		n = format_unix(e, buf, size);
	} else if (e->addr.sa.sa_family == AF_INET6) {
		n = format_ipv6(&e->addr.in6, buf, size);
	} else if (e->addr.sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &e->addr.in.sin_addr, host, sizeof host);
		n = snprintf(buf, size, "%s:%u", host, ntohs(e->addr.in.sin_port));
	}
	return n >= 0 && (size_t)n < size ? 0 : -ENOSPC;
}
