/*
 * Limits of a call that are not its deadline, and what it says it used. Of
 * time only lower bounds are looked at.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <mote/control.h>
#include <mote/snapshot.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "os/os.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"
#include "vm/villain.h"
#include "vm/villain_host.h"

#define MS UINT64_C(1000000)
#define LONG_NS (UINT64_C(100) * 1000 * MS)

static struct vm vm;
static mote_sandbox *box;

/* How often the CPU clock is read, which is a system call. */
static size_t clock_reads;

uint64_t __real_mti_os_thread_cpu_ns(void);
uint64_t __wrap_mti_os_thread_cpu_ns(void);

uint64_t __wrap_mti_os_thread_cpu_ns(void)
{
	clock_reads++;
	return __real_mti_os_thread_cpu_ns();
}

static uint64_t cpu_ns(void)
{
	return __real_mti_os_thread_cpu_ns();
}

static void open_box(uint64_t limit_ns, uint64_t deadline_ns)
{
	mote_sandbox_options options = villain_host_options(LONG_NS);

	options.cpu_ns = limit_ns;
	options.max_host_calls = UINT64_MAX;
	vm_open(&vm, GUEST_bare_villain);
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_sandbox_set_deadline(box, deadline_ns, &vm.err),
		  MOTE_OK, &vm.err);
	clock_reads = 0;
}

static void close_box(void)
{
	villain_host_fn = NULL;
	mote_sandbox_free(box);
	vm_close(&vm);
}

static mote_status call(const char *function)
{
	return mote_call(box, function, NULL, 0, NULL, &vm.err);
}

static mote_status call_host(uint64_t times)
{
	const mote_value argument = MOTE_U64(times);

	return mote_call(box, "CallHost", &argument, 1, NULL, &vm.err);
}

static mote_call_stats call_stats(void)
{
	mote_call_stats stats = MOTE_CALL_STATS_INIT;

	vm_expect(mote_sandbox_get_call_stats(box, &stats, &vm.err), MOTE_OK,
		  &vm.err);
	return stats;
}

/* --------------------------------------------------------------- CPU time */

static void expect_cpu_time(mote_status status)
{
	vm_expect(status, MOTE_E_CPU_TIME, &vm.err);
	vm_expect_text(&vm.err, "CPU time");
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	assert_int_equal(call_stats().status, MOTE_E_CPU_TIME);
}

static void test_cpu_time(void **state)
{
	static const char *const loops[] = { "Spin", "SpinHost", "SpinFlush",
					     "SpinService" };
	uint64_t begun;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		open_box(40 * MS, LONG_NS);
		begun = cpu_ns();
		expect_cpu_time(call(loops[i]));
		vm_expect_text(&vm.err, "40 ms");
		/* Also without MOTE_SANDBOX_CALL_STATS. */
		assert_true(call_stats().cpu_ns >= 40 * MS);
		assert_true(cpu_ns() - begun >= 40 * MS);
		close_box();
	}
}

/* So little that it may be used up before the guest is entered. */
static void test_cpu_time_tiny(void **state)
{
	static const uint64_t limits[] = { 1, 1000, 20000, 50000 };
	mote_status status;
	size_t i;

	(void)state;
	for (i = 0; i < 20; i++) {
		mote_sandbox_options options = villain_host_options(LONG_NS);

		vm_open(&vm, GUEST_bare_villain);
		options.cpu_ns = limits[i % 4];
		box = NULL;
		status = mote_sandbox_new(vm.image, &options, &box, &vm.err);
		if (status == MOTE_OK)
			status = call("Answer");
		if (status != MOTE_OK)
			vm_expect(status, MOTE_E_CPU_TIME, &vm.err);
		close_box();
	}
}

static uint64_t burnt_until_told;

static mote_status burn(void *user, mote_host_call *host_call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	uint64_t begun = cpu_ns();

	(void)user;
	(void)args;
	(void)count;
	while (!mote_host_call_cancelled(host_call))
		continue;
	burnt_until_told = cpu_ns() - begun;
	*result = MOTE_I32(1);
	return MOTE_OK;
}

/* That of host functions counts, and they are told. */
static void test_cpu_time_of_host(void **state)
{
	mote_sandbox_stats before;

	(void)state;
	open_box(40 * MS, LONG_NS);
	villain_host_fn = burn;
	before = vm_stats(box);
	expect_cpu_time(call_host(2));
	assert_true(burnt_until_told > 0);
	/* The guest was not entered again. */
	assert_int_equal(vm_stats(box).vm_entries - before.vm_entries -
				 (vm_stats(box).interrupted -
				  before.interrupted),
			 1);
	close_box();
	/* The same with a deadline. */
	open_box(0, 40 * MS);
	villain_host_fn = burn;
	vm_expect(call_host(2), MOTE_E_DEADLINE, &vm.err);
	close_box();
}

static mote_status sleep_100_ms(void *user, mote_host_call *host_call,
				const mote_value *args, size_t count,
				mote_value *result)
{
	uint64_t begun = mti_os_monotonic_ns();
	const struct timespec pause = { .tv_nsec = 10 * MS };

	(void)user;
	(void)host_call;
	(void)args;
	(void)count;
	while (mti_os_monotonic_ns() - begun < 100 * MS)
		nanosleep(&pause, NULL);
	*result = MOTE_I32(1);
	return MOTE_OK;
}

/* Time in which nobody computes is not CPU time. */
static void test_sleep_is_free(void **state)
{
	(void)state;
	open_box(50 * MS, LONG_NS);
	villain_host_fn = sleep_100_ms;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	assert_true(call_stats().wall_ns >= 100 * MS);
	close_box();
}

/* Each call has all of it. */
static void test_cpu_time_anew(void **state)
{
	uint64_t begun;
	size_t calls = 0;

	(void)state;
	open_box(100 * MS, LONG_NS);
	begun = cpu_ns();
	do {
		vm_expect(call("Answer"), MOTE_OK, &vm.err);
		calls++;
	} while (cpu_ns() - begun < 250 * MS);
	print_message("%zu calls, CPU clock read %zu times\n", calls,
		      clock_reads);
	assert_true(clock_reads < calls / 2);
	expect_cpu_time(call("Spin"));
	close_box();
}

/* Without a limit below the deadline nobody looks. */
static void test_cpu_time_unused(void **state)
{
	static const uint64_t limits[] = { 0, LONG_NS, UINT64_MAX };
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < 3; i++) {
		open_box(limits[i], LONG_NS);
		for (j = 0; j < 100; j++)
			vm_expect(call("Answer"), MOTE_OK, &vm.err);
		vm_expect(mote_sandbox_set_deadline(box, 50 * MS, &vm.err),
			  MOTE_OK, &vm.err);
		vm_expect(call("Spin"), MOTE_E_DEADLINE, &vm.err);
		assert_int_equal(clock_reads, 0);
		close_box();
	}
}

static mote_sandbox *inner;
static mote_status inner_status;
static mote_error inner_error = MOTE_ERROR_INIT;

static mote_status spin_inside(void *user, mote_host_call *host_call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	(void)user;
	(void)host_call;
	(void)args;
	(void)count;
	inner_status = mote_call(inner, "Spin", NULL, 0, NULL, &inner_error);
	*result = MOTE_I32(1);
	return MOTE_OK;
}

/* The limits of the call around it are also those of the inner one. */
static void test_nested(void **state)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);
	mote_call_stats stats = MOTE_CALL_STATS_INIT;

	(void)state;
	open_box(40 * MS, LONG_NS);
	inner = vm_sandbox(&vm, &options);
	villain_host_fn = spin_inside;
	expect_cpu_time(call_host(1));
	vm_expect(inner_status, MOTE_E_CPU_TIME, &inner_error);
	vm_expect_text(&inner_error, "around this one");
	vm_expect(mote_sandbox_get_call_stats(inner, &stats, &vm.err), MOTE_OK,
		  &vm.err);
	assert_true(stats.cpu_ns > 0);
	mote_sandbox_free(inner);
	close_box();
}

/* ------------------------------------------------------------- call stats */

static mote_call_stats stats_inside;

static mote_status look_inside(void *user, mote_host_call *host_call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	(void)user;
	(void)host_call;
	(void)args;
	(void)count;
	stats_inside = call_stats();
	*result = MOTE_I32(1);
	return MOTE_OK;
}

static void ignore_output(void *user, uint32_t stream, const char *data,
			  size_t size)
{
	(void)user;
	(void)stream;
	(void)data;
	(void)size;
}

static void test_counts(void **state)
{
	const mote_value print[] = { MOTE_U64(5), MOTE_U64(10) };
	const mote_value random = MOTE_U64(16);
	mote_call_stats stats;

	(void)state;
	open_box(0, LONG_NS);
	/* Of the constructors. */
	assert_int_equal(call_stats().status, MOTE_OK);
	villain_host_fn = look_inside;
	vm_expect(call_host(3), MOTE_OK, &vm.err);
	stats = call_stats();
	assert_int_equal(stats.struct_size, sizeof(stats));
	assert_int_equal(stats.status, MOTE_OK);
	assert_int_equal(stats.host_calls, 3);
	assert_int_equal(stats.exits_host_call, 3);
	assert_int_equal(stats.vm_entries - stats.exits_interrupted, 4);
	assert_true(stats.wall_ns > 0);
	assert_int_equal(stats.cpu_ns, 0);
	assert_int_equal(stats.host_ns, 0);
	/* What the last host function saw of it. */
	assert_int_equal(stats_inside.status, MOTE_E_BUSY);
	assert_int_equal(stats_inside.host_calls, 3);
	assert_true(stats_inside.wall_ns > 0);
	assert_true(stats_inside.wall_ns <= stats.wall_ns);
	/* Each call anew. */
	vm_expect(mote_call(box, "Print", print, 2, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	stats = call_stats();
	assert_int_equal(stats.host_calls, 0);
	assert_int_equal(stats.exits_host_call, 0);
	assert_int_equal(stats.exits_flush, 5);
	assert_int_equal(stats.output_bytes, 50);
	vm_expect(mote_call(box, "Random", &random, 1, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	stats = call_stats();
	assert_int_equal(stats.exits_service, 1);
	assert_int_equal(stats.output_bytes, 0);
	close_box();
}

static void test_status(void **state)
{
	const struct evil evil = { .out = "", .post = "",
				   .port = MOTE_PORT_RETURN,
				   .value = 4 };

	(void)state;
	open_box(0, LONG_NS);
	/* Refused before it started: it is not the last call. */
	vm_expect(call("Answer"), MOTE_OK, &vm.err);
	vm_expect(call("NoSuch"), MOTE_E_NOT_FOUND, &vm.err);
	assert_int_equal(call_stats().status, MOTE_OK);
	assert_int_equal(call_stats().vm_entries -
				 call_stats().exits_interrupted,
			 1);
	/* It ended well, but what it returned is nothing. */
	vm_expect(evil_call(box, "EvilI64", &evil, NULL, &vm.err),
		  MOTE_E_PROTOCOL, &vm.err);
	assert_int_equal(call_stats().status, MOTE_E_PROTOCOL);
	close_box();
}

/* With the flag, and of host functions and callbacks alike. */
static void test_measured(void **state)
{
	const mote_value print[] = { MOTE_U64(5), MOTE_U64(10) };
	mote_sandbox_options options = villain_host_options(LONG_NS);
	mote_call_stats stats;

	(void)state;
	open_box(0, LONG_NS);
	mote_sandbox_free(box);
	options.flags = MOTE_SANDBOX_CALL_STATS;
	options.output = ignore_output;
	box = vm_sandbox(&vm, &options);
	villain_host_fn = sleep_100_ms;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	stats = call_stats();
	assert_true(stats.host_ns >= 100 * MS);
	assert_true(stats.wall_ns >= stats.host_ns);
	assert_true(stats.cpu_ns > 0);
	vm_expect(mote_call(box, "Print", print, 2, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	assert_true(call_stats().host_ns > 0);
	villain_host_fn = look_inside;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	assert_true(stats_inside.cpu_ns > 0);
	vm_expect(mote_sandbox_set_deadline(box, 40 * MS, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(call("Spin"), MOTE_E_DEADLINE, &vm.err);
	stats = call_stats();
	assert_true(stats.wall_ns >= 40 * MS);
	assert_true(stats.cpu_ns > 0);
	assert_int_equal(stats.host_ns, 0);
	close_box();
}

static void *get_elsewhere(void *unused)
{
	mote_call_stats stats = MOTE_CALL_STATS_INIT;
	mote_error err = MOTE_ERROR_INIT;

	(void)unused;
	return (void *)(uintptr_t)mote_sandbox_get_call_stats(box, &stats,
							      &err);
}

static void *status_elsewhere;

static mote_status ask_elsewhere(void *user, mote_host_call *host_call,
				 const mote_value *args, size_t count,
				 mote_value *result)
{
	pthread_t thread;

	(void)user;
	(void)host_call;
	(void)args;
	(void)count;
	*result = MOTE_I32(1);
	if (pthread_create(&thread, NULL, get_elsewhere, NULL) == 0)
		pthread_join(thread, &status_elsewhere);
	return MOTE_OK;
}

static void test_arguments(void **state)
{
	mote_call_stats stats = MOTE_CALL_STATS_INIT;

	(void)state;
	open_box(0, LONG_NS);
	vm_expect(mote_sandbox_get_call_stats(NULL, &stats, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "box");
	vm_expect(mote_sandbox_get_call_stats(box, NULL, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "stats");
	/* From an older header: as much as it has. */
	stats.struct_size = 16;
	stats.cpu_ns = 77;
	vm_expect(mote_sandbox_get_call_stats(box, &stats, &vm.err), MOTE_OK,
		  &vm.err);
	assert_true(stats.wall_ns > 0);
	assert_int_equal(stats.cpu_ns, 77);
	villain_host_fn = ask_elsewhere;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	assert_int_equal((uintptr_t)status_elsewhere, MOTE_E_BUSY);
	close_box();
}

/* ------------------------------------------------------------- log budget */

static void test_log_budget(void **state)
{
	mote_sandbox_options options = villain_host_options(LONG_NS);

	(void)state;
	open_box(0, LONG_NS);
	assert_int_equal(box->limits.log_bytes, 1 << 20);
	mote_sandbox_free(box);
	options.max_log_bytes = 100;
	box = vm_sandbox(&vm, &options);
	vm_expect(mti_usage_log(box, 60, &vm.err), MOTE_OK, &vm.err);
	vm_expect(mti_usage_log(box, 40, &vm.err), MOTE_OK, &vm.err);
	vm_expect(mti_usage_log(box, 1, &vm.err), MOTE_E_LOG, &vm.err);
	vm_expect_text(&vm.err, "max_log_bytes, 100");
	assert_int_equal(call_stats().log_bytes, 100);
	/* A new call, a new budget. */
	vm_expect(call("Answer"), MOTE_OK, &vm.err);
	assert_int_equal(call_stats().log_bytes, 0);
	vm_expect(mti_usage_log(box, 100, &vm.err), MOTE_OK, &vm.err);
	close_box();
}

/* --------------------------------------------------------- memory growth */

#define PAGES(count) ((uint64_t)(count) * MOTE_PAGE_SIZE)

static mote_status fill(uint64_t page, uint64_t count)
{
	const mote_value arguments[] = { MOTE_U64(MOTE_GVA_HEAP + PAGES(page)),
					 MOTE_U64(PAGES(count)),
					 MOTE_U32(7) };

	return mote_call(box, "Fill", arguments, 3, NULL, &vm.err);
}

static void open_limited(uint64_t growth)
{
	mote_sandbox_options options = villain_host_options(LONG_NS);

	options.max_growth_bytes = growth;
	options.max_host_calls = UINT64_MAX;
	vm_open(&vm, GUEST_bare_villain);
	box = vm_sandbox(&vm, &options);
}

static void test_growth(void **state)
{
	mote_snapshot *snapshot = NULL;
	uint64_t pages;
	size_t i;

	(void)state;
	open_limited(PAGES(100));
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	/* Several times less than the limit. */
	for (i = 0; i < 4; i++) {
		vm_expect(fill(60 * i, 60), MOTE_OK, &vm.err);
		pages = call_stats().pages_written;
		assert_in_range(pages, 60, 60 + 16);
		/* What it has it may use again. */
		vm_expect(fill(60 * i, 60), MOTE_OK, &vm.err);
		assert_in_range(call_stats().pages_written, 0, 8);
	}
	/* The same after each restore. */
	for (i = 0; i < 3; i++) {
		vm_expect(fill(400, 120), MOTE_E_GROWTH, &vm.err);
		vm_expect_text(&vm.err, "max_growth_bytes, 409600");
		assert_int_equal(mote_sandbox_state(box),
				 MOTE_SANDBOX_POISONED);
		assert_int_equal(call_stats().status, MOTE_E_GROWTH);
		assert_true(call_stats().pages_written > 100);
		vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
			  &vm.err);
		vm_expect(fill(600, 80), MOTE_OK, &vm.err);
	}
	/* What was written before a restore is not had for nothing. */
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(fill(600, 160), MOTE_E_GROWTH, &vm.err);
	mote_snapshot_unref(snapshot);
	close_box();
}

/* A guest that never leaves by itself, whoever counts its pages. */
static void test_growth_without_end(void **state)
{
	(void)state;
	open_limited(PAGES(8));
	vm_expect(call("SpinHeap"), MOTE_E_GROWTH, &vm.err);
	close_box();
}

/* What a hypervisor with nested paging reports when the CPU walks them. */
static mote_status walk_tables(void *user, mote_host_call *host_call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	const struct mti_layout *layout = &box->template->layout;

	(void)user;
	(void)host_call;
	(void)args;
	(void)count;
	mti_dirty_add(&box->memory.dirty, layout->page_table_gpa,
		      layout->page_table_max);
	*result = MOTE_I32(0);
	return MOTE_OK;
}

/* Page tables are not what the guest has written. */
static void test_growth_of_tables(void **state)
{
	(void)state;
	open_limited(PAGES(8));
	assert_true(box->template->layout.page_table_max > PAGES(8));
	villain_host_fn = walk_tables;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	assert_in_range(call_stats().pages_written, 0, 8);
	vm_expect(call("Answer"), MOTE_OK, &vm.err);
	assert_in_range(call_stats().pages_written, 0, 8);
	close_box();
}

static mote_status fill_mapping(uint64_t address, uint64_t count)
{
	const mote_value arguments[] = { MOTE_U64(address),
					 MOTE_U64(PAGES(count)), MOTE_U32(7) };

	return mote_call(box, "Fill", arguments, 3, NULL, &vm.err);
}

/* Copies of a file's pages are memory, too. */
static void test_growth_of_mappings(void **state)
{
	int file = memfd_create("mote-growth", MFD_CLOEXEC);
	uint64_t address = 0;
	int round;

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, (off_t)PAGES(4000)), 0);
	open_limited(PAGES(100));
	for (round = 0; round < 3; round++) {
		address = 0;
		vm_expect(mote_map_file(box, file, 0, 0, MOTE_MAP_PRIVATE,
					&address, &vm.err),
			  MOTE_OK, &vm.err);
		vm_expect(fill_mapping(address, 60), MOTE_OK, &vm.err);
		assert_in_range(call_stats().pages_written, 60, 60 + 16);
		vm_expect(fill_mapping(address, 60), MOTE_OK, &vm.err);
		assert_in_range(call_stats().pages_written, 0, 8);
		vm_expect(mote_unmap(box, address, &vm.err), MOTE_OK, &vm.err);
	}
	vm_expect(mote_map_file(box, file, 0, 0, MOTE_MAP_PRIVATE, &address,
				&vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(fill_mapping(address, 4000), MOTE_E_GROWTH, &vm.err);
	vm_expect_text(&vm.err, "max_growth_bytes, 409600");
	close_box();
	close(file);
}

/* Without a limit, as much as there is, and counted only if asked for. */
static void test_growth_unlimited(void **state)
{
	mote_sandbox_options options = villain_host_options(LONG_NS);

	(void)state;
	open_box(0, LONG_NS);
	vm_expect(fill(0, 3000), MOTE_OK, &vm.err);
	assert_int_equal(call_stats().pages_written, 0);
	mote_sandbox_free(box);
	options.flags = MOTE_SANDBOX_CALL_STATS;
	box = vm_sandbox(&vm, &options);
	vm_expect(fill(0, 3000), MOTE_OK, &vm.err);
	assert_in_range(call_stats().pages_written, 3000, 3016);
	close_box();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpu_time),
		cmocka_unit_test(test_cpu_time_tiny),
		cmocka_unit_test(test_cpu_time_of_host),
		cmocka_unit_test(test_sleep_is_free),
		cmocka_unit_test(test_cpu_time_anew),
		cmocka_unit_test(test_cpu_time_unused),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_measured),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_log_budget),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_growth_without_end),
		cmocka_unit_test(test_growth_of_tables),
		cmocka_unit_test(test_growth_of_mappings),
		cmocka_unit_test(test_growth_unlimited),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
