/*
 * Random numbers that can be had again: splitmix64 (Steele, Lea, Flood:
 * "Fast splittable pseudorandom number generators").
 */
#ifndef HARNESS_RANDOM_H
#define HARNESS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random_source {
	uint64_t state;
};

uint64_t random_u64(struct random_source *source);

/* 0 to limit - 1; limit is not 0. */
size_t random_below(struct random_source *source, size_t limit);

/* A number whose width is random too: small and extreme ones are likely. */
uint64_t random_any_width(struct random_source *source);

/*
 * The seed of a test program: --seed N, else MOTE_SEED, else the time. Prints
 * how to have the same run again.
 */
uint64_t random_seed(int argc, char **argv);

/*
 * Changes some bytes, or fields of 2, 4 or 8, at random places, and sometimes
 * cuts the end off. Returns the new size, at most size.
 */
size_t random_mutate(struct random_source *source, unsigned char *bytes,
		     size_t size);

#endif
