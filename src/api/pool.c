#include <mote/snapshot.h>

#include "api/options.h"
#include "api/records.h"
#include "base/error.h"
#include "sandbox/pool.h"

#define DEFAULT_MAX 64
#define POOL_MAX 65536

static mote_status complete(mote_pool_options *options, mote_error *err)
{
	if (options->reserved != 0)
		return mti_error_set(err, MOTE_E_VERSION, "new pool",
				     "reserved is %u, not 0",
				     options->reserved);
	if (options->max == 0)
		options->max = options->min > DEFAULT_MAX ? options->min :
							    DEFAULT_MAX;
	if (options->max > POOL_MAX)
		return mti_error_set(err, MOTE_E_INVALID, "new pool",
				     "max is %u, at most %u", options->max,
				     POOL_MAX);
	if (options->min > options->max)
		return mti_error_set(err, MOTE_E_INVALID, "new pool",
				     "min is %u, but max is %u", options->min,
				     options->max);
	return MOTE_OK;
}

mote_status mote_pool_new(mote_snapshot *snapshot,
			  const mote_pool_options *options, mote_pool **pool,
			  mote_error *err)
{
	mote_sandbox_options sandbox;
	mote_pool_options full = MOTE_POOL_OPTIONS_INIT;
	mote_status status = MOTE_OK;

	if (!snapshot || !pool)
		return mti_error_set(err, MOTE_E_INVALID, "new pool",
				     "%s is NULL",
				     snapshot ? "pool" : "snapshot");
	if (options)
		status = mti_record_read(&full, sizeof(full), options,
					 "pool options", err);
	if (status == MOTE_OK)
		status = complete(&full, err);
	if (status == MOTE_OK)
		status = mti_options_for_snapshot(snapshot, full.sandbox,
						  &sandbox, err);
	if (status == MOTE_OK && sandbox.gdb)
		status = mti_error_set(err, MOTE_E_INVALID, "new pool",
				       "gdb is \"%.100s\": the sandboxes of a "
				       "pool cannot all be where gdb connects",
				       sandbox.gdb);
	if (status != MOTE_OK)
		return status;
	return mti_pool_new(snapshot, full.min, full.max, &sandbox, pool, err);
}

mote_status mote_pool_acquire(mote_pool *pool, uint64_t timeout_ns,
			      mote_sandbox **box, mote_error *err)
{
	if (!pool || !box)
		return mti_error_set(err, MOTE_E_INVALID, "acquire from pool",
				     "%s is NULL", pool ? "box" : "pool");
	return mti_pool_acquire(pool, timeout_ns, box, err);
}

void mote_pool_release(mote_pool *pool, mote_sandbox *box)
{
	if (pool && box)
		mti_pool_release(pool, box);
}

mote_status mote_pool_get_stats(mote_pool *pool, mote_pool_stats *stats,
				mote_error *err)
{
	mote_pool_stats full = MOTE_POOL_STATS_INIT;
	mote_status status;

	if (!pool || !stats)
		return mti_error_set(err, MOTE_E_INVALID, "get pool stats",
				     "%s is NULL", pool ? "stats" : "pool");
	status = mti_pool_stats(pool, &full, err);
	if (status != MOTE_OK)
		return status;
	return mti_record_write(stats, &full, sizeof(full), "pool stats", err);
}

void mote_pool_free(mote_pool *pool)
{
	mti_pool_free(pool);
}
