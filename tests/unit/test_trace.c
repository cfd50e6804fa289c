/*
 * The buffer of a trace, its JSON, and the guest's clock.
 */
#include "harness/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/random.h"
#include "harness/trace_check.h"
#include "obs/clock.h"
#include "obs/trace.h"

static uint64_t seed;

static mote_trace *open_trace(uint64_t limit, struct mti_track *host,
			      struct mti_track *guest)
{
	mote_trace *trace = mti_trace_new(&mti_allocator_libc, limit);

	assert_non_null(trace);
	mti_trace_join(trace, host, guest);
	return trace;
}

static void begin(struct mti_track *track, uint64_t ns, const char *name)
{
	mti_track_begin(track, ns, name, strlen(name));
}

static void test_nesting(void **state)
{
	struct mti_track host;
	struct mti_track guest;
	mote_trace *trace = open_trace(65536, &host, &guest);
	struct trace read;

	(void)state;
	begin(&host, 1000, "call");
	begin(&host, 1500, "run");
	mti_track_event(&guest, 1600, "event", 5);
	begin(&guest, 1700, "outer");
	begin(&guest, 1800, "inner");
	mti_track_counter(&guest, 1900, "count", 5, INT64_MIN);
	mti_track_end(&guest, 2000);
	mti_track_end_all(&guest, 2500);
	mti_track_end(&host, 2600);
	mti_track_end(&host, 2700);
	mti_trace_span(trace, "own", 500, 3000);
	mti_trace_span(trace, "backwards", 500, 400);
	mti_trace_event(trace, "moment", 700);
	trace_read(trace, &read);
	assert_int_equal(read.dropped, 0);
	assert_int_equal(read.count, 9);
	assert_int_equal(trace_find(&read, "moment")->phase, 'i');
	assert_true(trace_find(&read, "moment")->us == 0.7);
	assert_int_equal(trace_find(&read, "inner")->depth, 1);
	assert_true(trace_find(&read, "call")->us == 1.0);
	assert_true(trace_find(&read, "call")->duration_us > 1.69 &&
		    trace_find(&read, "call")->duration_us < 1.71);
	assert_int_equal(trace_find(&read, "count")->value, INT64_MIN);
	assert_int_equal(trace_find(&read, "own")->phase, 'X');
	assert_true(trace_find(&read, "own")->duration_us == 2.5);
	assert_true(trace_find(&read, "backwards")->duration_us == 0);
	assert_int_not_equal(trace_find(&read, "call")->thread,
			     trace_find(&read, "inner")->thread);
	trace_free(&read);
	mti_trace_unref(trace);
}

/* Ends without begins, begins without ends, times that go back. */
static void test_unbalanced(void **state)
{
	struct mti_track host;
	struct mti_track guest;
	mote_trace *trace = open_trace(1 << 20, &host, &guest);
	struct trace read;
	int i;

	(void)state;
	mti_track_end(&guest, 10);
	for (i = 0; i < 1000; i++)
		begin(&guest, (uint64_t)(5000 - i), "deep");
	for (i = 0; i < 990; i++)
		mti_track_end(&guest, 0);
	mti_track_end_all(&guest, 1);
	mti_track_end(&guest, 10);
	begin(&guest, 6000, "after");
	mti_track_end(&guest, 7000);
	trace_read(trace, &read);
	assert_int_equal(trace_count(&read, "deep"), MTI_TRACE_DEPTH_MAX);
	assert_int_equal(read.dropped, 2 + 1000 - MTI_TRACE_DEPTH_MAX);
	assert_int_equal(trace_find(&read, "after")->depth, 0);
	trace_free(&read);
	mti_trace_unref(trace);
}

/* Whatever the limit: what is in the buffer nests. */
static void test_limits(void **state)
{
	struct random_source source = { seed };
	uint64_t limit;

	(void)state;
	for (limit = 1; limit < 4000; limit += 13) {
		struct mti_track tracks[2];
		mote_trace *trace = open_trace(limit, &tracks[0], &tracks[1]);
		struct trace read;
		int i;

		for (i = 0; i < 200; i++) {
			struct mti_track *track =
				&tracks[random_below(&source, 2)];
			static const char name[] = "0123456789abcdefghijkl";

			if (random_below(&source, 2))
				mti_track_begin(track, (uint64_t)i, name,
						random_below(&source, 22));
			else
				mti_track_end(track, (uint64_t)i);
		}
		mti_track_end_all(&tracks[0], 1000);
		mti_track_end_all(&tracks[1], 1000);
		trace_read(trace, &read);
		assert_true(read.dropped > 0);
		trace_free(&read);
		mti_trace_unref(trace);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		const char *wanted;
	} cases[] = {
		{ "a\"b\\c/d", "a\"b\\c/d" },
		{ "\x01\n\t\x1f\x7f", "\x01\n\t\x1f\x7f" },
		{ "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80",
		  "Gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\x80", "\xef\xbf\xbd" },
		{ "x\xc3", "x\xef\xbf\xbd" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf4\x90\x80\x80",
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf0\x80\x80\x80",
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "", "" },
	};
	struct mti_track host;
	struct mti_track guest;
	mote_trace *trace = open_trace(1 << 20, &host, &guest);
	char longest[200];
	struct trace read;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		mti_track_event(&guest, i, cases[i].name,
				strlen(cases[i].name));
	memset(longest, 0xff, sizeof(longest));
	/* So many that blocks fill at every place. */
	for (i = 0; i < 300; i++)
		mti_track_event(&guest, i, longest, i % sizeof(longest));
	trace_read(trace, &read);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(read.events[i].name, cases[i].wanted);
	assert_int_equal(strlen(read.events[i + 199].name),
			 3 * MTI_TRACE_NAME_MAX);
	trace_free(&read);
	mti_trace_unref(trace);
}

static int full(void *context, const void *data, size_t size)
{
	size_t *left = context;

	(void)data;
	if (size > *left)
		return -ENOSPC;
	*left -= size;
	return 0;
}

static void test_full_disk(void **state)
{
	struct mti_track host;
	struct mti_track guest;
	mote_trace *trace = open_trace(1 << 20, &host, &guest);
	size_t left = 0;
	int i;

	(void)state;
	for (i = 0; i < 2000; i++)
		mti_track_event(&guest, (uint64_t)i, "event", 5);
	assert_int_equal(mti_trace_write(trace, full, &left), -ENOSPC);
	left = 50000;
	assert_int_equal(mti_trace_write(trace, full, &left), -ENOSPC);
	left = 1 << 20;
	assert_int_equal(mti_trace_write(trace, full, &left), 0);
	mti_trace_unref(trace);
}

/* 1 GHz: a tick is a nanosecond. */
static struct mti_guest_clock clock_of(uint64_t enter, uint64_t leave)
{
	const struct mti_guest_clock clock = {
		.tick_ns = UINT64_C(1) << 32,
		.enter_ns = enter,
		.leave_ns = leave,
		.enter_tsc = 1000000,
	};

	return clock;
}

static void test_clock(void **state)
{
	struct mti_guest_clock clock = clock_of(5000, 6000);

	(void)state;
	/* 600 ns in the guest, 200 on the way there and 200 back. */
	mti_guest_clock_sync(&clock, 1000600);
	assert_int_equal(mti_guest_clock_at(&clock, 1000000), 5200);
	assert_int_equal(mti_guest_clock_at(&clock, 1000100), 5300);
	assert_int_equal(mti_guest_clock_at(&clock, 1000600), 5800);
	assert_int_equal(mti_guest_clock_at(&clock, 1000800), 6000);
	/* What cannot be stays between entry and exit. */
	assert_int_equal(mti_guest_clock_at(&clock, 1000801), 6000);
	assert_int_equal(mti_guest_clock_at(&clock, UINT64_MAX), 6000);
	assert_int_equal(mti_guest_clock_at(&clock, 0), 5200);
	mti_guest_clock_sync(&clock, 0);
	assert_int_equal(mti_guest_clock_at(&clock, 1000000), 5000);
	mti_guest_clock_sync(&clock, 1001001);
	assert_int_equal(mti_guest_clock_at(&clock, 1000000), 5000);
	mti_guest_clock_sync(&clock, 1000600);
	mti_guest_clock_lost(&clock);
	assert_int_equal(mti_guest_clock_at(&clock, 1000100), 5100);
	/* Without a TSC: in the middle of the run. */
	clock = clock_of(5000, 6000);
	clock.tick_ns = 0;
	mti_guest_clock_sync(&clock, 1000600);
	assert_int_equal(mti_guest_clock_at(&clock, 1000100), 5500);
}

static void test_any_clock(void **state)
{
	struct random_source source = { seed };
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		uint64_t enter = random_any_width(&source) / 2;
		uint64_t leave = enter + random_any_width(&source) / 2;
		struct mti_guest_clock clock = clock_of(enter, leave);
		uint64_t at;

		clock.tick_ns = random_any_width(&source);
		clock.enter_tsc = random_any_width(&source);
		mti_guest_clock_sync(&clock, random_any_width(&source));
		at = mti_guest_clock_at(&clock, random_any_width(&source));
		assert_true(at >= enter && at <= leave);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_unbalanced),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_any_clock),
	};

	seed = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
