# What `cmake --install` puts where, and the files by which others find libgort: gort.pc for
# pkg-config and gortConfig.cmake for find_package(gort).
include(CMakePackageConfigHelpers)

install(TARGETS gort_shared gort_static gort_start
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY runtime/include/gort DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
	FILES_MATCHING PATTERN *.h)

# gdb loads the script with the library when it is called like that, here and in the build tree, and
# lies below a directory of its auto-load safe-path. /usr is one; with other prefixes, and in static
# programs, it is sourced.
set(gdb_name libgort.so.${PROJECT_VERSION}-gdb.py)
configure_file(scripts/gort-gdb.py lib/${gdb_name} COPYONLY)
install(FILES scripts/gort-gdb.py DESTINATION ${CMAKE_INSTALL_DATADIR}/gort)
install(FILES scripts/gort-gdb.py RENAME ${gdb_name}
	DESTINATION ${CMAKE_INSTALL_DATADIR}/gdb/auto-load${CMAKE_INSTALL_FULL_LIBDIR})

# The flags that the headers' compile-time checks need: the compilers in use only warn of them.
set(gort_cflags -pthread -Werror=incompatible-pointer-types -Werror=int-conversion)
list(JOIN gort_cflags " " gort_pc_cflags)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/gort)
# Relative to the file itself, so that an installed tree can be moved.
file(RELATIVE_PATH gort_pc_up /root/${CMAKE_INSTALL_LIBDIR}/pkgconfig /root)
configure_file(scripts/cmake/gort.pc.in lib/pkgconfig/gort.pc @ONLY)
configure_package_config_file(scripts/cmake/gortConfig.cmake.in lib/cmake/gort/gortConfig.cmake
	INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/lib/cmake/gort/gortConfigVersion.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/lib/pkgconfig/gort.pc
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${CMAKE_BINARY_DIR}/lib/cmake/gort/gortConfig.cmake
	${CMAKE_BINARY_DIR}/lib/cmake/gort/gortConfigVersion.cmake DESTINATION ${package_dir})
