/*
 * What no CPU of user mode can be given. Pure.
 */
#ifndef MTI_ARCH_AARCH64_STATE_H
#define MTI_ARCH_AARCH64_STATE_H

#include <stdint.h>

#include <mote/error.h>

#include "arch/arch.h"

/* As the operation state_set; MOTE_E_INVALID. */
mote_status mti_aarch64_check_state(const struct mti_cpu_state *state,
				    mote_error *err);

/* Of struct mti_machine, as the operation machine_set; MOTE_E_INVALID. */
mote_status mti_aarch64_check_machine(uint64_t pc, uint64_t user_limit,
				      const uint8_t *vector,
				      uint32_t vector_size, mote_error *err);

#endif
