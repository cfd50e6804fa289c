/*
 * Finds primes in two ways, one of which is not worth it. For profiles.
 */
#include <stdlib.h>
#include <string.h>

#include <mote_guest.h>

static bool divides_any(uint32_t n)
{
	for (uint32_t d = 2; d * d <= n; d++)
		if (n % d == 0)
			return true;
	return false;
}

static uint32_t by_division(uint32_t limit)
{
	uint32_t count = 0;

	for (uint32_t n = 2; n < limit; n++)
		count += !divides_any(n);
	return count;
}

static char *new_sieve(uint32_t limit)
{
	char *sieve = malloc(limit);

	if (sieve)
		memset(sieve, 1, limit);
	return sieve;
}

static uint32_t by_sieve(uint32_t limit)
{
	char *sieve = new_sieve(limit);
	uint32_t count = 0;

	if (!sieve)
		return 0;
	for (uint32_t n = 2; n < limit; n++) {
		if (!sieve[n])
			continue;
		count++;
		for (uint64_t k = (uint64_t)n * n; k < limit; k += n)
			sieve[k] = 0;
	}
	/* The sieve is not given back. */
	return count;
}

MOTE_EXPORT(bool, Agree, (u32, limit))
{
	return by_division(limit) == by_sieve(limit);
}
