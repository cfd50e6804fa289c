/*
 * A bare x86 CPU in software: what struct mti_hv_ops asks of bare guests, for
 * the plug-in's table. One VM is used by one thread at a time; VMs are
 * independent of each other.
 *
 * What the host writes to guest memory, code and page tables included, is
 * seen without being told, at the latest by the next run.
 */
#ifndef MTI_HV_SOFT_BARE_H
#define MTI_HV_SOFT_BARE_H

#include "hv/hv.h"

struct mti_soft_bare;

/* Of config, the architecture is ignored. The allocator is borrowed. */
mote_status mti_soft_bare_new(const struct mti_allocator *allocator,
			      const struct mti_vm_config *config,
			      struct mti_soft_bare **bare, mote_error *err);
void mti_soft_bare_free(struct mti_soft_bare *bare); /* may be NULL */

/* As the operations of that name; bare_set must have come before run. */
mote_status mti_soft_bare_run(struct mti_soft_bare *bare, struct mti_exit *exit,
			      mote_error *err);
mote_status mti_soft_bare_get(struct mti_soft_bare *bare,
			      struct mti_bare_state *state, mote_error *err);
mote_status mti_soft_bare_set(struct mti_soft_bare *bare,
			      const struct mti_bare_state *state,
			      mote_error *err);

/* As the operation cpu_features. */
void mti_soft_bare_features(uint64_t *features);

/* Async-signal-safe, and from any thread: between two instructions. */
void mti_soft_bare_kick(struct mti_soft_bare *bare, bool on);

#endif
