/* SPDX-License-Identifier: BSD-2-Clause */
/* explore.h - visits every state of a row, breadth first, and tells whether one is lost. */
#ifndef GORT_TESTS_MODEL_EXPLORE_H
#define GORT_TESTS_MODEL_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

struct rules;

struct result {
	uint64_t states, steps;
	bool lost;
	bool full;    /* more states than there is room for: nothing is shown */
	int shortest; /* steps to the first lost state */
};

/* maxstates: 24 bytes each, and as much again for finding them. */
struct result explore(const struct rules *row, uint32_t maxstates);

/* Prints the steps to the first lost state; call after explore said there is one. */
void print_loss(const struct rules *row, uint32_t maxstates);

#endif
