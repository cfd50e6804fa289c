/*
 * Registers of a user-mode guest of aarch64.
 */
#include <string.h>

#include "arch/aarch64/boot.h"
#include "arch/aarch64/core.h"
#include "arch/aarch64/state.h"
#include "base/error.h"
#include "hv/soft/user_aarch64.h"

#define VECTOR_REGISTERS 32
#define VECTOR_BYTES 16

static int id_of(size_t index)
{
	switch (index) {
	case MTI_AARCH64_X29:
		return UC_ARM64_REG_X29;
	case MTI_AARCH64_X30:
		return UC_ARM64_REG_X30;
	case MTI_AARCH64_SP:
		return UC_ARM64_REG_SP;
	case MTI_AARCH64_PC:
		return UC_ARM64_REG_PC;
	case MTI_AARCH64_PSTATE:
		return UC_ARM64_REG_PSTATE;
	default:
		return UC_ARM64_REG_X0 + (int)index;
	}
}

/* These registers there are: it cannot fail. */
void mti_soft_aarch64_load(struct aarch64_user *user)
{
	void *values[ARM_GENERAL];
	int ids[ARM_GENERAL];
	size_t i;

	for (i = 0; i < ARM_GENERAL; i++) {
		ids[i] = id_of(i);
		values[i] = &user->general[i];
	}
	(void)uc_reg_write_batch(user->vm.uc, ids, values, ARM_GENERAL);
}

void mti_soft_aarch64_store(struct aarch64_user *user)
{
	void *values[ARM_GENERAL];
	int ids[ARM_GENERAL];
	size_t i;

	memset(user->general, 0, sizeof(user->general));
	for (i = 0; i < ARM_GENERAL; i++) {
		ids[i] = id_of(i);
		values[i] = &user->general[i];
	}
	(void)uc_reg_read_batch(user->vm.uc, ids, values, ARM_GENERAL);
}

static void get(struct aarch64_user *user, int id, void *value)
{
	(void)uc_reg_read(user->vm.uc, id, value);
}

static void set(struct aarch64_user *user, int id, const void *value)
{
	(void)uc_reg_write(user->vm.uc, id, value);
}

mote_status mti_soft_aarch64_registers(struct mti_vm *vm, mote_fault *fault,
				       uint64_t *fault_address, mote_error *err)
{
	struct aarch64_user *user = aarch64_user_of(vm);

	(void)err;
	fault->register_count = MTI_AARCH64_REGISTERS;
	memcpy(fault->registers, user->general, sizeof(user->general));
	get(user, UC_ARM64_REG_TPIDR_EL0,
	    &fault->registers[MTI_AARCH64_TPIDR]);
	fault->error_code = user->syndrome;
	*fault_address = user->address;
	return MOTE_OK;
}

mote_status mti_soft_aarch64_state_get(struct mti_vm *vm,
				       struct mti_cpu_state *state,
				       mote_error *err)
{
	struct aarch64_user *user = aarch64_user_of(vm);

	(void)err;
	memset(state, 0, sizeof(*state));
	get(user, UC_ARM64_REG_TPIDR_EL0, &state->fs_base);
	get(user, UC_ARM64_REG_FPCR, &state->mxcsr);
	get(user, UC_ARM64_REG_FPSR, &state->x87_control);
	return MOTE_OK;
}

/*
 * The guest runs no code for it (MOTE_SYSCALL_RESTORE): a copy of the CPU as
 * new is put in its place.
 */
mote_status mti_soft_aarch64_state_set(struct mti_vm *vm,
				       const struct mti_cpu_state *state,
				       bool clean, mote_error *err)
{
	struct aarch64_user *user = aarch64_user_of(vm);
	mote_status status = mti_aarch64_check_state(state, err);
	uc_err uc;

	(void)clean;
	if (status != MOTE_OK)
		return status;
	uc = uc_context_restore(vm->uc, user->fresh);
	if (uc != UC_ERR_OK)
		return mti_soft_error(err, "restore CPU", "uc_context_restore",
				      uc);
	memset(user->general, 0, sizeof(user->general));
	user->general[MTI_AARCH64_PSTATE] = MTI_AARCH64_PSTATE_USER;
	user->address = 0;
	user->syndrome = 0;
	set(user, UC_ARM64_REG_TPIDR_EL0, &state->fs_base);
	set(user, UC_ARM64_REG_FPCR, &state->mxcsr);
	set(user, UC_ARM64_REG_FPSR, &state->x87_control);
	return MOTE_OK;
}

mote_status mti_soft_aarch64_machine_get(struct mti_vm *vm,
					 struct mti_machine *machine,
					 mote_error *err)
{
	struct aarch64_user *user = aarch64_user_of(vm);
	int i;

	(void)err;
	memset(machine, 0, sizeof(*machine));
	memcpy(machine->general, user->general, sizeof(user->general));
	get(user, UC_ARM64_REG_TPIDR_EL0, &machine->fs_base);
	machine->general[MTI_AARCH64_TPIDR] = machine->fs_base;
	for (i = 0; i < VECTOR_REGISTERS; i++)
		get(user, UC_ARM64_REG_V0 + i,
		    machine->vector + VECTOR_BYTES * i);
	get(user, UC_ARM64_REG_FPSR, machine->vector + MTI_AARCH64_FPSIMD_FPSR);
	get(user, UC_ARM64_REG_FPCR, machine->vector + MTI_AARCH64_FPSIMD_FPCR);
	machine->vector_size = MTI_AARCH64_FPSIMD_BYTES;
	return MOTE_OK;
}

mote_status mti_soft_aarch64_machine_set(struct mti_vm *vm,
					 const struct mti_machine *machine,
					 mote_error *err)
{
	struct aarch64_user *user = aarch64_user_of(vm);
	uint64_t *flags = &user->general[MTI_AARCH64_PSTATE];
	mote_status status = mti_aarch64_check_machine(
		machine->general[MTI_AARCH64_PC], user->arch->user_limit,
		machine->vector, machine->vector_size, err);
	int i;

	if (status != MOTE_OK)
		return status;
	memcpy(user->general, machine->general, sizeof(user->general));
	user->stepping = *flags & MTI_AARCH64_PSTATE_SS;
	user->step_due = false;
	/* The emulator is to know nothing of steps. */
	*flags &= MTI_AARCH64_PSTATE_SETTABLE & ~MTI_AARCH64_PSTATE_SS;
	*flags |= MTI_AARCH64_PSTATE_USER;
	set(user, UC_ARM64_REG_TPIDR_EL0, &machine->fs_base);
	for (i = 0; i < VECTOR_REGISTERS; i++)
		set(user, UC_ARM64_REG_V0 + i,
		    machine->vector + VECTOR_BYTES * i);
	set(user, UC_ARM64_REG_FPSR, machine->vector + MTI_AARCH64_FPSIMD_FPSR);
	set(user, UC_ARM64_REG_FPCR, machine->vector + MTI_AARCH64_FPSIMD_FPCR);
	return MOTE_OK;
}
