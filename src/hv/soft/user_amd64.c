/*
 * A VM with a user-mode guest of amd64: its making, its runs.
 */
#include "hv/soft/user_amd64.h"

#include <elf.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/amd64/boot.h"
#include "base/error.h"
#include "os/os.h"

/*
 * Data breakpoint 0 is on a port: the emulator looks at it right after the
 * hook of an I/O instruction and so leaves the guest behind it, and not some
 * instructions later. The hook puts the port there, see exits_amd64.c.
 */
#define DR7_PORT UINT64_C(0x20403)
#define DR0_NONE UINT64_MAX

#define CR4_VALUE MTI_CR4_BASE
/* With it, page faults say whether they fetched (SDM 3A, 4.7). */
#define CR4_SMEP (UINT64_C(1) << 20)

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static bool takes(const struct mti_vm_config *config)
{
	return !config->bare && config->arch->machine == EM_X86_64;
}

/*
 * descend:	mov %rax, %dr7
 *		iretq
 * bottom:	ud2
 */
static void put_code(struct amd64_user *user)
{
	static const uint8_t descend[] = { 0x0f, 0x23, 0xf8, 0x48, 0xcf };
	static const uint8_t bottom[] = { 0x0f, 0x0b };
	struct amd64_shadow *shadow = &user->shadow;
	uint8_t *frame = shadow->pool + AMD64_STACK + MOTE_PAGE_SIZE - 40;

	memcpy(shadow->pool + AMD64_DESCEND, descend, sizeof(descend));
	memcpy(shadow->pool + AMD64_BOTTOM, bottom, sizeof(bottom));
	put64(frame, shadow->base + AMD64_BOTTOM);
	put64(frame + 8, MTI_SELECTOR_USER_CODE);
	put64(frame + 16, MTI_RFLAGS_USER);
	put64(frame + 24, 0);
	put64(frame + 32, MTI_SELECTOR_USER_DATA);
}

static bool write64(struct amd64_user *user, int id, uint64_t value)
{
	return uc_reg_write(user->vm.uc, id, &value) == UC_ERR_OK;
}

static bool put_registers(struct amd64_user *user)
{
	uc_x86_mmr gdt = { .base = MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_GDT,
			   .limit = MTI_GDT_BYTES - 1 };
	uc_x86_mmr idt = { .base = MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_IDT,
			   .limit = MTI_IDT_BYTES - 1 };
	uint16_t control = MTI_X87_CONTROL_RESET;
	uint16_t tags = 0xffff;
	uint32_t mxcsr = MTI_MXCSR_RESET;
	uc_engine *uc = user->vm.uc;
	uint64_t base = user->shadow.base;

	return uc_reg_write(uc, UC_X86_REG_GDTR, &gdt) == UC_ERR_OK &&
	       uc_reg_write(uc, UC_X86_REG_IDTR, &idt) == UC_ERR_OK &&
	       uc_reg_write(uc, UC_X86_REG_FPCW, &control) == UC_ERR_OK &&
	       uc_reg_write(uc, UC_X86_REG_FPTAG, &tags) == UC_ERR_OK &&
	       uc_reg_write(uc, UC_X86_REG_MXCSR, &mxcsr) == UC_ERR_OK &&
	       write64(user, UC_X86_REG_CR4, CR4_VALUE) &&
	       write64(user, UC_X86_REG_CR3, base + AMD64_ROOT) &&
	       write64(user, UC_X86_REG_CR0, MTI_CR0_VALUE) &&
	       write64(user, UC_X86_REG_DR0, DR0_NONE) &&
	       write64(user, UC_X86_REG_RAX, DR7_PORT) &&
	       write64(user, UC_X86_REG_RSP,
		       base + AMD64_STACK + MOTE_PAGE_SIZE - 40);
}

/* Into user mode, where it stays; this state is kept. */
static mote_status descend(struct amd64_user *user, mote_error *err)
{
	static const char operation[] = "create VM";
	struct mti_vm *vm = &user->vm;
	uint64_t base = user->shadow.base;
	uint64_t selector = 0;
	uc_err uc;

	put_code(user);
	/* The descriptors that IRET loads. */
	(void)mti_soft_amd64_shadow_fill(user, MOTE_GVA_SUPERVISOR);
	if (!put_registers(user))
		return mti_error_set(err, MOTE_E_HYPERVISOR, operation,
				     "the emulator refuses a register");
	uc = uc_emu_start(vm->uc, base + AMD64_DESCEND, 0, 0, 0);
	if (uc == UC_ERR_INSN_INVALID)
		uc = uc_reg_read(vm->uc, UC_X86_REG_CS, &selector);
	if (uc != UC_ERR_OK || user->general[MTI_RIP] != base + AMD64_BOTTOM ||
	    (selector & 3) != 3)
		return mti_error_set(err, MOTE_E_HYPERVISOR, operation,
				     "the emulator does not reach user mode: "
				     "%s, exception %u at 0x%llx",
				     uc_strerror(uc), user->vector,
				     (unsigned long long)user->address);
	if (!write64(user, UC_X86_REG_CR4, CR4_VALUE | CR4_SMEP))
		return mti_error_set(err, MOTE_E_HYPERVISOR, operation,
				     "the emulator refuses SMEP");
	user->event = AMD64_NONE;
	memset(user->general, 0, sizeof(user->general));
	user->general[MTI_RFLAGS] = MTI_RFLAGS_USER;
	mti_soft_amd64_general_load(user);
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
	struct amd64_user *user = amd64_user_of(vm);
	mote_status status;
	uc_err uc;

	user->pt = config->arch->pt;
	user->root = config->page_table_gpa;
	status = mti_soft_open(UC_ARCH_X86, UC_MODE_64, &vm->uc, err);
	if (status != MOTE_OK)
		return status;
	uc = uc_context_alloc(vm->uc, &user->scratch);
	if (uc != UC_ERR_OK)
		return mti_soft_error(err, "create VM", "uc_context_alloc", uc);
	status = mti_soft_amd64_shadow_init(user, err);
	if (status == MOTE_OK)
		status = mti_soft_amd64_exits_init(user, err);
	if (status == MOTE_OK)
		status = descend(user, err);
	if (status == MOTE_OK)
		status = mti_soft_watch_kicks(vm, err);
	return status;
}

static void fini(struct mti_vm *vm)
{
	struct amd64_user *user = amd64_user_of(vm);

	if (user->fresh)
		uc_context_free(user->fresh);
	if (user->scratch)
		uc_context_free(user->scratch);
	if (vm->uc)
		uc_close(vm->uc);
	mti_soft_amd64_shadow_fini(user);
}

static void forget(struct mti_vm *vm)
{
	mti_soft_amd64_shadow_reset(amd64_user_of(vm));
}

static void set_entry(struct mti_vm *vm, const struct mti_entry *entry)
{
	uint64_t *general = amd64_user_of(vm)->general;

	memset(general, 0, sizeof(amd64_user_of(vm)->general));
	general[MTI_RIP] = entry->pc;
	general[MTI_RSP] = entry->sp;
	general[MTI_RDI] = entry->argument0;
	general[MTI_RSI] = entry->argument1;
	general[MTI_RFLAGS] = MTI_RFLAGS_USER;
}

static void changed(struct mti_vm *vm)
{
	amd64_user_of(vm)->changed = true;
}

/*
 * What kvm-pvm does: the code at LSTAR serves it at CPL 3 too (see
 * arch/amd64/boot.c).
 */
static void enter_syscall(struct amd64_user *user)
{
	uint64_t *general = user->general;

	general[MTI_RCX] = general[MTI_RIP];
	general[MTI_R11] = general[MTI_RFLAGS];
	general[MTI_RFLAGS] &= ~(uint64_t)MTI_SFMASK_VALUE;
	general[MTI_RFLAGS] |= MTI_RFLAGS_USER;
	general[MTI_RIP] = MOTE_GVA_SYSCALL;
}

static uc_err emulate(struct amd64_user *user)
{
	struct mti_vm *vm = &user->vm;
	uc_err uc;

	if (vm->slot_count > 0)
		mti_soft_amd64_shadow_check_files(user);
	if (user->changed)
		mti_soft_amd64_shadow_check_code(user);
	user->changed = false;
	user->event = AMD64_NONE;
	mti_soft_amd64_general_load(user);
	uc = uc_emu_start(vm->uc, user->general[MTI_RIP], 0, 0, 0);
	mti_soft_amd64_shadow_drop_standins(user);
	if (user->event == AMD64_NONE || user->event == AMD64_SYSCALL)
		mti_soft_amd64_general_store(user);
	return uc;
}

static mote_status run(struct mti_vm *vm, struct mti_exit *exit,
		       mote_error *err)
{
	struct amd64_user *user = amd64_user_of(vm);
	uc_err uc;

	if (vm->broken)
		return mti_error_set(err, MOTE_E_HYPERVISOR, "run guest",
				     "the emulator did not give memory back");
	do {
		uc = emulate(user);
		if (user->event == AMD64_SYSCALL)
			enter_syscall(user);
	} while (user->event == AMD64_SYSCALL);
	if (user->shadow.full)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "run guest",
				     "the emulator has no memory for the "
				     "guest's page tables");
	switch (user->event) {
	case AMD64_IO:
		mti_soft_amd64_decode_io(user, exit);
		break;
	case AMD64_FAULT:
		mti_soft_amd64_deliver(user, exit);
		break;
	case AMD64_MACHINE:
		exit->kind = MTI_EXIT_MACHINE;
		exit->text = user->text;
		exit->detail = user->detail;
		break;
	case AMD64_NONE:
	case AMD64_SYSCALL:
		exit->kind = MTI_EXIT_INTERRUPTED;
		if (uc == UC_ERR_OK)
			break;
		exit->kind = MTI_EXIT_MACHINE;
		exit->text = uc_strerror(uc);
		exit->detail = user->general[MTI_RIP];
		break;
	}
	return MOTE_OK;
}

const struct mti_soft_kind mti_soft_user_amd64 = {
	.name = "user-mode guests of amd64",
	.takes = takes,
	.vm_size = sizeof(struct amd64_user),
	.init = init,
	.fini = fini,
	.forget = forget,
	.ops = {
		.set_entry = set_entry,
		.run = run,
		.changed = changed,
		.registers = mti_soft_amd64_registers,
		.set_fs_base = mti_soft_amd64_set_fs_base,
		.state_get = mti_soft_amd64_state_get,
		.state_set = mti_soft_amd64_state_set,
		.machine_get = mti_soft_amd64_machine_get,
		.machine_set = mti_soft_amd64_machine_set,
	},
};
