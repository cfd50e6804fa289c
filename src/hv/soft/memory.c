/*
 * Guest-physical memory: what the VM was made with, and slots.
 */
#include <string.h>

#include "base/error.h"
#include "hv/mapping.h"
#include "hv/soft/soft.h"

/* As many as page tables of 4 levels can name. */
#define PHYSICAL_BITS 52u

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

static mote_status check(const struct mti_vm *vm, uint32_t slot,
			 const struct mti_vm_mapping *mapping, mote_error *err)
{
	bool used = slot > 0 && slot <= vm->slot_count &&
		    vm->slots[slot - 1].size > 0;
	mote_status status =
		mti_mapping_check(mapping, slot, used, PHYSICAL_BITS, err);
	uint32_t i;

	for (i = 0; i < MTI_VM_RANGES_MAX && status == MOTE_OK; i++)
		status = mti_mapping_apart(mapping, vm->ranges[i].gpa,
					   vm->ranges[i].size, err);
	for (i = 0; i < vm->slot_count && status == MOTE_OK; i++)
		status = mti_mapping_apart(mapping, vm->slots[i].gpa,
					   vm->slots[i].size, err);
	return status;
}

/* Room for that slot in the table. */
static mote_status grow(struct mti_vm *vm, uint32_t slot, mote_error *err)
{
	void *table = vm->slots;
	mote_status status = mti_mapping_grow(&vm->hv->allocator, &table,
					      &vm->slot_count,
					      sizeof(*vm->slots), slot, err);

	vm->slots = table;
	return status;
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
