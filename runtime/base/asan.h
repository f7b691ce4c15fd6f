/* SPDX-License-Identifier: BSD-2-Clause */
/* asan.h - defines GORT_ASAN in a build with AddressSanitizer, of either compiler. */
#ifndef GORT_BASE_ASAN_H
#define GORT_BASE_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define GORT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GORT_ASAN 1
#endif
#endif

#endif
