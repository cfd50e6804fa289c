/*
 * The layout of the public structs is an ABI: it is written out here once
 * more, so that a change of a header alone does not compile. What may change,
 * and when, is in CONTRIBUTING.md.
 */
#include "harness/unit.h"

#include <stddef.h>

#include <mote/bare.h>
#include <mote/control.h>
#include <mote/debug.h>
#include <mote/error.h>
#include <mote/mote.h>
#include <mote/observe.h>
#include <mote/snapshot.h>
#include <mote/value.h>

#ifndef __LP64__
#error "these numbers are those of LP64, the only ABI that Mote has"
#endif

/* tools/check-symbols wants every struct here, and its true last member. */
#define LAYOUT(type, size, last, offset)                                       \
	_Static_assert(sizeof(type) == (size), "the size of " #type);          \
	_Static_assert(offsetof(type, last) == (offset),                       \
		       "the offset of " #type "." #last)

/* value.h */
LAYOUT(mote_span, 16, size, 8);
LAYOUT(mote_value, 24, as, 8);

/* error.h */
LAYOUT(mote_fault, 360, registers, 40);
LAYOUT(mote_error, 896, fault, 536);

/* mote.h */
LAYOUT(mote_backend_info, 280, text, 24);
LAYOUT(mote_allocator, 32, user, 24);
LAYOUT(mote_engine_options, 80, load_max_bytes, 72);
LAYOUT(mote_function, 32, reserved, 28);
LAYOUT(mote_segment, 40, reserved, 36);
LAYOUT(mote_image_info, 64, machine, 60);
LAYOUT(mote_host_function, 32, user, 24);
LAYOUT(mote_log_record, 64, file, 48);
LAYOUT(mote_mapping, 40, address, 32);
LAYOUT(mote_sandbox_options, 224, gdb_user, 216);
LAYOUT(mote_sandbox_stats, 48, output_bytes, 40);
LAYOUT(mote_batch_item, 72, error_text, 56);

/* control.h */
LAYOUT(mote_call_stats, 104, pages_written, 96);

/* bare.h */
LAYOUT(mote_run_result, 16, reserved, 12);

/* snapshot.h */
LAYOUT(mote_snapshot_info, 56, io_bytes, 48);
LAYOUT(mote_snapshot_extent, 40, area, 32);
LAYOUT(mote_pool_options, 24, sandbox, 16);
LAYOUT(mote_pool_stats, 64, replaced, 56);
LAYOUT(mote_layout_entry, 224, digest, 145);

/* debug.h */
LAYOUT(mote_frame, 352, flags, 348);
LAYOUT(mote_core_info, 432, fault, 72);

/* observe.h */
LAYOUT(mote_histogram, 208, buckets, 16);
LAYOUT(mote_metrics, 920, guest_time, 712);

/* What their initialisers say of themselves. */
#define INITIALISED(type, init)                                                \
	do {                                                                   \
		const type record = init;                                      \
		assert_int_equal(record.struct_size, sizeof(record));          \
	} while (0)

static void test_initialisers(void **state)
{
	(void)state;
	INITIALISED(mote_error, MOTE_ERROR_INIT);
	INITIALISED(mote_backend_info, MOTE_BACKEND_INFO_INIT);
	INITIALISED(mote_engine_options, MOTE_ENGINE_OPTIONS_INIT);
	INITIALISED(mote_image_info, MOTE_IMAGE_INFO_INIT);
	INITIALISED(mote_sandbox_options, MOTE_SANDBOX_OPTIONS_INIT);
	INITIALISED(mote_sandbox_stats, MOTE_SANDBOX_STATS_INIT);
	INITIALISED(mote_call_stats, MOTE_CALL_STATS_INIT);
	INITIALISED(mote_run_result, MOTE_RUN_RESULT_INIT);
	INITIALISED(mote_snapshot_info, MOTE_SNAPSHOT_INFO_INIT);
	INITIALISED(mote_pool_options, MOTE_POOL_OPTIONS_INIT);
	INITIALISED(mote_pool_stats, MOTE_POOL_STATS_INIT);
	INITIALISED(mote_core_info, MOTE_CORE_INFO_INIT);
	INITIALISED(mote_metrics, MOTE_METRICS_INIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initialisers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
