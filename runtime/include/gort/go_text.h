/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * go_text.h - the short words of strings.h, strconv.h and fmt.h. Included by go.h; GORT_NO_TEXT
 * leaves them out.
 */
#ifndef GORT_GO_TEXT_H
#define GORT_GO_TEXT_H

#include "gort/fmt.h"
#include "gort/strconv.h"
#include "gort/strings.h"

#ifndef GORT_NO_TEXT
#define builder             gort_builder
#define str_unsafe          gort_str_unsafe
#define str_view            gort_str_view
#define str_make            gort_str_make
#define str_from            gort_str_from
#define str_cstr            gort_str_cstr
#define str_bytes           gort_str_bytes
#define bytes_str           gort_bytes_str
#define str_runes           gort_str_runes
#define runes_str           gort_runes_str
#define rune_str            gort_rune_str
#define str_at              gort_str_at
#define str_sub             gort_str_sub
#define str_equal           gort_str_equal
#define str_compare         gort_str_compare
#define utf8_decode         gort_utf8_decode
#define utf8_decode_last    gort_utf8_decode_last
#define utf8_encode         gort_utf8_encode
#define utf8_runelen        gort_utf8_runelen
#define utf8_count          gort_utf8_count
#define utf8_valid          gort_utf8_valid
#define utf8_valid_rune     gort_utf8_valid_rune
#define str_index           gort_str_index
#define str_last_index      gort_str_last_index
#define str_index_byte      gort_str_index_byte
#define str_last_index_byte gort_str_last_index_byte
#define str_index_rune      gort_str_index_rune
#define str_index_any       gort_str_index_any
#define str_contains        gort_str_contains
#define str_contains_rune   gort_str_contains_rune
#define str_contains_any    gort_str_contains_any
#define str_has_prefix      gort_str_has_prefix
#define str_has_suffix      gort_str_has_suffix
#define str_count           gort_str_count
#define str_split           gort_str_split
#define str_splitn          gort_str_splitn
#define str_split_after     gort_str_split_after
#define str_fields          gort_str_fields
#define str_join            gort_str_join
#define str_cut             gort_str_cut
#define str_repeat          gort_str_repeat
#define str_replace         gort_str_replace
#define str_replace_all     gort_str_replace_all
#define str_trim            gort_str_trim
#define str_trim_left       gort_str_trim_left
#define str_trim_right      gort_str_trim_right
#define str_trim_space      gort_str_trim_space
#define str_trim_prefix     gort_str_trim_prefix
#define str_trim_suffix     gort_str_trim_suffix
#define str_to_upper        gort_str_to_upper
#define str_to_lower        gort_str_to_lower
#define str_equal_fold      gort_str_equal_fold
#define str_map             gort_str_map
#define builder_grow        gort_builder_grow
#define builder_write       gort_builder_write
#define builder_string      gort_builder_string
#define builder_byte        gort_builder_byte
#define builder_rune        gort_builder_rune
#define builder_result      gort_builder_result
#define builder_reset       gort_builder_reset
#define builder_printf      gort_builder_printf
/* str_concat(a, b, ...): a + b + ..., up to 16. */
#define str_concat(...) gort_str_concat((const gort_string[]){__VA_ARGS__}, GORT_N(__VA_ARGS__))

#define parse_int    gort_parse_int
#define parse_uint   gort_parse_uint
#define format_int   gort_format_int
#define format_uint  gort_format_uint
#define itoa         gort_itoa
#define parse_bool   gort_parse_bool
#define parse_float  gort_parse_float
#define format_float gort_format_float
#define quote        gort_quote
#define quote_ascii  gort_quote_ascii
#define quote_rune   gort_quote_rune
#define unquote      gort_unquote
#define err_syntax   gort_err_syntax
#define err_range    gort_err_range
#endif

#endif
