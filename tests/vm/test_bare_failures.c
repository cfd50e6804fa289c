/*
 * The host fails while it deals with a bare guest: each allocation and each
 * call into the system in turn, on the way from no engine to a guest that was
 * restored and ran again. Nothing is left behind, the error names the trouble,
 * and what did not fail is right.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/inject.h"
#include "harness/unit.h"
#include "vm/bare_host.h"

#define NUMBERS_MAX 1000

static struct vm_allocator allocator;
static struct bare_output output;
static unsigned char *file;
static size_t file_size;

struct outcome {
	mote_status status;
	mote_error err;
	bool right; /* it printed what it should have */
};

/* To the next place where it may be saved, with that line on the way. */
static mote_status run(mote_sandbox *box, const char *line, struct outcome *out)
{
	output.used = 0;
	output.text[0] = '\0';
	out->status = mote_run(box, NULL, &out->err);
	if (out->status == MOTE_OK && strcmp(output.text, line) != 0)
		out->right = false;
	return out->status;
}

static void use_box(mote_sandbox *box, struct outcome *out)
{
	mote_snapshot *snapshot = NULL;

	if (run(box, "", out) != MOTE_OK)
		return;
	out->status = mote_snapshot_take(box, &snapshot, &out->err);
	if (out->status == MOTE_OK)
		(void)run(box, "00010100\n", out);
	if (out->status == MOTE_OK)
		out->status = mote_sandbox_restore(box, snapshot, &out->err);
	if (out->status == MOTE_OK)
		(void)run(box, "00010101\n", out);
	mote_snapshot_unref(snapshot);
}

/* In a thread of its own: threads have timers. */
static void *whole_way(void *argument)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_sandbox_options box_options = bare_options(&output);
	struct outcome *out = argument;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;

	options.allocator = allocator.public;
	out->status = mote_engine_new(&options, &engine, &out->err);
	if (out->status == MOTE_OK)
		out->status = mote_image_from_memory(engine, file, file_size,
						     &image, &out->err);
	if (out->status == MOTE_OK)
		out->status = mote_sandbox_new(image, &box_options, &box,
					       &out->err);
	if (out->status == MOTE_OK)
		use_box(box, out);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return NULL;
}

static struct outcome go(void)
{
	struct vm_resources before = vm_resources_now();
	struct vm_resources after;
	struct outcome out = { .right = true };
	pthread_t thread;

	out.err.struct_size = sizeof(out.err);
	assert_int_equal(pthread_create(&thread, NULL, whole_way, &out), 0);
	pthread_join(thread, NULL);
	after = vm_resources_now();
	assert_int_equal(atomic_load(&allocator.live), 0);
	assert_int_equal(after.descriptors, before.descriptors);
	assert_int_equal(after.mappings, before.mappings);
	assert_true(out.right);
	if (out.status != MOTE_OK) {
		assert_int_equal(out.err.code, out.status);
		assert_true(strlen(out.err.text) > 0);
	}
	return out;
}

static void test_allocator(void **state)
{
	struct outcome out;
	size_t number;

	(void)state;
	injected.function = NULL;
	for (number = 1; number < NUMBERS_MAX; number++) {
		vm_allocator_init(&allocator);
		atomic_store(&allocator.fail_at, number);
		out = go();
		if (atomic_load(&allocator.requests) < number)
			break;
		/* The set of pages can do without: all are put back. */
		if (out.status != MOTE_OK)
			vm_expect(out.status, MOTE_E_NO_MEMORY, &out.err);
	}
	vm_expect(out.status, MOTE_OK, &out.err);
	assert_true(number > 8);
	print_message("%zu allocations\n", number - 1);
}

static bool is_host_trouble(mote_status status, int error)
{
	switch (status) {
	case MOTE_E_NO_MEMORY:
	case MOTE_E_OS:
	case MOTE_E_NO_HYPERVISOR:
	case MOTE_E_HYPERVISOR:
	case MOTE_E_UNSUPPORTED: /* without a filter of MSRs */
		return true;
	case MOTE_E_INVALID: /* a CPU in that state */
	case MOTE_E_GUEST_FAULT: /* who brought it there */
		return error == EINVAL;
	default:
		return false;
	}
}

static void fail_function(const char *function, int error)
{
	struct outcome out;
	size_t number;

	for (number = 1; number < NUMBERS_MAX; number++) {
		vm_allocator_init(&allocator);
		memset(&injected, 0, sizeof(injected));
		injected.function = function;
		injected.fail_at = number;
		injected.error = error;
		out = go();
		injected.function = NULL;
		if (injected.failed == 0)
			break;
		if (out.status != MOTE_OK &&
		    !is_host_trouble(out.status, error))
			fail_msg("%s %zu, errno %d: %s: %s", function, number,
				 error, mote_status_name(out.status),
				 out.err.text);
	}
	vm_expect(out.status, MOTE_OK, &out.err);
	print_message("%s, errno %d: %zu\n", function, error, number - 1);
}

static void test_system(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < injectable_count; i++) {
		fail_function(injectable[i], ENOMEM);
		fail_function(injectable[i], EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocator),
		cmocka_unit_test(test_system),
	};
	const uint32_t number = CASE_SNAPSHOT;
	const size_t length = strlen(CASE_MARK);
	unsigned char *mark;
	int failed;
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(110);
	file = vm_read_file(GUEST_bare_cases64, &file_size);
	mark = memmem(file, file_size, CASE_MARK, length);
	memcpy(mark + length + (0 - length) % sizeof(number), &number,
	       sizeof(number));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(file);
	return failed;
}
