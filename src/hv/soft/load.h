/*
 * The backend "soft", a CPU emulator, as the library sees it: a row of
 * backends.c that loads the plug-in when it is asked for by name.
 */
#ifndef MTI_HV_SOFT_LOAD_H
#define MTI_HV_SOFT_LOAD_H

#include "hv/hv.h"

extern const struct mti_hv_ops mti_hv_soft_ops;

#endif
