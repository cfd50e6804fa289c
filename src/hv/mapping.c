#include "hv/mapping.h"

#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"

static const char operation[] = "map memory";

mote_status mti_mapping_check(const struct mti_vm_mapping *mapping,
			      uint32_t slot, bool used, uint32_t bits,
			      mote_error *err)
{
	uint64_t address = (uint64_t)(uintptr_t)mapping->memory;
	uint64_t limit = bits < 64 ? UINT64_C(1) << bits : UINT64_MAX;

	if (slot == 0 || slot > MTI_VM_SLOTS_MAX)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "there is no slot %u", slot);
	if (used)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "slot %u is in use", slot);
	if (mapping->size == 0 || address == 0 ||
	    (mapping->gpa | mapping->size | address) % MOTE_PAGE_SIZE != 0)
		return mti_error_set(
			err, MOTE_E_INVALID, operation,
			"%llu bytes of 0x%llx at 0x%llx are not whole pages",
			(unsigned long long)mapping->size,
			(unsigned long long)address,
			(unsigned long long)mapping->gpa);
	if (!mti_range_ok(mapping->gpa, mapping->size, limit))
		return mti_error_set(
			err, MOTE_E_INVALID, operation,
			"%llu bytes at 0x%llx, but this CPU addresses only %u "
			"bits",
			(unsigned long long)mapping->size,
			(unsigned long long)mapping->gpa, bits);
	return MOTE_OK;
}

mote_status mti_mapping_apart(const struct mti_vm_mapping *mapping,
			      uint64_t gpa, uint64_t size, mote_error *err)
{
	if (size == 0 || mapping->gpa >= gpa + size ||
	    gpa >= mapping->gpa + mapping->size)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_INVALID, operation,
			     "%llu bytes at 0x%llx lie upon other memory",
			     (unsigned long long)mapping->size,
			     (unsigned long long)mapping->gpa);
}

mote_status mti_mapping_grow(const struct mti_allocator *allocator,
			     void **table, uint32_t *count, size_t element,
			     uint32_t slot, mote_error *err)
{
	uint32_t wanted = (slot + 7) & ~7u;
	void *grown;

	if (slot <= *count)
		return MOTE_OK;
	grown = mti_alloc(allocator, wanted, element);
	if (!grown)
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory for a table of %u slots",
				     wanted);
	if (*count > 0)
		memcpy(grown, *table, *count * element);
	mti_free(allocator, *table);
	*table = grown;
	*count = wanted;
	return MOTE_OK;
}
