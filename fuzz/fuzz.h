/*
 * The entry of a fuzz target, for libFuzzer or standalone.c.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * A target may have it: prints what no input has reached yet that inputs to
 * start from must reach, and returns how much that is.
 */
size_t fuzz_missing(void) __attribute__((weak));

#endif
