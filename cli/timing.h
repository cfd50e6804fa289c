/*
 * How long things took.
 */
#ifndef CLI_TIMING_H
#define CLI_TIMING_H

#include <stddef.h>
#include <stdint.h>

uint64_t cli_now_ns(void);

struct cli_spread {
	uint64_t low;
	uint64_t median;
	uint64_t high;
};

/* Sorts the samples. All 0 if there are none. */
void cli_spread_of(uint64_t *samples, size_t count, struct cli_spread *spread);

#endif
