#include "mem/store.h"

#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "os/os.h"

mote_status mti_backing_new(const struct mti_allocator *allocator, int fd,
			    uint64_t size, struct mti_backing **out,
			    mote_error *err)
{
	struct mti_backing *backing = mti_alloc(allocator, 1, sizeof(*backing));
	mote_status status;
	const void *view;
	int os;

	if (!backing) {
		status = mti_error_set(err, MOTE_E_NO_MEMORY, "map memory file",
				       "no memory for its record");
		goto fail;
	}
	os = mti_os_map_file(size, fd, &view);
	if (os < 0) {
		status = mti_error_os(err, MOTE_E_NO_MEMORY, "map memory file",
				      -os, "mmap of %llu bytes",
				      (unsigned long long)size);
		goto fail;
	}
	backing->references = 1;
	backing->allocator = allocator;
	backing->fd = fd;
	backing->size = size;
	backing->view = view;
	*out = backing;
	return MOTE_OK;
fail:
	mti_free(allocator, backing);
	mti_os_close(fd);
	return status;
}

void mti_backing_ref(struct mti_backing *backing)
{
	atomic_fetch_add_explicit(&backing->references, 1,
				  memory_order_relaxed);
}

void mti_backing_unref(struct mti_backing *backing)
{
	if (!backing || atomic_fetch_sub_explicit(&backing->references, 1,
						  memory_order_acq_rel) != 1)
		return;
	mti_os_unmap((void *)(uintptr_t)backing->view, backing->size);
	mti_os_close(backing->fd);
	mti_free(backing->allocator, backing);
}

struct mti_store *mti_store_new(const struct mti_allocator *allocator,
				uint64_t memory_size)
{
	struct mti_store *store = mti_alloc(allocator, 1, sizeof(*store));

	if (!store)
		return NULL;
	store->references = 1;
	store->allocator = allocator;
	store->memory_size = memory_size;
	return store;
}

void mti_store_ref(struct mti_store *store)
{
	atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
}

void mti_store_unref(struct mti_store *store)
{
	size_t i;

	if (!store || atomic_fetch_sub_explicit(&store->references, 1,
						memory_order_acq_rel) != 1)
		return;
	for (i = 0; i < MTI_STORE_FILES; i++)
		mti_backing_unref(store->files[i]);
	mti_free(store->allocator, store);
}

const struct mti_extent *mti_store_find(const struct mti_store *store,
					uint64_t gpa)
{
	uint32_t low = 0;
	uint32_t high = store->extent_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct mti_extent *extent = &store->extents[middle];

		if (extent->gpa + extent->size <= gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low < store->extent_count ? &store->extents[low] : NULL;
}

const uint8_t *mti_store_page(const struct mti_store *store, uint64_t gpa)
{
	const struct mti_extent *extent = mti_store_find(store, gpa);

	if (!extent || gpa < extent->gpa)
		return NULL;
	return store->files[extent->file]->view + extent->offset +
	       (gpa - extent->gpa);
}

static bool extent_valid(const struct mti_store *store,
			 const struct mti_extent *extent)
{
	uint64_t all = extent->gpa | extent->size | extent->offset;

	return mti_is_aligned_u64(all, MOTE_PAGE_SIZE) && extent->size > 0 &&
	       extent->file < MTI_STORE_FILES && store->files[extent->file] &&
	       mti_range_ok(extent->gpa, extent->size, store->memory_size) &&
	       mti_range_ok(extent->offset, extent->size,
			    store->files[extent->file]->size);
}

bool mti_store_valid(const struct mti_store *store)
{
	uint64_t end = 0;
	uint32_t i;

	if (store->extent_count > MTI_STORE_EXTENTS_MAX ||
	    !mti_is_aligned_u64(store->memory_size, MOTE_PAGE_SIZE))
		return false;
	for (i = 0; i < store->extent_count; i++) {
		const struct mti_extent *extent = &store->extents[i];

		if (extent->gpa < end || !extent_valid(store, extent))
			return false;
		end = extent->gpa + extent->size;
	}
	return true;
}
