/*
 * What bare guests in C are written with. main() gets what abi/bare.h says is
 * in EBX; its result is the exit status.
 */
#ifndef BARE_IO_H
#define BARE_IO_H

#include <stdint.h>

#include "abi/bare.h"

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void print(const char *text)
{
	for (; *text; text++)
		out8(MOTE_BARE_PORT_SERIAL, (uint8_t)*text);
}

static inline void print_hex(uint32_t value)
{
	int shift;

	for (shift = 28; shift >= 0; shift -= 4)
		out8(MOTE_BARE_PORT_SERIAL,
		     (uint8_t)"0123456789abcdef"[value >> shift & 15]);
}

_Noreturn static inline void leave(uint32_t status)
{
	out32(MOTE_BARE_PORT_EXIT, status);
	for (;;)
		__asm__ volatile("hlt");
}

int main(const struct mote_abi_bare_info *info);

#endif
