/*
 * The host fails: each allocation and each call into the system in turn, once
 * and from then on, on the way from no engine to a finished call. Afterwards
 * the status is one that names the trouble, nothing is left behind, and a
 * sandbox that says it is ready is.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/inject.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/calls_host.h"

#define NUMBERS_MAX 2000

static struct vm_allocator allocator;
static struct calls_host host;

/* How far the way was gone, and how it ended. */
struct outcome {
	const char *stage;
	mote_status status;
	mote_error err;
	uint32_t state;
	mote_status second; /* of a further call, if the state is ready */
	bool right;         /* results were what they should be */
	size_t requests;    /* allocations before the sandbox was freed */
};

static mote_status use_box(mote_sandbox *box, struct outcome *out)
{
	const mote_value text = MOTE_STRING("through");
	const mote_value times = MOTE_U32(3);
	mote_error ignored = MOTE_ERROR_INIT;
	mote_value result;

	out->stage = "call";
	out->status = mote_call(box, "ThroughString", &text, 1, &result,
				&out->err);
	if (out->status == MOTE_OK) {
		out->right = strcmp(result.as.string.data, "through") == 0;
		out->status = mote_call(box, "HostLoop", &times, 1, &result,
					&out->err);
		out->right = out->right &&
			     (out->status != MOTE_OK || result.as.i64 == 3);
	}
	out->state = mote_sandbox_state(box);
	if (out->status != MOTE_OK && out->state == MOTE_SANDBOX_READY &&
	    !injected.persistent)
		out->second = mote_call(box, "HostLoop", &times, 1, &result,
					&ignored);
	return out->status;
}

static void use_image(mote_image *image, struct outcome *out)
{
	const mote_sandbox_options options = calls_host_options(&host);
	mote_sandbox *box = NULL;

	out->stage = "sandbox";
	out->status = mote_sandbox_new(image, &options, &box, &out->err);
	if (out->status == MOTE_OK)
		use_box(box, out);
	out->requests = atomic_load(&allocator.requests);
	mote_sandbox_free(box);
}

/* In a thread of its own: threads have timers. */
static void *whole_way(void *argument)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	struct outcome *out = argument;
	mote_engine *engine = NULL;
	mote_image *image = NULL;

	options.allocator = allocator.public;
	out->stage = "engine";
	out->status = mote_engine_new(&options, &engine, &out->err);
	if (out->status == MOTE_OK) {
		out->stage = "image";
		out->status = mote_image_open(engine, GUEST_vm_calls, &image,
					      &out->err);
	}
	if (out->status == MOTE_OK)
		use_image(image, out);
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

	calls_host_init(&host);
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
		assert_int_equal(out.second, MOTE_OK);
	}
	return out;
}

static void test_way_is_good(void **state)
{
	struct outcome out;

	(void)state;
	injected.function = NULL;
	vm_allocator_init(&allocator);
	out = go();
	vm_expect(out.status, MOTE_OK, &out.err);
}

static void fail_allocations(bool persistent)
{
	struct outcome out;
	size_t number;

	injected.function = NULL;
	for (number = 1; number < NUMBERS_MAX; number++) {
		vm_allocator_init(&allocator);
		atomic_store(&allocator.fail_at, number);
		allocator.persistent = persistent;
		out = go();
		if (atomic_load(&allocator.requests) < number)
			break;
		/* Without the set of pages a restore only takes longer. */
		if (vm_paging() && out.status == MOTE_OK)
			continue;
		/* To free it without one only means to keep nothing of it. */
		vm_expect(out.status,
			  out.requests && out.requests < number ?
				  MOTE_OK :
				  MOTE_E_NO_MEMORY,
			  &out.err);
	}
	vm_expect(out.status, MOTE_OK, &out.err);
	/* The way is long enough to be worth it. */
	assert_true(number > 8);
	/* And the last allocation is before the first call. */
	print_message("%zu allocations\n", number - 1);
}

static void test_allocator_once(void **state)
{
	(void)state;
	fail_allocations(false);
}

static void test_allocator_for_good(void **state)
{
	(void)state;
	fail_allocations(true);
}

static bool is_host_trouble(mote_status status)
{
	switch (status) {
	case MOTE_E_NO_MEMORY:
	case MOTE_E_OS:
	case MOTE_E_NO_HYPERVISOR:
	case MOTE_E_HYPERVISOR:
	case MOTE_E_IMAGE: /* it cannot be read */
		return true;
	default:
		return false;
	}
}

static void fail_function(const char *function, int error, bool persistent)
{
	struct outcome out;
	size_t number;

	for (number = 1; number < NUMBERS_MAX; number++) {
		vm_allocator_init(&allocator);
		memset(&injected, 0, sizeof(injected));
		injected.function = function;
		injected.fail_at = number;
		injected.error = error;
		injected.persistent = persistent;
		out = go();
		injected.function = NULL;
		if (injected.failed == 0)
			break;
		/* What only costs a feature may be tolerated. */
		if (out.status != MOTE_OK && !is_host_trouble(out.status))
			fail_msg("%s %zu, errno %d: %s: %s", function, number,
				 error, mote_status_name(out.status),
				 out.err.text);
		if (out.status == MOTE_E_OS)
			assert_int_equal(out.err.os_errno, error);
		if (out.status == MOTE_E_HYPERVISOR &&
		    strcmp(out.stage, "call") == 0)
			assert_int_equal(out.state, MOTE_SANDBOX_POISONED);
	}
	vm_expect(out.status, MOTE_OK, &out.err);
	print_message("%s, errno %d: %zu\n", function, error, number - 1);
}

static void test_system(void **state)
{
	static const int errors[] = { ENOMEM, EMFILE, EINVAL, EIO };
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < injectable_count; i++) {
		for (j = 0; j < sizeof(errors) / sizeof(errors[0]); j++)
			fail_function(injectable[i], errors[j], false);
		fail_function(injectable[i], ENOMEM, true);
	}
}

/* A KVM_RUN that does nothing but say that a signal came is repeated. */
static void test_interrupted_run(void **state)
{
	struct outcome out;
	size_t number;

	(void)state;
	for (number = 1; number < NUMBERS_MAX; number++) {
		vm_allocator_init(&allocator);
		memset(&injected, 0, sizeof(injected));
		injected.function = "mti_os_run";
		injected.fail_at = number;
		injected.error = number % 2 ? EINTR : EAGAIN;
		out = go();
		injected.function = NULL;
		vm_expect(out.status, MOTE_OK, &out.err);
		if (injected.failed == 0)
			break;
	}
	assert_true(number > 5);
}

/* The signal is installed once per process. */
static void no_handler(void *unused)
{
	mote_engine *engine = NULL;
	mote_error err = MOTE_ERROR_INIT;

	(void)unused;
	injected.function = "mti_os_signal_install";
	injected.fail_at = 1;
	injected.error = EINVAL;
	vm_expect(mote_engine_new(NULL, &engine, &err), MOTE_E_INVALID, &err);
	assert_null(engine);
	/* It is tried again. */
	vm_expect(mote_engine_new(NULL, &engine, &err), MOTE_OK, &err);
	mote_engine_unref(engine);
}

static void test_signal_install(void **state)
{
	(void)state;
	memset(&injected, 0, sizeof(injected));
	vm_fork(no_handler, NULL, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: no signal is installed yet. */
		cmocka_unit_test(test_signal_install),
		cmocka_unit_test(test_way_is_good),
		cmocka_unit_test(test_allocator_once),
		cmocka_unit_test(test_allocator_for_good),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_interrupted_run),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
