#include "sandbox/observe.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "os/os.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

mote_status mti_observe_init(mote_sandbox *box,
			     const mote_sandbox_options *options,
			     mote_error *err)
{
	struct mti_observer *observer = &box->observe;
	mote_engine *engine = box->image->engine;
	mote_status status = mti_log_filter_parse(options->log_filter,
						  &observer->filter, err);

	if (status != MOTE_OK)
		return status;
	observer->counting = !(engine->flags & MOTE_ENGINE_NO_METRICS);
	observer->log = options->log;
	observer->log_user = options->log_user;
	if (!observer->log)
		memset(&observer->filter, 0, sizeof(observer->filter));
	observer->now_ns = mti_os_monotonic_ns();
	mti_rate_init(&observer->rate, observer->now_ns);
	observer->trace = options->trace;
	if (observer->trace) {
		mti_trace_ref(observer->trace);
		mti_trace_join(observer->trace, &observer->host,
			       &observer->guest);
	}
	if (observer->counting) {
		mti_metrics_attach(&engine->metrics, &observer->shard);
		observer->attached = true;
	}
	return MOTE_OK;
}

void mti_observe_fini(mote_sandbox *box)
{
	struct mti_observer *observer = &box->observe;

	/* In a child the lock may be held by a thread that is not there. */
	if (observer->attached && box->generation == mti_fork_generation())
		mti_metrics_detach(&box->image->engine->metrics,
				   &observer->shard);
	observer->attached = false;
	mti_trace_unref(observer->trace);
	observer->trace = NULL;
}

void mti_observe_control(mote_sandbox *box)
{
	struct mote_abi_control *control = &box->settings;
	struct mti_observer *observer = &box->observe;

	observer->clock.tick_ns = mti_ops_of(box)->tick_ns(box->vm);
	control->trace = observer->trace != NULL;
	control->log_level = observer->filter.level;
	control->log_most = observer->filter.most;
	control->log_modules = observer->filter.count;
	control->post_dropped = 0;
	memcpy(control->log_filter, observer->filter.modules,
	       sizeof(observer->filter.modules));
}

void mti_observe_created(mote_sandbox *box)
{
	mti_metric_count(&box->observe, MTI_METRIC_SANDBOXES_CREATED, 1);
	mti_log_event(box, MOTE_LOG_DEBUG, "sandbox created");
}

static const char *call_name(const mote_sandbox *box)
{
	switch (box->phase) {
	case MTI_PHASE_INIT:
		return "init";
	case MTI_PHASE_MAIN:
		return "main";
	case MTI_PHASE_CALL:
	default:
		return box->observe.name;
	}
}

void mti_observe_begin(mote_sandbox *box)
{
	struct mti_observer *observer = &box->observe;

	MTI_PROBE(call__start, box, call_name(box));
	observer->guest_ns = 0;
	if (observer->trace)
		mti_track_begin(&observer->host, box->usage.start_ns,
				call_name(box), strlen(call_name(box)));
}

/* What was dropped in the guest; it may say what it likes, within reason. */
static void take_guest_drops(mote_sandbox *box)
{
	uint64_t dropped = box->control->post_dropped;

	if (dropped == 0)
		return;
	box->control->post_dropped = 0;
	if (dropped > MTI_POST_BYTES)
		dropped = MTI_POST_BYTES;
	mti_metric_count(&box->observe, MTI_METRIC_LOG_DROPPED, dropped);
}

static void count_call(mote_sandbox *box)
{
	struct mti_metrics_shard *shard = &box->observe.shard;

	/* The sandbox counts these two anyway. */
	atomic_store_explicit(&shard->counters[MTI_METRIC_VM_ENTRIES],
			      box->stats.vm_entries, memory_order_relaxed);
	atomic_store_explicit(&shard->counters[MTI_METRIC_HOST_CALLS],
			      box->stats.host_calls, memory_order_relaxed);
	mti_histogram_add(&shard->call,
			  box->observe.now_ns - box->usage.start_ns);
	mti_histogram_add(&shard->guest, box->observe.guest_ns);
}

void mti_observe_end(mote_sandbox *box, mote_status status,
		     const mote_error *err)
{
	struct mti_observer *observer = &box->observe;

	MTI_PROBE(call__end, box, status);
	if (!observer->counting && !observer->trace && status == MOTE_OK)
		return;
	if (observer->filter.most != MOTE_LOG_OFF || observer->trace)
		take_guest_drops(box);
	if (observer->counting)
		count_call(box);
	/* In the spans that it ends. */
	if (status != MOTE_OK)
		mti_observe_failed(box, status, err);
	if (observer->trace) {
		observer->in_guest = false;
		mti_track_end_all(&observer->guest, observer->now_ns);
		mti_track_end_all(&observer->host, observer->now_ns);
	}
}

/* MTI_METRICS for what no counter is for. */
static enum mti_metric counter_of(mote_status status)
{
	switch (status) {
	case MOTE_E_PROTOCOL:
	case MOTE_E_GUEST_EXIT:
		return MTI_METRIC_PROTOCOL_ERRORS;
	case MOTE_E_HOST_CALLS:
	case MOTE_E_OUTPUT:
	case MOTE_E_GROWTH:
	case MOTE_E_LOG:
	case MOTE_E_CPU_TIME:
		return MTI_METRIC_LIMITS;
	case MOTE_E_DEADLINE:
		return MTI_METRIC_DEADLINES;
	case MOTE_E_CANCELLED:
		return MTI_METRIC_CANCELS;
	default:
		return MTI_METRICS;
	}
}

static mote_log_level level_of(mote_status status)
{
	switch (status) {
	case MOTE_E_CANCELLED:
		return MOTE_LOG_INFO;
	case MOTE_E_DEADLINE:
	case MOTE_E_HOST_CALLS:
	case MOTE_E_OUTPUT:
	case MOTE_E_GROWTH:
	case MOTE_E_LOG:
	case MOTE_E_CPU_TIME:
		return MOTE_LOG_WARN;
	default:
		return MOTE_LOG_ERROR;
	}
}

/* err is whole if the guest crashed: it is the sandbox's own. */
static void trace_failure(struct mti_observer *observer, mote_status status,
			  const mote_error *err)
{
	const char *kind = NULL;
	char name[MTI_TRACE_NAME_MAX];
	int size;

	if (status == MOTE_E_GUEST_FAULT && err)
		kind = mti_metrics_fault_name(err->fault.kind);
	size = snprintf(name, sizeof(name), "%s%s%s", mote_status_name(status),
			kind ? ": " : "", kind ? kind : "");
	mti_track_event(&observer->host, observer->now_ns, name, (size_t)size);
}

void mti_observe_failed(mote_sandbox *box, mote_status status,
			const mote_error *err)
{
	enum mti_metric counter = counter_of(status);

	if (counter != MTI_METRICS)
		mti_metric_count(&box->observe, counter, 1);
	if (box->observe.trace)
		trace_failure(&box->observe, status, err);
	mti_log_event(box, level_of(status), "%s: %s", call_name(box),
		      err ? err->text : mote_status_text(status));
}

void mti_observe_fault(mote_sandbox *box, const mote_fault *fault)
{
	MTI_PROBE(fault, fault->kind, fault->pc);
	if (box->observe.counting && fault->kind < MOTE_METRICS_FAULT_KINDS)
		mti_metric_bump(&box->observe.shard.faults[fault->kind], 1);
}

void mti_observe_restored(mote_sandbox *box, uint64_t start_ns, uint64_t pages)
{
	struct mti_observer *observer = &box->observe;

	MTI_PROBE(restore, box, pages);
	mti_metric_count(observer, MTI_METRIC_RESTORES, 1);
	mti_metric_count(observer, MTI_METRIC_PAGES_RESTORED, pages);
	mti_log_event(box, MOTE_LOG_DEBUG, "sandbox restored, %llu pages",
		      (unsigned long long)pages);
	if (!observer->trace)
		return;
	mti_track_begin(&observer->host, start_ns, "restore", strlen("restore"));
	mti_track_end(&observer->host, mti_os_monotonic_ns());
}

void mti_observe_resume(mote_sandbox *box, uint64_t now_ns)
{
	box->observe.now_ns = mti_growth_is_limited(box) ?
				      mti_os_monotonic_ns() :
				      now_ns;
}

uint64_t mti_observe_callback_begin(const mote_sandbox *box)
{
	return box->observe.counting ? mti_os_monotonic_ns() : 0;
}

void mti_observe_callback_end(mote_sandbox *box, uint64_t start_ns)
{
	if (box->observe.counting)
		mti_histogram_add(&box->observe.shard.host,
				  mti_os_monotonic_ns() - start_ns);
}

uint64_t mti_observe_host_begin(mote_sandbox *box, const char *name)
{
	struct mti_observer *observer = &box->observe;
	uint64_t now_ns;

	MTI_PROBE(host__call, box, name);
	if (!observer->counting && !observer->trace)
		return 0;
	now_ns = mti_os_monotonic_ns();
	if (observer->trace)
		mti_track_begin(&observer->host, now_ns, name, strlen(name));
	return now_ns;
}

void mti_observe_host_end(mote_sandbox *box, uint64_t start_ns)
{
	struct mti_observer *observer = &box->observe;
	uint64_t now_ns;

	if (!observer->counting && !observer->trace)
		return;
	now_ns = mti_os_monotonic_ns();
	if (observer->counting)
		mti_histogram_add(&observer->shard.host, now_ns - start_ns);
	if (observer->trace)
		mti_track_end(&observer->host, now_ns);
}
