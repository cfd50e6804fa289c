/*
 * Many calls in one entry, and main.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/calls_host.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_IO (1 * MIB + 4096)
#define ITEMS 100

static struct vm vm;
static struct calls_host host;
static mote_sandbox *box;
static mote_batch_item items[ITEMS];
static mote_value arguments[ITEMS][2];

static void open_box(void)
{
	box = calls_host_open(&host, &vm);
	memset(items, 0, sizeof(items));
}

static void close_box(void)
{
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void set_item(size_t index, const char *function, mote_value argument)
{
	arguments[index][0] = argument;
	items[index].function = function;
	items[index].args = arguments[index];
	items[index].count = 1;
	/* To be overwritten on success, and only then. */
	items[index].result = MOTE_I32(12345);
	items[index].status = -1;
}

static int32_t count_now(void)
{
	mote_value result;

	vm_expect(mote_call(box, "Count", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	return result.as.i32;
}

static void test_sizes(void **state)
{
	size_t count;
	size_t i;

	(void)state;
	open_box();
	vm_expect(mote_call_batch(box, NULL, 0, &vm.err), MOTE_OK, &vm.err);
	vm_expect(mote_call_batch(box, items, 0, &vm.err), MOTE_OK, &vm.err);
	for (count = 1; count <= ITEMS; count += 33) {
		for (i = 0; i < count; i++)
			set_item(i, "EchoI32", MOTE_I32((int32_t)i - 50));
		vm_expect(mote_call_batch(box, items, count, &vm.err), MOTE_OK,
			  &vm.err);
		for (i = 0; i < count; i++) {
			assert_int_equal(items[i].status, MOTE_OK);
			assert_int_equal(items[i].result.type, MOTE_TYPE_I32);
			assert_int_equal(items[i].result.as.i32,
					 (int32_t)i - 50);
		}
	}
	close_box();
}

static void test_mixed(void **state)
{
	(void)state;
	open_box();
	set_item(0, "EchoString", MOTE_STRING("first"));
	set_item(1, "Fail", MOTE_I32(-3));
	arguments[1][1] = MOTE_STRING("because");
	items[1].count = 2;
	set_item(2, "EchoBytes", MOTE_BYTES("\0\1\2", 3));
	set_item(3, "ThroughI32", MOTE_I32(77));
	set_item(4, "Print", MOTE_I32(2));
	items[5].function = "Nothing";
	set_item(6, "EchoString", MOTE_STRING("last"));
	vm_expect(mote_call_batch(box, items, 7, &vm.err), MOTE_OK, &vm.err);
	assert_string_equal(items[0].result.as.string.data, "first");
	assert_int_equal(items[1].status, MOTE_E_GUEST_ERROR);
	assert_int_equal(items[1].guest_code, -3);
	assert_int_equal(items[1].result.type, MOTE_TYPE_VOID);
	assert_int_equal(items[1].error_text.size, 7);
	assert_string_equal(items[1].error_text.data, "because");
	assert_int_equal(items[2].result.as.bytes.size, 3);
	assert_memory_equal(items[2].result.as.bytes.data, "\0\1\2", 3);
	assert_int_equal(items[3].result.as.i32, 77);
	assert_string_equal(host.log, "line 0\nline 1\n");
	assert_int_equal(items[5].status, MOTE_OK);
	assert_int_equal(items[5].result.type, MOTE_TYPE_VOID);
	/* All of them are valid until the next operation. */
	assert_string_equal(items[6].result.as.string.data, "last");
	assert_int_equal(count_now(), 2);
	close_box();
}

/* Nothing has run if one of them cannot. */
static void expect_refused(size_t count, mote_status expected,
			   const char *text)
{
	vm_expect(mote_call_batch(box, items, count, &vm.err), expected,
		  &vm.err);
	vm_expect_text(&vm.err, text);
	assert_int_equal(items[0].status, -1);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
}

static void test_bad_item(void **state)
{
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < 10; i++) {
		set_item(i, "Count", MOTE_I32(0));
		items[i].count = 0;
	}
	items[7].function = "NoSuchFunction";
	expect_refused(10, MOTE_E_NOT_FOUND, "item 7");
	vm_expect_text(&vm.err, "NoSuchFunction");
	items[7].function = NULL;
	expect_refused(10, MOTE_E_INVALID, "item 7");
	set_item(7, "EchoI32", MOTE_STRING("no"));
	expect_refused(10, MOTE_E_SIGNATURE, "item 7");
	vm_expect_text(&vm.err, "EchoI32");
	items[7].count = 0;
	expect_refused(10, MOTE_E_SIGNATURE, "item 7");
	set_item(7, "EchoBool", MOTE_BOOL(1));
	arguments[7][0].as.boolean = 2;
	expect_refused(10, MOTE_E_INVALID, "item 7");
	items[7].args = NULL;
	expect_refused(10, MOTE_E_INVALID, "item 7");
	assert_int_equal(count_now(), 1);
	close_box();
}

static void test_too_large(void **state)
{
	char *half = malloc(DEFAULT_IO / 2);

	(void)state;
	assert_non_null(half);
	open_box();
	set_item(0, "Sum", MOTE_BYTES(half, DEFAULT_IO / 2 - 48));
	set_item(1, "Sum", MOTE_BYTES(half, DEFAULT_IO / 2 - 48));
	memset(half, 1, DEFAULT_IO / 2);
	vm_expect(mote_call_batch(box, items, 2, &vm.err), MOTE_OK, &vm.err);
	assert_true(items[0].result.as.u64 == items[1].result.as.u64);
	set_item(0, "Sum", MOTE_BYTES(half, DEFAULT_IO / 2 - 48));
	set_item(1, "Sum", MOTE_BYTES(half, DEFAULT_IO / 2 - 47));
	expect_refused(2, MOTE_E_TOO_LARGE, "item 1");
	assert_int_equal(count_now(), 1);
	close_box();
	free(half);
}

/* The results together do not fit: the guest says so, item by item. */
static void test_results_too_large(void **state)
{
	(void)state;
	open_box();
	set_item(0, "MakeString", MOTE_U64(700000));
	set_item(1, "MakeString", MOTE_U64(700000));
	set_item(2, "EchoI32", MOTE_I32(6));
	vm_expect(mote_call_batch(box, items, 3, &vm.err), MOTE_OK, &vm.err);
	assert_int_equal(items[0].status, MOTE_OK);
	assert_int_equal(items[0].result.as.string.size, 700000);
	assert_int_equal(items[1].status, MOTE_E_GUEST_ERROR);
	assert_int_equal(items[1].guest_code, -1);
	assert_int_equal(items[2].status, MOTE_OK);
	assert_int_equal(items[2].result.as.i32, 6);
	close_box();
}

/* So many items that not even errors would fit: refused before it starts. */
static void test_answers_too_many(void **state)
{
	mote_sandbox_options options;
	const size_t most = 4096 / 56;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	options = calls_host_options(&host);
	options.io_bytes = 4096;
	box = vm_sandbox(&vm, &options);
	memset(items, 0, sizeof(items));
	for (i = 0; i <= most; i++) {
		set_item(i, "Count", MOTE_I32(0));
		items[i].count = 0;
	}
	items[0].status = -1;
	expect_refused(most + 1, MOTE_E_TOO_LARGE, "74 items");
	vm_expect(mote_call_batch(box, items, most, &vm.err), MOTE_OK, &vm.err);
	assert_int_equal(items[most - 1].result.as.i32, most);
	close_box();
}

/*
 * Results fill the out area to its end, then host functions are called, which
 * need it too.
 */
static void test_host_calls_behind_results(void **state)
{
	uint64_t left;

	(void)state;
	open_box();
	for (left = 0; left <= 1600; left += vm_soft() ? 400 : 8) {
		set_item(0, "MakeString",
			 MOTE_U64(DEFAULT_IO - 48 - 8 - left));
		set_item(1, "TryI32", MOTE_I32(3));
		vm_expect(mote_call_batch(box, items, 2, &vm.err), MOTE_OK,
			  &vm.err);
		if (items[0].status == MOTE_OK)
			assert_int_equal(strlen(items[0].result.as.string.data),
					 DEFAULT_IO - 48 - 8 - left);
		else
			assert_int_equal(items[0].guest_code, -1);
	}
	assert_int_equal(items[0].status, MOTE_OK);
	assert_int_equal(items[1].status, MOTE_OK);
	close_box();
}

static void expect_all(size_t count, mote_status status)
{
	size_t i;

	for (i = 0; i < count; i++) {
		assert_int_equal(items[i].status, status);
		assert_int_equal(items[i].result.type, MOTE_TYPE_VOID);
	}
}

static void test_crash_in_the_middle(void **state)
{
	(void)state;
	open_box();
	set_item(0, "EchoI32", MOTE_I32(1));
	items[1].function = "Crash";
	items[1].status = -1;
	set_item(2, "EchoI32", MOTE_I32(2));
	vm_expect(mote_call_batch(box, items, 3, &vm.err), MOTE_E_GUEST_FAULT,
		  &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_NULL_POINTER);
	expect_all(3, MOTE_E_GUEST_FAULT);
	vm_expect(mote_call_batch(box, items, 1, &vm.err), MOTE_E_POISONED,
		  &vm.err);
	expect_all(3, MOTE_E_GUEST_FAULT);
	close_box();
}

/* Nothing of an earlier batch is taken for an answer. */
static void test_used_again(void **state)
{
	(void)state;
	open_box();
	set_item(0, "EchoI32", MOTE_I32(1));
	set_item(1, "EchoI32", MOTE_I32(2));
	vm_expect(mote_call_batch(box, items, 2, &vm.err), MOTE_OK, &vm.err);
	assert_int_equal(items[1].result.as.i32, 2);
	items[1].function = "Crash";
	items[1].count = 0;
	vm_expect(mote_call_batch(box, items, 2, &vm.err), MOTE_E_GUEST_FAULT,
		  &vm.err);
	expect_all(2, MOTE_E_GUEST_FAULT);
	close_box();
}

/* The limits are those of a call, for all of it. */
static void test_limits(void **state)
{
	mote_sandbox_options options;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	options = calls_host_options(&host);
	options.max_host_calls = 10;
	box = vm_sandbox(&vm, &options);
	for (i = 0; i < 11; i++)
		set_item(i, "ThroughI32", MOTE_I32(1));
	vm_expect(mote_call_batch(box, items, 10, &vm.err), MOTE_OK, &vm.err);
	vm_expect(mote_call_batch(box, items, 11, &vm.err), MOTE_E_HOST_CALLS,
		  &vm.err);
	close_box();
}

/* ------------------------------------------------------------------ main */

static void expect_ended(void)
{
	int status = -1;

	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_EXITED);
	vm_expect(mote_call(box, "Count", NULL, 0, NULL, &vm.err), MOTE_E_STATE,
		  &vm.err);
	vm_expect(mote_run_main(box, 0, NULL, &status, &vm.err), MOTE_E_STATE,
		  &vm.err);
	vm_expect(mote_call_batch(box, NULL, 0, &vm.err), MOTE_E_STATE,
		  &vm.err);
	assert_int_equal(status, -1);
}

static void test_main_returns(void **state)
{
	static const char *const argv[] = { "program", "", "two words", "\303\244" };
	int status = -1;

	(void)state;
	open_box();
	/* Calls first are fine. */
	assert_int_equal(count_now(), 1);
	vm_expect(mote_run_main(box, 4, argv, &status, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(status, 4);
	assert_string_equal(host.log, "[program][][two words][\303\244]1\n");
	expect_ended();
	close_box();
}

static void test_main_without_arguments(void **state)
{
	int status = -1;

	(void)state;
	open_box();
	vm_expect(mote_run_main(box, 0, NULL, &status, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(status, 0);
	assert_string_equal(host.log, "1\n");
	expect_ended();
	close_box();
}

static void test_main_exits(void **state)
{
	static const char *const statuses[] = { "0", "7", "255", "256", "-1" };
	static const int expected[] = { 0, 7, 255, 0, 255 };
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		const char *argv[] = { "x", "exit", statuses[i] };
		int status = -1;

		open_box();
		vm_expect(mote_run_main(box, 3, argv, &status, &vm.err),
			  MOTE_OK, &vm.err);
		assert_int_equal(status, expected[i]);
		expect_ended();
		close_box();
	}
}

static void test_main_fails(void **state)
{
	static const char *const crash[] = { "x", "crash" };
	static const char *const loop[] = { "x", "loop" };
	int status = -1;

	(void)state;
	open_box();
	vm_expect(mote_run_main(box, 2, crash, &status, &vm.err),
		  MOTE_E_GUEST_FAULT, &vm.err);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	close_box();
	open_box();
	vm_expect(mote_sandbox_set_deadline(box, 20000000, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_run_main(box, 2, loop, &status, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	assert_int_equal(status, -1);
	close_box();
}

static void test_main_arguments(void **state)
{
	const char *argv[MOTE_ARGUMENTS_MAX + 1];
	int status = -1;
	size_t i;

	(void)state;
	for (i = 0; i <= MOTE_ARGUMENTS_MAX; i++)
		argv[i] = "a";
	open_box();
	vm_expect(mote_run_main(box, MOTE_ARGUMENTS_MAX + 1, argv, &status,
				&vm.err),
		  MOTE_E_INVALID, &vm.err);
	argv[1] = NULL;
	vm_expect(mote_run_main(box, 3, argv, &status, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect_text(&vm.err, "argv[1]");
	assert_int_equal(count_now(), 1);
	argv[1] = "b";
	vm_expect(mote_run_main(box, MOTE_ARGUMENTS_MAX, argv, &status,
				&vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(status, MOTE_ARGUMENTS_MAX);
	close_box();
}

static void test_no_main(void **state)
{
	int status = -1;

	(void)state;
	vm_open(&vm, GUEST_bare_faults);
	box = vm_sandbox(&vm, NULL);
	vm_expect(mote_run_main(box, 0, NULL, &status, &vm.err),
		  MOTE_E_NOT_FOUND, &vm.err);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	close_box();
}

/* --------------------------------------------------------------- imports */

static void expect_missing(const mote_sandbox_options *options,
			   const char *first, const char *second)
{
	mote_sandbox *made = NULL;

	vm_expect(mote_sandbox_new(vm.image, options, &made, &vm.err),
		  MOTE_E_IMPORT, &vm.err);
	assert_null(made);
	vm_expect_text(&vm.err, first);
	vm_expect_text(&vm.err, second);
}

static void test_imports(void **state)
{
	mote_sandbox_options options;

	(void)state;
	open_box();
	expect_missing(NULL, "HostI32 i(i)", "Log v(is)");
	options = calls_host_options(&host);
	options.host_function_count = CALLS_HOST_FUNCTIONS - 2;
	expect_missing(&options, "HostVoid v()", "Log v(is)");
	assert_null(strstr(vm.err.text, "HostI32"));
	options = calls_host_options(&host);
	calls_host_entry(&host, "HostF64")->signature = "d(f)";
	calls_host_entry(&host, "HostString")->name = "hoststring";
	expect_missing(&options, "HostF64 d(d) (offered with another signature)",
		       "HostString s(s)");
	assert_int_equal(count_now(), 1);
	close_box();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_bad_item),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_answers_too_many),
		cmocka_unit_test(test_results_too_large),
		cmocka_unit_test(test_host_calls_behind_results),
		cmocka_unit_test(test_crash_in_the_middle),
		cmocka_unit_test(test_used_again),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_main_returns),
		cmocka_unit_test(test_main_without_arguments),
		cmocka_unit_test(test_main_exits),
		cmocka_unit_test(test_main_fails),
		cmocka_unit_test(test_main_arguments),
		cmocka_unit_test(test_no_main),
		cmocka_unit_test(test_imports),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
