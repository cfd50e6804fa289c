/*
 * A VM with a user-mode guest of aarch64: its making, its runs.
 */
#include "hv/soft/user_aarch64.h"

#include <elf.h>
#include <string.h>

#include "arch/aarch64/boot.h"
#include "base/error.h"

/*
 * Where EL0 begins, once: the first page, which no guest has, so that it
 * stops there.
 */
#define NOWHERE 0

/* System registers: op1, CRn, CRm, op2; op0 is 3. */
struct name {
	uint8_t op1;
	uint8_t crn;
	uint8_t crm;
	uint8_t op2;
};

static const struct name scr_el3 = { 6, 1, 1, 0 };
static const struct name hcr_el2 = { 4, 1, 1, 0 };
static const struct name sctlr_el1 = { 0, 1, 0, 0 };
static const struct name cpacr_el1 = { 0, 1, 0, 2 };
static const struct name ttbr0_el1 = { 0, 2, 0, 0 };
static const struct name tcr_el1 = { 0, 2, 0, 2 };
static const struct name spsr_el1 = { 0, 4, 0, 0 };
static const struct name elr_el1 = { 0, 4, 0, 1 };
static const struct name mair_el1 = { 0, 10, 2, 0 };
static const struct name cntkctl_el1 = { 0, 14, 1, 0 };

/* Non-secure, and AArch64 below EL3 and below EL2 (Arm ARM D19.2). */
#define SCR_VALUE UINT64_C(0x431)
#define HCR_VALUE (UINT64_C(1) << 31)
/* The shadow is where the guest's addresses are: 48 bits. */
#define TCR_IPS_48 UINT64_C(5)

static bool takes(const struct mti_vm_config *config)
{
	return !config->bare && config->arch->machine == EM_AARCH64;
}

static bool write_system(struct aarch64_user *user, const struct name *name,
			 uint64_t value)
{
	uc_arm64_cp_reg reg = {
		.op0 = 3,
		.op1 = name->op1,
		.crn = name->crn,
		.crm = name->crm,
		.op2 = name->op2,
		.val = value,
	};

	return uc_reg_write(user->vm.uc, UC_ARM64_REG_CP_REG, &reg) ==
	       UC_ERR_OK;
}

/* SCR and HCR first: EL1 is AArch32 before. */
static bool put_registers(struct aarch64_user *user)
{
	return write_system(user, &scr_el3, SCR_VALUE) &&
	       write_system(user, &hcr_el2, HCR_VALUE) &&
	       write_system(user, &mair_el1, MTI_AARCH64_MAIR) &&
	       write_system(user, &tcr_el1,
			    MTI_AARCH64_TCR |
				    TCR_IPS_48 << MTI_AARCH64_TCR_IPS_SHIFT) &&
	       write_system(user, &ttbr0_el1, ARM_POOL + ARM_ROOT) &&
	       write_system(user, &cpacr_el1, MTI_AARCH64_CPACR) &&
	       write_system(user, &cntkctl_el1, MTI_AARCH64_CNTKCTL) &&
	       write_system(user, &sctlr_el1, MTI_AARCH64_SCTLR) &&
	       write_system(user, &spsr_el1, MTI_AARCH64_PSTATE_USER) &&
	       write_system(user, &elr_el1, NOWHERE);
}

/* Into user mode, where it stays; this state is kept. */
static mote_status descend(struct aarch64_user *user, mote_error *err)
{
	static const char operation[] = "create VM";
	static const uint32_t eret = 0xd69f03e0;
	struct mti_vm *vm = &user->vm;
	uc_err uc;

	memcpy(user->pool, &eret, sizeof(eret));
	if (!put_registers(user))
		return mti_error_set(err, MOTE_E_HYPERVISOR, operation,
				     "the emulator refuses a register");
	uc = uc_emu_start(vm->uc, ARM_POOL, UINT64_MAX, 0, 0);
	mti_soft_aarch64_store(user);
	if (uc != UC_ERR_OK || user->event != ARM_FETCH ||
	    user->general[MTI_AARCH64_PC] != NOWHERE ||
	    (user->general[MTI_AARCH64_PSTATE] & MTI_AARCH64_PSTATE_EL_MASK))
		return mti_error_set(
			err, MOTE_E_HYPERVISOR, operation,
			"the emulator does not reach user mode: %s, exception "
			"%u at 0x%llx",
			uc_strerror(uc), user->number,
			(unsigned long long)user->general[MTI_AARCH64_PC]);
	memset(user->general, 0, sizeof(user->general));
	mti_soft_aarch64_load(user);
	uc = uc_context_alloc(vm->uc, &user->fresh);
	if (uc == UC_ERR_OK)
		uc = uc_context_save(vm->uc, user->fresh);
	if (uc != UC_ERR_OK)
		return mti_soft_error(err, operation, "uc_context_save", uc);
	return MOTE_OK;
}

static mote_status init(struct mti_vm *vm, const struct mti_vm_config *config,
			mote_error *err)
{
	struct aarch64_user *user = aarch64_user_of(vm);
	mote_status status;

	user->arch = config->arch;
	user->root = config->page_table_gpa;
	status = mti_soft_open(UC_ARCH_ARM64, UC_MODE_ARM, &vm->uc, err);
	if (status == MOTE_OK)
		status = mti_soft_aarch64_shadow_init(user, err);
	if (status == MOTE_OK)
		status = mti_soft_aarch64_hooks_init(user, err);
	if (status == MOTE_OK)
		status = descend(user, err);
	if (status == MOTE_OK)
		status = mti_soft_watch_kicks(vm, err);
	return status;
}

static void fini(struct mti_vm *vm)
{
	struct aarch64_user *user = aarch64_user_of(vm);

	if (user->fresh)
		uc_context_free(user->fresh);
	if (vm->uc)
		uc_close(vm->uc);
	mti_soft_aarch64_shadow_fini(user);
}

static void forget(struct mti_vm *vm)
{
	mti_soft_aarch64_reset(aarch64_user_of(vm));
}

static void set_entry(struct mti_vm *vm, const struct mti_entry *entry)
{
	uint64_t *general = aarch64_user_of(vm)->general;

	memset(general, 0, sizeof(aarch64_user_of(vm)->general));
	general[MTI_AARCH64_X0] = entry->argument0;
	general[MTI_AARCH64_X0 + 1] = entry->argument1;
	general[MTI_AARCH64_SP] = entry->sp;
	general[MTI_AARCH64_PC] = entry->pc;
	general[MTI_AARCH64_PSTATE] = MTI_AARCH64_PSTATE_USER;
	aarch64_user_of(vm)->stepping = false;
	aarch64_user_of(vm)->step_due = false;
}

static void changed(struct mti_vm *vm)
{
	aarch64_user_of(vm)->changed = true;
}

static mote_status set_fs_base(struct mti_vm *vm, uint64_t base,
			       mote_error *err)
{
	uc_err uc = uc_reg_write(vm->uc, UC_ARM64_REG_TPIDR_EL0, &base);

	return uc == UC_ERR_OK ?
		       MOTE_OK :
		       mti_soft_error(err, "set TPIDR_EL0", "uc_reg_write", uc);
}

static uc_err emulate(struct aarch64_user *user)
{
	struct mti_vm *vm = &user->vm;
	uc_err uc;

	user->event = ARM_NONE;
	user->begun = 0;
	memset(&user->access, 0, sizeof(user->access));
	/* The emulator would begin the instruction all the same. */
	if (user->general[MTI_AARCH64_PC] % 4 != 0) {
		user->event = ARM_UNDEFINED;
		return UC_ERR_OK;
	}
	mti_soft_aarch64_load(user);
	uc = uc_emu_start(vm->uc, user->general[MTI_AARCH64_PC], UINT64_MAX, 0,
			  0);
	mti_soft_aarch64_drop_standin(user);
	mti_soft_aarch64_store(user);
	/* No exception where uc_emu_start was told to end. */
	if (user->event == ARM_NONE && user->general[MTI_AARCH64_PC] % 4 != 0)
		user->event = ARM_UNDEFINED;
	return uc;
}

static mote_status run(struct mti_vm *vm, struct mti_exit *exit,
		       mote_error *err)
{
	struct aarch64_user *user = aarch64_user_of(vm);
	mote_status status = mti_soft_aarch64_prepare(user, err);
	uc_err uc;

	if (status != MOTE_OK)
		return status;
	/* A step over a doorbell ends when the host has answered. */
	if (user->step_due && mti_soft_aarch64_exit(user, exit))
		return MOTE_OK;
	if (user->changed)
		mti_soft_aarch64_check(user);
	user->changed = false;
	do {
		if (vm->broken)
			return mti_error_set(err, MOTE_E_HYPERVISOR,
					     "run guest",
					     "the emulator did not give "
					     "memory back");
		uc = emulate(user);
		if (user->full)
			return mti_error_set(err, MOTE_E_NO_MEMORY,
					     "run guest",
					     "the emulator has no memory for "
					     "the guest's page tables");
		if (uc != UC_ERR_OK && user->event == ARM_NONE) {
			exit->kind = MTI_EXIT_MACHINE;
			exit->text = uc_strerror(uc);
			exit->detail = user->general[MTI_AARCH64_PC];
			return MOTE_OK;
		}
	} while (!mti_soft_aarch64_exit(user, exit));
	return MOTE_OK;
}

const struct mti_soft_kind mti_soft_user_aarch64 = {
	.name = "user-mode guests of aarch64",
	.takes = takes,
	.vm_size = sizeof(struct aarch64_user),
	.init = init,
	.fini = fini,
	.forget = forget,
	.ops = {
		.set_entry = set_entry,
		.run = run,
		.changed = changed,
		.registers = mti_soft_aarch64_registers,
		.set_fs_base = set_fs_base,
		.state_get = mti_soft_aarch64_state_get,
		.state_set = mti_soft_aarch64_state_set,
		.machine_get = mti_soft_aarch64_machine_get,
		.machine_set = mti_soft_aarch64_machine_set,
	},
};
