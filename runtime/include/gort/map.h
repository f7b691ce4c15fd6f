/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map.h - hash maps. Go's map[K]V. Included by go.h.
 *
 *	map(string, int) m = make_map(string, int);      m := make(map[string]int)
 *	map(int, node *) n = make_map(int, node *, 100);  n := make(map[int]*node, 100)
 *	map_at(m, S("a")) = 1;                            m["a"] = 1
 *	map_at(m, S("a"))++;                              m["a"]++
 *	int *p = map_get(m, S("a"));                      v, ok := m["a"]; NULL when there is none
 *	int v = map_value(m, S("a"));                     v := m["a"]; zero when there is none
 *	map_delete(m, S("a"));                            delete(m, "a")
 *	isize len = map_len(m);                           len(m)
 *	map_clear(m);                                     clear(m)
 *	map_range (string, k, v, m)                       for k, v := range m
 *		use(k, v);
 *
 * NULL is the nil map: it can be read, and a write panics. The type of a key is one word: string,
 * the integers, double, float, bool, any, or a type of the program that GORT_KEY declares:
 *
 *	struct point { int x, y; };                       the fields that count
 *	typedef struct point point;
 *	GORT_KEY(point, x, y);
 *	typedef struct node *nodep;                       none: an integer, enum or pointer itself
 *	GORT_KEY(nodep);
 *
 * Fields are integers, enums, pointers, strings, float or double. A structure without GORT_KEY is
 * an error ("gort_keytype_point undeclared"). map_range is told the type of the keys and checks it.
 *
 * As in Go: the order of iteration is random. During an iteration entries may be deleted, which are
 * then not visited, and inserted, which may be. NaN is unequal to itself: each insertion adds an
 * entry, which only map_clear takes away. A map never shrinks; drop it if its memory matters. Maps
 * are not for several goroutines at once unless all of them read: libgort finds most cases and ends
 * the program with "fatal error: concurrent map writes".
 *
 * Different from Go: map_at and map_get are places in the map. They stay valid while no key is
 * inserted, also with an entry that is deleted meanwhile; afterwards they may be places that the
 * map has left.
 *
 * The table is a Swiss table, as Go's: groups of 16 slots, and for each slot a control byte that
 * has 7 bits of the hash, so that SSE2 finds the candidates of a group at once. A table has at
 * most 1024 slots; a larger map is a directory of tables by further bits of the hash, of which
 * one at a time is split (extendible hashing), so no insertion takes long. runtime/lang/map.c
 */
#ifndef GORT_MAP_H
#define GORT_MAP_H

#include <emmintrin.h>
#include <string.h>

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

struct gort_map;

enum gort_keykind { GORT_KEY_4, GORT_KEY_8, GORT_KEY_STRING, GORT_KEY_OTHER };

/* What a map knows of its keys. */
struct gort_keytype {
	uint32_t size, align;
	uint8_t kind; /* enum gort_keykind */
	bool scan;    /* may hold pointers */
	bool update;  /* equal keys may differ, as 0.0 and -0.0: a write stores the new one */
	uint64_t (*hash)(const void *key, uint64_t seed);
	bool (*equal)(const void *a, const void *b);
	/* V *get(struct gort_map *, K), and likewise at and del, whose result is not used */
	void (*get)(void), (*at)(void), (*del)(void);
};

/* One table: this, a control byte for each slot (at least 16), and the slots. */
struct gort_maptable {
	/* Slots: a power of two, 8 at least; 0 in the table that all empty maps share. */
	uint32_t cap;
	uint32_t left; /* how many empty slots may be taken before it grows */
	uint32_t used; /* entries */
	/* How many bits of the hash its keys have in common; see gort_map.dir. */
	uint32_t depth;
} __attribute__((aligned(16)));

/*
 * dir has 2^depth entries, two at least; a table of a smaller depth stands in all whose index ends
 * with the same bits. All tables have the same number of groups: before the first split there is
 * one table.
 */
struct gort_map {
	gort_isize len;
	uint64_t seed, mul; /* mul: gort_hashmul(seed) */
	struct gort_maptable **dir;
	uint64_t dirmask;
	uint64_t mask;     /* slots of a table - 1 */
	uint64_t slotsoff; /* where in a table its slots begin */
	uint64_t valsoff;  /* and where the value of the first one is */
	uint32_t writing;  /* somebody is changing the map */
	uint32_t changes;  /* how often a table was replaced, an entry deleted or all of them */
	uint32_t depth;    /* of dir; dirmask is 2^depth - 1 */
	uint32_t clears;   /* how often it was cleared */
	const struct gort_keytype *kt;
	uint32_t slot, voff, vsize;     /* of a slot: its size, where the value is, and its size */
	uint32_t maxcap;                /* slots of the largest table */
	bool scan;                      /* slots may hold pointers */
	struct gort_maptable *first[2]; /* the directory of a map that has one or two tables */
};

/* An iteration; key is NULL before the first and behind the last entry. */
struct gort_mapiter {
	const void *key;
	void *val;
	struct gort_map *m;
	char *slots; /* of the group it is in */
	uint64_t
		state; /* gort_map_state when the bits were read; another one in a replaced table */
	uint32_t bits; /* slots of the group still to visit */
	uint32_t start;          /* in each table it begins with the slot of this number */
	uint32_t depth, clears;  /* the map's, when at, first and pos were counted; when it began */
	struct gort_maptable *t; /* the table it is in */
	uint64_t at;             /* index in dir, counted from first, of the next table */
	uint64_t first;          /* a random index, where a table begins */
	uint64_t pos;            /* the index of t */
	uint64_t group, left;    /* of t: the first slot of the group; how many groups follow */
	uint64_t mask, slotsoff; /* of t */
};

/* ---- functions: C++ and macros call these; key points to a key of the map's type ---- */

/*
 * A map for n entries to begin with; valign is the alignment of its values, 16 at most. vscan:
 * whether they may hold pointers. Never NULL. Go's make.
 */
GORT_API struct gort_map *gort_map_make(
	const struct gort_keytype *kt, size_t vsize, size_t valign, bool vscan, gort_isize n);
/* The value, NULL when there is none. m may be NULL. */
GORT_API void *gort_map_get(struct gort_map *m, const void *key);
/* The value, zero when it was not there. Panics when m is NULL. */
GORT_API void *gort_map_at(struct gort_map *m, const void *key);
GORT_API void gort_map_delete(struct gort_map *m, const void *key);
GORT_API void gort_map_clear(struct gort_map *m);
/* The first entry, if any, in it->key and it->val. */
GORT_API void gort_mapiter_begin(struct gort_mapiter *it, struct gort_map *m);
GORT_API bool gort_mapiter_slow(struct gort_mapiter *it);

GORT_API extern const struct gort_keytype gort_key_i8, gort_key_i16, gort_key_i32, gort_key_i64,
	gort_key_f32, gort_key_f64, gort_key_string, gort_key_any;

/* For inlined code: the key, whose hash is h, is not there, and writing is set. */
GORT_API void *gort_map_insert(struct gort_map *m, const void *key, uint64_t h);
/* The place at offset voff in the key's slot, NULL when there is none; all groups are searched. */
GORT_API void *gort_map_rest_i32(struct gort_map *m, uint32_t k, uint64_t h, size_t voff);
GORT_API void *gort_map_rest_i64(struct gort_map *m, uint64_t k, uint64_t h, size_t voff);
GORT_API void *gort_map_rest_string(struct gort_map *m, gort_string k, uint64_t h, size_t voff);
/* "fatal error: concurrent map ..." */
GORT_NORETURN GORT_API void gort_map_readrace(void) __attribute__((cold));
GORT_NORETURN GORT_API void gort_map_writerace(void) __attribute__((cold));
/* "assignment to entry in nil map" */
GORT_NORETURN GORT_API void gort_map_nilwrite(void) __attribute__((cold));
/* Of strings of more than 32 bytes. */
GORT_API uint64_t gort_hashlong(const char *p, size_t n, uint64_t seed);
GORT_API uint64_t gort_hashdouble(double x, uint64_t seed);

/* ---- hashing: a multiplication of 128 bits, both halves of which are used ---- */

/* In assembly: gcc 12 keeps the halves of an __int128 in memory. */
static inline uint64_t gort_mix(uint64_t a, uint64_t b)
{
	__asm__("mulq %1" : "+a"(a), "+d"(b) : : "cc");
	return a ^ b;
}

/* Odd numbers with as many ones as zeros in each byte or nearly so. */
#define GORT_HASH1 0x9e3779b97f4a7c15u
#define GORT_HASH2 0xd6e8feb86659fd93u
#define GORT_HASH3 0xa3b195354a39b70du
#define GORT_HASH4 0x1b03738712fad5c9u

/* What a map keeps beside its seed, so that each lookup need not make it. */
static inline uint64_t gort_hashmul(uint64_t seed)
{
	return GORT_HASH1 ^ (seed << 1 | 1);
}

/*
 * Both factors depend on the number: of one that is multiplied by a constant, the bits used for one
 * purpose make a sequence that is periodic, or nearly so with some constants.
 */
static inline uint64_t gort_hash64(uint64_t k, uint64_t seed)
{
	return gort_mix(k ^ seed, __builtin_bswap64(k) ^ gort_hashmul(seed));
}

/*
 * x op= word. In a large map the time of a lookup is its share of the instructions that a processor
 * has under way while it waits for memory, and of the registers these write. Compilers load a word
 * of the map into a register of its own first.
 */
#define GORT_MAPOP(op, x, word) __asm__(op " %1, %0" : "+r"(x) : "m"(word) : "cc")

/*
 * Whether somebody is changing the map. A race detector is to see it. Processors take a comparison
 * with a register and the jump for one instruction, and one of memory with a constant for two.
 */
static inline bool gort_map_writing(const struct gort_map *m)
{
#ifdef GORT_RACE_BUILD
	return *(const volatile uint32_t *)&m->writing != 0;
#else
	bool set;
	__asm__ volatile("cmpl %2, %1" : "=@ccne"(set) : "m"(m->writing), "r"(0));
	return set;
#endif
}

/*
 * The hash of k in m. Next to a random seed the second factor may be of the first, which takes two
 * instructions less than gort_hash64: the parts of the hash are as evenly spread. With its bytes
 * swapped or its bits rotated it is not; 9 is what one instruction multiplies by.
 */
static inline uint64_t gort_map_hashword(const struct gort_map *m, uint64_t k)
{
	GORT_MAPOP("xorq", k, m->seed);
	return gort_mix(k, 9 * k + (GORT_HASH1 >> 33));
}

static inline uint64_t gort_load64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static inline uint32_t gort_load32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

/* Of up to 16 bytes: two words that cover all of them; mul is gort_hashmul(seed). */
static inline uint64_t gort_hashtext(gort_string s, uint64_t seed, uint64_t mul)
{
	const char *p = s.ptr;
	size_t n = (size_t)s.len;
	uint64_t a, b = 0;
	if (__builtin_expect(n - 8 <= 8, 1)) {
		a = gort_load64(p);
		b = gort_load64(p + n - 8);
	} else if (n > 16) {
		return gort_hashlong(p, n, seed);
	} else if (n >= 4) {
		a = gort_load32(p);
		b = gort_load32(p + n - 4);
	} else {
		a = n ? (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 |
				    (uint8_t)p[n - 1]
		      : 0;
	}
	return gort_mix(a ^ seed, b ^ (mul + n));
}

static inline uint64_t gort_hashstring(gort_string s, uint64_t seed)
{
	return gort_hashtext(s, seed, gort_hashmul(seed));
}

static inline bool gort_samestring(gort_string a, gort_string b)
{
	if (a.len != b.len)
		return false;
	if (a.len >= 8 && a.len <= 16)
		return ((gort_load64(a.ptr) ^ gort_load64(b.ptr)) |
			       (gort_load64(a.ptr + a.len - 8) ^ gort_load64(b.ptr + b.len - 8))) ==
		       0;
	return a.ptr == b.ptr || a.len == 0 || memcmp(a.ptr, b.ptr, (size_t)a.len) == 0;
}

/* ---- lookup ---- */

/*
 * Control bytes: 0 to 127 in use, a tag of 7 bits: of one of the four upper bytes of the hash, by
 * the slot's place, since one instruction makes four groups of these four bytes, where one byte
 * takes three. Rejected: tags of 8 bits, all values but two. Who looks a key up meets half as many
 * of other keys, but what is free takes three instructions to see: inserting takes 5% longer.
 */
#define GORT_CTRL_EMPTY   (-128)
#define GORT_CTRL_DELETED (-2) /* a search goes on behind it */
#define GORT_INLINE       static inline __attribute__((always_inline))

/* Where in the hash what is: the slot in the lowest GORT_MAPSLOTBITS, the directory's above it. */
#define GORT_MAPSLOTBITS 10

GORT_INLINE uint64_t gort_map_dirindex(const struct gort_map *m, uint64_t h)
{
	h >>= GORT_MAPSLOTBITS;
	GORT_MAPOP("andq", h, m->dirmask);
	return h;
}

/* Of slot i. */
GORT_INLINE signed char gort_map_tag(uint64_t h, uint64_t i)
{
	return (signed char)(h >> (32 + i % 4 * 8) & 0x7f);
}

/* The slots of a group that have the tag that h would have there. */
GORT_INLINE uint64_t gort_map_match(__m128i ctrl, uint64_t h)
{
	__m128i v = _mm_cvtsi64_si128((long long)h);
	v = _mm_and_si128(_mm_shuffle_epi32(v, 0x55), _mm_set1_epi8(0x7f));
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(ctrl, v));
}

/* Which bit is the lowest of one that has some. In assembly: 64 bits wide without an extension. */
GORT_INLINE uint64_t gort_map_lowest(uint64_t bits)
{
	uint64_t i;
	__asm__("rep bsfq %1, %0" : "=r"(i) : "r"(bits) : "cc");
	return i;
}

GORT_INLINE unsigned gort_map_empties(__m128i ctrl)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(ctrl, _mm_set1_epi8(GORT_CTRL_EMPTY)));
}

/* Of the group that slot i is in. */
GORT_INLINE __m128i gort_map_ctrl(const struct gort_maptable *t, uint64_t i)
{
	return _mm_load_si128((const __m128i *)(const void *)((const char *)(t + 1) + (i & ~15ul)));
}

/*
 * Returns the place at offset voff in the slot whose key makes `same` true, `slot` being its
 * address, NULL when there is none, and `rest` when the first group that the key may be in does not
 * tell. Most keys are in the cache line of the slot that the hash prefers, which need not wait for
 * the control bytes.
 */
#define GORT_MAPPROBE(m, h, size, voff, same, rest)                         \
	const struct gort_maptable *t_ = (m)->dir[gort_map_dirindex(m, h)]; \
	uint64_t i_ = (h);                                                  \
	char *vals_ = (char *)(uintptr_t)t_;                                \
	GORT_MAPOP("andq", i_, (m)->mask);                                  \
	GORT_MAPOP("addq", vals_, (m)->valsoff);                            \
	__builtin_prefetch(vals_ - (voff) + i_ * (size));                   \
	i_ &= ~15ul;                                                        \
	__m128i c_ = gort_map_ctrl(t_, i_);                                 \
	uint64_t b_ = gort_map_match(c_, h);                                \
	if (__builtin_expect(b_ != 0, 1)) {                                 \
		char *val_ = vals_ + (i_ + gort_map_lowest(b_)) * (size);   \
		const char *slot = val_ - (voff);                           \
		if (__builtin_expect(same, 1))                              \
			return val_;                                        \
	} else if (__builtin_expect(gort_map_empties(c_) != 0, 1)) {        \
		return NULL;                                                \
	}                                                                   \
	return rest;

#define GORT_MAPKEYS(name, K, hashof, same)                                                        \
	GORT_INLINE void *gort_map_find_##name(struct gort_map *m, K k, uint64_t h, size_t size,   \
		size_t voff){GORT_MAPPROBE(m, h, size, voff, same,                                 \
		gort_map_rest_##name(                                                              \
			m, k, h, voff))} GORT_INLINE void *gort_map_get_##name(struct gort_map *m, \
		K k, size_t size, size_t voff)                                                     \
	{                                                                                          \
		if (__builtin_expect(!m, 0))                                                       \
			return NULL;                                                               \
		if (__builtin_expect(gort_map_writing(m), 0))                                      \
			gort_map_readrace();                                                       \
		return gort_map_find_##name(m, k, hashof, size, voff);                             \
	}                                                                                          \
	GORT_INLINE void *gort_map_at_##name(struct gort_map *m, K k, size_t size, size_t voff)    \
	{                                                                                          \
		if (__builtin_expect(!m, 0))                                                       \
			gort_map_nilwrite();                                                       \
		if (__builtin_expect(gort_map_writing(m), 0))                                      \
			gort_map_writerace();                                                      \
		uint64_t h = hashof;                                                               \
		*(volatile uint32_t *)&m->writing = 1;                                             \
		void *v = gort_map_find_##name(m, k, h, size, voff);                               \
		if (__builtin_expect(!v, 0))                                                       \
			v = gort_map_insert(m, &k, h);                                             \
		if (__builtin_expect(!gort_map_writing(m), 0))                                     \
			gort_map_writerace();                                                      \
		*(volatile uint32_t *)&m->writing = 0;                                             \
		return v;                                                                          \
	}

GORT_MAPKEYS(i32, uint32_t, gort_map_hashword(m, k), gort_load32(slot) == k)
GORT_MAPKEYS(i64, uint64_t, gort_map_hashword(m, k), gort_load64(slot) == k)
GORT_MAPKEYS(string, gort_string, gort_hashtext(k, m->seed, m->mul),
	gort_samestring(*(const gort_string *)(const void *)slot, k))

/* ---- iteration ---- */

/* Writing and changes: the same as long as nothing is said to change. */
static inline uint64_t gort_map_state(const struct gort_map *m)
{
	return gort_load64((const char *)m + offsetof(struct gort_map, writing));
}

/* The next entry in it->key and it->val, false behind the last one. */
static inline bool gort_mapiter_next(struct gort_mapiter *it)
{
	if (__builtin_expect(it->bits == 0 || gort_map_state(it->m) != it->state, 0))
		return gort_mapiter_slow(it);
	char *slot = it->slots + (unsigned)__builtin_ctz(it->bits) * (size_t)it->m->slot;
	it->bits &= it->bits - 1;
	it->key = slot;
	it->val = slot + it->m->voff;
	return true;
}

#ifdef __cplusplus
}
#else

/* ---- the macros ---- */

/*
 * map(K, V) is the pointer type V *(*)(struct gort_map *, K): every mention is the same type, and
 * typeof of a call of it is V *. To call it, the functions of the map's gort_keytype are taken for
 * such a pointer, so the compiler converts the key and passes it as the ABI says. The key cannot be
 * got back from the type: hence map_range's K.
 */
#define map(K, V) __typeof__(__typeof__(V) *(*)(struct gort_map *, __typeof__(K)))

#define gort_keytype_string        gort_key_string
#define gort_keytype_gort_string   gort_key_string
#define gort_keytype_bool          gort_key_i8
#define gort_keytype__Bool         gort_key_i8
#define gort_keytype_char          gort_key_i8
#define gort_keytype_int8_t        gort_key_i8
#define gort_keytype_uint8_t       gort_key_i8
#define gort_keytype_short         gort_key_i16
#define gort_keytype_int16_t       gort_key_i16
#define gort_keytype_uint16_t      gort_key_i16
#define gort_keytype_int           gort_key_i32
#define gort_keytype_unsigned      gort_key_i32
#define gort_keytype_int32_t       gort_key_i32
#define gort_keytype_uint32_t      gort_key_i32
#define gort_keytype_long          gort_key_i64
#define gort_keytype_size_t        gort_key_i64
#define gort_keytype_ssize_t       gort_key_i64
#define gort_keytype_ptrdiff_t     gort_key_i64
#define gort_keytype_isize         gort_key_i64
#define gort_keytype_gort_isize    gort_key_i64
#define gort_keytype_int64_t       gort_key_i64
#define gort_keytype_uint64_t      gort_key_i64
#define gort_keytype_intptr_t      gort_key_i64
#define gort_keytype_uintptr_t     gort_key_i64
#define gort_keytype_gort_duration gort_key_i64
#define gort_keytype_float         gort_key_f32
#define gort_keytype_double        gort_key_f64
#define gort_keytype_any           gort_key_any
#define gort_keytype_gort_any      gort_key_any

#define GORT_MAP(m)       ((struct gort_map *)(uintptr_t)(m))
#define GORT_MAPV(m, key) __typeof__(*(m)(NULL, (key)))

/* make_map(K, V), make_map(K, V, n): with room for n entries. */
#define make_map(K, V, ...)                                                          \
	((map(K, V))(uintptr_t)gort_map_make(&GORT_CAT(gort_keytype_, K), sizeof(V), \
		_Alignof(V) + 0 * sizeof(char[_Alignof(V) <= 16 ? 1 : -1]),          \
		GORT_SCANS(V) != GORT_NOPOINTERS, (0 __VA_OPT__(+(__VA_ARGS__)))))

/* Where in a slot with a key of ksize bytes a V is, and the size of the slot. */
#define GORT_MAPVOFF(ksize, V) (((ksize) + _Alignof(V) - 1) & ~(_Alignof(V) - 1))
#define GORT_MAPALIGN(ksize, V) \
	((ksize) == 4 && _Alignof(V) < 4 ? 4 : (ksize) > 4 && _Alignof(V) < 8 ? 8 : _Alignof(V))
#define GORT_MAPSLOT(ksize, V)                                                \
	((GORT_MAPVOFF(ksize, V) + sizeof(V) + GORT_MAPALIGN(ksize, V) - 1) & \
		~(GORT_MAPALIGN(ksize, V) - 1))

/* Key expressions that type-check in every branch of the choice below. */
#define GORT_MAPINT(k) \
	_Generic((k), gort_string : 0, default : __builtin_choose_expr(GORT_ISREC(k), 0, (k)))
#define GORT_MAPSTRING(k) _Generic((k), gort_string : (k), default : (gort_string){NULL, 0})

/* Chooses by the type of the map: int and unsigned, long and the like, string, any other. */
#define GORT_MAPCHOOSE(m, V, i32, i64, str, other)                     \
	_Generic((m), V * (*)(struct gort_map *, int)                  \
		 : i32, V * (*)(struct gort_map *, unsigned)           \
		 : i32, V * (*)(struct gort_map *, long)               \
		 : i64, V * (*)(struct gort_map *, unsigned long)      \
		 : i64, V * (*)(struct gort_map *, long long)          \
		 : i64, V * (*)(struct gort_map *, unsigned long long) \
		 : i64, V * (*)(struct gort_map *, gort_string)        \
		 : str, default                                        \
		 : other)
#define GORT_MAPCALL(op, n, m, key, ...)                                                          \
	__extension__({                                                                           \
		__auto_type GORT_CAT(m_, n) = (m);                                                \
		__auto_type GORT_CAT(k_, n) = key;                                                \
		typedef GORT_MAPV(GORT_CAT(m_, n), GORT_CAT(k_, n)) GORT_CAT(V_, n);              \
		struct gort_map *GORT_CAT(p_, n) = GORT_MAP(GORT_CAT(m_, n));                     \
		__VA_ARGS__;                                                                      \
		(GORT_CAT(V_, n) *)GORT_MAPCHOOSE(GORT_CAT(m_, n), GORT_CAT(V_, n),               \
			gort_map_##op##_i32(GORT_CAT(p_, n),                                      \
				(uint32_t)(uint64_t)GORT_MAPINT(GORT_CAT(k_, n)),                 \
				GORT_MAPSLOT(4, GORT_CAT(V_, n)),                                 \
				GORT_MAPVOFF(4, GORT_CAT(V_, n))),                                \
			gort_map_##op##_i64(GORT_CAT(p_, n),                                      \
				(uint64_t)GORT_MAPINT(GORT_CAT(k_, n)),                           \
				GORT_MAPSLOT(8, GORT_CAT(V_, n)),                                 \
				GORT_MAPVOFF(8, GORT_CAT(V_, n))),                                \
			gort_map_##op##_string(GORT_CAT(p_, n), GORT_MAPSTRING(GORT_CAT(k_, n)),  \
				GORT_MAPSLOT(16, GORT_CAT(V_, n)),                                \
				GORT_MAPVOFF(16, GORT_CAT(V_, n))),                               \
			GORT_CAT(p_, n)                                                           \
				? (void *)((__typeof__(GORT_CAT(m_, n)))GORT_CAT(p_, n)->kt->op)( \
					  GORT_CAT(p_, n), GORT_CAT(k_, n))                       \
				: NULL);                                                          \
	})

#define map_get(m, ...) GORT_MAPCALL(get, __COUNTER__, m, (__VA_ARGS__), )
#define map_at(m, ...)  (*GORT_MAPAT(__COUNTER__, m, (__VA_ARGS__)))
#define GORT_MAPAT(n, m, key) \
	GORT_MAPCALL(at, n, m, key, if (__builtin_expect(!GORT_CAT(p_, n), 0)) gort_map_nilwrite())
#define map_value(m, ...) GORT_MAPVALUE(__COUNTER__, m, (__VA_ARGS__))
#define GORT_MAPVALUE(n, m, key)                                              \
	__extension__({                                                       \
		__auto_type GORT_CAT(r_, n) = GORT_MAPCALL(get, n, m, key, ); \
		__typeof__(*GORT_CAT(r_, n)) GORT_CAT(z_, n) = {0};           \
		GORT_CAT(r_, n) ? *GORT_CAT(r_, n) : GORT_CAT(z_, n);         \
	})
#define map_delete(m, ...) GORT_MAPDELETE(__COUNTER__, m, (__VA_ARGS__))
#define GORT_MAPDELETE(n, m, key)                                                                \
	__extension__({                                                                          \
		__auto_type GORT_CAT(m_, n) = (m);                                               \
		if (GORT_CAT(m_, n))                                                             \
			(void)((__typeof__(GORT_CAT(m_, n)))GORT_MAP(GORT_CAT(m_, n))->kt->del)( \
				GORT_MAP(GORT_CAT(m_, n)), key);                                 \
	})
#define map_len(m)   GORT_MAPLEN(__COUNTER__, m)
#define map_clear(m) gort_map_clear(GORT_MAP(m))
#define GORT_MAPLEN(n, m)                                       \
	__extension__({                                         \
		struct gort_map *GORT_CAT(m_, n) = GORT_MAP(m); \
		GORT_CAT(m_, n) ? GORT_CAT(m_, n)->len : 0;     \
	})

/*
 * map_range (K, k, v, m) statement: K is the type of m's keys; k and v are copies, new in each
 * turn.
 */
#define map_range(K, k, v, m) GORT_MAPRANGE(__COUNTER__, K, k, v, m)
/* t is 0 while the body runs: a break leaves it so, and ends the loop over the entries. */
#define GORT_MAPRANGE(n, K, k, v, m)                                                             \
	for (struct gort_mapiter GORT_CAT(i_, n),                                                \
		*GORT_CAT(o_, n) = GORT_MAPBEGIN(K, &GORT_CAT(i_, n), m);                        \
		GORT_CAT(o_, n); GORT_CAT(o_, n) = NULL)                                         \
		for (int GORT_CAT(t_, n) = 1; GORT_CAT(t_, n) && GORT_CAT(i_, n).key;            \
			(void)(GORT_CAT(t_, n) && gort_mapiter_next(&GORT_CAT(i_, n))))          \
			for (K k GORT_UNUSED =                                                   \
					 (GORT_CAT(t_, n) = 0, *(const K *)GORT_CAT(i_, n).key), \
				 *GORT_CAT(a_, n) = &k;                                          \
				GORT_CAT(a_, n); GORT_CAT(a_, n) = NULL)                         \
				for (GORT_MAPV(m, k) v                                           \
						GORT_UNUSED =                                    \
							*(GORT_MAPV(m, k) *)GORT_CAT(i_, n).val, \
						*GORT_CAT(b_, n) = &v;                           \
					GORT_CAT(b_, n);                                         \
					GORT_CAT(b_, n) = NULL, GORT_CAT(t_, n) = 1)
/* K must be the type of the keys: a wrong one is an array of negative size. */
#define GORT_MAPBEGIN(K, it, m)                                                            \
	((void)sizeof(char[__builtin_types_compatible_p(                                   \
				   __typeof__(m), map(K, __typeof__(*(m)(NULL, *(K *)0)))) \
				   ? 1                                                     \
				   : -1]),                                                 \
		gort_mapiter_begin((it), GORT_MAP(m)), (it))

/* ---- keys of the program's own ---- */

#define GORT_KEY(T, ...) GORT_CAT(GORT_KEY, GORT_KEYHASFIELDS(__VA_ARGS__))(T, __VA_ARGS__)
#define GORT_KEYHASFIELDS(...) \
	GORT_KEYHASFIELDS_(0 __VA_OPT__(, ) __VA_ARGS__, F, F, F, F, F, F, F, F, F, F, F, F, S, )
#define GORT_KEYHASFIELDS_(z, a, b, c, d, e, f, g, h, i, j, k, l, pick, ...) pick
/* An integer, enum or pointer. */
#define GORT_KEYS(T, ...)                                                     \
	static inline uint64_t gort_keyhash_##T(const void *p, uint64_t seed) \
	{                                                                     \
		return gort_hash64((uint64_t) * (const T *)p, seed);          \
	}                                                                     \
	static inline bool gort_keysame_##T(const void *p, const void *q)     \
	{                                                                     \
		return *(const T *)p == *(const T *)q;                        \
	}                                                                     \
	GORT_KEYTYPE(T, __builtin_classify_type(*(T *)0) == 5, false)
/* A structure. */
#define GORT_KEYF(T, ...)                                                     \
	static inline uint64_t gort_keyhash_##T(const void *p, uint64_t seed) \
	{                                                                     \
		const T *k = (const T *)p;                                    \
		GORT_KEYEACH(GORT_KEYHASH, __VA_ARGS__)                       \
		return seed;                                                  \
	}                                                                     \
	static inline bool gort_keysame_##T(const void *p, const void *q)     \
	{                                                                     \
		const T *a = (const T *)p, *b = (const T *)q;                 \
		return true GORT_KEYEACH(GORT_KEYSAME, __VA_ARGS__);          \
	}                                                                     \
	GORT_KEYTYPE(T, GORT_SCANS(T) != GORT_NOPOINTERS, true)
#define GORT_KEYTYPE(T, scans, updates)                                                          \
	static inline void *gort_keyget_##T(struct gort_map *m, T k)                             \
	{                                                                                        \
		return gort_map_get(m, &k);                                                      \
	}                                                                                        \
	static inline void *gort_keyat_##T(struct gort_map *m, T k)                              \
	{                                                                                        \
		return gort_map_at(m, &k);                                                       \
	}                                                                                        \
	static inline void *gort_keydel_##T(struct gort_map *m, T k)                             \
	{                                                                                        \
		gort_map_delete(m, &k);                                                          \
		return NULL;                                                                     \
	}                                                                                        \
	static const struct gort_keytype gort_keytype_##T GORT_UNUSED = {sizeof(T), _Alignof(T), \
		GORT_KEY_OTHER, scans, updates, gort_keyhash_##T, gort_keysame_##T,              \
		(void (*)(void))gort_keyget_##T, (void (*)(void))gort_keyat_##T,                 \
		(void (*)(void))gort_keydel_##T}
#define GORT_KEYEACH(f, ...) GORT_CAT(GORT_E, GORT_N(__VA_ARGS__))(f, __VA_ARGS__)

static inline bool gort_samedouble(double a, double b)
{
	return a == b;
}

static inline bool gort_sameword(uint64_t a, uint64_t b)
{
	return a == b;
}

/* clang-format off */
#define GORT_KEYHASH(f) seed = _Generic(k->f, gort_string: gort_hashstring,            \
	float: gort_hashdouble, double: gort_hashdouble, default: gort_hash64)(        \
	GORT_KEYFIELD(k->f), seed);
#define GORT_KEYSAME(f) && _Generic(a->f, gort_string: gort_samestring,                \
	float: gort_samedouble, double: gort_samedouble, default: gort_sameword)(      \
	GORT_KEYFIELD(a->f), GORT_KEYFIELD(b->f))
#define GORT_KEYFIELD(x) _Generic((x), gort_string: (x), float: (x), double: (x),      \
	default: GORT_W(x))
/* clang-format on */

#ifdef GORT_NO_MAP
#undef map
#endif

#endif
#endif
