/*
 * Copy-on-write by the guest's page tables.
 *
 * Two ranges of guest-physical memory. The first is the plan of layout.h with
 * what a store has for it, read-only for the guest and in this process too:
 * any number of sandboxes share its pages. The second, scratch, is all that
 * one sandbox has of its own, and lies at the top:
 *
 *	linear	 what the host or the CPU itself writes: control page,
 *		 interrupt stack, messages. No write to it is ever a fault
 *	tables	 the guest's page tables
 *	copies	 of pages of the first range, and of private mappings
 *
 * A page keeps its number in the first range, its home, whoever has a copy:
 * snapshots, restores and the set of written pages speak of homes only, and
 * so a snapshot does not show which way its memory was copied. Its tables
 * are those of the plan, not these.
 *
 * Tables of a plan map what is writable read-only and marked. A write faults,
 * the host finds a frame, copies, and maps it in place of the home. Nobody
 * but the host decides anything: this allocator's state is the host's too,
 * where no guest can reach it.
 *
 * What it says in the tables the host does not read back: it has its own copy
 * of those that it has changed (`truth`), and a restore puts them right again.
 *
 * All tables are copied into scratch at the start, some 100 KiB, and none is
 * left in the image, for two reasons. With nested paging a walk counts as
 * writing to the tables (see ARCHITECTURE.md), which in memory that is not
 * writable ends in a fault for ever; and shadow paging, which has seen a
 * table in its old place, is not told that it has moved by anything less
 * than forgetting all it knows. As it is, only two edits need that (`stale`):
 * a large page that becomes a table, and a copy that the guest did not ask
 * for by a fault.
 *
 * A restore leaves the copies where they are and copies the bytes of their
 * homes over them, as with pages that the kernel has copied: no edit, nothing
 * to forget, and what the next call writes has its frame already. They go
 * when there are many of them, when the tables were edited, or when a later
 * call needs the room.
 */
#include "mem/cow.h"

#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "os/os.h"

#define PAGE ((uint64_t)MOTE_PAGE_SIZE)
#define LARGE_PAGE (UINT64_C(2) << 20)
#define FIRST_FRAMES 64
#define FIRST_INDEX 128

static const char operation[] = "plan scratch";

static mote_status no_memory(mote_error *err, const char *what)
{
	return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
			     "no memory for %s", what);
}

/* ---------------------------------------------------------------- plans */

/* Copies of everything, all of its tables, and those of split pages. */
static uint64_t enough(const struct mti_layout *layout)
{
	return layout->memory_size + layout->page_table_max +
	       layout->memory_size / LARGE_PAGE * PAGE;
}

static mote_status place(struct mti_cow_plan *plan,
			 const struct mti_layout *layout, uint64_t pool,
			 mote_error *err)
{
	const struct mti_region *first = &layout->regions[MTI_AREA_CONTROL];
	const struct mti_region *last = &layout->regions[MTI_AREA_OUT];
	uint64_t most = MTI_SCRATCH_LIMIT - MTI_SCRATCH_FIRST;
	uint64_t within = first->gpa % LARGE_PAGE;

	plan->linear_home = first->gpa;
	plan->linear_size = last->gpa + last->size - first->gpa;
	/* Neither sum wraps: no area is that large. */
	if (pool > most || pool + within + plan->linear_size > most ||
	    layout->memory_size > MTI_SCRATCH_FIRST)
		return mti_error_set(
			err, MOTE_E_UNSUPPORTED, operation,
			"memory is \"paging\": the guest has %llu bytes, which "
			"can be 0x%llx, and scratch %llu",
			(unsigned long long)layout->memory_size,
			(unsigned long long)most, (unsigned long long)pool);
	plan->scratch_size = within + plan->linear_size + pool;
	plan->scratch_gpa = mti_align_down_u64(
		MTI_SCRATCH_LIMIT - plan->scratch_size, LARGE_PAGE);
	plan->linear_gpa = plan->scratch_gpa + within;
	plan->pool_gpa = plan->linear_gpa + plan->linear_size;
	return MOTE_OK;
}

/* The same address space, with the memory of this plan below it. */
static mote_status build(struct mti_cow_plan *plan,
			 const struct mti_layout *layout, uint64_t pool,
			 mote_error *err)
{
	struct mti_layout *view = mti_alloc_raw(plan->allocator, 1,
						sizeof(*view));
	bool built;
	size_t i;

	if (!view)
		return no_memory(err, "its layout");
	*view = *layout;
	view->page_table_gpa = plan->pool_gpa;
	view->page_table_max = layout->page_table_max;
	if (pool < view->page_table_max)
		view->page_table_max = pool;
	for (i = 0; i < view->region_count; i++) {
		struct mti_region *region = &view->regions[i];

		if (mti_cow_is_linear(plan, region->gpa))
			region->gpa += plan->linear_gpa - plan->linear_home;
		else if (region->flags & MTI_PT_WRITE)
			region->flags = (region->flags & ~MTI_PT_WRITE) |
					MTI_PT_COW;
	}
	built = mti_tables_build(&plan->tables, plan->arch, view,
				 plan->allocator);
	mti_free(plan->allocator, view);
	if (built)
		return MOTE_OK;
	if (plan->tables.used + PAGE > pool)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "scratch_bytes is %llu, less than the "
				     "guest's page tables take",
				     (unsigned long long)pool);
	return no_memory(err, "page tables");
}

mote_status mti_cow_plan_new(const struct mti_allocator *allocator,
			     const struct mti_arch *arch,
			     const struct mti_layout *layout,
			     uint64_t scratch_bytes,
			     struct mti_cow_plan **out, mote_error *err)
{
	uint64_t pool = scratch_bytes ? scratch_bytes : enough(layout);
	struct mti_cow_plan *plan = mti_alloc(allocator, 1, sizeof(*plan));
	mote_status status = MOTE_OK;

	if (!plan)
		return no_memory(err, "its record");
	plan->allocator = allocator;
	plan->arch = arch;
	plan->tables.allocator = allocator;
	if (!mti_align_up_u64(pool, PAGE, &pool))
		pool = UINT64_MAX;
	status = place(plan, layout, pool, err);
	if (status == MOTE_OK)
		status = build(plan, layout, pool, err);
	if (status != MOTE_OK) {
		mti_cow_plan_free(plan);
		return status;
	}
	*out = plan;
	return MOTE_OK;
}

void mti_cow_plan_free(struct mti_cow_plan *plan)
{
	if (!plan)
		return;
	mti_tables_fini(&plan->tables);
	mti_free(plan->allocator, plan);
}

/* --------------------------------------------------------------- frames */

static uint64_t frame_gpa(const struct mti_cow *cow, size_t frame)
{
	return cow->plan->pool_gpa + frame * PAGE;
}

static uint8_t *host(const struct mti_cow *cow, uint64_t gpa)
{
	return cow->scratch + (gpa - cow->plan->scratch_gpa);
}

static uint8_t *frame_at(const struct mti_cow *cow, size_t frame)
{
	return host(cow, frame_gpa(cow, frame));
}

/* The frame in use that holds gpa, or `most`. */
static size_t frame_of(const struct mti_cow *cow, uint64_t gpa)
{
	uint64_t pool = cow->plan->pool_gpa;

	if (gpa < pool || (gpa - pool) / PAGE >= cow->used)
		return cow->most;
	return (size_t)((gpa - pool) / PAGE);
}

static bool is_table(uint64_t frame)
{
	return frame == MTI_COW_TABLE || frame == MTI_COW_EDITED;
}

/* What a table is to be. */
static uint8_t *truth_at(const struct mti_cow *cow, size_t frame)
{
	if (cow->frames[frame] == MTI_COW_TABLE)
		return cow->plan->tables.pages + frame * PAGE;
	return cow->truth + frame * PAGE;
}

static bool grow_frames(struct mti_cow *cow)
{
	size_t capacity = cow->capacity ? cow->capacity * 2 : FIRST_FRAMES;
	void *frames;

	if (cow->used < cow->capacity)
		return true;
	frames = cow->allocator->resize(cow->allocator->user, cow->frames,
					capacity * sizeof(*cow->frames));
	if (!frames)
		return false;
	cow->frames = frames;
	cow->capacity = capacity;
	return true;
}

/* A frame for what the word says; `most`: there is none. */
static size_t take_frame(struct mti_cow *cow, uint64_t word)
{
	size_t frame = cow->free;

	if (frame < cow->most) {
		cow->free = (size_t)(cow->frames[frame] >> 12);
	} else {
		if (cow->used == cow->most || !grow_frames(cow))
			return cow->most;
		frame = cow->used++;
	}
	cow->frames[frame] = word;
	return frame;
}

static void give_frame(struct mti_cow *cow, size_t frame)
{
	cow->frames[frame] = (uint64_t)cow->free << 12 | MTI_COW_FREE;
	cow->free = frame;
}

/* Where the index has that page, or would have it. */
static uint32_t *index_at(const struct mti_cow *cow, uint64_t home)
{
	uint64_t at = (home / PAGE * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
	uint32_t *place;

	for (;; at++) {
		place = &cow->index[at & (cow->index_size - 1)];
		if (*place == 0 || cow->frames[*place - 1] == home)
			return place;
	}
}

static void fill_index(struct mti_cow *cow)
{
	size_t i;

	memset(cow->index, 0, cow->index_size * sizeof(*cow->index));
	for (i = 0; i < cow->used; i++)
		if (mti_cow_is_copy(cow->frames[i]))
			*index_at(cow, cow->frames[i]) = (uint32_t)i + 1;
}

/* So that half of it is empty with one more frame. */
static bool grow_index(struct mti_cow *cow)
{
	size_t size = cow->index_size ? cow->index_size : FIRST_INDEX;
	uint32_t *index;

	while (size < 2 * (cow->used + 1))
		size *= 2;
	if (size == cow->index_size)
		return true;
	index = mti_alloc_raw(cow->allocator, size, sizeof(*index));
	if (!index)
		return false;
	mti_free(cow->allocator, cow->index);
	cow->index = index;
	cow->index_size = size;
	fill_index(cow);
	return true;
}

/* ----------------------------------------------------------- the object */

/* The tables are the only frames. */
static bool begin(struct mti_cow *cow)
{
	const struct mti_tables *tables = &cow->plan->tables;
	size_t count = tables->used / PAGE;

	cow->used = 0;
	cow->free = cow->most;
	cow->tables = 0;
	while (cow->tables < count) {
		if (take_frame(cow, MTI_COW_TABLE) == cow->most)
			return false;
		cow->tables++;
	}
	memcpy(frame_at(cow, 0), tables->pages, tables->used);
	if (!grow_index(cow))
		return false;
	fill_index(cow);
	cow->touched = false;
	cow->kept = false;
	cow->edited = false;
	return true;
}

mote_status mti_cow_new(const struct mti_allocator *allocator,
			const struct mti_cow_plan *plan, struct mti_cow **out,
			mote_error *err)
{
	struct mti_cow *cow = mti_alloc(allocator, 1, sizeof(*cow));
	mote_status status;
	void *scratch;
	int os;

	if (!cow)
		return no_memory(err, "its record");
	cow->allocator = allocator;
	cow->plan = plan;
	cow->most = (plan->scratch_size -
		     (plan->pool_gpa - plan->scratch_gpa)) / PAGE;
	os = mti_os_reserve(plan->scratch_size, &scratch);
	if (os < 0) {
		status = mti_error_os(err, MOTE_E_NO_MEMORY, operation, -os,
				      "mmap of %llu bytes",
				      (unsigned long long)plan->scratch_size);
		goto fail;
	}
	cow->scratch = scratch;
	mti_os_advise_guest(scratch, plan->scratch_size);
	os = mti_os_reserve(cow->most * PAGE, &scratch);
	if (os < 0) {
		status = mti_error_os(err, MOTE_E_NO_MEMORY, operation, -os,
				      "mmap of %zu bytes", cow->most * PAGE);
		goto fail;
	}
	cow->truth = scratch;
	mti_os_advise_guest(scratch, cow->most * PAGE);
	if (!begin(cow)) {
		status = no_memory(err, "the list of its frames");
		goto fail;
	}
	*out = cow;
	return MOTE_OK;
fail:
	mti_cow_free(cow);
	return status;
}

void mti_cow_free(struct mti_cow *cow)
{
	if (!cow)
		return;
	mti_os_unmap(cow->scratch, cow->plan->scratch_size);
	mti_os_unmap(cow->truth, cow->most * PAGE);
	mti_free(cow->allocator, cow->index);
	mti_free(cow->allocator, cow->frames);
	mti_free(cow->allocator, cow);
}

void mti_cow_disown(struct mti_cow *cow)
{
	cow->scratch = NULL;
	cow->truth = NULL;
}

int mti_cow_reset(struct mti_cow *cow)
{
	int os = mti_os_discard(cow->scratch, cow->plan->scratch_size);

	/* Nothing to be allocated: it was as large before. */
	if (os == 0)
		(void)begin(cow);
	cow->stale = true;
	return os;
}

uint8_t *mti_cow_at(const struct mti_cow *cow, uint64_t home)
{
	const struct mti_cow_plan *plan = cow->plan;
	uint32_t found;

	if (mti_cow_is_linear(plan, home))
		return host(cow, plan->linear_gpa + (home - plan->linear_home));
	home = mti_align_down_u64(home, PAGE);
	found = *index_at(cow, home);
	return found ? frame_at(cow, found - 1) : NULL;
}

static uint64_t linear_home(const struct mti_cow *cow, uint64_t gpa)
{
	const struct mti_cow_plan *plan = cow->plan;

	if (gpa < plan->linear_gpa || gpa >= plan->pool_gpa)
		return UINT64_MAX;
	return plan->linear_home + (gpa - plan->linear_gpa);
}

uint64_t mti_cow_written(struct mti_cow *cow, uint64_t gpa)
{
	size_t frame = frame_of(cow, gpa);

	if (frame < cow->most && is_table(cow->frames[frame]))
		cow->touched = true;
	return linear_home(cow, gpa);
}

void mti_cow_repair(struct mti_cow *cow)
{
	size_t i;

	cow->kept = true;
	for (i = 0; cow->touched && i < cow->used; i++) {
		if (!is_table(cow->frames[i]) ||
		    memcmp(frame_at(cow, i), truth_at(cow, i), PAGE) == 0)
			continue;
		memcpy(frame_at(cow, i), truth_at(cow, i), PAGE);
		cow->stale = true;
	}
}

uint8_t *mti_cow_physical(const struct mti_cow *cow, uint64_t gpa,
			  uint64_t *home)
{
	size_t frame = frame_of(cow, gpa);

	*home = linear_home(cow, gpa);
	if (frame < cow->most && mti_cow_is_copy(cow->frames[frame]))
		*home = cow->frames[frame] + gpa % PAGE;
	return *home == UINT64_MAX ? NULL : host(cow, gpa);
}

/* --------------------------------------------------------------- tables */

/* The frame of an entry of a table; `most`: it is none. */
static size_t table_of(const struct mti_cow *cow, uint64_t gpa)
{
	size_t frame = frame_of(cow, gpa);

	if (frame == cow->most || !is_table(cow->frames[frame]) ||
	    !mti_is_aligned_u64(gpa, 8))
		return cow->most;
	return frame;
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	const struct mti_cow *cow = context;
	size_t frame = table_of(cow, gpa);

	if (frame == cow->most)
		return false;
	memcpy(entry, truth_at(cow, frame) + gpa % PAGE, sizeof(*entry));
	return true;
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	struct mti_cow *cow = context;
	size_t frame = table_of(cow, gpa);

	if (frame == cow->most)
		return false;
	if (cow->frames[frame] == MTI_COW_TABLE) {
		memcpy(cow->truth + frame * PAGE, truth_at(cow, frame), PAGE);
		cow->frames[frame] = MTI_COW_EDITED;
	}
	memcpy(truth_at(cow, frame) + gpa % PAGE, &entry, sizeof(entry));
	memcpy(host(cow, gpa), &entry, sizeof(entry));
	return true;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	struct mti_cow *cow = context;
	size_t frame = take_frame(cow, MTI_COW_EDITED);

	if (frame == cow->most)
		return false;
	memset(frame_at(cow, frame), 0, PAGE);
	memset(truth_at(cow, frame), 0, PAGE);
	*gpa = frame_gpa(cow, frame);
	cow->tables++;
	return true;
}

/* Never the root. */
static void free_table(void *context, uint64_t gpa)
{
	struct mti_cow *cow = context;
	size_t frame = frame_of(cow, gpa);

	if (frame == 0 || frame == cow->most || !is_table(cow->frames[frame]))
		return;
	give_frame(cow, frame);
	cow->tables--;
}

struct mti_pt_ops mti_cow_ops(struct mti_cow *cow)
{
	return (struct mti_pt_ops){
		.context = cow,
		.read = read_entry,
		.write = write_entry,
		.alloc = alloc_table,
		.free = free_table,
	};
}

/* --------------------------------------------------------------- copies */

uint8_t *mti_cow_copy(struct mti_cow *cow, uint64_t gva, uint64_t home,
		      uint32_t flags)
{
	const struct mti_pt_ops ops = mti_cow_ops(cow);
	struct mti_pt_mapping mapping = {
		.gva = gva,
		.size = PAGE,
		.flags = flags,
	};
	size_t tables = cow->tables;
	size_t frame;
	uint32_t found;

	if (!grow_index(cow))
		return NULL;
	found = *index_at(cow, home);
	frame = found ? found - 1 : take_frame(cow, home);
	if (frame == cow->most)
		return NULL;
	mapping.gpa = frame_gpa(cow, frame);
	if (mti_pt_map(cow->plan->arch->pt, &ops, mti_cow_root(cow),
		       &mapping) != MTI_PT_OK) {
		if (!found)
			give_frame(cow, frame);
		return NULL;
	}
	if (cow->tables != tables)
		cow->stale = true;
	*index_at(cow, home) = (uint32_t)frame + 1;
	return frame_at(cow, frame);
}

/* The home shows again. */
static bool take_back(struct mti_cow *cow, const struct mti_pt_page *page,
		      uint64_t home)
{
	const struct mti_pt_ops ops = mti_cow_ops(cow);
	struct mti_pt_mapping mapping = {
		.gva = page->gva,
		.gpa = home,
		.size = PAGE,
		.flags = page->flags & (MTI_PT_USER | MTI_PT_EXECUTE),
	};

	if (page->flags & MTI_PT_WRITE)
		mapping.flags |= MTI_PT_COW;
	return mti_pt_map(cow->plan->arch->pt, &ops, mti_cow_root(cow),
			  &mapping) == MTI_PT_OK;
}

static bool is_page(const uint8_t *page, const struct mti_store *store,
		    uint64_t home)
{
	static const uint8_t zeros[MOTE_PAGE_SIZE];
	const uint8_t *kept = mti_store_page(store, home);

	return memcmp(page, kept ? kept : zeros, PAGE) == 0;
}

size_t mti_cow_reclaim(struct mti_cow *cow, const uint8_t *base, uint64_t size,
		       const struct mti_store *store, struct mti_dirty *dirty)
{
	const struct mti_pt_ops ops = mti_cow_ops(cow);
	const struct mti_arch *arch = cow->plan->arch;
	struct mti_pt_walk walk;
	struct mti_pt_page page;
	size_t count = 0;

	/* All entries of all tables. */
	if (mti_pt_walk_begin(&walk, arch->pt, &ops, mti_cow_root(cow), 0,
			      arch->user_limit - 1,
			      cow->tables * (PAGE / 4)) != MTI_PT_OK)
		return 0;
	while (mti_pt_walk_next(&walk, &page) == MTI_PT_OK) {
		size_t frame = frame_of(cow, page.gpa);
		uint64_t home;

		if (frame == cow->most || !mti_cow_is_copy(cow->frames[frame]))
			continue;
		home = cow->frames[frame];
		/* base may show an older state than the one of store. */
		if (home >= size ||
		    !is_page(frame_at(cow, frame), store, home) ||
		    memcmp(base + home, frame_at(cow, frame), PAGE) != 0 ||
		    !take_back(cow, &page, home))
			continue;
		mti_dirty_remove(dirty, home, PAGE);
		give_frame(cow, frame);
		count++;
	}
	fill_index(cow);
	cow->kept = false;
	cow->stale = true;
	return count;
}

void mti_cow_forget(struct mti_cow *cow, uint64_t home, uint64_t size)
{
	size_t i;

	for (i = 0; i < cow->used; i++)
		if (mti_cow_is_copy(cow->frames[i]) && cow->frames[i] >= home &&
		    cow->frames[i] - home < size)
			give_frame(cow, i);
	fill_index(cow);
}

size_t mti_cow_copies(const struct mti_cow *cow, uint64_t home, uint64_t size)
{
	size_t copies = 0;
	size_t i;

	for (i = 0; i < cow->used; i++) {
		uint64_t word = cow->frames[i];

		copies += mti_cow_is_copy(word) && word >= home &&
			  word - home < size;
	}
	return copies;
}
