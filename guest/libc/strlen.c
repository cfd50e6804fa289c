#include <string.h>

#include "libc/vector.h"

/*
 * Reads whole aligned blocks, also before the string and behind it: they are
 * in pages that the string is in.
 */
size_t strlen(const char *text)
{
	uintptr_t before = (uintptr_t)text % 16;
	const char *at = text - before;
	unsigned found = equal_bytes(_mm_load_si128((const void *)at),
				     _mm_setzero_si128()) >>
			 before;

	if (found != 0)
		return (size_t)__builtin_ctz(found);
	do {
		at += 16;
		found = equal_bytes(_mm_load_si128((const void *)at),
				    _mm_setzero_si128());
	} while (found == 0);
	return (size_t)(at - text) + (size_t)__builtin_ctz(found);
}
