/*
 * Memory of the guest beside the first slot.
 */
#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "hv/mapping.h"
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

static mote_status check(struct mti_vm *vm, uint32_t slot,
			 const struct mti_vm_mapping *mapping, mote_error *err)
{
	bool used = slot > 0 && mti_kvm_slot(vm, slot);
	mote_status status = mti_mapping_check(
		mapping, slot, used, vm->hv->physical_bits, err);
	uint32_t i;

	for (i = 0; i < MTI_VM_RANGES_MAX && status == MOTE_OK; i++)
		status = mti_mapping_apart(mapping, vm->memory[i].gpa,
					   vm->memory[i].size, err);
	for (i = 0; i < vm->mapped_count && status == MOTE_OK; i++)
		status = mti_mapping_apart(mapping, vm->mapped[i].gpa,
					   vm->mapped[i].size, err);
	return status;
}

/* Room for that slot in the table. */
static mote_status grow(struct mti_vm *vm, uint32_t slot, mote_error *err)
{
	void *table = vm->mapped;
	mote_status status = mti_mapping_grow(vm->hv->allocator, &table,
					      &vm->mapped_count,
					      sizeof(*vm->mapped), slot, err);

	vm->mapped = table;
	return status;
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
