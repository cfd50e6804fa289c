/*
 * Breakpoints and single steps. Pure.
 */
#ifndef MTI_ARCH_AARCH64_STEP_H
#define MTI_ARCH_AARCH64_STEP_H

#include "arch/arch.h"

extern const struct mti_arch_debug mti_aarch64_debug;

#endif
