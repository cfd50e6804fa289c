/*
 * A VM: its first memory slots, one virtual CPU. The backend's table.
 */
#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "hv/kvm/ops.h"
#include "os/os.h"

static void vm_free(struct mti_vm *vm)
{
	if (!vm)
		return;
	if (vm->run)
		mti_os_unmap(vm->run, vm->map_size);
	mti_os_close(vm->vcpu_fd);
	mti_os_close(vm->fd);
	mti_kvm_slots_fini(vm);
	mti_free_apart(vm->hv->allocator, vm);
}

static mote_status set_range(struct mti_vm *vm, uint32_t slot, uint32_t flags,
			     const struct mti_vm_range *range,
			     struct kvm_slot *memory, mote_error *err)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = range->writable ? flags : KVM_MEM_READONLY,
		.guest_phys_addr = range->gpa,
		.memory_size = range->size,
		.userspace_addr = (uint64_t)(uintptr_t)range->memory,
	};
	uint32_t bits = vm->hv->physical_bits;
	int status;

	if (bits < 64 &&
	    !mti_range_ok(range->gpa, range->size, UINT64_C(1) << bits))
		return mti_error_set(
			err, MOTE_E_INVALID, "create VM",
			"the guest needs %llu bytes at 0x%llx, but this CPU "
			"addresses only %u bits",
			(unsigned long long)range->size,
			(unsigned long long)range->gpa, bits);
	status = mti_os_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	if (status < 0)
		return mti_error_os(err, MOTE_E_OS, "create VM", -status,
				    "KVM_SET_USER_MEMORY_REGION, %llu bytes "
				    "at 0x%llx",
				    (unsigned long long)range->size,
				    (unsigned long long)range->gpa);
	memory->gpa = range->gpa;
	memory->size = range->size;
	if (slot == 0)
		vm->memory_address = region.userspace_addr;
	return MOTE_OK;
}

static mote_status set_memory(struct mti_vm *vm,
			      const struct mti_vm_config *config,
			      mote_error *err)
{
	mote_status status = MOTE_OK;
	uint32_t flags = 0;
	uint32_t i;

	/*
	 * kvm-pvm, which has no nested paging, interprets what runs at CPL 0,
	 * and puts a page into the ring for each write that it interprets:
	 * more than the ring holds before it looks whether it is full.
	 */
	if (!vm->bare || vm->hv->nested_paging)
		flags = mti_kvm_dirty_enable(vm);
	for (i = 0; i < config->range_count && status == MOTE_OK; i++) {
		status = set_range(vm, i == 0 ? 0 : KVM_SECOND_SLOT, flags,
				   &config->ranges[i], &vm->memory[i], err);
		mti_kvm_vcpu_memory(vm, &config->ranges[i],
				    config->page_table_gpa);
	}
	return status;
}

static mote_status create_vcpu(struct mti_vm *vm, mote_error *err)
{
	sigset_t none;
	void *run;
	int status;

	status = mti_os_ioctl_value(vm->fd, KVM_CREATE_VCPU, 0);
	if (status < 0)
		return mti_error_os(err, MOTE_E_OS, "create VM", -status,
				    "KVM_CREATE_VCPU");
	vm->vcpu_fd = status;
	status = mti_os_map_device(vm->map_size, vm->vcpu_fd, &run);
	if (status < 0)
		return mti_error_os(err, MOTE_E_OS, "create VM", -status,
				    "mapping the virtual CPU");
	vm->run = run;
	mti_kvm_dirty_mapped(vm);
	sigemptyset(&none);
	status = mti_kvm_set_signal_mask(vm, &none);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "create VM",
				    -status, "KVM_SET_SIGNAL_MASK");
	return MOTE_OK;
}

static mote_status vm_new(struct mti_hv *hv, const struct mti_vm_config *config,
			  struct mti_vm **out, mote_error *err)
{
	struct mti_vm *vm;
	mote_status status;

	if (!mti_kvm_runs(config))
		return mti_error_set(err, MOTE_E_UNSUPPORTED, "create VM",
				     "KVM does not run %s guests of %s here",
				     config->bare ? "bare" : "user-mode",
				     config->arch->name);
	vm = mti_alloc_apart(hv->allocator, sizeof(*vm));
	if (!vm)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "create VM",
				     "no memory for the VM");
	vm->hv = hv;
	vm->bare = config->bare;
	vm->vcpu_fd = -1;
	vm->map_size = hv->run_size;
	vm->fd = mti_os_ioctl_value(hv->fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0) {
		status = mti_error_os(err, MOTE_E_OS, "create VM", -vm->fd,
				      "KVM_CREATE_VM");
		goto fail;
	}
	status = set_memory(vm, config, err);
	if (status != MOTE_OK)
		goto fail;
	status = mti_kvm_cpu_prepare(vm, err);
	if (status == MOTE_OK)
		status = create_vcpu(vm, err);
	if (status == MOTE_OK)
		status = mti_kvm_vcpu_init(vm, config->page_table_gpa, err);
	if (status != MOTE_OK)
		goto fail;
	if (hv->tick_ns == UINT64_MAX)
		hv->tick_ns = mti_kvm_cpu_tick_ns(vm);
	*out = vm;
	return MOTE_OK;
fail:
	vm_free(vm);
	return status;
}

static uint32_t features(const struct mti_vm *vm)
{
	return mti_kvm_cpu_features(vm->hv);
}

static uint64_t tick_ns(const struct mti_vm *vm)
{
	return vm->hv->tick_ns;
}

static void kick(struct mti_vm *vm, bool on)
{
	vm->kicked = on;
	*(volatile uint8_t *)&vm->run->immediate_exit = on;
}

static bool is_lost(const struct mti_vm *vm)
{
	return vm->lost != NULL;
}

const struct mti_hv_ops mti_hv_kvm_ops = {
	.name = "kvm",
	.probe = mti_kvm_probe,
	.open = mti_kvm_open,
	.close = mti_kvm_close,
	.vm_new = vm_new,
	.vm_free = vm_free,
	.features = features,
	.tick_ns = tick_ns,
	.set_entry = mti_kvm_vcpu_set_entry,
	.run = mti_kvm_vcpu_run,
	.kick = kick,
	.block = mti_kvm_block,
	.registers = mti_kvm_vcpu_registers,
	.set_fs_base = mti_kvm_vcpu_set_fs_base,
	.state_get = mti_kvm_state_get,
	.state_set = mti_kvm_state_set,
#if defined(__x86_64__)
	.bare_get = mti_kvm_bare_get,
	.bare_set = mti_kvm_bare_set,
#endif
	.tracks = mti_kvm_tracks,
	.dirty = mti_kvm_dirty,
	.map = mti_kvm_map,
	.unmap = mti_kvm_unmap,
	.machine_get = mti_kvm_machine_get,
	.machine_set = mti_kvm_machine_set,
	.resume = mti_kvm_resume,
	.remapped = mti_kvm_remapped,
	.is_lost = is_lost,
};
