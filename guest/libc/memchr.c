#include <string.h>

#include "libc/vector.h"

/* Reads like strlen: whole aligned blocks, all of which hold a wanted byte. */
void *memchr(const void *data, int value, size_t size)
{
	const unsigned char *bytes = data;
	uintptr_t before = (uintptr_t)data % 16;
	const unsigned char *at = bytes - before;
	block wanted = _mm_set1_epi8((char)value);
	unsigned found;
	size_t offset;

	if (size == 0)
		return NULL;
	found = equal_bytes(_mm_load_si128((const void *)at), wanted) >> before;
	if (found != 0) {
		offset = (size_t)__builtin_ctz(found);
		return offset < size ? (void *)(bytes + offset) : NULL;
	}
	for (offset = 16 - before; offset < size; offset += 16) {
		found = equal_bytes(
			_mm_load_si128((const void *)(bytes + offset)), wanted);
		if (found == 0)
			continue;
		offset += (size_t)__builtin_ctz(found);
		return offset < size ? (void *)(bytes + offset) : NULL;
	}
	return NULL;
}
