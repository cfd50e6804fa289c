/*
 * What ends a run of a user-mode guest: the emulator's hooks, and what the
 * host is told.
 */
#include <string.h>

#include "abi/trap.h"
#include "arch/amd64/boot.h"
#include "base/error.h"
#include "hv/port.h"
#include "hv/soft/user_amd64.h"

enum {
	VECTOR_DB = 1,
	VECTOR_BP = 3,
	VECTOR_UD = 6,
	VECTOR_DF = 8,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
};

#define PF_PRESENT 1u
#define PF_WRITE 2u
#define PF_USER 4u
#define PF_FETCH 16u

/* The longest instruction. */
#define CODE_MAX 15u
#define DR0_NONE UINT64_MAX

static bool translate(struct amd64_user *user, uint64_t gva,
		      struct mti_pt_translation *found)
{
	const struct mti_pt_ops ops = {
		.context = &user->vm,
		.read = mti_soft_read,
	};

	return mti_pt_translate(user->pt, &ops, user->root, gva, found) ==
	       MTI_PT_OK;
}

/* A byte of what the guest executes, 0 if there is none. */
static uint8_t code_at(struct amd64_user *user, uint64_t gva)
{
	struct mti_pt_translation found;
	const struct mti_soft_piece *piece;

	if (!translate(user, gva, &found))
		return 0;
	piece = mti_soft_find(&user->vm, found.gpa);
	/* It has just been executed; but not if that may be gone. */
	if (!piece || piece->borrowed)
		return 0;
	return piece->memory[found.gpa - piece->gpa];
}

/* The event is over all else that may come before the emulator stops. */
static void stop(struct amd64_user *user, enum amd64_event event)
{
	user->event = event;
	mti_soft_amd64_general_store(user);
	uc_emu_stop(user->vm.uc);
}

static void stop_fault(struct amd64_user *user, uint32_t vector,
		       uint64_t error_code)
{
	user->vector = vector;
	user->error_code = error_code;
	stop(user, AMD64_FAULT);
}

static void stop_machine(struct amd64_user *user, const char *text,
			 uint64_t detail)
{
	user->text = text;
	user->detail = detail;
	stop(user, AMD64_MACHINE);
}

/* ---------------------------------------------------------- exceptions */

struct raised {
	uint32_t error_code;
	uint32_t is_int;
};

/*
 * What the emulator knows of the exception. It thinks that the one before was
 * never handled, and would make a double fault of the next: it is told.
 */
static struct raised take_exception(struct amd64_user *user)
{
	const struct mti_soft_quirks *quirks = &user->vm.hv->quirks;
	uint8_t *bytes = (uint8_t *)user->scratch;
	const int32_t none = -1;
	struct raised raised;

	uc_context_save(user->vm.uc, user->scratch);
	memcpy(&raised.error_code, bytes + quirks->error_code,
	       sizeof(raised.error_code));
	memcpy(&raised.is_int, bytes + quirks->is_int, sizeof(raised.is_int));
	memcpy(bytes + quirks->old_exception, &none, sizeof(none));
	uc_context_restore(user->vm.uc, user->scratch);
	return raised;
}

static bool allows(uint32_t flags, uint32_t error_code)
{
	uint32_t needed = MTI_PT_USER;

	if (error_code & PF_WRITE)
		needed |= MTI_PT_WRITE;
	if (error_code & PF_FETCH)
		needed |= MTI_PT_EXECUTE;
	return (flags & needed) == needed;
}

/* Of an access that the guest's tables allow. */
static const char *what_misses(const struct amd64_user *user,
			       const struct mti_pt_translation *found,
			       uint32_t error_code)
{
	const struct mti_soft_piece *piece =
		mti_soft_find(&user->vm, found->gpa);

	if (piece && (piece->writable || !(error_code & PF_WRITE)))
		return "access to memory that the host took away, "
		       "guest-physical";
	return "access outside memory, guest-physical";
}

/* The guest's tables decide whether it is a fault of the guest's. */
static void page_fault(struct amd64_user *user, uint32_t error_code)
{
	struct mti_pt_translation found;
	uint64_t address = 0;
	bool present;

	uc_reg_read(user->vm.uc, UC_X86_REG_CR2, &address);
	user->address = address;
	error_code &= PF_WRITE | PF_USER | PF_FETCH;
	present = translate(user, address, &found);
	if (present && allows(found.flags, error_code)) {
		if (mti_soft_amd64_shadow_fill(user, address))
			return;
		stop_machine(user, what_misses(user, &found, error_code),
			     found.gpa);
		return;
	}
	if (present)
		error_code |= PF_PRESENT;
	stop_fault(user, VECTOR_PF, error_code);
}

/*
 * An instruction INT: with one byte for the number, or int3. Only the latter's
 * gate lets user mode in (arch/amd64/boot.c).
 */
static void software_interrupt(struct amd64_user *user, uint32_t number)
{
	mti_soft_amd64_general_store(user);
	if (number == VECTOR_BP) {
		stop_fault(user, VECTOR_BP, 0);
		return;
	}
	stop_fault(user, VECTOR_GP, number * 8 + 2);
	user->general[MTI_RIP] -= 2;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *context)
{
	struct amd64_user *user = context;
	struct raised raised = take_exception(user);
	uint64_t none = DR0_NONE;

	if (user->event == AMD64_IO) {
		stop(user, AMD64_IO);
		/*
		 * What it has of the flags is not computed here, and would be
		 * any bits: DF and TF among them.
		 */
		user->general[MTI_RFLAGS] = MTI_RFLAGS_USER;
		uc_reg_write(uc, UC_X86_REG_DR0, &none);
		return;
	}
	if (user->event != AMD64_NONE)
		return;
	if (raised.is_int) {
		software_interrupt(user, number);
	} else if (number == VECTOR_PF) {
		page_fault(user, raised.error_code);
	} else {
		stop_fault(user, number & 31, raised.error_code);
	}
}

static bool on_invalid(uc_engine *uc, void *context)
{
	struct amd64_user *user = context;

	(void)uc;
	stop_fault(user, VECTOR_UD, 0);
	return false;
}

/*
 * Before it looks at page tables, the emulator wants memory to be there: the
 * right one, or some. Then the tables decide.
 */
static bool on_unmapped(uc_engine *uc, uc_mem_type type, uint64_t address,
			int size, int64_t value, void *context)
{
	struct amd64_user *user = context;

	(void)uc;
	(void)type;
	(void)size;
	(void)value;
	if (mti_soft_amd64_shadow_fill(user, address) ||
	    mti_soft_amd64_shadow_standin(user, address))
		return true;
	stop_machine(user, "the emulator takes no memory at address", address);
	return false;
}

static bool on_protected(uc_engine *uc, uc_mem_type type, uint64_t address,
			 int size, int64_t value, void *context)
{
	struct amd64_user *user = context;

	(void)uc;
	(void)type;
	(void)size;
	(void)value;
	user->address = address;
	stop_fault(user, VECTOR_PF, PF_PRESENT | PF_USER | PF_FETCH);
	return false;
}

static void on_syscall(uc_engine *uc, void *context)
{
	struct amd64_user *user = context;

	user->event = AMD64_SYSCALL;
	uc_emu_stop(uc);
}

/* --------------------------------------------------------------- ports */

static void take_io(struct amd64_user *user, uint32_t port, int size,
		    uint32_t value, bool out)
{
	static const int ids[AMD64_IO_REGISTERS] = {
		UC_X86_REG_RAX,
		UC_X86_REG_RCX,
		UC_X86_REG_RSI,
		UC_X86_REG_RDI,
	};
	uint64_t watched = port & 0xffff;
	size_t i;

	user->port = port & 0xffff;
	user->io_size = (uint32_t)size;
	user->io_value = value;
	user->io_out = out;
	for (i = 0; i < AMD64_IO_REGISTERS; i++)
		uc_reg_read(user->vm.uc, ids[i], &user->io_general[i]);
	user->event = AMD64_IO;
	/* Ends the run behind this instruction. */
	uc_reg_write(user->vm.uc, UC_X86_REG_DR0, &watched);
}

static void on_out(uc_engine *uc, uint32_t port, int size, uint32_t value,
		   void *context)
{
	(void)uc;
	take_io(context, port, size, value, true);
}

static uint32_t on_in(uc_engine *uc, uint32_t port, int size, void *context)
{
	(void)uc;
	take_io(context, port, size, 0, false);
	return 0;
}

struct decoded {
	uint64_t length;
	bool string;
	bool repeated;
};

/* The I/O instruction that ends at the guest's RIP. */
static struct decoded decode(struct amd64_user *user)
{
	uint64_t end = user->general[MTI_RIP];
	uint8_t last = code_at(user, end - 1);
	uint8_t before = code_at(user, end - 2);
	struct decoded found = { .length = 1 };
	bool immediate = before >= 0xe4 && before <= 0xe7 && last == user->port;
	bool by_dx = (last & 0xfc) == 0xec || (last & 0xfc) == 0x6c;

	if (immediate &&
	    !(by_dx && (user->general[MTI_RDX] & 0xffff) == user->port))
		found.length = 2;
	else
		found.string = (last & 0xfc) == 0x6c;
	before = code_at(user, end - found.length - 1);
	while (found.length < CODE_MAX &&
	       (before == 0x66 || before == 0xf2 || before == 0xf3 ||
		(before & 0xf0) == 0x40)) {
		if ((before & 0xfe) == 0xf2 && found.string)
			found.repeated = true;
		found.length++;
		before = code_at(user, end - found.length - 1);
	}
	return found;
}

/* The I/O bitmap (SDM 1, I/O Permission Bit Map), as boot.c fills it. */
static bool is_allowed(const struct amd64_user *user)
{
	return user->port >= MOTE_PORT_FIRST &&
	       user->port + user->io_size - 1 <= MOTE_PORT_LAST;
}

void mti_soft_amd64_decode_io(struct amd64_user *user, struct mti_exit *exit)
{
	struct decoded found = decode(user);
	struct mti_port_access access = {
		.port = user->port,
		.size = user->io_size,
		.out = user->io_out,
		.repeated = found.repeated,
		.value = user->io_value,
		.argument0 = user->general[MTI_RDI],
		.argument1 = user->general[MTI_RSI],
	};

	if (is_allowed(user)) {
		mti_port_exit(&access, exit);
		return;
	}
	user->general[MTI_RIP] -= found.length;
	user->general[MTI_RAX] = user->io_general[0];
	user->general[MTI_RCX] = user->io_general[1];
	user->general[MTI_RSI] = user->io_general[2];
	user->general[MTI_RDI] = user->io_general[3];
	user->vector = VECTOR_GP;
	user->error_code = 0;
	mti_soft_amd64_deliver(user, exit);
}

/* ------------------------------------------------------------ delivery */

static bool has_error_code(uint32_t vector)
{
	/* SDM 3A, "Exceptions and Interrupts"; vectors 8, 10 to 14, 17. */
	return vector < 32 && (UINT32_C(0x00027d00) >> vector & 1);
}

/* Faults, and not traps, are pushed with RF (SDM 3B, 18.3.1.1). */
static bool sets_resume_flag(uint32_t vector)
{
	return vector != VECTOR_DB && vector != VECTOR_BP &&
	       vector != VECTOR_DF;
}

void mti_soft_amd64_deliver(struct amd64_user *user, struct mti_exit *exit)
{
	const uint64_t top = MOTE_GVA_INTERRUPT_STACK + MOTE_PAGE_SIZE;
	struct mti_amd64_frame frame = {
		.error_code = user->error_code,
		.rip = user->general[MTI_RIP],
		.cs = MTI_SELECTOR_USER_CODE,
		.rflags = user->general[MTI_RFLAGS],
		.rsp = user->general[MTI_RSP],
		.ss = MTI_SELECTOR_USER_DATA,
	};
	const struct mti_soft_piece *piece = NULL;
	struct mti_pt_translation found;
	uint64_t skip = has_error_code(user->vector) ? 0 : 8;
	uint8_t *at;

	if (sets_resume_flag(user->vector))
		frame.rflags |= UINT64_C(1) << 16;
	if (translate(user, top - MTI_AMD64_FRAME_BYTES, &found))
		piece = mti_soft_find(&user->vm, found.gpa);
	if (!piece || piece->borrowed) {
		exit->kind = MTI_EXIT_MACHINE;
		exit->text = "triple fault, vector";
		exit->detail = user->vector;
		return;
	}
	at = piece->memory + (found.gpa - piece->gpa);
	memcpy(at + skip, (uint8_t *)&frame + skip, sizeof(frame) - skip);
	/* The stub at its `out`. */
	user->general[MTI_RSP] = top - MTI_AMD64_FRAME_BYTES + skip;
	user->general[MTI_RIP] = MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_STUBS +
				 user->vector * 16 + 2;
	user->general[MTI_RFLAGS] = MTI_RFLAGS_USER & ~UINT64_C(0x200);
	exit->kind = MTI_EXIT_FAULT;
	exit->number = user->vector;
}

static uc_err add_hook(struct amd64_user *user, int type, void *callback,
		       int instruction)
{
	uc_hook hook;

	return uc_hook_add(user->vm.uc, &hook, type, callback, user,
			   (uint64_t)1, (uint64_t)0, instruction);
}

mote_status mti_soft_amd64_exits_init(struct amd64_user *user, mote_error *err)
{
	const struct {
		int type;
		void *callback;
		int instruction;
	} hooks[] = {
		{ UC_HOOK_INTR, (void *)on_interrupt, 0 },
		{ UC_HOOK_INSN_INVALID, (void *)on_invalid, 0 },
		{ UC_HOOK_MEM_UNMAPPED, (void *)on_unmapped, 0 },
		{ UC_HOOK_MEM_FETCH_PROT, (void *)on_protected, 0 },
		{ UC_HOOK_INSN, (void *)on_syscall, UC_X86_INS_SYSCALL },
		{ UC_HOOK_INSN, (void *)on_out, UC_X86_INS_OUT },
		{ UC_HOOK_INSN, (void *)on_in, UC_X86_INS_IN },
	};
	uc_err uc = UC_ERR_OK;
	size_t i;

	for (i = 0; uc == UC_ERR_OK && i < sizeof(hooks) / sizeof(hooks[0]);
	     i++)
		uc = add_hook(user, hooks[i].type, hooks[i].callback,
			      hooks[i].instruction);
	if (uc != UC_ERR_OK)
		return mti_soft_error(err, "create VM", "uc_hook_add", uc);
	return MOTE_OK;
}
