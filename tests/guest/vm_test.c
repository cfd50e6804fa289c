/*
 * The guests of libc_test.c and calls_test.c in a micro-VM, through the
 * public API: what holds on the bare CPU holds there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <mote/mote.h>
#include <mote/shorthand.h>

#define OUTPUT_MAX 4096

static mote_engine *engine;

struct box {
	mote_image *image;
	mote_sandbox *sandbox;
	char output[OUTPUT_MAX];
};

static void take_output(void *user, uint32_t stream, const char *data,
			size_t size)
{
	struct box *box = user;
	size_t used = strlen(box->output);

	(void)stream;
	assert_true(used + size < OUTPUT_MAX);
	memcpy(box->output + used, data, size);
	box->output[used + size] = '\0';
}

static void open_box(struct box *box, const char *path, uint64_t heap)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;

	memset(box, 0, sizeof(*box));
	options.output = take_output;
	options.output_user = box;
	options.heap_bytes = heap;
	options.deadline_ns = UINT64_C(20000000000);
	if (mote_image_open(engine, path, &box->image, &err) != MOTE_OK ||
	    mote_sandbox_new(box->image, &options, &box->sandbox, &err) !=
		    MOTE_OK)
		fail_msg("%s: %s", path, err.text);
}

static void close_box(struct box *box)
{
	mote_sandbox_free(box->sandbox);
	mote_image_unref(box->image);
}

/* Runs a function that returns "" or what failed. */
static void expect(struct box *box, const char *name, const mote_value *args,
		   size_t count)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;

	if (mote_call(box->sandbox, name, args, count, &result, &err) !=
	    MOTE_OK)
		fail_msg("%s: %s", name, err.text);
	if (result.as.string.size != 0)
		fail_msg("%s", (const char *)result.as.string.data);
}

static void test_libc(void **state)
{
	static const char *const names[] = {
		"Start", "Format", "Control", "Zeros",	"Grow",
		"Map",	 "Files",  "Process", "Random", "Registers",
	};
	static const char *const programs[] = { GUEST_guest_libc,
						GUEST_guest_libc_pie };
	struct box box;
	size_t program;
	size_t i;

	(void)state;
	for (program = 0; program < 2; program++) {
		open_box(&box, programs[program], 0);
		for (i = 0; i < sizeof(names) / sizeof(*names); i++)
			expect(&box, names[i], NULL, 0);
		assert_string_equal(box.output, "kept\n");
		close_box(&box);
	}
}

static void test_heap(void **state)
{
	static const uint64_t sizes[] = { 1 << 20, 20 << 20 };
	struct box box;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		open_box(&box, GUEST_guest_libc, sizes[i]);
		expect(&box, "Exhaust", (mote_value[]){ MOTE_U64(sizes[i]) },
		       1);
		close_box(&box);
	}
}

static void test_time(void **state)
{
	mote_value args[2] = { MOTE_F64((double)time(NULL)), MOTE_BOOL(1) };
	struct box box;

	(void)state;
	open_box(&box, GUEST_guest_libc, 0);
	expect(&box, "Time", args, 2);
	close_box(&box);
}

static void test_ends(void **state)
{
	struct box box;
	mote_error err = MOTE_ERROR_INIT;
	mote_value one = MOTE_I32(7);

	(void)state;
	open_box(&box, GUEST_guest_ends, 0);
	assert_int_equal(mote_call(box.sandbox, "Exit", &one, 1, NULL, &err),
			 MOTE_E_GUEST_EXIT);
	assert_int_equal(err.guest_code, 7);
	assert_string_equal(box.output, "constructed, no end of lineleaving, "
					"at exit\ndestructed");
	close_box(&box);
	open_box(&box, GUEST_guest_ends_pie, 0);
	assert_int_equal(mote_call(box.sandbox, "Abort", NULL, 0, NULL, &err),
			 MOTE_E_GUEST_FAULT);
	assert_int_equal(err.fault.kind, MOTE_FAULT_ABORT);
	close_box(&box);
	open_box(&box, GUEST_guest_ends, 0);
	assert_int_equal(mote_call(box.sandbox, "RunHeap", NULL, 0, NULL, &err),
			 MOTE_E_GUEST_FAULT);
	assert_int_equal(err.fault.kind, MOTE_FAULT_EXECUTE);
	close_box(&box);
	open_box(&box, GUEST_guest_ends, 0);
	assert_int_equal(
		mote_call(box.sandbox, "WriteText", NULL, 0, NULL, &err),
		MOTE_E_GUEST_FAULT);
	assert_int_equal(err.fault.kind, MOTE_FAULT_WRITE);
	close_box(&box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_ends),
	};
	const char *required = getenv("MOTE_REQUIRE_HV");
	mote_error err = MOTE_ERROR_INIT;
	int failures;

	if (mote_engine_new(NULL, &engine, &err) != MOTE_OK) {
		printf("%s\n", err.text);
		return required != NULL && *required != '\0' ? 1 : 77;
	}
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	mote_engine_unref(engine);
	return failures;
}
