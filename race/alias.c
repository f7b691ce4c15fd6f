/* SPDX-License-Identifier: BSD-2-Clause */
/* alias.c - nothing: the library's name is its content (see CMakeLists.txt). */
typedef int race_alias;
