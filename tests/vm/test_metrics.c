/*
 * What the metrics of an engine say after calls of every kind of end.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mote/control.h>
#include <mote/debug.h>
#include <mote/observe.h>
#include <mote/snapshot.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "os/os.h"
#include "vm/guests/start.h"

static struct vm vm;

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

static mote_sandbox_options default_options(void)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = &host_function;
	options.host_function_count = 1;
	options.deadline_ns = UINT64_C(30000000000);
	return options;
}

static mote_sandbox *new_box(void)
{
	const mote_sandbox_options options = default_options();

	return vm_sandbox(&vm, &options);
}

static mote_metrics metrics(void)
{
	mote_metrics all = MOTE_METRICS_INIT;

	vm_expect(mote_engine_get_metrics(vm.engine, &all, &vm.err), MOTE_OK,
		  &vm.err);
	return all;
}

static uint64_t sum(const mote_histogram *histogram)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < MOTE_METRICS_BUCKETS; i++)
		total += histogram->buckets[i];
	return total;
}

static void call(mote_sandbox *box, const char *function, mote_status wanted)
{
	vm_expect(mote_call(box, function, NULL, 0, NULL, &vm.err), wanted,
		  &vm.err);
}

/* Time is the guest's, or the host's, or neither's: never both. */
static void expect_times(const mote_metrics *now)
{
	assert_int_equal(now->guest_time.count, now->calls);
	assert_true(now->guest_time.sum_ns > 0);
	assert_true(now->guest_time.sum_ns + now->host_time.sum_ns <=
		    now->call_time.sum_ns);
}

static void test_counts(void **state)
{
	const mote_value three = MOTE_I32(3);
	mote_batch_item items[3] = { { .function = "Nothing" },
				     { .function = "Fail" },
				     { .function = "Fail" } };
	mote_metrics now;
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	now = metrics();
	assert_int_equal(now.sandboxes_created, 0);
	box = new_box();
	now = metrics();
	assert_int_equal(now.sandboxes_created, 1);
	assert_int_equal(now.sandboxes_alive, 1);
	/* That of its start. */
	assert_int_equal(now.calls, 1);
	assert_int_equal(now.vm_entries, vm_stats(box).vm_entries);
	call(box, "Nothing", MOTE_OK);
	call(box, "Fail", MOTE_E_GUEST_ERROR);
	vm_expect(mote_call(box, "CallHost", &three, 1, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_call_batch(box, items, 3, &vm.err), MOTE_OK, &vm.err);
	/* The caller's own mistakes are no calls. */
	call(box, "NoSuch", MOTE_E_NOT_FOUND);
	now = metrics();
	assert_int_equal(now.calls, 5);
	assert_int_equal(now.guest_errors, 3);
	assert_int_equal(now.host_calls, 3);
	assert_int_equal(now.vm_entries, vm_stats(box).vm_entries);
	assert_int_equal(now.stray_kicks, vm_stats(box).interrupted);
	assert_int_equal(now.call_time.count, 5);
	assert_int_equal(sum(&now.call_time), 5);
	assert_int_equal(now.host_time.count, 3);
	assert_int_equal(now.guest_time.count, 5);
	assert_int_equal(sum(&now.guest_time), 5);
	expect_times(&now);
	mote_sandbox_free(box);
	/* They outlive their sandbox. */
	assert_int_equal(metrics().calls, 5);
	assert_int_equal(metrics().sandboxes_alive, 0);
	assert_int_equal(metrics().sandboxes_created, 1);
	vm_close(&vm);
}

static void spoil(const mote_sandbox_options *options, const char *function,
		  mote_status wanted)
{
	mote_sandbox *box = vm_sandbox(&vm, options);
	const mote_value many = MOTE_I32(100);
	size_t count = strcmp(function, "CallHost") == 0;

	vm_expect(mote_call(box, function, &many, count, NULL, &vm.err), wanted,
		  &vm.err);
	mote_sandbox_free(box);
}

static void test_failures(void **state)
{
	mote_sandbox_options options = default_options();
	mote_metrics now;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	spoil(&options, "LogAndCrash", MOTE_E_GUEST_FAULT);
	/* Counted whether or not somebody wants to know more. */
	spoil(&options, "LogAndCrash", MOTE_E_GUEST_FAULT);
	spoil(&options, "Exit", MOTE_E_GUEST_EXIT);
	options.max_host_calls = 5;
	spoil(&options, "CallHost", MOTE_E_HOST_CALLS);
	options = default_options();
	options.deadline_ns = 100000000;
	spoil(&options, "LogAndSpin", MOTE_E_DEADLINE);
	now = metrics();
	assert_int_equal(now.faults[MOTE_FAULT_NULL_POINTER], 2);
	assert_int_equal(now.faults[MOTE_FAULT_READ], 0);
	assert_int_equal(now.protocol_errors, 1);
	assert_int_equal(now.limits, 1);
	assert_int_equal(now.deadlines, 1);
	assert_int_equal(now.cancels, 0);
	assert_int_equal(now.calls, 10);
	assert_int_equal(now.sandboxes_created, 5);
	assert_int_equal(now.call_time.count, 10);
	assert_true(now.guest_time.sum_ns > 90000000);
	expect_times(&now);
	vm_close(&vm);
}

#define NAP_NS 20000000

static void nap(void)
{
	const uint64_t end_ns = mti_os_monotonic_ns() + NAP_NS;

	while (mti_os_monotonic_ns() < end_ns)
		usleep(1000);
}

/* ----------------------------------------------------------- constructors */

static mote_status start(void *user, mote_host_call *call,
			 const mote_value *args, size_t count,
			 mote_value *result)
{
	const int *way = user;

	(void)call;
	(void)args;
	(void)count;
	nap();
	*result = (mote_value)MOTE_I32(*way);
	return MOTE_OK;
}

static void start_box(int way, mote_status wanted)
{
	const mote_host_function function = { "Start", "i()", start, &way };
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_sandbox *box = NULL;

	options.host_functions = &function;
	options.host_function_count = 1;
	options.deadline_ns = UINT64_C(30000000000);
	if (way == START_SPIN)
		options.deadline_ns = 100000000;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err), wanted,
		  &vm.err);
	mote_sandbox_free(box);
}

/* The start of a guest is a call like others, in whatever is counted. */
static void test_constructors(void **state)
{
	mote_metrics now;
	int i;

	(void)state;
	vm_open(&vm, GUEST_vm_start);
	start_box(START_WELL, MOTE_OK);
	for (i = 0; i < 3; i++)
		start_box(START_CRASH, MOTE_E_GUEST_FAULT);
	for (i = 0; i < 2; i++)
		start_box(START_SPIN, MOTE_E_DEADLINE);
	now = metrics();
	assert_int_equal(now.sandboxes_created, 1);
	assert_int_equal(now.calls, 6);
	assert_int_equal(now.faults[MOTE_FAULT_NULL_POINTER], 3);
	assert_int_equal(now.deadlines, 2);
	assert_int_equal(now.host_calls, 6);
	assert_int_equal(now.call_time.count, 6);
	assert_int_equal(now.host_time.count, 6);
	assert_true(now.host_time.sum_ns >= 6 * NAP_NS);
	expect_times(&now);
	vm_close(&vm);
}

/* ----------------------------------------------------------------- cancels */

static mote_interrupt *handle;
static int struck;

static void cancel_it(void *user, const mote_log_record *record)
{
	(void)user;
	if (record->guest)
		struck += mote_interrupt_cancel(handle);
}

/* The guest has crashed already when the cancel hits its call. */
static void test_late_cancel(void **state)
{
	mote_sandbox_options options = default_options();
	mote_sandbox *box;
	mote_metrics now;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	struck = 0;
	options.log = cancel_it;
	options.log_filter = "info";
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_interrupt_new(box, &handle, &vm.err), MOTE_OK, &vm.err);
	call(box, "LogAndCrash", MOTE_E_GUEST_FAULT);
	assert_int_equal(struck, 1);
	now = metrics();
	assert_int_equal(now.cancels, 1);
	assert_int_equal(now.faults[MOTE_FAULT_NULL_POINTER], 1);
	mote_interrupt_unref(handle);
	mote_sandbox_free(box);
	/* One that takes effect counts once. */
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_interrupt_new(box, &handle, &vm.err), MOTE_OK, &vm.err);
	call(box, "LogLevels", MOTE_E_CANCELLED);
	assert_int_equal(metrics().cancels, 2);
	mote_interrupt_unref(handle);
	mote_sandbox_free(box);
	/* TSan hands the signal on late: here, and not in the next test. */
	options = default_options();
	mote_sandbox_free(vm_sandbox(&vm, &options));
	vm_close(&vm);
}

/* ------------------------------------------------------------ stray kicks */

static void sample(void *user, const mote_frame *frames, size_t count)
{
	(void)frames;
	(void)count;
	++*(uint64_t *)user;
}

/* What the library's own timer ends, for a reason, is not stray. */
static void test_samples(void **state)
{
	mote_sandbox_options options = default_options();
	uint64_t samples = 0;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	options.deadline_ns = 200000000;
	options.sample = sample;
	options.sample_user = &samples;
	spoil(&options, "LogAndSpin", MOTE_E_DEADLINE);
	assert_true(samples > 0);
	assert_int_equal(metrics().stray_kicks, 0);
	vm_close(&vm);
}

static mote_status host_signal(void *user, mote_host_call *call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	assert_int_equal(pthread_kill(pthread_self(), SIGRTMIN + 6), 0);
	return host(user, call, args, count, result);
}

/* But a signal that somebody else sends is. */
static void test_strays(void **state)
{
	const mote_host_function function = { "Host", "i(i)", host_signal,
					      NULL };
	mote_sandbox_options options = default_options();
	const mote_value three = MOTE_I32(3);
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	options.host_functions = &function;
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_call(box, "CallHost", &three, 1, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(vm_stats(box).interrupted, 3);
	assert_int_equal(metrics().stray_kicks, 3);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static mote_status host_nap(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	nap();
	return host(user, call, args, count, result);
}

/*
 * While the host function sleeps, no CPU time passes: when the call has run
 * for as long as it has CPU time there is some left, and it goes on.
 */
static void test_cpu_checks(void **state)
{
	const mote_host_function function = { "Host", "i(i)", host_nap, NULL };
	mote_sandbox_options options = default_options();
	mote_metrics now;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	options.host_functions = &function;
	options.cpu_ns = NAP_NS * 5;
	spoil(&options, "HostAndSpin", MOTE_E_CPU_TIME);
	now = metrics();
	assert_int_equal(now.limits, 1);
	assert_int_equal(now.stray_kicks, 0);
	vm_close(&vm);
}

/* ------------------------------------------------------ time of the host */

static uint64_t naps;

static void nap_output(void *user, uint32_t stream, const char *data,
		       size_t size)
{
	(void)user;
	(void)stream;
	(void)data;
	(void)size;
	naps++;
	nap();
}

static void nap_log(void *user, const mote_log_record *record)
{
	(void)user;
	/* The library's own messages come between calls. */
	naps += record->guest;
	nap();
}

static void nap_sample(void *user, const mote_frame *frames, size_t count)
{
	(void)user;
	(void)frames;
	(void)count;
	naps++;
	nap();
}

/* All that happened since it was reset was naps. */
static void expect_naps(mote_sandbox *box)
{
	const mote_metrics now = metrics();

	assert_true(naps > 0);
	assert_int_equal(now.host_time.count, naps);
	assert_true(now.host_time.sum_ns >= naps * NAP_NS);
	expect_times(&now);
	mote_sandbox_free(box);
	vm_close(&vm);
	naps = 0;
}

/* What the program does when it is called back is the host's time. */
static void test_callbacks(void **state)
{
	mote_sandbox_options options = default_options();
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	options.output = nap_output;
	options.log = nap_log;
	options.log_filter = "trace";
	box = vm_sandbox(&vm, &options);
	call(box, "LogMixed", MOTE_OK);
	expect_naps(box);
	vm_open(&vm, GUEST_vm_observe);
	options = default_options();
	options.deadline_ns = NAP_NS * 10;
	options.sample = nap_sample;
	box = vm_sandbox(&vm, &options);
	call(box, "LogAndSpin", MOTE_E_DEADLINE);
	expect_naps(box);
}

/* A host function sleeps, then the guest spins for what is left. */
static void test_guest_time(void **state)
{
	const mote_host_function function = { "Host", "i(i)", host_nap, NULL };
	mote_sandbox_options options = default_options();
	mote_metrics now;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	options.host_functions = &function;
	options.deadline_ns = NAP_NS * 15;
	/* Looks at the guest's memory are neither's. */
	options.max_growth_bytes = 1 << 20;
	spoil(&options, "HostAndSpin", MOTE_E_DEADLINE);
	now = metrics();
	assert_int_equal(now.host_time.count, 1);
	assert_true(now.host_time.sum_ns >= NAP_NS);
	assert_true(now.guest_time.sum_ns >= NAP_NS);
	expect_times(&now);
	vm_close(&vm);
}

/* ------------------------------------------------------------------------ */

static void test_no_metrics(void **state)
{
	static const mote_metrics none = MOTE_METRICS_INIT;
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_metrics now;

	(void)state;
	vm_open(&vm, NULL);
	mote_engine_unref(vm.engine);
	options.flags = MOTE_ENGINE_NO_METRICS;
	options.allocator = vm.allocator.public;
	vm_expect(mote_engine_new(&options, &vm.engine, &vm.err), MOTE_OK,
		  &vm.err);
	vm_open_image(&vm, GUEST_vm_observe);
	{
		const mote_sandbox_options plain = default_options();

		spoil(&plain, "Nothing", MOTE_OK);
		spoil(&plain, "LogAndCrash", MOTE_E_GUEST_FAULT);
	}
	now = metrics();
	assert_memory_equal(&now, &none, sizeof(now));
	vm_close(&vm);
}

static void test_caller(void **state)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_metrics now = MOTE_METRICS_INIT;
	mote_engine *engine = NULL;

	(void)state;
	vm_open(&vm, NULL);
	vm_expect(mote_engine_get_metrics(NULL, &now, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect(mote_engine_get_metrics(vm.engine, NULL, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	now.struct_size = 0;
	vm_expect(mote_engine_get_metrics(vm.engine, &now, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	options.flags = 2;
	vm_expect(mote_engine_new(&options, &engine, &vm.err), MOTE_E_VERSION,
		  &vm.err);
	vm_expect_text(&vm.err, "flags is 0x2");
	vm_close(&vm);
}

/* The text says the same as the struct. */
static void expect_text(const mote_metrics *now)
{
	static const struct {
		const char *name;
		size_t offset;
	} rows[] = {
#define ROW(name) { #name, offsetof(mote_metrics, name) }
		ROW(snapshots_taken),
		ROW(restores),
		ROW(pages_restored),
		ROW(vm_cache_hits),
		ROW(vm_cache_misses),
		ROW(pool_acquired),
		ROW(pool_waited),
#undef ROW
	};
	static char text[32768];
	char line[128];
	uint64_t value;
	size_t i;

	assert_true(mote_metrics_format(now, text, sizeof(text)) <
		    sizeof(text));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(&value, (const char *)now + rows[i].offset,
		       sizeof(value));
		snprintf(line, sizeof(line), "\nmote_%s_total %llu\n",
			 rows[i].name, (unsigned long long)value);
		if (!strstr(text, line))
			fail_msg("not in the text: %s", line);
	}
}

static void test_snapshots(void **state)
{
	mote_sandbox *boxes[2] = { NULL, NULL };
	mote_snapshot *snapshot = NULL;
	mote_sandbox_options options = default_options();
	mote_metrics now;
	int i;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	boxes[0] = new_box();
	vm_expect(mote_snapshot_take(boxes[0], &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	now = metrics();
	assert_int_equal(now.snapshots_taken, 1);
	assert_int_equal(now.restores, 0);
	assert_int_equal(now.pages_restored, 0);
	assert_int_equal(now.vm_cache_misses, 1);
	assert_int_equal(now.vm_cache_hits, 0);
	for (i = 0; i < 2; i++) {
		call(boxes[0], "Nothing", MOTE_OK);
		vm_expect(mote_sandbox_restore(boxes[0], snapshot, &vm.err),
			  MOTE_OK, &vm.err);
	}
	now = metrics();
	assert_int_equal(now.restores, 2);
	/* The page of the stack, at least, and that more than once. */
	assert_true(now.pages_restored >= 2);
	expect_text(&now);
	for (i = 0; i < 2; i++) {
		mote_sandbox_free(boxes[i]);
		vm_expect(mote_sandbox_from_snapshot(snapshot, &options,
						     &boxes[i], &vm.err),
			  MOTE_OK, &vm.err);
		now = metrics();
		assert_int_equal(now.vm_cache_hits, 1);
		assert_int_equal(now.vm_cache_misses, 1 + i);
	}
	assert_int_equal(now.snapshots_taken, 1);
	expect_text(&now);
	mote_sandbox_free(boxes[0]);
	mote_sandbox_free(boxes[1]);
	mote_snapshot_unref(snapshot);
	vm_close(&vm);
}

static void *acquire(void *argument)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_pool *pool = argument;
	mote_sandbox *box = NULL;

	if (mote_pool_acquire(pool, UINT64_C(50000000000), &box, &err) !=
	    MOTE_OK)
		abort();
	mote_pool_release(pool, box);
	return NULL;
}

static void await_waiter(mote_pool *pool)
{
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;

	while (stats.waiting == 0) {
		vm_expect(mote_pool_get_stats(pool, &stats, &vm.err), MOTE_OK,
			  &vm.err);
		sched_yield();
	}
}

static void test_pool(void **state)
{
	const mote_sandbox_options options = default_options();
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_snapshot *snapshot = NULL;
	mote_pool *pool = NULL;
	mote_sandbox *box;
	pthread_t thread;
	mote_metrics now;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	box = new_box();
	wanted.max = 1;
	wanted.sandbox = &options;
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	mote_sandbox_free(box);
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_pool_acquire(pool, 0, &box, &vm.err), MOTE_OK, &vm.err);
	now = metrics();
	assert_int_equal(now.pool_acquired, 1);
	assert_int_equal(now.pool_waited, 0);
	assert_int_equal(pthread_create(&thread, NULL, acquire, pool), 0);
	await_waiter(pool);
	mote_pool_release(pool, box);
	pthread_join(thread, NULL);
	/* Who gives up has not acquired anything, at once or later. */
	vm_expect(mote_pool_acquire(pool, 0, &box, &vm.err), MOTE_OK, &vm.err);
	vm_expect(mote_pool_acquire(pool, 0, &(mote_sandbox *){ NULL },
				    &vm.err),
		  MOTE_E_TIMEOUT, &vm.err);
	vm_expect(mote_pool_acquire(pool, 1000000, &(mote_sandbox *){ NULL },
				    &vm.err),
		  MOTE_E_TIMEOUT, &vm.err);
	mote_pool_release(pool, box);
	mote_pool_free(pool);
	mote_snapshot_unref(snapshot);
	now = metrics();
	assert_int_equal(now.pool_acquired, 3);
	assert_int_equal(now.pool_waited, 1);
	assert_int_equal(now.restores, 3);
	assert_int_equal(now.sandboxes_alive, 0);
	expect_text(&now);
	vm_close(&vm);
}

/* Reads while others call, and after they are gone. */
static _Atomic bool stop;

static void *reader(void *argument)
{
	uint64_t last = 0;

	(void)argument;
	while (!atomic_load(&stop)) {
		mote_metrics now = MOTE_METRICS_INIT;

		if (mote_engine_get_metrics(vm.engine, &now, NULL) != MOTE_OK ||
		    now.calls < last)
			abort();
		last = now.calls;
	}
	return NULL;
}

static void *caller(void *argument)
{
	const mote_sandbox_options options = default_options();
	mote_error err = MOTE_ERROR_INIT;
	int i;
	int j;

	(void)argument;
	for (i = 0; i < 5; i++) {
		mote_sandbox *box = NULL;

		if (mote_sandbox_new(vm.image, &options, &box, &err) != MOTE_OK)
			abort();
		for (j = 0; j < 20; j++)
			if (mote_call(box, "Nothing", NULL, 0, NULL, &err) !=
			    MOTE_OK)
				abort();
		mote_sandbox_free(box);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	mote_metrics now;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&threads[0], NULL, reader, NULL), 0);
	for (i = 1; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, caller,
						NULL),
				 0);
	for (i = 1; i < 4; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&stop, true);
	pthread_join(threads[0], NULL);
	now = metrics();
	assert_int_equal(now.sandboxes_created, 15);
	assert_int_equal(now.calls, 300 + 15);
	assert_int_equal(now.sandboxes_alive, 0);
	vm_close(&vm);
}

/* In a child the parent's sandboxes are freed, and nothing more. */
static mote_sandbox *parents;

static void in_child(void *argument)
{
	mote_metrics now = MOTE_METRICS_INIT;
	mote_error err = MOTE_ERROR_INIT;

	(void)argument;
	mote_sandbox_free(parents);
	assert_int_equal(mote_engine_get_metrics(vm.engine, &now, &err),
			 MOTE_E_STATE);
}

static void test_fork(void **state)
{
	(void)state;
	vm_open(&vm, GUEST_vm_observe);
	parents = new_box();
	vm_fork(in_child, NULL, 30);
	assert_int_equal(metrics().sandboxes_alive, 1);
	mote_sandbox_free(parents);
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_constructors),
		cmocka_unit_test(test_late_cancel),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_cpu_checks),
		cmocka_unit_test(test_strays),
		cmocka_unit_test(test_callbacks),
		cmocka_unit_test(test_guest_time),
		cmocka_unit_test(test_no_metrics),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_caller),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_fork),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
