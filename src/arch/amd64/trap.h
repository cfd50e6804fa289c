/*
 * What an exception means. Pure.
 */
#ifndef MTI_ARCH_AMD64_TRAP_H
#define MTI_ARCH_AMD64_TRAP_H

#include <stdint.h>

#include <mote/error.h>

#include "arch/arch.h"

/* Order of mote_fault.registers. */
enum mti_amd64_register {
	MTI_RAX, MTI_RBX, MTI_RCX, MTI_RDX, MTI_RSI, MTI_RDI, MTI_RBP, MTI_RSP,
	MTI_R8, MTI_R9, MTI_R10, MTI_R11, MTI_R12, MTI_R13, MTI_R14, MTI_R15,
	MTI_RIP, MTI_RFLAGS, MTI_FS_BASE, MTI_GS_BASE,
	MTI_AMD64_REGISTERS
};

/* The part of the interrupt stack that the CPU fills (SDM 3A, 6.14). */
struct mti_amd64_frame {
	uint64_t error_code;
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};

/*
 * The frame as it lies in memory: its first word is an error code only for
 * the vectors that have one; otherwise the rest lies at the same place.
 */
#define MTI_AMD64_FRAME_BYTES 48

/* Zero for vectors that push no error code. */
uint64_t mti_amd64_error_code(uint32_t vector,
			      const struct mti_amd64_frame *frame);

/*
 * Fills kind, vector, error code, address and pc. cr2 counts only for page
 * faults. [stack_guard, stack_base) is the unmapped room below the stack.
 */
void mti_amd64_classify(uint32_t vector, const struct mti_amd64_frame *frame,
			uint64_t cr2, uint64_t stack_guard, uint64_t stack_base,
			mote_fault *fault);

/* See struct mti_arch. */
void mti_amd64_fault(const struct mti_trap *trap, mote_fault *fault);

extern const char *const mti_amd64_register_names[MTI_AMD64_REGISTERS];

#endif
