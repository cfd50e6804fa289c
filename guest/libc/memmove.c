#include <string.h>

#include "libc/vector.h"

/* More than 64 bytes, downwards; the beginning is read first. */
static void copy_down(unsigned char *to, const unsigned char *from, size_t size)
{
	block a = load_block(from);
	block b = load_block(from + 16);
	block c = load_block(from + 32);
	block d = load_block(from + 48);

	for (; size > 64; size -= 64) {
		const unsigned char *end = from + size;
		unsigned char *to_end = to + size;
		block e = load_block(end - 64);
		block f = load_block(end - 48);
		block g = load_block(end - 32);
		block h = load_block(end - 16);

		store_block(to_end - 64, e);
		store_block(to_end - 48, f);
		store_block(to_end - 32, g);
		store_block(to_end - 16, h);
	}
	store_block(to, a);
	store_block(to + 16, b);
	store_block(to + 32, c);
	store_block(to + 48, d);
}

void *memmove(void *to, const void *from, size_t size)
{
	/* How far `to` is above `from`; huge if it is below. */
	size_t above = (uintptr_t)to - (uintptr_t)from;

	if (size <= 128)
		copy_short(to, from, size);
	else if (above < size)
		copy_down(to, from, size);
	else if (size < STRING_INSTRUCTION_BYTES)
		copy_up(to, from, size);
	else
		copy_by_instruction(to, from, size);
	return to;
}
