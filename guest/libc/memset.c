#include <string.h>

#include "libc/vector.h"

static void fill_by_instruction(void *to, int value, size_t size)
{
	__asm__ volatile("rep stosb"
			 : "+D"(to), "+c"(size)
			 : "a"(value)
			 : "memory");
}

/* Less than 16 bytes. */
static void fill_short(unsigned char *to, uint64_t bytes, size_t size)
{
	unsigned char *end = to + size;

	if (size >= 8) {
		((struct word64 *)(void *)to)->value = bytes;
		((struct word64 *)(void *)(end - 8))->value = bytes;
	} else if (size >= 4) {
		((struct word32 *)(void *)to)->value = (uint32_t)bytes;
		((struct word32 *)(void *)(end - 4))->value = (uint32_t)bytes;
	} else if (size >= 2) {
		((struct word16 *)(void *)to)->value = (uint16_t)bytes;
		((struct word16 *)(void *)(end - 2))->value = (uint16_t)bytes;
	} else if (size == 1) {
		*to = (unsigned char)bytes;
	}
}

void *memset(void *to, int value, size_t size)
{
	unsigned char *at = to;
	unsigned char *end = at + size;
	block bytes = _mm_set1_epi8((char)value);

	if (size < 16) {
		fill_short(at,
			   (unsigned char)value * UINT64_C(0x0101010101010101),
			   size);
		return to;
	}
	if (size >= STRING_INSTRUCTION_BYTES) {
		fill_by_instruction(to, value, size);
		return to;
	}
	for (; size > 64; size -= 64) {
		store_block(at, bytes);
		store_block(at + 16, bytes);
		store_block(at + 32, bytes);
		store_block(at + 48, bytes);
		at += 64;
	}
	/* 1 to 64 are left, and there are at least 16 in all. */
	for (; size > 16; size -= 16) {
		store_block(at, bytes);
		at += 16;
	}
	store_block(end - 16, bytes);
	return to;
}
