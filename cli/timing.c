/*
 * See timing.h.
 */
#include "timing.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t cli_now_ns(void)
{
	struct timespec now = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) +
	       (uint64_t)now.tv_nsec;
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

void cli_spread_of(uint64_t *samples, size_t count, struct cli_spread *spread)
{
	memset(spread, 0, sizeof(*spread));
	if (count == 0)
		return;
	qsort(samples, count, sizeof(*samples), compare);
	spread->low = samples[0];
	spread->high = samples[count - 1];
	spread->median = samples[count / 2];
	if (count % 2 == 0)
		spread->median =
			samples[count / 2 - 1] +
			(samples[count / 2] - samples[count / 2 - 1]) / 2;
}
