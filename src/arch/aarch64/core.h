/*
 * Registers in core files. Pure.
 */
#ifndef MTI_ARCH_AARCH64_CORE_H
#define MTI_ARCH_AARCH64_CORE_H

#include <stdint.h>

#include "arch/aarch64/trap.h"
#include "arch/arch.h"

#define MTI_AARCH64_PRSTATUS_BYTES 392
/* struct user_fpsimd_state: V0 to V31, FPSR, FPCR, 8 bytes of nothing. */
#define MTI_AARCH64_FPSIMD_BYTES 528
#define MTI_AARCH64_FPSIMD_FPSR 512
#define MTI_AARCH64_FPSIMD_FPCR 516

/* See struct mti_arch. */
void mti_aarch64_prstatus(const uint64_t *general, uint32_t signal,
			  uint32_t pid, uint8_t *out);
void mti_aarch64_prstatus_read(const uint8_t *status, uint64_t *general);
uint32_t mti_aarch64_core_vector(uint8_t *vector, uint32_t size,
				 const uint32_t *offset);

#endif
