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

/* Over fresh zero memory. */
static mote_status map_store(struct mti_memory *memory,
			     const struct mti_store *store, mote_error *err)
{
	uint32_t i;

	for (i = 0; i < store->extent_count; i++) {
		const struct mti_extent *extent = &store->extents[i];
		int os = mti_os_map_private(memory->base + extent->gpa,
					    extent->size,
					    store->files[extent->file]->fd,
					    extent->offset);

		if (os < 0)
			return mti_error_os(err, MOTE_E_NO_MEMORY, operation,
					    -os, "mmap of %llu bytes at 0x%llx",
					    (unsigned long long)extent->size,
					    (unsigned long long)extent->gpa);
	}
	mti_os_advise_guest(memory->base, memory->size);
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
			    struct mti_store *store, mote_error *err)
{
	size_t size = store->memory_size;
	mote_status status;
	void *base;
	int os;

	if (!mti_dirty_init(&memory->dirty, allocator, size))
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory for the set of pages");
	os = mti_os_reserve(size, &base);
	if (os < 0) {
		mti_dirty_fini(&memory->dirty);
		return mti_error_os(err, MOTE_E_NO_MEMORY, operation, -os,
				    "mmap of %llu bytes",
				    (unsigned long long)size);
	}
	memory->base = base;
	memory->size = size;
	memory->mapped = NULL;
	status = map_store(memory, store, err);
	if (status == MOTE_OK)
		set_mapped(memory, store);
	else
		mti_memory_fini(memory);
	return status;
}

void mti_memory_fini(struct mti_memory *memory)
{
	if (!memory->base)
		return;
	mti_os_unmap(memory->base, memory->size);
	memory->base = NULL;
	set_mapped(memory, NULL);
	mti_dirty_fini(&memory->dirty);
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
	status = map_store(memory, store, err);
	if (status != MOTE_OK)
		return status;
	mti_dirty_clear(&memory->dirty);
	set_mapped(memory, store);
	return MOTE_OK;
}

/* Puts the bytes of store into [gpa, gpa + size). */
static void fill(struct mti_memory *memory, const struct mti_store *store,
		 uint64_t gpa, uint64_t size)
{
	const struct mti_extent *extent = mti_store_find(store, gpa);
	const struct mti_extent *last = store->extents + store->extent_count;
	uint64_t end = gpa + size;

	while (gpa < end) {
		uint64_t start = extent && extent < last ? extent->gpa : end;
		uint64_t piece;

		if (gpa < start) {
			piece = (start < end ? start : end) - gpa;
			memset(memory->base + gpa, 0, piece);
		} else {
			piece = extent->size - (gpa - extent->gpa);
			if (piece > end - gpa)
				piece = end - gpa;
			memcpy(memory->base + gpa,
			       store->files[extent->file]->view +
				       extent->offset + (gpa - extent->gpa),
			       piece);
			extent++;
		}
		gpa += piece;
	}
}

void mti_memory_restore(struct mti_memory *memory,
			const struct mti_store *store)
{
	uint64_t gpa = 0;
	uint64_t size;

	for (; mti_dirty_next(&memory->dirty, &gpa, &size); gpa += size)
		fill(memory, store, gpa, size);
}

mote_status mti_memory_scan(struct mti_memory *memory, mote_error *err)
{
	struct mti_os_range runs[SCAN_RUNS];
	size_t from = 0;
	bool old = false;
	int count;
	int i;

	while (from < memory->size) {
		count = old ? -ENOTTY :
			      mti_os_scan_private(memory->base, memory->size,
						  &from, runs, SCAN_RUNS);
		if (count == -ENOTTY) {
			old = true;
			count = mti_os_read_private(memory->base, memory->size,
						    &from, runs, SCAN_RUNS);
		}
		if (count < 0)
			return mti_error_os(err, MOTE_E_OS, "find pages",
					    -count, "/proc/self/pagemap");
		for (i = 0; i < count; i++)
			mti_dirty_add(&memory->dirty, runs[i].start,
				      runs[i].end - runs[i].start);
	}
	return MOTE_OK;
}

void *mti_memory_region(const struct mti_memory *memory,
			const struct mti_region *region)
{
	assert(mti_range_ok(region->gpa, region->size, memory->size));
	return memory->base + region->gpa;
}
