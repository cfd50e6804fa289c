/*
 * Breakpoints and single steps in software. Pure.
 */
#ifndef MTI_ARCH_AMD64_STEP_H
#define MTI_ARCH_AMD64_STEP_H

#include "arch/arch.h"

extern const struct mti_arch_debug mti_amd64_debug;

#endif
