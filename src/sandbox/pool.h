/*
 * Pools: what api/pool.c calls, after it has validated its arguments.
 */
#ifndef MTI_SANDBOX_POOL_H
#define MTI_SANDBOX_POOL_H

#include <stdint.h>

#include <mote/snapshot.h>

#include "sandbox/sandbox.h"

/*
 * options are complete and are copied, with what they point to. min is at
 * most max.
 */
mote_status mti_pool_new(mote_snapshot *snapshot, uint32_t min, uint32_t max,
			 const mote_sandbox_options *options, mote_pool **pool,
			 mote_error *err);
mote_status mti_pool_acquire(mote_pool *pool, uint64_t timeout_ns,
			     mote_sandbox **box, mote_error *err);
void mti_pool_release(mote_pool *pool, mote_sandbox *box);
mote_status mti_pool_stats(mote_pool *pool, mote_pool_stats *stats,
			   mote_error *err);
void mti_pool_free(mote_pool *pool);

/*
 * options.c: a copy of options and of what they point to, in one block of the
 * allocator; of files the descriptor, of a trace a reference.
 * MOTE_E_NO_MEMORY, MOTE_E_OS.
 */
mote_status mti_options_copy(const struct mti_allocator *allocator,
			     const mote_sandbox_options *options,
			     mote_sandbox_options **copy, mote_error *err);
/* copy may be NULL. */
void mti_options_free(const struct mti_allocator *allocator,
		      mote_sandbox_options *copy);

#endif
