#include <string.h>

#include "libc/vector.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	if (size <= 128)
		copy_short(to, from, size);
	else if (size < STRING_INSTRUCTION_BYTES)
		copy_up(to, from, size);
	else
		copy_by_instruction(to, from, size);
	return to;
}
