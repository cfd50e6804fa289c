#include <mote/snapshot.h>

#include "abi/layout.h"
#include "api/options.h"
#include "base/checked.h"
#include "base/error.h"
#include "sandbox/bare.h"
#include "sandbox/mapping.h"

#define KNOWN_FLAGS MOTE_MAP_PRIVATE

static const char mapping[] = "map into guest";

_Static_assert(MOTE_MAP_ADDRESS_FIRST == MOTE_GVA_MAP &&
		       MOTE_MAP_ADDRESS_LIMIT == MOTE_GVA_MAP_LIMIT,
	       "what the header says is what the layout has");

static mote_status check_file(uint64_t offset, uint32_t flags, mote_error *err)
{
	if (flags & ~KNOWN_FLAGS)
		return mti_error_set(err, MOTE_E_VERSION, mapping,
				     "flags is 0x%x, known are 0x%x", flags,
				     KNOWN_FLAGS);
	if (!mti_is_aligned_u64(offset, MOTE_PAGE_SIZE))
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "offset 0x%llx is not a multiple of a "
				     "page, 0x%x",
				     (unsigned long long)offset,
				     MOTE_PAGE_SIZE);
	return MOTE_OK;
}

static mote_status check_memory(const void *memory, uint64_t size,
				mote_error *err)
{
	uint64_t start = (uint64_t)(uintptr_t)memory;
	uint64_t end;

	if (!mti_is_aligned_u64(start | size, MOTE_PAGE_SIZE))
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "0x%llx bytes of memory at %p: both must "
				     "be multiples of a page, 0x%x",
				     (unsigned long long)size, memory,
				     MOTE_PAGE_SIZE);
	if (!memory || size == 0 || !mti_add_u64(start, size, &end))
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "0x%llx bytes of memory at %p: there is "
				     "no such range",
				     (unsigned long long)size, memory);
	return MOTE_OK;
}

/* What must be 0 for the one kind of mapping, or must not be. */
static mote_status check_members(const mote_mapping *one, mote_error *err)
{
	const char *wrong = NULL;

	if (one->address == 0)
		wrong = "address is 0";
	else if (one->fd < -1)
		wrong = "fd is negative, but not -1";
	else if (one->fd >= 0 && one->memory)
		wrong = "fd and memory are both given";
	else if (one->fd < 0 && one->offset != 0)
		wrong = "offset is not 0, for memory";
	else if (one->fd < 0 && one->flags != 0)
		wrong = "flags is not 0, for memory";
	if (wrong)
		return mti_error_set(err, MOTE_E_INVALID, mapping, "%s", wrong);
	return MOTE_OK;
}

mote_status mti_mappings_check(const mote_mapping *mappings, size_t count,
			       mote_error *err)
{
	mote_status status;
	size_t i;

	if (count > MTI_MAPPINGS_MAX)
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "mapping_count is %zu, at most %d", count,
				     MTI_MAPPINGS_MAX);
	if (count > 0 && !mappings)
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "mappings is NULL, mapping_count is %zu",
				     count);
	for (i = 0; i < count; i++) {
		const mote_mapping *one = &mappings[i];

		status = check_members(one, err);
		if (status == MOTE_OK)
			status = one->fd < 0 ?
					 check_memory(one->memory, one->size,
						      err) :
					 check_file(one->offset, one->flags,
						    err);
		if (status != MOTE_OK) {
			mti_error_prefix(err, "mappings[%zu]: ", i);
			return status;
		}
	}
	return MOTE_OK;
}

mote_status mote_map_file(mote_sandbox *box, int fd, uint64_t offset,
			  uint64_t size, uint32_t flags, uint64_t *address,
			  mote_error *err)
{
	mote_status status;

	if (!box || !address)
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "%s is NULL", box ? "address" : "box");
	status = check_file(offset, flags, err);
	if (status == MOTE_OK)
		status = mti_sandbox_acquire_ready(box, mapping, err);
	if (status != MOTE_OK)
		return status;
	status = mti_bare_never(box, mapping, err);
	if (status == MOTE_OK)
		status = mti_mapping_file(box, fd, offset, size,
					  flags & MOTE_MAP_PRIVATE, address,
					  err);
	mti_sandbox_release(box);
	return status;
}

mote_status mote_map_memory(mote_sandbox *box, const void *memory,
			    uint64_t size, uint64_t *address, mote_error *err)
{
	mote_status status;

	if (!box || !memory || !address)
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "%s is NULL",
				     !box    ? "box" :
				     !memory ? "memory" :
					       "address");
	status = check_memory(memory, size, err);
	if (status == MOTE_OK)
		status = mti_sandbox_acquire_ready(box, mapping, err);
	if (status != MOTE_OK)
		return status;
	status = mti_bare_never(box, mapping, err);
	if (status == MOTE_OK)
		status = mti_mapping_memory(box, memory, size, address, err);
	mti_sandbox_release(box);
	return status;
}

mote_status mote_unmap(mote_sandbox *box, uint64_t address, mote_error *err)
{
	mote_status status;

	if (!box)
		return mti_error_set(err, MOTE_E_INVALID, "unmap from guest",
				     "box is NULL");
	/* In any state: the program may want its memory back. */
	status = mti_sandbox_acquire(box, err);
	if (status != MOTE_OK)
		return status;
	status = mti_mapping_remove(box, address, err);
	mti_sandbox_release(box);
	return status;
}
