/*
 * The post area: output, posted calls, log and trace records that a guest has
 * queued.
 */
#include <string.h>

#include "abi/call.h"
#include "base/checked.h"
#include "base/error.h"
#include "os/os.h"
#include "sandbox/kick.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

static mote_status hand_out(mote_sandbox *box, uint32_t stream,
			    const uint8_t *data, size_t size, mote_error *err)
{
	mote_status status = mti_usage_output(box, size, err);
	uint64_t observed;
	uint64_t begun_ns;

	if (status != MOTE_OK)
		return status;
	if (box->output && size > 0) {
		begun_ns = mti_usage_host_begin(box);
		observed = mti_observe_callback_begin(box);
		box->output(box->output_user, stream, (const char *)data,
			    size);
		mti_observe_callback_end(box, observed);
		mti_usage_host_end(box, begun_ns);
	}
	return MOTE_OK;
}

/* *stopped: why the call is to stop, if it is. */
static mote_status take_record(mote_sandbox *box,
			       const struct mote_abi_post *record,
			       const uint8_t *data, mote_status *stopped,
			       mote_error *err)
{
	switch (record->kind) {
	case MOTE_POST_STDOUT:
		return hand_out(box, MOTE_STREAM_STDOUT, data, record->size,
				err);
	case MOTE_POST_STDERR:
		return hand_out(box, MOTE_STREAM_STDERR, data, record->size,
				err);
	case MOTE_POST_CALL:
		/* One area holds a thousand: they take long together. */
		if (*stopped == MOTE_OK)
			*stopped = mti_kick_stopped(&box->kick,
						    mti_os_monotonic_ns());
		if (*stopped != MOTE_OK)
			return MOTE_OK;
		return mti_host_post(box, data, record->size, err);
	case MOTE_POST_LOG:
		return mti_log_take(box, data, record->size, err);
	case MOTE_POST_TRACE:
		mti_spans_take(box, data, record->size);
		return MOTE_OK;
	default:
		return mti_error_set(err, MOTE_E_PROTOCOL, "guest post area",
				     "record kind %u is unknown",
				     record->kind);
	}
}

/*
 * The guest is stopped, so what is read here does not change; still each
 * length is read once.
 */
mote_status mti_post_drain(mote_sandbox *box, mote_error *err)
{
	const size_t header = sizeof(struct mote_abi_post);
	uint64_t used = box->control->post_used;
	uint64_t at = 0;
	mote_status stopped = MOTE_OK;

	if (used == 0)
		return MOTE_OK;
	box->control->post_used = 0;
	if (used > MTI_POST_BYTES)
		return mti_error_set(err, MOTE_E_PROTOCOL, "guest post area",
				     "post_used is %llu of %llu bytes",
				     (unsigned long long)used,
				     (unsigned long long)MTI_POST_BYTES);
	while (at < used) {
		struct mote_abi_post record;
		mote_status status;
		uint64_t next;

		if (!mti_range_ok(at, header, used))
			break;
		memcpy(&record, box->post + at, header);
		if (!mti_range_ok(at + header, record.size, used) ||
		    !mti_align_up_u64(at + header + record.size, 8, &next) ||
		    next > used)
			break;
		status = take_record(box, &record, box->post + at + header,
				     &stopped, err);
		if (status != MOTE_OK)
			return status;
		at = next;
	}
	if (at != used)
		return mti_error_set(err, MOTE_E_PROTOCOL, "guest post area",
				     "the record at %llu goes past the %llu "
				     "bytes in use",
				     (unsigned long long)at,
				     (unsigned long long)used);
	return stopped == MOTE_OK ? MOTE_OK :
				    mti_kick_error(&box->kick, stopped, err);
}
