/*
 * Moving bytes between gdb and its session, on the thread of the call.
 */
#include <string.h>

#include "base/error.h"
#include "os/os.h"
#include "sandbox/debug.h"

/* How long a cancel may go unnoticed. */
#define WAIT_MS 100

static void hang_up(struct mti_debug *debug)
{
	mti_gdb_link_hang_up(&debug->link);
	mti_debug_forget(debug);
	debug->in_at = 0;
	debug->in_size = 0;
}

/* A client that has come finds the guest stopped, or about to stop. */
static bool welcome(struct mti_debug *debug)
{
	static const struct mti_gdb_stop stop = {
		.kind = MTI_GDB_STOPPED,
		.number = MTI_GDB_SIGTRAP,
	};

	if (!mti_gdb_link_accept(&debug->link))
		return false;
	mti_gdb_session_init(&debug->session, &debug->target, &debug->program,
			     &stop);
	debug->halt = true;
	return true;
}

/* As much as the socket takes. false: the client has gone. */
static bool flush(struct mti_debug *debug)
{
	const uint8_t *out;
	size_t size;
	size_t done;

	while ((out = mti_gdb_session_output(&debug->session, &size))) {
		if (!mti_gdb_link_send(&debug->link, out, size, &done))
			return false;
		if (done == 0)
			break;
		mti_gdb_session_sent(&debug->session, done);
	}
	return true;
}

static bool has_output(const struct mti_debug *debug)
{
	size_t size;

	return mti_gdb_session_output(&debug->session, &size) != NULL;
}

/* Fetches more if all was taken. false: the client has gone. */
static bool fetch(struct mti_debug *debug)
{
	if (debug->in_at < debug->in_size)
		return true;
	debug->in_at = 0;
	return mti_gdb_link_receive(&debug->link, debug->in,
				    sizeof(debug->in), &debug->in_size);
}

/* Whether the session took anything. */
static bool feed(struct mti_debug *debug)
{
	size_t done = mti_gdb_session_feed(&debug->session,
					   debug->in + debug->in_at,
					   debug->in_size - debug->in_at);

	debug->in_at += done;
	return done > 0;
}

/* Between looks at the socket: is there a reason not to go on? */
static mote_status stopped(mote_sandbox *box, mote_error *err)
{
	mote_status status = mti_kick_stopped(&box->kick,
					      mti_os_monotonic_ns());

	if (status == MOTE_OK)
		return MOTE_OK;
	return mti_kick_error(&box->kick, status, err);
}

static mote_status killed(struct mti_debug *debug, mote_error *err)
{
	hang_up(debug);
	debug->killed = false;
	return mti_error_set(err, MOTE_E_CANCELLED, "run guest",
			     "the debugger killed the guest");
}

/* One round. *idle: there was nothing to do. false: the client has gone. */
static bool turn(struct mti_debug *debug, bool *idle)
{
	if (!flush(debug))
		return false;
	*idle = has_output(debug);
	if (*idle)
		return true;
	if (debug->session.state == MTI_GDB_OVER || !fetch(debug))
		return false;
	*idle = !feed(debug);
	return true;
}

mote_status mti_debug_serve(mote_sandbox *box, mote_error *err)
{
	struct mti_debug *debug = box->debug;
	mote_status status = MOTE_OK;
	bool idle = false;

	while (status == MOTE_OK) {
		if (debug->session.state == MTI_GDB_RUNNING &&
		    !has_output(debug))
			return MOTE_OK;
		if (!turn(debug, &idle)) {
			if (debug->killed)
				return killed(debug, err);
			hang_up(debug);
			return MOTE_OK;
		}
		if (idle) {
			mti_gdb_link_wait(&debug->link, has_output(debug),
					  WAIT_MS);
			/* Others are turned away. */
			(void)mti_gdb_link_accept(&debug->link);
		}
		status = stopped(box, err);
	}
	return status;
}

/* What came while the guest ran: an interrupt, if anything. */
static bool listen_to(struct mti_debug *debug)
{
	if (!flush(debug) || !fetch(debug))
		return false;
	while (!has_output(debug) && feed(debug))
		if (!flush(debug))
			return false;
	return true;
}

void mti_debug_poll(mote_sandbox *box)
{
	struct mti_debug *debug = box->debug;

	if (!mti_debug_attached(debug)) {
		(void)welcome(debug);
		return;
	}
	(void)mti_gdb_link_accept(&debug->link);
	if (debug->session.state == MTI_GDB_RUNNING && !listen_to(debug))
		hang_up(debug);
}

mote_status mti_debug_await(mote_sandbox *box, mote_error *err)
{
	struct mti_debug *debug = box->debug;
	mote_status status = MOTE_OK;

	while (status == MOTE_OK && !welcome(debug)) {
		mti_gdb_link_wait(&debug->link, false, WAIT_MS);
		status = stopped(box, err);
	}
	return status;
}

void mti_debug_farewell(struct mti_debug *debug,
			const struct mti_gdb_stop *stop)
{
	size_t size;

	if (!mti_debug_attached(debug))
		return;
	/* What is still on its way to a slow client is lost. */
	if (flush(debug) && !mti_gdb_session_output(&debug->session, &size)) {
		mti_gdb_session_stop(&debug->session, stop);
		(void)flush(debug);
	}
	hang_up(debug);
}
