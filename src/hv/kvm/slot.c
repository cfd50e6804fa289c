/*
 * Memory of the guest beside the first slot.
 */
#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"

static const char operation[] = "map memory";

struct kvm_slot *mti_kvm_slot(struct mti_vm *vm, uint32_t slot)
{
	if (slot == 0)
		return &vm->memory[0];
	if (slot == KVM_SECOND_SLOT && vm->memory[1].size > 0)
		return &vm->memory[1];
	if (slot > vm->mapped_count || vm->mapped[slot - 1].size == 0)
		return NULL;
	return &vm->mapped[slot - 1];
}

static bool overlaps(const struct kvm_slot *slot,
		     const struct mti_vm_mapping *mapping)
{
	return slot && mapping->gpa < slot->gpa + slot->size &&
	       slot->gpa < mapping->gpa + mapping->size;
}

/* Whether a mapping would lie upon a slot in use. */
static bool overlaps_any(struct mti_vm *vm,
			 const struct mti_vm_mapping *mapping)
{
	uint32_t i;

	for (i = 0; i <= vm->mapped_count; i++)
		if (overlaps(mti_kvm_slot(vm, i), mapping))
			return true;
	return overlaps(mti_kvm_slot(vm, KVM_SECOND_SLOT), mapping);
}

static mote_status check(struct mti_vm *vm, uint32_t slot,
			 const struct mti_vm_mapping *mapping, mote_error *err)
{
	uint32_t bits = vm->hv->physical_bits;
	uint64_t address = (uint64_t)(uintptr_t)mapping->memory;
	uint64_t limit = bits < 64 ? UINT64_C(1) << bits : UINT64_MAX;

	if (slot == 0 || slot > MTI_VM_SLOTS_MAX)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "there is no slot %u", slot);
	if (mti_kvm_slot(vm, slot))
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
	struct kvm_slot *table;
	uint32_t count = (slot + 7) & ~7u;

	if (slot <= vm->mapped_count)
		return MOTE_OK;
	table = mti_alloc(vm->hv->allocator, count, sizeof(*table));
	if (!table)
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "no memory for a table of %u slots",
				     count);
	if (vm->mapped_count > 0)
		memcpy(table, vm->mapped, vm->mapped_count * sizeof(*table));
	mti_free(vm->hv->allocator, vm->mapped);
	vm->mapped = table;
	vm->mapped_count = count;
	return MOTE_OK;
}

mote_status mti_kvm_map(struct mti_vm *vm, uint32_t slot,
			const struct mti_vm_mapping *mapping, mote_error *err)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = mapping->gpa,
		.memory_size = mapping->size,
		.userspace_addr = (uint64_t)(uintptr_t)mapping->memory,
	};
	mote_status status = check(vm, slot, mapping, err);
	int os;

	if (status == MOTE_OK)
		status = grow(vm, slot, err);
	if (status != MOTE_OK)
		return status;
	if (!mapping->writable)
		region.flags = KVM_MEM_READONLY;
	else if (vm->ring)
		region.flags = KVM_MEM_LOG_DIRTY_PAGES;
	os = mti_os_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, operation, -os,
				    "KVM_SET_USER_MEMORY_REGION, slot %u, "
				    "%llu bytes at 0x%llx",
				    slot, (unsigned long long)mapping->size,
				    (unsigned long long)mapping->gpa);
	vm->mapped[slot - 1].gpa = mapping->gpa;
	vm->mapped[slot - 1].size = mapping->size;
	return MOTE_OK;
}

mote_status mti_kvm_unmap(struct mti_vm *vm, uint32_t slot, mote_error *err)
{
	struct kvm_userspace_memory_region region = { .slot = slot };
	struct kvm_slot *used = slot > 0 ? mti_kvm_slot(vm, slot) : NULL;
	int os;

	if (!used)
		return MOTE_OK;
	os = mti_os_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	mti_kvm_dirty_forget(vm, slot);
	memset(used, 0, sizeof(*used));
	if (os == 0)
		return MOTE_OK;
	/* The guest would see whatever the host puts at the address next. */
	mti_kvm_lose(vm, "a mapping could not be removed from it");
	return mti_error_os(err, MOTE_E_OS, "unmap memory", -os,
			    "KVM_SET_USER_MEMORY_REGION, slot %u", slot);
}

void mti_kvm_slots_fini(struct mti_vm *vm)
{
	uint32_t i;

	for (i = 0; i < vm->mapped_count; i++)
		mti_free(vm->hv->allocator, vm->mapped[i].pending);
	mti_free(vm->hv->allocator, vm->mapped);
	for (i = 0; i < MTI_VM_RANGES_MAX; i++)
		mti_free(vm->hv->allocator, vm->memory[i].pending);
}
