#include <mote/mote.h>

#include "base/error.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

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
	status = mti_sandbox_acquire_ready(box, "call", err);
	if (status != MOTE_OK)
		return status;
	status = mti_bare_never(box, "call", err);
	if (status == MOTE_OK)
		status = mti_sandbox_call(box, function, args, count, result,
					  err);
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
	status = mti_sandbox_acquire_ready(box, "call", err);
	if (status != MOTE_OK)
		return status;
	status = mti_bare_never(box, "call", err);
	if (status == MOTE_OK)
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
	outcome = mti_sandbox_acquire_ready(box, "call", err);
	if (outcome != MOTE_OK)
		return outcome;
	outcome = mti_bare_never(box, "call", err);
	if (outcome == MOTE_OK)
		outcome = mti_sandbox_main(box, argc, argv, status, err);
	mti_sandbox_release(box);
	return outcome;
}
