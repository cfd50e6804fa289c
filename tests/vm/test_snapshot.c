/*
 * Taking snapshots, going back to them, making sandboxes of them.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "vm/state_host.h"

static struct state_host host;
static mote_error *const err = &host.vm.err;

static void open_host(void)
{
	state_open(&host, GUEST_vm_state);
}

static void test_back(void **state)
{
	mote_sandbox *box;
	mote_snapshot *snapshot;
	int i;

	(void)state;
	open_host();
	box = state_new(&host);
	assert_int_equal(state_i32(box, "Count"), 101);
	state_set_text(box, "first");
	state_touch(box, 20, 2, 5);
	snapshot = state_take(box);
	/* Taking changes nothing. */
	assert_int_equal(state_i32(box, "Count"), 102);
	state_expect_text(box, "first");
	for (i = 0; i < 3; i++) {
		state_restore(box, snapshot);
		assert_int_equal(state_i32(box, "Count"), 102);
		assert_int_equal(state_i32(box, "CountLocal"), 8);
		state_expect_text(box, "first");
		assert_int_equal(state_sum(box, 20, 2), 100);
		state_set_text(box, "second");
		state_touch(box, 40, 3, 9);
		/* Constructors do not run again. */
		assert_int_equal(state_i32(box, "Started"), 1);
	}
	assert_int_equal(host.notes, 1);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&host);
}

/* Back and forth between snapshots that came after each other. */
static void test_several(void **state)
{
	mote_snapshot *snapshots[4];
	char text[32];
	mote_sandbox *box;
	int i;
	int j;

	(void)state;
	open_host();
	box = state_new(&host);
	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		state_set_text(box, text);
		state_touch(box, 10, 1, (uint32_t)i);
		snapshots[i] = state_take(box);
	}
	for (i = 0; i < 20; i++) {
		j = i * 7 % 4;
		state_restore(box, snapshots[j]);
		snprintf(text, sizeof(text), "number %d", j);
		state_expect_text(box, text);
		assert_int_equal(state_sum(box, 10, 1), 10 * j);
		state_set_text(box, "something else");
	}
	/* Each is whole without the others. */
	for (i = 0; i < 3; i++)
		mote_snapshot_unref(snapshots[i]);
	state_restore(box, snapshots[3]);
	state_expect_text(box, "number 3");
	mote_snapshot_unref(snapshots[3]);
	mote_sandbox_free(box);
	state_close(&host);
}

/* It outlives the sandbox, the image's and the engine's other users. */
static void test_outlives(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;

	(void)state;
	open_host();
	box = state_new(&host);
	state_set_text(box, "kept");
	snapshot = state_take(box);
	mote_sandbox_free(box);
	mote_image_unref(host.vm.image);
	mote_engine_unref(host.vm.engine);
	host.vm.image = NULL;
	host.vm.engine = NULL;
	assert_non_null(mote_snapshot_image(snapshot));
	box = state_clone(&host, snapshot);
	mote_snapshot_unref(snapshot);
	state_expect_text(box, "kept");
	assert_int_equal(host.notes, 1);
	mote_sandbox_free(box);
	state_close(&host);
}

static void test_clones(void **state)
{
	mote_sandbox *boxes[5];
	mote_snapshot *snapshot;
	mote_snapshot *again;
	mote_sandbox *box;
	char text[32];
	int i;

	(void)state;
	open_host();
	box = state_new(&host);
	state_set_text(box, "mother");
	state_touch(box, 30, 1, 3);
	snapshot = state_take(box);
	for (i = 0; i < 5; i++) {
		boxes[i] = state_clone(&host, snapshot);
		snprintf(text, sizeof(text), "child %d", i);
		state_expect_text(boxes[i], "mother");
		assert_int_equal(state_sum(boxes[i], 30, 1), 90);
		state_set_text(boxes[i], text);
		state_touch(boxes[i], 30, 1, (uint32_t)i);
	}
	state_expect_text(box, "mother");
	for (i = 0; i < 5; i++) {
		snprintf(text, sizeof(text), "child %d", i);
		state_expect_text(boxes[i], text);
		assert_int_equal(state_sum(boxes[i], 30, 1), 30 * i);
	}
	/* A clone's snapshot, restored to by its mother and a sister. */
	again = state_take(boxes[2]);
	state_restore(box, again);
	state_expect_text(box, "child 2");
	state_restore(boxes[3], again);
	state_expect_text(boxes[3], "child 2");
	assert_int_equal(state_sum(boxes[3], 30, 1), 60);
	state_restore(boxes[2], snapshot);
	state_expect_text(boxes[2], "mother");
	for (i = 0; i < 5; i++)
		mote_sandbox_free(boxes[i]);
	mote_snapshot_unref(snapshot);
	mote_snapshot_unref(again);
	mote_sandbox_free(box);
	assert_int_equal(host.notes, 1);
	state_close(&host);
}

static void expect_state(mote_sandbox *box, uint32_t expected)
{
	assert_int_equal(mote_sandbox_state(box), expected);
}

/* Whatever happened to it. */
static void test_heals(void **state)
{
	mote_snapshot *snapshot;
	mote_snapshot *none = NULL;
	mote_sandbox *box;
	int status;
	int i;

	(void)state;
	open_host();
	box = state_new(&host);
	snapshot = state_take(box);
	for (i = 0; i < 2; i++) {
		state_set_text(box, "before");
		state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
		expect_state(box, MOTE_SANDBOX_POISONED);
		state_fail(box, "Count", MOTE_E_POISONED);
		vm_expect(mote_snapshot_take(box, &none, err), MOTE_E_POISONED,
			  err);
		vm_expect_text(err, "restore or free");
		state_restore(box, snapshot);
		assert_int_equal(state_i32(box, "Count"), 101);
		state_expect_text(box, "");
		state_fail(box, "Abort", MOTE_E_GUEST_FAULT);
		state_restore(box, snapshot);
		assert_int_equal(state_i32(box, "Count"), 101);
		vm_expect(mote_sandbox_set_deadline(box, 1000000, err), MOTE_OK,
			  err);
		state_fail(box, "Spin", MOTE_E_DEADLINE);
		state_restore(box, snapshot);
		vm_expect(mote_sandbox_set_deadline(box, 20000000000u, err),
			  MOTE_OK, err);
		assert_int_equal(state_i32(box, "Count"), 101);
		vm_expect(mote_run_main(box, 0, NULL, &status, err), MOTE_OK,
			  err);
		assert_int_equal(status, 101);
		expect_state(box, MOTE_SANDBOX_EXITED);
		state_fail(box, "Count", MOTE_E_STATE);
		vm_expect(mote_snapshot_take(box, &none, err), MOTE_E_STATE,
			  err);
		state_restore(box, snapshot);
		assert_int_equal(state_i32(box, "Count"), 101);
	}
	/* Twice in a row, and without a call in between. */
	state_restore(box, snapshot);
	state_restore(box, snapshot);
	assert_int_equal(state_i32(box, "Count"), 101);
	assert_null(none);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&host);
}

/* A new sandbox that is restored before it was ever called. */
static void test_other_sandbox(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;

	(void)state;
	open_host();
	box = state_new(&host);
	state_set_text(box, "travels");
	snapshot = state_take(box);
	mote_sandbox_free(box);
	box = state_new(&host);
	state_restore(box, snapshot);
	state_expect_text(box, "travels");
	state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
	state_restore(box, snapshot);
	state_expect_text(box, "travels");
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&host);
}

/* An image that was opened twice is the same program. */
static void test_other_image(void **state)
{
	mote_sandbox_options options;
	mote_sandbox *other = NULL;
	mote_image *image = NULL;
	mote_snapshot *snapshot;
	mote_snapshot *third;
	mote_sandbox *box;

	(void)state;
	open_host();
	options = state_options(&host);
	box = state_new(&host);
	state_set_text(box, "here");
	snapshot = state_take(box);
	vm_expect(mote_image_open(host.vm.engine, GUEST_vm_state, &image, err),
		  MOTE_OK, err);
	vm_expect(mote_sandbox_new(image, &options, &other, err), MOTE_OK, err);
	mote_image_unref(image);
	state_set_text(other, "there");
	third = state_take(other);
	state_restore(other, snapshot);
	state_expect_text(other, "here");
	state_restore(other, third);
	state_expect_text(other, "there");
	state_restore(box, third);
	state_expect_text(box, "there");
	state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
	state_restore(box, snapshot);
	state_expect_text(box, "here");
	mote_sandbox_free(other);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	mote_snapshot_unref(third);
	state_close(&host);
}

/* The text says what differs; box is as it was. */
static void refused(mote_sandbox *box, mote_snapshot *snapshot,
		    const char *text)
{
	vm_expect(mote_sandbox_restore(box, snapshot, err), MOTE_E_INCOMPATIBLE,
		  err);
	vm_expect_text(err, text);
	state_expect_text(box, "unharmed");
}

/* Takes image. */
static mote_snapshot *snapshot_of(mote_image *image,
				  const mote_sandbox_options *options)
{
	mote_sandbox *box = NULL;
	mote_snapshot *snapshot;

	vm_expect(mote_sandbox_new(image, options, &box, err), MOTE_OK, err);
	snapshot = state_take(box);
	mote_sandbox_free(box);
	mote_image_unref(image);
	return snapshot;
}

static mote_image *open_image(void)
{
	mote_image *image = NULL;

	vm_expect(mote_image_open(host.vm.engine, GUEST_vm_state, &image, err),
		  MOTE_OK, err);
	return image;
}

/* The program with something after its end, or another byte there. */
static mote_image *changed_image(size_t more)
{
	mote_image *image = NULL;
	unsigned char *bytes;
	size_t size;

	bytes = vm_read_file(GUEST_vm_state, &size);
	bytes = realloc(bytes, size + 1);
	assert_non_null(bytes);
	bytes[size] = 0;
	/* Nobody looks at the names of sections. */
	bytes[size - 1] ^= 1;
	vm_expect(mote_image_from_memory(host.vm.engine, bytes, size + more,
					 &image, err),
		  MOTE_OK, err);
	free(bytes);
	return image;
}

static void swap(mote_engine **a, mote_engine **b)
{
	mote_engine *kept = *a;

	*a = *b;
	*b = kept;
}

static void test_refused(void **state)
{
	mote_sandbox_options options;
	mote_snapshot *snapshot;
	mote_engine *engine = NULL;
	mote_sandbox *box;

	(void)state;
	open_host();
	box = state_new(&host);
	state_set_text(box, "unharmed");
	options = state_options(&host);
	options.heap_bytes = 16 << 20;
	snapshot = snapshot_of(open_image(), &options);
	refused(box, snapshot,
		"heap_bytes: the snapshot has 16777216, the sandbox 8388608");
	mote_snapshot_unref(snapshot);
	options = state_options(&host);
	options.stack_bytes = 64 << 10;
	snapshot = snapshot_of(open_image(), &options);
	refused(box, snapshot,
		"stack_bytes: the snapshot has 65536, the sandbox 1048576");
	mote_snapshot_unref(snapshot);
	options = state_options(&host);
	options.io_bytes = 64 << 10;
	snapshot = snapshot_of(open_image(), &options);
	refused(box, snapshot,
		"io_bytes: the snapshot has 65536, the sandbox 1052672");
	mote_snapshot_unref(snapshot);
	options = state_options(&host);
	snapshot = snapshot_of(changed_image(0), &options);
	refused(box, snapshot, "program: ");
	mote_snapshot_unref(snapshot);
	snapshot = snapshot_of(changed_image(1), &options);
	refused(box, snapshot, "size of the program: ");
	mote_snapshot_unref(snapshot);
	/* Of another engine. */
	vm_expect(mote_engine_new(NULL, &engine, err), MOTE_OK, err);
	swap(&host.vm.engine, &engine);
	options = state_options(&host);
	snapshot = snapshot_of(open_image(), &options);
	swap(&host.vm.engine, &engine);
	mote_engine_unref(engine);
	refused(box, snapshot, "engine");
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&host);
}

/* ------------------------------------------------- while a call runs */

static mote_sandbox *caller;
static mote_snapshot *kept;

static void expect_refused(mote_status expected)
{
	mote_error wrong = MOTE_ERROR_INIT;
	mote_snapshot *none = NULL;

	vm_expect(mote_snapshot_take(caller, &none, &wrong), expected, &wrong);
	vm_expect(mote_sandbox_restore(caller, kept, &wrong), expected, &wrong);
	assert_null(none);
}

static void *in_thread(void *unused)
{
	(void)unused;
	expect_refused(MOTE_E_BUSY);
	return NULL;
}

/* Of its own sandbox nothing; of another one everything. */
static mote_status in_call(void *other, mote_host_call *call,
			   const mote_value *args, size_t count,
			   mote_value *result)
{
	pthread_t thread;
	mote_snapshot *snapshot;

	(void)call;
	(void)count;
	expect_refused(MOTE_E_STATE);
	assert_int_equal(pthread_create(&thread, NULL, in_thread, NULL), 0);
	pthread_join(thread, NULL);
	state_set_text(other, "in between");
	snapshot = state_take(other);
	state_restore(other, kept);
	state_expect_text(other, "kept");
	state_restore(other, snapshot);
	mote_snapshot_unref(snapshot);
	*result = args[0];
	return MOTE_OK;
}

static void test_in_call(void **state)
{
	const mote_value argument = MOTE_STRING("through");
	mote_sandbox *other;
	mote_value result;

	(void)state;
	open_host();
	other = state_new(&host);
	host.functions[0].fn = in_call;
	host.functions[0].user = other;
	caller = state_new(&host);
	state_set_text(caller, "kept");
	kept = state_take(caller);
	vm_expect(mote_call(caller, "Echo", &argument, 1, &result, err),
		  MOTE_OK, err);
	assert_string_equal(result.as.string.data, "through");
	state_expect_text(caller, "kept");
	state_expect_text(other, "in between");
	mote_snapshot_unref(kept);
	mote_sandbox_free(caller);
	mote_sandbox_free(other);
	state_close(&host);
}

static void test_nothing(void **state)
{
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box;

	(void)state;
	open_host();
	box = state_new(&host);
	vm_expect(mote_snapshot_take(NULL, &snapshot, err), MOTE_E_INVALID,
		  err);
	vm_expect(mote_snapshot_take(box, NULL, err), MOTE_E_INVALID, err);
	vm_expect(mote_sandbox_restore(box, NULL, err), MOTE_E_INVALID, err);
	snapshot = state_take(box);
	vm_expect(mote_sandbox_restore(NULL, snapshot, err), MOTE_E_INVALID,
		  err);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_outlives),
		cmocka_unit_test(test_clones),
		cmocka_unit_test(test_heals),
		cmocka_unit_test(test_other_sandbox),
		cmocka_unit_test(test_other_image),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_in_call),
		cmocka_unit_test(test_nothing),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
