/* SPDX-License-Identifier: BSD-2-Clause */
#include "mappings.h"

#include <stdio.h>
#include "procfs.h"

static void add_map(struct gsnap *out, struct module *m)
{
	const unsigned char *id;
	GElf_Addr at;
	char hex[129] = "";
	int n = m->dw ? dwfl_module_build_id(m->dw, &id, &at) : 0;
	for (int i = 0; i < n && i < 64; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	struct gsnap_map *map = gsnap_add_map(out);
	if (!map)
		return;
	map->start = m->exec_start;
	map->limit = m->exec_end;
	map->offset = m->exec_offset;
	map->file = gsnap_str(out, m->path, procfs_path_len(m->path));
	map->build_id = gsnap_str(out, hex, strlen(hex));
}

void mappings_add(struct modules *ms, struct gsnap *out)
{
	struct module *exe = modules_main(ms);
	if (exe && module_elf(exe))
		add_map(out, exe);
	for (size_t i = 0; i < modules_count(ms); i++) {
		struct module *m = modules_get(ms, i);
		if (m == exe)
			continue;
		module_elf(m);
		add_map(out, m);
	}
}
