/*
 * Traces: the guest's records, and the runs of the virtual CPU.
 */
#include <string.h>

#include "abi/call.h"
#include "sandbox/sandbox.h"

static const char run_name[] = "guest";

void mti_spans_enter(struct mti_observer *observer)
{
	/* After a signal the guest goes on where it was. */
	if (observer->in_guest)
		return;
	observer->clock.enter_ns = observer->now_ns;
	observer->in_guest = true;
	mti_track_begin(&observer->host, observer->now_ns, run_name,
			sizeof(run_name) - 1);
}

void mti_spans_exit(struct mti_observer *observer,
		    const volatile struct mote_abi_control *control,
		    const struct mti_exit *exit, uint64_t now_ns)
{
	struct mti_guest_clock *clock = &observer->clock;

	clock->leave_ns = now_ns;
	clock->enter_tsc = control->enter_tsc;
	if (exit->kind == MTI_EXIT_INTERRUPTED) {
		mti_guest_clock_lost(clock);
		return;
	}
	if (exit->kind == MTI_EXIT_PORT)
		mti_guest_clock_sync(clock, control->leave_tsc);
	else
		mti_guest_clock_lost(clock);
	observer->in_guest = false;
	mti_track_end(&observer->host, clock->leave_ns);
}

void mti_spans_take(mote_sandbox *box, const uint8_t *data, size_t size)
{
	struct mti_observer *observer = &box->observe;
	struct mti_track *track = &observer->guest;
	struct mote_abi_trace record;
	const char *name;
	uint64_t ns;

	if (!observer->trace)
		return;
	if (size < sizeof(record)) {
		mti_trace_drop(observer->trace, 1);
		return;
	}
	memcpy(&record, data, sizeof(record));
	size -= sizeof(record);
	if (record.name_size != size) {
		mti_trace_drop(observer->trace, 1);
		return;
	}
	name = (const char *)data + sizeof(record);
	ns = mti_guest_clock_at(&observer->clock, record.tsc);
	switch (record.kind) {
	case MOTE_TRACE_BEGIN:
		mti_track_begin(track, ns, name, size);
		break;
	case MOTE_TRACE_END:
		mti_track_end(track, ns);
		break;
	case MOTE_TRACE_EVENT:
		mti_track_event(track, ns, name, size);
		break;
	case MOTE_TRACE_COUNTER:
		mti_track_counter(track, ns, name, size, record.value);
		break;
	default:
		mti_trace_drop(observer->trace, 1);
		break;
	}
}
