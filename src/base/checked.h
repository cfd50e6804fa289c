/*
 * Arithmetic on numbers that a guest or a file chose. Every function returns
 * false instead of a wrapped result. No OS, no state.
 */
#ifndef MTI_BASE_CHECKED_H
#define MTI_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool mti_add_u64(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

static inline bool mti_mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

/* value rounded up to a multiple of align, a power of two. */
static inline bool mti_align_up_u64(uint64_t value, uint64_t align,
				    uint64_t *out)
{
	uint64_t sum;

	if (!mti_add_u64(value, align - 1, &sum))
		return false;
	*out = sum & ~(align - 1);
	return true;
}

static inline uint64_t mti_align_down_u64(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

static inline bool mti_is_aligned_u64(uint64_t value, uint64_t align)
{
	return (value & (align - 1)) == 0;
}

/* Whether [offset, offset + length) lies within [0, limit). */
static inline bool mti_range_ok(uint64_t offset, uint64_t length,
				uint64_t limit)
{
	return offset <= limit && length <= limit - offset;
}

#endif
