/*
 * Calls in both directions: every type and its extremes, sizes up to the
 * limits, host functions and what they may do, errors that are no crash.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/calls_host.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_IO (1 * MIB + 4096)
/* Header and one slot. */
#define OVERHEAD 48

static struct vm vm;
static struct calls_host host;
static mote_sandbox *box;

static void open_box(void)
{
	box = calls_host_open(&host, &vm);
}

/* With the table as it is now. */
static void reopen_box(void)
{
	mote_sandbox_options options = calls_host_options(&host);

	mote_sandbox_free(box);
	box = vm_sandbox(&vm, &options);
}

static void close_box(void)
{
	mote_sandbox_free(box);
	vm_close(&vm);
}

static mote_status call1(const char *function, mote_value argument,
			 mote_value *result)
{
	return mote_call(box, function, &argument, 1, result, &vm.err);
}

static mote_value good1(const char *function, mote_value argument)
{
	mote_value result;

	vm_expect(call1(function, argument, &result), MOTE_OK, &vm.err);
	return result;
}

static void expect_alive(void)
{
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	assert_int_equal(good1("EchoI32", MOTE_I32(-5)).as.i32, -5);
}

static mote_value f32_bits(uint32_t bits)
{
	mote_value value = MOTE_U32(bits);

	value.type = MOTE_TYPE_F32;
	return value;
}

static mote_value f64_bits(uint64_t bits)
{
	mote_value value = MOTE_U64(bits);

	value.type = MOTE_TYPE_F64;
	return value;
}

static void expect_equal(const mote_value *a, const mote_value *b)
{
	assert_int_equal(a->type, b->type);
	switch (a->type) {
	case MOTE_TYPE_STRING:
	case MOTE_TYPE_BYTES:
		assert_int_equal(a->as.bytes.size, b->as.bytes.size);
		if (a->as.bytes.size > 0)
			assert_memory_equal(a->as.bytes.data, b->as.bytes.data,
					    a->as.bytes.size);
		break;
	case MOTE_TYPE_BOOL:
		assert_int_equal(a->as.boolean, b->as.boolean);
		break;
	case MOTE_TYPE_I32:
	case MOTE_TYPE_U32:
	case MOTE_TYPE_F32:
		assert_int_equal(a->as.u32, b->as.u32);
		break;
	default:
		assert_int_equal(a->as.u64, b->as.u64);
		break;
	}
	if (a->type == MOTE_TYPE_STRING)
		assert_int_equal(((const char *)a->as.string.data)
					 [a->as.string.size],
				 0);
}

/* Host to guest and back, and the same through a host function. */
static void test_types(void **state)
{
	const struct {
		const char *suffix;
		mote_value value;
	} rows[] = {
		{ "I32", MOTE_I32(0) },
		{ "I32", MOTE_I32(INT32_MIN) },
		{ "I32", MOTE_I32(INT32_MAX) },
		{ "I32", MOTE_I32(-1) },
		{ "U32", MOTE_U32(UINT32_MAX) },
		{ "I64", MOTE_I64(INT64_MIN) },
		{ "I64", MOTE_I64(-1) },
		{ "U64", MOTE_U64(UINT64_MAX) },
		{ "U64", MOTE_U64(UINT64_C(1) << 63) },
		{ "F32", MOTE_F32(1.5f) },
		{ "F32", f32_bits(0x80000000) }, /* -0.0 */
		{ "F32", f32_bits(0x7fc12345) }, /* a NaN with a payload */
		{ "F32", f32_bits(0x00000001) },
		{ "F32", f32_bits(0xff800000) },
		{ "F64", MOTE_F64(-1e300) },
		{ "F64", f64_bits(UINT64_C(1) << 63) },
		{ "F64", f64_bits(0x7ff8123456789abc) },
		{ "F64", f64_bits(1) },
		{ "Bool", MOTE_BOOL(0) },
		{ "Bool", MOTE_BOOL(1) },
		{ "String", MOTE_STRING("") },
		{ "String", MOTE_STRING("x") },
		{ "String", MOTE_STRING("1234567") },
		{ "String", MOTE_STRING("12345678") },
		{ "String", MOTE_STRING("gr\303\274n \360\237\246\211 \377") },
		{ "String", MOTE_STRING_N("cut here", 3) },
		{ "String", MOTE_STRING_N(NULL, 0) },
		{ "Bytes", MOTE_BYTES(NULL, 0) },
		{ "Bytes", MOTE_BYTES("", 1) },
		{ "Bytes", MOTE_BYTES("a\0b\0\0c", 6) },
		{ "Bytes", MOTE_BYTES("12345678", 8) },
	};
	char name[32];
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mote_value result;

		snprintf(name, sizeof(name), "Echo%s", rows[i].suffix);
		result = good1(name, rows[i].value);
		expect_equal(&result, &rows[i].value);
		snprintf(name, sizeof(name), "Through%s", rows[i].suffix);
		result = good1(name, rows[i].value);
		expect_equal(&result, &rows[i].value);
	}
	vm_expect(mote_call(box, "Nothing", NULL, 0, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_call(box, "ThroughVoid", NULL, 0, NULL, &vm.err),
		  MOTE_OK, &vm.err);
	close_box();
}

static void test_void_result(void **state)
{
	mote_value result = MOTE_I32(3);

	(void)state;
	open_box();
	vm_expect(mote_call(box, "Nothing", NULL, 0, &result, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.type, MOTE_TYPE_VOID);
	close_box();
}

static void test_many_arguments(void **state)
{
	static const char *const letters[] = { "a", "", "c", "dd",
					       "e", "f", "g", "hhhhhhhhh" };
	mote_value arguments[32];
	mote_value result;
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < 8; i++) {
		arguments[4 * i] = MOTE_I32((int32_t)i - 100);
		arguments[4 * i + 1] = MOTE_U64((uint64_t)1 << (40 + i));
		arguments[4 * i + 2] = MOTE_F64(0.5 * (double)i);
		arguments[4 * i + 3] = MOTE_STRING(letters[i]);
	}
	vm_expect(mote_call(box, "Many", arguments, 32, &result, &vm.err),
		  MOTE_OK, &vm.err);
	assert_string_equal(result.as.string.data,
			    "-772 280375465082880 14 acddefghhhhhhhhh");
	close_box();
}

/* Memory of the guest lasts from call to call. */
static void test_memory_stays(void **state)
{
	mote_value result;
	int i;

	(void)state;
	open_box();
	for (i = 1; i <= 3; i++) {
		vm_expect(mote_call(box, "Count", NULL, 0, &result, &vm.err),
			  MOTE_OK, &vm.err);
		assert_int_equal(result.as.i32, i);
	}
	reopen_box();
	vm_expect(mote_call(box, "Count", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.as.i32, 1);
	close_box();
}

/* ----------------------------------------------------------------- sizes */

static uint64_t sum_of(const unsigned char *data, size_t size)
{
	uint64_t sum = size;
	size_t i;

	for (i = 0; i < size; i++)
		sum = sum * 31 + data[i];
	return sum;
}

/* The largest message goes through, one byte more is refused. */
static void check_sizes(size_t io_size)
{
	size_t most = io_size - OVERHEAD;
	unsigned char *data = malloc(most + 8);
	mote_value result;
	size_t i;

	assert_non_null(data);
	for (i = 0; i < most + 8; i++)
		data[i] = (unsigned char)(i * 7 + 1) | 1;
	result = good1("Sum", MOTE_BYTES(data, most));
	assert_int_equal(result.as.u64, sum_of(data, most));
	vm_expect(call1("Sum", MOTE_BYTES(data, most + 1), &result),
		  MOTE_E_TOO_LARGE, &vm.err);
	expect_alive();
	/* A string has its NUL. */
	result = good1("Length", MOTE_STRING_N((char *)data, most - 1));
	assert_int_equal(result.as.u64, most - 1);
	vm_expect(call1("Length", MOTE_STRING_N((char *)data, most), &result),
		  MOTE_E_TOO_LARGE, &vm.err);
	expect_alive();
	free(data);

	result = good1("MakeString", MOTE_U64(most - 1));
	assert_int_equal(result.as.string.size, most - 1);
	assert_int_equal(strlen(result.as.string.data), most - 1);
	vm_expect(call1("MakeString", MOTE_U64(most), &result),
		  MOTE_E_GUEST_ERROR, &vm.err);
	assert_int_equal(vm.err.guest_code, -1);
	expect_alive();
}

static void check_made(uint64_t size)
{
	const mote_value arguments[] = { MOTE_U64(size), MOTE_U32(9) };
	const unsigned char *data;
	mote_value result;
	size_t i;

	vm_expect(mote_call(box, "Make", arguments, 2, &result, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.bytes.size, size);
	data = result.as.bytes.data;
	for (i = 0; i < size; i++)
		if (data[i] != (unsigned char)(9 + i))
			fail_msg("byte %zu is wrong", i);
}

static void test_sizes(void **state)
{
	const mote_value too_large[] = { MOTE_U64(DEFAULT_IO - OVERHEAD + 1),
					 MOTE_U32(0) };

	(void)state;
	open_box();
	check_sizes(DEFAULT_IO);
	check_made(1 * MIB);
	check_made(DEFAULT_IO - OVERHEAD);
	vm_expect(mote_call(box, "Make", too_large, 2, NULL, &vm.err),
		  MOTE_E_GUEST_ERROR, &vm.err);
	assert_int_equal(vm.err.guest_code, -1);
	expect_alive();
	close_box();
}

static void test_other_areas(void **state)
{
	/* An emulated CPU needs a minute for the largest. */
	const uint64_t sizes[] = { 4096, 8192,
				   (vm_soft() ? 2 : 64) * MIB + 4096 };
	mote_sandbox_options options;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		options = calls_host_options(&host);
		options.io_bytes = sizes[i];
		options.heap_bytes = 300 * MIB;
		options.deadline_ns = UINT64_C(60000000000);
		box = vm_sandbox(&vm, &options);
		check_sizes(sizes[i]);
		check_made(sizes[i] - OVERHEAD);
		mote_sandbox_free(box);
	}
	vm_close(&vm);
}

/* Sizes are rounded up to pages, and that is what there is. */
static void test_rounding(void **state)
{
	mote_sandbox_options options;

	(void)state;
	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	options = calls_host_options(&host);
	options.io_bytes = 4097;
	options.stack_bytes = 20000;
	options.heap_bytes = 1;
	box = vm_sandbox(&vm, &options);
	vm_expect(call1("Sum", MOTE_BYTES(NULL, 0), NULL), MOTE_OK, &vm.err);
	expect_alive();
	close_box();
}

/* -------------------------------------------------------- host functions */

static mote_status fail_with(void *user, mote_host_call *call,
			     const mote_value *args, size_t count,
			     mote_value *result)
{
	(void)user;
	(void)count;
	(void)result;
	switch (args[0].as.i32) {
	case 0:
		return mote_host_call_fail(call, 7, "no such user");
	case 1:
		return mote_host_call_fail(call, INT32_MIN, NULL);
	case 2: /* fails although it returns OK */
		(void)mote_host_call_fail(call, 8, "said so");
		return MOTE_OK;
	case 3: /* no code of its own */
		return MOTE_E_OS;
	case 4:
		*result = MOTE_STRING("a string");
		return MOTE_OK;
	case 5: /* void, which is what is in it at first */
		return MOTE_OK;
	case 6:
		result->type = 77;
		return MOTE_OK;
	default:
		*result = args[0];
		return MOTE_OK;
	}
}

static void test_host_failures(void **state)
{
	static const char *const expected[] = {
		"7 no such user", "-2147483648 ", "8 said so",
		"201 a system call failed",
	};
	mote_value result;
	int32_t i;

	(void)state;
	open_box();
	calls_host_entry(&host, "HostI32")->fn = fail_with;
	reopen_box();
	for (i = 0; i < 4; i++) {
		result = good1("TryI32", MOTE_I32(i));
		assert_string_equal(result.as.string.data, expected[i]);
	}
	for (; i < 6; i++) {
		result = good1("TryI32", MOTE_I32(i));
		assert_int_equal(strncmp(result.as.string.data, "103 HostI32",
					 11),
				 0);
	}
	result = good1("TryI32", MOTE_I32(6));
	assert_int_equal(strncmp(result.as.string.data, "100 HostI32", 11), 0);
	result = good1("TryI32", MOTE_I32(7));
	assert_string_equal(result.as.string.data, "fine");
	close_box();
}

static char large[2 * MIB];

static mote_status odd_string(void *user, mote_host_call *call,
			      const mote_value *args, size_t count,
			      mote_value *result)
{
	const char *what = args[0].as.string.data;
	char *room;

	(void)user;
	(void)count;
	if (strcmp(what, "null") == 0) {
		*result = MOTE_STRING_N(NULL, 5);
	} else if (strcmp(what, "empty") == 0) {
		*result = MOTE_STRING_N(NULL, 0);
	} else if (strcmp(what, "nul") == 0) {
		*result = MOTE_STRING_N("a\0b", 3);
	} else if (strcmp(what, "large") == 0) {
		memset(large, 'x', sizeof(large));
		*result = MOTE_STRING_N(large, sizeof(large));
	} else if (strcmp(what, "long text") == 0) {
		memset(large, 'y', 2000);
		large[2000] = 0;
		return mote_host_call_fail(call, 1, large);
	} else if (strcmp(what, "room") == 0) {
		room = mote_host_call_alloc(call, 6);
		memcpy(room, "direct", 6);
		*result = MOTE_STRING_N(room, 6);
	} else if (strcmp(what, "less room") == 0) {
		room = mote_host_call_alloc(call, 100);
		memcpy(room, "shorter", 7);
		*result = MOTE_STRING_N(room, 5);
	} else if (strcmp(what, "second room") == 0) {
		(void)mote_host_call_alloc(call, 50);
		room = mote_host_call_alloc(call, 6);
		memcpy(room, "second", 6);
		*result = MOTE_STRING_N(room, 6);
	} else if (strcmp(what, "tail of room") == 0) {
		/* Not at its place: it has to be moved, and overlaps. */
		room = mote_host_call_alloc(call, 600);
		memset(room, '-', 3);
		memset(room + 3, 'z', 597);
		*result = MOTE_STRING_N(room + 3, 597);
	} else if (strcmp(what, "no room") == 0) {
		assert_null(mote_host_call_alloc(call, DEFAULT_IO));
		assert_null(mote_host_call_alloc(call, SIZE_MAX));
		assert_non_null(mote_host_call_alloc(call, MIB));
		*result = MOTE_STRING("ok");
	} else {
		*result = args[0];
	}
	return MOTE_OK;
}

static void test_host_strings(void **state)
{
	mote_value result;

	(void)state;
	open_box();
	calls_host_entry(&host, "HostString")->fn = odd_string;
	reopen_box();
	result = good1("TryString", MOTE_STRING("null"));
	vm_expect_text(&vm.err, "");
	assert_int_equal(strncmp(result.as.string.data, "100 ", 4), 0);
	result = good1("TryString", MOTE_STRING("nul"));
	assert_int_equal(strncmp(result.as.string.data, "100 ", 4), 0);
	result = good1("TryString", MOTE_STRING("large"));
	assert_int_equal(strncmp(result.as.string.data, "109 ", 4), 0);
	result = good1("TryString", MOTE_STRING("long text"));
	assert_int_equal(result.as.string.size, 2 + MOTE_ERROR_TEXT_MAX - 1);
	result = good1("ThroughString", MOTE_STRING("empty"));
	assert_string_equal(result.as.string.data, "");
	result = good1("ThroughString", MOTE_STRING("room"));
	assert_string_equal(result.as.string.data, "direct");
	result = good1("ThroughString", MOTE_STRING("less room"));
	assert_string_equal(result.as.string.data, "short");
	result = good1("ThroughString", MOTE_STRING("second room"));
	assert_string_equal(result.as.string.data, "second");
	result = good1("ThroughString", MOTE_STRING("no room"));
	assert_string_equal(result.as.string.data, "ok");
	result = good1("ThroughString", MOTE_STRING("tail of room"));
	assert_int_equal(result.as.string.size, 597);
	assert_int_equal(strspn(result.as.string.data, "z"), 597);
	close_box();
}

/* What the guest cannot send, it learns of itself. */
static void test_guest_too_large(void **state)
{
	mote_value result;

	(void)state;
	open_box();
	result = good1("TryBytes", MOTE_U64(DEFAULT_IO - OVERHEAD));
	assert_string_equal(result.as.string.data, "fine");
	result = good1("TryBytes", MOTE_U64(DEFAULT_IO - OVERHEAD + 1));
	assert_int_equal(strncmp(result.as.string.data, "-2 ", 3), 0);
	expect_alive();
	close_box();
}

static void *read_stats(void *argument)
{
	mote_sandbox_stats stats = MOTE_SANDBOX_STATS_INIT;
	mote_status *status = argument;

	*status = mote_sandbox_get_stats(box, &stats, NULL);
	return NULL;
}

static void read_stats_elsewhere(void)
{
	mote_status status = MOTE_OK;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_stats, &status), 0);
	pthread_join(thread, NULL);
	assert_int_equal(status, MOTE_E_BUSY);
}

/* Everything that a host function may try with its own sandbox. */
static mote_status reenter(void *user, mote_host_call *call,
			   const mote_value *args, size_t count,
			   mote_value *result)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_batch_item item = { .function = "Count" };
	mote_sandbox_stats stats = MOTE_SANDBOX_STATS_INIT;
	int status;

	(void)user;
	(void)call;
	(void)count;
	vm_expect(mote_call(box, "Count", NULL, 0, NULL, &err), MOTE_E_STATE,
		  &err);
	vm_expect(mote_call_batch(box, &item, 1, &err), MOTE_E_STATE, &err);
	vm_expect(mote_run_main(box, 0, NULL, &status, &err), MOTE_E_STATE,
		  &err);
	vm_expect(mote_sandbox_set_deadline(box, 1, &err), MOTE_E_STATE, &err);
	vm_expect(mote_sandbox_get_stats(box, &stats, &err), MOTE_E_STATE,
		  &err);
	read_stats_elsewhere();
	*result = args[0];
	return MOTE_OK;
}

static void test_reentry(void **state)
{
	(void)state;
	open_box();
	calls_host_entry(&host, "HostI32")->fn = reenter;
	reopen_box();
	assert_int_equal(good1("ThroughI32", MOTE_I32(4)).as.i32, 4);
	expect_alive();
	close_box();
}

/* A host function may call another sandbox, and that one a third. */
static mote_sandbox *chain[8];

static mote_status descend(void *user, mote_host_call *call,
			   const mote_value *args, size_t count,
			   mote_value *result)
{
	int32_t level = args[0].as.i32;
	mote_error err = MOTE_ERROR_INIT;
	mote_value next = MOTE_I32(level + 1);

	(void)user;
	(void)call;
	(void)count;
	if (level == 7) {
		/* The first of the chain is busy with this thread's call. */
		vm_expect(mote_call(chain[0], "Count", NULL, 0, NULL, &err),
			  MOTE_E_STATE, &err);
		*result = MOTE_I32(1);
		return MOTE_OK;
	}
	vm_expect(mote_call(chain[level + 1], "ThroughI32", &next, 1, result,
			    &err),
		  MOTE_OK, &err);
	result->as.i32 *= 2;
	return MOTE_OK;
}

static void test_nested(void **state)
{
	mote_sandbox_options options;
	mote_value result;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	calls_host_entry(&host, "HostI32")->fn = descend;
	options = calls_host_options(&host);
	for (i = 0; i < 8; i++)
		chain[i] = vm_sandbox(&vm, &options);
	box = chain[0];
	result = good1("ThroughI32", MOTE_I32(0));
	assert_int_equal(result.as.i32, 128);
	for (i = 0; i < 8; i++) {
		box = chain[i];
		expect_alive();
		mote_sandbox_free(box);
	}
	vm_close(&vm);
}

/* ---------------------------------------------- errors, output, posting */

static void test_guest_errors(void **state)
{
	const mote_value arguments[] = { MOTE_I32(-77),
					 MOTE_STRING("bad\nthing\033[m") };
	mote_value result = MOTE_I32(123);

	(void)state;
	open_box();
	vm_expect(mote_call(box, "Fail", arguments, 2, &result, &vm.err),
		  MOTE_E_GUEST_ERROR, &vm.err);
	assert_int_equal(vm.err.guest_code, -77);
	/* Not for a terminal to obey. */
	assert_string_equal(vm.err.text, "bad?thing?[m");
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_NONE);
	/* Out-parameters are written only on success. */
	assert_int_equal(result.as.i32, 123);
	expect_alive();
	vm_expect(mote_call(box, "Fail", arguments, 2, NULL, NULL),
		  MOTE_E_GUEST_ERROR, NULL);
	vm_expect(mote_call(box, "Count", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.as.i32, 3);
	close_box();
}

static mote_status mark(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	struct calls_host *seen = user;

	(void)call;
	(void)count;
	/* What was queued before the call has arrived. */
	assert_string_equal(seen->log, "abcd\ne");
	*result = args[0];
	return MOTE_OK;
}

static void test_order(void **state)
{
	(void)state;
	open_box();
	calls_host_entry(&host, "HostI32")->fn = mark;
	reopen_box();
	assert_int_equal(good1("Mix", MOTE_I32(31)).as.i32, 31);
	assert_string_equal(host.log, "abcd\nef\ng");
	assert_int_equal(host.posts, 3);
	assert_int_equal(vm_stats(box).host_calls, 4);
	assert_int_equal(vm_stats(box).output_bytes, 6);
	close_box();
}

static void test_last_words(void **state)
{
	(void)state;
	open_box();
	vm_expect(mote_call(box, "Crash", NULL, 0, NULL, &vm.err),
		  MOTE_E_GUEST_FAULT, &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_NULL_POINTER);
	assert_int_equal(vm.err.fault.address, 8);
	assert_string_equal(host.log, "last words\n");
	close_box();
}

static void test_abort_and_exit(void **state)
{
	(void)state;
	open_box();
	vm_expect(mote_call(box, "Abort", NULL, 0, NULL, &vm.err),
		  MOTE_E_GUEST_FAULT, &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_ABORT);
	assert_true(vm.err.fault.pc >= 0x400000);
	assert_string_equal(host.log, "aborting\n");
	reopen_box();
	vm_expect(call1("Assert", MOTE_I32(1), NULL), MOTE_OK, &vm.err);
	vm_expect(call1("Assert", MOTE_I32(2), NULL), MOTE_E_GUEST_FAULT,
		  &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_ABORT);
	assert_non_null(strstr(host.log, "x == 1"));
	reopen_box();
	vm_expect(call1("Exit", MOTE_I32(300), NULL), MOTE_E_GUEST_EXIT,
		  &vm.err);
	assert_int_equal(vm.err.guest_code, 44);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	close_box();
}

/* malloc says NULL when the heap is full, and the guest goes on. */
static void test_heap(void **state)
{
	uint64_t first;

	(void)state;
	open_box();
	vm_expect(mote_sandbox_set_deadline(box, UINT64_C(60000000000),
					    &vm.err),
		  MOTE_OK, &vm.err);
	first = good1("Exhaust", MOTE_U64(100000)).as.u64;
	assert_true(first > 100 && first < 16 * MIB / 100000);
	/* Nothing was lost. */
	assert_true(good1("Exhaust", MOTE_U64(100000)).as.u64 + 2 >= first);
	assert_true(good1("Exhaust", MOTE_U64(24)).as.u64 > 10000);
	assert_int_equal(good1("Exhaust", MOTE_U64(17 * MIB)).as.u64, 0);
	assert_int_equal(good1("Exhaust", MOTE_U64(UINT64_MAX / 2)).as.u64, 0);
	expect_alive();
	close_box();
}

static void test_deep_stack(void **state)
{
	(void)state;
	open_box();
	assert_int_equal(good1("Recurse", MOTE_I32(1000)).as.i32, 1000);
	vm_expect(call1("Recurse", MOTE_I32(100000000), NULL),
		  MOTE_E_GUEST_FAULT, &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_STACK_OVERFLOW);
	close_box();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_void_result),
		cmocka_unit_test(test_many_arguments),
		cmocka_unit_test(test_memory_stays),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_other_areas),
		cmocka_unit_test(test_rounding),
		cmocka_unit_test(test_host_failures),
		cmocka_unit_test(test_host_strings),
		cmocka_unit_test(test_guest_too_large),
		cmocka_unit_test(test_reentry),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_guest_errors),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_abort_and_exit),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_deep_stack),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
