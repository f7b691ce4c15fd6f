# gort-cc: the script in bin, what it needs in lib/gort-cc, beside libgort. The hooks are an object,
# not part of libgort: each module that gort-cc links has its own.
add_library(gort_hooks OBJECT runtime/gort_hooks.c)
target_compile_options(gort_hooks PRIVATE -fno-sanitize=all -ftls-model=initial-exec)
set(gort_cc_dir ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/gort-cc)
add_custom_command(OUTPUT ${gort_cc_dir}/gort_hooks.o
	COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_OBJECTS:gort_hooks> ${gort_cc_dir}/gort_hooks.o
	DEPENDS gort_hooks $<TARGET_OBJECTS:gort_hooks>)
add_custom_target(gort_cc ALL DEPENDS ${gort_cc_dir}/gort_hooks.o gort_shared gort_start)

configure_file(scripts/gort-cc bin/gort-cc COPYONLY)
configure_file(scripts/gort-cc-as lib/gort-cc/as COPYONLY)
configure_file(scripts/gort-cc-stamp lib/gort-cc/stamp COPYONLY)
configure_file(scripts/gort-cc.h lib/gort-cc/cc.h COPYONLY)
configure_file(scripts/gort-cc.names lib/gort-cc/names COPYONLY)
file(CREATE_LINK gort-cc ${CMAKE_BINARY_DIR}/bin/gort-c++ SYMBOLIC)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/runtime/include ${CMAKE_BINARY_DIR}/include SYMBOLIC)

install(PROGRAMS scripts/gort-cc DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${CMAKE_BINARY_DIR}/bin/gort-c++ DESTINATION ${CMAKE_INSTALL_BINDIR})
install(PROGRAMS ${gort_cc_dir}/as ${gort_cc_dir}/stamp
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/gort-cc)
install(FILES ${gort_cc_dir}/cc.h ${gort_cc_dir}/names ${gort_cc_dir}/gort_hooks.o
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/gort-cc)
