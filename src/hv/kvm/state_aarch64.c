/*
 * Bringing the virtual CPU into a state of which nothing is left of what ran
 * before.
 *
 * After a call that ended well user mode can have changed: the general
 * registers, which each entry sets; vector registers, FPCR and FPSR, which
 * the first entry's code in the syscall page sets; TPIDR_EL0; and TPIDRRO_EL0,
 * by a system call of its C library. After anything else KVM resets the CPU.
 */
#include <errno.h>
#include <string.h>

#include "arch/aarch64/boot.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "hv/kvm/registers_aarch64.h"
#include "os/os.h"

static const char operation[] = "restore CPU";

static int set_thread(struct mti_vm *vm)
{
	int status = mti_kvm_set_word(vm, KVM_TPIDR_EL0, vm->state.fs_base);

	if (status >= 0)
		status = mti_kvm_set_word(vm, KVM_TPIDRRO_EL0, 0);
	return status;
}

static mote_status reset_all(struct mti_vm *vm, mote_error *err)
{
	static const struct {
		int (*run)(struct mti_vm *vm);
		const char *name;
	} steps[] = {
		{ mti_kvm_finish, "KVM_RUN, to end an instruction" },
		{ mti_kvm_vcpu_reset, "KVM_ARM_VCPU_INIT" },
		{ mti_kvm_vcpu_set_system, "KVM_SET_ONE_REG" },
		{ set_thread, "KVM_SET_ONE_REG, TPIDR_EL0" },
	};
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int status = steps[i].run(vm);

		if (status < 0)
			return mti_error_os(err, MOTE_E_HYPERVISOR, operation,
					    -status, "%s", steps[i].name);
	}
	return MOTE_OK;
}

static mote_status check(const struct mti_cpu_state *state, mote_error *err)
{
	if (state->gs_base != 0)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "a second thread pointer, 0x%llx",
				     (unsigned long long)state->gs_base);
	if (state->mxcsr & ~MTI_AARCH64_FPCR_BITS ||
	    state->x87_control & ~MTI_AARCH64_FPSR_BITS)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "FPCR 0x%x, FPSR 0x%x: bits that there "
				     "are not",
				     state->mxcsr, state->x87_control);
	return MOTE_OK;
}

mote_status mti_kvm_state_set(struct mti_vm *vm,
			      const struct mti_cpu_state *state, bool clean,
			      mote_error *err)
{
	mote_status status = check(state, err);
	int os;

	if (status != MOTE_OK)
		return status;
	vm->state = *state;
	vm->entering = false;
	vm->restoring = false;
	if (!clean) {
		status = reset_all(vm, err);
		if (status != MOTE_OK)
			mti_kvm_lose(vm, "its CPU could not be reset");
	} else {
		os = set_thread(vm);
		if (os < 0)
			status = mti_error_os(err, MOTE_E_HYPERVISOR, operation,
					      -os, "KVM_SET_ONE_REG");
	}
	if (status == MOTE_OK)
		vm->restoring = true;
	return status;
}

mote_status mti_kvm_state_flush(struct mti_vm *vm, mote_error *err)
{
	mote_status status = reset_all(vm, err);
	int os;

	if (status != MOTE_OK)
		return status;
	os = mti_kvm_set(vm, KVM_FPCR, &vm->state.mxcsr);
	if (os >= 0)
		os = mti_kvm_set(vm, KVM_FPSR, &vm->state.x87_control);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -os,
				    "KVM_SET_ONE_REG, FPCR");
	vm->restoring = false;
	vm->last_exit = MTI_EXIT_INTERRUPTED;
	return MOTE_OK;
}

mote_status mti_kvm_state_get(struct mti_vm *vm, struct mti_cpu_state *state,
			      mote_error *err)
{
	int status;

	if (vm->restoring) {
		*state = vm->state;
		return MOTE_OK;
	}
	memset(state, 0, sizeof(*state));
	status = mti_kvm_get(vm, KVM_TPIDR_EL0, &state->fs_base);
	if (status >= 0)
		status = mti_kvm_get(vm, KVM_FPCR, &state->mxcsr);
	if (status >= 0)
		status = mti_kvm_get(vm, KVM_FPSR, &state->x87_control);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "save CPU", -status,
				    "KVM_GET_ONE_REG");
	return MOTE_OK;
}

/*
 * KVM has no word for "forget stage 1". But when the host takes a page away
 * that the guest uses, all that the CPU has of this guest's tables goes too,
 * for nobody can tell what was derived from the page (Arm ARM D8.13, TLB
 * maintenance by IPA is of stage 2 alone). Any page will do that is in use:
 * the root of the tables is.
 */
mote_status mti_kvm_remapped(struct mti_vm *vm, mote_error *err)
{
	int os = vm->root ? mti_os_take_page(vm->root) : -EFAULT;

	if (os == 0)
		return MOTE_OK;
	/* It would go on with pages that are another's now. */
	mti_kvm_lose(vm, "it could not be made to forget page tables");
	return mti_error_os(err, MOTE_E_HYPERVISOR, "run guest", -os,
			    "mprotect, to forget page tables");
}
