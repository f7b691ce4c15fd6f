/* SPDX-License-Identifier: BSD-2-Clause */
/* map_key.c - hashes, and the types of keys that need no declaration (Go's alg.go). */
#include <sys/random.h>

#include "gort/iface.h"
#include "lang/map.h"

/* ---- randomness ---- */

/*
 * The time stamp counter makes each number another; the seed, one a process, hides it. Mixed twice:
 * in a loop the counter goes up by the same each time, and some seeds turn that into a rhythm.
 */
uint64_t gort_maprandom(void)
{
	static uint64_t seed;
	uint64_t s = __atomic_load_n(&seed, __ATOMIC_RELAXED);
	while (s == 0) {
		if (getrandom(&s, sizeof(s), GRND_NONBLOCK) != sizeof(s))
			s = __builtin_ia32_rdtsc() ^ (uintptr_t)&s;
		__atomic_store_n(&seed, s, __ATOMIC_RELAXED);
	}
	return gort_mix(gort_mix(s ^ __builtin_ia32_rdtsc(), GORT_HASH1 ^ s << 1), GORT_HASH2);
}

/* ---- hashes ---- */

uint64_t gort_hashlong(const char *p, size_t n, uint64_t seed)
{
	uint64_t a = seed ^ GORT_HASH2, b = seed ^ GORT_HASH3;
	size_t i = n;
	for (; i > 32; i -= 32, p += 32) {
		a = gort_mix(gort_load64(p) ^ a, gort_load64(p + 8) ^ GORT_HASH1);
		b = gort_mix(gort_load64(p + 16) ^ b, gort_load64(p + 24) ^ GORT_HASH4);
	}
	p += i; /* the last 32 bytes, or all of 17 to 32 by both ends */
	if (n > 32) {
		a = gort_mix(gort_load64(p - 32) ^ a, gort_load64(p - 24) ^ GORT_HASH1);
		b = gort_mix(gort_load64(p - 16) ^ b, gort_load64(p - 8) ^ GORT_HASH4);
	} else {
		a = gort_mix(gort_load64(p - i) ^ a, gort_load64(p - i + 8) ^ GORT_HASH1);
		b = gort_mix(gort_load64(p - 16) ^ b, gort_load64(p - 8) ^ GORT_HASH4);
	}
	return gort_mix(a ^ n, b ^ GORT_HASH2);
}

/* Equal numbers have equal hashes, so 0.0 and -0.0; NaN equals nothing and may have any. */
uint64_t gort_hashdouble(double x, uint64_t seed)
{
	uint64_t bits = 0;
	if (x != x)
		return gort_maprandom();
	if (x != 0)
		memcpy(&bits, &x, sizeof(bits));
	return gort_hash64(bits, seed);
}

/* ---- key types ---- */

typedef void (*entry)(void);

/* The entries that are called with a key of type K, as the ABI passes one. */
#define ENTRIES(name, K)                                   \
	static void *get_##name(struct gort_map *m, K key) \
	{                                                  \
		return gort_map_get(m, &key);              \
	}                                                  \
	static void *at_##name(struct gort_map *m, K key)  \
	{                                                  \
		return gort_map_at(m, &key);               \
	}                                                  \
	static void *del_##name(struct gort_map *m, K key) \
	{                                                  \
		gort_map_delete(m, &key);                  \
		return NULL;                               \
	}
#define KEYTYPE(name, K, kind, scan, update, hashof, same)                                       \
	ENTRIES(name, K)                                                                         \
	static uint64_t hash_##name(const void *key, uint64_t seed)                              \
	{                                                                                        \
		return hashof(*(const K *)key, seed);                                            \
	}                                                                                        \
	static bool equal_##name(const void *p, const void *q)                                   \
	{                                                                                        \
		K a = *(const K *)p, b = *(const K *)q;                                          \
		return same;                                                                     \
	}                                                                                        \
	const struct gort_keytype gort_key_##name = {sizeof(K), _Alignof(K), kind, scan, update, \
		hash_##name, equal_##name, (entry)get_##name, (entry)at_##name, (entry)del_##name}

KEYTYPE(i8, uint8_t, GORT_KEY_OTHER, false, false, gort_hash64, a == b);
KEYTYPE(i16, uint16_t, GORT_KEY_OTHER, false, false, gort_hash64, a == b);
KEYTYPE(i32, uint32_t, GORT_KEY_4, false, false, gort_hash64, a == b);
KEYTYPE(i64, uint64_t, GORT_KEY_8, false, false, gort_hash64, a == b);
KEYTYPE(f32, float, GORT_KEY_OTHER, false, true, gort_hashdouble, a == b);
KEYTYPE(f64, double, GORT_KEY_OTHER, false, true, gort_hashdouble, a == b);
KEYTYPE(string, gort_string, GORT_KEY_STRING, true, false, gort_hashstring, gort_samestring(a, b));
/* A NaN in it, as above. Panics when it holds what cannot be a key. */
static uint64_t hashany(gort_any x, uint64_t seed)
{
	uint64_t h = gort_any_hash(x, seed);
	return gort_any_equal(x, x) ? h : gort_maprandom();
}

KEYTYPE(any, gort_any, GORT_KEY_OTHER, true, true, hashany, gort_any_equal(a, b));
