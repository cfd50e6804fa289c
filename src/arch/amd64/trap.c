#include "arch/amd64/trap.h"

#include <string.h>

#include "abi/layout.h"

/* SDM 3A, table "Protected-Mode Exceptions and Interrupts". */
enum {
	VECTOR_DE = 0, VECTOR_DB = 1, VECTOR_BP = 3, VECTOR_OF = 4,
	VECTOR_UD = 6, VECTOR_DF = 8, VECTOR_TS = 10, VECTOR_NP = 11,
	VECTOR_SS = 12, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_MF = 16,
	VECTOR_AC = 17, VECTOR_XM = 19, VECTOR_CP = 21, VECTOR_SX = 30,
};

#define PF_WRITE (1u << 1)
#define PF_FETCH (1u << 4)

const char *const mti_amd64_register_names[MTI_AMD64_REGISTERS] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
	"rip", "rflags", "fs_base", "gs_base",
};

uint64_t mti_amd64_error_code(uint32_t vector,
			      const struct mti_amd64_frame *frame)
{
	switch (vector) {
	case VECTOR_DF:
	case VECTOR_TS:
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_GP:
	case VECTOR_PF:
	case VECTOR_AC:
	case VECTOR_CP:
	case VECTOR_SX:
		return frame->error_code;
	default:
		return 0;
	}
}

static mote_fault_kind page_fault_kind(uint64_t error_code, uint64_t address,
				       uint64_t stack_guard,
				       uint64_t stack_base)
{
	if (address < MOTE_GVA_PROGRAM_FIRST)
		return MOTE_FAULT_NULL_POINTER;
	if (error_code & PF_FETCH)
		return MOTE_FAULT_EXECUTE;
	if (address >= stack_guard && address < stack_base)
		return MOTE_FAULT_STACK_OVERFLOW;
	return error_code & PF_WRITE ? MOTE_FAULT_WRITE : MOTE_FAULT_READ;
}

static mote_fault_kind kind_of(uint32_t vector)
{
	switch (vector) {
	case VECTOR_DE:
		return MOTE_FAULT_DIVIDE;
	case VECTOR_DB:
	case VECTOR_BP:
	case VECTOR_OF:
		return MOTE_FAULT_BREAKPOINT;
	case VECTOR_UD:
		return MOTE_FAULT_ILLEGAL_INSTRUCTION;
	case VECTOR_TS:
	case VECTOR_NP:
	case VECTOR_SS:
	case VECTOR_GP:
		return MOTE_FAULT_PRIVILEGED;
	case VECTOR_MF:
	case VECTOR_XM:
		return MOTE_FAULT_FLOATING_POINT;
	case VECTOR_AC:
		return MOTE_FAULT_ALIGNMENT;
	default:
		return MOTE_FAULT_MACHINE;
	}
}

void mti_amd64_classify(uint32_t vector, const struct mti_amd64_frame *frame,
			uint64_t cr2, uint64_t stack_guard, uint64_t stack_base,
			mote_fault *fault)
{
	fault->vector = vector;
	fault->error_code = mti_amd64_error_code(vector, frame);
	fault->pc = frame->rip;
	if (vector == VECTOR_PF) {
		fault->address = cr2;
		fault->kind = page_fault_kind(fault->error_code, cr2,
					      stack_guard, stack_base);
	} else {
		fault->address = 0;
		fault->kind = kind_of(vector);
	}
}

void mti_amd64_fault(const struct mti_trap *trap, mote_fault *fault)
{
	struct mti_amd64_frame frame;

	memcpy(&frame, (const uint8_t *)trap->stack_end - MTI_AMD64_FRAME_BYTES,
	       sizeof(frame));
	fault->registers[MTI_RIP] = frame.rip;
	fault->registers[MTI_RSP] = frame.rsp;
	fault->registers[MTI_RFLAGS] = frame.rflags;
	mti_amd64_classify(trap->vector, &frame, trap->address, trap->guard,
			   trap->stack, fault);
}
