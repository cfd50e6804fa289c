#include "arch/aarch64/trap.h"

#include "abi/layout.h"
#include "abi/trap.h"

const char *const mti_aarch64_register_names[MTI_AARCH64_REGISTERS] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",
	"x9",  "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
	"x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
	"x27", "x28", "x29", "x30", "sp",  "pc",  "pstate", "tpidr_el0",
};

/* The compilers' __builtin_trap(); gdb's breakpoint is 0. */
#define BRK_TRAP_GCC 1000
#define BRK_TRAP_CLANG 1

static bool is_abort(uint32_t class)
{
	return class == MTI_ESR_FETCH || class == MTI_ESR_DATA;
}

static mote_fault_kind abort_kind(const struct mti_trap *trap, uint32_t class,
				  uint64_t syndrome)
{
	uint64_t cause = syndrome & MTI_ESR_CAUSE;

	if (cause == MTI_ESR_ALIGNMENT)
		return MOTE_FAULT_ALIGNMENT;
	/* Beyond these are aborts of the memory system. */
	if (cause > (MTI_ESR_PERMISSION | 3))
		return MOTE_FAULT_MACHINE;
	if (trap->address < MOTE_GVA_PROGRAM_FIRST)
		return MOTE_FAULT_NULL_POINTER;
	if (class == MTI_ESR_FETCH)
		return MOTE_FAULT_EXECUTE;
	if (trap->address >= trap->guard && trap->address < trap->stack)
		return MOTE_FAULT_STACK_OVERFLOW;
	return (syndrome & MTI_ESR_WRITE) && !(syndrome & MTI_ESR_CACHE) ?
		       MOTE_FAULT_WRITE :
		       MOTE_FAULT_READ;
}

static mote_fault_kind brk_kind(uint64_t syndrome)
{
	uint64_t number = syndrome & 0xffff;

	return number == BRK_TRAP_GCC || number == BRK_TRAP_CLANG ?
		       MOTE_FAULT_ILLEGAL_INSTRUCTION :
		       MOTE_FAULT_BREAKPOINT;
}

static mote_fault_kind kind_of(const struct mti_trap *trap, uint32_t class,
			       uint64_t syndrome)
{
	switch (class) {
	case MTI_ESR_WFX:
	case MTI_ESR_SVC:
	case MTI_ESR_SYSTEM:
		return MOTE_FAULT_PRIVILEGED;
	case MTI_ESR_FETCH:
	case MTI_ESR_DATA:
		return abort_kind(trap, class, syndrome);
	case MTI_ESR_PC_ALIGNMENT:
	case MTI_ESR_SP_ALIGNMENT:
		return MOTE_FAULT_ALIGNMENT;
	case MTI_ESR_FLOATING_POINT:
		return MOTE_FAULT_FLOATING_POINT;
	case MTI_ESR_BREAKPOINT:
	case MTI_ESR_STEP:
	case MTI_ESR_WATCHPOINT:
		return MOTE_FAULT_BREAKPOINT;
	case MTI_ESR_BRK:
		return brk_kind(syndrome);
	default:
		/* What is undefined, and what is switched off. */
		return class < MTI_ESR_FETCH ? MOTE_FAULT_ILLEGAL_INSTRUCTION :
					       MOTE_FAULT_MACHINE;
	}
}

void mti_aarch64_fault(const struct mti_trap *trap, mote_fault *fault)
{
	uint64_t syndrome = fault->error_code;
	uint32_t class = (uint32_t)(syndrome >> MTI_ESR_CLASS_SHIFT) & 0x3f;

	fault->pc = fault->registers[MTI_AARCH64_PC];
	fault->vector = class;
	fault->address = is_abort(class) ? trap->address : 0;
	fault->kind = trap->vector == MOTE_DOORBELL_SYNCHRONOUS ?
			      kind_of(trap, class, syndrome) :
			      MOTE_FAULT_MACHINE;
}
