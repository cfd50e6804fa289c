/*
 * What connects a sandbox with its VM and memory: getting them, putting
 * memory and CPU into a state, giving them back clean.
 */
#include <string.h>

#include "base/error.h"
#include "mem/check.h"
#include "os/os.h"
#include "sandbox/mapping.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

/* Of restores: see put_back. */
#define SETTLE_PAGES 256u
#define SETTLE_NOW_PAGES 4096u
#define SETTLE_TURNS 16u
#define GIVE_BACK_TURNS 64u
/* Of an area for messages, that is not worth giving back. */
#define TRIM_BYTES 65536u
/* Clocks of guests are 63 bits wide. */
#define CLOCK_AHEAD_MAX (UINT64_C(1) << 62)

static void *area(const mote_sandbox *box, enum mti_area which)
{
	return mti_memory_region(&box->memory,
				 &box->template->layout.regions[which]);
}

/* What the guest's runtime is told, whatever state it starts in. */
static void make_settings(mote_sandbox *box)
{
	const struct mti_layout_sizes *sizes = &box->sizes;
	struct mote_abi_control *settings = &box->settings;

	settings->magic = MOTE_CONTROL_MAGIC;
	settings->abi_version = MOTE_ABI_VERSION;
	settings->features = mti_ops_of(box)->features(box->vm);
	if (box->flags & MOTE_SANDBOX_OUTPUT_LINES)
		settings->features |= MOTE_FEATURE_OUTPUT_LINES;
	if (box->profile.heap)
		settings->features |= MOTE_FEATURE_HEAP;
	settings->heap_size = sizes->heap;
	settings->stack_size = sizes->stack;
	settings->io_size = sizes->io;
	settings->post_size = MTI_POST_BYTES;
	settings->tick_ns = mti_ops_of(box)->tick_ns(box->vm);
	mti_observe_control(box);
}

/*
 * Where growth is limited, what calls before a restore have written is not to
 * be had for nothing by those after it.
 */
static bool wants_fresh_pages(const mote_sandbox *box)
{
	return (box->flags & MOTE_SANDBOX_FRESH_PAGES) ||
	       mti_growth_is_limited(box);
}

mote_status mti_sandbox_attach(mote_sandbox *box, struct mti_template *template,
			       struct mti_store *store, mote_error *err)
{
	struct mti_seat seat;
	mote_status status;

	status = mti_seat_get(box->image->engine, template, store,
			      wants_fresh_pages(box), &seat, err);
	if (status != MOTE_OK)
		return status;
	mti_metric_count(&box->observe,
			 seat.reused ? MTI_METRIC_VM_CACHE_HITS :
				       MTI_METRIC_VM_CACHE_MISSES,
			 1);
	box->sizes = template->layout.sizes;
	box->template = seat.template;
	box->store = seat.store;
	box->memory = seat.memory;
	box->vm = seat.vm;
	box->clean = seat.clean;
	/* A seat that was used may hold another store now. */
	mti_sandbox_changed(box);
	/* What a bare guest has not, nobody is told. */
	box->control = template->layout.bare ? &box->settings :
					       area(box, MTI_AREA_CONTROL);
	box->post = area(box, MTI_AREA_POST);
	box->call = area(box, MTI_AREA_CALL);
	box->reply = area(box, MTI_AREA_REPLY);
	box->out = area(box, MTI_AREA_OUT);
	box->io_size = box->sizes.io;
	memset(&box->call_mark, 0, sizeof(box->call_mark));
	memset(&box->reply_mark, 0, sizeof(box->reply_mark));
	box->kick.ops = mti_ops_of(box);
	box->kick.vm = box->vm;
	box->kick.interrupt = box->interrupt;
	make_settings(box);
	return MOTE_OK;
}

void mti_sandbox_mark(struct mti_mark *mark, size_t used)
{
	if (used > mark->used)
		mark->used = used;
	if (used > mark->recent)
		mark->recent = used;
	if (used > mark->peak)
		mark->peak = used;
}

static void found(void *context, uint64_t gpa)
{
	mti_memory_written(context, gpa);
}

mote_status mti_sandbox_collect(mote_sandbox *box, mote_error *err)
{
	struct mti_dirty *dirty = &box->memory.dirty;
	const struct mti_region *control =
		&box->template->layout.regions[MTI_AREA_CONTROL];
	mote_status status = MOTE_OK;

	mti_dirty_add(dirty, control->gpa, control->size);
	if (mti_ops_of(box)->tracks(box->vm))
		status = mti_ops_of(box)->dirty(box->vm, found, &box->memory,
						err);
	else
		status = mti_memory_scan(&box->memory, err);
	if (status == MOTE_OK && dirty->lost)
		status = mti_error_set(err, MOTE_E_NO_MEMORY, "find pages",
				       "no memory for the set of pages");
	return status;
}

static void wipe(uint8_t *start, struct mti_mark *mark)
{
	memset(start, 0, mark->used);
	mark->used = 0;
}

static void ignore(void *context, uint64_t gpa)
{
	(void)context;
	(void)gpa;
}

/* Private pages may be dropped instead of overwritten: then this is all. */
static mote_status remap(mote_sandbox *box, struct mti_store *store,
			 mote_error *err)
{
	const struct mti_hv_ops *ops = mti_ops_of(box);
	mote_status status;

	/* What is not told now would be told as the next call's. */
	if (box->vm && ops->tracks(box->vm))
		(void)ops->dirty(box->vm, ignore, NULL, NULL);
	status = mti_memory_remap(&box->memory, store, err);
	if (status != MOTE_OK)
		return status;
	memset(&box->call_mark, 0, sizeof(box->call_mark));
	memset(&box->reply_mark, 0, sizeof(box->reply_mark));
	return MOTE_OK;
}

/* Gives the memory of a large message back; it is zero here. */
static void trim(mote_sandbox *box, enum mti_area which, struct mti_mark *mark)
{
	const struct mti_region *region =
		&box->template->layout.regions[which];

	size_t recent = mark->recent;

	mark->recent = 0;
	if (mark->peak <= TRIM_BYTES || recent > mark->peak / 2)
		return;
	mti_memory_give_back(&box->memory, region->gpa, region->size);
	mark->peak = 0;
}

/*
 * What was once written is copied at every restore from then on, and to fault
 * a page in costs as much as to copy it a hundred times. So one look in 16 is
 * at what has changed, and what has not in 64 restores is given back; at
 * once if there is a lot of it.
 */
static mote_status put_back(mote_sandbox *box, mote_error *err)
{
	size_t pages = box->memory.dirty.count;
	uint32_t turn = ++box->restores;

	if (turn % GIVE_BACK_TURNS == 0) {
		trim(box, MTI_AREA_CALL, &box->call_mark);
		trim(box, MTI_AREA_REPLY, &box->reply_mark);
	}
	if (pages <= SETTLE_PAGES || turn % SETTLE_TURNS != 0) {
		mti_memory_restore(&box->memory, box->store);
		return MOTE_OK;
	}
	return mti_memory_settle(&box->memory, box->store,
				 pages > SETTLE_NOW_PAGES ||
					 turn % GIVE_BACK_TURNS == 0,
				 err);
}

void mti_sandbox_changed(mote_sandbox *box)
{
	if (mti_ops_of(box)->changed)
		mti_ops_of(box)->changed(box->vm);
}

mote_status mti_sandbox_rewind(mote_sandbox *box, struct mti_store *store,
			       mote_error *err)
{
	mote_status status;

	mti_sandbox_changed(box);
	if (!box->memory.mapped || store != box->store ||
	    wants_fresh_pages(box) ||
	    (box->memory.cow && box->memory.cow->edited) ||
	    mti_sandbox_collect(box, NULL) != MOTE_OK) {
		status = remap(box, store, err);
		if (status != MOTE_OK || store == box->store)
			return status;
		mti_store_ref(store);
		mti_store_unref(box->store);
		box->store = store;
		return MOTE_OK;
	}
	wipe(box->call, &box->call_mark);
	wipe(box->reply, &box->reply_mark);
	status = put_back(box, err);
	if (status == MOTE_OK)
		mti_memory_check(&box->memory, store);
	return status;
}

/*
 * The host's clock may show less than when the snapshot was taken: the machine
 * was started anew, or is another. The guest's must not go back. What the page
 * says may be anybody's: a number that no clock shows is none.
 */
static uint64_t clock_ahead(const struct mote_abi_control *control)
{
	uint64_t then = control->clock_monotonic_ns;
	uint64_t now = mti_os_monotonic_ns();

	return then > now && then - now < CLOCK_AHEAD_MAX ? then - now : 0;
}

/* The control page, whose other bytes are those of the state to go on from. */
static mote_status put_control(mote_sandbox *box,
			       const struct mti_snap_cpu *cpu,
			       enum mti_random random, mote_error *err)
{
	const struct mote_abi_control *settings = &box->settings;
	struct mote_abi_control *control =
		(struct mote_abi_control *)(uintptr_t)box->control;
	mote_status status = MOTE_OK;

	box->clock_ahead_ns = clock_ahead(control);
	control->magic = settings->magic;
	control->abi_version = settings->abi_version;
	control->features = settings->features;
	control->heap_size = settings->heap_size;
	control->stack_size = settings->stack_size;
	control->io_size = settings->io_size;
	control->post_size = settings->post_size;
	control->tick_ns = settings->tick_ns;
	control->reseed = random == MTI_RANDOM_RESEED;
	box->image->arch->put_control(&cpu->state, control);
	control->trace = settings->trace;
	control->log_level = settings->log_level;
	control->log_most = settings->log_most;
	control->log_modules = settings->log_modules;
	control->post_dropped = 0;
	memcpy(control->log_filter, settings->log_filter,
	       sizeof(control->log_filter));
	box->repeats = random == MTI_RANDOM_KEEP;
	if (box->repeats)
		box->repeat = control->repeat ? control->repeat :
						mti_repeat_seed(control);
	else
		status = mti_engine_random(box->image->engine, control->random,
					   sizeof(control->random), err);
	return status;
}

mote_status mti_sandbox_resume(mote_sandbox *box,
			       const struct mti_snap_cpu *cpu,
			       enum mti_random random, mote_error *err)
{
	const struct mti_hv_ops *ops = mti_ops_of(box);
	mote_status status = put_control(box, cpu, random, err);

	if (status == MOTE_OK)
		status = ops->state_set(box->vm, &cpu->state, box->clean, err);
	if (status != MOTE_OK)
		return status;
	box->dispatch_pc = cpu->dispatch_pc;
	box->dispatch_sp = cpu->dispatch_sp;
	box->clean = true;
	return MOTE_OK;
}

bool mti_sandbox_lost(const mote_sandbox *box)
{
	const struct mti_hv_ops *ops = mti_ops_of(box);

	return box->vm && ops->is_lost && ops->is_lost(box->vm);
}

/* In the state of its store, or not at all. */
static bool make_clean(mote_sandbox *box)
{
	size_t io = box->call_mark.peak + box->reply_mark.peak;

	if (!box->memory.mapped ||
	    mti_sandbox_rewind(box, box->store, NULL) != MOTE_OK)
		return false;
	return mti_seat_small(&box->memory, io) ||
	       remap(box, box->store, NULL) == MOTE_OK;
}

void mti_sandbox_detach(mote_sandbox *box)
{
	mote_engine *engine = box->image->engine;
	struct mti_seat seat = {
		.template = box->template,
		.store = box->store,
		.memory = box->memory,
		.vm = box->vm,
		.generation = box->generation,
		.clean = box->clean,
	};

	if (!box->vm)
		return;
	mti_mapping_drop_all(box);
	if (box->generation == mti_fork_generation() &&
	    !mti_sandbox_lost(box) && make_clean(box)) {
		seat.memory = box->memory;
		mti_seat_put(engine, &seat);
	} else {
		seat.memory = box->memory;
		mti_seat_free(engine, &seat);
	}
	box->vm = NULL;
	box->template = NULL;
	box->store = NULL;
}
