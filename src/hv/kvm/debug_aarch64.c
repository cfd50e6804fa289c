/*
 * All registers, for debuggers and core dumps.
 */
#include <string.h>

#include "arch/aarch64/boot.h"
#include "arch/aarch64/core.h"
#include "arch/aarch64/trap.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "hv/kvm/registers_aarch64.h"
#include "os/os.h"

#define VECTORS 32
#define VECTOR_BYTES 16

static const char reading[] = "read registers";
static const char writing[] = "set registers";

static int vector_get(struct mti_vm *vm, struct mti_machine *machine)
{
	int status = 0;
	int i;

	for (i = 0; i < VECTORS && status >= 0; i++)
		status = mti_kvm_get(vm, KVM_V(i),
				     machine->vector + i * VECTOR_BYTES);
	if (status >= 0)
		status = mti_kvm_get(vm, KVM_FPSR,
				     machine->vector + MTI_AARCH64_FPSIMD_FPSR);
	if (status >= 0)
		status = mti_kvm_get(vm, KVM_FPCR,
				     machine->vector + MTI_AARCH64_FPSIMD_FPCR);
	machine->vector_size = MTI_AARCH64_FPSIMD_BYTES;
	return status;
}

static int vector_set(struct mti_vm *vm, const struct mti_machine *machine)
{
	int status = 0;
	int i;

	for (i = 0; i < VECTORS && status >= 0; i++)
		status = mti_kvm_set(vm, KVM_V(i),
				     machine->vector + i * VECTOR_BYTES);
	if (status >= 0)
		status = mti_kvm_set(vm, KVM_FPSR,
				     machine->vector + MTI_AARCH64_FPSIMD_FPSR);
	if (status >= 0)
		status = mti_kvm_set(vm, KVM_FPCR,
				     machine->vector + MTI_AARCH64_FPSIMD_FPCR);
	return status;
}

/* A restored CPU, or one that is about to be entered, as it will be. */
static mote_status settle(struct mti_vm *vm, mote_error *err)
{
	mote_status status = MOTE_OK;
	int os;

	if (vm->restoring)
		status = mti_kvm_state_flush(vm, err);
	if (status == MOTE_OK)
		status = mti_kvm_vcpu_prepare(vm, err);
	if (status != MOTE_OK || vm->last_exit != MTI_EXIT_PORT)
		return status;
	os = mti_kvm_finish(vm);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, reading, -os,
				    "KVM_RUN, to end an instruction");
	vm->last_exit = MTI_EXIT_INTERRUPTED;
	return MOTE_OK;
}

mote_status mti_kvm_machine_get(struct mti_vm *vm, struct mti_machine *machine,
				mote_error *err)
{
	mote_fault fault = { 0 };
	mote_status status;
	uint64_t unused;
	int os;

	memset(machine, 0, sizeof(*machine));
	status = settle(vm, err);
	if (status == MOTE_OK)
		status = mti_kvm_vcpu_registers(vm, &fault, &unused, err);
	if (status != MOTE_OK)
		return status;
	memcpy(machine->general, fault.registers, sizeof(machine->general));
	machine->fs_base = machine->general[MTI_AARCH64_TPIDR];
	os = vector_get(vm, machine);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, reading, -os,
				    "KVM_GET_ONE_REG");
	return MOTE_OK;
}

static mote_status check(const struct mti_machine *machine, mote_error *err)
{
	uint64_t pc = machine->general[MTI_AARCH64_PC];
	uint32_t fpsr;
	uint32_t fpcr;

	memcpy(&fpsr, machine->vector + MTI_AARCH64_FPSIMD_FPSR, sizeof(fpsr));
	memcpy(&fpcr, machine->vector + MTI_AARCH64_FPSIMD_FPCR, sizeof(fpcr));
	if (pc >= mti_arch_aarch64.user_limit)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "no code of a guest can be at 0x%llx",
				     (unsigned long long)pc);
	if (machine->vector_size != MTI_AARCH64_FPSIMD_BYTES)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "%u bytes of vector registers, not %u",
				     machine->vector_size,
				     MTI_AARCH64_FPSIMD_BYTES);
	if (fpcr & ~MTI_AARCH64_FPCR_BITS || fpsr & ~MTI_AARCH64_FPSR_BITS)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "FPCR 0x%x, FPSR 0x%x: bits that there "
				     "are not",
				     fpcr, fpsr);
	return MOTE_OK;
}

static int general_set(struct mti_vm *vm, const uint64_t *general)
{
	uint64_t pstate =
		general[MTI_AARCH64_PSTATE] & MTI_AARCH64_PSTATE_SETTABLE;
	int status = 0;
	int i;

	for (i = 0; i <= MTI_AARCH64_X30 && status >= 0; i++)
		status = mti_kvm_set_word(vm, KVM_X(i), general[i]);
	if (status >= 0)
		status = mti_kvm_set_word(vm, KVM_SP_EL0,
					  general[MTI_AARCH64_SP]);
	if (status >= 0)
		status = mti_kvm_set_word(vm, KVM_PC, general[MTI_AARCH64_PC]);
	if (status >= 0)
		status = mti_kvm_set_word(vm, KVM_PSTATE,
					  pstate | MTI_AARCH64_PSTATE_USER);
	if (status >= 0)
		status = mti_kvm_vcpu_set_stepping(
			vm, pstate & MTI_AARCH64_PSTATE_SS);
	return status;
}

/*
 * A translation that was refused may be kept by the CPU all the same (Arm ARM
 * D8.13): it has to forget it, or the guest would fault for ever.
 */
mote_status mti_kvm_resume(struct mti_vm *vm, const uint64_t *general,
			   mote_error *err)
{
	mote_status status;
	int os;

	if (general[MTI_AARCH64_PC] >= mti_arch_aarch64.user_limit)
		return mti_error_set(
			err, MOTE_E_INVALID, writing,
			"no code of a guest can be at 0x%llx",
			(unsigned long long)general[MTI_AARCH64_PC]);
	status = mti_kvm_remapped(vm, err);
	if (status != MOTE_OK)
		return status;
	os = mti_kvm_finish(vm);
	if (os >= 0)
		os = general_set(vm, general);
	if (os < 0) {
		mti_kvm_lose(vm, "its registers could not be set");
		return mti_error_os(err, MOTE_E_HYPERVISOR, writing, -os,
				    "KVM_SET_ONE_REG");
	}
	vm->last_exit = MTI_EXIT_INTERRUPTED;
	return MOTE_OK;
}

mote_status mti_kvm_machine_set(struct mti_vm *vm,
				const struct mti_machine *machine,
				mote_error *err)
{
	mote_status status = check(machine, err);
	int os = 0;

	if (status == MOTE_OK &&
	    (vm->restoring || vm->last_exit == MTI_EXIT_BAD_IO ||
	     vm->last_exit == MTI_EXIT_MACHINE))
		status = mti_kvm_state_flush(vm, err);
	if (status != MOTE_OK)
		return status;
	/* The store of an exit, be it EL1's, would move the new PC. */
	os = mti_kvm_finish(vm);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, writing, -os,
				    "KVM_RUN, to end an instruction");
	vm->entering = false;
	os = vector_set(vm, machine);
	if (os >= 0)
		os = general_set(vm, machine->general);
	if (os >= 0)
		os = mti_kvm_set_word(vm, KVM_TPIDR_EL0, machine->fs_base);
	if (os < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, writing, -os,
				    "KVM_SET_ONE_REG");
	vm->last_exit = MTI_EXIT_INTERRUPTED;
	return MOTE_OK;
}
