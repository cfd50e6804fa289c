/*
 * The work that `compute` and `bytes_50m` measure: compiled once for the
 * guest and once for the host, from the same file with the same flags.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stddef.h>
#include <stdint.h>

/* That the guest can write. */
#define WORK_PAGES 4000u

#define WORK_SHA256_BYTES (1u << 20)

/* The first 8 bytes of the SHA-256 of WORK_SHA256_BYTES fixed bytes. */
uint64_t work_sha256(void);

/* The naive recursion. */
uint32_t work_fib(uint32_t n);

/* steps dependent multiplications and shifts of a 64-bit number. */
uint64_t work_integer(uint64_t steps);

/* steps dependent multiplications and additions of a double. */
double work_floating(uint64_t steps);

/* The sum of all bytes. */
uint64_t work_sum(const void *data, size_t size);

/* "12.2.0", the compiler that compiled this. */
const char *work_compiler(void);

#endif
