#include "sandbox/mapping.h"

#include <errno.h>

#include "base/checked.h"
#include "base/error.h"
#include "os/os.h"

static const char operation[] = "map into guest";

static struct mti_window_tables tables_of(mote_sandbox *box)
{
	return (struct mti_window_tables){
		.arch = box->image->arch,
		.layout = &box->template->layout,
		.allocator = mti_sandbox_allocator(box),
		.memory = &box->memory,
		.window = &box->window,
	};
}

static void poison(mote_sandbox *box)
{
	atomic_store_explicit(&box->state, MOTE_SANDBOX_POISONED,
			      memory_order_relaxed);
}

/*
 * Page tables first: what they show is not there before the hypervisor has
 * it, and to take them back is cheap, to take a slot back is not.
 */
static mote_status show(mote_sandbox *box, const struct mti_mapping *mapping,
			mote_error *err)
{
	const struct mti_hv_ops *ops = mti_ops_of(box);
	const struct mti_window_tables tables = tables_of(box);
	const struct mti_vm_mapping slot = {
		.gpa = mapping->gpa,
		.memory = mapping->memory,
		.size = mapping->size,
		/* Else a write is a fault, and resolved with a copy. */
		.writable = mapping->writable && !box->memory.cow,
	};
	mote_status status = mti_window_show(&tables, mapping, err);

	if (status == MOTE_E_NO_MEMORY && mti_copy_make_room(box))
		status = mti_window_show(&tables, mapping, err);
	if (status != MOTE_OK)
		return status;
	status = ops->map(box->vm, mapping->slot, &slot, err);
	if (status != MOTE_OK &&
	    mti_window_hide(&tables, mapping, NULL) != MOTE_OK)
		poison(box);
	return status;
}

/* A mapping that is placed and has its memory. */
static mote_status add(mote_sandbox *box, const struct mti_mapping *mapping,
		       uint64_t *address, mote_error *err)
{
	mote_status status;

	if (!mti_window_reserve(&box->window, mti_sandbox_allocator(box)))
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory for the list of mappings");
	status = show(box, mapping, err);
	if (status != MOTE_OK)
		return status;
	mti_window_insert(&box->window, mapping);
	*address = mapping->gva;
	return MOTE_OK;
}

mote_status mti_mapping_memory(mote_sandbox *box, const void *memory,
			       uint64_t size, uint64_t *address,
			       mote_error *err)
{
	struct mti_mapping mapping = {
		.gva = *address,
		.size = size,
		.memory = (void *)(uintptr_t)memory,
	};
	mote_status status = mti_window_place(
		&box->window, &box->template->layout, &mapping, err);

	if (status == MOTE_OK)
		status = add(box, &mapping, address, err);
	return status;
}

/* What of the file is wanted, in whole pages. */
static mote_status check_file(int fd, uint64_t offset, uint64_t *size,
			      mote_error *err)
{
	int64_t length = mti_os_file_size(fd);
	uint64_t rest;

	if (length == -EINVAL)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "descriptor %d is not of a regular file",
				     fd);
	if (length < 0)
		return mti_error_os(err, MOTE_E_OS, operation, (int)-length,
				    "descriptor %d", fd);
	if (offset >= (uint64_t)length)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "offset 0x%llx is not within the file, "
				     "which has 0x%llx bytes",
				     (unsigned long long)offset,
				     (unsigned long long)length);
	rest = (uint64_t)length - offset;
	if (*size > rest)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "0x%llx bytes at 0x%llx reach beyond the "
				     "file, which has 0x%llx bytes",
				     (unsigned long long)*size,
				     (unsigned long long)offset,
				     (unsigned long long)length);
	if (*size == 0)
		*size = rest;
	/* No file is larger than 2^63 - 1. */
	(void)mti_align_up_u64(*size, MOTE_PAGE_SIZE, size);
	return MOTE_OK;
}

mote_status mti_mapping_file(mote_sandbox *box, int fd, uint64_t offset,
			     uint64_t size, bool private, uint64_t *address,
			     mote_error *err)
{
	struct mti_mapping mapping = {
		.gva = *address,
		.writable = private,
		.owned = true,
	};
	mote_status status = check_file(fd, offset, &size, err);
	int os;

	mapping.size = size;
	if (status == MOTE_OK)
		status = mti_window_place(&box->window, &box->template->layout,
					  &mapping, err);
	if (status != MOTE_OK)
		return status;
	os = mti_os_map_part(fd, offset, size, private, &mapping.memory);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -os,
				    "mmap of 0x%llx bytes at 0x%llx of "
				    "descriptor %d",
				    (unsigned long long)size,
				    (unsigned long long)offset, fd);
	status = add(box, &mapping, address, err);
	if (status != MOTE_OK)
		mti_os_unmap(mapping.memory, size);
	return status;
}

static mote_status add_one(mote_sandbox *box, const mote_mapping *one,
			   mote_error *err)
{
	uint64_t address = one->address;

	if (one->fd < 0)
		return mti_mapping_memory(box, one->memory, one->size, &address,
					  err);
	return mti_mapping_file(box, one->fd, one->offset, one->size,
				one->flags & MOTE_MAP_PRIVATE, &address, err);
}

mote_status mti_mapping_add_all(mote_sandbox *box, const mote_mapping *mappings,
				size_t count, mote_error *err)
{
	mote_status status = MOTE_OK;
	size_t i;

	for (i = 0; i < count && status == MOTE_OK; i++) {
		status = add_one(box, &mappings[i], err);
		if (status != MOTE_OK)
			mti_error_prefix(err, "mappings[%zu]: ", i);
	}
	return status;
}

/*
 * Takes it from the VM, which also makes the CPU forget what the page tables
 * said. If that fails the VM never runs again, and a restore replaces it.
 */
static mote_status forget(mote_sandbox *box, size_t index, mote_error *err)
{
	const struct mti_hv_ops *ops = mti_ops_of(box);
	struct mti_mapping *mapping = &box->window.mappings[index];
	mote_status status = MOTE_OK;

	if (box->vm)
		status = ops->unmap(box->vm, mapping->slot, err);
	/* A child has none of its parent's guest memory. */
	if (mapping->owned && box->generation == mti_fork_generation())
		mti_os_unmap(mapping->memory, mapping->size);
	mti_window_remove(&box->window, index);
	return status;
}

mote_status mti_mapping_remove(mote_sandbox *box, uint64_t address,
			       mote_error *err)
{
	size_t index = mti_window_find(&box->window, address);
	struct mti_window_tables tables;
	mote_status hidden;
	mote_status status;

	if (index == box->window.count)
		return mti_error_set(err, MOTE_E_INVALID, "unmap from guest",
				     "no mapping starts at 0x%llx",
				     (unsigned long long)address);
	tables = tables_of(box);
	hidden = mti_window_hide(&tables, &box->window.mappings[index], err);
	status = forget(box, index, hidden == MOTE_OK ? err : NULL);
	if (hidden != MOTE_OK)
		status = hidden;
	if (status != MOTE_OK)
		poison(box);
	return status;
}

void mti_mapping_drop_all(mote_sandbox *box)
{
	while (box->window.count > 0)
		(void)forget(box, box->window.count - 1, NULL);
	mti_window_clear(&box->window, mti_sandbox_allocator(box));
}
