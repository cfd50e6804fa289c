/*
 * Guests that lie: every field of every message, at every moment. The host
 * may answer with MOTE_E_PROTOCOL, MOTE_E_LIMIT or a fault, and with nothing
 * else; the sandbox is poisoned, another one and the process are not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/villain.h"

#define IO_SIZE (UINT64_C(1048576) + 4096)
#define HOST_CALLS_MAX 1000

static struct vm vm;
static mote_sandbox *witness;
static size_t log_calls;

static mote_status host_add(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	(void)user;
	(void)call;
	assert_int_equal(count, 2);
	*result = MOTE_I32(args[0].as.i32 + args[1].as.i32);
	return MOTE_OK;
}

static mote_status host_text(void *user, mote_host_call *call,
			     const mote_value *args, size_t count,
			     mote_value *result)
{
	(void)user;
	(void)call;
	assert_int_equal(count, 1);
	assert_int_equal(strlen(args[0].as.string.data),
			 args[0].as.string.size);
	*result = args[0];
	return MOTE_OK;
}

static mote_status host_log(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)result;
	assert_int_equal(count, 1);
	log_calls++;
	return MOTE_OK;
}

static const mote_host_function host_functions[] = {
	{ "HostAdd", "i(ii)", host_add, NULL },
	{ "HostText", "s(s)", host_text, NULL },
	{ "HostLog", "v(s)", host_log, NULL },
	{ "HostBytes", "y(y)", host_text, NULL },
};

static mote_sandbox_options options(void)
{
	mote_sandbox_options made = MOTE_SANDBOX_OPTIONS_INIT;

	made.host_functions = host_functions;
	made.host_function_count =
		sizeof(host_functions) / sizeof(host_functions[0]);
	made.max_host_calls = HOST_CALLS_MAX;
	return made;
}

static mote_sandbox *new_box(void)
{
	const mote_sandbox_options made = options();

	return vm_sandbox(&vm, &made);
}

static void setup(void)
{
	vm_open(&vm, GUEST_bare_villain);
	witness = new_box();
}

static void finish(void)
{
	mote_sandbox_free(witness);
	vm_close(&vm);
}

static void expect_answer(mote_sandbox *box)
{
	mote_value result;

	vm_expect(mote_call(box, "Answer", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.as.i64, 42);
}

/* The id that the next call of a new sandbox but one has. */
static uint64_t second_id(mote_sandbox *box)
{
	mote_value result;

	vm_expect(mote_call(box, "Id", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	return (uint64_t)result.as.i64 + 1;
}

static void expect_broken(mote_sandbox *box, mote_status status,
			  mote_status expected, const char *what)
{
	mote_error again = MOTE_ERROR_INIT;

	print_message("%s: %s\n", what,
		      status == MOTE_OK ? "accepted" : vm.err.text);
	vm_expect(status, expected, &vm.err);
	assert_int_equal(vm.err.code, expected);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	vm_expect(mote_call(box, "Answer", NULL, 0, NULL, &again),
		  MOTE_E_POISONED, &again);
	expect_answer(witness);
}

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
	{ "size of the area", HEAD(size), 4, IO_SIZE },
	{ "size past the area", HEAD(size), 4, IO_SIZE + 8 },
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
	{ "offset of the area's end", SLOT(value), 8, IO_SIZE },
	{ "offset wraps", SLOT(value), 8, UINT64_MAX - 7 },
	{ "offset with high bits", SLOT(value), 8, (UINT64_C(1) << 32) | DATA },
	{ "offset UINT64_MAX", SLOT(value), 8, UINT64_MAX },
	{ "length past size", SLOT(length), 4, 9 },
	{ "length of the area", SLOT(length), 4, IO_SIZE },
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

#define RUN_RESULT(function, letter, edits) \
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
		  good->head.kind == MOTE_MESSAGE_ERROR ? MOTE_E_GUEST_ERROR :
							  MOTE_OK,
		  &vm.err);
	expect_answer(box);
	mote_sandbox_free(box);
}

static void check_result(const char *function, const struct letter *good)
{
	accept_result(function, good, 0);
	accept_result(function, good, (uint32_t)IO_SIZE - good->head.size);
	RUN_RESULT(function, good, result_edits);
}

static void test_results(void **state)
{
	struct letter letter;

	(void)state;
	setup();
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
	finish();
}

static void test_span_results(void **state)
{
	struct letter letter;

	(void)state;
	setup();
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
	finish();
}

/* Where the result is said to be. */
static void test_offsets(void **state)
{
	static const uint32_t offsets[] = {
		1,	     4,		  7,		  8,
		IO_SIZE - 8, IO_SIZE - 1, IO_SIZE,	  IO_SIZE + 8,
		0x7fffffff,  0xfffffff8,  UINT32_MAX,
	};
	size_t i;

	(void)state;
	setup();
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
	finish();
}

/* ----------------------------------------------------------- host calls */

static struct letter add_letter(void)
{
	struct letter made = number_letter(MOTE_MESSAGE_HOST_CALL,
					   MOTE_TYPE_I32);

	made.head.size = 64;
	made.head.count = 2;
	made.slots[0].value = 1;
	made.slots[1].type = MOTE_TYPE_I32;
	made.slots[1].value = 2;
	return made;
}

static struct letter text_letter(void)
{
	struct letter made = span_letter(MOTE_MESSAGE_HOST_CALL,
					 MOTE_TYPE_STRING);

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
	{ "size past the area", HEAD(size), 4, IO_SIZE + 8 },
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
	setup();
	accept_host(&letter);
	run_host(&letter, add_edits, sizeof(add_edits) / sizeof(add_edits[0]));
	letter = text_letter();
	accept_host(&letter);
	run_host(&letter, span_edits,
		 sizeof(span_edits) / sizeof(span_edits[0]));
	run_host(&letter, string_edits,
		 sizeof(string_edits) / sizeof(string_edits[0]));
	finish();
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
	{ "used 0x80000000", { MOTE_POST_STDOUT, 8 }, 0x80000000,
	  MOTE_E_PROTOCOL },
	{ "used 0xffffffff", { MOTE_POST_STDOUT, 8 }, 0xffffffff,
	  MOTE_E_PROTOCOL },
	{ "kind 0", { 0, 0 }, 8, MOTE_E_PROTOCOL },
	{ "kind 4", { 4, 0 }, 8, MOTE_E_PROTOCOL },
	{ "kind 0xffffffff", { 0xffffffff, 0 }, 8, MOTE_E_PROTOCOL },
	{ "size past used", { MOTE_POST_STDOUT, 9 }, 16, MOTE_E_PROTOCOL },
	{ "size past the area", { MOTE_POST_STDOUT, 65529 }, 65536,
	  MOTE_E_PROTOCOL },
	{ "size 0xffffffff", { MOTE_POST_STDOUT, 0xffffffff }, 65536,
	  MOTE_E_PROTOCOL },
	{ "size 0xfffffff8", { MOTE_POST_STDERR, 0xfffffff8 }, 16,
	  MOTE_E_PROTOCOL },
	{ "second record past used", { MOTE_POST_STDOUT, 1 }, 20,
	  MOTE_E_PROTOCOL },
	{ "a call of nothing", { MOTE_POST_CALL, 0 }, 8, MOTE_E_PROTOCOL },
	{ "a call of zeros", { MOTE_POST_CALL, 32 }, 40, MOTE_E_PROTOCOL },
};

static void test_posts(void **state)
{
	size_t i;

	(void)state;
	setup();
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
	finish();
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
	setup();
	log_calls = 0;
	box = new_box();
	vm_expect(post_call(box, NULL), MOTE_OK, &vm.err);
	assert_int_equal(log_calls, 1);
	mote_sandbox_free(box);
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		box = new_box();
		expect_broken(box, post_call(box, &edits[i]), MOTE_E_PROTOCOL,
			      edits[i].what);
		mote_sandbox_free(box);
	}
	assert_int_equal(log_calls, 1);
	finish();
}

/* ------------------------------------------------- ports at wrong times */

struct port_case {
	const char *what;
	uint32_t port;
	uint32_t value;
	uint64_t argument0;
	uint64_t argument1;
	mote_status in_call;
	mote_status in_init;
};

static const struct port_case port_cases[] = {
	{ "READY", MOTE_PORT_READY, 0, 0x401000, 0x401000, MOTE_E_PROTOCOL,
	  MOTE_OK },
	{ "READY in the kernel's half", MOTE_PORT_READY, 0, 0xffffffff81000000,
	  0x401000, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "READY, not canonical", MOTE_PORT_READY, 0, 0x800000000000, 0x401000,
	  MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "READY, stack in the kernel's half", MOTE_PORT_READY, 0, 0x401000,
	  0xffff800000000000, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "RETURN of zeros", MOTE_PORT_RETURN, 64, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "HOST_CALL of zeros", MOTE_PORT_HOST_CALL, 64, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "HOST_CALL unaligned", MOTE_PORT_HOST_CALL, 4, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "HOST_CALL at the end", MOTE_PORT_HOST_CALL, IO_SIZE - 8, 0, 0,
	  MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "HOST_CALL far out", MOTE_PORT_HOST_CALL, 0xfffffff8, 0, 0,
	  MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "EXIT", MOTE_PORT_EXIT, 3, 0, 0, MOTE_E_GUEST_EXIT,
	  MOTE_E_GUEST_EXIT },
	{ "ABORT", MOTE_PORT_ABORT, 6, 0, 0, MOTE_E_GUEST_FAULT,
	  MOTE_E_GUEST_FAULT },
	{ "SERVICE 0", MOTE_PORT_SERVICE, 0, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "SERVICE 3", MOTE_PORT_SERVICE, 3, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "SERVICE 0xffffffff", MOTE_PORT_SERVICE, 0xffffffff, 0, 0,
	  MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "RANDOM too long", MOTE_PORT_SERVICE, MOTE_SERVICE_RANDOM,
	  MOTE_RANDOM_MAX + 1, 0, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "RANDOM UINT64_MAX", MOTE_PORT_SERVICE, MOTE_SERVICE_RANDOM,
	  UINT64_MAX, 0, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "SET_FS_BASE not canonical", MOTE_PORT_SERVICE,
	  MOTE_SERVICE_SET_FS_BASE, 0x800000000000, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "SET_FS_BASE in the kernel's half", MOTE_PORT_SERVICE,
	  MOTE_SERVICE_SET_FS_BASE, 0xffffffff81000000, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "a port between", MOTE_PORT_FIRST + 1, 0, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
};

static void test_ports_in_call(void **state)
{
	size_t i;

	(void)state;
	setup();
	for (i = 0; i < sizeof(port_cases) / sizeof(port_cases[0]); i++) {
		const struct port_case *row = &port_cases[i];
		mote_sandbox *box = new_box();
		const struct evil evil = { .port = row->port,
					   .value = row->value,
					   .argument0 = row->argument0,
					   .argument1 = row->argument1 };

		expect_broken(box,
			      evil_call(box, "EvilI64", &evil, NULL, &vm.err),
			      row->in_call, row->what);
		mote_sandbox_free(box);
	}
	finish();
}

/* The same as the first thing that the guest does. */
static void test_ports_in_init(void **state)
{
	const mote_sandbox_options made = options();
	unsigned char *file;
	unsigned char *words;
	size_t size;
	size_t i;

	(void)state;
	vm_open(&vm, NULL);
	file = vm_read_file(GUEST_bare_villain, &size);
	words = memmem(file, size, "INITDOES", 8);
	assert_non_null(words);
	for (i = 0; i < sizeof(port_cases) / sizeof(port_cases[0]); i++) {
		const struct port_case *row = &port_cases[i];
		const uint64_t does[] = { row->port, row->value,
					  row->argument0, row->argument1 };
		mote_sandbox *box = NULL;
		mote_image *image;
		mote_status status;

		memcpy(words + 8, does, sizeof(does));
		vm_expect(mote_image_from_memory(vm.engine, file, size, &image,
						 &vm.err),
			  MOTE_OK, &vm.err);
		status = mote_sandbox_new(image, &made, &box, &vm.err);
		vm_expect(status, row->in_init, &vm.err);
		if (status != MOTE_OK)
			assert_null(box);
		mote_sandbox_free(box);
		mote_image_unref(image);
	}
	free(file);
	vm_close(&vm);
}

/* A dispatch entry that is no code, a stack that is none. */
static void test_ready_lies(void **state)
{
	static const uint64_t lies[][2] = {
		{ 0, 0x700800000000 },
		{ 0x10000, 0x700800000000 },
		{ MOTE_GVA_SUPERVISOR, 0x700800000000 },
		{ MOTE_GVA_CONTROL, 0x700800000000 },
		{ 0x7fffffffffff, 0 },
		{ MOTE_GVA_SYSCALL, MOTE_GVA_SUPERVISOR },
	};
	const mote_sandbox_options made = options();
	unsigned char *file;
	unsigned char *words;
	size_t size;
	size_t i;

	(void)state;
	vm_open(&vm, NULL);
	file = vm_read_file(GUEST_bare_villain, &size);
	words = memmem(file, size, "INITDOES", 8);
	assert_non_null(words);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const uint64_t does[] = { MOTE_PORT_READY, 0, lies[i][0],
					  lies[i][1] };

		memcpy(words + 8, does, sizeof(does));
		vm_expect(mote_image_from_memory(vm.engine, file, size,
						 &vm.image, &vm.err),
			  MOTE_OK, &vm.err);
		witness = vm_sandbox(&vm, &made);
		vm_expect(mote_call(witness, "Answer", NULL, 0, NULL, &vm.err),
			  MOTE_E_GUEST_FAULT, &vm.err);
		assert_int_equal(mote_sandbox_state(witness),
				 MOTE_SANDBOX_POISONED);
		mote_sandbox_free(witness);
		mote_image_unref(vm.image);
		vm.image = NULL;
	}
	free(file);
	vm_close(&vm);
}

/* -------------------------------------------------- areas, limits, rest */

/* What lies in the areas between calls is nobody's input. */
static void test_scribbling(void **state)
{
	static const struct {
		uint64_t address;
		uint64_t size;
		bool harmless;
	} areas[] = {
		{ MOTE_GVA_CONTROL, 104, true },
		{ MOTE_GVA_CONTROL + 108, 4096 - 108, true },
		{ MOTE_GVA_CONTROL, 4096, false }, /* post_used */
		{ MOTE_GVA_CALL + 64, IO_SIZE - 64, true },
		{ MOTE_GVA_REPLY, IO_SIZE, true },
		{ MOTE_GVA_OUT, IO_SIZE, true },
		{ MOTE_GVA_POST, 65536, true },
		{ MOTE_GVA_HEAP, 16 << 20, true },
	};
	static const uint32_t fills[] = { 0x00, 0x01, 0x7f, 0xff };
	size_t i;
	size_t j;

	(void)state;
	setup();
	for (i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
		for (j = 0; j < sizeof(fills) / sizeof(fills[0]); j++) {
			mote_sandbox *box = new_box();
			const mote_value arguments[] = {
				MOTE_U64(areas[i].address),
				MOTE_U64(areas[i].size),
				MOTE_U32(fills[j]),
			};
			mote_status status = mote_call(box, "Fill", arguments,
						       3, NULL, &vm.err);

			if (areas[i].harmless || fills[j] == 0) {
				vm_expect(status, MOTE_OK, &vm.err);
				expect_answer(box);
			} else {
				expect_broken(box, status, MOTE_E_PROTOCOL,
					      "control page");
			}
			mote_sandbox_free(box);
		}
	}
	finish();
}

static mote_status call2(mote_sandbox *box, const char *function, uint64_t a,
			 uint64_t b, size_t count, mote_value *result)
{
	const mote_value arguments[] = { MOTE_U64(a), MOTE_U64(b) };

	return mote_call(box, function, arguments, count, result, &vm.err);
}

static void test_limits(void **state)
{
	mote_sandbox_options made = options();
	mote_value result;
	mote_sandbox *box;

	(void)state;
	setup();
	box = new_box();
	vm_expect(call2(box, "CallHost", HOST_CALLS_MAX, 0, 1, &result),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.i64, 42);
	/* Per call, not in all. */
	vm_expect(call2(box, "CallHost", HOST_CALLS_MAX, 0, 1, &result),
		  MOTE_OK, &vm.err);
	assert_int_equal(vm_stats(box).host_calls, 2 * HOST_CALLS_MAX);
	expect_broken(box, call2(box, "CallHost", HOST_CALLS_MAX + 1, 0, 1,
				 &result),
		      MOTE_E_LIMIT, "one host call too many");
	vm_expect_text(&vm.err, "max_host_calls");
	mote_sandbox_free(box);

	made.max_output_bytes = 1000;
	box = vm_sandbox(&vm, &made);
	vm_expect(call2(box, "Print", 10, 100, 2, NULL), MOTE_OK, &vm.err);
	vm_expect(call2(box, "Print", 1, 1000, 2, NULL), MOTE_OK, &vm.err);
	assert_int_equal(vm_stats(box).output_bytes, 2000);
	expect_broken(box, call2(box, "Print", 1, 1001, 2, NULL), MOTE_E_LIMIT,
		      "one byte too many");
	vm_expect_text(&vm.err, "max_output_bytes");
	mote_sandbox_free(box);

	box = vm_sandbox(&vm, &made);
	expect_broken(box, call2(box, "Print", 1001, 1, 2, NULL), MOTE_E_LIMIT,
		      "one line too many");
	mote_sandbox_free(box);
	finish();
}

static void test_services(void **state)
{
	mote_value first;
	mote_value second;
	mote_sandbox *box;

	(void)state;
	setup();
	box = new_box();
	vm_expect(call2(box, "Random", MOTE_RANDOM_MAX, 0, 1, &first), MOTE_OK,
		  &vm.err);
	vm_expect(call2(box, "Random", 8, 0, 1, &second), MOTE_OK, &vm.err);
	assert_int_not_equal(first.as.i64, second.as.i64);
	vm_expect(call2(box, "Random", 0, 0, 1, &second), MOTE_OK, &vm.err);
	assert_int_equal(second.as.i64, 0);
	vm_expect(call2(box, "FsBase", MOTE_GVA_CALL, 0, 1, &second), MOTE_OK,
		  &vm.err);
	assert_int_equal(second.as.i64 & 0xffffffff,
			 MOTE_MESSAGE_VERSION | MOTE_MESSAGE_CALL << 16);
	expect_answer(box);
	mote_sandbox_free(box);
	finish();
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
		cmocka_unit_test(test_ports_in_call),
		cmocka_unit_test(test_ports_in_init),
		cmocka_unit_test(test_ready_lies),
		cmocka_unit_test(test_scribbling),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_services),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
