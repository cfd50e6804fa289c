/*
 * Pools: whoever acquires gets a sandbox in the state of the snapshot that
 * nobody else has, in the order of asking; whatever comes back, in whatever
 * state, and whatever fails.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "sandbox/pool.h"
#include "vm/mapping_host.h"

#define LONG_NS UINT64_C(50000000000)
#define SECRET 0x5ec7e7u
#define THREADS 8
#define ROUNDS 150

static struct vm vm;
static struct mapping_host host;
static mote_sandbox_options options;
static mote_snapshot *snapshot;
static uint64_t seed;

/* ------------------------------------------------------ injected failures */

/* The next so many fail. */
static _Atomic int fail_restores;
static _Atomic int fail_creations;

mote_status __real_mti_sandbox_restore(mote_sandbox *box, mote_snapshot *from,
				       mote_error *err);
mote_status __wrap_mti_sandbox_restore(mote_sandbox *box, mote_snapshot *from,
				       mote_error *err);
mote_status __wrap_mti_sandbox_restore(mote_sandbox *box, mote_snapshot *from,
				       mote_error *err)
{
	if (atomic_load(&fail_restores) > 0 &&
	    atomic_fetch_sub(&fail_restores, 1) > 0)
		return MOTE_E_OS;
	return __real_mti_sandbox_restore(box, from, err);
}

mote_status
__real_mti_sandbox_from_snapshot(mote_snapshot *from,
				 const mote_sandbox_options *given,
				 mote_sandbox **box, mote_error *err);
mote_status
__wrap_mti_sandbox_from_snapshot(mote_snapshot *from,
				 const mote_sandbox_options *given,
				 mote_sandbox **box, mote_error *err);
mote_status
__wrap_mti_sandbox_from_snapshot(mote_snapshot *from,
				 const mote_sandbox_options *given,
				 mote_sandbox **box, mote_error *err)
{
	if (atomic_load(&fail_creations) > 0 &&
	    atomic_fetch_sub(&fail_creations, 1) > 0) {
		if (err) {
			err->code = MOTE_E_OS;
			strcpy(err->text, "injected");
		}
		return MOTE_E_OS;
	}
	return __real_mti_sandbox_from_snapshot(from, given, box, err);
}

/* --------------------------------------------------------------- fixture */

static int setup(void **state)
{
	mote_sandbox *box;

	(void)state;
	memset(&host, 0, sizeof(host));
	atomic_store(&fail_restores, 0);
	atomic_store(&fail_creations, 0);
	vm_open(&vm, GUEST_vm_mapping);
	options = mapping_host_options(&host);
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	mote_sandbox_free(box);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mote_snapshot_unref(snapshot);
	vm_close(&vm);
	return 0;
}

static mote_pool *new_pool(uint32_t min, uint32_t max)
{
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_pool *pool = NULL;

	wanted.min = min;
	wanted.max = max;
	wanted.sandbox = &options;
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err), MOTE_OK,
		  &vm.err);
	return pool;
}

static mote_sandbox *acquire(mote_pool *pool)
{
	mote_sandbox *box = NULL;

	vm_expect(mote_pool_acquire(pool, 0, &box, &vm.err), MOTE_OK, &vm.err);
	return box;
}

static mote_pool_stats stats_of(mote_pool *pool)
{
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;

	vm_expect(mote_pool_get_stats(pool, &stats, &vm.err), MOTE_OK,
		  &vm.err);
	return stats;
}

/* Until so many threads wait. */
static void await_waiting(mote_pool *pool, uint32_t count)
{
	while (stats_of(pool).waiting != count)
		sched_yield();
}

static void expect_counts(mote_pool *pool, uint32_t idle, uint32_t busy)
{
	mote_pool_stats stats = stats_of(pool);

	assert_int_equal(stats.idle, idle);
	assert_int_equal(stats.busy, busy);
	assert_int_equal(stats.waiting, 0);
}

/* ------------------------------------------------------------- arguments */

static void test_arguments(void **state)
{
	mote_sandbox_options other = options;
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;
	mote_sandbox *box = NULL;
	mote_pool *pool = NULL;

	(void)state;
	vm_expect(mote_pool_new(NULL, NULL, &pool, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect_text(&vm.err, "snapshot is NULL");
	vm_expect(mote_pool_new(snapshot, NULL, NULL, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	wanted.min = 3;
	wanted.max = 2;
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "min is 3, but max is 2");
	wanted.max = 65537;
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "max is 65537");
	wanted.max = 65536;
	wanted.reserved = 1;
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err),
		  MOTE_E_VERSION, &vm.err);
	wanted = (mote_pool_options)MOTE_POOL_OPTIONS_INIT;
	wanted.sandbox = &other;
	other.heap_bytes = 4096;
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err),
		  MOTE_E_INCOMPATIBLE, &vm.err);
	vm_expect_text(&vm.err, "heap_bytes");
	other = options;
	other.gdb = "tcp:1234";
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "tcp:1234");
	vm_expect(mote_pool_acquire(NULL, 0, &box, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect(mote_pool_get_stats(NULL, &stats, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	mote_pool_release(NULL, NULL);
	mote_pool_free(NULL);
	pool = new_pool(0, 0);
	vm_expect(mote_pool_acquire(pool, 0, NULL, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect(mote_pool_get_stats(pool, NULL, &vm.err), MOTE_E_INVALID,
		  &vm.err);
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
	*function = host.function;
	function->name = name;
	function->signature = signature;
	options.host_functions = function;
	pool = new_pool(0, 2);
	memset(name, 'x', strlen(name));
	free(name);
	free(signature);
	free(function);
	options.host_function_count = 0;
	box = acquire(pool);
	vm_expect(mote_call(box, "Call", args, 1, &result, &vm.err), MOTE_OK,
		  &vm.err);
	mote_pool_release(pool, box);
	mote_pool_free(pool);
}

/* -------------------------------------------------------- one after other */

static void test_clean_each_time(void **state)
{
	mote_pool *pool = new_pool(1, 4);
	mote_sandbox *first;
	mote_sandbox *box;
	mote_pool_stats stats;
	int i;

	(void)state;
	expect_counts(pool, 1, 0);
	first = acquire(pool);
	for (i = 0; i < 5; i++) {
		box = i ? acquire(pool) : first;
		/* The one that came back last: no more than are needed. */
		assert_ptr_equal(box, first);
		expect_counts(pool, 0, 1);
		assert_int_equal(mapping_kept(box), 0);
		mapping_keep(box, SECRET);
		mote_pool_release(pool, box);
		expect_counts(pool, 1, 0);
	}
	stats = stats_of(pool);
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
	mote_pool *pool = new_pool(2, 4);
	mote_sandbox *boxes[4];
	mote_sandbox *none = NULL;
	size_t i;
	size_t j;

	(void)state;
	assert_int_equal(stats_of(pool).created, 2);
	expect_counts(pool, 2, 0);
	for (i = 0; i < 4; i++) {
		boxes[i] = acquire(pool);
		mapping_keep(boxes[i], (uint32_t)i + 1);
		for (j = 0; j < i; j++)
			assert_ptr_not_equal(boxes[i], boxes[j]);
	}
	assert_int_equal(stats_of(pool).created, 4);
	vm_expect(mote_pool_acquire(pool, 0, &none, &vm.err), MOTE_E_TIMEOUT,
		  &vm.err);
	vm_expect_text(&vm.err, "all 4 sandboxes");
	vm_expect(mote_pool_acquire(pool, 1000000, &none, &vm.err),
		  MOTE_E_TIMEOUT, &vm.err);
	assert_null(none);
	assert_int_equal(stats_of(pool).timeouts, 2);
	assert_int_equal(stats_of(pool).waited, 1);
	for (i = 0; i < 4; i++) {
		assert_int_equal(mapping_kept(boxes[i]), i + 1);
		mote_pool_release(pool, boxes[i]);
	}
	expect_counts(pool, 4, 0);
	assert_int_equal(stats_of(pool).created, 4);
	mote_pool_free(pool);
}

/* What the last one did to the sandbox from outside goes, too. */
static void test_deadline_goes_back(void **state)
{
	mote_sandbox *box;
	mote_pool *pool;
	int i;

	(void)state;
	options.deadline_ns = 20000000;
	pool = new_pool(1, 1);
	for (i = 0; i < 2; i++) {
		box = acquire(pool);
		vm_expect(mote_call(box, "Spin", NULL, 0, NULL, &vm.err),
			  MOTE_E_DEADLINE, &vm.err);
		vm_expect_text(&vm.err, "20 ms");
		vm_expect(mote_sandbox_set_deadline(box, LONG_NS, &vm.err),
			  MOTE_OK, &vm.err);
		mote_pool_release(pool, box);
	}
	mote_pool_free(pool);
}

static void test_any_state(void **state)
{
	mote_pool *pool = new_pool(0, 1);
	mote_sandbox *box;

	(void)state;
	box = acquire(pool);
	mapping_keep(box, SECRET);
	mapping_expect_fault(box, "Read", 0x123456789000,
			     MOTE_FAULT_READ);
	mote_pool_release(pool, box);
	box = acquire(pool);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	assert_int_equal(mapping_kept(box), 0);
	vm_expect(mote_sandbox_set_deadline(box, 1000000, &vm.err), MOTE_OK,
		  &vm.err);
	mapping_keep(box, SECRET);
	vm_expect(mote_call(box, "Spin", NULL, 0, NULL, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	mote_pool_release(pool, box);
	box = acquire(pool);
	assert_int_equal(mapping_kept(box), 0);
	mote_pool_release(pool, box);
	assert_int_equal(stats_of(pool).created, 1);
	assert_int_equal(stats_of(pool).restored, 3);
	mote_pool_free(pool);
}

/* No allocation for a sandbox that is there. */
static void test_counts(void **state)
{
	mote_pool *pool = new_pool(1, 1);
	size_t before;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		if (i == 3)
			before = atomic_load(&vm.allocator.requests);
		mote_pool_release(pool, acquire(pool));
	}
	assert_int_equal(atomic_load(&vm.allocator.requests), before);
	mote_pool_free(pool);
}

/* ---------------------------------------------------------- wrong use */

static void test_wrong_releases(void **state)
{
	mote_pool *pool = new_pool(1, 2);
	mote_pool *other = new_pool(1, 2);
	mote_sandbox *alone = vm_sandbox(&vm, &options);
	mote_sandbox *box = acquire(pool);
	mote_sandbox *theirs = acquire(other);
	mote_value result;

	(void)state;
	mapping_keep(alone, SECRET);
	mapping_keep(theirs, SECRET);
	mote_pool_release(pool, alone);
	mote_pool_release(pool, theirs);
	assert_int_equal(mapping_kept(alone), SECRET);
	assert_int_equal(mapping_kept(theirs), SECRET);
	expect_counts(pool, 0, 1);
	mote_pool_release(pool, box);
	mote_pool_release(pool, box);
	expect_counts(pool, 1, 0);
	assert_int_equal(stats_of(pool).restored, 1);
	/* Who kept the pointer cannot leave anything in it. */
	vm_expect(mote_call(box, "Kept", NULL, 0, &result, &vm.err),
		  MOTE_E_BUSY, &vm.err);
	vm_expect(mote_snapshot_take(box, &(mote_snapshot *){ NULL }, &vm.err),
		  MOTE_E_BUSY, &vm.err);
	assert_ptr_equal(acquire(pool), box);
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
	mote_pool *pool = new_pool(0, 1);
	struct inside inside = { pool, acquire(pool) };
	mote_value result;

	(void)state;
	host.meanwhile = release_inside;
	host.argument = &inside;
	mapping_keep(inside.box, SECRET);
	vm_expect(mote_call(inside.box, "Call", args, 1, &result, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.u32, 7);
	/* It is still the caller's, as it was. */
	assert_int_equal(mapping_kept(inside.box), SECRET);
	expect_counts(pool, 0, 1);
	mote_pool_release(pool, inside.box);
	expect_counts(pool, 1, 0);
	mote_pool_free(pool);
}

/* ------------------------------------------------------------- failures */

static void test_restore_fails(void **state)
{
	mote_pool *pool = new_pool(0, 1);
	mote_sandbox *box = acquire(pool);

	(void)state;
	mapping_keep(box, SECRET);
	atomic_store(&fail_restores, 1);
	mote_pool_release(pool, box);
	/* Another one took its place. */
	expect_counts(pool, 1, 0);
	assert_int_equal(stats_of(pool).replaced, 1);
	assert_int_equal(stats_of(pool).restored, 0);
	assert_int_equal(stats_of(pool).created, 2);
	box = acquire(pool);
	assert_int_equal(mapping_kept(box), 0);
	/* Now that fails as well: the next one who needs it gets the error. */
	atomic_store(&fail_restores, 1);
	atomic_store(&fail_creations, 2);
	mote_pool_release(pool, box);
	expect_counts(pool, 0, 0);
	assert_int_equal(stats_of(pool).replaced, 2);
	vm_expect(mote_pool_acquire(pool, 0, &box, &vm.err), MOTE_E_OS,
		  &vm.err);
	vm_expect_text(&vm.err, "injected");
	/* The slot is not lost. */
	box = acquire(pool);
	assert_int_equal(mapping_kept(box), 0);
	mote_pool_release(pool, box);
	expect_counts(pool, 1, 0);
	mote_pool_free(pool);
}

static void test_creation_fails(void **state)
{
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_pool *pool = NULL;
	mote_sandbox *box = NULL;
	int i;

	(void)state;
	options.host_function_count = 0;
	wanted.sandbox = &options;
	wanted.max = 2;
	wanted.min = 1;
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err),
		  MOTE_E_IMPORT, &vm.err);
	vm_expect_text(&vm.err, "Meanwhile");
	wanted.min = 0;
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err), MOTE_OK,
		  &vm.err);
	for (i = 0; i < 4; i++)
		vm_expect(mote_pool_acquire(pool, 0, &box, &vm.err),
			  MOTE_E_IMPORT, &vm.err);
	expect_counts(pool, 0, 0);
	assert_int_equal(stats_of(pool).acquired, 0);
	mote_pool_free(pool);
	/* Of three the last one fails: none is left. */
	options.host_function_count = 1;
	wanted.max = 3;
	wanted.min = 3;
	atomic_store(&fail_creations, 1);
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err), MOTE_E_OS,
		  &vm.err);
}

static void test_no_memory(void **state)
{
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_status status = MOTE_E_NO_MEMORY;
	mote_pool *pool = NULL;
	size_t number;
	size_t live;

	(void)state;
	wanted.sandbox = &options;
	wanted.min = 2;
	for (number = 1; status != MOTE_OK; number++) {
		live = atomic_load(&vm.allocator.live);
		atomic_store(&vm.allocator.fail_at,
			     atomic_load(&vm.allocator.requests) + number);
		status = mote_pool_new(snapshot, &wanted, &pool, &vm.err);
		atomic_store(&vm.allocator.fail_at, 0);
		if (status == MOTE_OK)
			break;
		vm_expect(status, MOTE_E_NO_MEMORY, &vm.err);
		/* A sandbox that was made and freed may be kept for later. */
		assert_true(atomic_load(&vm.allocator.live) <= live + 64);
		assert_true(number < 200);
	}
	assert_true(number > 3);
	mote_pool_free(pool);
}

/* --------------------------------------------------------------- waiting */

struct waiter {
	pthread_t thread;
	mote_pool *pool;
	uint64_t timeout_ns;
	_Atomic uint32_t *order; /* counts those who had their turn */
	uint32_t turn;
	mote_status status;
	mote_error err;
	mote_sandbox *box;
	bool keep; /* it is not released */
};

static void *wait_for_turn(void *argument)
{
	struct waiter *self = argument;

	self->status = mote_pool_acquire(self->pool, self->timeout_ns,
					 &self->box, &self->err);
	if (self->status != MOTE_OK)
		return NULL;
	if (self->order)
		self->turn = atomic_fetch_add(self->order, 1);
	if (!self->keep)
		mote_pool_release(self->pool, self->box);
	return NULL;
}

static void start(struct waiter *waiter, mote_pool *pool)
{
	waiter->pool = pool;
	waiter->timeout_ns = LONG_NS;
	waiter->err.struct_size = sizeof(waiter->err);
	assert_int_equal(pthread_create(&waiter->thread, NULL, wait_for_turn,
					waiter),
			 0);
}

static void finish(struct waiter *waiter, mote_status expected)
{
	pthread_join(waiter->thread, NULL);
	vm_expect(waiter->status, expected, &waiter->err);
}

static void test_first_come_first_served(void **state)
{
	struct waiter waiters[6];
	mote_pool *pool = new_pool(0, 2);
	mote_sandbox *boxes[2];
	_Atomic uint32_t order = 0;
	uint32_t i;

	(void)state;
	memset(waiters, 0, sizeof(waiters));
	boxes[0] = acquire(pool);
	boxes[1] = acquire(pool);
	for (i = 0; i < 6; i++) {
		waiters[i].order = &order;
		start(&waiters[i], pool);
		await_waiting(pool, i + 1);
	}
	/* With one slot they have their turns one by one. */
	mote_pool_release(pool, boxes[0]);
	for (i = 0; i < 6; i++) {
		finish(&waiters[i], MOTE_OK);
		assert_int_equal(waiters[i].turn, i);
	}
	mote_pool_release(pool, boxes[1]);
	expect_counts(pool, 2, 0);
	assert_int_equal(stats_of(pool).waited, 6);
	assert_int_equal(stats_of(pool).created, 2);
	mote_pool_free(pool);
}

/* One in the middle of the queue, and the last one, give up. */
static void test_give_up(void **state)
{
	struct waiter waiters[4];
	mote_pool *pool = new_pool(0, 1);
	mote_sandbox *box = acquire(pool);
	_Atomic uint32_t order = 0;
	mote_sandbox *none = NULL;
	size_t i;

	(void)state;
	memset(waiters, 0, sizeof(waiters));
	for (i = 0; i < 3; i++) {
		waiters[i].order = &order;
		start(&waiters[i], pool);
		await_waiting(pool, (uint32_t)i + 1);
		/* This one stands behind them, and is gone again. */
		vm_expect(mote_pool_acquire(pool, 1, &none, &vm.err),
			  MOTE_E_TIMEOUT, &vm.err);
	}
	mote_pool_release(pool, box);
	for (i = 0; i < 3; i++) {
		finish(&waiters[i], MOTE_OK);
		assert_int_equal(waiters[i].turn, i);
	}
	assert_int_equal(stats_of(pool).timeouts, 3);
	mote_pool_free(pool);
}

/* A slot whose sandbox is lost goes to who waits, who makes a new one. */
static void test_lost_while_waiting(void **state)
{
	struct waiter waiters[2];
	mote_pool *pool = new_pool(0, 1);
	mote_sandbox *box = acquire(pool);

	(void)state;
	memset(waiters, 0, sizeof(waiters));
	start(&waiters[0], pool);
	await_waiting(pool, 1);
	start(&waiters[1], pool);
	await_waiting(pool, 2);
	/* Not restored, not replaced; the first who waits fails as well. */
	atomic_store(&fail_restores, 1);
	atomic_store(&fail_creations, 2);
	mote_pool_release(pool, box);
	finish(&waiters[0], MOTE_E_OS);
	assert_string_equal(waiters[0].err.text, "injected");
	finish(&waiters[1], MOTE_OK);
	expect_counts(pool, 1, 0);
	mote_pool_free(pool);
}

static void test_freed_while_waiting(void **state)
{
	struct waiter waiters[3];
	mote_pool *pool = new_pool(1, 2);
	mote_sandbox *boxes[2];
	size_t i;

	(void)state;
	memset(waiters, 0, sizeof(waiters));
	boxes[0] = acquire(pool);
	boxes[1] = acquire(pool);
	for (i = 0; i < 3; i++) {
		start(&waiters[i], pool);
		await_waiting(pool, (uint32_t)i + 1);
	}
	mote_pool_free(pool);
	for (i = 0; i < 3; i++) {
		finish(&waiters[i], MOTE_E_STATE);
		vm_expect_text(&waiters[i].err, "freed");
	}
	/* Those that are out go on, until they come back. */
	mapping_keep(boxes[0], SECRET);
	assert_int_equal(mapping_kept(boxes[0]), SECRET);
	mote_pool_release(pool, boxes[0]);
	assert_int_equal(mapping_kept(boxes[1]), 0);
	mote_pool_release(pool, boxes[1]);
}

/* ------------------------------------------------------------------ fork */

static mote_pool *forked_pool;
static mote_sandbox *forked_box;

static void in_child(void *unused)
{
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *box = NULL;

	(void)unused;
	vm_expect(mote_pool_acquire(forked_pool, 0, &box, &err), MOTE_E_STATE,
		  &err);
	vm_expect_text(&err, "fork()");
	vm_expect(mote_pool_get_stats(forked_pool, &stats, &err),
		  MOTE_E_STATE, &err);
	mote_pool_release(forked_pool, forked_box);
	mote_pool_free(forked_pool);
}

static void test_fork(void **state)
{
	(void)state;
	forked_pool = new_pool(2, 4);
	forked_box = acquire(forked_pool);
	mapping_keep(forked_box, SECRET);
	vm_fork(in_child, NULL, 20);
	assert_int_equal(mapping_kept(forked_box), SECRET);
	expect_counts(forked_pool, 1, 1);
	mote_pool_release(forked_pool, forked_box);
	assert_int_equal(mapping_kept(acquire(forked_pool)), 0);
	mote_pool_release(forked_pool, forked_box);
	mote_pool_free(forked_pool);
}

/* ---------------------------------------------------------------- stress */

struct worker {
	pthread_t thread;
	mote_pool *pool;
	struct random_source source;
	uint32_t id;
	uint64_t acquired;
	uint64_t timeouts;
	const char *wrong; /* NULL: all was well */
};

/* Not mapping_host.h's: assertions jump to the main thread. */
static mote_status call(mote_sandbox *box, const char *function,
			uint32_t argument, size_t count, uint32_t *value)
{
	mote_value args[] = { MOTE_U32(argument) };
	mote_value result;
	mote_status status;

	status = mote_call(box, function, args, count, &result, NULL);
	if (status == MOTE_OK && value)
		*value = result.as.u32;
	return status;
}

static void misbehave(struct worker *self, mote_sandbox *box)
{
	switch (random_below(&self->source, 6)) {
	case 0:
		if (mote_call(box, "Write",
			      (mote_value[]){ MOTE_U64(16), MOTE_U32(1) }, 2,
			      NULL, NULL) != MOTE_E_GUEST_FAULT)
			self->wrong = "no fault";
		break;
	case 1:
		if (mote_sandbox_set_deadline(box, 1, NULL) != MOTE_OK ||
		    call(box, "Spin", 0, 0, NULL) != MOTE_E_DEADLINE)
			self->wrong = "no deadline";
		break;
	case 2:
		/* An error in between, whose turn it may be. */
		atomic_store(&fail_restores, 1);
		break;
	default:
		break;
	}
}

static void one_round(struct worker *self)
{
	mote_sandbox *box = NULL;
	uint32_t kept = 1;
	mote_status status;

	status = mote_pool_acquire(self->pool,
				   random_below(&self->source, 4) ?
					   LONG_NS :
					   random_below(&self->source, 200000),
				   &box, NULL);
	if (status == MOTE_E_TIMEOUT) {
		self->timeouts++;
		return;
	}
	if (status != MOTE_OK) {
		self->wrong = mote_status_name(status);
		return;
	}
	self->acquired++;
	if (call(box, "Kept", 0, 0, &kept) != MOTE_OK || kept != 0)
		self->wrong = "not clean";
	else if (call(box, "Keep", self->id, 1, NULL) != MOTE_OK ||
		 call(box, "Kept", 0, 0, &kept) != MOTE_OK || kept != self->id)
		self->wrong = "not alone";
	else
		misbehave(self, box);
	mote_pool_release(self->pool, box);
}

static void *work(void *argument)
{
	struct worker *self = argument;
	int i;

	for (i = 0; i < ROUNDS && !self->wrong; i++)
		one_round(self);
	return NULL;
}

static void test_stress(void **state)
{
	struct worker workers[THREADS];
	mote_pool *pool = new_pool(1, 3);
	uint64_t acquired = 0;
	uint64_t timeouts = 0;
	mote_pool_stats stats;
	uint32_t i;

	(void)state;
	memset(workers, 0, sizeof(workers));
	for (i = 0; i < THREADS; i++) {
		workers[i].pool = pool;
		workers[i].id = i + 1;
		workers[i].source.state = seed + i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
						&workers[i]),
				 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		acquired += workers[i].acquired;
		timeouts += workers[i].timeouts;
	}
	for (i = 0; i < THREADS; i++)
		if (workers[i].wrong)
			fail_msg("thread %u: %s", i, workers[i].wrong);
	stats = stats_of(pool);
	assert_int_equal(stats.busy, 0);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.acquired, acquired);
	assert_int_equal(stats.timeouts, timeouts);
	assert_int_equal(stats.restored + stats.replaced, acquired);
	assert_true(stats.idle >= 1 && stats.idle <= 3);
	assert_int_equal(stats.created, stats.idle + stats.replaced);
	mote_pool_free(pool);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_arguments),
		TEST(test_options_are_copied),
		TEST(test_clean_each_time),
		TEST(test_min_and_max),
		TEST(test_deadline_goes_back),
		TEST(test_any_state),
		TEST(test_counts),
		TEST(test_wrong_releases),
		TEST(test_release_inside),
		TEST(test_restore_fails),
		TEST(test_creation_fails),
		TEST(test_no_memory),
		TEST(test_first_come_first_served),
		TEST(test_give_up),
		TEST(test_lost_while_waiting),
		TEST(test_freed_while_waiting),
		TEST(test_fork),
		TEST(test_stress),
#undef TEST
	};
	int skip = vm_require();

	if (skip)
		return skip;
	seed = random_seed(argc, argv);
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
