/*
 * A little of everything: used by several examples.
 */
#include <math.h>

#include <mote_guest.h>

MOTE_EXPORT(i32, Add, (i32, a), (i32, b))
{
	return a + b;
}

MOTE_EXPORT(i32, Divide, (i32, a), (i32, b))
{
	if (b == 0) {
		mote_fail(1, "division of %d by zero", a);
		return 0;
	}
	return a / b;
}

MOTE_EXPORT(f64, SquareRoot, (f64, x))
{
	return sqrt(x);
}

static uint64_t counter;

/* A guest keeps its memory from call to call. */
MOTE_EXPORT(u64, Count, void)
{
	return ++counter;
}

/* The number of primes below limit, the slow way. */
MOTE_EXPORT(u32, Primes, (u32, limit))
{
	uint32_t found = 0;

	for (uint32_t n = 2; n < limit; n++) {
		uint32_t d = 2;

		while (d * d <= n && n % d != 0)
			d++;
		found += d * d > n;
	}
	return found;
}

MOTE_EXPORT(void, Crash, void)
{
	*(volatile int *)0 = 42;
}

MOTE_EXPORT(void, LoopForever, void)
{
	for (;;)
		__asm__ volatile("");
}
