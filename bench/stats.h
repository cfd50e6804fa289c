/*
 * Medians and their intervals. Pure.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

/* More samples of one figure than this are not kept. */
#define BENCH_SAMPLES_MAX 1024

struct bench_samples {
	size_t count;
	double values[BENCH_SAMPLES_MAX];
};

/* low and high: the 95 % bootstrap interval of the median. */
struct bench_stat {
	double median;
	double low;
	double high;
	size_t samples;
};

/* Drops the value if there is no room. */
void bench_samples_add(struct bench_samples *samples, double value);

/* Sorts values; the mean of the two in the middle if count is even. */
double bench_median(double *values, size_t count);

/*
 * All zero without samples. The resampling is pseudo-random with a fixed
 * seed: the same samples always have the same interval.
 */
struct bench_stat bench_summarize(const struct bench_samples *samples);

#endif
