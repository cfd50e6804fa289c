/*
 * What an exception means. Pure.
 */
#ifndef MTI_ARCH_AARCH64_TRAP_H
#define MTI_ARCH_AARCH64_TRAP_H

#include <stdint.h>

#include <mote/error.h>

#include "arch/arch.h"

/* Order of mote_fault.registers: x0 to x30 are 0 to 30. */
enum mti_aarch64_register {
	MTI_AARCH64_X0 = 0,
	MTI_AARCH64_X29 = 29,
	MTI_AARCH64_X30 = 30,
	MTI_AARCH64_SP,
	MTI_AARCH64_PC,
	MTI_AARCH64_PSTATE,
	MTI_AARCH64_TPIDR,
	MTI_AARCH64_REGISTERS
};

/* ESR_EL1 (Arm ARM D19.2.37): exception class and what it says beside. */
#define MTI_ESR_CLASS_SHIFT 26
#define MTI_ESR_IL (UINT64_C(1) << 25)
enum mti_esr_class {
	MTI_ESR_UNKNOWN = 0x00,
	MTI_ESR_WFX = 0x01,
	MTI_ESR_SVC = 0x15,
	MTI_ESR_SYSTEM = 0x18,
	MTI_ESR_FETCH = 0x20,
	MTI_ESR_PC_ALIGNMENT = 0x22,
	MTI_ESR_DATA = 0x24,
	MTI_ESR_SP_ALIGNMENT = 0x26,
	MTI_ESR_FLOATING_POINT = 0x2c,
	MTI_ESR_BREAKPOINT = 0x30,
	MTI_ESR_STEP = 0x32,
	MTI_ESR_WATCHPOINT = 0x34,
	MTI_ESR_BRK = 0x3c,
};
/* Of aborts: the cause, but for the level of the table in bits 0 and 1. */
#define MTI_ESR_WRITE (UINT64_C(1) << 6)
#define MTI_ESR_CACHE (UINT64_C(1) << 8) /* maintenance: WRITE says nothing */
#define MTI_ESR_CAUSE 0x3f
#define MTI_ESR_TRANSLATION 0x04
#define MTI_ESR_PERMISSION 0x0c
#define MTI_ESR_ALIGNMENT 0x21

/*
 * Fills kind, vector (the exception class), address and pc. fault->registers
 * and error_code (ESR_EL1) are there.
 */
void mti_aarch64_fault(const struct mti_trap *trap, mote_fault *fault);

extern const char *const mti_aarch64_register_names[MTI_AARCH64_REGISTERS];

#endif
