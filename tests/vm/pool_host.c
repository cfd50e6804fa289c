#include "vm/pool_host.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "harness/unit.h"
#include "sandbox/pool.h"

struct pool_host base;

mote_status __real_mti_sandbox_restore(mote_sandbox *box, mote_snapshot *from,
				       mote_error *err);
mote_status __wrap_mti_sandbox_restore(mote_sandbox *box, mote_snapshot *from,
				       mote_error *err);
mote_status __wrap_mti_sandbox_restore(mote_sandbox *box, mote_snapshot *from,
				       mote_error *err)
{
	if (atomic_load(&base.fail_restores) > 0 &&
	    atomic_fetch_sub(&base.fail_restores, 1) > 0)
		return MOTE_E_OS;
	return __real_mti_sandbox_restore(box, from, err);
}

mote_status __real_mti_sandbox_from_snapshot(mote_snapshot *from,
					     const mote_sandbox_options *given,
					     mote_sandbox **box,
					     mote_error *err);
mote_status __wrap_mti_sandbox_from_snapshot(mote_snapshot *from,
					     const mote_sandbox_options *given,
					     mote_sandbox **box,
					     mote_error *err);
mote_status __wrap_mti_sandbox_from_snapshot(mote_snapshot *from,
					     const mote_sandbox_options *given,
					     mote_sandbox **box,
					     mote_error *err)
{
	if (atomic_load(&base.fail_creations) > 0 &&
	    atomic_fetch_sub(&base.fail_creations, 1) > 0) {
		if (err) {
			err->code = MOTE_E_OS;
			snprintf(err->text, sizeof(err->text), "injected");
		}
		return MOTE_E_OS;
	}
	return __real_mti_sandbox_from_snapshot(from, given, box, err);
}

int pool_host_setup(void **state)
{
	mote_sandbox *box;

	(void)state;
	memset(&base.mapping, 0, sizeof(base.mapping));
	atomic_store(&base.fail_restores, 0);
	atomic_store(&base.fail_creations, 0);
	vm_open(&base.vm, GUEST_vm_mapping);
	base.options = mapping_host_options(&base.mapping);
	box = vm_sandbox(&base.vm, &base.options);
	vm_expect(mote_snapshot_take(box, &base.snapshot, &base.vm.err),
		  MOTE_OK, &base.vm.err);
	mote_sandbox_free(box);
	return 0;
}

int pool_host_teardown(void **state)
{
	(void)state;
	mote_snapshot_unref(base.snapshot);
	vm_close(&base.vm);
	return 0;
}

mote_pool *pool_host_new(uint32_t min, uint32_t max)
{
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_pool *pool = NULL;

	wanted.min = min;
	wanted.max = max;
	wanted.sandbox = &base.options;
	vm_expect(mote_pool_new(base.snapshot, &wanted, &pool, &base.vm.err),
		  MOTE_OK, &base.vm.err);
	return pool;
}

mote_sandbox *pool_host_acquire(mote_pool *pool)
{
	mote_sandbox *box = NULL;

	vm_expect(mote_pool_acquire(pool, 0, &box, &base.vm.err), MOTE_OK,
		  &base.vm.err);
	return box;
}

mote_pool_stats pool_host_stats(mote_pool *pool)
{
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;

	vm_expect(mote_pool_get_stats(pool, &stats, &base.vm.err), MOTE_OK,
		  &base.vm.err);
	return stats;
}

void pool_host_await(mote_pool *pool, uint32_t count)
{
	while (pool_host_stats(pool).waiting != count)
		sched_yield();
}

void pool_host_expect(mote_pool *pool, uint32_t idle, uint32_t busy)
{
	mote_pool_stats stats = pool_host_stats(pool);

	assert_int_equal(stats.idle, idle);
	assert_int_equal(stats.busy, busy);
	assert_int_equal(stats.waiting, 0);
}
