/*
 * Seeing what guests and the library do: logs, metrics, traces.
 */
#ifndef MOTE_OBSERVE_H
#define MOTE_OBSERVE_H

#include <mote/mote.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------- metrics */

/* Of an engine, since it was made. Buckets of histograms: 2^i microseconds. */
#define MOTE_METRICS_BUCKETS 24

typedef struct mote_histogram {
	uint64_t count;
	uint64_t sum_ns;
	/* buckets[i]: at most 2^i us and more than 2^(i-1); last: the rest. */
	uint64_t buckets[MOTE_METRICS_BUCKETS];
} mote_histogram;

#define MOTE_METRICS_FAULT_KINDS 16

typedef struct mote_metrics {
	uint32_t struct_size;
	uint32_t reserved;
	uint64_t sandboxes_created;
	uint64_t sandboxes_alive;
	/* Batches, runs of main and starts with constructors are one each. */
	uint64_t calls;
	uint64_t guest_errors;
	uint64_t protocol_errors;
	uint64_t limits; /* exceeded, of those that are not wall time */
	uint64_t deadlines;
	uint64_t cancels;
	uint64_t stray_kicks;
	uint64_t faults[MOTE_METRICS_FAULT_KINDS]; /* by mote_fault_kind */
	uint64_t vm_entries;
	uint64_t host_calls;
	uint64_t snapshots_taken;
	uint64_t restores;
	uint64_t pages_restored;
	uint64_t vm_cache_hits;
	uint64_t vm_cache_misses;
	uint64_t pool_acquired;
	uint64_t pool_waited;
	uint64_t log_records;
	uint64_t log_dropped;
	mote_histogram call_time; /* wall time of calls */
	/* Of each host function, and callback for output, logs, profiles. */
	mote_histogram host_time;
	/* Of call_time: in the guest, with entering and leaving it. */
	mote_histogram guest_time;
} mote_metrics;

#define MOTE_METRICS_INIT                                                   \
	{                                                                   \
		(uint32_t)sizeof(mote_metrics), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
			{ 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,             \
			{ 0, 0, { 0 } }, { 0, 0, { 0 } },                   \
		{                                                           \
			0, 0,                                               \
			{                                                   \
				0                                           \
			}                                                   \
		}                                                           \
	}

/*
 * A copy of the numbers as they are now; a call counts when it has ended.
 * Any thread, also while calls run. MOTE_E_STATE in a child after fork().
 */
MOTE_API MOTE_MUST_USE mote_status mote_engine_get_metrics(
	const mote_engine *engine, mote_metrics *metrics, mote_error *err);

/*
 * Prometheus text format 0.0.4 into buffer, NUL-terminated; returns the size
 * it needs without the NUL, which may be more than was there.
 */
MOTE_API size_t mote_metrics_format(const mote_metrics *metrics, char *buffer,
				    size_t size);

/* ---------------------------------------------------------------- traces */

/*
 * Collects spans and events of any number of sandboxes in memory, up to a
 * limit; what comes later is counted and dropped. Thread-safe. Each sandbox
 * is a process in it with two threads: "host", with spans for calls, the
 * guest's runs, host functions and restores, and an event for each call that
 * failed, and "guest", with what the guest says of itself.
 */
typedef struct mote_trace mote_trace;

/*
 * Takes limit_bytes of the engine's allocator at once, but touches them only
 * as they fill; an event takes 32 to 160. 0 is 64 MiB, at most 1 TiB.
 */
MOTE_API MOTE_MUST_USE mote_status mote_trace_new(mote_engine *engine,
						  uint64_t limit_bytes,
						  mote_trace **trace,
						  mote_error *err);
MOTE_API mote_trace *mote_trace_ref(mote_trace *trace);
MOTE_API void mote_trace_unref(mote_trace *trace);

/*
 * A span of the program's own; name is copied, up to 128 bytes. Times are of
 * CLOCK_MONOTONIC; spans of one thread should nest.
 */
MOTE_API void mote_trace_span(mote_trace *trace, const char *name,
			      uint64_t start_ns, uint64_t end_ns);

/* The same for an event: it is among the spans of its thread. */
MOTE_API void mote_trace_event(mote_trace *trace, const char *name,
			       uint64_t ns);

/*
 * Writes all of it as Chrome trace JSON to fd. Spans of calls that run
 * meanwhile have no end there. It can be written again, with what has come.
 */
MOTE_API MOTE_MUST_USE mote_status mote_trace_write(mote_trace *trace, int fd,
						    mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
