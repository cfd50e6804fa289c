/*
 * A live fuzz of the protocol: a guest fills the out and post areas with what
 * a seeded generator chose, mutations of good messages most of the time, and
 * rings at a door of its choice. Nothing may come of it but the statuses that
 * a guest can cause.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/observe.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/villain.h"

#define ROUNDS 1500
#define IO_SIZE (UINT64_C(1048576) + 4096)
#define BLOCK 512

static struct vm vm;
static struct random_source source;
static size_t outcomes[600];

static mote_status host_any(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	(void)user;
	switch (random_below(&source, 4)) {
	case 0:
		return mote_host_call_fail(call, 1, "no");
	case 1: /* often the wrong type, which is the host's own affair */
		*result = MOTE_I32(7);
		return MOTE_OK;
	default:
		if (count > 0)
			*result = args[0];
		return MOTE_OK;
	}
}

/* Every byte is there. */
static void look_at(const void *data, size_t size)
{
	const char *bytes = data;
	volatile char sink = 0;
	size_t i;

	for (i = 0; i < size; i++)
		sink = (char)(sink ^ bytes[i]);
	(void)sink;
}

static void take_log(void *user, const mote_log_record *record)
{
	(void)user;
	assert_in_range(record->level, MOTE_LOG_ERROR, MOTE_LOG_TRACE);
	look_at(record->text.data, record->text.size);
	look_at(record->module.data, record->module.size);
	look_at(record->file.data, record->file.size);
}

static void output(void *user, uint32_t stream, const char *data, size_t size)
{
	(void)user;
	assert_true(stream == MOTE_STREAM_STDOUT ||
		    stream == MOTE_STREAM_STDERR);
	look_at(data, size);
}

static const mote_host_function host_functions[] = {
	{ "HostAdd", "i(ii)", host_any, NULL },
	{ "HostText", "s(s)", host_any, NULL },
	{ "HostLog", "v(s)", host_any, NULL },
	{ "HostBytes", "y(y)", host_any, NULL },
};

static size_t put_slot(unsigned char *at, uint32_t type, size_t *data)
{
	struct mote_abi_slot slot = { .type = type };
	size_t length = random_below(&source, 20);

	if (type == MOTE_TYPE_STRING || type == MOTE_TYPE_BYTES) {
		slot.length = (uint32_t)length;
		slot.value = *data;
		*data = (*data + length + 8) & ~(size_t)7;
		if (type == MOTE_TYPE_BYTES && length % 8 == 0)
			*data -= 8;
	} else if (type == MOTE_TYPE_BOOL) {
		slot.value = length & 1;
	} else if (type == MOTE_TYPE_I64) {
		slot.value = random_any_width(&source);
	} else if (type != MOTE_TYPE_VOID) {
		slot.value = (uint32_t)random_any_width(&source);
	}
	memcpy(at, &slot, sizeof(slot));
	return slot.length;
}

/* A message that is due, or nearly. */
static size_t make_message(unsigned char *block, uint16_t kind, uint32_t type,
			   uint32_t function, uint32_t count, uint64_t id)
{
	struct mote_abi_message head = {
		.version = MOTE_MESSAGE_VERSION,
		.kind = kind,
		.id = id,
		.function = function,
		.count = count,
	};
	size_t data = 32 + 16 * (size_t)count;
	size_t i;

	memset(block, 0, BLOCK);
	for (i = 0; i < count; i++) {
		size_t start = data;
		size_t length = put_slot(block + 32 + 16 * i, type, &data);

		memset(block + start, 'a' + (int)random_below(&source, 26),
		       length);
	}
	head.size = (uint32_t)data;
	memcpy(block, &head, sizeof(head));
	return data;
}

static size_t make_host_call(unsigned char *block, uint32_t which)
{
	static const struct {
		uint32_t type;
		uint32_t count;
	} imports[] = {
		{ MOTE_TYPE_I32, 2 },
		{ MOTE_TYPE_STRING, 1 },
		{ MOTE_TYPE_STRING, 1 },
		{ MOTE_TYPE_BYTES, 1 },
	};

	return make_message(block, MOTE_MESSAGE_HOST_CALL, imports[which].type,
			    which, imports[which].count,
			    random_any_width(&source));
}

static void maybe_mutate(unsigned char *block, size_t size)
{
	if (random_below(&source, 2))
		random_mutate(&source, block, size);
}

/* Log and trace records: as they should be, or nearly. */
static size_t make_log(unsigned char *body)
{
	const struct mote_abi_log log = {
		.level = 1 + (uint32_t)random_below(&source, 5),
		.line = 7,
		.text_size = (uint32_t)random_below(&source, 30),
		.module_size = (uint16_t)random_below(&source, 8),
		.file_size = (uint16_t)random_below(&source, 8),
	};

	memcpy(body, &log, sizeof(log));
	return sizeof(log) + log.text_size + log.module_size + log.file_size;
}

static size_t make_trace(unsigned char *body)
{
	const struct mote_abi_trace trace = {
		.tsc = random_any_width(&source),
		.value = (int64_t)random_any_width(&source),
		.kind = (uint32_t)random_below(&source, 6),
		.name_size = (uint32_t)random_below(&source, 20),
	};

	memcpy(body, &trace, sizeof(trace));
	return sizeof(trace) + trace.name_size;
}

static size_t make_posts(unsigned char *block)
{
	size_t used = 0;
	size_t records = random_below(&source, 4);
	size_t i;

	memset(block, 0, BLOCK * 4);
	for (i = 0; i < records; i++) {
		struct mote_abi_post record;
		size_t size = random_below(&source, 64);

		record.kind = 1 + (uint32_t)random_below(&source, 5);
		if (record.kind == MOTE_POST_CALL)
			size = make_host_call(
				block + used + 8,
				random_below(&source, 8) ? 2 : 0);
		else if (record.kind == MOTE_POST_LOG)
			size = make_log(block + used + 8);
		else if (record.kind == MOTE_POST_TRACE)
			size = make_trace(block + used + 8);
		record.size = (uint32_t)size;
		memcpy(block + used, &record, sizeof(record));
		used += 8 + ((size + 7) & ~(size_t)7);
	}
	return used;
}

static uint32_t any_port(void)
{
	static const uint32_t ports[] = {
		MOTE_PORT_RETURN,    MOTE_PORT_RETURN, MOTE_PORT_RETURN,
		MOTE_PORT_HOST_CALL, MOTE_PORT_HOST_CALL, MOTE_PORT_FLUSH,
		MOTE_PORT_FLUSH,     MOTE_PORT_SERVICE,	  MOTE_PORT_READY,
		MOTE_PORT_EXIT,	     MOTE_PORT_ABORT,
	};

	if (random_below(&source, 16) == 0)
		return (uint32_t)random_below(&source, 256);
	return ports[random_below(&source, sizeof(ports) / sizeof(ports[0]))];
}

static uint32_t any_offset(void)
{
	switch (random_below(&source, 8)) {
	case 0:
		return (uint32_t)random_any_width(&source);
	case 1:
		return (uint32_t)(IO_SIZE - random_below(&source, 128));
	default:
		return 0;
	}
}

static mote_status one_round(mote_sandbox *box, uint64_t id)
{
	static const struct {
		const char *name;
		uint32_t type;
	} functions[] = {
		{ "EvilI64", MOTE_TYPE_I64 },	    { "EvilI32", MOTE_TYPE_I32 },
		{ "EvilBool", MOTE_TYPE_BOOL },	    { "EvilVoid", MOTE_TYPE_VOID },
		{ "EvilString", MOTE_TYPE_STRING }, { "EvilBytes", MOTE_TYPE_BYTES },
	};
	unsigned char out[BLOCK];
	unsigned char post[BLOCK * 4];
	size_t which = random_below(&source, 6);
	struct evil evil = { .out = out, .post = post };
	mote_value result;
	mote_status status;

	evil.port = any_port();
	if (evil.port == MOTE_PORT_HOST_CALL)
		evil.out_size = make_host_call(
			out, (uint32_t)random_below(&source, 4));
	else
		evil.out_size = make_message(
			out, (uint16_t)(2 + random_below(&source, 2)),
			functions[which].type, 0, 1, id);
	maybe_mutate(out, evil.out_size);
	evil.post_size = make_posts(post);
	evil.post_used = (uint32_t)evil.post_size;
	if (random_below(&source, 4) == 0) {
		random_mutate(&source, post, evil.post_size);
		if (random_below(&source, 8) == 0)
			evil.post_used = (uint32_t)random_any_width(&source);
	}
	evil.value = any_offset();
	evil.out_offset = evil.value < IO_SIZE - BLOCK ? evil.value : 0;
	evil.argument0 = random_any_width(&source);
	evil.argument1 = random_any_width(&source);
	status = evil_call(box, functions[which].name, &evil, &result, &vm.err);
	if (status == MOTE_OK && functions[which].type >= MOTE_TYPE_STRING)
		look_at(result.as.bytes.data, result.as.bytes.size);
	return status;
}

static void check_status(mote_sandbox *box, mote_status status)
{
	bool poisoned = mote_sandbox_state(box) == MOTE_SANDBOX_POISONED;

	outcomes[status]++;
	switch (status) {
	case MOTE_OK:
	case MOTE_E_GUEST_ERROR:
		assert_false(poisoned);
		break;
	case MOTE_E_PROTOCOL:
	case MOTE_E_HOST_CALLS:
	case MOTE_E_OUTPUT:
	case MOTE_E_LOG:
	case MOTE_E_GUEST_FAULT:
	case MOTE_E_GUEST_EXIT:
		assert_true(poisoned);
		break;
	default:
		fail_msg("%s: %s", mote_status_name(status), vm.err.text);
	}
}

static void test_evil(void **state)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_trace *trace = NULL;
	mote_sandbox *box = NULL;
	uint64_t id = 0;
	size_t i;

	(void)state;
	options.host_functions = host_functions;
	options.host_function_count = 4;
	options.output = output;
	options.max_host_calls = 2;
	options.max_output_bytes = 100;
	options.max_log_bytes = 100;
	options.log = take_log;
	options.log_filter = "debug";
	/* Time must not make a difference between two runs of a seed. */
	options.deadline_ns = UINT64_C(30000000000);
	vm_open(&vm, GUEST_bare_villain);
	vm_expect(mote_trace_new(vm.engine, 1 << 20, &trace, &vm.err), MOTE_OK,
		  &vm.err);
	options.trace = trace;
	for (i = 0; i < ROUNDS; i++) {
		if (!box) {
			box = vm_sandbox(&vm, &options);
			id = 0;
		}
		check_status(box, one_round(box, id++));
		if (mote_sandbox_state(box) == MOTE_SANDBOX_POISONED) {
			mote_sandbox_free(box);
			box = NULL;
		}
	}
	mote_sandbox_free(box);
	mote_trace_unref(trace);
	vm_close(&vm);
	for (i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (outcomes[i])
			print_message("%-20s %zu\n",
				      mote_status_name((mote_status)i),
				      outcomes[i]);
	/* A generator that only makes nonsense would test little. */
	assert_true(outcomes[MOTE_OK] > ROUNDS / 50);
	assert_true(outcomes[MOTE_E_PROTOCOL] > ROUNDS / 50);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_evil),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(110);
	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
