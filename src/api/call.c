#include <mote/mote.h>

#include "base/error.h"
#include "sandbox/sandbox.h"

/* Takes the sandbox for one operation, if it can still be called. */
static mote_status begin(mote_sandbox *box, mote_error *err)
{
	mote_status status = mti_sandbox_acquire(box, err);
	uint32_t state;

	if (status != MOTE_OK)
		return status;
	state = atomic_load_explicit(&box->state, memory_order_relaxed);
	if (state == MOTE_SANDBOX_READY)
		return MOTE_OK;
	mti_sandbox_release(box);
	if (state == MOTE_SANDBOX_EXITED)
		return mti_error_set(err, MOTE_E_STATE, "call",
				     "main has ended; free the sandbox");
	return mti_error_set(err, MOTE_E_POISONED, "call",
			     "an earlier call did not run to its end; free "
			     "the sandbox");
}

mote_status mote_call(mote_sandbox *box, const char *function,
		      const mote_value *args, size_t count, mote_value *result,
		      mote_error *err)
{
	mote_status status;

	if (!box || !function || (count > 0 && !args))
		return mti_error_set(err, MOTE_E_INVALID, "call",
				     "%s is NULL",
				     !box      ? "box" :
				     !function ? "function" :
						 "args");
	status = begin(box, err);
	if (status != MOTE_OK)
		return status;
	status = mti_sandbox_call(box, function, args, count, result, err);
	mti_sandbox_release(box);
	return status;
}

mote_status mote_call_batch(mote_sandbox *box, mote_batch_item *items,
			    size_t count, mote_error *err)
{
	mote_status status;

	if (!box || (count > 0 && !items))
		return mti_error_set(err, MOTE_E_INVALID, "call batch",
				     "%s is NULL", box ? "items" : "box");
	status = begin(box, err);
	if (status != MOTE_OK)
		return status;
	status = mti_sandbox_batch(box, items, count, err);
	mti_sandbox_release(box);
	return status;
}

mote_status mote_run_main(mote_sandbox *box, size_t argc,
			  const char *const *argv, int *status,
			  mote_error *err)
{
	mote_status outcome;

	if (!box || !status || (argc > 0 && !argv))
		return mti_error_set(err, MOTE_E_INVALID, "run main",
				     "%s is NULL",
				     !box    ? "box" :
				     !status ? "status" :
					       "argv");
	outcome = begin(box, err);
	if (outcome != MOTE_OK)
		return outcome;
	outcome = mti_sandbox_main(box, argc, argv, status, err);
	mti_sandbox_release(box);
	return outcome;
}
