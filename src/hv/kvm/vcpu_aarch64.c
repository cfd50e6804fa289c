/*
 * The virtual CPU of AArch64: initial state, entry, exits.
 *
 * KVM has no shared registers here (KVM_CAP_SYNC_REGS): each is a system call
 * of its own, and an entry sets them all.
 *
 * A guest calls by a store where no memory is (abi/trap.h), KVM_EXIT_MMIO.
 * The next KVM_RUN ends the instruction, by adding 4 to whatever PC is then
 * (KVM api, 5, KVM_EXIT_MMIO): it must have been completed before a new PC.
 */
#include <errno.h>
#include <string.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "arch/aarch64/boot.h"
#include "arch/aarch64/trap.h"
#include "base/error.h"
#include "hv/kvm/kvm.h"
#include "hv/kvm/registers_aarch64.h"
#include "hv/port.h"
#include "os/os.h"

int mti_kvm_get(struct mti_vm *vm, uint64_t id, void *value)
{
	struct kvm_one_reg reg = {
		.id = id,
		.addr = (uint64_t)(uintptr_t)value,
	};

	return mti_os_ioctl(vm->vcpu_fd, KVM_GET_ONE_REG, &reg);
}

int mti_kvm_set(struct mti_vm *vm, uint64_t id, const void *value)
{
	struct kvm_one_reg reg = {
		.id = id,
		.addr = (uint64_t)(uintptr_t)value,
	};

	return mti_os_ioctl(vm->vcpu_fd, KVM_SET_ONE_REG, &reg);
}

int mti_kvm_set_word(struct mti_vm *vm, uint64_t id, uint64_t value)
{
	return mti_kvm_set(vm, id, &value);
}

int mti_kvm_vcpu_reset(struct mti_vm *vm)
{
	struct kvm_vcpu_init init;
	int status;

	status = mti_os_ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init);
	if (status < 0)
		return status;
	/* No features: no SVE, no performance counters, no PSCI. */
	memset(init.features, 0, sizeof(init.features));
	vm->stepping = false;
	return mti_os_ioctl(vm->vcpu_fd, KVM_ARM_VCPU_INIT, &init);
}

int mti_kvm_vcpu_set_system(struct mti_vm *vm)
{
	const struct {
		uint64_t id;
		uint64_t value;
	} registers[] = {
		{ KVM_MAIR_EL1, MTI_AARCH64_MAIR },
		{ KVM_TCR_EL1,
		  MTI_AARCH64_TCR | MTI_AARCH64_TCR_IPS_40
					    << MTI_AARCH64_TCR_IPS_SHIFT },
		{ KVM_TTBR0_EL1, vm->page_table_gpa },
		{ KVM_TTBR1_EL1, 0 },
		{ KVM_VBAR_EL1, MTI_AARCH64_VBAR },
		{ KVM_CPACR_EL1, MTI_AARCH64_CPACR },
		{ KVM_CNTKCTL_EL1, MTI_AARCH64_CNTKCTL },
		{ KVM_MDSCR_EL1, MTI_AARCH64_MDSCR },
		/* KVM's first values of these are not zero. */
		{ KVM_TPIDR_EL0, 0 },
		{ KVM_TPIDRRO_EL0, 0 },
		{ KVM_SCTLR_EL1, MTI_AARCH64_SCTLR },
	};
	int status = 0;
	size_t i;

	for (i = 0; i < sizeof(registers) / sizeof(registers[0]) && status >= 0;
	     i++)
		status = mti_kvm_set_word(vm, registers[i].id,
					  registers[i].value);
	return status < 0 ? status : 0;
}

mote_status mti_kvm_cpu_prepare(struct mti_vm *vm, mote_error *err)
{
	(void)vm;
	(void)err;
	return MOTE_OK;
}

void mti_kvm_vcpu_memory(struct mti_vm *vm, const struct mti_vm_range *range,
			 uint64_t page_table_gpa)
{
	if (range->writable && page_table_gpa >= range->gpa &&
	    page_table_gpa - range->gpa < range->size)
		vm->root =
			(char *)range->memory + (page_table_gpa - range->gpa);
}

mote_status mti_kvm_vcpu_init(struct mti_vm *vm, uint64_t page_table_gpa,
			      mote_error *err)
{
	static const char *const operation = "create VM";
	struct kvm_enable_cap nisv = { .cap = KVM_CAP_ARM_NISV_TO_USER };
	int status;

	vm->page_table_gpa = page_table_gpa;
	status = mti_os_ioctl(vm->fd, KVM_ENABLE_CAP, &nisv);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_CAP_ARM_NISV_TO_USER");
	status = mti_kvm_vcpu_reset(vm);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_ARM_VCPU_INIT");
	status = mti_kvm_vcpu_set_system(vm);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_SET_ONE_REG");
	return MOTE_OK;
}

void mti_kvm_vcpu_set_entry(struct mti_vm *vm, const struct mti_entry *entry)
{
	vm->entry = *entry;
	vm->entering = true;
}

int mti_kvm_finish(struct mti_vm *vm)
{
	int status;

	if (!vm->incomplete)
		return 0;
	status = mti_kvm_complete(vm);
	if (status == 0)
		vm->incomplete = false;
	return status;
}

/*
 * MDSCR_EL1.SS while PSTATE.SS is clear would be an exception before the next
 * instruction.
 */
int mti_kvm_vcpu_set_stepping(struct mti_vm *vm, bool on)
{
	int status;

	if (vm->stepping == on)
		return 0;
	status = mti_kvm_set_word(vm, KVM_MDSCR_EL1,
				  MTI_AARCH64_MDSCR |
					  (on ? MTI_AARCH64_MDSCR_SS : 0));
	if (status >= 0)
		vm->stepping = on;
	return status;
}

/*
 * After a restore it begins in the code of the syscall page, which clears the
 * vector registers and goes on at X17.
 */
static int set_registers(struct mti_vm *vm)
{
	uint64_t x[31] = { vm->entry.argument0, vm->entry.argument1 };
	uint64_t pc = vm->entry.pc;
	int status;
	int i;

	if (vm->restoring) {
		x[17] = pc;
		pc = MOTE_GVA_SYSCALL + MOTE_SYSCALL_RESTORE;
	}
	status = mti_kvm_set_word(vm, KVM_PC, pc);
	if (status >= 0)
		status = mti_kvm_set_word(vm, KVM_SP_EL0, vm->entry.sp);
	if (status >= 0)
		status = mti_kvm_set_word(vm, KVM_PSTATE,
					  MTI_AARCH64_PSTATE_USER);
	for (i = 0; i < 31 && status >= 0; i++)
		status = mti_kvm_set_word(vm, KVM_X(i), x[i]);
	return status;
}

mote_status mti_kvm_vcpu_prepare(struct mti_vm *vm, mote_error *err)
{
	static const char *const operation = "run guest";
	int status;

	if (!vm->entering)
		return MOTE_OK;
	status = mti_kvm_finish(vm);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_RUN, to end an instruction");
	status = mti_kvm_vcpu_set_stepping(vm, false);
	if (status >= 0)
		status = set_registers(vm);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, operation, -status,
				    "KVM_SET_ONE_REG");
	vm->entering = false;
	return MOTE_OK;
}

static mote_status decode_mmio(struct mti_vm *vm, struct mti_exit *exit,
			       mote_error *err)
{
	const struct kvm_run *run = vm->run;
	struct mti_doorbell_access access = {
		.gpa = run->mmio.phys_addr,
		.size = run->mmio.len,
		.write = run->mmio.is_write,
	};
	int status;

	vm->incomplete = true;
	/* The kernel's page, not guest memory. */
	if (access.write && access.size <= sizeof(access.value))
		memcpy(&access.value, run->mmio.data, access.size);
	if (!mti_doorbell_exit(&access, exit)) {
		mti_kvm_machine_exit(exit,
				     "access outside memory, guest-physical",
				     access.gpa);
		return MOTE_OK;
	}
	if (exit->kind != MTI_EXIT_PORT ||
	    !mti_port_has_arguments(exit->number))
		return MOTE_OK;
	status = mti_kvm_get(vm, KVM_X(0), &exit->argument0);
	if (status >= 0)
		status = mti_kvm_get(vm, KVM_X(1), &exit->argument1);
	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "run guest",
				    -status, "KVM_GET_ONE_REG");
	return MOTE_OK;
}

/* Of two registers, of a vector, with write-back: KVM cannot tell what. */
static void decode_unknown(const struct kvm_run *run, struct mti_exit *exit)
{
	uint64_t gpa = run->arm_nisv.fault_ipa;

	if (gpa - MOTE_GPA_DOORBELL < MOTE_PAGE_SIZE) {
		exit->kind = MTI_EXIT_BAD_IO;
		exit->text = "the guest used other than a plain store on port";
		exit->detail = gpa - MOTE_GPA_DOORBELL;
		return;
	}
	mti_kvm_machine_exit(exit, "access outside memory, guest-physical",
			     gpa);
}

mote_status mti_kvm_vcpu_decode(struct mti_vm *vm, struct mti_exit *exit,
				mote_error *err)
{
	vm->incomplete = false;
	switch (vm->run->exit_reason) {
	case KVM_EXIT_MMIO:
		return decode_mmio(vm, exit, err);
	case KVM_EXIT_ARM_NISV:
		decode_unknown(vm->run, exit);
		return MOTE_OK;
	default:
		mti_kvm_machine_exit(exit, "unexpected exit reason",
				     vm->run->exit_reason);
		return MOTE_OK;
	}
}

uint64_t mti_kvm_vcpu_pc(struct mti_vm *vm)
{
	uint64_t pc;

	return mti_kvm_get(vm, KVM_PC, &pc) < 0 ? 0 : pc;
}

static int read_registers(struct mti_vm *vm, mote_fault *fault,
			  uint64_t *fault_address)
{
	/* What EL1 has kept of user mode's. */
	bool saved = vm->last_exit == MTI_EXIT_FAULT;
	uint64_t *out = fault->registers;
	int status = 0;
	int i;

	for (i = 0; i < 31 && status >= 0; i++)
		status = mti_kvm_get(vm,
				     saved && i == 0 ? KVM_TPIDR_EL1 : KVM_X(i),
				     &out[i]);
	if (status >= 0)
		status = mti_kvm_get(vm, KVM_SP_EL0, &out[MTI_AARCH64_SP]);
	if (status >= 0)
		status = mti_kvm_get(vm, saved ? KVM_ELR_EL1 : KVM_PC,
				     &out[MTI_AARCH64_PC]);
	if (status >= 0)
		status = mti_kvm_get(vm, saved ? KVM_SAVED_PSTATE : KVM_PSTATE,
				     &out[MTI_AARCH64_PSTATE]);
	if (status >= 0)
		status =
			mti_kvm_get(vm, KVM_TPIDR_EL0, &out[MTI_AARCH64_TPIDR]);
	if (status >= 0)
		status = mti_kvm_get(vm, KVM_FAR_EL1, fault_address);
	if (status >= 0)
		status = mti_kvm_get(vm, KVM_ESR_EL1, &fault->error_code);
	return status;
}

mote_status mti_kvm_vcpu_registers(struct mti_vm *vm, mote_fault *fault,
				   uint64_t *fault_address, mote_error *err)
{
	int status = read_registers(vm, fault, fault_address);

	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "read registers",
				    -status, "KVM_GET_ONE_REG");
	fault->register_count = MTI_AARCH64_REGISTERS;
	return MOTE_OK;
}

mote_status mti_kvm_vcpu_set_fs_base(struct mti_vm *vm, uint64_t base,
				     mote_error *err)
{
	int status = mti_kvm_set_word(vm, KVM_TPIDR_EL0, base);

	if (status < 0)
		return mti_error_os(err, MOTE_E_HYPERVISOR, "set TPIDR_EL0",
				    -status, "KVM_SET_ONE_REG");
	return MOTE_OK;
}
