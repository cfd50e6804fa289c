/*
 * What is noted of a sandbox on its way: metrics, log records, spans. Hooks
 * for the call path, one line each there; what nobody asked for costs a
 * branch. All on the thread that uses the sandbox.
 */
#ifndef MTI_SANDBOX_OBSERVE_H
#define MTI_SANDBOX_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/mote.h>

#include "abi/layout.h"
#include "hv/hv.h"
#include "obs/clock.h"
#include "obs/filter.h"
#include "obs/metrics.h"
#include "obs/probe.h"
#include "obs/rate.h"
#include "obs/trace.h"
#include "os/os.h"

struct mti_observer {
	/* The clock as it was read last: at the entry, or the call's end. */
	uint64_t now_ns;
	uint64_t guest_ns; /* of the call, in the guest until now */

	mote_log_fn log; /* NULL: the filter wants nothing */
	void *log_user;
	struct mti_log_filter filter;
	struct mti_rate rate;

	bool attached; /* the shard, to the engine */
	bool counting;
	struct mti_metrics_shard shard;

	mote_trace *trace; /* a reference, or NULL */
	struct mti_track host;
	struct mti_track guest;
	struct mti_guest_clock clock;
	bool in_guest; /* the host's track has the run as open */

	/* The call in progress. */
	const char *name;
};

mote_status mti_observe_init(mote_sandbox *box,
			     const mote_sandbox_options *options,
			     mote_error *err);
void mti_observe_fini(mote_sandbox *box);

/* Puts what is wanted of the guest into box->settings. */
void mti_observe_control(mote_sandbox *box);

/* A sandbox is ready for its first call. */
void mti_observe_created(mote_sandbox *box);

/*
 * Around a call, within mti_usage_begin and after mti_usage_end. err may be
 * NULL.
 */
void mti_observe_begin(mote_sandbox *box);
void mti_observe_end(mote_sandbox *box, mote_status status,
		     const mote_error *err);
/* An answer of a call that had ended well turns out to be wrong. */
void mti_observe_failed(mote_sandbox *box, mote_status status,
			const mote_error *err);
void mti_observe_fault(mote_sandbox *box, const mote_fault *fault);

/* Around a restore; the time is mti_os_monotonic_ns() at its start. */
void mti_observe_restored(mote_sandbox *box, uint64_t start_ns,
			  uint64_t pages);

/* Around a host function: the end wants what the begin returned. */
uint64_t mti_observe_host_begin(mote_sandbox *box, const char *name);
void mti_observe_host_end(mote_sandbox *box, uint64_t start_ns);

/* Around another callback of the program's: it is the host's time, too. */
uint64_t mti_observe_callback_begin(const mote_sandbox *box);
void mti_observe_callback_end(mote_sandbox *box, uint64_t start_ns);

/*
 * The guest goes on, at now_ns, or later where its memory was looked at: what
 * passed until then is not its time.
 */
void mti_observe_resume(mote_sandbox *box, uint64_t now_ns);

static inline void mti_metric_count(struct mti_observer *observer,
				    enum mti_metric which, uint64_t count)
{
	if (observer->counting)
		mti_metric_bump(&observer->shard.counters[which], count);
}

/* log.c: a record from the post area. */
mote_status mti_log_take(mote_sandbox *box, const uint8_t *data, size_t size,
			 mote_error *err);
/* log.c: a record of the library's own, if it is wanted. */
void mti_log_event(mote_sandbox *box, mote_log_level level, const char *format,
		   ...) MOTE_PRINTF(3, 4);

/* spans.c: a record from the post area; bad ones are counted and dropped. */
void mti_spans_take(mote_sandbox *box, const uint8_t *data, size_t size);
void mti_spans_enter(struct mti_observer *observer);
void mti_spans_exit(struct mti_observer *observer,
		    const volatile struct mote_abi_control *control,
		    const struct mti_exit *exit, uint64_t now_ns);

/* Around each entry of the virtual CPU. */
static inline void mti_observe_enter(struct mti_observer *observer)
{
	if (observer->trace)
		mti_spans_enter(observer);
}

static inline void
mti_observe_exit(struct mti_observer *observer,
		 const volatile struct mote_abi_control *control,
		 const struct mti_exit *exit)
{
	uint64_t now_ns;

	MTI_PROBE(exit, exit->kind, exit->number);
	if (!observer->counting && !observer->trace)
		return;
	now_ns = mti_os_monotonic_ns();
	observer->guest_ns += now_ns - observer->now_ns;
	if (observer->trace)
		mti_spans_exit(observer, control, exit, now_ns);
}

#endif
