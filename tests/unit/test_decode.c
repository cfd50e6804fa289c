/*
 * mti_message_decode over messages with one thing wrong: each check has a
 * case, and the text must name the field.
 */
#include "harness/unit.h"

#include <stdlib.h>
#include <string.h>

#include "call/codec.h"

/*
 * The message that cases start from: a host call of kind 4, function 7, with
 * the slots i32 -1, string "hello", bytes of 3, bool 1, f64. 128 bytes, of
 * which the data begins at 112.
 */
#define SIZE 128
#define DATA 112

static const mote_value base_values[] = {
	{ .type = MOTE_TYPE_I32, .as.i32 = -1 },
	{ .type = MOTE_TYPE_STRING, .as.string = { "hello", 5 } },
	{ .type = MOTE_TYPE_BYTES, .as.bytes = { "\1\2\3", 3 } },
	{ .type = MOTE_TYPE_BOOL, .as.boolean = 1 },
	{ .type = MOTE_TYPE_F64, .as.f64 = 0.5 },
};

#define PATCHES 4

struct patch {
	size_t at;
	size_t width;
	uint64_t value;
};

struct decode_case {
	const char *name;
	const char *text; /* NULL: it is valid */
	struct patch patches[PATCHES];
};

#define HEADER(field, number)                                                  \
	{                                                                      \
		offsetof(struct mote_abi_message, field),                      \
			sizeof(((struct mote_abi_message *)0)->field),         \
			(number)                                               \
	}
#define SLOT(slot, field, number)                                              \
	{                                                                      \
		sizeof(struct mote_abi_message) +                              \
			(slot) * sizeof(struct mote_abi_slot) +                \
			offsetof(struct mote_abi_slot, field),                 \
			sizeof(((struct mote_abi_slot *)0)->field), (number)   \
	}
#define BYTE(offset, number)                                                   \
	{                                                                      \
		(offset), 1, (number)                                          \
	}
#define BAD(name, text, ...)                                                   \
	{                                                                      \
		name, text,                                                    \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}
#define GOOD(name, ...)                                                        \
	{                                                                      \
		name, NULL,                                                    \
		{                                                              \
			__VA_ARGS__                                            \
		}                                                              \
	}

/* Makes slot 0 the only one. */
#define ONE_SLOT(message_kind)                                                 \
	HEADER(kind, message_kind), HEADER(count, 1), HEADER(size, 48),        \
		HEADER(function, 0)

static const struct decode_case cases[] = {
	BAD("version 0", "version is 0, not 1", HEADER(version, 0)),
	BAD("version 2", "version is 2, not 1", HEADER(version, 2)),
	BAD("no kind", "kind 0 is unknown", HEADER(kind, 0)),
	BAD("unknown kind", "kind 8 is unknown", HEADER(kind, 8)),
	BAD("kind is huge", "kind 65535 is unknown", HEADER(kind, 65535)),
	BAD("size 0", "count 5 does not fit size 0", HEADER(size, 0)),
	BAD("size not a multiple", "size 132 is not a multiple of 8",
	    HEADER(size, SIZE + 4)),
	BAD("size beyond", "size 136 is more than the 128 bytes there are",
	    HEADER(size, SIZE + 8)),
	BAD("size is huge", "size 4294967288 is more than the 128",
	    HEADER(size, UINT32_MAX - 7)),
	BAD("size is too small", "slot 2: length 3 ends beyond size 120",
	    HEADER(size, SIZE - 8)),
	BAD("size before the slots", "count 5 does not fit size 104",
	    HEADER(size, DATA - 8)),
	BAD("a slot too many", "slot 1: value 0x70 is not the offset",
	    HEADER(count, 6)),
	BAD("a slot too few", "slot 1: value 0x70 is not the offset",
	    HEADER(count, 4)),
	BAD("count beyond size", "count 7 does not fit size 128",
	    HEADER(count, 7)),
	BAD("count 32 beyond size", "count 32 does not fit", HEADER(count, 32)),
	BAD("count 33", "count 33 is more than 32", HEADER(count, 33)),
	BAD("count is huge", "count 4294967295 is more than 32",
	    HEADER(count, UINT32_MAX)),
	BAD("count that wraps", "count 268435455 is more than 32",
	    HEADER(count, 0xfffffff)),
	BAD("reserved", "reserved 0x1 is not 0", HEADER(reserved, 1)),
	BAD("code of a call", "code -1 is not 0 in a message of kind 4",
	    HEADER(code, UINT32_MAX)),
	GOOD("any function", HEADER(function, UINT32_MAX)),
	GOOD("any id", HEADER(id, UINT64_MAX)),
	GOOD("a call", HEADER(kind, MOTE_MESSAGE_CALL)),
	GOOD("no slots", HEADER(count, 0), HEADER(size, 32)),
	BAD("no slots, but data", "size 40 is not where the data ends, 32",
	    HEADER(count, 0), HEADER(size, 40)),

	/* Kinds. */
	BAD("result of a function", "function 7 is not 0 in a message of k",
	    HEADER(kind, MOTE_MESSAGE_RESULT)),
	BAD("result with 5 slots", "count 5 is not 1 in a message of kind 2",
	    HEADER(kind, MOTE_MESSAGE_RESULT), HEADER(function, 0)),
	BAD("result without slot", "count 0 is not 1 in a message of kind 2",
	    HEADER(kind, MOTE_MESSAGE_RESULT), HEADER(function, 0),
	    HEADER(count, 0), HEADER(size, 32)),
	BAD("result with a code", "code 5 is not 0 in a message of kind 2",
	    HEADER(kind, MOTE_MESSAGE_RESULT), HEADER(function, 0),
	    HEADER(code, 5)),
	GOOD("result", ONE_SLOT(MOTE_MESSAGE_RESULT)),
	GOOD("host result", ONE_SLOT(MOTE_MESSAGE_HOST_RESULT)),
	BAD("an error is a string", "slot 0: type 1 is not allowed in a m",
	    ONE_SLOT(MOTE_MESSAGE_ERROR)),
	BAD("a host error too", "slot 0: type 1 is not allowed in a message",
	    ONE_SLOT(MOTE_MESSAGE_HOST_ERROR)),
	BAD("argv has strings", "slot 0: type 1 is not allowed in a message",
	    ONE_SLOT(MOTE_MESSAGE_MAIN)),
	BAD("main has no number", "function 7 is not 0 in a message of kind 7",
	    HEADER(kind, MOTE_MESSAGE_MAIN)),

	/* Types and numbers. */
	BAD("void argument", "slot 0: type 0 is not allowed in a message",
	    SLOT(0, type, MOTE_TYPE_VOID), SLOT(0, value, 0)),
	BAD("unknown type", "slot 3: type 10 is not allowed",
	    SLOT(3, type, 10)),
	BAD("type that shifts out", "slot 3: type 33 is not allowed",
	    SLOT(3, type, 33)),
	BAD("type is huge", "slot 3: type 4294967295 is not allowed",
	    SLOT(3, type, UINT32_MAX)),
	BAD("length of a number", "slot 0: length 1 is not 0 for type i32",
	    SLOT(0, length, 1)),
	BAD("sign-extended i32", "slot 0: value 0xffffffffffffffff is too la",
	    SLOT(0, value, UINT64_MAX)),
	BAD("u32 of 33 bits", "value 0x100000000 is too large for type u32",
	    SLOT(0, type, MOTE_TYPE_U32), SLOT(0, value, UINT64_C(1) << 32)),
	BAD("f32 of 33 bits", "value 0x100000000 is too large for type f32",
	    SLOT(0, type, MOTE_TYPE_F32), SLOT(0, value, UINT64_C(1) << 32)),
	BAD("bool 2", "slot 3: value 0x2 is too large for type bool",
	    SLOT(3, value, 2)),
	BAD("bool that is 1 in 8 bits", "slot 3: value 0x101 is too large",
	    SLOT(3, value, 0x101)),
	BAD("length of an f64", "slot 4: length 8 is not 0 for type f64",
	    SLOT(4, length, 8)),
	GOOD("largest 64-bit numbers", SLOT(4, value, UINT64_MAX)),
	GOOD("i64", SLOT(4, type, MOTE_TYPE_I64)),
	GOOD("u64", SLOT(4, type, MOTE_TYPE_U64)),

	/* Strings and bytes. */
	BAD("offset 0", "slot 1: value 0x0 is not the offset of its data, 0x70",
	    SLOT(1, value, 0)),
	BAD("offset of the next", "slot 1: value 0x78 is not the offset",
	    SLOT(1, value, DATA + 8)),
	BAD("offset wraps", "slot 1: value 0xfffffffffffffff8 is not the of",
	    SLOT(1, value, UINT64_MAX - 7)),
	BAD("offset above 32 bits", "slot 1: value 0x100000070 is not the off",
	    SLOT(1, value, DATA + (UINT64_C(1) << 32))),
	BAD("both at the same place", "slot 2: value 0x70 is not the offset",
	    SLOT(2, value, DATA)),
	BAD("string length beyond", "slot 1: length 16 ends beyond size 128",
	    SLOT(1, length, 16)),
	BAD("string length is huge", "slot 1: length 4294967295 ends beyond",
	    SLOT(1, length, UINT32_MAX)),
	BAD("string shorter than its text",
	    "slot 1: the string of length 4 has", SLOT(1, length, 4)),
	BAD("string with a NUL", "slot 1: the string of length 5 has a NUL in",
	    BYTE(DATA + 2, 0)),
	BAD("string without NUL", "slot 1: the string of length 5 has a NUL",
	    BYTE(DATA + 5, 'x')),
	BAD("string longer than its text", "slot 1: the string of length 6 has",
	    SLOT(1, length, 6)),
	BAD("bytes length beyond", "slot 2: length 9 ends beyond size 128",
	    SLOT(2, length, 9)),
	BAD("bytes length is huge", "slot 2: length 4294967288 ends beyond",
	    SLOT(2, length, UINT32_MAX - 7)),
	GOOD("bytes of 8", SLOT(2, length, 8)),
	BAD("data that nobody has", "size 128 is not where the data ends, 120",
	    SLOT(2, length, 0)),
	GOOD("no bytes at the end", SLOT(2, length, 0), HEADER(size, 120)),
	GOOD("padding is not read", BYTE(DATA + 6, 0xff), BYTE(DATA + 7, 0xff),
	     BYTE(SIZE - 1, 0xff)),
	GOOD("bytes may be a string", SLOT(1, type, MOTE_TYPE_BYTES)),
};

static void make_base(unsigned char *wire)
{
	static const struct mti_message_head head = {
		.kind = MOTE_MESSAGE_HOST_CALL,
		.function = 7,
		.id = 1,
	};
	size_t size;

	assert_int_equal(mti_message_encode(wire, SIZE, &head, base_values, 5,
					    &size, NULL),
			 MOTE_OK);
	assert_int_equal(size, SIZE);
}

static void test_cases(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	struct mti_message message;
	unsigned char *wire;
	mote_status status;
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wire = malloc(SIZE);
		assert_non_null(wire);
		make_base(wire);
		for (j = 0; j < PATCHES; j++)
			memcpy(wire + cases[i].patches[j].at,
			       &cases[i].patches[j].value,
			       cases[i].patches[j].width);
		status = mti_message_decode(wire, SIZE, &message, &err);
		if (cases[i].text && status != MOTE_E_PROTOCOL)
			fail_msg("%s: accepted", cases[i].name);
		if (!cases[i].text && status != MOTE_OK)
			fail_msg("%s: refused: %s", cases[i].name, err.text);
		if (cases[i].text && !strstr(err.text, cases[i].text))
			fail_msg("%s: \"%s\" is not in \"%s\"", cases[i].name,
				 cases[i].text, err.text);
		free(wire);
	}
}

/* Whatever is cut off, nothing beyond is read. */
static void test_truncated(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	struct mti_message message;
	unsigned char base[SIZE];
	unsigned char *exact;
	size_t size;

	(void)state;
	make_base(base);
	for (size = 0; size < SIZE; size++) {
		exact = malloc(size ? size : 1);
		assert_non_null(exact);
		memcpy(exact, base, size);
		assert_int_equal(
			mti_message_decode(exact, size, &message, &err),
			MOTE_E_PROTOCOL);
		free(exact);
		if (size < 32)
			assert_non_null(
				strstr(err.text, "header has 32 bytes"));
		else
			assert_non_null(strstr(err.text, "size 128 is more"));
	}
}

/* More may follow: the next message, or what an earlier one left. */
static void test_behind(void **state)
{
	unsigned char wire[SIZE + 8];
	struct mti_message message;

	(void)state;
	memset(wire, 0xff, sizeof(wire));
	make_base(wire);
	assert_int_equal(mti_message_decode(wire, sizeof(wire), &message, NULL),
			 MOTE_OK);
	assert_int_equal(message.size, SIZE);
}

static void decode_one(uint16_t kind, int32_t code, const mote_value *value,
		       struct mti_message *message)
{
	static unsigned char buffer[256];
	struct mti_message_head head = { .kind = kind, .code = code, .id = 9 };
	size_t size;

	assert_int_equal(mti_message_encode(buffer, sizeof(buffer), &head,
					    value, 1, &size, NULL),
			 MOTE_OK);
	assert_int_equal(mti_message_decode(buffer, size, message, NULL),
			 MOTE_OK);
	assert_int_equal(message->head.kind, kind);
	assert_int_equal(message->head.code, code);
	assert_int_equal(message->head.id, 9);
	assert_int_equal(message->count, 1);
	assert_int_equal(message->values[0].type, value->type);
}

static void test_kinds(void **state)
{
	static const mote_value text = {
		.type = MOTE_TYPE_STRING,
		.as.string = { "no", 2 },
	};
	static const mote_value nothing = { .type = MOTE_TYPE_VOID };
	struct mti_message message;

	(void)state;
	decode_one(MOTE_MESSAGE_RESULT, 0, &nothing, &message);
	decode_one(MOTE_MESSAGE_HOST_RESULT, 0, &nothing, &message);
	decode_one(MOTE_MESSAGE_RESULT, 0, &text, &message);
	decode_one(MOTE_MESSAGE_ERROR, INT32_MIN, &text, &message);
	assert_int_equal(message.values[0].as.string.size, 2);
	decode_one(MOTE_MESSAGE_HOST_ERROR, 0, &text, &message);
	decode_one(MOTE_MESSAGE_MAIN, 0, &text, &message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
