/*
 * Uses memory at addresses that the host says.
 */
#include <stdint.h>
#include <stdlib.h>

#include <mote_guest.h>

MOTE_IMPORT(u32, Meanwhile, (u64, address));

static const volatile uint8_t *at(uint64_t address)
{
	return (const volatile uint8_t *)(uintptr_t)address;
}

MOTE_EXPORT(u32, Read, (u64, address))
{
	return *at(address);
}

MOTE_EXPORT(void, Write, (u64, address), (u32, value))
{
	*(volatile uint8_t *)(uintptr_t)address = (uint8_t)value;
}

MOTE_EXPORT(void, Jump, (u64, address))
{
	((void (*)(void))(uintptr_t)address)();
}

/* Of one byte out of each step. */
MOTE_EXPORT(u64, Sum, (u64, address), (u64, size), (u64, step))
{
	uint64_t sum = 0;
	uint64_t i;

	for (i = 0; i < size; i += step)
		sum = sum * 31 + *at(address + i);
	return sum;
}

/* Lets the host do something in the middle of a call. */
MOTE_EXPORT(u32, Call, (u64, address))
{
	return Meanwhile(address);
}

/* What a guest leaves behind: a secret in its heap and in a variable. */
static uint32_t secret;

MOTE_EXPORT(void, Keep, (u32, value))
{
	uint32_t *block = malloc(sizeof(*block));

	if (block)
		*block = value;
	secret = value;
}

MOTE_EXPORT(u32, Kept, void)
{
	return secret;
}

MOTE_EXPORT(void, Spin, void)
{
	for (;;)
		;
}

MOTE_EXPORT(void, Nothing, void)
{
}
