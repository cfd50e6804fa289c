/*
 * What C programs find below their libc, and the ways in which they end.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <mote/shorthand.h>

#include "guest/native.h"

static const char *const libc_programs[] = { GUEST_guest_libc,
					     GUEST_guest_libc_pie };
static const char *const end_programs[] = { GUEST_guest_ends,
					    GUEST_guest_ends_pie };

static void start(struct native *native, const char *program,
		  const struct native_options *options)
{
	native_start(native, program, options, NULL);
	assert_int_equal(native->end, NATIVE_READY);
}

/* Runs a function that returns "" or what failed. */
static void expect(struct native *native, const char *name,
		   const mote_value *args, size_t count)
{
	const struct mti_message *message =
		native_call(native, name, args, count);

	assert_int_equal(message->head.kind, MOTE_MESSAGE_RESULT);
	if (message->values[0].as.string.size != 0)
		fail_msg("%s", (const char *)message->values[0].as.string.data);
}

static void test_libc(void **state)
{
	static const char *const names[] = {
		"Start", "Format",  "Control", "Zeros",	    "Grow",  "Map",
		"Files", "Process", "Random",  "Registers", "Start",
	};
	struct native native;
	struct native_options options = { 0 };
	unsigned variant;
	size_t i;

	(void)state;
	for (variant = 0; variant < 4; variant++) {
		options.features = variant & 1 ? MOTE_FEATURE_FSGSBASE : 0;
		start(&native, libc_programs[variant / 2], &options);
		for (i = 0; i < sizeof(names) / sizeof(*names) - 1; i++)
			expect(&native, names[i], NULL, 0);
		assert_string_equal(native.output[1], "kept\n");
		native_stop(&native);
	}
}

static void test_heap_sizes(void **state)
{
	/* Below, at and above what the static bits of pages.c cover. */
	static const uint64_t sizes[] = { 1 << 20, 16 << 20, 17 << 20,
					  40 << 20 };
	struct native native;
	struct native_options options = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		options.heap_size = sizes[i];
		start(&native, libc_programs[0], &options);
		expect(&native, "Exhaust", (mote_value[]){ MOTE_U64(sizes[i]) },
		       1);
		native_stop(&native);
	}
}

/* A heap of 64 GiB costs nothing until it is used. */
static void test_huge_heap(void **state)
{
	struct native native;
	struct native_options options = { .heap_size = MOTE_HEAP_MAX };

	(void)state;
	start(&native, libc_programs[0], &options);
	assert_int_equal(native_heap_pages(&native), 0);
	expect(&native, "Map", NULL, 0);
	assert_in_range(native_heap_pages(&native), 1, 20);
	native_stop(&native);
}

/* All of the heap can be taken, whatever part its own bits need. */
static void test_reserve(void **state)
{
	/* In the second the bits at the end fill their page exactly. */
	static const uint64_t sizes[] = { 4 << 20, 144 << 20,
					  (144 << 20) + MOTE_PAGE_SIZE };
	struct native native;
	struct native_options options = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		options.heap_size = sizes[i];
		start(&native, libc_programs[1], &options);
		expect(&native, "Reserve", (mote_value[]){ MOTE_U64(sizes[i]) },
		       1);
		native_stop(&native);
	}
}

static double monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_time(void **state)
{
	struct native native;
	struct native_options options = { 0 };
	mote_value args[2];
	unsigned variant;
	double before;
	double now;

	(void)state;
	for (variant = 0; variant < 2; variant++) {
		options.no_tsc = variant == 1;
		start(&native, libc_programs[0], &options);
		args[0] = MOTE_F64((double)time(NULL));
		args[1] = MOTE_BOOL(!options.no_tsc);
		native_forget(&native);
		expect(&native, "Time", args, 2);
		/* The guest's clock runs as fast as the host's. */
		before = monotonic();
		now = native_call(&native, "Now",
				  (mote_value[]){ MOTE_F64(0.05) }, 1)
			      ->values[0]
			      .as.f64;
		if (now < before + 0.05 || now > monotonic() + 1e-3)
			fail_msg("%f after %f, now %f", now, before,
				 monotonic());
		if (!options.no_tsc)
			assert_int_equal(
				native.exits[MOTE_PORT_FLUSH - MOTE_PORT_FIRST],
				0);
		native_stop(&native);
	}
}

static void run_end(struct native *native, const char *name, int32_t argument,
		    size_t count)
{
	native_forget(native);
	native_queue(native, name, (mote_value[]){ MOTE_I32(argument) }, count);
	native_run(native);
}

static uint64_t address(struct native *native, const char *name)
{
	return native_call(native, name, NULL, 0)->values[0].as.u64;
}

static void test_exit(void **state)
{
	struct native native;
	struct native_options options = { 0 };
	unsigned variant;

	(void)state;
	for (variant = 0; variant < 2; variant++) {
		start(&native, end_programs[variant], &options);
		assert_string_equal(native.output[1],
				    "constructed, no end of line");
		run_end(&native, "Exit", 300, 1);
		assert_int_equal(native.end, NATIVE_EXITED);
		assert_int_equal(native.status, 300);
		assert_string_equal(native.output[1],
				    "leaving, at exit\ndestructed");
		native_stop(&native);
		start(&native, end_programs[variant], &options);
		run_end(&native, "QuickExit", -1, 1);
		assert_int_equal(native.end, NATIVE_EXITED);
		assert_int_equal(native.status, UINT32_MAX);
		assert_string_equal(native.output[1], "");
		native_stop(&native);
	}
}

static void test_abort(void **state)
{
	struct native native;
	struct native_options options = { 0 };
	uint64_t place;

	(void)state;
	start(&native, end_programs[0], &options);
	place = address(&native, "AbortAddress");
	run_end(&native, "Abort", 0, 0);
	assert_int_equal(native.end, NATIVE_ABORTED);
	assert_int_equal(native.status, SIGABRT);
	/* The call instruction in a function that does nothing else. */
	assert_in_range(native.pc, place, place + 16);
	native_stop(&native);

	start(&native, end_programs[0], &options);
	place = address(&native, "AssertAddress");
	run_end(&native, "Assert", 1, 1);
	assert_int_equal(native.end, NATIVE_RETURNED);
	run_end(&native, "Assert", 2, 1);
	assert_int_equal(native.end, NATIVE_ABORTED);
	assert_int_equal(native.status, SIGABRT);
	assert_in_range(native.pc, place, place + 64);
	assert_non_null(strstr(native.output[2], "Assertion failed: x == 1 ("));
	native_stop(&native);

	start(&native, end_programs[1], &options);
	run_end(&native, "Raise", SIGCHLD, 1);
	assert_int_equal(native.end, NATIVE_RETURNED);
	run_end(&native, "Raise", SIGTERM, 1);
	assert_int_equal(native.end, NATIVE_ABORTED);
	assert_int_equal(native.status, SIGTERM);
	native_stop(&native);

	start(&native, end_programs[1], &options);
	run_end(&native, "Deadlock", 0, 0);
	assert_int_equal(native.end, NATIVE_ABORTED);
	assert_string_equal(native.output[2], "mote: deadlock in the guest\n");
	native_stop(&native);
}

static void test_faults(void **state)
{
	static const char *const names[] = { "Crash", "WriteText" };
	struct native native;
	struct native_options options = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		start(&native, end_programs[i], &options);
		run_end(&native, names[i], 0, 0);
		assert_int_equal(native.end, NATIVE_FAULTED);
		assert_int_equal(native.status, SIGSEGV);
		native_stop(&native);
	}
}

static void run_main(struct native *native, const mote_value *args,
		     size_t count)
{
	native_forget(native);
	native_queue_message(native, MOTE_MESSAGE_MAIN, 0, args, count);
	native_run(native);
	assert_int_equal(native->end, NATIVE_EXITED);
}

static void test_main(void **state)
{
	struct native native;
	struct native_options options = { 0 };
	unsigned variant;

	(void)state;
	for (variant = 0; variant < 2; variant++) {
		start(&native, end_programs[variant], &options);
		assert_true(native.elf.has_main);
		run_main(&native,
			 (mote_value[]){ MOTE_STRING("/bin/x"), MOTE_STRING(""),
					 MOTE_STRING("a b") },
			 3);
		assert_int_equal(native.status, 3);
		assert_string_equal(native.output[1],
				    "0=/bin/x 1= 2=a b x endsat exit\n"
				    "destructed");
		native_stop(&native);
	}
	start(&native, GUEST_guest_plain, &options);
	assert_true(native.elf.has_main);
	assert_int_equal(native.elf.export_count, 0);
	assert_int_equal(native.elf.import_count, 0);
	run_main(&native, (mote_value[]){ MOTE_STRING("plain") }, 1);
	assert_int_equal(native.status, 3);
	assert_string_equal(native.output[1], "plain: 1\n");
	native_stop(&native);
	start(&native, GUEST_guest_libc, &options);
	assert_false(native.elf.has_main);
	native_stop(&native);
	start(&native, GUEST_guest_libc_pie, &options);
	assert_false(native.elf.has_main);
	native_stop(&native);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_heap_sizes),
		cmocka_unit_test(test_huge_heap),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_main),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
