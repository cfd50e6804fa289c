/*
 * Guest-physical memory: what the VM was made with, and slots.
 */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "hv/soft/soft.h"
#include "os/os.h"

static const char operation[] = "map memory";

static bool holds(const struct mti_soft_piece *piece, uint64_t gpa)
{
	return gpa >= piece->gpa && gpa - piece->gpa < piece->size;
}

const struct mti_soft_piece *mti_soft_find(const struct mti_vm *vm,
					   uint64_t gpa)
{
	uint32_t i;

	for (i = 0; i < MTI_VM_RANGES_MAX; i++)
		if (holds(&vm->ranges[i], gpa))
			return &vm->ranges[i];
	for (i = 0; i < vm->slot_count; i++)
		if (holds(&vm->slots[i], gpa))
			return &vm->slots[i];
	return NULL;
}

/*
 * Tables lie in memory of the VM itself: a file of the host's that becomes
 * shorter must not be read here.
 */
bool mti_soft_read(void *context, uint64_t gpa, uint64_t *entry)
{
	const struct mti_vm *vm = context;
	uint32_t i;

	for (i = 0; i < MTI_VM_RANGES_MAX; i++) {
		const struct mti_soft_piece *piece = &vm->ranges[i];

		if (!holds(piece, gpa) ||
		    piece->size - (gpa - piece->gpa) < sizeof(*entry))
			continue;
		memcpy(entry, piece->memory + (gpa - piece->gpa),
		       sizeof(*entry));
		return true;
	}
	return false;
}

static bool overlaps(const struct mti_soft_piece *piece,
		     const struct mti_vm_mapping *mapping)
{
	return piece->size > 0 && mapping->gpa < piece->gpa + piece->size &&
	       piece->gpa < mapping->gpa + mapping->size;
}

static bool overlaps_any(const struct mti_vm *vm,
			 const struct mti_vm_mapping *mapping)
{
	uint32_t i;

	for (i = 0; i < MTI_VM_RANGES_MAX; i++)
		if (overlaps(&vm->ranges[i], mapping))
			return true;
	for (i = 0; i < vm->slot_count; i++)
		if (overlaps(&vm->slots[i], mapping))
			return true;
	return false;
}

static mote_status check(const struct mti_vm *vm, uint32_t slot,
			 const struct mti_vm_mapping *mapping, mote_error *err)
{
	/* As many bits as page tables of 4 levels can name. */
	const uint64_t limit = UINT64_C(1) << 52;
	uint64_t address = (uint64_t)(uintptr_t)mapping->memory;

	if (slot == 0 || slot > MTI_VM_SLOTS_MAX)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "there is no slot %u", slot);
	if (slot <= vm->slot_count && vm->slots[slot - 1].size > 0)
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
			(unsigned long long)mapping->gpa, 52u);
	if (overlaps_any(vm, mapping))
		return mti_error_set(
			err, MOTE_E_INVALID, operation,
			"%llu bytes at 0x%llx lie upon other memory",
			(unsigned long long)mapping->size,
			(unsigned long long)mapping->gpa);
	return MOTE_OK;
}

/* Room for that slot in the table. */
static mote_status grow(struct mti_vm *vm, uint32_t slot, mote_error *err)
{
	struct mti_soft_piece *table;
	uint32_t count = (slot + 7) & ~7u;

	if (slot <= vm->slot_count)
		return MOTE_OK;
	table = mti_alloc(&vm->hv->allocator, count, sizeof(*table));
	if (!table)
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory for a table of %u slots",
				     count);
	if (vm->slot_count > 0)
		memcpy(table, vm->slots, vm->slot_count * sizeof(*table));
	mti_free(&vm->hv->allocator, vm->slots);
	vm->slots = table;
	vm->slot_count = count;
	return MOTE_OK;
}

mote_status mti_soft_map(struct mti_vm *vm, uint32_t slot,
			 const struct mti_vm_mapping *mapping, mote_error *err)
{
	mote_status status = check(vm, slot, mapping, err);

	if (status == MOTE_OK)
		status = grow(vm, slot, err);
	if (status != MOTE_OK)
		return status;
	vm->slots[slot - 1] = (struct mti_soft_piece){
		.gpa = mapping->gpa,
		.size = mapping->size,
		.memory = mapping->memory,
		.writable = mapping->writable,
		.borrowed = true,
	};
	return MOTE_OK;
}

mote_status mti_soft_unmap(struct mti_vm *vm, uint32_t slot, mote_error *err)
{
	if (slot == 0 || slot > vm->slot_count ||
	    vm->slots[slot - 1].size == 0)
		return MOTE_OK;
	memset(&vm->slots[slot - 1], 0, sizeof(vm->slots[0]));
	vm->kind->forget(vm);
	if (!vm->broken)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_HYPERVISOR, "unmap memory",
			     "the emulator does not give slot %u back", slot);
}
