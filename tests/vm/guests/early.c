/*
 * Uses what is mapped before main, or any other function of it, can run.
 */
#include <stdint.h>

#include <mote_guest.h>

#include "early.h"

static uint64_t file_sum;
static uint32_t memory_byte;

static volatile uint8_t *at(uint64_t address)
{
	return (volatile uint8_t *)(uintptr_t)address;
}

__attribute__((constructor)) static void look(void)
{
	uint64_t i;

	for (i = 0; i < EARLY_FILE_BYTES; i++)
		file_sum = file_sum * 31 + *at(EARLY_FILE + i);
	memory_byte = *at(EARLY_MEMORY);
	*at(EARLY_PRIVATE) = EARLY_MARK;
}

/* What the constructor has seen. */
MOTE_EXPORT(u64, FileSum, void)
{
	return file_sum;
}

MOTE_EXPORT(u32, MemoryByte, void)
{
	return memory_byte;
}

MOTE_EXPORT(u32, Read, (u64, address))
{
	return *at(address);
}

MOTE_EXPORT(void, Write, (u64, address), (u32, value))
{
	*at(address) = (uint8_t)value;
}
