#include <mote/snapshot.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "sandbox/mapping.h"

#define KNOWN_FLAGS MOTE_MAP_PRIVATE

static const char mapping[] = "map into guest";

_Static_assert(MOTE_MAP_ADDRESS_FIRST == MOTE_GVA_MAP &&
		       MOTE_MAP_ADDRESS_LIMIT == MOTE_GVA_MAP_LIMIT,
	       "what the header says is what the layout has");

mote_status mote_map_file(mote_sandbox *box, int fd, uint64_t offset,
			  uint64_t size, uint32_t flags, uint64_t *address,
			  mote_error *err)
{
	mote_status status;

	if (!box || !address)
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "%s is NULL", box ? "address" : "box");
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
	status = mti_sandbox_acquire_ready(box, mapping, err);
	if (status != MOTE_OK)
		return status;
	status = mti_mapping_file(box, fd, offset, size,
				  flags & MOTE_MAP_PRIVATE, address, err);
	mti_sandbox_release(box);
	return status;
}

mote_status mote_map_memory(mote_sandbox *box, const void *memory,
			    uint64_t size, uint64_t *address, mote_error *err)
{
	uint64_t start = (uint64_t)(uintptr_t)memory;
	mote_status status;
	uint64_t end;

	if (!box || !memory || !address)
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "%s is NULL",
				     !box    ? "box" :
				     !memory ? "memory" :
					       "address");
	if (!mti_is_aligned_u64(start | size, MOTE_PAGE_SIZE))
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "0x%llx bytes of memory at %p: both must "
				     "be multiples of a page, 0x%x",
				     (unsigned long long)size, memory,
				     MOTE_PAGE_SIZE);
	if (size == 0 || !mti_add_u64(start, size, &end))
		return mti_error_set(err, MOTE_E_INVALID, mapping,
				     "0x%llx bytes of memory at %p: there is "
				     "no such range",
				     (unsigned long long)size, memory);
	status = mti_sandbox_acquire_ready(box, mapping, err);
	if (status != MOTE_OK)
		return status;
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
