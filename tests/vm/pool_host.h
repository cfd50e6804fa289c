/*
 * A snapshot to make pools of, and failures at will.
 */
#ifndef VM_POOL_HOST_H
#define VM_POOL_HOST_H

#include <stdatomic.h>

#include "vm/mapping_host.h"

#define LONG_NS UINT64_C(50000000000)
#define SECRET 0x5ec7e7u

struct pool_host {
	struct vm vm;
	struct mapping_host mapping;
	mote_sandbox_options options; /* of the pools' sandboxes */
	mote_snapshot *snapshot;
	/* The next so many restores, or creations, fail with MOTE_E_OS. */
	_Atomic int fail_restores;
	_Atomic int fail_creations;
};

extern struct pool_host base;

/* For cmocka; state is not used. */
int pool_host_setup(void **state);
int pool_host_teardown(void **state);

/* These must succeed. */
mote_pool *pool_host_new(uint32_t min, uint32_t max);
mote_sandbox *pool_host_acquire(mote_pool *pool);
mote_pool_stats pool_host_stats(mote_pool *pool);

/* Until so many threads wait. */
void pool_host_await(mote_pool *pool, uint32_t waiting);
/* That many, and nobody waits. */
void pool_host_expect(mote_pool *pool, uint32_t idle, uint32_t busy);

#endif
