#include "stats.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RESAMPLES 1000
#define TAIL (RESAMPLES / 40) /* 2.5 % on each side */

void bench_samples_add(struct bench_samples *samples, double value)
{
	if (samples->count < BENCH_SAMPLES_MAX)
		samples->values[samples->count++] = value;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return (a > b) - (a < b);
}

double bench_median(double *values, size_t count)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), compare);
	if (count % 2 == 1)
		return values[count / 2];
	return (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* Marsaglia, "Xorshift RNGs". */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/*
 * The median of a sample drawn with replacement from sorted values: count
 * how often each rank is drawn, then walk to the middle. No sort.
 */
static double resampled_median(const double *sorted, size_t count,
			       uint32_t *drawn, uint64_t *state)
{
	size_t upper = count / 2;	/* rank of the upper middle */
	size_t lower = (count - 1) / 2; /* of the lower middle */
	double low = 0;
	size_t seen = 0;
	size_t i;

	memset(drawn, 0, count * sizeof(*drawn));
	for (i = 0; i < count; i++)
		drawn[next_random(state) % count]++;
	for (i = 0; i < count; i++) {
		if (seen <= lower && lower < seen + drawn[i])
			low = sorted[i];
		if (seen <= upper && upper < seen + drawn[i])
			return (low + sorted[i]) / 2;
		seen += drawn[i];
	}
	return low;
}

struct bench_stat bench_summarize(const struct bench_samples *samples)
{
	double sorted[BENCH_SAMPLES_MAX];
	uint32_t drawn[BENCH_SAMPLES_MAX];
	double medians[RESAMPLES];
	struct bench_stat stat = { .samples = samples->count };
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
	size_t i;

	if (samples->count == 0)
		return stat;
	memcpy(sorted, samples->values, samples->count * sizeof(*sorted));
	stat.median = bench_median(sorted, samples->count);
	for (i = 0; i < RESAMPLES; i++)
		medians[i] =
			resampled_median(sorted, samples->count, drawn, &state);
	qsort(medians, RESAMPLES, sizeof(*medians), compare);
	stat.low = medians[TAIL];
	stat.high = medians[RESAMPLES - 1 - TAIL];
	return stat;
}
