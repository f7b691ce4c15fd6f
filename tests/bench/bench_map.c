/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_map.c - maps, slices, Builder; go/map.go in C. */
#include "bench.h"

#define FEW  1000
#define MANY 1000000 /* less with GORT_BENCH_SCALE */

typedef slice(long) longs;

static map(long, long) few, many;
static map(string, long) fewnames, manynames;
static string *names;
static long *mixed; /* a random order of the keys */
static volatile long sink;

static long manykeys(void)
{
	return scaled(MANY);
}

static inline long key(long i)
{
	return (long)((uint64_t)i * 0x9e3779b97f4a7c15u >> 1);
}

static void setup_keys(long n)
{
	uint64_t seed = 1;
	mixed = gort_new_array(long, (size_t)n, &gort_noscan);
	for (long i = 0; i < n; i++)
		mixed[i] = i;
	for (long i = n - 1; i > 0; i--) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		long j = (long)((seed >> 33) % (uint64_t)(i + 1)), k = mixed[i];
		mixed[i] = mixed[j];
		mixed[j] = k;
	}
}

static void setup_names(long n)
{
	names = gort_new_array(string, (size_t)n);
	for (long i = 0; i < n; i++) {
		char *p = gort_new_array(char, 24, &gort_noscan);
		names[i] = (string){p, snprintf(p, 24, "key-%012lx", (unsigned long)i)};
	}
	setup_keys(n);
}

static void setup_few(void)
{
	few = make_map(long, long);
	setup_keys(FEW);
	for (long i = 0; i < FEW; i++)
		map_at(few, key(i)) = i;
}

static void setup_many(void)
{
	many = make_map(long, long);
	long n = manykeys();
	setup_keys(n);
	for (long i = 0; i < n; i++)
		map_at(many, key(i)) = i;
}

static void setup_fewnames(void)
{
	fewnames = make_map(string, long);
	setup_names(FEW);
	for (long i = 0; i < FEW; i++)
		map_at(fewnames, names[i]) = i;
}

static void setup_manynames(void)
{
	manynames = make_map(string, long);
	long n = manykeys();
	setup_names(n);
	for (long i = 0; i < n; i++)
		map_at(manynames, names[i]) = i;
}

static void get_ints(map(long, long) m, long size, long n)
{
	long sum = 0;
	for (long i = 0, at = 0; i < n; i++) {
		sum += *map_get(m, key(mixed[at]));
		if (++at == size)
			at = 0;
	}
	sink = sum;
}

static void int_get_few(long n)
{
	get_ints(few, FEW, n);
}

static void int_get_many(long n)
{
	get_ints(many, manykeys(), n);
}

static void get_strings(map(string, long) m, long size, long n)
{
	long sum = 0;
	for (long i = 0, at = 0; i < n; i++) {
		sum += *map_get(m, names[mixed[at]]);
		if (++at == size)
			at = 0;
	}
	sink = sum;
}

static void string_get_few(long n)
{
	get_strings(fewnames, FEW, n);
}

static void string_get_many(long n)
{
	get_strings(manynames, manykeys(), n);
}

static void insert(long size, long n)
{
	while (n > 0) {
		map(long, long) m = make_map(long, long);
		for (long i = 0; i < size && n > 0; i++, n--)
			map_at(m, key(i)) = i;
		sink = map_len(m);
	}
}

static void int_set(long n)
{
	insert(FEW, n);
}

static void int_grow(long n)
{
	insert(manykeys(), n);
}

static void delete_insert(long n)
{
	for (long i = 0; i < n; i++) {
		map_delete(few, key(i));
		map_at(few, key(i + FEW)) = i;
	}
	for (long i = 0; i < FEW; i++) { /* as it was */
		map_delete(few, key(n + i));
		map_at(few, key(i)) = i;
	}
}

static void iterate(long n)
{
	uint64_t sum = 0;
	while (n > 0) {
		map_range (long, k, v, many) {
			sum += (uint64_t)k + (uint64_t)v;
			if (--n <= 0)
				break;
		}
	}
	sink = (long)sum;
}

static int64_t worst_of(long n)
{
	int64_t worst = 0;
	map(long, long) m = make_map(long, long);
	for (long i = 0; i < n; i++) {
		int64_t start = nanotime();
		map_at(m, key(i)) = i;
		int64_t took = nanotime() - start;
		if (took > worst)
			worst = took;
	}
	return worst;
}

/* Of several maps, the median: one maximum says more about the machine. */
static void worst_insert(void)
{
	double worst[SAMPLES];
	for (int i = 0; i < SAMPLES; i++)
		worst[i] = (double)worst_of(manykeys()) / 1000;
	qsort(worst, SAMPLES, sizeof(*worst), bench_by_size);
	report("map_worst_insert_1m", worst[SAMPLES / 2]);
}

static void append_few(long n)
{
	while (n > 0) {
		longs s = {0};
		for (long i = 0; i < FEW && n > 0; i++, n--)
			append(&s, i);
		sink = s.ptr[s.len - 1];
	}
}

/* Texts of 16 bytes, 64 to a string. */
static void build(long n)
{
	string piece = S("0123456789abcdef");
	while (n > 0) {
		builder b = {0};
		for (long i = 0; i < 64 && n > 0; i++, n--)
			builder_string(&b, piece);
		sink = builder_result(&b).len;
	}
}

const struct bench map_benches[] = {
	{.id = "map_int_get_1k", .run = int_get_few, .setup = setup_few},
	{.id = "map_int_get_1m", .run = int_get_many, .setup = setup_many, .least = MANY},
	{.id = "map_str_get_1k", .run = string_get_few, .setup = setup_fewnames},
	{.id = "map_str_get_1m", .run = string_get_many, .setup = setup_manynames, .least = MANY},
	{.id = "map_int_set_1k", .run = int_set, .least = 10 * FEW},
	{.id = "map_int_grow_1m", .run = int_grow, .least = MANY},
	{.id = "map_int_delete_insert_1k", .run = delete_insert, .setup = setup_few, .least = FEW},
	{.id = "map_int_iterate_1m", .run = iterate, .setup = setup_many, .least = MANY},
	{.id = "map_worst_insert_1m", .once = worst_insert},
	{.id = "append_1k", .run = append_few, .least = FEW},
	{.id = "builder", .run = build, .least = FEW},
	{0},
};
