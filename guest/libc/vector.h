/*
 * What the memory and string functions are written with: 16 bytes at a time
 * with SSE2, which every x86-64 CPU has. musl's own go byte by byte, word by
 * word, or backwards with the direction flag set: up to 40 times slower.
 *
 * Not for the lower half of the runtime, which leaves vector registers alone.
 */
#ifndef MOTE_LIBC_VECTOR_H
#define MOTE_LIBC_VECTOR_H

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>

/* From here on the CPU's own string instructions are at least as fast. */
#define STRING_INSTRUCTION_BYTES 768

typedef __m128i block;

struct __attribute__((packed, may_alias)) word64 {
	uint64_t value;
};
struct __attribute__((packed, may_alias)) word32 {
	uint32_t value;
};
struct __attribute__((packed, may_alias)) word16 {
	uint16_t value;
};

static inline block load_block(const void *from)
{
	return _mm_loadu_si128(from);
}

static inline void store_block(void *to, block value)
{
	_mm_storeu_si128(to, value);
}

/* Bit i is set where byte i of both is the same. */
static inline unsigned equal_bytes(block left, block right)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(left, right));
}

/*
 * Copies up to 128 bytes that may overlap: everything is read before anything
 * is written, in pieces from both ends that meet or overlap.
 */
static inline void copy_short(unsigned char *to, const unsigned char *from,
			      size_t size)
{
	unsigned char *to_end = to + size;
	const unsigned char *end = from + size;

	if (size > 64) {
		block a = load_block(from);
		block b = load_block(from + 16);
		block c = load_block(from + 32);
		block d = load_block(from + 48);
		block e = load_block(end - 64);
		block f = load_block(end - 48);
		block g = load_block(end - 32);
		block h = load_block(end - 16);

		store_block(to, a);
		store_block(to + 16, b);
		store_block(to + 32, c);
		store_block(to + 48, d);
		store_block(to_end - 64, e);
		store_block(to_end - 48, f);
		store_block(to_end - 32, g);
		store_block(to_end - 16, h);
	} else if (size > 32) {
		block a = load_block(from);
		block b = load_block(from + 16);
		block c = load_block(end - 32);
		block d = load_block(end - 16);

		store_block(to, a);
		store_block(to + 16, b);
		store_block(to_end - 32, c);
		store_block(to_end - 16, d);
	} else if (size >= 16) {
		block a = load_block(from);
		block b = load_block(end - 16);

		store_block(to, a);
		store_block(to_end - 16, b);
	} else if (size >= 8) {
		struct word64 a = *(const struct word64 *)(const void *)from;
		struct word64 b =
			*(const struct word64 *)(const void *)(end - 8);

		*(struct word64 *)(void *)to = a;
		*(struct word64 *)(void *)(to_end - 8) = b;
	} else if (size >= 4) {
		struct word32 a = *(const struct word32 *)(const void *)from;
		struct word32 b =
			*(const struct word32 *)(const void *)(end - 4);

		*(struct word32 *)(void *)to = a;
		*(struct word32 *)(void *)(to_end - 4) = b;
	} else if (size >= 2) {
		struct word16 a = *(const struct word16 *)(const void *)from;
		struct word16 b =
			*(const struct word16 *)(const void *)(end - 2);

		*(struct word16 *)(void *)to = a;
		*(struct word16 *)(void *)(to_end - 2) = b;
	} else if (size == 1) {
		*to = *from;
	}
}

/*
 * More than 64 bytes, upwards: `to` is below `from` or does not overlap it.
 * The end is read first, because writing may reach it.
 */
static inline void copy_up(unsigned char *to, const unsigned char *from,
			   size_t size)
{
	block e = load_block(from + size - 64);
	block f = load_block(from + size - 48);
	block g = load_block(from + size - 32);
	block h = load_block(from + size - 16);
	unsigned char *to_end = to + size;

	for (; size > 64; size -= 64) {
		block a = load_block(from);
		block b = load_block(from + 16);
		block c = load_block(from + 32);
		block d = load_block(from + 48);

		store_block(to, a);
		store_block(to + 16, b);
		store_block(to + 32, c);
		store_block(to + 48, d);
		from += 64;
		to += 64;
	}
	store_block(to_end - 64, e);
	store_block(to_end - 48, f);
	store_block(to_end - 32, g);
	store_block(to_end - 16, h);
}

static inline void copy_by_instruction(void *to, const void *from, size_t size)
{
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(size)
			 :
			 : "memory");
}

#endif
