/*
 * "did you mean ...": how far a mistyped name is from a known one. Pure.
 */
#ifndef CLI_NEAR_H
#define CLI_NEAR_H

#include <stdbool.h>
#include <stddef.h>

/* Names longer than this are compared by their start. */
#define CLI_NEAR_LENGTH_MAX 64

/*
 * Number of typing mistakes (a letter more, less, other, or two swapped)
 * between the names, letter case ignored.
 */
size_t cli_name_distance(const char *a, const char *b);

/* Whether candidate is likely what somebody who typed `typed` meant. */
bool cli_name_near(const char *typed, const char *candidate);

#endif
