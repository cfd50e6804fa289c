#include <stdint.h>
#include <string.h>

#include <mote/mote.h>
#include <mote/snapshot.h>

#include "api/options.h"
#include "api/records.h"
#include "base/checked.h"
#include "base/error.h"
#include "sandbox/sandbox.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_HEAP (16 * MIB)
#define DEFAULT_STACK (1 * MIB)
/* A message of 1 MiB of data must fit with its header. */
#define DEFAULT_IO (1 * MIB + MOTE_PAGE_SIZE)
#define DEFAULT_DEADLINE_NS UINT64_C(1000000000)
#define DEFAULT_HOST_CALLS UINT64_C(1000000)
#define DEFAULT_OUTPUT_BYTES (16 * MIB)
#define DEFAULT_LOG_BYTES (1 * MIB)
/* A hundred years: the sum with the clock must not wrap. */
#define DEADLINE_MAX_NS (UINT64_C(100) * 365 * 86400 * 1000000000)
#define HOST_FUNCTIONS_MAX 4096
#define KNOWN_FLAGS                                           \
	(MOTE_SANDBOX_OUTPUT_LINES | MOTE_SANDBOX_NO_DUMP |   \
	 MOTE_SANDBOX_REPRODUCIBLE | MOTE_SANDBOX_SHARE_INIT | \
	 MOTE_SANDBOX_CALL_STATS | MOTE_SANDBOX_FRESH_PAGES)

/* Default, upper bound, whole pages. */
static mote_status check_size(uint64_t *size, uint64_t fallback, uint64_t most,
			      const char *name, mote_error *err)
{
	if (*size == 0)
		*size = fallback;
	if (*size > most)
		return mti_error_set(err, MOTE_E_INVALID, "new sandbox",
				     "%s is %llu, at most %llu", name,
				     (unsigned long long)*size,
				     (unsigned long long)most);
	/* most is a multiple of a page: this cannot wrap or exceed it. */
	(void)mti_align_up_u64(*size, MOTE_PAGE_SIZE, size);
	return MOTE_OK;
}

static mote_status check_deadline(uint64_t *deadline_ns, const char *operation,
				  mote_error *err)
{
	if (*deadline_ns == 0)
		*deadline_ns = DEFAULT_DEADLINE_NS;
	if (*deadline_ns > DEADLINE_MAX_NS)
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "deadline_ns is %llu, at most %llu",
				     (unsigned long long)*deadline_ns,
				     (unsigned long long)DEADLINE_MAX_NS);
	return MOTE_OK;
}

#define DEFAULT_SAMPLE_NS UINT64_C(1000000)
/* Else a guest would not get anywhere. */
#define SAMPLE_MIN_NS UINT64_C(20000)

static mote_status check_profile(mote_sandbox_options *options,
				 mote_error *err)
{
	if (options->sample_ns == 0)
		options->sample_ns = DEFAULT_SAMPLE_NS;
	if (options->sample_ns < SAMPLE_MIN_NS ||
	    options->sample_ns > DEADLINE_MAX_NS)
		return mti_error_set(err, MOTE_E_INVALID, "new sandbox",
				     "sample_ns is %llu, not %llu to %llu",
				     (unsigned long long)options->sample_ns,
				     (unsigned long long)SAMPLE_MIN_NS,
				     (unsigned long long)DEADLINE_MAX_NS);
	if ((options->sample || options->heap) &&
	    (options->flags & MOTE_SANDBOX_NO_DUMP))
		return mti_error_set(err, MOTE_E_INVALID, "new sandbox",
				     "flags have MOTE_SANDBOX_NO_DUMP, %s is "
				     "not NULL",
				     options->sample ? "sample" : "heap");
	return MOTE_OK;
}

static mote_status complete(mote_sandbox_options *options, mote_error *err)
{
	mote_status status;

	if (options->flags & ~KNOWN_FLAGS)
		return mti_error_set(err, MOTE_E_VERSION, "new sandbox",
				     "flags is 0x%x, known are 0x%x",
				     options->flags, KNOWN_FLAGS);
	if (options->gdb && (options->flags & MOTE_SANDBOX_NO_DUMP))
		return mti_error_set(err, MOTE_E_INVALID, "new sandbox",
				     "gdb is \"%.40s\", but flags has "
				     "MOTE_SANDBOX_NO_DUMP: a debugger sees "
				     "what the guest has in memory",
				     options->gdb);
	if (options->host_function_count > HOST_FUNCTIONS_MAX)
		return mti_error_set(err, MOTE_E_INVALID, "new sandbox",
				     "host_function_count is %zu, at most %d",
				     options->host_function_count,
				     HOST_FUNCTIONS_MAX);
	if (options->host_function_count > 0 && !options->host_functions)
		return mti_error_set(err, MOTE_E_INVALID, "new sandbox",
				     "host_functions is NULL, "
				     "host_function_count is %zu",
				     options->host_function_count);
	status = check_size(&options->heap_bytes, DEFAULT_HEAP, MOTE_HEAP_MAX,
			    "heap_bytes", err);
	if (status == MOTE_OK)
		status = check_size(&options->stack_bytes, DEFAULT_STACK,
				    MOTE_STACK_MAX, "stack_bytes", err);
	if (status == MOTE_OK)
		status = check_size(&options->io_bytes, DEFAULT_IO, MOTE_IO_MAX,
				    "io_bytes", err);
	if (status == MOTE_OK)
		status = check_deadline(&options->deadline_ns, "new sandbox",
					err);
	if (status == MOTE_OK)
		status = check_profile(options, err);
	if (status == MOTE_OK)
		status = mti_mappings_check(options->mappings,
					    options->mapping_count, err);
	if (options->max_host_calls == 0)
		options->max_host_calls = DEFAULT_HOST_CALLS;
	if (options->max_output_bytes == 0)
		options->max_output_bytes = DEFAULT_OUTPUT_BYTES;
	/* CPU time cannot pass faster than the deadline comes. */
	if (options->cpu_ns == 0)
		options->cpu_ns = MTI_KICK_NO_CPU_LIMIT;
	if (options->max_log_bytes == 0)
		options->max_log_bytes = DEFAULT_LOG_BYTES;
	if (options->max_growth_bytes == 0)
		options->max_growth_bytes = UINT64_MAX;
	return status;
}

/* A size of a snapshot, which an option may repeat. */
static mote_status adopt_size(uint64_t *size, uint64_t theirs, const char *name,
			      mote_error *err)
{
	uint64_t pages;

	if (*size == 0)
		*size = theirs;
	if (!mti_align_up_u64(*size, MOTE_PAGE_SIZE, &pages) || pages != theirs)
		return mti_error_set(err, MOTE_E_INCOMPATIBLE,
				     "new sandbox from snapshot",
				     "%s: the snapshot has %llu, the options "
				     "%llu",
				     name, (unsigned long long)theirs,
				     (unsigned long long)*size);
	return MOTE_OK;
}

static mote_status adopt_sizes(mote_sandbox_options *options,
			       const struct mti_layout_sizes *theirs,
			       mote_error *err)
{
	mote_status status;

	status = adopt_size(&options->heap_bytes, theirs->heap, "heap_bytes",
			    err);
	if (status == MOTE_OK)
		status = adopt_size(&options->stack_bytes, theirs->stack,
				    "stack_bytes", err);
	if (status == MOTE_OK)
		status = adopt_size(&options->io_bytes, theirs->io, "io_bytes",
				    err);
	return status;
}

mote_status mti_options_for_snapshot(const mote_snapshot *snapshot,
				     const mote_sandbox_options *options,
				     mote_sandbox_options *full,
				     mote_error *err)
{
	mote_status status = MOTE_OK;

	*full = (mote_sandbox_options)MOTE_SANDBOX_OPTIONS_INIT;
	if (options)
		status = mti_record_read(full, sizeof(*full), options,
					 "sandbox options", err);
	if (status == MOTE_OK)
		status = adopt_sizes(full, &snapshot->snap.layout.sizes, err);
	if (status == MOTE_OK)
		status = complete(full, err);
	return status;
}

mote_status mote_sandbox_from_snapshot(mote_snapshot *snapshot,
				       const mote_sandbox_options *options,
				       mote_sandbox **box, mote_error *err)
{
	mote_sandbox_options full;
	mote_status status;

	if (!snapshot || !box)
		return mti_error_set(err, MOTE_E_INVALID,
				     "new sandbox from snapshot", "%s is NULL",
				     snapshot ? "box" : "snapshot");
	status = mti_options_for_snapshot(snapshot, options, &full, err);
	if (status != MOTE_OK)
		return status;
	return mti_sandbox_from_snapshot(snapshot, &full, box, err);
}

mote_status mote_sandbox_new(mote_image *image,
			     const mote_sandbox_options *options,
			     mote_sandbox **box, mote_error *err)
{
	mote_sandbox_options full = MOTE_SANDBOX_OPTIONS_INIT;
	mote_status status = MOTE_OK;

	if (!image || !box)
		return mti_error_set(err, MOTE_E_INVALID, "new sandbox",
				     "%s is NULL", image ? "box" : "image");
	if (options)
		status = mti_record_read(&full, sizeof(full), options,
					 "sandbox options", err);
	if (status == MOTE_OK)
		status = complete(&full, err);
	if (status == MOTE_OK && full.mapping_count > 0 &&
	    (full.flags & MOTE_SANDBOX_SHARE_INIT))
		status = mti_error_set(err, MOTE_E_INVALID, "new sandbox",
				       "mapping_count is %zu, and flags has "
				       "MOTE_SANDBOX_SHARE_INIT: constructors "
				       "that run once cannot see what is "
				       "mapped into each sandbox",
				       full.mapping_count);
	if (status != MOTE_OK)
		return status;
	return mti_sandbox_new(image, &full, box, err);
}

void mote_sandbox_free(mote_sandbox *box)
{
	if (!box)
		return;
	/* A host function or an output callback of its own call. */
	if (mti_sandbox_inside(box))
		box->doomed = true;
	else
		mti_sandbox_give_up(box);
}

uint32_t mote_sandbox_state(const mote_sandbox *box)
{
	return box ? atomic_load_explicit(&box->state, memory_order_relaxed) :
		     MOTE_SANDBOX_POISONED;
}

mote_status mote_sandbox_set_deadline(mote_sandbox *box, uint64_t deadline_ns,
				      mote_error *err)
{
	mote_status status;

	if (!box)
		return mti_error_set(err, MOTE_E_INVALID, "set deadline",
				     "box is NULL");
	status = check_deadline(&deadline_ns, "set deadline", err);
	if (status == MOTE_OK)
		status = mti_sandbox_acquire(box, err);
	if (status != MOTE_OK)
		return status;
	box->limits.time.deadline_ns = deadline_ns;
	mti_sandbox_release(box);
	return MOTE_OK;
}

mote_status mote_sandbox_get_stats(const mote_sandbox *box,
				   mote_sandbox_stats *stats, mote_error *err)
{
	/* Its owner is not what the caller means by const. */
	mote_sandbox *taken = (mote_sandbox *)(uintptr_t)box;
	mote_status status;

	if (!box || !stats)
		return mti_error_set(err, MOTE_E_INVALID, "get stats",
				     "%s is NULL", box ? "stats" : "box");
	status = mti_sandbox_acquire(taken, err);
	if (status != MOTE_OK)
		return status;
	status = mti_record_write(stats, &box->stats, sizeof(box->stats),
				  "stats", err);
	mti_sandbox_release(taken);
	return status;
}
