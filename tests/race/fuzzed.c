/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzzed.c - for static.sh: a race behind a word that a fuzzer learns from the comparison only. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int shared;

static __attribute__((noinline)) void *change_unlocked(void *arg)
{
	shared++;
	return arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	pthread_t t, u;
	if (n < 8 || memcmp(data, "the word", 8) != 0)
		return 0;
	pthread_create(&t, NULL, change_unlocked, NULL);
	pthread_create(&u, NULL, change_unlocked, NULL);
	pthread_join(t, NULL);
	pthread_join(u, NULL);
	return 1;
}
