/*
 * The run loop: enter the guest, serve its exits, until it has done what the
 * call wants of it. All decisions about a guest's behaviour are here.
 */
#include "abi/trap.h"
#include "base/error.h"
#include "os/os.h"
#include "sandbox/debug.h"
#include "sandbox/kick.h"
#include "sandbox/profile.h"
#include "sandbox/sandbox.h"
#include "sandbox/usage.h"

/* Tells the guest the time; the host's monotonic one is returned. */
static uint64_t refresh_clock(mote_sandbox *box)
{
	uint64_t now = mti_os_monotonic_ns();

	box->control->clock_monotonic_ns = now + box->clock_ahead_ns;
	box->control->clock_realtime_ns = mti_os_realtime_ns();
	return now;
}

static mote_status ready_exit(mote_sandbox *box, const struct mti_exit *exit,
			      mote_error *err)
{
	uint64_t limit = box->image->arch->user_limit;

	if (exit->argument0 >= limit || exit->argument1 >= limit)
		return mti_error_set(err, MOTE_E_PROTOCOL, "guest init",
				     "dispatch entry 0x%llx, stack 0x%llx",
				     (unsigned long long)exit->argument0,
				     (unsigned long long)exit->argument1);
	box->dispatch_pc = exit->argument0;
	box->dispatch_sp = exit->argument1;
	return MOTE_OK;
}

/* size random bytes to the start of the reply area. */
static mote_status random_service(mote_sandbox *box, size_t size,
				  mote_error *err)
{
	int os = 0;

	mti_sandbox_mark(&box->reply_mark, size);
	if (box->repeats)
		mti_repeat_random(&box->repeat, box->reply, size);
	else
		os = mti_os_random(box->reply, size);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, "guest service", -os,
				    "getrandom");
	return MOTE_OK;
}

static mote_status service_exit(mote_sandbox *box, const struct mti_exit *exit,
				mote_error *err)
{
	switch (exit->value) {
	case MOTE_SERVICE_SET_FS_BASE:
		if (exit->argument0 >= box->image->arch->user_limit)
			break;
		return mti_ops_of(box)->set_fs_base(box->vm, exit->argument0,
						    err);
	case MOTE_SERVICE_RANDOM:
		if (exit->argument0 > MOTE_RANDOM_MAX)
			break;
		return random_service(box, exit->argument0, err);
	case MOTE_SERVICE_HEAP:
		if (!box->profile.heap)
			break;
		return mti_profile_heap(box, exit->argument0, err);
	default:
		break;
	}
	return mti_error_set(err, MOTE_E_PROTOCOL, "guest service",
			     "service %u with argument 0x%llx", exit->value,
			     (unsigned long long)exit->argument0);
}

static mote_status exit_exit(mote_sandbox *box, uint32_t value, mote_error *err)
{
	mote_status status;

	box->exit_status = value & 0xff;
	if (box->phase == MTI_PHASE_MAIN)
		return MOTE_OK;
	status = mti_error_set(err, MOTE_E_GUEST_EXIT, "run guest",
			       "the guest called exit(%u) during a call",
			       box->exit_status);
	mti_error_put_guest_code(err, (int32_t)box->exit_status);
	return status;
}

static mote_status wrong_phase(const struct mti_exit *exit, mote_error *err)
{
	return mti_error_set(err, MOTE_E_PROTOCOL, "run guest",
			     "the guest used port 0x%x at the wrong time",
			     exit->number);
}

/* Serves one `out`. *done: the guest has finished what it was entered for. */
static mote_status port_exit(mote_sandbox *box, const struct mti_exit *exit,
			     bool *done, mote_error *err)
{
	mote_status status = mti_post_drain(box, err);

	if (status != MOTE_OK)
		return status;
	switch (exit->number) {
	case MOTE_PORT_READY:
		*done = true;
		if (box->phase != MTI_PHASE_INIT)
			return wrong_phase(exit, err);
		return ready_exit(box, exit, err);
	case MOTE_PORT_RETURN:
		*done = true;
		if (box->phase != MTI_PHASE_CALL)
			return wrong_phase(exit, err);
		box->result_offset = exit->value;
		return MOTE_OK;
	case MOTE_PORT_EXIT:
		*done = true;
		return exit_exit(box, exit->value, err);
	case MOTE_PORT_ABORT:
		return mti_fault_other(box, MOTE_FAULT_ABORT, "signal",
				       exit->value, &exit->argument0, err);
	case MOTE_PORT_HOST_CALL:
		return mti_host_serve(box, exit->value, err);
	case MOTE_PORT_SERVICE:
		return service_exit(box, exit, err);
	default: /* MOTE_PORT_FLUSH: drained above */
		return MOTE_OK;
	}
}

/* What the guest printed before it went wrong is worth having. */
static void drain_last_words(mote_sandbox *box)
{
	(void)mti_post_drain(box, NULL);
}

static mote_status serve(mote_sandbox *box, const struct mti_exit *exit,
			 bool *done, mote_error *err)
{
	switch (exit->kind) {
	case MTI_EXIT_PORT:
		return port_exit(box, exit, done, err);
	case MTI_EXIT_INTERRUPTED:
		return MOTE_OK;
	case MTI_EXIT_FAULT:
		drain_last_words(box);
		return mti_fault_report(box, exit->number, err);
	case MTI_EXIT_BAD_IO:
		drain_last_words(box);
		return mti_error_set(err, MOTE_E_PROTOCOL, "run guest",
				     "%s 0x%llx", exit->text,
				     (unsigned long long)exit->detail);
	case MTI_EXIT_MACHINE:
	default:
		drain_last_words(box);
		return mti_fault_other(box, MOTE_FAULT_MACHINE, exit->text,
				       exit->detail, NULL, err);
	}
}

/* Before the guest goes on. */
static mote_status resume(mote_sandbox *box, bool interrupted, mote_error *err)
{
	/* A guest that was interrupted may just be reading the clock. */
	uint64_t now_ns = interrupted ? mti_os_monotonic_ns() :
					refresh_clock(box);
	bool stray = mti_kick_stray(&box->kick, now_ns, interrupted);
	mote_status status;

	/* What passes in a host function is not the guest's. */
	if (mti_kick_sample(&box->kick, now_ns) && interrupted) {
		mti_profile_sample(box);
		now_ns = mti_os_monotonic_ns();
		mti_kick_sampled(&box->kick, now_ns);
	}
	status = mti_kick_check(&box->kick, now_ns, interrupted, err);
	if (status == MOTE_OK)
		status = mti_usage_growth(box, err);
	mti_observe_resume(box, now_ns);
	if (status != MOTE_OK)
		drain_last_words(box);
	else if (stray)
		mti_metric_count(&box->observe, MTI_METRIC_STRAY_KICKS, 1);
	return status;
}

/*
 * Pages are copied on the way, as the kernel does it elsewhere: no exit for
 * anybody. There are only so many; and a kick ends the next run at once.
 */
static mote_status run_on(mote_sandbox *box, struct mti_exit *exit,
			  mote_error *err)
{
	const struct mti_hv_ops *ops = mti_ops_of(box);
	mote_status status;
	bool resolved;

	do {
		resolved = false;
		status = MOTE_OK;
		if (box->memory.cow)
			status = mti_copy_enter(box, err);
		if (status == MOTE_OK)
			status = ops->run(box->vm, exit, err);
		if (status == MOTE_OK && box->memory.cow &&
		    exit->kind == MTI_EXIT_FAULT)
			status = mti_copy_fault(box, exit->number, &resolved,
						err);
	} while (resolved);
	return status;
}

/* One entry. An exit may be the debugger's affair alone. */
static mote_status enter(mote_sandbox *box, struct mti_exit *exit,
			 enum mti_debug_verdict *verdict, mote_error *err)
{
	mote_status status = MOTE_OK;

	*verdict = MTI_DEBUG_PASS;
	if (box->debug) {
		status = mti_debug_enter(box, err);
		mti_observe_resume(box, mti_os_monotonic_ns());
	}
	if (status != MOTE_OK)
		return status;
	box->stats.vm_entries++;
	mti_observe_enter(&box->observe);
	status = run_on(box, exit, err);
	if (status != MOTE_OK)
		return status;
	mti_observe_exit(&box->observe, box->control, exit);
	mti_usage_exit(box, exit);
	if (box->debug)
		status = mti_debug_leave(box, exit, verdict, err);
	return status;
}

static mote_status loop(mote_sandbox *box, mote_error *err)
{
	enum mti_debug_verdict verdict;
	struct mti_exit exit;
	mote_status status;
	bool done = false;

	do {
		status = enter(box, &exit, &verdict, err);
		if (status == MOTE_OK && verdict == MTI_DEBUG_PASS)
			status = serve(box, &exit, &done, err);
		if (status == MOTE_OK && !done)
			status = resume(box, exit.kind == MTI_EXIT_INTERRUPTED,
					err);
	} while (status == MOTE_OK && !done);
	return status;
}

mote_status mti_run_begin(mote_sandbox *box, uint64_t now_ns, mote_error *err)
{
	mote_status status;

	mti_usage_prepare(box);
	status = mti_kick_begin(&box->kick, now_ns, &box->limits.time, err);
	if (status != MOTE_OK)
		return status;
	mti_usage_begin(box, now_ns);
	box->stats.calls++;
	mti_observe_begin(box);
	atomic_store_explicit(&box->state, MOTE_SANDBOX_POISONED,
			      memory_order_relaxed);
	/* Kept for backtraces and core dumps, also if the caller wants none. */
	box->last.error.code = MOTE_OK;
	return MOTE_OK;
}

/* What the guest did is lost if somebody was told that it was cancelled. */
mote_status mti_run_finish(mote_sandbox *box, mote_status status,
			   mote_error *err)
{
	bool cancelled = mti_kick_end(&box->kick);

	if (cancelled && status == MOTE_OK)
		status = mti_kick_error(&box->kick, MOTE_E_CANCELLED, err);
	else if (cancelled && status != MOTE_E_CANCELLED)
		mti_metric_count(&box->observe, MTI_METRIC_CANCELS, 1);
	return mti_usage_end(box, status, err);
}

/* The call, which has begun. */
static mote_status run(mote_sandbox *box, mote_error *err)
{
	mote_status status = MOTE_OK;

	if (box->debug)
		status = mti_debug_begin(box, err);
	if (status == MOTE_OK)
		status = loop(box, err);
	status = mti_run_finish(box, status, err);
	if (box->debug)
		mti_debug_end(box, status);
	return status;
}

mote_status mti_sandbox_run(mote_sandbox *box, enum mti_phase phase,
			    const struct mti_entry *entry, mote_error *err)
{
	const struct mti_hv_ops *ops = mti_ops_of(box);
	mote_status status;

	box->phase = phase;
	box->observe.now_ns = refresh_clock(box);
	status = mti_run_begin(box, box->observe.now_ns, err);
	if (status != MOTE_OK)
		return status;
	box->clean = false;
	ops->set_entry(box->vm, entry);
	status = run(box, &box->last.error);
	if (status != MOTE_OK)
		mti_error_copy(err, &box->last.error);
	/* A debugger sets registers that no guest can. */
	box->clean = status == MOTE_OK && !box->debug;
	if (status == MOTE_OK && phase != MTI_PHASE_MAIN)
		atomic_store_explicit(&box->state, MOTE_SANDBOX_READY,
				      memory_order_relaxed);
	else if (status == MOTE_OK)
		atomic_store_explicit(&box->state, MOTE_SANDBOX_EXITED,
				      memory_order_relaxed);
	mti_observe_end(box, status, &box->last.error);
	return status;
}
