/*
 * Guests that lie: every field of every message and of every record in the
 * post area. The host may answer with MOTE_E_PROTOCOL and with nothing else;
 * the sandbox is poisoned, another one and the process are not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "vm/liar.h"

/* ------------------------------------------------------------- messages */

/* A message with two slots and 32 bytes of data. */
struct letter {
	struct mote_abi_message head;
	struct mote_abi_slot slots[2];
	char data[32];
};

/* Where the fields are when there is one slot: its data are in slots[1]. */
#define HEAD(field) offsetof(struct mote_abi_message, field)
#define SLOT(field) (32 + offsetof(struct mote_abi_slot, field))
#define SLOT2(field) (48 + offsetof(struct mote_abi_slot, field))
#define DATA 48

static struct letter number_letter(uint16_t kind, uint32_t type)
{
	const struct letter made = {
		.head = { .version = MOTE_MESSAGE_VERSION,
			  .kind = kind,
			  .size = 48,
			  .count = 1 },
		.slots = { { .type = type } },
	};

	return made;
}

static struct letter span_letter(uint16_t kind, uint32_t type)
{
	struct letter made = number_letter(kind, type);

	made.head.size = 56;
	made.slots[0].length = 3;
	made.slots[0].value = DATA;
	memcpy((char *)&made + DATA, "abc", 4);
	return made;
}

/* One field of a good letter, and the bytes that it is changed to. */
struct edit {
	const char *what;
	size_t offset;
	size_t width;
	uint64_t value;
};

static void apply(struct letter *letter, const struct edit *edit)
{
	memcpy((char *)letter + edit->offset, &edit->value, edit->width);
}

static const struct edit head_edits[] = {
	{ "version 0", HEAD(version), 2, 0 },
	{ "version 2", HEAD(version), 2, 2 },
	{ "kind 0", HEAD(kind), 2, 0 },
	{ "kind 8", HEAD(kind), 2, 8 },
	{ "kind 0xffff", HEAD(kind), 2, 0xffff },
	{ "kind call", HEAD(kind), 2, MOTE_MESSAGE_CALL },
	{ "kind host result", HEAD(kind), 2, MOTE_MESSAGE_HOST_RESULT },
	{ "kind main", HEAD(kind), 2, MOTE_MESSAGE_MAIN },
	{ "size 0", HEAD(size), 4, 0 },
	{ "size 8", HEAD(size), 4, 8 },
	{ "size 32", HEAD(size), 4, 32 },
	{ "size 47", HEAD(size), 4, 47 },
	{ "size 49", HEAD(size), 4, 49 },
	{ "size too large", HEAD(size), 4, 64 + 8 },
	{ "size of the area", HEAD(size), 4, VILLAIN_IO_SIZE },
	{ "size past the area", HEAD(size), 4, VILLAIN_IO_SIZE + 8 },
	{ "size 0xfffffff8", HEAD(size), 4, 0xfffffff8 },
	{ "size 0xffffffff", HEAD(size), 4, 0xffffffff },
	{ "count 0", HEAD(count), 4, 0 },
	{ "count 2", HEAD(count), 4, 2 },
	{ "count 33", HEAD(count), 4, 33 },
	{ "count 0x10000001", HEAD(count), 4, 0x10000001 },
	{ "count 0xffffffff", HEAD(count), 4, 0xffffffff },
	{ "reserved 1", HEAD(reserved), 4, 1 },
	{ "type void", SLOT(type), 4, MOTE_TYPE_VOID },
	{ "type bool", SLOT(type), 4, MOTE_TYPE_BOOL },
	{ "type 10", SLOT(type), 4, 10 },
	{ "type 0xffffffff", SLOT(type), 4, 0xffffffff },
};

static const struct edit result_edits[] = {
	{ "kind host call", HEAD(kind), 2, MOTE_MESSAGE_HOST_CALL },
	{ "id 0", HEAD(id), 8, 0 },
	{ "id of the next call", HEAD(id), 8, 2 },
	{ "id UINT64_MAX", HEAD(id), 8, UINT64_MAX },
	{ "function 1", HEAD(function), 4, 1 },
	{ "code 1", HEAD(code), 4, 1 },
};

static const struct edit i64_edits[] = {
	{ "kind error, no string", HEAD(kind), 2, MOTE_MESSAGE_ERROR },
	{ "length of a number", SLOT(length), 4, 1 },
	{ "type u64", SLOT(type), 4, MOTE_TYPE_U64 },
	{ "type f64", SLOT(type), 4, MOTE_TYPE_F64 },
	{ "type string", SLOT(type), 4, MOTE_TYPE_STRING },
	{ "type bytes", SLOT(type), 4, MOTE_TYPE_BYTES },
};

static const struct edit i32_edits[] = {
	{ "high bits", SLOT(value), 8, UINT64_C(1) << 32 },
	{ "sign bits", SLOT(value), 8, UINT64_MAX },
	{ "type u32", SLOT(type), 4, MOTE_TYPE_U32 },
};

static const struct edit bool_edits[] = {
	{ "bool 2", SLOT(value), 8, 2 },
	{ "bool 256", SLOT(value), 8, 256 },
	{ "bool high", SLOT(value), 8, UINT64_C(1) << 63 },
};

static const struct edit void_edits[] = {
	{ "void with value", SLOT(value), 8, 1 },
	{ "void with length", SLOT(length), 4, 1 },
};

static const struct edit span_edits[] = {
	{ "offset 0", SLOT(value), 8, 0 },
	{ "offset in the slots", SLOT(value), 8, 40 },
	{ "offset unaligned", SLOT(value), 8, 49 },
	{ "offset behind", SLOT(value), 8, 56 },
	{ "offset of the area's end", SLOT(value), 8, VILLAIN_IO_SIZE },
	{ "offset wraps", SLOT(value), 8, UINT64_MAX - 7 },
	{ "offset with high bits", SLOT(value), 8, (UINT64_C(1) << 32) | DATA },
	{ "offset UINT64_MAX", SLOT(value), 8, UINT64_MAX },
	{ "length past size", SLOT(length), 4, 9 },
	{ "length of the area", SLOT(length), 4, VILLAIN_IO_SIZE },
	{ "length 0xffffffff", SLOT(length), 4, 0xffffffff },
	{ "length 0x80000000", SLOT(length), 4, 0x80000000 },
	{ "type i64", SLOT(type), 4, MOTE_TYPE_I64 },
};

static const struct edit string_edits[] = {
	{ "NUL inside", DATA + 1, 1, 0 },
	{ "no NUL", DATA + 3, 1, 'x' },
	{ "length too short", SLOT(length), 4, 2 },
	{ "length 8: no room for NUL", SLOT(length), 4, 8 },
};

static void run_result(const char *function, const struct letter *good,
		       const struct edit *edits, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		mote_sandbox *box = new_box();
		struct letter letter = *good;
		struct evil evil = { .out = &letter,
				     .out_size = sizeof(letter),
				     .port = MOTE_PORT_RETURN };

		letter.head.id = second_id(box);
		apply(&letter, &edits[i]);
		expect_broken(box,
			      evil_call(box, function, &evil, NULL, &vm.err),
			      MOTE_E_PROTOCOL, edits[i].what);
		mote_sandbox_free(box);
	}
}

#define RUN_RESULT(function, letter, edits)                                    \
	run_result(function, letter, edits, sizeof(edits) / sizeof(edits[0]))

static void accept_result(const char *function, const struct letter *good,
			  uint32_t offset)
{
	mote_sandbox *box = new_box();
	struct letter letter = *good;
	struct evil evil = { .out = &letter,
			     .out_size = good->head.size,
			     .out_offset = offset,
			     .value = offset,
			     .port = MOTE_PORT_RETURN };

	letter.head.id = second_id(box);
	vm_expect(evil_call(box, function, &evil, NULL, &vm.err),
		  good->head.kind == MOTE_MESSAGE_ERROR ? MOTE_E_GUEST_ERROR
							: MOTE_OK,
		  &vm.err);
	expect_answer(box);
	mote_sandbox_free(box);
}

static void check_result(const char *function, const struct letter *good)
{
	accept_result(function, good, 0);
	accept_result(function, good,
		      (uint32_t)VILLAIN_IO_SIZE - good->head.size);
	RUN_RESULT(function, good, result_edits);
}

static void test_results(void **state)
{
	struct letter letter;

	(void)state;
	villain_setup();
	letter = number_letter(MOTE_MESSAGE_RESULT, MOTE_TYPE_I64);
	check_result("EvilI64", &letter);
	RUN_RESULT("EvilI64", &letter, head_edits);
	RUN_RESULT("EvilI64", &letter, i64_edits);
	letter = number_letter(MOTE_MESSAGE_RESULT, MOTE_TYPE_I32);
	check_result("EvilI32", &letter);
	RUN_RESULT("EvilI32", &letter, i32_edits);
	letter = number_letter(MOTE_MESSAGE_RESULT, MOTE_TYPE_BOOL);
	check_result("EvilBool", &letter);
	RUN_RESULT("EvilBool", &letter, bool_edits);
	letter = number_letter(MOTE_MESSAGE_RESULT, MOTE_TYPE_VOID);
	check_result("EvilVoid", &letter);
	RUN_RESULT("EvilVoid", &letter, void_edits);
	villain_finish();
}

static void test_span_results(void **state)
{
	struct letter letter;

	(void)state;
	villain_setup();
	letter = span_letter(MOTE_MESSAGE_RESULT, MOTE_TYPE_STRING);
	check_result("EvilString", &letter);
	RUN_RESULT("EvilString", &letter, head_edits);
	RUN_RESULT("EvilString", &letter, span_edits);
	RUN_RESULT("EvilString", &letter, string_edits);
	letter = span_letter(MOTE_MESSAGE_RESULT, MOTE_TYPE_BYTES);
	check_result("EvilBytes", &letter);
	RUN_RESULT("EvilBytes", &letter, span_edits);
	letter = span_letter(MOTE_MESSAGE_ERROR, MOTE_TYPE_STRING);
	letter.head.code = 5;
	accept_result("EvilI64", &letter, 8);
	RUN_RESULT("EvilI64", &letter, span_edits);
	RUN_RESULT("EvilI64", &letter, string_edits);
	villain_finish();
}

/* Where the result is said to be. */
static void test_offsets(void **state)
{
	static const uint32_t offsets[] = {
		1,
		4,
		7,
		8,
		VILLAIN_IO_SIZE - 8,
		VILLAIN_IO_SIZE - 1,
		VILLAIN_IO_SIZE,
		VILLAIN_IO_SIZE + 8,
		0x7fffffff,
		0xfffffff8,
		UINT32_MAX,
	};
	size_t i;

	(void)state;
	villain_setup();
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		mote_sandbox *box = new_box();
		struct letter letter =
			number_letter(MOTE_MESSAGE_RESULT, MOTE_TYPE_I64);
		struct evil evil = { .out = &letter,
				     .out_size = sizeof(letter),
				     .value = offsets[i],
				     .port = MOTE_PORT_RETURN };
		char what[32];

		letter.head.id = second_id(box);
		snprintf(what, sizeof(what), "offset 0x%x", offsets[i]);
		if (offsets[i] < 8) {
			evil.out_offset = offsets[i];
			evil.out_size = 48;
		}
		expect_broken(box,
			      evil_call(box, "EvilI64", &evil, NULL, &vm.err),
			      MOTE_E_PROTOCOL, what);
		mote_sandbox_free(box);
	}
	villain_finish();
}

/* ----------------------------------------------------------- host calls */

static struct letter add_letter(void)
{
	struct letter made =
		number_letter(MOTE_MESSAGE_HOST_CALL, MOTE_TYPE_I32);

	made.head.size = 64;
	made.head.count = 2;
	made.slots[0].value = 1;
	made.slots[1].type = MOTE_TYPE_I32;
	made.slots[1].value = 2;
	return made;
}

static struct letter text_letter(void)
{
	struct letter made =
		span_letter(MOTE_MESSAGE_HOST_CALL, MOTE_TYPE_STRING);

	made.head.function = 1;
	return made;
}

static const struct edit add_edits[] = {
	{ "kind result", HEAD(kind), 2, MOTE_MESSAGE_RESULT },
	{ "kind error", HEAD(kind), 2, MOTE_MESSAGE_ERROR },
	{ "kind call", HEAD(kind), 2, MOTE_MESSAGE_CALL },
	{ "kind main", HEAD(kind), 2, MOTE_MESSAGE_MAIN },
	{ "kind 0", HEAD(kind), 2, 0 },
	{ "version 0", HEAD(version), 2, 0 },
	{ "import 1", HEAD(function), 4, 1 },
	{ "import 4 of 4", HEAD(function), 4, 4 },
	{ "import 0x80000000", HEAD(function), 4, 0x80000000 },
	{ "import 0xffffffff", HEAD(function), 4, 0xffffffff },
	{ "code 1", HEAD(code), 4, 1 },
	{ "count 1", HEAD(count), 4, 1 },
	{ "count 3", HEAD(count), 4, 3 },
	{ "type u32", SLOT2(type), 4, MOTE_TYPE_U32 },
	{ "type string", SLOT2(type), 4, MOTE_TYPE_STRING },
	{ "type void", SLOT2(type), 4, MOTE_TYPE_VOID },
	{ "high bits", SLOT2(value), 8, UINT64_C(1) << 40 },
	{ "size 0", HEAD(size), 4, 0 },
	{ "size past the area", HEAD(size), 4, VILLAIN_IO_SIZE + 8 },
	{ "reserved", HEAD(reserved), 4, 0x80000000 },
};

static void run_host(const struct letter *good, const struct edit *edits,
		     size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		mote_sandbox *box = new_box();
		struct letter letter = *good;
		struct evil evil = { .out = &letter,
				     .out_size = sizeof(letter),
				     .port = MOTE_PORT_HOST_CALL };

		apply(&letter, &edits[i]);
		expect_broken(box,
			      evil_call(box, "EvilI64", &evil, NULL, &vm.err),
			      MOTE_E_PROTOCOL, edits[i].what);
		mote_sandbox_free(box);
	}
}

static void accept_host(const struct letter *letter)
{
	mote_sandbox *box = new_box();
	const struct evil evil = { .out = letter,
				   .out_size = sizeof(*letter),
				   .port = MOTE_PORT_HOST_CALL };
	mote_value result;

	vm_expect(evil_call(box, "EvilI64", &evil, &result, &vm.err), MOTE_OK,
		  &vm.err);
	/* The first word of the reply: version and kind. */
	assert_int_equal(result.as.i64 & 0xffffffff,
			 MOTE_MESSAGE_VERSION | MOTE_MESSAGE_HOST_RESULT << 16);
	expect_answer(box);
	mote_sandbox_free(box);
}

static void test_host_calls(void **state)
{
	struct letter letter = add_letter();

	(void)state;
	villain_setup();
	accept_host(&letter);
	run_host(&letter, add_edits, sizeof(add_edits) / sizeof(add_edits[0]));
	letter = text_letter();
	accept_host(&letter);
	run_host(&letter, span_edits,
		 sizeof(span_edits) / sizeof(span_edits[0]));
	run_host(&letter, string_edits,
		 sizeof(string_edits) / sizeof(string_edits[0]));
	villain_finish();
}

/* ---------------------------------------------------------------- posts */

struct post_case {
	const char *what;
	struct mote_abi_post record;
	uint32_t used;
	mote_status expected;
};

static const struct post_case post_cases[] = {
	{ "nothing", { 0, 0 }, 0, MOTE_OK },
	{ "empty output", { MOTE_POST_STDOUT, 0 }, 8, MOTE_OK },
	{ "output", { MOTE_POST_STDERR, 5 }, 16, MOTE_OK },
	{ "output to the end", { MOTE_POST_STDOUT, 65528 }, 65536, MOTE_OK },
	{ "used 1", { MOTE_POST_STDOUT, 0 }, 1, MOTE_E_PROTOCOL },
	{ "used 7", { MOTE_POST_STDOUT, 0 }, 7, MOTE_E_PROTOCOL },
	{ "used 9", { MOTE_POST_STDOUT, 1 }, 9, MOTE_E_PROTOCOL },
	{ "used 12", { MOTE_POST_STDOUT, 0 }, 12, MOTE_E_PROTOCOL },
	{ "used 65537", { MOTE_POST_STDOUT, 8 }, 65537, MOTE_E_PROTOCOL },
	{ "used 65544", { MOTE_POST_STDOUT, 8 }, 65544, MOTE_E_PROTOCOL },
	{ "one record, past the area",
	  { MOTE_POST_STDOUT, 65536 },
	  65544,
	  MOTE_E_PROTOCOL },
	{ "used 0x80000000",
	  { MOTE_POST_STDOUT, 8 },
	  0x80000000,
	  MOTE_E_PROTOCOL },
	{ "used 0xffffffff",
	  { MOTE_POST_STDOUT, 8 },
	  0xffffffff,
	  MOTE_E_PROTOCOL },
	{ "kind 0", { 0, 0 }, 8, MOTE_E_PROTOCOL },
	{ "kind 4", { 4, 0 }, 8, MOTE_E_PROTOCOL },
	{ "kind 0xffffffff", { 0xffffffff, 0 }, 8, MOTE_E_PROTOCOL },
	{ "size past used", { MOTE_POST_STDOUT, 9 }, 16, MOTE_E_PROTOCOL },
	{ "size past the area",
	  { MOTE_POST_STDOUT, 65529 },
	  65536,
	  MOTE_E_PROTOCOL },
	{ "size 0xffffffff",
	  { MOTE_POST_STDOUT, 0xffffffff },
	  65536,
	  MOTE_E_PROTOCOL },
	{ "size 0xfffffff8",
	  { MOTE_POST_STDERR, 0xfffffff8 },
	  16,
	  MOTE_E_PROTOCOL },
	{ "second record past used",
	  { MOTE_POST_STDOUT, 1 },
	  20,
	  MOTE_E_PROTOCOL },
	{ "a call of nothing", { MOTE_POST_CALL, 0 }, 8, MOTE_E_PROTOCOL },
	{ "a call of zeros", { MOTE_POST_CALL, 32 }, 40, MOTE_E_PROTOCOL },
};

static void test_posts(void **state)
{
	size_t i;

	(void)state;
	villain_setup();
	for (i = 0; i < sizeof(post_cases) / sizeof(post_cases[0]); i++) {
		const struct post_case *row = &post_cases[i];
		mote_sandbox *box = new_box();
		const struct evil evil = { .post = &row->record,
					   .post_size = sizeof(row->record),
					   .post_used = row->used,
					   .port = MOTE_PORT_FLUSH };
		mote_status status =
			evil_call(box, "EvilI64", &evil, NULL, &vm.err);

		if (row->expected == MOTE_OK) {
			vm_expect(status, MOTE_OK, &vm.err);
			expect_answer(box);
		} else {
			expect_broken(box, status, row->expected, row->what);
		}
		mote_sandbox_free(box);
	}
	villain_finish();
}

struct posted {
	struct mote_abi_post record;
	struct letter letter;
};

static mote_status post_call(mote_sandbox *box, const struct edit *edit)
{
	struct posted posted = {
		.record = { MOTE_POST_CALL, 56 },
		.letter = text_letter(),
	};
	const struct evil evil = { .post = &posted,
				   .post_size = 64,
				   .post_used = 64,
				   .port = MOTE_PORT_FLUSH };

	posted.letter.head.function = 2;
	if (edit)
		apply(&posted.letter, edit);
	return evil_call(box, "EvilI64", &evil, NULL, &vm.err);
}

static void test_posted_calls(void **state)
{
	static const struct edit edits[] = {
		{ "not posted, add", HEAD(function), 4, 0 },
		{ "not posted, text", HEAD(function), 4, 1 },
		{ "not posted, bytes", HEAD(function), 4, 3 },
		{ "import 4", HEAD(function), 4, 4 },
		{ "import 0xffffffff", HEAD(function), 4, 0xffffffff },
		{ "kind result", HEAD(kind), 2, MOTE_MESSAGE_RESULT },
		{ "size past the record", HEAD(size), 4, 64 },
		{ "size 0xfffffff8", HEAD(size), 4, 0xfffffff8 },
		{ "length past the record", SLOT(length), 4, 16 },
		{ "type bytes", SLOT(type), 4, MOTE_TYPE_BYTES },
		{ "no NUL", DATA + 3, 1, 'x' },
	};
	mote_sandbox *box;
	size_t i;

	(void)state;
	villain_setup();
	villain_log_calls = 0;
	box = new_box();
	vm_expect(post_call(box, NULL), MOTE_OK, &vm.err);
	assert_int_equal(villain_log_calls, 1);
	mote_sandbox_free(box);
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		box = new_box();
		expect_broken(box, post_call(box, &edits[i]), MOTE_E_PROTOCOL,
			      edits[i].what);
		mote_sandbox_free(box);
	}
	assert_int_equal(villain_log_calls, 1);
	villain_finish();
}

/* A good answer to the first call of a batch, then what is none. */
static void test_batch(void **state)
{
	struct letter letters[2];
	const struct evil evil = { .out = letters,
				   .out_size = sizeof(letters[0].head) +
					       sizeof(letters[0].slots[0]) +
					       sizeof(letters[1]),
				   .port = MOTE_PORT_RETURN };
	const mote_value args[] = {
		MOTE_BYTES(evil.out, evil.out_size),
		MOTE_BYTES(NULL, 0),
		MOTE_U32(0),
		MOTE_U32(0),
		MOTE_U32(evil.port),
		MOTE_U32(0),
		MOTE_U64(0),
		MOTE_U64(0),
	};
	mote_batch_item items[3] = {
		{ .function = "EvilI64", .args = args, .count = 8 },
		{ .function = "Answer", .result = MOTE_I32(12345) },
		{ .function = "Answer", .result = MOTE_I32(12345) },
	};
	mote_sandbox *box;
	uint64_t id;
	size_t i;

	(void)state;
	villain_setup();
	box = new_box();
	id = second_id(box);
	memset(letters, 0, sizeof(letters));
	letters[0] = number_letter(MOTE_MESSAGE_RESULT, MOTE_TYPE_I64);
	letters[0].head.id = id;
	/* Messages follow each other without a gap. */
	memcpy((char *)letters + letters[0].head.size, &letters[0],
	       letters[0].head.size);
	expect_broken(box, mote_call_batch(box, items, 3, &vm.err),
		      MOTE_E_PROTOCOL, "batch: id of the first twice");
	for (i = 0; i < 3; i++) {
		assert_int_equal(items[i].status, MOTE_E_PROTOCOL);
		assert_int_equal(items[i].result.type, MOTE_TYPE_VOID);
	}
	mote_sandbox_free(box);
	villain_finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_span_results),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_host_calls),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_posted_calls),
		cmocka_unit_test(test_batch),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
