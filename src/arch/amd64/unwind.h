/*
 * What leaving a frame needs to know of the CPU. Pure.
 */
#ifndef MTI_ARCH_AMD64_UNWIND_H
#define MTI_ARCH_AMD64_UNWIND_H

#include <stdint.h>

#include "arch/amd64/trap.h"
#include "arch/arch.h"

/* rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15, return address. */
#define MTI_AMD64_DWARF_REGISTERS 17
#define MTI_AMD64_DWARF_RCX 2
#define MTI_AMD64_DWARF_RBP 6
#define MTI_AMD64_DWARF_RSP 7

extern const uint8_t mti_amd64_dwarf_registers[MTI_AMD64_DWARF_REGISTERS];

/* See struct mti_arch. */
bool mti_amd64_call_before(const uint8_t code[MTI_ARCH_CALL_BYTES],
			   uint64_t address, uint64_t *target);
bool mti_amd64_next_jump(const uint8_t *code, uint64_t size, uint64_t address,
			 uint64_t *at, uint64_t *target);
bool mti_amd64_saves_frame(const uint8_t *code, uint64_t size);
bool mti_amd64_syscall_caller(uint64_t offset, struct mti_arch_place *place);

#endif
