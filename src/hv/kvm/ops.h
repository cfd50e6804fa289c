#ifndef MTI_HV_KVM_OPS_H
#define MTI_HV_KVM_OPS_H

#include "hv/hv.h"

extern const struct mti_hv_ops mti_hv_kvm_ops;

#endif
