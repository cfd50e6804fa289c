#include <mote/bare.h>

#include "api/records.h"
#include "base/error.h"
#include "sandbox/bare.h"
#include "sandbox/sandbox.h"

mote_status mote_run(mote_sandbox *box, mote_run_result *result,
		     mote_error *err)
{
	mote_run_result full = MOTE_RUN_RESULT_INIT;
	mote_status status;

	if (!box)
		return mti_error_set(err, MOTE_E_INVALID, "run", "box is NULL");
	status = mti_sandbox_acquire_ready(box, "run", err);
	if (status != MOTE_OK)
		return status;
	status = mti_bare_only(box, "run", err);
	if (status == MOTE_OK)
		status = mti_bare_run(box, &full, err);
	mti_sandbox_release(box);
	if (status == MOTE_OK && result)
		status = mti_record_write(result, &full, sizeof(full), "result",
					  err);
	return status;
}
