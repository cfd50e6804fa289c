#include "mem/memory.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "os/os.h"

#define SCAN_RUNS 128

static const char operation[] = "map guest memory";

/* Puts the bytes that store has at [gpa, gpa + size) there. */
static void fill(uint8_t *to, const struct mti_store *store, uint64_t gpa,
		 uint64_t size)
{
	const struct mti_extent *extent = mti_store_find(store, gpa);
	const struct mti_extent *last = store->extents + store->extent_count;
	uint64_t end = gpa + size;

	while (gpa < end) {
		uint64_t start = extent && extent < last ? extent->gpa : end;
		uint64_t piece;

		if (gpa < start) {
			piece = (start < end ? start : end) - gpa;
			memset(to, 0, piece);
		} else {
			piece = extent->size - (gpa - extent->gpa);
			if (piece > end - gpa)
				piece = end - gpa;
			memcpy(to,
			       store->files[extent->file]->view +
				       extent->offset + (gpa - extent->gpa),
			       piece);
			extent++;
		}
		to += piece;
		gpa += piece;
	}
}

/* What is never copied because it is written where it is has to begin so. */
static void fill_linear(struct mti_memory *memory,
			const struct mti_store *store)
{
	uint64_t gpa = memory->cow->plan->linear_home;
	uint64_t end = gpa + memory->cow->plan->linear_size;
	const struct mti_extent *extent = mti_store_find(store, gpa);
	const struct mti_extent *last = store->extents + store->extent_count;

	for (; extent && extent < last && extent->gpa < end; extent++) {
		uint64_t from = extent->gpa > gpa ? extent->gpa : gpa;
		uint64_t to = extent->gpa + extent->size;

		if (to > end)
			to = end;
		fill(mti_cow_at(memory->cow, from), store, from, to - from);
	}
}

/* Over fresh zero memory. */
static mote_status map_store(struct mti_memory *memory,
			     const struct mti_store *store, mote_error *err)
{
	uint32_t i;
	int os;

	for (i = 0; i < store->extent_count; i++) {
		const struct mti_extent *extent = &store->extents[i];
		struct mti_backing *backing = store->files[extent->file];
		int fd = mti_backing_file(backing);

		if (fd < 0)
			return mti_error_os(err, MOTE_E_OS, operation, -fd,
					    "%llu bytes in a file of memory",
					    (unsigned long long)backing->size);
		os = mti_os_map_private(memory->base + extent->gpa,
					extent->size, fd, extent->offset);
		if (os < 0)
			return mti_error_os(err, MOTE_E_NO_MEMORY, operation,
					    -os, "mmap of %llu bytes at 0x%llx",
					    (unsigned long long)extent->size,
					    (unsigned long long)extent->gpa);
	}
	mti_os_advise_guest(memory->base, memory->size);
	if (!memory->cow)
		return MOTE_OK;
	fill_linear(memory, store);
	os = mti_os_protect(memory->base, memory->size);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -os,
				    "mprotect of %zu bytes", memory->size);
	return MOTE_OK;
}

static void set_mapped(struct mti_memory *memory, struct mti_store *store)
{
	if (store)
		mti_store_ref(store);
	mti_store_unref(memory->mapped);
	memory->mapped = store;
}

mote_status mti_memory_init(struct mti_memory *memory,
			    const struct mti_allocator *allocator,
			    struct mti_store *store,
			    const struct mti_cow_plan *plan, mote_error *err)
{
	size_t size = store->memory_size;
	mote_status status;
	void *base;
	int os;

	memset(memory, 0, sizeof(*memory));
	if (!mti_dirty_init(&memory->dirty, allocator, size) ||
	    !mti_dirty_init(&memory->busy, allocator, size)) {
		status = mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				       "no memory for the set of pages");
		goto fail;
	}
	os = mti_os_reserve(size, &base);
	if (os < 0) {
		status = mti_error_os(err, MOTE_E_NO_MEMORY, operation, -os,
				      "mmap of %llu bytes",
				      (unsigned long long)size);
		goto fail;
	}
	memory->base = base;
	memory->size = size;
	status = MOTE_OK;
	if (plan)
		status = mti_cow_new(allocator, plan, &memory->cow, err);
	if (status == MOTE_OK)
		status = map_store(memory, store, err);
	if (status != MOTE_OK)
		goto fail;
	set_mapped(memory, store);
	return MOTE_OK;
fail:
	mti_memory_fini(memory);
	return status;
}

void mti_memory_fini(struct mti_memory *memory)
{
	mti_os_unmap(memory->base, memory->size);
	memory->base = NULL;
	set_mapped(memory, NULL);
	mti_cow_free(memory->cow);
	memory->cow = NULL;
	mti_dirty_fini(&memory->dirty);
	mti_dirty_fini(&memory->busy);
}

mote_status mti_memory_remap(struct mti_memory *memory,
			     struct mti_store *store, mote_error *err)
{
	mote_status status;
	int os;

	assert(store->memory_size == memory->size);
	set_mapped(memory, NULL);
	os = mti_os_map_zero(memory->base, memory->size);
	if (os < 0)
		return mti_error_os(err, MOTE_E_NO_MEMORY, operation, -os,
				    "mmap of %zu bytes", memory->size);
	os = memory->cow ? mti_cow_reset(memory->cow) : 0;
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -os,
				    "discarding scratch");
	status = map_store(memory, store, err);
	if (status != MOTE_OK)
		return status;
	mti_dirty_clear(&memory->dirty);
	mti_dirty_clear(&memory->busy);
	set_mapped(memory, store);
	return MOTE_OK;
}

/* The same for what memory has of its own there. */
static void put_back(struct mti_memory *memory, const struct mti_store *store,
		     uint64_t gpa, uint64_t size)
{
	uint64_t end = gpa + size;
	uint8_t *page;

	if (!memory->cow) {
		fill(memory->base + gpa, store, gpa, size);
		return;
	}
	for (; gpa < end; gpa += MOTE_PAGE_SIZE) {
		page = mti_cow_at(memory->cow, gpa);
		if (page)
			fill(page, store, gpa, MOTE_PAGE_SIZE);
	}
}

void mti_memory_restore(struct mti_memory *memory,
			const struct mti_store *store)
{
	uint64_t gpa = 0;
	uint64_t size;

	for (; mti_dirty_next(&memory->dirty, &gpa, &size); gpa += size)
		put_back(memory, store, gpa, size);
	if (memory->cow)
		mti_cow_repair(memory->cow);
}

const uint8_t *mti_memory_page(const struct mti_memory *memory, uint64_t gpa)
{
	const uint8_t *page = NULL;

	if (memory->cow)
		page = mti_cow_at(memory->cow, gpa);
	return page ? page : memory->base + gpa;
}

void mti_memory_written(struct mti_memory *memory, uint64_t gpa)
{
	/* Of a copy the fault has told. */
	if (memory->cow)
		gpa = mti_cow_written(memory->cow, gpa);
	mti_dirty_add(&memory->dirty, gpa, MOTE_PAGE_SIZE);
}

/* Whether the page is what store says. */
static bool is_same(const struct mti_memory *memory,
		    const struct mti_store *store, uint64_t gpa)
{
	static const uint8_t zeros[MOTE_PAGE_SIZE];
	const uint8_t *page = mti_store_page(store, gpa);

	return memcmp(mti_memory_page(memory, gpa), page ? page : zeros,
		      MOTE_PAGE_SIZE) == 0;
}

/* Puts back a run of pages of the set. */
static void settle_run(struct mti_memory *memory,
		       const struct mti_store *store, uint64_t gpa,
		       uint64_t size)
{
	uint64_t end = gpa + size;

	for (; gpa < end; gpa += MOTE_PAGE_SIZE) {
		if (is_same(memory, store, gpa))
			continue;
		put_back(memory, store, gpa, MOTE_PAGE_SIZE);
		mti_dirty_add(&memory->busy, gpa, MOTE_PAGE_SIZE);
	}
}

void mti_memory_give_back(struct mti_memory *memory, uint64_t gpa,
			  uint64_t size)
{
	uint8_t *at = memory->base + gpa;

	/* Only of an area: whose pages are side by side in scratch, too. */
	if (memory->cow)
		at = mti_cow_at(memory->cow, gpa);
	/* If it fails they stay, and stay in the set. */
	if (at && mti_os_discard(at, size) == 0)
		mti_dirty_remove(&memory->dirty, gpa, size);
}

/* Of a run, the pages that are not busy, a piece at a time. */
static void give_back_run(struct mti_memory *memory, uint64_t gpa,
			  uint64_t size)
{
	uint64_t end = gpa + size;

	while (gpa < end) {
		uint64_t busy = gpa;
		uint64_t busy_size;

		if (!mti_dirty_next(&memory->busy, &busy, &busy_size) ||
		    busy >= end) {
			busy = end;
			busy_size = 0;
		}
		if (busy > gpa)
			mti_memory_give_back(memory, gpa, busy - gpa);
		gpa = busy + busy_size;
	}
}

mote_status mti_memory_settle(struct mti_memory *memory,
			      struct mti_store *store, bool give_back,
			      mote_error *err)
{
	uint64_t gpa;
	uint64_t size;

	for (gpa = 0; mti_dirty_next(&memory->dirty, &gpa, &size); gpa += size)
		settle_run(memory, store, gpa, size);
	if (memory->cow)
		mti_cow_repair(memory->cow);
	if (!give_back || memory->busy.lost)
		return MOTE_OK;
	/* What would show is not what is to be there. Copies go all at once. */
	if (memory->mapped != store || memory->cow)
		return mti_memory_remap(memory, store, err);
	for (gpa = 0; mti_dirty_next(&memory->dirty, &gpa, &size); gpa += size)
		give_back_run(memory, gpa, size);
	mti_dirty_clear(&memory->busy);
	return MOTE_OK;
}

int mti_memory_private(const uint8_t *base, size_t size, mti_run_fn found,
		       void *user)
{
	struct mti_os_range runs[SCAN_RUNS];
	size_t from = 0;
	bool old = false;
	int count;
	int i;

	while (from < size) {
		count = old ? -ENOTTY :
			      mti_os_scan_private(base, size, &from, runs,
						  SCAN_RUNS);
		if (count == -ENOTTY) {
			old = true;
			count = mti_os_read_private(base, size, &from, runs,
						    SCAN_RUNS);
		}
		if (count < 0)
			return count;
		for (i = 0; i < count; i++)
			found(user, runs[i].start, runs[i].end);
	}
	return 0;
}

struct marking {
	struct mti_dirty *dirty;
	uint64_t home;
};

static void mark(void *user, uint64_t start, uint64_t end)
{
	const struct marking *marking = user;

	mti_dirty_add(marking->dirty, marking->home + start, end - start);
}

mote_status mti_memory_scan(struct mti_memory *memory, mote_error *err)
{
	struct marking marking = { .dirty = &memory->dirty };
	const uint8_t *base = memory->base;
	size_t size = memory->size;
	int os;

	if (memory->cow) {
		const struct mti_cow_plan *plan = memory->cow->plan;

		memory->cow->touched = true;
		base = mti_cow_at(memory->cow, plan->linear_home);
		size = plan->linear_size;
		marking.home = plan->linear_home;
	}
	os = mti_memory_private(base, size, mark, &marking);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, "find pages", -os,
				    "/proc/self/pagemap");
	return MOTE_OK;
}

void *mti_memory_region(const struct mti_memory *memory,
			const struct mti_region *region)
{
	assert(mti_range_ok(region->gpa, region->size, memory->size));
	if (memory->cow && mti_cow_is_linear(memory->cow->plan, region->gpa))
		return mti_cow_at(memory->cow, region->gpa);
	return memory->base + region->gpa;
}
