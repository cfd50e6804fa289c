/*
 * Pools and threads: sandboxes go to those who wait, in the order of asking,
 * and nobody has one that another has; fork; a pool that is freed too early.
 */
#include <pthread.h>
#include <string.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "vm/pool_host.h"

#define THREADS 8
#define ROUNDS 150

static uint64_t seed;

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
	assert_int_equal(
		pthread_create(&waiter->thread, NULL, wait_for_turn, waiter),
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
	mote_pool *pool = pool_host_new(0, 2);
	mote_sandbox *boxes[2];
	_Atomic uint32_t order = 0;
	uint32_t i;

	(void)state;
	memset(waiters, 0, sizeof(waiters));
	boxes[0] = pool_host_acquire(pool);
	boxes[1] = pool_host_acquire(pool);
	for (i = 0; i < 6; i++) {
		waiters[i].order = &order;
		start(&waiters[i], pool);
		pool_host_await(pool, i + 1);
	}
	/* With one slot they have their turns one by one. */
	mote_pool_release(pool, boxes[0]);
	for (i = 0; i < 6; i++) {
		finish(&waiters[i], MOTE_OK);
		assert_int_equal(waiters[i].turn, i);
	}
	mote_pool_release(pool, boxes[1]);
	pool_host_expect(pool, 2, 0);
	assert_int_equal(pool_host_stats(pool).waited, 6);
	assert_int_equal(pool_host_stats(pool).created, 2);
	mote_pool_free(pool);
}

/* One in the middle of the queue, and the last one, give up. */
static void test_give_up(void **state)
{
	struct waiter waiters[4];
	mote_pool *pool = pool_host_new(0, 1);
	mote_sandbox *box = pool_host_acquire(pool);
	_Atomic uint32_t order = 0;
	mote_sandbox *none = NULL;
	size_t i;

	(void)state;
	memset(waiters, 0, sizeof(waiters));
	for (i = 0; i < 3; i++) {
		waiters[i].order = &order;
		start(&waiters[i], pool);
		pool_host_await(pool, (uint32_t)i + 1);
		/* This one stands behind them, and is gone again. */
		vm_expect(mote_pool_acquire(pool, 1, &none, &base.vm.err),
			  MOTE_E_TIMEOUT, &base.vm.err);
	}
	mote_pool_release(pool, box);
	for (i = 0; i < 3; i++) {
		finish(&waiters[i], MOTE_OK);
		assert_int_equal(waiters[i].turn, i);
	}
	assert_int_equal(pool_host_stats(pool).timeouts, 3);
	mote_pool_free(pool);
}

/* A slot whose sandbox is lost goes to who waits, who makes a new one. */
static void test_lost_while_waiting(void **state)
{
	struct waiter waiters[2];
	mote_pool *pool = pool_host_new(0, 1);
	mote_sandbox *box = pool_host_acquire(pool);

	(void)state;
	memset(waiters, 0, sizeof(waiters));
	start(&waiters[0], pool);
	pool_host_await(pool, 1);
	start(&waiters[1], pool);
	pool_host_await(pool, 2);
	/* Not restored, not replaced; the first who waits fails as well. */
	atomic_store(&base.fail_restores, 1);
	atomic_store(&base.fail_creations, 2);
	mote_pool_release(pool, box);
	finish(&waiters[0], MOTE_E_OS);
	assert_string_equal(waiters[0].err.text, "injected");
	finish(&waiters[1], MOTE_OK);
	pool_host_expect(pool, 1, 0);
	mote_pool_free(pool);
}

static void test_freed_while_waiting(void **state)
{
	struct waiter waiters[3];
	mote_pool *pool = pool_host_new(1, 2);
	mote_sandbox *boxes[2];
	mote_sandbox *late = NULL;
	size_t i;

	(void)state;
	memset(waiters, 0, sizeof(waiters));
	boxes[0] = pool_host_acquire(pool);
	boxes[1] = pool_host_acquire(pool);
	for (i = 0; i < 3; i++) {
		start(&waiters[i], pool);
		pool_host_await(pool, (uint32_t)i + 1);
	}
	mote_pool_free(pool);
	for (i = 0; i < 3; i++) {
		finish(&waiters[i], MOTE_E_STATE);
		vm_expect_text(&waiters[i].err, "freed");
	}
	/* A thread that comes a little later. */
	vm_expect(mote_pool_acquire(pool, 0, &late, &base.vm.err),
		  MOTE_E_STATE, &base.vm.err);
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
	vm_expect(mote_pool_get_stats(forked_pool, &stats, &err), MOTE_E_STATE,
		  &err);
	mote_pool_release(forked_pool, forked_box);
	mote_pool_free(forked_pool);
}

static void test_fork(void **state)
{
	(void)state;
	forked_pool = pool_host_new(2, 4);
	forked_box = pool_host_acquire(forked_pool);
	mapping_keep(forked_box, SECRET);
	vm_fork(in_child, NULL, 20);
	assert_int_equal(mapping_kept(forked_box), SECRET);
	pool_host_expect(forked_pool, 1, 1);
	mote_pool_release(forked_pool, forked_box);
	assert_int_equal(mapping_kept(pool_host_acquire(forked_pool)), 0);
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
		atomic_store(&base.fail_restores, 1);
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

	status =
		mote_pool_acquire(self->pool,
				  random_below(&self->source, 4)
					  ? LONG_NS
					  : random_below(&self->source, 200000),
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
	mote_pool *pool = pool_host_new(1, 3);
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
	stats = pool_host_stats(pool);
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
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, pool_host_setup,                 \
					pool_host_teardown)
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
