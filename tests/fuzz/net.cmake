# SPDX-License-Identifier: BSD-2-Clause
# The parser of network addresses.
set(net_dir ${CMAKE_CURRENT_LIST_DIR}/../../runtime)
gort_fuzz_target(netaddr SEEDS seeds/netaddr INCLUDES ${net_dir} MUTATIONS 2000
	SOURCES fuzz_netaddr.c ${net_dir}/net/addr.c)
