/*
 * Memory that is mapped into a VM: what must hold of it, and tables of it,
 * whatever the backend.
 */
#ifndef MTI_HV_MAPPING_H
#define MTI_HV_MAPPING_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/hv.h"

/*
 * MOTE_E_INVALID: there is no such slot, or used, or these are not whole
 * pages, or not below 2^bits of guest-physical memory.
 */
mote_status mti_mapping_check(const struct mti_vm_mapping *mapping,
			      uint32_t slot, bool used, uint32_t bits,
			      mote_error *err);

/* MOTE_E_INVALID: it would lie upon that memory, which may have no size. */
mote_status mti_mapping_apart(const struct mti_vm_mapping *mapping,
			      uint64_t gpa, uint64_t size, mote_error *err);

/*
 * Makes a table of *count elements, owned by the caller, have one for that
 * slot, from 1 on; new ones are zero.
 */
mote_status mti_mapping_grow(const struct mti_allocator *allocator,
			     void **table, uint32_t *count, size_t element,
			     uint32_t slot, mote_error *err);

#endif
