/*
 * What a call uses: the budgets that limit it, and the record of it for
 * mote_call_stats. On the thread of the call.
 */
#ifndef MTI_SANDBOX_USAGE_H
#define MTI_SANDBOX_USAGE_H

#include "sandbox/types.h"

static inline bool mti_growth_is_limited(const mote_sandbox *box)
{
	return box->limits.growth_bytes != UINT64_MAX;
}

/*
 * Before mti_kick_begin. Where the hypervisor does not report pages, a guest
 * whose growth is limited leaves every few milliseconds, to be looked at.
 */
void mti_usage_prepare(mote_sandbox *box);

/*
 * The call starts; it ends with status, which end may turn into one of the
 * next function, and which may be corrected later. The time of the end is
 * left in the observer.
 */
void mti_usage_begin(mote_sandbox *box, uint64_t now_ns);
mote_status mti_usage_end(mote_sandbox *box, mote_status status,
			  mote_error *err);
void mti_usage_correct(mote_sandbox *box, mote_status status);

/* Counts an exit of the guest by its kind. */
void mti_usage_exit(mote_sandbox *box, const struct mti_exit *exit);

/*
 * Around host functions and callbacks: what begin returned goes to end. No
 * more than a test without MOTE_SANDBOX_CALL_STATS.
 */
uint64_t mti_usage_host_begin(const mote_sandbox *box);
void mti_usage_host_end(mote_sandbox *box, uint64_t begun_ns);

/* Before the guest goes on: MOTE_E_GROWTH, or a failure of the host. */
mote_status mti_usage_growth(mote_sandbox *box, mote_error *err);
/* So many pages of before are none that were written any more. */
void mti_usage_forget(mote_sandbox *box, size_t pages);

/* Takes from a budget; if there is not so much: MOTE_E_OUTPUT, _LOG. */
mote_status mti_usage_output(mote_sandbox *box, uint64_t size, mote_error *err);
mote_status mti_usage_log(mote_sandbox *box, uint64_t size, mote_error *err);

/* Of the last call, or of the one in progress. */
void mti_usage_get(const mote_sandbox *box, mote_call_stats *stats);

#endif
