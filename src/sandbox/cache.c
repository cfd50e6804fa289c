/*
 * VMs that no sandbox uses. To make a VM is half a millisecond and to end it
 * as much again, so that an engine keeps some, with their memory in the state
 * in which the next sandbox starts.
 *
 * A seat is only used again for the template it was made for. Another one may
 * have other page tables at the same place, and shadow paging keeps entries
 * of tables that the host has changed.
 */
#include <assert.h>

#include "abi/layout.h"
#include "sandbox/sandbox.h"

/* Of a seat, in pages of its own. */
#define KEPT_BYTES (UINT64_C(1) << 20)

void mti_seat_free(mote_engine *engine, struct mti_seat *seat)
{
	if (seat->vm)
		engine->ops->vm_free(seat->vm);
	/* A child has no guest memory; what is there now is not ours. */
	if (seat->generation != mti_fork_generation()) {
		seat->memory.base = NULL;
		if (seat->memory.cow)
			mti_cow_disown(seat->memory.cow);
	}
	mti_memory_fini(&seat->memory);
	mti_store_unref(seat->store);
	mti_template_unref(seat->template);
}

/* Page tables copy on write: all is read-only, copies go into scratch. */
static void add_scratch(const struct mti_cow_plan *plan,
			const struct mti_memory *memory,
			struct mti_vm_config *config)
{
	config->ranges[0].writable = false;
	config->ranges[1].gpa = plan->scratch_gpa;
	config->ranges[1].memory = memory->cow->scratch;
	config->ranges[1].size = plan->scratch_size;
	config->page_table_gpa = mti_cow_root(memory->cow);
}

/* The memory of a bare guest, in the middle of which there is none. */
static void leave_hole(const struct mti_layout *layout,
		       const struct mti_memory *memory,
		       struct mti_vm_config *config)
{
	config->ranges[0].size = layout->hole;
	config->ranges[1].gpa = layout->hole_end;
	config->ranges[1].memory = memory->base + layout->hole_end;
	config->ranges[1].size = memory->size - layout->hole_end;
}

static void describe_vm(const struct mti_template *template,
			const struct mti_memory *memory,
			struct mti_vm_config *config)
{
	const struct mti_layout *layout = &template->layout;
	bool has_hole = layout->hole < layout->hole_end;

	config->arch = template->arch;
	config->bare = layout->bare;
	config->page_table_gpa = layout->page_table_gpa;
	config->ranges[0].memory = memory->base;
	config->ranges[0].size = memory->size;
	config->ranges[0].writable = true;
	config->ranges[1].writable = true;
	config->range_count = template->cow || has_hole ? 2 : 1;
	/* plan_cow has none for bare guests, and only these have a hole. */
	assert(!template->cow || !has_hole);
	if (template->cow)
		add_scratch(template->cow, memory, config);
	else if (has_hole)
		leave_hole(layout, memory, config);
}

static mote_status new_seat(mote_engine *engine, struct mti_template *template,
			    struct mti_store *store, struct mti_seat *seat,
			    mote_error *err)
{
	struct mti_vm_config config = { 0 };
	mote_status status;

	status = mti_memory_init(&seat->memory, &engine->allocator, store,
				 template->cow, err);
	if (status != MOTE_OK)
		return status;
	seat->memory.hole = template->layout.hole;
	seat->memory.hole_end = template->layout.hole_end;
	describe_vm(template, &seat->memory, &config);
	status = engine->ops->vm_new(engine->hv, &config, &seat->vm, err);
	if (status != MOTE_OK) {
		mti_memory_fini(&seat->memory);
		return status;
	}
	seat->generation = mti_fork_generation();
	seat->clean = true;
	seat->template = template;
	mti_template_ref(template);
	seat->store = store;
	mti_store_ref(store);
	return MOTE_OK;
}

/* The best of the cache: that store, else any of the template. */
static bool find(struct mti_cache *cache, const struct mti_template *template,
		 const struct mti_store *store, struct mti_seat *seat)
{
	size_t best = cache->count;
	size_t i;

	for (i = cache->count; i > 0; i--) {
		const struct mti_seat *one = &cache->seats[i - 1];

		if (one->template != template)
			continue;
		if (best == cache->count)
			best = i - 1;
		if (one->store == store) {
			best = i - 1;
			break;
		}
	}
	if (best == cache->count)
		return false;
	*seat = cache->seats[best];
	for (i = best + 1; i < cache->count; i++)
		cache->seats[i - 1] = cache->seats[i];
	cache->count--;
	return true;
}

mote_status mti_seat_get(mote_engine *engine, struct mti_template *template,
			 struct mti_store *store, bool fresh,
			 struct mti_seat *seat, mote_error *err)
{
	struct mti_cache *cache = &engine->cache;
	bool found = false;

	if (engine->generation == mti_fork_generation()) {
		pthread_mutex_lock(&cache->lock);
		found = find(cache, template, store, seat);
		pthread_mutex_unlock(&cache->lock);
	}
	seat->reused = found;
	if (found && seat->store == store && !fresh)
		return MOTE_OK;
	if (found && mti_memory_remap(&seat->memory, store, NULL) == MOTE_OK) {
		mti_store_ref(store);
		mti_store_unref(seat->store);
		seat->store = store;
		return MOTE_OK;
	}
	if (found)
		mti_seat_free(engine, seat);
	*seat = (struct mti_seat){ 0 };
	return new_seat(engine, template, store, seat, err);
}

/* Takes seat over; the oldest one has to go if there is no room. */
static void insert(mote_engine *engine, const struct mti_seat *seat)
{
	struct mti_cache *cache = &engine->cache;
	struct mti_seat oldest = { 0 };
	size_t i;

	pthread_mutex_lock(&cache->lock);
	if (cache->count == MTI_CACHE_MAX) {
		oldest = cache->seats[0];
		for (i = 1; i < cache->count; i++)
			cache->seats[i - 1] = cache->seats[i];
		cache->count--;
	}
	cache->seats[cache->count++] = *seat;
	pthread_mutex_unlock(&cache->lock);
	if (oldest.vm)
		mti_seat_free(engine, &oldest);
}

void mti_seat_put(mote_engine *engine, struct mti_seat *seat)
{
	/* In a child the cache is its parent's. */
	if (engine->generation != mti_fork_generation()) {
		mti_seat_free(engine, seat);
		return;
	}
	insert(engine, seat);
	/* It may be the last one of a snapshot that is gone. */
	mti_cache_tidy(engine);
}

/* Whether only the cache still has the snapshot that this seat is in. */
static bool is_forgotten(const struct mti_cache *cache,
			 const struct mti_seat *seat)
{
	const struct mti_store *store = seat->store;
	uint32_t ours = 0;
	size_t i;

	for (i = 0; i < cache->count; i++) {
		ours += cache->seats[i].store == store;
		ours += cache->seats[i].memory.mapped == store;
	}
	return store != seat->template->store &&
	       atomic_load_explicit(&store->references,
				    memory_order_acquire) == ours;
}

/* Takes one such seat out. */
static bool take_forgotten(struct mti_cache *cache, struct mti_seat *seat)
{
	bool found;
	size_t i;

	pthread_mutex_lock(&cache->lock);
	for (i = 0; i < cache->count; i++)
		if (is_forgotten(cache, &cache->seats[i]))
			break;
	found = i < cache->count;
	if (found) {
		*seat = cache->seats[i];
		cache->count--;
	}
	for (; i < cache->count; i++)
		cache->seats[i] = cache->seats[i + 1];
	pthread_mutex_unlock(&cache->lock);
	return found;
}

static void settle(mote_engine *engine)
{
	struct mti_seat seat;

	while (take_forgotten(&engine->cache, &seat)) {
		if (mti_memory_remap(&seat.memory, seat.template->store,
				     NULL) != MOTE_OK) {
			mti_seat_free(engine, &seat);
			continue;
		}
		mti_store_ref(seat.template->store);
		mti_store_unref(seat.store);
		seat.store = seat.template->store;
		insert(engine, &seat);
	}
}

/* Whether only seats of the cache have that template. */
static bool is_dead(const struct mti_cache *cache,
		    const struct mti_template *template)
{
	uint32_t seats = 0;
	size_t i;

	for (i = 0; i < cache->count; i++)
		seats += cache->seats[i].template == template;
	return atomic_load_explicit(&template->references,
				    memory_order_relaxed) == seats;
}

static void sweep(mote_engine *engine)
{
	struct mti_cache *cache = &engine->cache;
	struct mti_seat gone[MTI_CACHE_MAX];
	bool dead[MTI_CACHE_MAX];
	size_t count = 0;
	size_t kept = 0;
	size_t i;

	pthread_mutex_lock(&cache->lock);
	for (i = 0; i < cache->count; i++)
		dead[i] = is_dead(cache, cache->seats[i].template);
	for (i = 0; i < cache->count; i++)
		if (dead[i])
			gone[count++] = cache->seats[i];
		else
			cache->seats[kept++] = cache->seats[i];
	cache->count = kept;
	pthread_mutex_unlock(&cache->lock);
	while (count > 0)
		mti_seat_free(engine, &gone[--count]);
}

void mti_cache_tidy(mote_engine *engine)
{
	/* In a child the cache is its parent's. */
	if (engine->generation != mti_fork_generation())
		return;
	sweep(engine);
	settle(engine);
}

bool mti_seat_small(const struct mti_memory *memory, uint64_t more)
{
	return memory->dirty.count * MOTE_PAGE_SIZE + more <= KEPT_BYTES;
}

void mti_cache_init(struct mti_cache *cache)
{
	pthread_mutex_init(&cache->lock, NULL);
}

void mti_cache_fini(mote_engine *engine)
{
	struct mti_cache *cache = &engine->cache;
	bool child = engine->generation != mti_fork_generation();

	/*
	 * In a child it may be held by a thread that is not there, half way
	 * through a change of the seats: they are left alone then.
	 */
	if (child && pthread_mutex_trylock(&cache->lock) != 0)
		return;
	while (cache->count > 0)
		mti_seat_free(engine, &cache->seats[--cache->count]);
	if (!child)
		pthread_mutex_destroy(&cache->lock);
}
