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

mote_status mti_backing_stage(const struct mti_allocator *allocator,
			      uint64_t size, struct mti_backing **out,
			      uint8_t **bytes, mote_error *err)
{
	struct mti_backing *backing = mti_alloc(allocator, 1, sizeof(*backing));
	void *memory;
	int os;

	if (!backing)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "stage memory",
				     "no memory for its record");
	os = mti_os_map_staging(size, &memory);
	if (os < 0) {
		mti_free(allocator, backing);
		return mti_error_os(err, MOTE_E_NO_MEMORY, "stage memory", -os,
				    "mmap of %llu bytes",
				    (unsigned long long)size);
	}
	backing->references = 1;
	backing->allocator = allocator;
	backing->fd = -1;
	backing->size = size;
	backing->view = memory;
	*bytes = memory;
	*out = backing;
	return MOTE_OK;
}

mote_status mti_backing_seal(struct mti_backing *backing, mote_error *err)
{
	int os = mti_os_protect((void *)(uintptr_t)backing->view,
				backing->size);

	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, "stage memory", -os,
				    "mprotect of %llu bytes",
				    (unsigned long long)backing->size);
	return MOTE_OK;
}

static const uint8_t zeros[MOTE_PAGE_SIZE];

bool mti_page_is_zero(const uint8_t *page)
{
	return memcmp(page, zeros, sizeof(zeros)) == 0;
}

bool mti_store_has(const struct mti_store *store, uint64_t gpa,
		   const uint8_t *page)
{
	const uint8_t *kept = mti_store_page(store, gpa);

	return memcmp(page, kept ? kept : zeros, MOTE_PAGE_SIZE) == 0;
}

/* From offset on, the pages that are zero, or are not. */
static uint64_t run_of(const struct mti_backing *backing, uint64_t offset,
		       bool zero)
{
	uint64_t end = offset;

	while (end < backing->size &&
	       mti_page_is_zero(backing->view + end) == zero)
		end += MOTE_PAGE_SIZE;
	return end - offset;
}

/* A sealed file of the same bytes; pages of zeros are holes. */
static int make_file(const struct mti_backing *backing)
{
	int fd = mti_os_memfd("mote-snapshot", backing->size);
	uint64_t offset = 0;
	int os = fd < 0 ? fd : 0;

	while (os == 0 && offset < backing->size) {
		uint64_t size;

		offset += run_of(backing, offset, true);
		size = run_of(backing, offset, false);
		if (size > 0)
			os = mti_os_pwrite(fd, backing->view + offset, size,
					   offset);
		offset += size;
	}
	return fd < 0 ? fd : mti_store_seal(fd, os);
}

int mti_store_seal(int fd, int os)
{
	if (os == 0)
		os = mti_os_memfd_seal(fd);
	if (os == 0)
		return fd;
	mti_os_close(fd);
	return os;
}

int mti_backing_file(struct mti_backing *backing)
{
	int fd = atomic_load_explicit(&backing->fd, memory_order_acquire);
	int none = -1;

	if (fd >= 0)
		return fd;
	fd = make_file(backing);
	if (fd < 0)
		return fd;
	if (!atomic_compare_exchange_strong_explicit(&backing->fd, &none, fd,
						     memory_order_acq_rel,
						     memory_order_acquire)) {
		/* Another thread was faster. */
		mti_os_close(fd);
		return none;
	}
	/* If that fails there are two copies, and both stay as they are. */
	(void)mti_os_map_instead((void *)(uintptr_t)backing->view,
				 backing->size, fd);
	return fd;
}

int64_t mti_backing_read(const struct mti_backing *backing, void *buffer,
			 size_t size, uint64_t offset)
{
	int fd = atomic_load_explicit(&backing->fd, memory_order_acquire);

	if (fd >= 0)
		return mti_os_pread(fd, buffer, size, offset);
	memcpy(buffer, backing->view + offset, size);
	return (int64_t)size;
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

uint32_t mti_store_file_count(const struct mti_store *store)
{
	uint32_t count = 0;

	while (count < MTI_STORE_FILES && store->files[count])
		count++;
	return count;
}

uint64_t mti_store_files_max(uint64_t memory_size)
{
	return memory_size > UINT64_MAX / 2 ? UINT64_MAX : memory_size * 2;
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
