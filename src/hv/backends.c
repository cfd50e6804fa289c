/*
 * The table of backends: a new one is a folder and a row here. In order of
 * preference.
 */
#include "hv/hv.h"
#include "hv/kvm/ops.h"
#include "hv/soft/load.h"

const struct mti_hv_ops *const mti_hv_backends[] = {
	&mti_hv_kvm_ops,
	&mti_hv_soft_ops,
};

const size_t mti_hv_backend_count =
	sizeof(mti_hv_backends) / sizeof(mti_hv_backends[0]);
