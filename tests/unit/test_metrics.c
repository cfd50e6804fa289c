/*
 * Counters, histograms and their text.
 */
#include "harness/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "obs/metrics.h"

#define THREADS 4
#define ROUNDS 20000

static uint64_t bucket_of(uint64_t ns)
{
	struct mti_histogram histogram = { 0 };
	uint64_t i;

	mti_histogram_add(&histogram, ns);
	assert_int_equal(histogram.sum_ns, ns);
	for (i = 0; i < MOTE_METRICS_BUCKETS; i++)
		if (histogram.buckets[i] == 1)
			return i;
	fail_msg("%llu ns are in no bucket", (unsigned long long)ns);
	return 0;
}

static void test_buckets(void **state)
{
	uint64_t i;

	(void)state;
	assert_int_equal(bucket_of(0), 0);
	assert_int_equal(bucket_of(1), 0);
	for (i = 0; i < MOTE_METRICS_BUCKETS - 1; i++) {
		uint64_t border = (UINT64_C(1) << i) * 1000;

		assert_int_equal(bucket_of(border), i);
		assert_int_equal(bucket_of(border + 1), i + 1);
	}
	assert_int_equal(bucket_of(UINT64_MAX), MOTE_METRICS_BUCKETS - 1);
}

static void test_shards(void **state)
{
	struct mti_metrics metrics = { 0 };
	struct mti_metrics_shard shards[3] = { 0 };
	mote_metrics read = MOTE_METRICS_INIT;
	size_t order[] = { 1, 0, 2 };
	size_t i;

	(void)state;
	mti_metrics_init(&metrics);
	for (i = 0; i < 3; i++) {
		mti_metrics_attach(&metrics, &shards[i]);
		mti_metric_bump(
			&shards[i].counters[MTI_METRIC_SANDBOXES_CREATED], 1);
		mti_metric_bump(&shards[i].counters[MTI_METRIC_CANCELS], 5 + i);
		mti_metric_bump(&shards[i].faults[MOTE_FAULT_READ], 1);
		mti_histogram_add(&shards[i].call, 3000);
		mti_histogram_add(&shards[i].guest, 2000);
		mti_histogram_add(&shards[i].host, 1);
	}
	mti_metrics_add(&metrics, MTI_METRIC_RESTORES, 7);
	/* Whatever goes, in whatever order: no number goes with it. */
	for (i = 0; i <= 3; i++) {
		mti_metrics_read(&metrics, &read);
		assert_int_equal(read.struct_size, sizeof(read));
		assert_int_equal(read.sandboxes_created, 3);
		assert_int_equal(read.sandboxes_alive, 3 - i);
		assert_int_equal(read.cancels, 18);
		assert_int_equal(read.calls, 3);
		assert_int_equal(read.restores, 7);
		assert_int_equal(read.faults[MOTE_FAULT_READ], 3);
		assert_int_equal(read.call_time.count, 3);
		assert_int_equal(read.call_time.sum_ns, 9000);
		assert_int_equal(read.call_time.buckets[2], 3);
		assert_int_equal(read.host_time.buckets[0], 3);
		assert_int_equal(read.guest_time.sum_ns, 6000);
		assert_int_equal(read.guest_time.buckets[1], 3);
		if (i < 3)
			mti_metrics_detach(&metrics, &shards[order[i]]);
	}
	assert_null(metrics.shards);
	mti_metrics_fini(&metrics);
}

/* Many come, count and go while somebody reads. */
static void *churn(void *argument)
{
	struct mti_metrics *metrics = argument;
	size_t i;

	for (i = 0; i < ROUNDS; i++) {
		struct mti_metrics_shard shard = { 0 };

		mti_metrics_attach(metrics, &shard);
		mti_metric_bump(&shard.counters[MTI_METRIC_CANCELS], 1);
		mti_metrics_add(metrics, MTI_METRIC_CANCELS, 1);
		mti_metrics_detach(metrics, &shard);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static struct mti_metrics metrics;
	pthread_t threads[THREADS];
	mote_metrics read = MOTE_METRICS_INIT;
	uint64_t before = 0;
	size_t i;

	(void)state;
	mti_metrics_init(&metrics);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn,
						&metrics),
				 0);
	for (i = 0; i < 100; i++) {
		mti_metrics_read(&metrics, &read);
		assert_true(read.cancels >= before);
		before = read.cancels;
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	mti_metrics_read(&metrics, &read);
	assert_int_equal(read.cancels, 2 * THREADS * ROUNDS);
	mti_metrics_fini(&metrics);
}

/* The text is the same whatever room there is; strict parsing is elsewhere. */
static void test_text(void **state)
{
	mote_metrics metrics = MOTE_METRICS_INIT;
	char *whole;
	char *part;
	size_t size;
	size_t room;

	(void)state;
	metrics.calls = UINT64_MAX;
	metrics.faults[MOTE_FAULT_NULL_POINTER] = 3;
	metrics.call_time.count = 2;
	metrics.call_time.sum_ns = 1500000001;
	metrics.call_time.buckets[0] = 1;
	metrics.call_time.buckets[MOTE_METRICS_BUCKETS - 1] = 1;
	size = mote_metrics_format(&metrics, NULL, 0);
	assert_int_equal(mote_metrics_format(&metrics, NULL, 100), size);
	whole = malloc(size + 1);
	assert_non_null(whole);
	assert_int_equal(mote_metrics_format(&metrics, whole, size + 1), size);
	assert_int_equal(strlen(whole), size);
	assert_non_null(strstr(whole,
			       "\nmote_calls_total 18446744073709551615\n"));
	assert_non_null(strstr(
		whole, "\nmote_faults_total{kind=\"null_pointer\"} 3\n"));
	assert_non_null(strstr(
		whole, "\nmote_call_seconds_bucket{le=\"0.000001000\"} 1\n"));
	assert_non_null(strstr(
		whole, "\nmote_call_seconds_bucket{le=\"4.194304000\"} 1\n"));
	assert_non_null(
		strstr(whole, "\nmote_call_seconds_bucket{le=\"+Inf\"} 2\n"
			      "mote_call_seconds_sum 1.500000001\n"
			      "mote_call_seconds_count 2\n"));
	for (room = 1; room <= size; room += 1 + room / 3) {
		part = malloc(room);
		assert_non_null(part);
		assert_int_equal(mote_metrics_format(&metrics, part, room),
				 size);
		assert_int_equal(strlen(part), room - 1);
		assert_memory_equal(part, whole, room - 1);
		free(part);
	}
	free(whole);
}

/* A program from before some member was there. */
static void test_versions(void **state)
{
	mote_metrics metrics = MOTE_METRICS_INIT;
	char text[16384] = "x";

	(void)state;
	metrics.calls = 7;
	metrics.log_dropped = 9;
	metrics.struct_size = offsetof(mote_metrics, log_dropped);
	assert_true(mote_metrics_format(&metrics, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\nmote_calls_total 7\n"));
	assert_non_null(strstr(text, "\nmote_log_dropped_total 0\n"));
	metrics.struct_size = 0;
	assert_int_equal(mote_metrics_format(&metrics, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(mote_metrics_format(NULL, text, sizeof(text)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),  cmocka_unit_test(test_shards),
		cmocka_unit_test(test_threads),  cmocka_unit_test(test_text),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
