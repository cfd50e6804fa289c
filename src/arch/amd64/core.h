/*
 * Registers in core files. Pure.
 */
#ifndef MTI_ARCH_AMD64_CORE_H
#define MTI_ARCH_AMD64_CORE_H

#include <stdint.h>

#include "arch/amd64/trap.h"
#include "arch/arch.h"

#define MTI_AMD64_PRSTATUS_BYTES 336

/* See struct mti_arch. */
void mti_amd64_prstatus(const uint64_t *general, uint32_t signal, uint32_t pid,
			uint8_t *out);
void mti_amd64_prstatus_read(const uint8_t *status, uint64_t *general);
uint32_t mti_amd64_core_vector(uint8_t *vector, uint32_t size,
			       const uint32_t *offset);

#endif
