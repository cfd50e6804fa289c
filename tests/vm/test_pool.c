/*
 * Pools: whoever acquires gets a sandbox in the state of the snapshot,
 * whatever came back, in whatever state, and whatever fails.
 */
#include <stdlib.h>
#include <string.h>

#include <mote/control.h>
#include <mote/observe.h>

#include "harness/unit.h"
#include "vm/pool_host.h"

/* ------------------------------------------------------------- arguments */

static void test_arguments(void **state)
{
	mote_sandbox_options other = base.options;
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;
	mote_sandbox *box = NULL;
	mote_pool *pool = NULL;

	(void)state;
	vm_expect(mote_pool_new(NULL, NULL, &pool, &base.vm.err),
		  MOTE_E_INVALID, &base.vm.err);
	vm_expect_text(&base.vm.err, "snapshot is NULL");
	vm_expect(mote_pool_new(base.snapshot, NULL, NULL, &base.vm.err),
		  MOTE_E_INVALID, &base.vm.err);
	wanted.min = 3;
	wanted.max = 2;
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_E_INVALID, &base.vm.err);
	vm_expect_text(&base.vm.err, "min is 3, but max is 2");
	wanted.max = 65537;
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_E_INVALID, &base.vm.err);
	vm_expect_text(&base.vm.err, "max is 65537");
	wanted.max = 65536;
	wanted.reserved = 1;
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_E_VERSION, &base.vm.err);
	wanted = (mote_pool_options)MOTE_POOL_OPTIONS_INIT;
	wanted.sandbox = &other;
	other.heap_bytes = 4096;
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_E_INCOMPATIBLE, &base.vm.err);
	vm_expect_text(&base.vm.err, "heap_bytes");
	other = base.options;
	other.gdb = "tcp:1234";
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_E_INVALID, &base.vm.err);
	vm_expect_text(&base.vm.err, "tcp:1234");
	vm_expect(mote_pool_acquire(NULL, 0, &box, &base.vm.err),
		  MOTE_E_INVALID, &base.vm.err);
	vm_expect(mote_pool_get_stats(NULL, &stats, &base.vm.err),
		  MOTE_E_INVALID, &base.vm.err);
	mote_pool_release(NULL, NULL);
	mote_pool_free(NULL);
	pool = pool_host_new(0, 0);
	vm_expect(mote_pool_acquire(pool, 0, NULL, &base.vm.err),
		  MOTE_E_INVALID, &base.vm.err);
	vm_expect(mote_pool_get_stats(pool, NULL, &base.vm.err), MOTE_E_INVALID,
		  &base.vm.err);
	mote_pool_release(pool, NULL);
	mote_pool_free(pool);
}

/* What the options point to may go once the pool is there. */
static void test_options_are_copied(void **state)
{
	mote_host_function *function = malloc(sizeof(*function));
	char *name = strdup("Meanwhile");
	char *signature = strdup("u(U)");
	const mote_value args[] = { MOTE_U64(0) };
	mote_sandbox *box;
	mote_value result;
	mote_pool *pool;

	(void)state;
	assert_true(function && name && signature);
	*function = base.mapping.function;
	function->name = name;
	function->signature = signature;
	base.options.host_functions = function;
	pool = pool_host_new(0, 2);
	memset(name, 'x', strlen(name));
	free(name);
	free(signature);
	free(function);
	base.options.host_function_count = 0;
	box = pool_host_acquire(pool);
	vm_expect(mote_call(box, "Call", args, 1, &result, &base.vm.err),
		  MOTE_OK, &base.vm.err);
	mote_pool_release(pool, box);
	mote_pool_free(pool);
}

/* It may make sandboxes when nobody else has the trace any more. */
static void test_trace_is_kept(void **state)
{
	size_t live = atomic_load(&base.vm.allocator.live);
	mote_trace *trace = NULL;
	mote_sandbox *box;
	mote_pool *pool;

	(void)state;
	vm_expect(mote_trace_new(base.vm.engine, 0, &trace, &base.vm.err),
		  MOTE_OK, &base.vm.err);
	base.options.trace = trace;
	pool = pool_host_new(0, 1);
	live = atomic_load(&base.vm.allocator.live);
	mote_trace_unref(trace);
	assert_int_equal(atomic_load(&base.vm.allocator.live), live);
	box = pool_host_acquire(pool);
	mapping_keep(box, SECRET);
	mote_pool_release(pool, box);
	mote_pool_free(pool);
}

/* -------------------------------------------------------- one after other */

static void test_clean_each_time(void **state)
{
	mote_pool *pool = pool_host_new(1, 4);
	mote_sandbox *first;
	mote_sandbox *box;
	mote_pool_stats stats;
	int i;

	(void)state;
	pool_host_expect(pool, 1, 0);
	first = pool_host_acquire(pool);
	for (i = 0; i < 5; i++) {
		box = i ? pool_host_acquire(pool) : first;
		/* The one that came back last: no more than are needed. */
		assert_ptr_equal(box, first);
		pool_host_expect(pool, 0, 1);
		assert_int_equal(mapping_kept(box), 0);
		mapping_keep(box, SECRET);
		mote_pool_release(pool, box);
		pool_host_expect(pool, 1, 0);
	}
	stats = pool_host_stats(pool);
	assert_int_equal(stats.acquired, 5);
	assert_int_equal(stats.created, 1);
	assert_int_equal(stats.restored, 5);
	assert_int_equal(stats.replaced, 0);
	assert_int_equal(stats.waited, 0);
	assert_int_equal(stats.timeouts, 0);
	mote_pool_free(pool);
}

/* Beyond min they are made when they are needed, and then stay. */
static void test_min_and_max(void **state)
{
	mote_pool *pool = pool_host_new(2, 4);
	mote_sandbox *boxes[4];
	mote_sandbox *none = NULL;
	size_t i;
	size_t j;

	(void)state;
	assert_int_equal(pool_host_stats(pool).created, 2);
	pool_host_expect(pool, 2, 0);
	for (i = 0; i < 4; i++) {
		boxes[i] = pool_host_acquire(pool);
		mapping_keep(boxes[i], (uint32_t)i + 1);
		for (j = 0; j < i; j++)
			assert_ptr_not_equal(boxes[i], boxes[j]);
	}
	assert_int_equal(pool_host_stats(pool).created, 4);
	vm_expect(mote_pool_acquire(pool, 0, &none, &base.vm.err),
		  MOTE_E_TIMEOUT, &base.vm.err);
	assert_string_equal(base.vm.err.text,
			    "all 4 sandboxes of the pool are out");
	vm_expect(mote_pool_acquire(pool, 1000000, &none, &base.vm.err),
		  MOTE_E_TIMEOUT, &base.vm.err);
	assert_string_equal(base.vm.err.text,
			    "all 4 sandboxes of the pool were out for 1 ms");
	assert_null(none);
	assert_int_equal(pool_host_stats(pool).timeouts, 2);
	assert_int_equal(pool_host_stats(pool).waited, 1);
	for (i = 0; i < 4; i++) {
		assert_int_equal(mapping_kept(boxes[i]), i + 1);
		mote_pool_release(pool, boxes[i]);
	}
	pool_host_expect(pool, 4, 0);
	assert_int_equal(pool_host_stats(pool).created, 4);
	mote_pool_free(pool);
}

/* What the last one did to the sandbox from outside goes, too. */
static void test_deadline_goes_back(void **state)
{
	mote_sandbox *box;
	mote_pool *pool;
	int i;

	(void)state;
	base.options.deadline_ns = 20000000;
	pool = pool_host_new(1, 1);
	for (i = 0; i < 2; i++) {
		box = pool_host_acquire(pool);
		vm_expect(mote_call(box, "Spin", NULL, 0, NULL, &base.vm.err),
			  MOTE_E_DEADLINE, &base.vm.err);
		vm_expect_text(&base.vm.err, "20 ms");
		vm_expect(mote_sandbox_set_deadline(box, LONG_NS, &base.vm.err),
			  MOTE_OK, &base.vm.err);
		mote_pool_release(pool, box);
	}
	mote_pool_free(pool);
}

struct canceller {
	mote_sandbox *box;
	mote_interrupt *old;
	int by_old;
	bool again; /* by a new handle */
};

static uint32_t cancel_inside(void *argument, uint64_t address)
{
	struct canceller *self = argument;
	mote_error err = MOTE_ERROR_INIT;
	mote_interrupt *fresh = NULL;

	(void)address;
	self->by_old = mote_interrupt_cancel(self->old);
	if (self->again &&
	    mote_interrupt_new(self->box, &fresh, &err) == MOTE_OK)
		(void)mote_interrupt_cancel(fresh);
	mote_interrupt_unref(fresh);
	return 7;
}

/* Who kept a handle cannot cancel what the next one calls. */
static void test_old_handles(void **state)
{
	const mote_value args[] = { MOTE_U64(0) };
	mote_pool *pool = pool_host_new(0, 1);
	struct canceller canceller = { .box = pool_host_acquire(pool) };
	mote_interrupt *none = NULL;
	mote_sandbox *box;
	mote_value result;
	int i;

	(void)state;
	base.mapping.meanwhile = cancel_inside;
	base.mapping.argument = &canceller;
	vm_expect(mote_interrupt_new(canceller.box, &canceller.old,
				     &base.vm.err),
		  MOTE_OK, &base.vm.err);
	mote_pool_release(pool, canceller.box);
	vm_expect(mote_interrupt_new(canceller.box, &none, &base.vm.err),
		  MOTE_E_BUSY, &base.vm.err);
	assert_int_equal(mote_interrupt_cancel(canceller.old), 0);
	for (i = 0; i < 2; i++) {
		canceller.again = i;
		canceller.by_old = -1;
		box = pool_host_acquire(pool);
		assert_ptr_equal(box, canceller.box);
		vm_expect(mote_call(box, "Call", args, 1, &result,
				    &base.vm.err),
			  i ? MOTE_E_CANCELLED : MOTE_OK, &base.vm.err);
		assert_int_equal(canceller.by_old, 0);
		mote_pool_release(pool, box);
	}
	assert_int_equal(pool_host_stats(pool).created, 1);
	mote_pool_free(pool);
	assert_int_equal(mote_interrupt_cancel(canceller.old), 0);
	mote_interrupt_unref(canceller.old);
}

/* No memory for another handle: then for another sandbox, or none. */
static void test_old_handle_no_memory(void **state)
{
	mote_pool *pool = pool_host_new(0, 1);
	mote_sandbox *box = pool_host_acquire(pool);
	mote_interrupt *handle = NULL;

	(void)state;
	vm_expect(mote_interrupt_new(box, &handle, &base.vm.err), MOTE_OK,
		  &base.vm.err);
	mapping_keep(box, SECRET);
	atomic_store(&base.vm.allocator.fail_at,
		     atomic_load(&base.vm.allocator.requests) + 1);
	mote_pool_release(pool, box);
	atomic_store(&base.vm.allocator.fail_at, 0);
	assert_int_equal(pool_host_stats(pool).replaced, 1);
	pool_host_expect(pool, 1, 0);
	box = pool_host_acquire(pool);
	assert_int_equal(mapping_kept(box), 0);
	mote_pool_release(pool, box);
	mote_interrupt_unref(handle);
	mote_pool_free(pool);
}

static void test_any_state(void **state)
{
	mote_pool *pool = pool_host_new(0, 1);
	mote_sandbox *box;

	(void)state;
	box = pool_host_acquire(pool);
	mapping_keep(box, SECRET);
	mapping_expect_fault(box, "Read", 0x123456789000, MOTE_FAULT_READ);
	mote_pool_release(pool, box);
	box = pool_host_acquire(pool);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	assert_int_equal(mapping_kept(box), 0);
	mapping_keep(box, SECRET);
	vm_expect(mote_sandbox_set_deadline(box, 1000000, &base.vm.err),
		  MOTE_OK, &base.vm.err);
	vm_expect(mote_call(box, "Spin", NULL, 0, NULL, &base.vm.err),
		  MOTE_E_DEADLINE, &base.vm.err);
	mote_pool_release(pool, box);
	box = pool_host_acquire(pool);
	assert_int_equal(mapping_kept(box), 0);
	mote_pool_release(pool, box);
	assert_int_equal(pool_host_stats(pool).created, 1);
	assert_int_equal(pool_host_stats(pool).restored, 3);
	mote_pool_free(pool);
}

/* No allocation for a sandbox that is there. */
static void test_counts(void **state)
{
	mote_pool *pool = pool_host_new(1, 1);
	size_t before;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		if (i == 3)
			before = atomic_load(&base.vm.allocator.requests);
		mote_pool_release(pool, pool_host_acquire(pool));
	}
	assert_int_equal(atomic_load(&base.vm.allocator.requests), before);
	mote_pool_free(pool);
}

/* ---------------------------------------------------------- wrong use */

static void test_wrong_releases(void **state)
{
	mote_pool *pool = pool_host_new(1, 2);
	mote_pool *other = pool_host_new(1, 2);
	mote_sandbox *alone = vm_sandbox(&base.vm, &base.options);
	mote_sandbox *box = pool_host_acquire(pool);
	mote_sandbox *theirs = pool_host_acquire(other);
	mote_value result;

	(void)state;
	mapping_keep(alone, SECRET);
	mapping_keep(theirs, SECRET);
	mote_pool_release(pool, alone);
	mote_pool_release(pool, theirs);
	assert_int_equal(mapping_kept(alone), SECRET);
	assert_int_equal(mapping_kept(theirs), SECRET);
	pool_host_expect(pool, 0, 1);
	mote_pool_release(pool, box);
	mote_pool_release(pool, box);
	pool_host_expect(pool, 1, 0);
	assert_int_equal(pool_host_stats(pool).restored, 1);
	/* Who kept the pointer cannot leave anything in it. */
	vm_expect(mote_call(box, "Kept", NULL, 0, &result, &base.vm.err),
		  MOTE_E_BUSY, &base.vm.err);
	vm_expect_text(&base.vm.err, "given back to its pool");
	vm_expect(mote_snapshot_take(box, &(mote_snapshot *){ NULL },
				     &base.vm.err),
		  MOTE_E_BUSY, &base.vm.err);
	assert_ptr_equal(pool_host_acquire(pool), box);
	assert_int_equal(mapping_kept(box), 0);
	mote_pool_release(pool, box);
	mote_pool_release(other, theirs);
	mote_sandbox_free(alone);
	mote_pool_free(other);
	mote_pool_free(pool);
}

struct inside {
	mote_pool *pool;
	mote_sandbox *box;
};

static uint32_t release_inside(void *argument, uint64_t address)
{
	struct inside *inside = argument;

	(void)address;
	mote_pool_release(inside->pool, inside->box);
	return 7;
}

static void test_release_inside(void **state)
{
	const mote_value args[] = { MOTE_U64(0) };
	mote_pool *pool = pool_host_new(0, 1);
	struct inside inside = { pool, pool_host_acquire(pool) };
	mote_value result;

	(void)state;
	base.mapping.meanwhile = release_inside;
	base.mapping.argument = &inside;
	mapping_keep(inside.box, SECRET);
	vm_expect(mote_call(inside.box, "Call", args, 1, &result, &base.vm.err),
		  MOTE_OK, &base.vm.err);
	assert_int_equal(result.as.u32, 7);
	/* It is still the caller's, as it was. */
	assert_int_equal(mapping_kept(inside.box), SECRET);
	pool_host_expect(pool, 0, 1);
	mote_pool_release(pool, inside.box);
	pool_host_expect(pool, 1, 0);
	mote_pool_free(pool);
}

/* ------------------------------------------------------------- failures */

static void test_restore_fails(void **state)
{
	mote_pool *pool = pool_host_new(0, 1);
	mote_sandbox *box = pool_host_acquire(pool);

	(void)state;
	mapping_keep(box, SECRET);
	atomic_store(&base.fail_restores, 1);
	mote_pool_release(pool, box);
	/* Another one took its place. */
	pool_host_expect(pool, 1, 0);
	assert_int_equal(pool_host_stats(pool).replaced, 1);
	assert_int_equal(pool_host_stats(pool).restored, 0);
	assert_int_equal(pool_host_stats(pool).created, 2);
	box = pool_host_acquire(pool);
	assert_int_equal(mapping_kept(box), 0);
	/* Now that fails as well: the next one who needs it gets the error. */
	atomic_store(&base.fail_restores, 1);
	atomic_store(&base.fail_creations, 2);
	mote_pool_release(pool, box);
	pool_host_expect(pool, 0, 0);
	assert_int_equal(pool_host_stats(pool).replaced, 2);
	vm_expect(mote_pool_acquire(pool, 0, &box, &base.vm.err), MOTE_E_OS,
		  &base.vm.err);
	vm_expect_text(&base.vm.err, "injected");
	/* The slot is not lost. */
	box = pool_host_acquire(pool);
	assert_int_equal(mapping_kept(box), 0);
	mote_pool_release(pool, box);
	pool_host_expect(pool, 1, 0);
	mote_pool_free(pool);
}

static void test_creation_fails(void **state)
{
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_pool *pool = NULL;
	mote_sandbox *box = NULL;
	int i;

	(void)state;
	base.options.host_function_count = 0;
	wanted.sandbox = &base.options;
	wanted.max = 2;
	wanted.min = 1;
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_E_IMPORT, &base.vm.err);
	vm_expect_text(&base.vm.err, "Meanwhile");
	wanted.min = 0;
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_OK, &base.vm.err);
	for (i = 0; i < 4; i++)
		vm_expect(mote_pool_acquire(pool, 0, &box, &base.vm.err),
			  MOTE_E_IMPORT, &base.vm.err);
	pool_host_expect(pool, 0, 0);
	assert_int_equal(pool_host_stats(pool).acquired, 0);
	mote_pool_free(pool);
	/* Of three the last one fails: none is left. */
	base.options.host_function_count = 1;
	wanted.max = 3;
	wanted.min = 3;
	atomic_store(&base.fail_creations, 1);
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_E_OS, &base.vm.err);
}

/* -------------------------------------------- freed instead of released */

/* Freed as if it were the caller's own: that is a release. */
static void test_free_it(void **state)
{
	mote_pool *pool = pool_host_new(1, 1);
	mote_sandbox *box = pool_host_acquire(pool);
	mote_value result;

	(void)state;
	mapping_keep(box, SECRET);
	mote_sandbox_free(box);
	pool_host_expect(pool, 1, 0);
	/* And once more, as a second release: nothing. */
	mote_sandbox_free(box);
	pool_host_expect(pool, 1, 0);
	vm_expect(mote_call(box, "Kept", NULL, 0, &result, &base.vm.err),
		  MOTE_E_BUSY, &base.vm.err);
	assert_ptr_equal(pool_host_acquire(pool), box);
	assert_int_equal(mapping_kept(box), 0);
	assert_int_equal(pool_host_stats(pool).restored, 1);
	/* It outlives the pool. */
	mote_pool_free(pool);
	mapping_keep(box, SECRET);
	mote_sandbox_free(box);
}

static uint32_t free_inside(void *argument, uint64_t address)
{
	struct inside *inside = argument;

	(void)address;
	mote_sandbox_free(inside->box);
	return 7;
}

static void test_free_inside(void **state)
{
	const mote_value args[] = { MOTE_U64(0) };
	mote_pool *pool = pool_host_new(0, 1);
	struct inside inside = { pool, pool_host_acquire(pool) };
	mote_value result;
	int turn;

	(void)state;
	base.mapping.meanwhile = free_inside;
	base.mapping.argument = &inside;
	for (turn = 0; turn < 3; turn++) {
		vm_expect(mote_call(inside.box, "Call", args, 1, &result,
				    &base.vm.err),
			  MOTE_OK, &base.vm.err);
		assert_int_equal(result.as.u32, 7);
		if (turn == 2)
			break;
		/* Once, when the call had ended, and not for the next user. */
		pool_host_expect(pool, 1, 0);
		inside.box = pool_host_acquire(pool);
		mapping_keep(inside.box, SECRET);
		pool_host_expect(pool, 0, 1);
		/* The last time there is no pool to go back to. */
		if (turn == 1)
			mote_pool_free(pool);
	}
}

/* ------------------------------------------------------------- no memory */

static void test_no_memory(void **state)
{
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_status status = MOTE_E_NO_MEMORY;
	mote_pool *pool = NULL;
	size_t number;
	size_t live;

	(void)state;
	wanted.sandbox = &base.options;
	wanted.min = 2;
	for (number = 1; status != MOTE_OK; number++) {
		live = atomic_load(&base.vm.allocator.live);
		atomic_store(&base.vm.allocator.fail_at,
			     atomic_load(&base.vm.allocator.requests) + number);
		status = mote_pool_new(base.snapshot, &wanted, &pool,
				       &base.vm.err);
		atomic_store(&base.vm.allocator.fail_at, 0);
		if (status == MOTE_OK)
			break;
		vm_expect(status, MOTE_E_NO_MEMORY, &base.vm.err);
		/* A sandbox that was made and freed may be kept for later. */
		assert_true(atomic_load(&base.vm.allocator.live) <= live + 64);
		assert_true(number < 200);
	}
	assert_true(number > 3);
	mote_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, pool_host_setup,                 \
					pool_host_teardown)
		TEST(test_arguments),
		TEST(test_options_are_copied),
		TEST(test_trace_is_kept),
		TEST(test_clean_each_time),
		TEST(test_min_and_max),
		TEST(test_deadline_goes_back),
		TEST(test_old_handles),
		TEST(test_old_handle_no_memory),
		TEST(test_any_state),
		TEST(test_counts),
		TEST(test_wrong_releases),
		TEST(test_release_inside),
		TEST(test_restore_fails),
		TEST(test_creation_fails),
		TEST(test_free_it),
		TEST(test_free_inside),
		TEST(test_no_memory),
#undef TEST
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
