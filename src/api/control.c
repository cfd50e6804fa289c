#include <mote/control.h>

#include "api/records.h"
#include "base/error.h"
#include "os/os.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

mote_status mote_interrupt_new(mote_sandbox *box, mote_interrupt **handle,
			       mote_error *err)
{
	if (!box || !handle)
		return mti_error_set(err, MOTE_E_INVALID, "new interrupt",
				     "%s is NULL", box ? "handle" : "box");
	/* Its last user has no business with the calls of the next one. */
	if (mti_sandbox_parked(box))
		return mti_error_set(err, MOTE_E_BUSY, "new interrupt",
				     "the sandbox was given back to its pool");
	/* All handles of a sandbox are one. */
	*handle = mote_interrupt_ref(box->interrupt);
	return MOTE_OK;
}

mote_interrupt *mote_interrupt_ref(mote_interrupt *handle)
{
	if (handle)
		mti_interrupt_ref(handle);
	return handle;
}

void mote_interrupt_unref(mote_interrupt *handle)
{
	mti_interrupt_unref(handle);
}

int mote_interrupt_cancel(mote_interrupt *handle)
{
	return handle ? mti_interrupt_strike(handle,
					     mti_interrupt_look(handle)) :
			0;
}

int mote_host_call_cancelled(const mote_host_call *call)
{
	return call && mti_kick_stopped(&call->box->kick,
					mti_os_monotonic_ns()) != MOTE_OK;
}

mote_status mote_sandbox_get_call_stats(const mote_sandbox *box,
					mote_call_stats *stats,
					mote_error *err)
{
	/* Its owner is not what the caller means by const. */
	mote_sandbox *taken = (mote_sandbox *)(uintptr_t)box;
	mote_call_stats now;
	mote_status status = MOTE_OK;
	bool inside;

	if (!box || !stats)
		return mti_error_set(err, MOTE_E_INVALID, "get call stats",
				     "%s is NULL", box ? "stats" : "box");
	inside = mti_sandbox_inside(box);
	if (!inside)
		status = mti_sandbox_acquire(taken, err);
	if (status != MOTE_OK)
		return status;
	mti_usage_get(box, &now);
	status = mti_record_write(stats, &now, sizeof(now), "call stats", err);
	if (!inside)
		mti_sandbox_release(taken);
	return status;
}
