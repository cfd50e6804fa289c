#include <ctype.h>
#include <stdlib.h>

#include <mote_guest.h>

/* Memory that the host has mapped: the address is all there is to it. */
static const char *text(uint64_t address)
{
	return (const char *)(uintptr_t)address;
}

MOTE_EXPORT(u64, CountWords, (u64, address), (u64, size))
{
	uint64_t words = 0;
	int before = ' ';

	for (uint64_t i = 0; i < size; i++) {
		words += isspace(before) && !isspace(text(address)[i]);
		before = text(address)[i];
	}
	return words;
}

/* Needs a mapping that it may write to. */
MOTE_EXPORT(string, Shout, (u64, address), (u64, size))
{
	char *own = (char *)(uintptr_t)address;

	for (uint64_t i = 0; i < size; i++)
		own[i] = (char)toupper(own[i]);
	return mote_format("%.*s", (int)size, own);
}
