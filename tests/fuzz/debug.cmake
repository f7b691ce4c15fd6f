# SPDX-License-Identifier: BSD-2-Clause
# Parsers of runtime/debug: call frame tables, line tables, ELF symbols.
set(debug_dir ${CMAKE_CURRENT_LIST_DIR}/../../runtime/debug)
gort_fuzz_target(eh SEEDS seeds/eh INCLUDES ${debug_dir}/..
	SOURCES fuzz_eh.c ${debug_dir}/eh.c ${debug_dir}/ehstep.c)
gort_fuzz_target(line SEEDS seeds/line INCLUDES ${debug_dir}/..
	SOURCES fuzz_line.c ${debug_dir}/line.c)
gort_fuzz_target(symtab SEEDS seeds/symtab INCLUDES ${debug_dir}/..
	SOURCES fuzz_symtab.c ${debug_dir}/symtab.c)
