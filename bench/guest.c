/*
 * The guest of the measurements.
 */
#include <stdio.h>

#include <mote_guest.h>

#include "work.h"

MOTE_IMPORT(void, Nothing, void);

MOTE_EXPORT(void, Empty, void)
{
}

/* As Empty, but that a trace shows it. */
MOTE_EXPORT(void, Span, void)
{
	MOTE_SPAN("span");
}

MOTE_EXPORT(void, CallHost, (u32, count))
{
	for (; count > 0; count--)
		Nothing();
}

/* Till it is stopped, after a host call. */
MOTE_EXPORT(void, Spin, void)
{
	Nothing();
	for (;;)
		__asm__ volatile("");
}

MOTE_EXPORT(string, Echo, (string, text))
{
	return text;
}

MOTE_EXPORT(void, PrintLines, (u32, count))
{
	for (; count > 0; count--)
		printf("line %u of the output of a guest\n", count);
}

MOTE_EXPORT(u64, Sha256, (u64, times))
{
	uint64_t sum = 0;

	for (; times > 0; times--)
		sum += work_sha256();
	return sum;
}

MOTE_EXPORT(u64, Fib, (u64, times))
{
	uint64_t sum = 0;

	for (; times > 0; times--)
		sum += work_fib(30);
	return sum;
}

MOTE_EXPORT(u64, Integer, (u64, steps))
{
	return work_integer(steps);
}

MOTE_EXPORT(f64, Floating, (u64, steps))
{
	return work_floating(steps);
}

MOTE_EXPORT(u64, Sum, (bytes, data))
{
	return work_sum(data.data, data.size);
}

static volatile uint8_t pages[WORK_PAGES][4096];

MOTE_EXPORT(void, Touch, (u32, count))
{
	for (; count > 0; count--)
		pages[count - 1][0]++;
}

MOTE_EXPORT(string, Compiler, void)
{
	return work_compiler();
}
