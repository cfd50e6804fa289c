/*
 * Registers of a user-mode guest of amd64.
 */
#include <string.h>

#include "arch/amd64/boot.h"
#include "base/error.h"
#include "hv/soft/user_amd64.h"

static const char writing[] = "set registers";

/* Layout of an XSAVE area (SDM 1, "Legacy Region of an XSAVE Area"). */
enum {
	AT_FCW = 0,
	AT_FSW = 2,
	AT_TAGS = 4,
	AT_FOP = 6,
	AT_FIP = 8,
	AT_FDP = 16,
	AT_MXCSR = 24,
	AT_MXCSR_MASK = 28,
	AT_ST = 32,
	AT_XMM = 160,
	AT_XSTATE_BV = 512,
};

#define XSTATE_X87_SSE 3u
/* Bits of MXCSR that the emulator has. */
#define MXCSR_MASK 0xffffu
#define XMM_REGISTERS 16

/* In the order of mti_machine.general. */
static const int ids[AMD64_GENERAL] = {
	UC_X86_REG_RAX, UC_X86_REG_RBX,	   UC_X86_REG_RCX, UC_X86_REG_RDX,
	UC_X86_REG_RSI, UC_X86_REG_RDI,	   UC_X86_REG_RBP, UC_X86_REG_RSP,
	UC_X86_REG_R8,	UC_X86_REG_R9,	   UC_X86_REG_R10, UC_X86_REG_R11,
	UC_X86_REG_R12, UC_X86_REG_R13,	   UC_X86_REG_R14, UC_X86_REG_R15,
	UC_X86_REG_RIP, UC_X86_REG_RFLAGS,
};

void mti_soft_amd64_general_load(struct amd64_user *user)
{
	void *values[AMD64_GENERAL];
	int copy[AMD64_GENERAL];
	size_t i;

	memcpy(copy, ids, sizeof(copy));
	for (i = 0; i < AMD64_GENERAL; i++)
		values[i] = &user->general[i];
	/* These registers there are: it cannot fail. */
	(void)uc_reg_write_batch(user->vm.uc, copy, values, AMD64_GENERAL);
}

void mti_soft_amd64_general_store(struct amd64_user *user)
{
	void *values[AMD64_GENERAL];
	int copy[AMD64_GENERAL];
	size_t i;

	memcpy(copy, ids, sizeof(copy));
	for (i = 0; i < AMD64_GENERAL; i++)
		values[i] = &user->general[i];
	(void)uc_reg_read_batch(user->vm.uc, copy, values, AMD64_GENERAL);
	/* It may have others, where an instruction did not end. */
	user->general[MTI_RFLAGS] &= MTI_RFLAGS_SETTABLE | MTI_RFLAGS_USER;
}

static void get(struct amd64_user *user, int id, void *value)
{
	(void)uc_reg_read(user->vm.uc, id, value);
}

static void set(struct amd64_user *user, int id, const void *value)
{
	(void)uc_reg_write(user->vm.uc, id, value);
}

/* With 4-level paging bits 47 to 63 are the same. */
static bool canonical(uint64_t address)
{
	uint64_t top = address >> 47;

	return top == 0 || top == 0x1ffff;
}

static mote_status check_bases(const char *operation, uint64_t fs, uint64_t gs,
			       mote_error *err)
{
	if (canonical(fs) && canonical(gs))
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_INVALID, operation,
			     "FS base 0x%llx, GS base 0x%llx: not an address",
			     (unsigned long long)fs, (unsigned long long)gs);
}

mote_status mti_soft_amd64_registers(struct mti_vm *vm, mote_fault *fault,
				     uint64_t *fault_address, mote_error *err)
{
	struct amd64_user *user = amd64_user_of(vm);

	(void)err;
	fault->register_count = MTI_AMD64_REGISTERS;
	memcpy(fault->registers, user->general, sizeof(user->general));
	get(user, UC_X86_REG_FS_BASE, &fault->registers[MTI_FS_BASE]);
	get(user, UC_X86_REG_GS_BASE, &fault->registers[MTI_GS_BASE]);
	*fault_address = user->address;
	return MOTE_OK;
}

mote_status mti_soft_amd64_set_fs_base(struct mti_vm *vm, uint64_t base,
				       mote_error *err)
{
	mote_status status = check_bases("set FS base", base, 0, err);

	if (status == MOTE_OK)
		set(amd64_user_of(vm), UC_X86_REG_FS_BASE, &base);
	return status;
}

mote_status mti_soft_amd64_state_get(struct mti_vm *vm,
				     struct mti_cpu_state *state,
				     mote_error *err)
{
	struct amd64_user *user = amd64_user_of(vm);

	(void)err;
	get(user, UC_X86_REG_FS_BASE, &state->fs_base);
	get(user, UC_X86_REG_GS_BASE, &state->gs_base);
	get(user, UC_X86_REG_MXCSR, &state->mxcsr);
	get(user, UC_X86_REG_FPCW, &state->x87_control);
	return MOTE_OK;
}

/*
 * The guest runs no code for it (MOTE_SYSCALL_RESTORE): a copy of the CPU as
 * new is put in its place.
 */
mote_status mti_soft_amd64_state_set(struct mti_vm *vm,
				     const struct mti_cpu_state *state,
				     bool clean, mote_error *err)
{
	static const char operation[] = "restore CPU";
	struct amd64_user *user = amd64_user_of(vm);
	mote_status status =
		check_bases(operation, state->fs_base, state->gs_base, err);
	uc_err uc;

	(void)clean;
	if (status != MOTE_OK)
		return status;
	if (state->mxcsr & ~MXCSR_MASK)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "MXCSR 0x%x has bits that this CPU has "
				     "not, its mask is 0x%x",
				     state->mxcsr, MXCSR_MASK);
	uc = uc_context_restore(vm->uc, user->fresh);
	if (uc != UC_ERR_OK)
		return mti_soft_error(err, operation, "uc_context_restore", uc);
	memset(user->general, 0, sizeof(user->general));
	user->general[MTI_RFLAGS] = MTI_RFLAGS_USER;
	user->address = 0;
	set(user, UC_X86_REG_FS_BASE, &state->fs_base);
	set(user, UC_X86_REG_GS_BASE, &state->gs_base);
	set(user, UC_X86_REG_MXCSR, &state->mxcsr);
	set(user, UC_X86_REG_FPCW, &state->x87_control);
	return MOTE_OK;
}

/* One bit for each register, in place of two (SDM 1, FXSAVE area). */
static uint8_t short_tags(uint16_t tags)
{
	uint8_t made = 0;
	int i;

	for (i = 0; i < 8; i++)
		if ((tags >> (2 * i) & 3) != 3)
			made |= (uint8_t)(1u << i);
	return made;
}

static uint16_t long_tags(uint8_t tags)
{
	uint16_t made = 0;
	int i;

	for (i = 0; i < 8; i++)
		if (!(tags >> i & 1))
			made |= (uint16_t)(3u << (2 * i));
	return made;
}

static void vector_get(struct amd64_user *user, uint8_t *area)
{
	const uint64_t present = XSTATE_X87_SSE;
	const uint32_t mask = MXCSR_MASK;
	uint16_t tags = 0;
	int i;

	get(user, UC_X86_REG_FPCW, area + AT_FCW);
	get(user, UC_X86_REG_FPSW, area + AT_FSW);
	get(user, UC_X86_REG_FPTAG, &tags);
	area[AT_TAGS] = short_tags(tags);
	get(user, UC_X86_REG_FOP, area + AT_FOP);
	get(user, UC_X86_REG_FIP, area + AT_FIP);
	get(user, UC_X86_REG_FDP, area + AT_FDP);
	get(user, UC_X86_REG_MXCSR, area + AT_MXCSR);
	memcpy(area + AT_MXCSR_MASK, &mask, sizeof(mask));
	for (i = 0; i < 8; i++)
		get(user, UC_X86_REG_ST0 + i, area + AT_ST + 16 * i);
	for (i = 0; i < XMM_REGISTERS; i++)
		get(user, UC_X86_REG_XMM0 + i, area + AT_XMM + 16 * i);
	memcpy(area + AT_XSTATE_BV, &present, sizeof(present));
}

/* Components that the header does not name have their first values. */
static void vector_set(struct amd64_user *user, const uint8_t *given)
{
	uint8_t area[AMD64_VECTOR_BYTES] = { 0 };
	const uint16_t control = MTI_X87_CONTROL_RESET;
	uint64_t present;
	uint16_t tags;
	int i;

	memcpy(&present, given + AT_XSTATE_BV, sizeof(present));
	memcpy(area + AT_FCW, &control, sizeof(control));
	if (present & 1)
		memcpy(area, given, AT_MXCSR);
	memcpy(area + AT_MXCSR, given + AT_MXCSR, 4);
	if (present & 1)
		memcpy(area + AT_ST, given + AT_ST, 8 * 16);
	if (present & 2)
		memcpy(area + AT_XMM, given + AT_XMM, XMM_REGISTERS * 16);
	set(user, UC_X86_REG_FPCW, area + AT_FCW);
	set(user, UC_X86_REG_FPSW, area + AT_FSW);
	tags = long_tags(area[AT_TAGS]);
	set(user, UC_X86_REG_FPTAG, &tags);
	set(user, UC_X86_REG_FOP, area + AT_FOP);
	set(user, UC_X86_REG_FIP, area + AT_FIP);
	set(user, UC_X86_REG_FDP, area + AT_FDP);
	set(user, UC_X86_REG_MXCSR, area + AT_MXCSR);
	for (i = 0; i < 8; i++)
		set(user, UC_X86_REG_ST0 + i, area + AT_ST + 16 * i);
	for (i = 0; i < XMM_REGISTERS; i++)
		set(user, UC_X86_REG_XMM0 + i, area + AT_XMM + 16 * i);
}

mote_status mti_soft_amd64_machine_get(struct mti_vm *vm,
				       struct mti_machine *machine,
				       mote_error *err)
{
	struct amd64_user *user = amd64_user_of(vm);

	(void)err;
	memset(machine, 0, sizeof(*machine));
	memcpy(machine->general, user->general, sizeof(user->general));
	get(user, UC_X86_REG_FS_BASE, &machine->fs_base);
	get(user, UC_X86_REG_GS_BASE, &machine->gs_base);
	machine->general[MTI_FS_BASE] = machine->fs_base;
	machine->general[MTI_GS_BASE] = machine->gs_base;
	vector_get(user, machine->vector);
	machine->vector_size = AMD64_VECTOR_BYTES;
	return MOTE_OK;
}

static mote_status check_vector(const struct mti_machine *machine,
				mote_error *err)
{
	uint64_t present;
	uint32_t mxcsr;

	if (machine->vector_size != AMD64_VECTOR_BYTES)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "%u bytes of vector registers, not %u",
				     machine->vector_size, AMD64_VECTOR_BYTES);
	memcpy(&present, machine->vector + AT_XSTATE_BV, sizeof(present));
	memcpy(&mxcsr, machine->vector + AT_MXCSR, sizeof(mxcsr));
	if ((present & ~(uint64_t)XSTATE_X87_SSE) || (mxcsr & ~MXCSR_MASK))
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "components 0x%llx, MXCSR 0x%x: this CPU "
				     "has no such vector registers",
				     (unsigned long long)present, mxcsr);
	return MOTE_OK;
}

mote_status mti_soft_amd64_machine_set(struct mti_vm *vm,
				       const struct mti_machine *machine,
				       mote_error *err)
{
	struct amd64_user *user = amd64_user_of(vm);
	uint64_t pc = machine->general[MTI_RIP];
	uint64_t *flags = &user->general[MTI_RFLAGS];
	mote_status status;

	if (pc >> 47)
		return mti_error_set(err, MOTE_E_INVALID, writing,
				     "no code of a guest can be at 0x%llx",
				     (unsigned long long)pc);
	status = check_bases(writing, machine->fs_base, machine->gs_base, err);
	if (status == MOTE_OK)
		status = check_vector(machine, err);
	if (status != MOTE_OK)
		return status;
	memcpy(user->general, machine->general, sizeof(user->general));
	*flags = (*flags & MTI_RFLAGS_SETTABLE) | MTI_RFLAGS_USER;
	set(user, UC_X86_REG_FS_BASE, &machine->fs_base);
	set(user, UC_X86_REG_GS_BASE, &machine->gs_base);
	vector_set(user, machine->vector);
	return MOTE_OK;
}
