/*
 * What leaving a frame needs to know of the CPU. Pure.
 */
#ifndef MTI_ARCH_AARCH64_UNWIND_H
#define MTI_ARCH_AARCH64_UNWIND_H

#include <stdint.h>

#include "arch/aarch64/trap.h"
#include "arch/arch.h"

/* x0 to x30, sp, pc. */
#define MTI_AARCH64_DWARF_REGISTERS 33
#define MTI_AARCH64_DWARF_FRAME 29
#define MTI_AARCH64_DWARF_LINK 30
#define MTI_AARCH64_DWARF_SP 31

extern const uint8_t mti_aarch64_dwarf_registers[MTI_AARCH64_DWARF_REGISTERS];

/* See struct mti_arch. */
bool mti_aarch64_call_before(const uint8_t code[MTI_ARCH_CALL_BYTES],
			     uint64_t address, uint64_t *target);
bool mti_aarch64_next_jump(const uint8_t *code, uint64_t size,
			   uint64_t address, uint64_t *at, uint64_t *target);

#endif
