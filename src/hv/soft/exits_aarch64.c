/*
 * What the emulator tells of a guest of aarch64, and what that is.
 */
#include <string.h>

#include "abi/trap.h"
#include "base/error.h"
#include "hv/port.h"
#include "hv/soft/user_aarch64.h"

#define INSTRUCTION_BYTES 4
#define PAGE ((uint64_t)MOTE_PAGE_SIZE)
/* LDP and STP make two, LD4 some more. */
#define ACCESSES_MAX 16

/* The emulator's numbers (QEMU, target/arm/cpu.h). */
enum {
	EXCP_UDEF = 1,
	EXCP_SWI = 2,
	EXCP_PREFETCH_ABORT = 3,
	EXCP_DATA_ABORT = 4,
	EXCP_BKPT = 7,
};

/* Arm ARM C4.1.66: system instructions, and those of them for all levels. */
#define SYSTEM_MASK UINT32_C(0xffc00000)
#define SYSTEM UINT32_C(0xd5000000)
#define SYSTEM_OP1_MASK UINT32_C(0x00070000)
#define SYSTEM_OP1_USER UINT32_C(0x00030000)
/* WFE and WFI, among the hints, but for bit 5. */
#define WAIT_MASK UINT32_C(0xffffffdf)
#define WAIT UINT32_C(0xd503205f)
/* DC ZVA, Xt. */
#define ZERO_MASK UINT32_C(0xffffffe0)
#define ZERO UINT32_C(0xd50b7420)
#define IMMEDIATE_SHIFT 5

/* ---------------------------------------------------------------- hooks */

static void on_interrupt(uc_engine *uc, uint32_t number, void *context)
{
	struct aarch64_user *user = context;
	uint64_t pc = 0;

	user->number = number;
	switch (number) {
	case EXCP_PREFETCH_ABORT:
		/* A page that was not used before? Then once more. */
		(void)uc_reg_read(uc, UC_ARM64_REG_PC, &pc);
		if (mti_soft_aarch64_fill(user, pc))
			return;
		user->event = ARM_FETCH;
		break;
	case EXCP_DATA_ABORT:
		user->event = ARM_ABORT;
		break;
	case EXCP_UDEF:
		user->event = ARM_UNDEFINED;
		break;
	case EXCP_SWI:
		user->event = ARM_SVC;
		break;
	case EXCP_BKPT:
		user->event = ARM_BRK;
		break;
	default:
		user->event = ARM_OTHER;
		break;
	}
	uc_emu_stop(uc);
}

/* Comes before the tables are walked; true lets that go on, and abort. */
static bool on_refusal(uc_engine *uc, uc_mem_type type, uint64_t address,
		       int size, int64_t value, void *context)
{
	struct aarch64_user *user = context;
	bool absent = type == UC_MEM_READ_UNMAPPED ||
		      type == UC_MEM_WRITE_UNMAPPED;

	(void)uc;
	if (type == UC_MEM_FETCH_UNMAPPED)
		return false;
	if (absent && mti_soft_aarch64_fill(user, address))
		return true;
	user->access = (struct aarch64_access){
		.address = address,
		.value = (uint64_t)value,
		.size = (uint32_t)size,
		.write = type == UC_MEM_WRITE_UNMAPPED ||
			 type == UC_MEM_WRITE_PROT,
	};
	return !absent || mti_soft_aarch64_standin(user, address);
}

mote_status mti_soft_aarch64_hooks_init(struct aarch64_user *user,
					mote_error *err)
{
	uc_hook hook;
	uc_err uc = uc_hook_add(user->vm.uc, &hook, UC_HOOK_INTR,
				(void *)on_interrupt, user, (uint64_t)1,
				(uint64_t)0);

	if (uc == UC_ERR_OK)
		uc = uc_hook_add(user->vm.uc, &hook, UC_HOOK_MEM_INVALID,
				 (void *)on_refusal, user, (uint64_t)1,
				 (uint64_t)0);
	if (uc != UC_ERR_OK)
		return mti_soft_error(err, "create VM", "uc_hook_add", uc);
	return MOTE_OK;
}

/*
 * Single steps. The emulator's own (PSTATE.SS with MDSCR_EL1.SS) would come
 * as an exception that cannot be told from an undefined instruction, and a
 * count of 1 for uc_emu_start makes Unicorn 2.0 count for ever. So a hook
 * before each instruction stops before the second. It is in the translated
 * code, which is made anew when stepping begins and ends, not at each step.
 */
static void on_instruction(uc_engine *uc, uint64_t address, uint32_t size,
			   void *context)
{
	struct aarch64_user *user = context;

	(void)address;
	(void)size;
	if (user->begun++ > 0)
		uc_emu_stop(uc);
}

mote_status mti_soft_aarch64_prepare(struct aarch64_user *user,
				     mote_error *err)
{
	uc_engine *uc = user->vm.uc;
	uc_err status;

	if (user->hooked == user->stepping)
		return MOTE_OK;
	/* From the first address to the last. */
	if (user->stepping)
		status = uc_hook_add(uc, &user->step_hook, UC_HOOK_CODE,
				     (void *)on_instruction, user, (uint64_t)1,
				     (uint64_t)0);
	else
		status = uc_hook_del(uc, user->step_hook);
	if (status != UC_ERR_OK)
		return mti_soft_error(err, "run guest", "uc_hook_add", status);
	user->hooked = user->stepping;
	mti_soft_aarch64_drop_code(user);
	return MOTE_OK;
}

/* ------------------------------------------------- where data aborted */

static void on_access(uc_engine *uc, uc_mem_type type, uint64_t address,
		      int size, int64_t value, void *context)
{
	struct aarch64_user *user = context;

	user->access = (struct aarch64_access){
		.address = address,
		.value = (uint64_t)value,
		.size = (uint32_t)size,
		.write = type == UC_MEM_WRITE,
	};
	/* It did not abort? Then it must not go on for long. */
	if (++user->accesses == ACCESSES_MAX)
		uc_emu_stop(uc);
}

/* What tells the emulator's hooks nothing: stores without a value. */
static void decode_access(struct aarch64_user *user, uint32_t code)
{
	uint32_t base = (code >> IMMEDIATE_SHIFT) & 31;
	uint32_t data = code & 31;

	if ((code & ZERO_MASK) == ZERO)
		user->access.address = data == 31 ? 0 : user->general[data];
	else
		user->access.address = user->general[base];
	user->access.size = 1;
	user->access.write = true;
}

/*
 * An access across two pages aborts at the second without a word. The same
 * instruction once more, while every access is told; it has no effect.
 */
static void locate(struct aarch64_user *user)
{
	uc_engine *uc = user->vm.uc;
	uint64_t pc = user->general[MTI_AARCH64_PC];
	uint32_t code = 0;
	uc_hook hook;

	if (uc_hook_add(uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
			(void *)on_access, user, (uint64_t)1,
			(uint64_t)0) != UC_ERR_OK)
		return;
	(void)uc_ctl_remove_cache(uc, pc, pc + INSTRUCTION_BYTES);
	user->accesses = 0;
	user->begun = 0;
	user->vm.deaf = true;
	/* Not counted: Unicorn 2.0 would never again run at full length. */
	(void)uc_emu_start(uc, pc, UINT64_MAX, 0, 0);
	user->vm.deaf = false;
	(void)uc_hook_del(uc, hook);
	(void)uc_ctl_remove_cache(uc, pc, pc + INSTRUCTION_BYTES);
	mti_soft_aarch64_load(user);
	if (user->access.size == 0 &&
	    mti_soft_aarch64_read(user, pc, &code, sizeof(code)))
		decode_access(user, code);
}

/* ----------------------------------------------------------- what it is */

static bool fault(struct aarch64_user *user, struct mti_exit *exit,
		  uint64_t class, uint64_t rest)
{
	user->syndrome = class << MTI_ESR_CLASS_SHIFT | MTI_ESR_IL | rest;
	exit->kind = MTI_EXIT_FAULT;
	exit->number = MOTE_DOORBELL_SYNCHRONOUS;
	return true;
}

static bool ring(struct aarch64_user *user, struct mti_exit *exit)
{
	const struct aarch64_access *access = &user->access;
	const struct mti_doorbell_access bell = {
		.gpa = access->address - MOTE_GVA_DOORBELL + MOTE_GPA_DOORBELL,
		.size = access->size,
		.write = access->write,
		.value = (uint32_t)access->value,
	};

	(void)mti_doorbell_exit(&bell, exit);
	exit->argument0 = user->general[0];
	exit->argument1 = user->general[1];
	user->general[MTI_AARCH64_PC] += INSTRUCTION_BYTES;
	user->step_due = user->stepping;
	return true;
}

/* The tables allow the access, or its page was not known until now. */
static bool data_abort(struct aarch64_user *user, struct mti_exit *exit)
{
	struct aarch64_access *access = &user->access;
	uint64_t wrong = access->write ? MTI_ESR_WRITE : 0;
	uint32_t flags = 0;
	bool known = true;
	uint64_t page;
	uint64_t last;

	if (access->size == 0)
		locate(user);
	wrong = access->write ? MTI_ESR_WRITE : 0;
	user->address = access->address;
	if (access->address - MOTE_GVA_DOORBELL < PAGE && access->size > 0)
		return ring(user, exit);
	last = access->address + (access->size > 0 ? access->size - 1 : 0);
	if (last < access->address)
		last = UINT64_MAX;
	for (page = access->address & ~(PAGE - 1); page <= last; page += PAGE) {
		if (mti_soft_aarch64_fill(user, page))
			return false;
		known = mti_soft_aarch64_rights(user, page, &flags);
		if (known && (!access->write || (flags & MTI_PT_WRITE)))
			continue;
		if (page > access->address)
			user->address = page;
		wrong |= known ? MTI_ESR_PERMISSION : MTI_ESR_TRANSLATION;
		/* At the last level. */
		return fault(user, exit, MTI_ESR_DATA, wrong | 3);
	}
	return fault(user, exit, MTI_ESR_DATA, wrong | MTI_ESR_ALIGNMENT);
}

static bool fetch_abort(struct aarch64_user *user, struct mti_exit *exit)
{
	uint32_t flags;

	user->address = user->general[MTI_AARCH64_PC];
	return fault(user, exit, MTI_ESR_FETCH,
		     (mti_soft_aarch64_rights(user, user->address, &flags)
			      ? MTI_ESR_PERMISSION
			      : MTI_ESR_TRANSLATION) |
			     3);
}

/* What is trapped comes as undefined too. */
static bool undefined(struct aarch64_user *user, struct mti_exit *exit)
{
	uint64_t pc = user->general[MTI_AARCH64_PC];
	uint32_t code = 0;

	if (pc % INSTRUCTION_BYTES != 0)
		return fault(user, exit, MTI_ESR_PC_ALIGNMENT, 0);
	if (!mti_soft_aarch64_read(user, pc, &code, sizeof(code)))
		return fault(user, exit, MTI_ESR_UNKNOWN, 0);
	if ((code & WAIT_MASK) == WAIT)
		return fault(user, exit, MTI_ESR_WFX, 0);
	if ((code & SYSTEM_MASK) == SYSTEM &&
	    (code & SYSTEM_OP1_MASK) == SYSTEM_OP1_USER)
		return fault(user, exit, MTI_ESR_SYSTEM, 0);
	return fault(user, exit, MTI_ESR_UNKNOWN, 0);
}

/* The number in the instruction; BRK's is at pc, SVC's behind. */
static uint32_t immediate(struct aarch64_user *user, uint64_t at)
{
	uint32_t code = 0;

	(void)mti_soft_aarch64_read(user, at, &code, sizeof(code));
	return (code >> IMMEDIATE_SHIFT) & 0xffff;
}

/* As the vector of EL1 would: see arch/aarch64/boot.c. */
static bool call(struct aarch64_user *user, struct mti_exit *exit)
{
	uint64_t *pc = &user->general[MTI_AARCH64_PC];
	uint32_t number = immediate(user, *pc - INSTRUCTION_BYTES);
	uint64_t handler = 0;

	if (number == MOTE_SVC_RETURN) {
		(void)uc_reg_read(user->vm.uc, UC_ARM64_REG_TPIDRRO_EL0, pc);
		return false;
	}
	if (number != MOTE_SVC_CALL)
		return fault(user, exit, MTI_ESR_SVC, number);
	(void)uc_reg_write(user->vm.uc, UC_ARM64_REG_TPIDRRO_EL0, pc);
	(void)mti_soft_aarch64_read(
		user, MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_HANDLER, &handler,
		sizeof(handler));
	*pc = handler;
	return false;
}

/*
 * Whether the instruction that was to be stepped is done: what came then is
 * of the next one, and the step comes before it (Arm ARM D2.12).
 */
static bool stepped(const struct aarch64_user *user)
{
	if (user->step_due)
		return true;
	if (!user->stepping || user->begun == 0)
		return false;
	return user->event == ARM_NONE || user->event == ARM_FETCH ||
	       user->general[MTI_AARCH64_PC] % INSTRUCTION_BYTES != 0;
}

bool mti_soft_aarch64_exit(struct aarch64_user *user, struct mti_exit *exit)
{
	user->address = 0;
	user->syndrome = 0;
	if (stepped(user)) {
		user->step_due = false;
		return fault(user, exit, MTI_ESR_STEP, 0);
	}
	switch (user->event) {
	case ARM_ABORT:
		return data_abort(user, exit);
	case ARM_FETCH:
		return fetch_abort(user, exit);
	case ARM_UNDEFINED:
		return undefined(user, exit);
	case ARM_SVC:
		return call(user, exit);
	case ARM_BRK:
		return fault(user, exit, MTI_ESR_BRK,
			     immediate(user, user->general[MTI_AARCH64_PC]));
	case ARM_OTHER:
		exit->kind = MTI_EXIT_MACHINE;
		exit->text = "the emulator has an exception of number";
		exit->detail = user->number;
		return true;
	case ARM_NONE:
	default:
		exit->kind = MTI_EXIT_INTERRUPTED;
		return true;
	}
}
