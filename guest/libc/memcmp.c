#include <string.h>

#include "libc/vector.h"

static int difference(const unsigned char *left, const unsigned char *right,
		      unsigned equal)
{
	int at = __builtin_ctz(~equal);

	return left[at] - right[at];
}

/* Whether 64 bytes are the same. */
static int same_64(const unsigned char *a, const unsigned char *b)
{
	block first = _mm_and_si128(
		_mm_cmpeq_epi8(load_block(a), load_block(b)),
		_mm_cmpeq_epi8(load_block(a + 16), load_block(b + 16)));
	block second = _mm_and_si128(
		_mm_cmpeq_epi8(load_block(a + 32), load_block(b + 32)),
		_mm_cmpeq_epi8(load_block(a + 48), load_block(b + 48)));

	return _mm_movemask_epi8(_mm_and_si128(first, second)) == 0xffff;
}

int memcmp(const void *left, const void *right, size_t size)
{
	const unsigned char *a = left;
	const unsigned char *b = right;
	unsigned equal;

	for (; size >= 64 && same_64(a, b); size -= 64) {
		a += 64;
		b += 64;
	}
	for (; size >= 16; size -= 16) {
		equal = equal_bytes(load_block(a), load_block(b));
		if (equal != 0xffff)
			return difference(a, b, equal);
		a += 16;
		b += 16;
	}
	for (; size > 0; size--) {
		if (*a != *b)
			return *a - *b;
		a++;
		b++;
	}
	return 0;
}
