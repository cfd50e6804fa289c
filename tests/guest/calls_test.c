/*
 * Calls in both directions, as the guest runtime does them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mote/shorthand.h>

#include "guest/native.h"

#define CALL(native, name, ...)                                                \
	native_call((native), (name), (mote_value[]){ __VA_ARGS__ },           \
		    sizeof((mote_value[]){ __VA_ARGS__ }) /                    \
			    sizeof(mote_value))
#define CALL0(native, name) native_call((native), (name), NULL, 0)

#define EXITS(native, port) ((native)->exits[(port)-MOTE_PORT_FIRST])

/* Codes of the header that guests include. */
#define CODE_RESULT_TOO_LARGE (-1)
#define CODE_ARGUMENTS_TOO_LARGE (-2)
#define CODE_NO_MEMORY (-3)
#define CODE_BAD_MESSAGE (-4)

static const char *const programs[] = { GUEST_guest_calls,
					GUEST_guest_calls_pie };

/* What posted calls said, "level:text-length;" each. */
static char journal[4096];

static int32_t host(struct native *native, const char *name, bool posted,
		    const mote_value *args, size_t count, mote_value *result,
		    const char **text)
{
	size_t used = strlen(journal);

	if (strcmp(name, "Log") == 0) {
		snprintf(journal + used, sizeof(journal) - used, "%d:%zu;",
			 args[0].as.i32, args[1].as.string.size);
		/* Order with output shows where both go to one place. */
		if (native->user != NULL)
			native_output(native, 1, args[1].as.string.data,
				      args[1].as.string.size);
		return 0;
	}
	assert_false(posted);
	if (strcmp(name, "HostFails") == 0) {
		*text = args[1].as.string.data;
		result->as.string.data = args[1].as.string.data;
		result->as.string.size = args[1].as.string.size;
		return args[0].as.i32;
	}
	if (count == 1)
		*result = args[0];
	return 0;
}

static void start(struct native *native, const char *program,
		  const struct native_options *options)
{
	native_start(native, program, options, host);
	assert_int_equal(native->end, NATIVE_READY);
	native_forget(native);
	journal[0] = '\0';
}

static const mote_value *value_of(const struct mti_message *message)
{
	assert_int_equal(message->head.kind, MOTE_MESSAGE_RESULT);
	assert_int_equal(message->count, 1);
	return &message->values[0];
}

static const char *text_of(const struct mti_message *message)
{
	const mote_value *value = value_of(message);

	assert_int_equal(value->type, MOTE_TYPE_STRING);
	return value->as.string.data;
}

static void expect_error(const struct mti_message *message, int32_t code,
			 const char *text)
{
	assert_int_equal(message->head.kind, MOTE_MESSAGE_ERROR);
	assert_int_equal(message->head.code, code);
	assert_int_equal(message->count, 1);
	assert_string_equal(message->values[0].as.string.data, text);
}

static void numbers(struct native *n)
{
	static const int64_t integers[] = { 0,	       1,	  -1,
					    INT32_MAX, INT32_MIN, INT64_MAX,
					    INT64_MIN };
	static const double reals[] = { 0.0, -0.0, 1.5, 1e300, -INFINITY };
	size_t i;

	for (i = 0; i < sizeof(integers) / sizeof(*integers); i++) {
		int32_t i32 = (int32_t)integers[i];
		int64_t i64 = integers[i];

		assert_int_equal(
			value_of(CALL(n, "I32", MOTE_I32(i32)))->as.i32, i32);
		assert_int_equal(
			value_of(CALL(n, "U32", MOTE_U32((uint32_t)i32)))
				->as.u32,
			(uint32_t)i32);
		assert_true(value_of(CALL(n, "I64", MOTE_I64(i64)))->as.i64 ==
			    i64);
		assert_true(value_of(CALL(n, "U64", MOTE_U64((uint64_t)i64)))
				    ->as.u64 == (uint64_t)i64);
	}
	for (i = 0; i < sizeof(reals) / sizeof(*reals); i++) {
		double f64 =
			value_of(CALL(n, "F64", MOTE_F64(reals[i])))->as.f64;
		float f32 = value_of(CALL(n, "F32", MOTE_F32((float)reals[i])))
				    ->as.f32;
		float expected = (float)reals[i];

		assert_memory_equal(&f64, &reals[i], sizeof(f64));
		assert_memory_equal(&f32, &expected, sizeof(f32));
	}
	assert_true(isnan(value_of(CALL(n, "F64", MOTE_F64(NAN)))->as.f64));
	assert_int_equal(value_of(CALL(n, "Bool", MOTE_BOOL(1)))->as.boolean,
			 1);
	assert_int_equal(value_of(CALL(n, "Bool", MOTE_BOOL(0)))->as.boolean,
			 0);
	assert_int_equal(value_of(CALL0(n, "Void"))->type, MOTE_TYPE_VOID);
}

static void texts(struct native *n)
{
	static const char bytes[] = "\0\1\2nul\0inside";
	const mote_value *value;

	assert_string_equal(
		text_of(CALL(n, "String", MOTE_STRING("h\xc3\xa4"))),
		"h\xc3\xa4");
	assert_string_equal(text_of(CALL(n, "String", MOTE_STRING(""))), "");
	value = value_of(CALL(n, "Bytes", MOTE_BYTES(bytes, sizeof(bytes))));
	assert_int_equal(value->as.bytes.size, sizeof(bytes));
	assert_memory_equal(value->as.bytes.data, bytes, sizeof(bytes));
	value = value_of(CALL(n, "Bytes", MOTE_BYTES(bytes, 0)));
	assert_int_equal(value->as.bytes.size, 0);
	assert_string_equal(text_of(CALL0(n, "Null")), "");
	assert_int_equal(value_of(CALL0(n, "Empty"))->as.bytes.size, 0);
	assert_string_equal(
		text_of(CALL(n, "Join", MOTE_STRING("a"), MOTE_BYTES("bb", 2),
			     MOTE_STRING("ccc"))),
		"a|bb|ccc");
}

static void test_types(void **state)
{
	struct native native;
	struct native_options options = { 0 };
	mote_value many[32];
	uint64_t sum = 0;
	uint32_t i;
	unsigned variant;

	(void)state;
	for (variant = 0; variant < 4; variant++) {
		options.features = variant & 1 ? MOTE_FEATURE_FSGSBASE : 0;
		start(&native, programs[variant / 2], &options);
		numbers(&native);
		texts(&native);
		sum = 0;
		for (i = 0; i < 32; i++) {
			many[i] = MOTE_U32(i * 1000003u);
			sum = sum * 3 + many[i].as.u32;
		}
		assert_true(value_of(native_call(&native, "Many", many, 32))
				    ->as.u64 == sum);
		native_stop(&native);
	}
}

/* One exit, no system call, and no memory that was not there before. */
static void test_cost(void **state)
{
	struct native native;
	struct native_options options = { .features = MOTE_FEATURE_FSGSBASE };
	int i;

	(void)state;
	start(&native, programs[0], &options);
	assert_int_equal(native_heap_pages(&native), 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(value_of(CALL(&native, "Scalar", MOTE_I32(i),
					       MOTE_I32(2)))
					 ->as.i32,
				 i + 2);
	CALL0(&native, "Nothing");
	assert_int_equal(native.syscalls, 0);
	assert_int_equal(EXITS(&native, MOTE_PORT_RETURN), 11);
	assert_int_equal(EXITS(&native, MOTE_PORT_FLUSH), 0);
	assert_int_equal(native_heap_pages(&native), 0);
	/* A string that was borrowed needs one page of call memory, once. */
	for (i = 0; i < 100; i++)
		CALL(&native, "String", MOTE_STRING("hello"));
	assert_int_equal(native_heap_pages(&native), 1);
	assert_int_equal(native.syscalls, 0);
	assert_int_equal(EXITS(&native, MOTE_PORT_HOST_CALL), 100);
	native_stop(&native);
}

static void test_errors(void **state)
{
	struct native native;
	struct native_options options = { 0 };

	(void)state;
	start(&native, programs[0], &options);
	expect_error(CALL(&native, "Fail", MOTE_I32(-2147483647 - 1),
			  MOTE_STRING("")),
		     -2147483647 - 1, "");
	expect_error(CALL(&native, "Fail", MOTE_I32(7), MOTE_STRING("seven")),
		     7, "seven");
	/* It is the failure of that call and no other. */
	assert_int_equal(
		value_of(CALL(&native, "Scalar", MOTE_I32(1), MOTE_I32(2)))
			->as.i32,
		3);
	assert_string_equal(text_of(CALL(&native, "CallFails", MOTE_I32(9),
					 MOTE_STRING("nine"))),
			    "9 nine");
	assert_string_equal(text_of(CALL(&native, "CallFails", MOTE_I32(0),
					 MOTE_STRING("fine"))),
			    "ok fine");
	assert_int_equal(
		value_of(CALL0(&native, "FailThenSucceed"))->as.boolean, 1);
	/* What the host never sends, but the runtime must survive. */
	native_queue_message(&native, MOTE_MESSAGE_CALL, 9999, NULL, 0);
	native_run(&native);
	assert_int_equal(native.end, NATIVE_RETURNED);
	native_stop(&native);
}

static void test_sizes(void **state)
{
	struct native native;
	struct native_options options = { .io_size = 8192,
					  .heap_size = 1 << 20 };
	const struct mti_message *message;
	char text[8192];
	uint32_t size;

	(void)state;
	start(&native, programs[0], &options);
	/* 48 bytes of header and slot, the text, its NUL. */
	for (size = 8100; size < 8192; size++) {
		message = CALL(&native, "Long", MOTE_U32(size));
		if (size <= 8192 - 49)
			assert_int_equal(strlen(text_of(message)), size);
		else
			expect_error(message, CODE_RESULT_TOO_LARGE,
				     "the result does not fit the I/O area");
	}
	assert_string_equal(
		text_of(CALL(&native, "CallLong", MOTE_U32(8192 - 49))),
		"8143");
	assert_string_equal(
		text_of(CALL(&native, "CallLong", MOTE_U32(8192 - 48))),
		"-2 the arguments do not fit the I/O area");
	/* An error's text is cut to what fits. */
	memset(text, 'e', sizeof(text));
	text[8192 - 65] = '\0';
	message = CALL(&native, "Fail", MOTE_I32(3), MOTE_STRING(text));
	assert_int_equal(message->head.kind, MOTE_MESSAGE_ERROR);
	assert_int_equal(message->values[0].as.string.size, 8192 - 65);
	/* No memory for a result. */
	expect_error(CALL(&native, "Long", MOTE_U32(2 << 20)), 77, "no memory");
	assert_int_equal(
		value_of(CALL(&native, "Arena", MOTE_U32(100)))->as.boolean, 1);
	assert_int_equal(
		value_of(CALL(&native, "Arena", MOTE_U32(100)))->as.boolean, 1);
	native_stop(&native);
}

/* Call memory is given back: what fits once fits any number of times. */
static void test_arena(void **state)
{
	struct native native;
	struct native_options options = { .heap_size = 1 << 20,
					  .io_size = 1 << 20 };
	size_t pages;
	int i;

	(void)state;
	start(&native, programs[0], &options);
	CALL(&native, "Long", MOTE_U32(900000));
	pages = native_heap_pages(&native);
	for (i = 0; i < 20; i++) {
		assert_int_equal(strlen(text_of(CALL(&native, "Long",
						     MOTE_U32(900000)))),
				 900000);
		assert_int_equal(value_of(CALL(&native, "Arena", MOTE_U32(60)))
					 ->as.boolean,
				 1);
	}
	assert_true(native_heap_pages(&native) <= pages + 30);
	native_stop(&native);
}

static void test_batch(void **state)
{
	struct native native;
	struct native_options options = { .io_size = 8192 };
	struct mti_message message;
	size_t offset = 0;
	int i;

	(void)state;
	start(&native, programs[1], &options);
	for (i = 0; i < 20; i++) {
		native_queue(&native, "I32", (mote_value[]){ MOTE_I32(i) }, 1);
		native_queue(&native, "Fail",
			     (mote_value[]){ MOTE_I32(i), MOTE_STRING("e") },
			     2);
	}
	/* Too large beside the others; still there is room for its error. */
	native_queue(&native, "Long", (mote_value[]){ MOTE_U32(8000) }, 1);
	native_queue(&native, "String", (mote_value[]){ MOTE_STRING("z") }, 1);
	native_run(&native);
	assert_int_equal(native.end, NATIVE_RETURNED);
	assert_int_equal(EXITS(&native, MOTE_PORT_HOST_CALL), 21);
	for (i = 0; i < 20; i++) {
		native_result(&native, &offset, &message);
		assert_int_equal(message.head.id, 2 * i);
		assert_int_equal(value_of(&message)->as.i32, i);
		native_result(&native, &offset, &message);
		assert_int_equal(message.head.id, 2 * i + 1);
		expect_error(&message, i, "e");
	}
	native_result(&native, &offset, &message);
	expect_error(&message, CODE_RESULT_TOO_LARGE,
		     "the result does not fit the I/O area");
	native_result(&native, &offset, &message);
	assert_string_equal(text_of(&message), "z");
	/* A result that fits, but leaves no room for the next one's error. */
	native_queue(&native, "Long", (mote_value[]){ MOTE_U32(8100) }, 1);
	native_queue(&native, "I32", (mote_value[]){ MOTE_I32(-5) }, 1);
	native_run(&native);
	assert_int_equal(native.end, NATIVE_RETURNED);
	offset = 0;
	native_result(&native, &offset, &message);
	expect_error(&message, CODE_RESULT_TOO_LARGE,
		     "the result does not fit the I/O area");
	native_result(&native, &offset, &message);
	assert_int_equal(value_of(&message)->as.i32, -5);
	native_stop(&native);
}

static void test_posts(void **state)
{
	struct native native;
	struct native_options options = { .post_size = 4096, .io_size = 65536 };

	(void)state;
	start(&native, programs[0], &options);
	CALL(&native, "Post", MOTE_I32(3), MOTE_U32(10));
	assert_string_equal(journal, "0:10;1:10;2:10;");
	assert_int_equal(EXITS(&native, MOTE_PORT_FLUSH), 0);
	assert_int_equal(EXITS(&native, MOTE_PORT_RETURN), 1);
	/* More than fits at once; records of 1072 bytes, three at a time. */
	journal[0] = '\0';
	native_forget(&native);
	CALL(&native, "Post", MOTE_I32(5), MOTE_U32(1000));
	assert_string_equal(journal, "0:1000;1:1000;2:1000;3:1000;4:1000;");
	assert_int_equal(EXITS(&native, MOTE_PORT_FLUSH), 1);
	/* More than ever fits: as ordinary calls. */
	journal[0] = '\0';
	native_forget(&native);
	CALL(&native, "Post", MOTE_I32(2), MOTE_U32(5000));
	assert_string_equal(journal, "0:5000;1:5000;");
	assert_int_equal(EXITS(&native, MOTE_PORT_HOST_CALL), 2);
	native_stop(&native);
}

static void test_output(void **state)
{
	struct native native;
	struct native_options options = { .post_size = 4096 };
	char expected[8 * 5000 + 1] = "";
	int i;

	(void)state;
	start(&native, programs[0], &options);
	native.user = &native;
	CALL0(&native, "PrintAndPost");
	assert_string_equal(native.output[1], "one\ntwothree\nfive");
	assert_string_equal(native.output[2], "four\n");
	assert_int_equal(EXITS(&native, MOTE_PORT_FLUSH), 0);
	/* A line that is not ended is sent when the function returns. */
	native_forget(&native);
	CALL(&native, "Print", MOTE_STRING("no end"));
	assert_string_equal(native.output[1], "no end");
	/* Pieces of one stream share a record, and an exit when it is full. */
	native_forget(&native);
	CALL(&native, "PrintTimes", MOTE_STRING("1234567\n"), MOTE_U32(100));
	assert_int_equal(native.records, 1);
	native_forget(&native);
	CALL(&native, "PrintTimes", MOTE_STRING("1234567\n"), MOTE_U32(5000));
	for (i = 0; i < 5000; i++)
		memcpy(expected + 8 * i, "1234567\n", 9);
	assert_string_equal(native.output[1], expected);
	assert_in_range(EXITS(&native, MOTE_PORT_FLUSH), 9, 10);
	native_stop(&native);
}

static void test_output_by_lines(void **state)
{
	struct native native;
	struct native_options options = { .features =
						  MOTE_FEATURE_OUTPUT_LINES };

	(void)state;
	start(&native, programs[0], &options);
	CALL(&native, "PrintTimes", MOTE_STRING("line\n"), MOTE_U32(3));
	assert_int_equal(EXITS(&native, MOTE_PORT_FLUSH), 3);
	CALL(&native, "PrintTimes", MOTE_STRING("word "), MOTE_U32(3));
	assert_int_equal(EXITS(&native, MOTE_PORT_FLUSH), 3);
	assert_string_equal(native.output[1],
			    "line\nline\nline\nword word word ");
	CALL(&native, "Write", MOTE_STRING("raw\n"));
	assert_int_equal(EXITS(&native, MOTE_PORT_FLUSH), 4);
	CALL(&native, "Write", MOTE_STRING("raw"));
	assert_int_equal(EXITS(&native, MOTE_PORT_FLUSH), 4);
	native_stop(&native);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_output_by_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
