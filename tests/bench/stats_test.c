/*
 * The arithmetic behind every figure of mote-bench.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/stats.h"

static struct bench_samples samples;

static void fill(const double *values, size_t count)
{
	size_t i;

	memset(&samples, 0, sizeof(samples));
	for (i = 0; i < count; i++)
		bench_samples_add(&samples, values[i]);
}

static void expect(double value, double wanted)
{
	assert_true(fabs(value - wanted) < 1e-12);
}

static void test_median(void **state)
{
	double odd[] = { 5, 1, 9 };
	double even[] = { 4, 1, 3, 2 };
	double one[] = { 7 };

	(void)state;
	expect(bench_median(odd, 3), 5);
	expect(bench_median(even, 4), 2.5);
	expect(bench_median(one, 1), 7);
	expect(bench_median(one, 0), 0);
}

static void test_no_samples(void **state)
{
	struct bench_stat stat;

	(void)state;
	fill(NULL, 0);
	stat = bench_summarize(&samples);
	assert_int_equal(stat.samples, 0);
	expect(stat.median, 0);
	expect(stat.low, 0);
	expect(stat.high, 0);
}

static void test_equal_samples(void **state)
{
	const double values[] = { 1.5, 1.5, 1.5, 1.5 };
	struct bench_stat stat;

	(void)state;
	fill(values, 4);
	stat = bench_summarize(&samples);
	assert_int_equal(stat.samples, 4);
	expect(stat.median, 1.5);
	expect(stat.low, 1.5);
	expect(stat.high, 1.5);
}

/* The order does not matter, the samples are left alone. */
static void test_order(void **state)
{
	const double up[] = { 1, 2, 3, 4, 5, 6, 7 };
	const double mixed[] = { 4, 7, 1, 6, 2, 5, 3 };
	struct bench_stat a;
	struct bench_stat b;

	(void)state;
	fill(up, 7);
	a = bench_summarize(&samples);
	fill(mixed, 7);
	b = bench_summarize(&samples);
	expect(a.median, 4);
	expect(b.median, a.median);
	expect(b.low, a.low);
	expect(b.high, a.high);
	expect(samples.values[0], 4);
	assert_true(a.low >= 1 && a.low < 4);
	assert_true(a.high > 4 && a.high <= 7);
}

/*
 * 1 to 101: the median's standard error is about half the square root of
 * 101 ranks, so the 95 % interval is some 10 ranks to either side.
 */
static void test_interval(void **state)
{
	struct bench_stat stat;
	int i;

	(void)state;
	memset(&samples, 0, sizeof(samples));
	for (i = 1; i <= 101; i++)
		bench_samples_add(&samples, i);
	stat = bench_summarize(&samples);
	expect(stat.median, 51);
	assert_true(stat.low >= 37 && stat.low <= 45);
	assert_true(stat.high >= 57 && stat.high <= 65);
}

/* One wild sample moves neither the median nor the interval to it. */
static void test_outlier(void **state)
{
	struct bench_stat stat;
	int i;

	(void)state;
	memset(&samples, 0, sizeof(samples));
	for (i = 0; i < 49; i++)
		bench_samples_add(&samples, 1);
	bench_samples_add(&samples, 1e9);
	stat = bench_summarize(&samples);
	expect(stat.median, 1);
	expect(stat.high, 1);
}

static void test_too_many(void **state)
{
	int i;

	(void)state;
	memset(&samples, 0, sizeof(samples));
	for (i = 0; i < BENCH_SAMPLES_MAX + 10; i++)
		bench_samples_add(&samples, 1);
	assert_int_equal(samples.count, BENCH_SAMPLES_MAX);
	assert_int_equal(bench_summarize(&samples).samples, BENCH_SAMPLES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_median),
		cmocka_unit_test(test_no_samples),
		cmocka_unit_test(test_equal_samples),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_outlier),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
