/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_netaddr.c - addresses in text: what is taken must print as something that is taken again and
 * prints the same. Input: a byte that picks the network, then the text.
 */
#include "net/addr.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void again(const struct network *n, const char *text)
{
	struct endpoint e;
	char printed[256];
	if (endpoint_parse(n, text, &e) || endpoint_format(&e, printed, sizeof printed) ||
		strcmp(text, printed))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix", "unixgram"};
	struct endpoint e;
	char text[300], printed[256], small[4];
	if (size == 0 || size > sizeof text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	const struct network *n = network_named(names[data[0] % 8]);
	int err = endpoint_parse(n, text, &e);
	if (err) {
		if (err != -EINVAL && err != -EADDRNOTAVAIL)
			abort();
		return 0;
	}
	if (e.len == 0 || e.len > sizeof e.addr)
		abort();
	if (endpoint_format(&e, printed, sizeof printed))
		abort();
	if (endpoint_format(&e, small, sizeof small) == 0 && strcmp(small, printed))
		abort();
	/* A mapped address prints as IPv4, which is no address of an IPv6 network. */
	if (n->family == AF_UNSPEC || e.addr.sa.sa_family == AF_UNIX)
		again(n, printed);
	return 0;
}
