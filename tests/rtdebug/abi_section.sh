#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The table's section must be in the shared library, and survive a static link with --gc-sections
# and stripping: an outside reader has nothing else to go by.
set -eu
programs=$1
section_of() {
	readelf -SW "$1" | grep -q ' \.gort\.abi ' || {
		echo "no .gort.abi in $1" >&2
		exit 1
	}
}
section_of "$GORT_BUILD"/lib/libgort.so
section_of "$programs"/debug_victim_static
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
strip -o "$tmp"/stripped "$programs"/debug_victim_static
section_of "$tmp"/stripped
