/*
 * The backend "none": for looking at images where nothing can run.
 */
#ifndef MTI_HV_NONE_H
#define MTI_HV_NONE_H

#include "hv/hv.h"

extern const struct mti_hv_ops mti_hv_none_ops;

#endif
