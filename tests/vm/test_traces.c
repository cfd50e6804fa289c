/*
 * Traces of real guests. What is read back is checked by trace_check.c: it is
 * JSON, spans nest, times of a thread do not go back.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <mote/observe.h>

#include "harness/trace_check.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "os/os.h"
#include "sandbox/sandbox.h"
#include "vm/villain.h"

static struct vm vm;
static mote_sandbox *box;
static mote_trace *trace;
static struct trace got;
static uint64_t host_ns[16];
static size_t host_calls;

static mote_status host(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	(void)user;
	(void)call;
	(void)count;
	host_ns[host_calls++ % 16] = mti_os_monotonic_ns();
	*result = (mote_value)MOTE_I32(args[0].as.i32);
	return MOTE_OK;
}

static const mote_host_function host_functions[] = {
	{ "Host", "i(i)", host, NULL },
};

static mote_sandbox_options options_with(mote_trace *with)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = host_functions;
	options.host_function_count = 1;
	options.deadline_ns = UINT64_C(30000000000);
	options.trace = with;
	return options;
}

static void open_engine(uint64_t limit)
{
	host_calls = 0;
	vm_open(&vm, GUEST_vm_observe);
	vm_expect(mote_trace_new(vm.engine, limit, &trace, &vm.err), MOTE_OK,
		  &vm.err);
}

static void open_box(void)
{
	mote_sandbox_options options;

	open_engine(1 << 24);
	options = options_with(trace);
	box = vm_sandbox(&vm, &options);
}

static void close_box(void)
{
	trace_free(&got);
	mote_trace_unref(trace);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void call(const char *function, mote_status wanted)
{
	vm_expect(mote_call(box, function, NULL, 0, NULL, &vm.err), wanted,
		  &vm.err);
}

static void call_number(const char *function, int32_t number)
{
	const mote_value value = MOTE_I32(number);

	vm_expect(mote_call(box, function, &value, 1, NULL, &vm.err), MOTE_OK,
		  &vm.err);
}

static uint64_t entries(void)
{
	mote_sandbox_stats stats = vm_stats(box);

	return stats.vm_entries - stats.interrupted;
}

/* inner is in the time of outer, whatever threads they are of. */
static void expect_within(const struct trace_event *inner,
			  const struct trace_event *outer)
{
	assert_true(inner->us >= outer->us);
	assert_true(inner->us + inner->duration_us <=
		    outer->us + outer->duration_us + 0.002);
}

static void test_spans(void **state)
{
	const struct trace_event *outer;
	const struct trace_event *span;
	size_t requests;
	uint64_t before;
	uint64_t start;
	size_t i;

	(void)state;
	open_box();
	before = entries();
	requests = atomic_load(&vm.allocator.requests);
	start = mti_os_monotonic_ns();
	call_number("Spans", 10);
	assert_int_equal(entries() - before, 1);
	assert_int_equal(atomic_load(&vm.allocator.requests), requests);
	mote_trace_event(trace, "the program's moment", mti_os_monotonic_ns());
	mote_trace_span(trace, "the program's", start, mti_os_monotonic_ns());
	trace_read(trace, &got);
	assert_int_equal(got.dropped, 0);
	assert_int_equal(trace_count(&got, "init"), 1);
	assert_int_equal(trace_count(&got, "Spans"), 1);
	/* One more without FSGSBASE, to set the base of FS. */
	assert_int_equal(trace_count(&got, "guest"), 2 + vm_soft());
	assert_int_equal(trace_count(&got, "step"), 10);
	assert_int_equal(trace_count(&got, "even"), 5);
	assert_int_equal(trace_count(&got, "count"), 10);
	outer = trace_find(&got, "outer");
	assert_int_equal(outer->depth, 0);
	expect_within(trace_find(&got, "Spans"),
		      trace_find(&got, "the program's"));
	expect_within(outer, trace_find(&got, "Spans"));
	expect_within(trace_find(&got, "the program's moment"),
		      trace_find(&got, "the program's"));
	assert_int_equal(trace_find(&got, "the program's moment")->thread,
			 trace_find(&got, "the program's")->thread);
	assert_int_equal(trace_find(&got, "block")->depth, 1);
	assert_int_equal(trace_find(&got, "block within")->depth, 2);
	assert_int_equal(trace_find(&got, "end")->depth, 1);
	for (i = 0, span = got.events; i < got.count; i++, span++) {
		if (strcmp(span->name, "step") == 0)
			expect_within(span, outer);
		if (strcmp(span->name, "count") == 0)
			assert_int_equal(span[-1].depth, 1);
	}
	assert_int_equal(trace_find(&got, "count")->value, 0);
	assert_int_equal(trace_find(&got, "outer")->process,
			 trace_find(&got, "Spans")->process);
	close_box();
}

/* What a guest says lies between what the host saw before and after. */
static void test_times(void **state)
{
	const char *const names[] = { "before", "between", "behind" };
	const struct trace_event *around;
	size_t i;

	(void)state;
	open_box();
	call("SpansAroundHost", MOTE_OK);
	trace_read(trace, &got);
	assert_int_equal(trace_count(&got, "Host"), 2);
	assert_int_equal(trace_count(&got, "guest"), 4 + vm_soft());
	around = trace_find(&got, "around");
	for (i = 0; i < 3; i++) {
		const struct trace_event *event = trace_find(&got, names[i]);

		expect_within(event, around);
		/* Doubles keep these numbers to some nanoseconds. */
		if (i > 0)
			assert_true(event->us * 1000 + 2 >=
				    (double)host_ns[i - 1]);
		if (i < 2)
			assert_true(event->us * 1000 - 2 <=
				    (double)host_ns[i]);
	}
	assert_true(trace_find(&got, "Host")->duration_us > 0);
	close_box();
}

/* Nobody traces: nothing is queued, and nothing is in another's trace. */
static void test_off(void **state)
{
	mote_sandbox_options options = options_with(NULL);
	uint64_t before;

	(void)state;
	open_engine(0);
	box = vm_sandbox(&vm, &options);
	before = entries();
	call_number("Spans", 10000);
	assert_int_equal(entries() - before, 1);
	trace_read(trace, &got);
	assert_int_equal(got.count, 0);
	close_box();
}

/* The post area fills up many times. */
static void test_many(void **state)
{
	(void)state;
	open_box();
	call_number("Spans", 3000);
	trace_read(trace, &got);
	assert_int_equal(got.dropped, 0);
	assert_int_equal(trace_count(&got, "step"), 3000);
	assert_int_equal(trace_count(&got, "even"), 1500);
	assert_true(trace_count(&got, "guest") > 2);
	close_box();
}

static void test_unbalanced(void **state)
{
	(void)state;
	open_box();
	call("Unbalanced", MOTE_OK);
	call("Unbalanced", MOTE_OK);
	trace_read(trace, &got);
	assert_int_equal(got.dropped, 2);
	assert_int_equal(trace_count(&got, "open 1"), 2);
	assert_int_equal(trace_find(&got, "open 1")->depth, 0);
	assert_int_equal(trace_find(&got, "open 2")->depth, 1);
	close_box();
}

static void test_names(void **state)
{
	char name[300];
	const mote_value values[] = { MOTE_STRING("\"\\\xff\n"),
				      MOTE_STRING_N(name, sizeof(name)),
				      MOTE_STRING("") };
	size_t i;

	(void)state;
	memset(name, 'n', sizeof(name));
	open_box();
	for (i = 0; i < 3; i++)
		vm_expect(mote_call(box, "LongName", &values[i], 1, NULL,
				    &vm.err),
			  MOTE_OK, &vm.err);
	trace_read(trace, &got);
	assert_int_equal(trace_count(&got, "\"\\\xef\xbf\xbd\n"), 1);
	name[128] = '\0';
	assert_int_equal(trace_count(&got, name), 1);
	assert_int_equal(trace_count(&got, ""), 1);
	close_box();
}

/* The host's track says in the call's span why it ended. */
static void expect_failure(const char *name, const char *function)
{
	const struct trace_event *failure = trace_find(&got, name);
	const struct trace_event *call = trace_find(&got, function);

	assert_int_equal(trace_count(&got, name), 1);
	assert_int_equal(failure->phase, 'i');
	assert_int_equal(failure->process, call->process);
	assert_int_equal(failure->thread, call->thread);
	assert_true(failure->depth > call->depth);
	expect_within(failure, call);
}

/* A call that ends badly ends its spans, and what was wrong is seen. */
static void test_failures(void **state)
{
	mote_sandbox_options options;

	(void)state;
	open_box();
	call("LogAndCrash", MOTE_E_GUEST_FAULT);
	mote_sandbox_free(box);
	options = options_with(trace);
	options.deadline_ns = 100000000;
	box = vm_sandbox(&vm, &options);
	call("LogAndSpin", MOTE_E_DEADLINE);
	trace_read(trace, &got);
	expect_within(trace_find(&got, "crashing"),
		      trace_find(&got, "LogAndCrash"));
	expect_within(trace_find(&got, "spinning"),
		      trace_find(&got, "LogAndSpin"));
	assert_int_not_equal(trace_find(&got, "LogAndCrash")->process,
			     trace_find(&got, "LogAndSpin")->process);
	expect_failure("MOTE_E_GUEST_FAULT: null_pointer", "LogAndCrash");
	expect_failure("MOTE_E_DEADLINE", "LogAndSpin");
	close_box();
}

static void test_batch(void **state)
{
	mote_batch_item items[3];
	size_t i;

	(void)state;
	memset(items, 0, sizeof(items));
	for (i = 0; i < 3; i++)
		items[i].function = "Unbalanced";
	open_box();
	vm_expect(mote_call_batch(box, items, 3, &vm.err), MOTE_OK, &vm.err);
	trace_read(trace, &got);
	assert_int_equal(trace_count(&got, "batch"), 1);
	assert_int_equal(trace_count(&got, "open 2"), 3);
	close_box();
}

/* The buffer is full long before the call is over. */
static void test_limit(void **state)
{
	mote_sandbox_options options;

	(void)state;
	open_engine(5000);
	options = options_with(trace);
	box = vm_sandbox(&vm, &options);
	call_number("Spans", 1000);
	call_number("Spans", 10);
	trace_read(trace, &got);
	assert_true(got.dropped > 2000);
	assert_int_equal(trace_count(&got, "init"), 1);
	close_box();
}

/* Not done by this library yet but for the hook: see sandbox/observe.h. */
static void test_restore(void **state)
{
	mote_metrics metrics = MOTE_METRICS_INIT;

	(void)state;
	open_box();
	mti_observe_restored(box, mti_os_monotonic_ns(), 17);
	trace_read(trace, &got);
	assert_int_equal(trace_find(&got, "restore")->phase, 'B');
	vm_expect(mote_engine_get_metrics(vm.engine, &metrics, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(metrics.restores, 1);
	assert_int_equal(metrics.pages_restored, 17);
	close_box();
}

static void *use_sandbox(void *argument)
{
	mote_sandbox *own = argument;
	mote_error err = MOTE_ERROR_INIT;
	const mote_value count = MOTE_I32(20);
	uint64_t start = mti_os_monotonic_ns();
	int i;

	for (i = 0; i < 20; i++)
		if (mote_call(own, "Spans", &count, 1, NULL, &err) != MOTE_OK)
			abort();
	mote_trace_span(trace, "a thread's", start, mti_os_monotonic_ns());
	return NULL;
}

static void test_threads(void **state)
{
	mote_sandbox_options options;
	mote_sandbox *boxes[3];
	pthread_t threads[3];
	size_t i;

	(void)state;
	open_engine(0);
	options = options_with(trace);
	for (i = 0; i < 3; i++)
		boxes[i] = vm_sandbox(&vm, &options);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_sandbox,
						boxes[i]),
				 0);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	/* The trace holds on by itself. */
	for (i = 0; i < 3; i++)
		mote_sandbox_free(boxes[i]);
	trace_read(trace, &got);
	assert_int_equal(got.dropped, 0);
	assert_int_equal(trace_count(&got, "step"), 3 * 20 * 20);
	assert_int_equal(trace_count(&got, "a thread's"), 3);
	box = NULL;
	close_box();
}

/* A sandbox keeps its trace; it can be written more than once. */
static void test_references(void **state)
{
	(void)state;
	open_box();
	mote_trace_unref(trace);
	call_number("Spans", 1);
	mote_trace_ref(trace);
	trace_read(trace, &got);
	assert_int_equal(trace_count(&got, "outer"), 1);
	trace_free(&got);
	call_number("Spans", 1);
	trace_read(trace, &got);
	assert_int_equal(trace_count(&got, "outer"), 2);
	close_box();
}

static void test_caller(void **state)
{
	mote_trace *made = NULL;

	(void)state;
	open_engine(0);
	vm_expect(mote_trace_new(NULL, 0, &made, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect(mote_trace_new(vm.engine, 0, NULL, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect(mote_trace_new(vm.engine, UINT64_MAX, &made, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "limit_bytes is 18446744073709551615");
	vm_expect(mote_trace_write(NULL, 1, &vm.err), MOTE_E_INVALID, &vm.err);
	vm_expect(mote_trace_write(trace, -1, &vm.err), MOTE_E_OS, &vm.err);
	vm_expect_text(&vm.err, "descriptor -1");
	vm.allocator.fail_at = atomic_load(&vm.allocator.requests) + 2;
	vm_expect(mote_trace_new(vm.engine, 100, &made, &vm.err),
		  MOTE_E_NO_MEMORY, &vm.err);
	assert_null(made);
	mote_trace_event(NULL, "none", 1);
	mote_trace_event(trace, NULL, 1);
	mote_trace_span(NULL, "none", 0, 1);
	mote_trace_span(trace, NULL, 0, 1);
	mote_trace_unref(NULL);
	assert_null(mote_trace_ref(NULL));
	box = NULL;
	trace_read(trace, &got);
	assert_int_equal(got.count, 0);
	close_box();
}

/* ------------------------------------------------------- lying guests */

struct lie {
	uint32_t size; /* of the record */
	struct mote_abi_trace record;
	uint64_t dropped;
};

static mote_status tell(const struct lie *lie)
{
	static unsigned char post[65536];
	const struct mote_abi_post head = { MOTE_POST_TRACE, lie->size };
	struct evil evil = { .post = post, .port = MOTE_PORT_FLUSH };
	mote_value result;

	memset(post, 'z', sizeof(post));
	memcpy(post, &head, sizeof(head));
	memcpy(post + sizeof(head), &lie->record, sizeof(lie->record));
	evil.post_used = (uint32_t)(sizeof(head) + lie->size + 7) & ~7u;
	evil.post_size = evil.post_used;
	return evil_call(box, "EvilI64", &evil, &result, &vm.err);
}

/* A trace is not worth a sandbox: what is wrong is dropped. */
static void test_lies(void **state)
{
	static const struct lie lies[] = {
		{ 26, { 0, 0, MOTE_TRACE_EVENT, 2 }, 0 },
		{ 26, { UINT64_MAX, 0, MOTE_TRACE_BEGIN, 2 }, 0 },
		{ 24, { 0, INT64_MIN, MOTE_TRACE_COUNTER, 0 }, 0 },
		{ 60024, { 1, 0, MOTE_TRACE_BEGIN, 60000 }, 0 },
		{ 30, { 1, 0, MOTE_TRACE_END, 6 }, 1 },
		{ 26, { 0, 0, 0, 2 }, 1 },
		{ 26, { 0, 0, 5, 2 }, 1 },
		{ 26, { 0, 0, UINT32_MAX, 2 }, 1 },
		{ 26, { 0, 0, MOTE_TRACE_EVENT, 3 }, 1 },
		{ 26, { 0, 0, MOTE_TRACE_EVENT, 1 }, 1 },
		{ 26, { 0, 0, MOTE_TRACE_EVENT, UINT32_MAX }, 1 },
		{ 23, { 0, 0, MOTE_TRACE_EVENT, 0 }, 1 },
		{ 0, { 0, 0, MOTE_TRACE_EVENT, 0 }, 1 },
	};
	static const mote_host_function functions[] = {
		{ "HostAdd", "i(ii)", host, NULL },
		{ "HostText", "s(s)", host, NULL },
		{ "HostLog", "v(s)", host, NULL },
		{ "HostBytes", "y(y)", host, NULL },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	uint64_t dropped = 0;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	vm_expect(mote_trace_new(vm.engine, 0, &trace, &vm.err), MOTE_OK,
		  &vm.err);
	options.trace = trace;
	options.host_functions = functions;
	options.host_function_count = 4;
	box = vm_sandbox(&vm, &options);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		vm_expect(tell(&lies[i]), MOTE_OK, &vm.err);
		dropped += lies[i].dropped;
		trace_read(trace, &got);
		if (got.dropped != dropped)
			fail_msg("lie %zu", i);
		trace_free(&got);
	}
	close_box();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_unbalanced),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_caller),
		cmocka_unit_test(test_lies),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
