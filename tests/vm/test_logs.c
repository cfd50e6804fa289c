/*
 * Log records of guests and of the library, on their way to the callback.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/control.h>
#include <mote/observe.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "os/os.h"
#include "vm/villain.h"

#define RECORDS_MAX 4096

struct record {
	uint32_t level;
	uint32_t guest;
	uint32_t line;
	size_t text_size;
	char text[64]; /* the start of it */
	char module[64];
	char file[300];
};

static struct vm vm;
static mote_sandbox *box;
static struct record records[RECORDS_MAX];
static size_t record_count;
static char mixed[256];

static void copy(char *to, size_t room, mote_span from)
{
	snprintf(to, room, "%.*s", (int)from.size,
		 (const char *)from.data);
}

static void note(void *user, const mote_log_record *from)
{
	struct record *to = &records[record_count];

	assert_ptr_equal(user, &records);
	assert_int_equal(from->struct_size, sizeof(*from));
	assert_true(record_count < RECORDS_MAX);
	record_count++;
	to->level = from->level;
	to->guest = from->guest;
	to->line = from->line;
	to->text_size = from->text.size;
	copy(to->text, sizeof(to->text), from->text);
	copy(to->module, sizeof(to->module), from->module);
	copy(to->file, sizeof(to->file), from->file);
	if (strlen(mixed) < sizeof(mixed) - 2)
		copy(mixed + strlen(mixed), 2, from->text);
}

static void note_output(void *user, uint32_t stream, const char *data,
			size_t size)
{
	const mote_span span = { data, size };

	(void)user;
	(void)stream;
	copy(mixed + strlen(mixed), sizeof(mixed) - strlen(mixed), span);
}

static mote_status host(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	(void)user;
	(void)call;
	(void)count;
	*result = (mote_value)MOTE_I32(args[0].as.i32);
	return MOTE_OK;
}

static const mote_host_function host_function = { "Host", "i(i)", host, NULL };

static mote_sandbox_options options_for(const char *filter)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = &host_function;
	options.host_function_count = 1;
	options.deadline_ns = UINT64_C(30000000000);
	options.log = note;
	options.log_user = &records;
	options.log_filter = filter;
	return options;
}

static void open_box(const mote_sandbox_options *options)
{
	record_count = 0;
	mixed[0] = '\0';
	vm_open(&vm, GUEST_vm_observe);
	box = vm_sandbox(&vm, options);
}

static void open_filter(const char *filter)
{
	const mote_sandbox_options options = options_for(filter);

	open_box(&options);
}

static void close_box(void)
{
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void call(const char *function, mote_status wanted)
{
	vm_expect(mote_call(box, function, NULL, 0, NULL, &vm.err), wanted,
		  &vm.err);
}

static int32_t call_number(const char *function, int32_t argument)
{
	const mote_value value = MOTE_I32(argument);
	mote_value result;

	vm_expect(mote_call(box, function, &value, 1, &result, &vm.err),
		  MOTE_OK, &vm.err);
	return result.type == MOTE_TYPE_I32 ? result.as.i32 : 0;
}

static uint64_t entries(void)
{
	mote_sandbox_stats stats = vm_stats(box);

	return stats.vm_entries - stats.interrupted;
}

static mote_metrics metrics(void)
{
	mote_metrics all = MOTE_METRICS_INIT;

	vm_expect(mote_engine_get_metrics(vm.engine, &all, &vm.err), MOTE_OK,
		  &vm.err);
	return all;
}

static void test_record(void **state)
{
	static const struct {
		uint32_t level;
		const char *text;
	} wanted[] = {
		{ MOTE_LOG_ERROR, "one 1" },  { MOTE_LOG_WARN, "two 2" },
		{ MOTE_LOG_INFO, "three 3%" }, { MOTE_LOG_DEBUG, "four" },
		{ MOTE_LOG_TRACE, "five" },
	};
	size_t i;

	(void)state;
	open_filter("mote=off,trace");
	call("LogLevels", MOTE_OK);
	assert_int_equal(record_count, 5);
	for (i = 0; i < record_count; i++) {
		assert_int_equal(records[i].level, wanted[i].level);
		assert_string_equal(records[i].text, wanted[i].text);
		assert_int_equal(records[i].guest, 1);
		assert_string_equal(records[i].module, "watched");
		assert_non_null(strstr(records[i].file, "observe.c"));
		assert_int_equal(records[i].line, records[0].line + i);
	}
	assert_int_equal(metrics().log_records, 5);
	close_box();
}

static void test_filter(void **state)
{
	static const struct {
		const char *filter;
		size_t count; /* of records that both functions log */
	} cases[] = {
		{ NULL, 1 },
		{ "off", 0 },
		{ "error", 1 },
		{ "warn", 3 },
		{ "info", 4 },
		{ "DEBUG", 6 },
		{ "trace,mote=off", 7 },
		{ "watched=off", 0 },
		{ "watched=off,warn", 1 },
		{ "other_module=debug,off", 2 },
		{ "other=debug,other_module.c=debug,off", 0 },
		{ "watched=trace,off", 5 },
		{ "watche=trace,watchedd=trace,off", 0 },
		{ "watched=warn , other_module=warn", 3 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_filter(cases[i].filter);
		record_count = 0;
		call("LogLevels", MOTE_OK);
		call("LogElsewhere", MOTE_OK);
		if (record_count != cases[i].count)
			fail_msg("%s: %zu records", cases[i].filter,
				 record_count);
		close_box();
	}
}

/* What is not wanted costs no exit, and what is wanted none either. */
static void test_cost(void **state)
{
	uint64_t before;

	(void)state;
	open_filter("info");
	before = entries();
	assert_int_equal(call_number("LogMany", 100000), 0);
	assert_int_equal(entries() - before, 1);
	close_box();
	open_filter("other_module=trace,info");
	before = entries();
	(void)call_number("LogMany", 10000);
	assert_int_equal(entries() - before, 1);
	assert_int_equal(record_count, 0);
	close_box();
	open_filter("mote=off,debug");
	before = entries();
	assert_int_equal(call_number("LogMany", 100), 100);
	assert_int_equal(entries() - before, 1);
	assert_int_equal(record_count, 100);
	close_box();
}

static void test_no_callback(void **state)
{
	mote_sandbox_options options = options_for("trace");
	uint64_t before;

	(void)state;
	options.log = NULL;
	open_box(&options);
	before = entries();
	assert_int_equal(call_number("LogMany", 100000), 0);
	assert_int_equal(entries() - before, 1);
	call("LogAndCrash", MOTE_E_GUEST_FAULT);
	assert_int_equal(metrics().log_dropped, 0);
	close_box();
}

static void test_bad_filter(void **state)
{
	mote_sandbox_options options = options_for("watched=loud");

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "log_filter: entry 1, \"watched=loud\"");
	vm_close(&vm);
}

static void log_sized(int32_t count, int32_t size, mote_status wanted)
{
	const mote_value values[] = { MOTE_I32(count), MOTE_I32(size) };

	vm_expect(mote_call(box, "LogSized", values, 2, NULL, &vm.err), wanted,
		  &vm.err);
}

/* Texts of every size; the area fills up in between, nothing is lost. */
static void test_sizes(void **state)
{
	static const int32_t sizes[] = { 0, 1, 100, 4095, 4096, 4097, 8000 };
	uint64_t before;
	size_t i;

	(void)state;
	open_filter("mote=off,info");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		record_count = 0;
		before = entries();
		log_sized(30, sizes[i], MOTE_OK);
		assert_int_equal(record_count, 30);
		assert_int_equal(records[29].text_size,
				 sizes[i] < 4096 ? sizes[i] : 4096);
		assert_int_equal(entries() - before, sizes[i] < 4000 ? 1 : 2);
	}
	close_box();
}

static void test_order(void **state)
{
	mote_sandbox_options options = options_for("mote=off,info");

	(void)state;
	options.output = note_output;
	open_box(&options);
	call("LogMixed", MOTE_OK);
	assert_string_equal(mixed, "a\nbc\nde\n");
	close_box();
}

/* At once no more than a second's worth. */
static void test_rate(void **state)
{
	mote_metrics after;

	(void)state;
	open_filter("mote=off,debug");
	(void)call_number("LogMany", 3000);
	after = metrics();
	assert_true(record_count >= 1000 && record_count < 3000);
	assert_int_equal(after.log_records, record_count);
	assert_int_equal(after.log_dropped, 3000 - record_count);
	/* They count towards the limit; the next call has its own. */
	assert_int_equal(vm_stats(box).calls, 2);
	close_box();
}

/* A guest that logs all it may cannot hide from the log how it ended. */
static void test_rate_spares_events(void **state)
{
	(void)state;
	open_filter("mote=warn,debug");
	(void)call_number("LogMany", 3000);
	assert_true(record_count < 3000);
	call("LogAndCrash", MOTE_E_GUEST_FAULT);
	assert_int_equal(records[record_count - 1].guest, 0);
	assert_int_equal(records[record_count - 1].level, MOTE_LOG_ERROR);
	assert_string_equal(records[record_count - 1].module, "mote");
	close_box();
}

static void test_limit(void **state)
{
	mote_sandbox_options options = options_for("info,mote=warn");
	size_t before;

	(void)state;
	options.max_log_bytes = 100000;
	open_box(&options);
	log_sized(80, 1000, MOTE_OK);
	log_sized(80, 1000, MOTE_OK);
	before = record_count;
	log_sized(200, 1000, MOTE_E_LOG);
	vm_expect_text(&vm.err, "max_log_bytes, 100000");
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	assert_in_range(record_count - before, 80, 100);
	assert_int_equal(records[record_count - 1].guest, 0);
	assert_int_equal(records[record_count - 1].level, MOTE_LOG_WARN);
	assert_int_equal(metrics().limits, 1);
	close_box();
}

static const struct record *last(void)
{
	assert_true(record_count > 0);
	return &records[record_count - 1];
}

static void expect_event(uint32_t level, const char *part)
{
	assert_int_equal(last()->guest, 0);
	assert_int_equal(last()->level, level);
	assert_string_equal(last()->module, "mote");
	if (!strstr(last()->text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, last()->text);
}

static void test_events(void **state)
{
	mote_sandbox_options options = options_for("info,mote=trace");

	(void)state;
	open_box(&options);
	assert_int_equal(record_count, 1);
	expect_event(MOTE_LOG_DEBUG, "sandbox created");
	call("LogAndCrash", MOTE_E_GUEST_FAULT);
	assert_int_equal(record_count, 3);
	assert_string_equal(records[1].text, "last words");
	expect_event(MOTE_LOG_ERROR, "LogAndCrash: use of a NULL pointer");
	mote_sandbox_free(box);
	options.deadline_ns = 100000000;
	box = vm_sandbox(&vm, &options);
	/* Without an error record there is still something to say. */
	assert_int_equal(mote_call(box, "LogAndSpin", NULL, 0, NULL, NULL),
			 MOTE_E_DEADLINE);
	assert_string_equal(records[record_count - 2].text, "round and round");
	expect_event(MOTE_LOG_WARN, "LogAndSpin: the call ran longer");
	mote_sandbox_free(box);
	box = vm_sandbox(&vm, &options);
	call("Exit", MOTE_E_GUEST_EXIT);
	expect_event(MOTE_LOG_ERROR, "Exit: the guest called exit(1)");
	close_box();
	/* By default what is wrong, and nothing else. */
	open_filter(NULL);
	assert_int_equal(record_count, 0);
	call("LogAndCrash", MOTE_E_GUEST_FAULT);
	assert_int_equal(record_count, 1);
	close_box();
	open_filter("mote=off,trace");
	call("LogAndCrash", MOTE_E_GUEST_FAULT);
	assert_int_equal(last()->guest, 1);
	close_box();
}

/* The callback is inside of the call. */
static void use_box(void *user, const mote_log_record *record)
{
	mote_error err = MOTE_ERROR_INIT;

	(void)record;
	(void)user;
	record_count++;
	assert_int_equal(mote_call(box, "Nothing", NULL, 0, NULL, &err),
			 MOTE_E_STATE);
}

/* So long that a coarse clock sees it. */
static void dawdle(void *user, const mote_log_record *record)
{
	uint64_t end = mti_os_monotonic_ns() + 5000000;

	(void)record;
	(void)user;
	while (mti_os_monotonic_ns() < end)
		;
}

/* As any other callback. */
static void test_callback_time(void **state)
{
	mote_sandbox_options options = options_for("watched=error,off");
	mote_call_stats stats = MOTE_CALL_STATS_INIT;

	(void)state;
	options.log = dawdle;
	options.flags = MOTE_SANDBOX_CALL_STATS;
	open_box(&options);
	call("LogLevels", MOTE_OK);
	vm_expect(mote_sandbox_get_call_stats(box, &stats, &vm.err), MOTE_OK,
		  &vm.err);
	assert_in_range(stats.host_ns, 5000000, stats.wall_ns);
	close_box();
}

static void free_box(void *user, const mote_log_record *record)
{
	(void)record;
	(void)user;
	mote_sandbox_free(box);
}

static void test_callback(void **state)
{
	mote_sandbox_options options = options_for("watched=info,off");

	(void)state;
	options.log = use_box;
	open_box(&options);
	call("LogLevels", MOTE_OK);
	assert_int_equal(record_count, 3);
	close_box();
	options = options_for("watched=error,off");
	options.log = free_box;
	open_box(&options);
	call("LogLevels", MOTE_OK);
	vm_close(&vm);
}

/* ------------------------------------------------------- lying guests */

struct lie {
	const char *what;
	uint32_t level;
	uint32_t text_size;
	uint16_t module_size;
	uint16_t file_size;
	uint32_t size; /* of the record */
	mote_status status;
	size_t records;
};

static mote_status tell(const struct lie *lie)
{
	static unsigned char post[65536];
	const struct mote_abi_post head = { MOTE_POST_LOG, lie->size };
	const struct mote_abi_log log = {
		.level = lie->level,
		.text_size = lie->text_size,
		.module_size = lie->module_size,
		.file_size = lie->file_size,
	};
	struct evil evil = { .post = post, .port = MOTE_PORT_FLUSH };
	mote_value result;

	memset(post, 'z', sizeof(post));
	memcpy(post, &head, sizeof(head));
	memcpy(post + sizeof(head), &log, sizeof(log));
	evil.post_used = (uint32_t)(sizeof(head) + lie->size + 7) & ~7u;
	evil.post_size = evil.post_used;
	return evil_call(box, "EvilI64", &evil, &result, &vm.err);
}

static void test_lies(void **state)
{
	static const struct lie lies[] = {
		{ "a good one", 1, 10, 4, 6, 36, MOTE_OK, 1 },
		{ "nothing", 1, 0, 0, 0, 16, MOTE_OK, 1 },
		{ "not wanted", 5, 10, 4, 6, 36, MOTE_OK, 0 },
		{ "much text", 1, 60000, 4, 6, 60026, MOTE_OK, 1 },
		{ "long names", 1, 1, 9000, 9000, 18017, MOTE_OK, 1 },
		{ "no room for the head", 1, 0, 0, 0, 15, MOTE_E_PROTOCOL, 0 },
		{ "empty", 1, 0, 0, 0, 0, MOTE_E_PROTOCOL, 0 },
		{ "level 0", 0, 0, 0, 0, 16, MOTE_E_PROTOCOL, 0 },
		{ "level 6", 6, 0, 0, 0, 16, MOTE_E_PROTOCOL, 0 },
		{ "level -1", UINT32_MAX, 0, 0, 0, 16, MOTE_E_PROTOCOL, 0 },
		{ "text too long", 1, 11, 0, 0, 26, MOTE_E_PROTOCOL, 0 },
		{ "text too short", 1, 9, 0, 0, 26, MOTE_E_PROTOCOL, 0 },
		{ "endless text", 1, UINT32_MAX, 0, 0, 26, MOTE_E_PROTOCOL, 0 },
		{ "a sum that wraps", 1, UINT32_MAX - 9, 20, 0, 26,
		  MOTE_E_PROTOCOL, 0 },
		{ "module beyond", 1, 10, 1, 0, 26, MOTE_E_PROTOCOL, 0 },
		{ "file beyond", 1, 5, 5, UINT16_MAX, 26, MOTE_E_PROTOCOL, 0 },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	static const mote_host_function functions[] = {
		{ "HostAdd", "i(ii)", host, NULL },
		{ "HostText", "s(s)", host, NULL },
		{ "HostLog", "v(s)", host, NULL },
		{ "HostBytes", "y(y)", host, NULL },
	};
	size_t i;

	(void)state;
	options.log = note;
	options.log_user = &records;
	options.log_filter = "error,mote=off";
	options.host_functions = functions;
	options.host_function_count = 4;
	vm_open(&vm, GUEST_bare_villain);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const struct lie *lie = &lies[i];
		mote_status status;

		box = vm_sandbox(&vm, &options);
		record_count = 0;
		status = tell(lie);
		if (status != lie->status || record_count != lie->records)
			fail_msg("%s: %s, %zu records", lie->what,
				 mote_status_name(status), record_count);
		assert_int_equal(mote_sandbox_state(box),
				 status == MOTE_OK ? MOTE_SANDBOX_READY :
						     MOTE_SANDBOX_POISONED);
		if (record_count > 0 && lie->text_size > 4096)
			assert_int_equal(last()->text_size, 4096);
		if (record_count > 0 && lie->module_size > 255)
			assert_int_equal(strlen(last()->file), 255);
		mote_sandbox_free(box);
	}
	assert_int_equal(metrics().log_dropped, 1);
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_no_callback),
		cmocka_unit_test(test_bad_filter),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_rate_spares_events),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_callback),
		cmocka_unit_test(test_callback_time),
		cmocka_unit_test(test_lies),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
