#include <mote/observe.h>

#include <stdint.h>

#include "api/records.h"
#include "base/error.h"
#include "obs/trace.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

#define DEFAULT_TRACE (UINT64_C(64) << 20)
#define TRACE_MAX (UINT64_C(1) << 40)

mote_status mote_engine_get_metrics(const mote_engine *engine,
				    mote_metrics *metrics, mote_error *err)
{
	/* Its lock is not what the caller means by const. */
	mote_engine *read = (mote_engine *)(uintptr_t)engine;
	mote_metrics full = MOTE_METRICS_INIT;

	if (!engine || !metrics)
		return mti_error_set(err, MOTE_E_INVALID, "get metrics",
				     "%s is NULL",
				     engine ? "metrics" : "engine");
	if (engine->generation != mti_fork_generation())
		return mti_error_set(err, MOTE_E_STATE, "get metrics",
				     "the engine is the parent's: its metrics "
				     "cannot be read after fork()");
	mti_metrics_read(&read->metrics, &full);
	return mti_record_write(metrics, &full, sizeof(full), "metrics", err);
}

size_t mote_metrics_format(const mote_metrics *metrics, char *buffer,
			   size_t size)
{
	mote_metrics full = MOTE_METRICS_INIT;

	if (!buffer)
		size = 0;
	if (size > 0)
		buffer[0] = '\0';
	if (!metrics || mti_record_read(&full, sizeof(full), metrics, "metrics",
					NULL) != MOTE_OK)
		return 0;
	return mti_metrics_format(&full, buffer, size);
}

mote_status mote_trace_new(mote_engine *engine, uint64_t limit_bytes,
			   mote_trace **trace, mote_error *err)
{
	mote_trace *made;

	if (!engine || !trace)
		return mti_error_set(err, MOTE_E_INVALID, "new trace",
				     "%s is NULL", engine ? "trace" : "engine");
	if (limit_bytes == 0)
		limit_bytes = DEFAULT_TRACE;
	if (limit_bytes > TRACE_MAX)
		return mti_error_set(err, MOTE_E_INVALID, "new trace",
				     "limit_bytes is %llu, at most %llu",
				     (unsigned long long)limit_bytes,
				     (unsigned long long)TRACE_MAX);
	made = mti_trace_new(&engine->allocator, limit_bytes);
	if (!made)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "new trace",
				     "no memory for %llu bytes of events",
				     (unsigned long long)limit_bytes);
	*trace = made;
	return MOTE_OK;
}

mote_trace *mote_trace_ref(mote_trace *trace)
{
	if (trace)
		mti_trace_ref(trace);
	return trace;
}

void mote_trace_unref(mote_trace *trace)
{
	mti_trace_unref(trace);
}

void mote_trace_event(mote_trace *trace, const char *name, uint64_t ns)
{
	if (trace && name)
		mti_trace_event(trace, name, ns);
}

void mote_trace_span(mote_trace *trace, const char *name, uint64_t start_ns,
		     uint64_t end_ns)
{
	if (trace && name)
		mti_trace_span(trace, name, start_ns, end_ns);
}

static int write_to(void *context, const void *data, size_t size)
{
	const int *fd = context;

	return mti_os_write(*fd, data, size);
}

mote_status mote_trace_write(mote_trace *trace, int fd, mote_error *err)
{
	int os;

	if (!trace)
		return mti_error_set(err, MOTE_E_INVALID, "write trace",
				     "trace is NULL");
	os = mti_trace_write(trace, write_to, &fd);
	if (os < 0)
		return mti_error_os(err, MOTE_E_OS, "write trace", -os,
				    "write to descriptor %d", fd);
	return MOTE_OK;
}
