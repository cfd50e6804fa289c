/*
 * Profiles of a guest: where it is from time to time, and what it does with
 * its heap. On the thread of the call, while the guest stands still.
 */
#ifndef MTI_SANDBOX_PROFILE_H
#define MTI_SANDBOX_PROFILE_H

#include "sandbox/types.h"

mote_status mti_profile_init(mote_sandbox *box,
			     const mote_sandbox_options *options,
			     mote_error *err);
void mti_profile_fini(mote_sandbox *box);

/* Tells the program's callback where the guest is. */
void mti_profile_sample(mote_sandbox *box);

/*
 * The guest says that it has used its heap: MOTE_SERVICE_HEAP with the
 * address of a struct mote_abi_heap. Only if profile.heap is not NULL.
 */
mote_status mti_profile_heap(mote_sandbox *box, uint64_t address,
			     mote_error *err);

#endif
