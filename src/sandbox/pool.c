/*
 * A pool: slots, each with a sandbox or room for one. All that takes long
 * (making, restoring, freeing a sandbox) happens outside the lock, while the
 * slot is MOVING and belongs to the thread that moves it.
 *
 *	EMPTY --acquire--> MOVING --made--> BUSY
 *	IDLE  --acquire--> BUSY
 *	BUSY  --release--> MOVING --restored--> IDLE, or BUSY of a waiter
 *	                          --lost--> EMPTY, or MOVING of a waiter
 *
 * A slot that comes free goes to the thread that has waited longest, with no
 * moment in which another one could take it: while anybody waits, no slot is
 * IDLE or EMPTY.
 *
 * A sandbox that is IDLE is owned by the pool (see owner.c): whoever kept a
 * pointer to it after its release gets MOTE_E_BUSY. Whoever kept a handle to
 * cancel its calls has one that cancels nothing: a release gives it another.
 */
#include "sandbox/pool.h"

#include <errno.h>
#include <pthread.h>

#include "base/error.h"
#include "os/os.h"
#include "sandbox/mapping.h"

#define NONE UINT32_MAX
#define NS_PER_S UINT64_C(1000000000)
/* A hundred years is for ever, and its end is a valid time. */
#define TIMEOUT_MAX_NS (UINT64_C(100) * 365 * 86400 * NS_PER_S)

enum slot_state { SLOT_EMPTY, SLOT_IDLE, SLOT_BUSY, SLOT_MOVING };

struct slot {
	mote_sandbox *box; /* NULL: there is none */
	/* As they were when it was made: what its user changes, goes. */
	struct mti_limits limits;
	enum slot_state state;
	uint32_t next;  /* IDLE or EMPTY: in the list of those */
	uint32_t chain; /* with a box: in its bucket */
};

/* On the stack of the thread that waits. */
struct waiter {
	struct waiter *next;
	pthread_cond_t changed;
	struct slot *slot; /* what it was given */
	bool closed;
};

struct mote_pool {
	const struct mti_allocator *allocator; /* the engine's */
	uint32_t generation; /* of the process that made it */
	mote_snapshot *snapshot;       /* a reference */
	mote_sandbox_options *options; /* owned */
	pthread_condattr_t monotonic;

	pthread_mutex_t lock; /* of all that follows */
	bool closed;
	/* Its maker until it is closed, waiters, slots BUSY and MOVING. */
	uint32_t users;
	uint32_t idle;  /* the one released last: its pages are warm */
	uint32_t empty;
	struct waiter *first;
	struct waiter **last;
	mote_pool_stats stats;
	uint32_t *buckets; /* owned */
	uint32_t bucket_mask;
	uint32_t max;
	struct slot slots[];
};

/* ----------------------------------------- slots by sandbox; lock is held */

static uint32_t *bucket(mote_pool *pool, const mote_sandbox *box)
{
	uint64_t hash = (uint64_t)(uintptr_t)box * UINT64_C(0x9e3779b97f4a7c15);

	return &pool->buckets[(hash >> 32) & pool->bucket_mask];
}

static void put_box(mote_pool *pool, struct slot *slot, mote_sandbox *box)
{
	uint32_t *head = bucket(pool, box);

	slot->box = box;
	slot->chain = *head;
	*head = (uint32_t)(slot - pool->slots);
}

static mote_sandbox *take_box(mote_pool *pool, struct slot *slot)
{
	mote_sandbox *box = slot->box;
	uint32_t index = (uint32_t)(slot - pool->slots);
	uint32_t *at = bucket(pool, box);

	while (*at != index)
		at = &pool->slots[*at].chain;
	*at = slot->chain;
	slot->box = NULL;
	return box;
}

/* By address alone: it may be gone, or have never been ours. */
static struct slot *find(mote_pool *pool, const mote_sandbox *box)
{
	uint32_t index = *bucket(pool, box);

	while (index != NONE && pool->slots[index].box != box)
		index = pool->slots[index].chain;
	return index == NONE ? NULL : &pool->slots[index];
}

/* ------------------------------------------------ free slots; lock is held */

static struct slot *pop(mote_pool *pool, uint32_t *head)
{
	struct slot *slot = &pool->slots[*head];

	*head = slot->next;
	pool->users++;
	return slot;
}

static struct slot *take_free(mote_pool *pool)
{
	struct slot *slot;

	if (pool->idle != NONE) {
		slot = pop(pool, &pool->idle);
		slot->state = SLOT_BUSY;
		pool->stats.idle--;
		pool->stats.busy++;
		return slot;
	}
	if (pool->empty == NONE)
		return NULL;
	slot = pop(pool, &pool->empty);
	slot->state = SLOT_MOVING;
	return slot;
}

static void push_free(mote_pool *pool, struct slot *slot)
{
	uint32_t *head = slot->box ? &pool->idle : &pool->empty;

	slot->state = slot->box ? SLOT_IDLE : SLOT_EMPTY;
	slot->next = *head;
	*head = (uint32_t)(slot - pool->slots);
	pool->users--;
	if (slot->box)
		pool->stats.idle++;
}

/* A slot that was MOVING, or EMPTY before the first use. */
static void give(mote_pool *pool, struct slot *slot)
{
	struct waiter *waiter = pool->first;

	if (!waiter) {
		push_free(pool, slot);
		return;
	}
	pool->first = waiter->next;
	if (!pool->first)
		pool->last = &pool->first;
	slot->state = slot->box ? SLOT_BUSY : SLOT_MOVING;
	pool->stats.busy += slot->box != NULL;
	waiter->slot = slot;
	pthread_cond_signal(&waiter->changed);
}

/* --------------------------------------------------------------- its end */

static void destroy(mote_pool *pool)
{
	const struct mti_allocator *allocator = pool->allocator;
	mote_snapshot *snapshot = pool->snapshot;

	pthread_mutex_destroy(&pool->lock);
	pthread_condattr_destroy(&pool->monotonic);
	mti_options_free(allocator, pool->options);
	mti_free(allocator, pool->buckets);
	mti_free(allocator, pool);
	/* It holds the engine, whose allocator that was. */
	mti_snapshot_unref(snapshot);
}

static void unlock_and_leave(mote_pool *pool)
{
	bool last = --pool->users == 0;

	pthread_mutex_unlock(&pool->lock);
	if (last)
		destroy(pool);
}

static void close_waiters(mote_pool *pool)
{
	struct waiter *waiter;

	for (waiter = pool->first; waiter; waiter = waiter->next) {
		waiter->closed = true;
		pthread_cond_signal(&waiter->changed);
	}
	pool->first = NULL;
	pool->last = &pool->first;
}

/* Frees what is idle. The lock is held, but for each sandbox's end. */
static void free_idle(mote_pool *pool)
{
	while (pool->idle != NONE) {
		struct slot *slot = pop(pool, &pool->idle);
		mote_sandbox *box = take_box(pool, slot);

		slot->state = SLOT_MOVING;
		pool->stats.idle--;
		pthread_mutex_unlock(&pool->lock);
		mti_sandbox_free(box);
		pthread_mutex_lock(&pool->lock);
		push_free(pool, slot);
	}
}

void mti_pool_free(mote_pool *pool)
{
	if (!pool)
		return;
	/*
	 * In a child the thread that held the lock may not exist. Then nothing
	 * is known of the slots, and memory is all that is lost.
	 */
	if (pool->generation == mti_fork_generation())
		pthread_mutex_lock(&pool->lock);
	else if (pthread_mutex_trylock(&pool->lock) != 0)
		return;
	pool->closed = true;
	close_waiters(pool);
	free_idle(pool);
	unlock_and_leave(pool);
}

/* ----------------------------------------------------- making a sandbox */

/* For a slot that is MOVING and has none; the lock is not held. */
static mote_status make(mote_pool *pool, struct slot *slot, mote_sandbox **box,
			mote_error *err)
{
	mote_status status = mti_sandbox_from_snapshot(
		pool->snapshot, pool->options, box, err);

	if (status == MOTE_OK) {
		slot->limits = (*box)->limits;
		(*box)->pool = pool;
	}
	return status;
}

static mote_status make_first(mote_pool *pool, uint32_t count, mote_error *err)
{
	mote_status status = MOTE_OK;
	mote_sandbox *box = NULL;

	while (count-- > 0 && status == MOTE_OK) {
		struct slot *slot = pop(pool, &pool->empty);

		status = make(pool, slot, &box, err);
		if (status == MOTE_OK) {
			mti_sandbox_park(box);
			put_box(pool, slot, box);
			pool->stats.created++;
		}
		push_free(pool, slot);
	}
	return status;
}

/* At least two buckets a slot. */
static bool make_buckets(mote_pool *pool)
{
	uint32_t count = 2;
	uint32_t i;

	while (count / 2 < pool->max)
		count *= 2;
	pool->buckets = mti_alloc_raw(pool->allocator, count,
				      sizeof(*pool->buckets));
	if (!pool->buckets)
		return false;
	pool->bucket_mask = count - 1;
	for (i = 0; i < count; i++)
		pool->buckets[i] = NONE;
	return true;
}

static void init_slots(mote_pool *pool)
{
	uint32_t i;

	pool->idle = NONE;
	pool->empty = NONE;
	pool->users = 1 + pool->max;
	for (i = pool->max; i > 0; i--)
		push_free(pool, &pool->slots[i - 1]);
}

mote_status mti_pool_new(mote_snapshot *snapshot, uint32_t min, uint32_t max,
			 const mote_sandbox_options *options, mote_pool **out,
			 mote_error *err)
{
	mote_engine *engine = snapshot->image->engine;
	const struct mti_allocator *allocator = &engine->allocator;
	mote_status status = mti_fork_own(engine, "new pool", err);
	mote_pool *pool;

	if (status != MOTE_OK)
		return status;
	pool = mti_alloc(allocator, 1,
			 sizeof(*pool) + max * sizeof(struct slot));
	if (!pool)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "new pool",
				     "no memory for %u slots", max);
	pool->allocator = allocator;
	pool->generation = mti_fork_generation();
	pool->max = max;
	pool->last = &pool->first;
	pool->snapshot = snapshot;
	mti_snapshot_ref(snapshot);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&pool->monotonic);
	pthread_condattr_setclock(&pool->monotonic, CLOCK_MONOTONIC);
	init_slots(pool);
	status = mti_options_copy(allocator, options, &pool->options, err);
	if (status == MOTE_OK && !make_buckets(pool))
		status = mti_error_set(err, MOTE_E_NO_MEMORY, "new pool",
				       "no memory for %u slots", max);
	if (status == MOTE_OK)
		status = make_first(pool, min, err);
	if (status != MOTE_OK) {
		mti_pool_free(pool);
		return status;
	}
	*out = pool;
	return MOTE_OK;
}

/* --------------------------------------------------------------- acquire */

static mote_status foreign_process(const char *operation, mote_error *err)
{
	return mti_error_set(err, MOTE_E_STATE, operation,
			     "the pool is the parent's: it cannot be used "
			     "after fork()");
}

static mote_status closed_meanwhile(mote_error *err)
{
	return mti_error_set(err, MOTE_E_STATE, "acquire from pool",
			     "the pool was freed meanwhile");
}

static struct timespec timeout_end(uint64_t timeout_ns)
{
	uint64_t end = mti_os_monotonic_ns();

	end += timeout_ns < TIMEOUT_MAX_NS ? timeout_ns : TIMEOUT_MAX_NS;
	return (struct timespec){
		.tv_sec = (time_t)(end / NS_PER_S),
		.tv_nsec = (long)(end % NS_PER_S),
	};
}

static void leave_queue(mote_pool *pool, struct waiter *waiter)
{
	struct waiter **at = &pool->first;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (!*at)
		pool->last = at;
}

static mote_status timed_out(mote_pool *pool, uint64_t timeout_ns,
			     mote_error *err)
{
	char time[MTI_ERROR_TIME_MAX];

	pool->stats.timeouts++;
	if (timeout_ns == 0)
		return mti_error_set(err, MOTE_E_TIMEOUT, "acquire from pool",
				     "all %u sandboxes of the pool are out",
				     pool->max);
	return mti_error_set(err, MOTE_E_TIMEOUT, "acquire from pool",
			     "all %u sandboxes of the pool were out for %s",
			     pool->max, mti_error_time(timeout_ns, time));
}

/* Until it is given a slot. The lock is held before and after. */
static mote_status wait(mote_pool *pool, uint64_t timeout_ns,
			struct slot **slot, mote_error *err)
{
	const struct timespec end = timeout_end(timeout_ns);
	struct waiter self = { 0 };
	mote_status status = MOTE_OK;
	int os;

	os = pthread_cond_init(&self.changed, &pool->monotonic);
	if (os != 0)
		return mti_error_os(err, MOTE_E_OS, "acquire from pool", os,
				    "pthread_cond_init");
	*pool->last = &self;
	pool->last = &self.next;
	pool->users++;
	pool->stats.waiting++;
	pool->stats.waited++;
	while (!self.slot && !self.closed && os == 0)
		os = pthread_cond_timedwait(&self.changed, &pool->lock, &end);
	pool->stats.waiting--;
	pool->users--;
	*slot = self.slot;
	if (self.closed) {
		status = closed_meanwhile(err);
	} else if (!self.slot) {
		leave_queue(pool, &self);
		status = timed_out(pool, timeout_ns, err);
	}
	pthread_cond_destroy(&self.changed);
	return status;
}

/* Makes the sandbox of a slot; if that fails, another may try. */
static mote_status fill(mote_pool *pool, struct slot *slot, mote_error *err)
{
	mote_sandbox *box = NULL;
	mote_status status = make(pool, slot, &box, err);

	pthread_mutex_lock(&pool->lock);
	if (status != MOTE_OK) {
		give(pool, slot);
		return status;
	}
	put_box(pool, slot, box);
	slot->state = SLOT_BUSY;
	pool->stats.busy++;
	pool->stats.created++;
	return MOTE_OK;
}

static void count_acquired(const mote_pool *pool, bool waited)
{
	mote_engine *engine = pool->snapshot->image->engine;

	mti_metric_add(engine, MTI_METRIC_POOL_ACQUIRED, 1);
	if (waited)
		mti_metric_add(engine, MTI_METRIC_POOL_WAITED, 1);
}

mote_status mti_pool_acquire(mote_pool *pool, uint64_t timeout_ns,
			     mote_sandbox **out, mote_error *err)
{
	mote_status status = MOTE_OK;
	struct slot *slot;
	bool waited;
	bool parked;

	if (pool->generation != mti_fork_generation())
		return foreign_process("acquire from pool", err);
	pthread_mutex_lock(&pool->lock);
	slot = pool->closed ? NULL : take_free(pool);
	waited = !slot;
	if (pool->closed)
		status = closed_meanwhile(err);
	else if (!slot && timeout_ns == 0)
		status = timed_out(pool, 0, err);
	else if (!slot)
		status = wait(pool, timeout_ns, &slot, err);
	parked = slot && slot->box;
	if (slot && !parked) {
		pthread_mutex_unlock(&pool->lock);
		status = fill(pool, slot, err);
	}
	if (status != MOTE_OK) {
		/* The thread that closed it may be waiting for this one. */
		pool->users++;
		unlock_and_leave(pool);
		return status;
	}
	pool->stats.acquired++;
	count_acquired(pool, waited);
	*out = slot->box;
	pthread_mutex_unlock(&pool->lock);
	if (parked)
		mti_sandbox_unpark(*out);
	return MOTE_OK;
}

/* --------------------------------------------------------------- release */

/* The slot of a sandbox that is out; it is MOVING then. */
static struct slot *begin_release(mote_pool *pool, const mote_sandbox *box,
				  bool *closed)
{
	struct slot *slot;

	pthread_mutex_lock(&pool->lock);
	slot = find(pool, box);
	if (slot && slot->state == SLOT_BUSY)
		slot->state = SLOT_MOVING;
	else
		slot = NULL;
	*closed = pool->closed;
	pthread_mutex_unlock(&pool->lock);
	return slot;
}

/* The sandbox cannot be restored: frees it and tries to make another. */
static mote_sandbox *replace(mote_pool *pool, struct slot *slot)
{
	mote_sandbox *box = NULL;

	pthread_mutex_lock(&pool->lock);
	box = take_box(pool, slot);
	pthread_mutex_unlock(&pool->lock);
	mti_sandbox_free(box);
	box = NULL;
	if (make(pool, slot, &box, NULL) != MOTE_OK)
		return NULL;
	mti_sandbox_park(box);
	return box;
}

/* What was acquired from it goes with it. */
static void release_closed(mote_pool *pool, struct slot *slot)
{
	mote_sandbox *box;

	pthread_mutex_lock(&pool->lock);
	box = take_box(pool, slot);
	pool->stats.busy--;
	pthread_mutex_unlock(&pool->lock);
	mti_sandbox_free(box);
	pthread_mutex_lock(&pool->lock);
	unlock_and_leave(pool);
}

static void end_release(mote_pool *pool, struct slot *slot, bool restored,
			mote_sandbox *other)
{
	pthread_mutex_lock(&pool->lock);
	pool->stats.busy--;
	pool->stats.restored += restored;
	pool->stats.replaced += !restored;
	pool->stats.created += other != NULL;
	if (other)
		put_box(pool, slot, other);
	give(pool, slot);
	/* Closed meanwhile: nobody else will free it. */
	if (pool->closed)
		free_idle(pool);
	pool->users++;
	unlock_and_leave(pool);
}

/* Who kept a handle must not cancel the calls of the next one. */
static bool renew_interrupt(mote_sandbox *box)
{
	struct mote_interrupt *fresh;

	if (!mti_interrupt_shared(box->interrupt))
		return true;
	fresh = mti_interrupt_new(box->image->engine);
	if (!fresh)
		return false;
	mti_interrupt_unref(box->interrupt);
	box->interrupt = fresh;
	box->kick.interrupt = fresh;
	return true;
}

/* As it was when it was made. */
static bool renew(mote_pool *pool, struct slot *slot)
{
	const mote_sandbox_options *options = pool->options;
	mote_sandbox *box = slot->box;

	if (!renew_interrupt(box) ||
	    mti_sandbox_restore(box, pool->snapshot, NULL) != MOTE_OK ||
	    mti_mapping_add_all(box, options->mappings, options->mapping_count,
				NULL) != MOTE_OK)
		return false;
	box->limits = slot->limits;
	return true;
}

void mti_pool_release(mote_pool *pool, mote_sandbox *box)
{
	mote_sandbox *other = NULL;
	struct slot *slot;
	bool restored;
	bool closed;

	if (pool->generation != mti_fork_generation())
		return;
	slot = begin_release(pool, box, &closed);
	if (!slot)
		return;
	/* In a call of it, here or on another thread: it stays out. */
	if (mti_sandbox_acquire(box, NULL) != MOTE_OK) {
		pthread_mutex_lock(&pool->lock);
		slot->state = SLOT_BUSY;
		pthread_mutex_unlock(&pool->lock);
		return;
	}
	if (closed) {
		release_closed(pool, slot);
		return;
	}
	restored = renew(pool, slot);
	if (restored)
		mti_sandbox_park(box);
	else
		other = replace(pool, slot);
	end_release(pool, slot, restored, other);
}

void mti_sandbox_give_up(mote_sandbox *box)
{
	if (box->pool)
		mti_pool_release(box->pool, box);
	else
		mti_sandbox_free(box);
}

mote_status mti_pool_stats(mote_pool *pool, mote_pool_stats *stats,
			   mote_error *err)
{
	if (pool->generation != mti_fork_generation())
		return foreign_process("get pool stats", err);
	pthread_mutex_lock(&pool->lock);
	*stats = pool->stats;
	pthread_mutex_unlock(&pool->lock);
	return MOTE_OK;
}
