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
	uint64_t calls;
	uint64_t guest_errors;
	uint64_t protocol_errors;
	uint64_t limits;
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
	mote_histogram call_seconds;      /* wall time of calls */
	mote_histogram host_seconds;      /* of host functions in a call */
} mote_metrics;

/* A copy. metrics->struct_size must be set. Any thread. */
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
 * limit; what comes later is counted and dropped. Thread-safe.
 */
typedef struct mote_trace mote_trace;

/* limit_bytes 0 is 64 MiB. */
MOTE_API MOTE_MUST_USE mote_status mote_trace_new(mote_engine *engine,
						  uint64_t limit_bytes,
						  mote_trace **trace,
						  mote_error *err);
MOTE_API mote_trace *mote_trace_ref(mote_trace *trace);
MOTE_API void mote_trace_unref(mote_trace *trace);

/* Of the program's own; name is copied. Time is CLOCK_MONOTONIC. */
MOTE_API void mote_trace_span(mote_trace *trace, const char *name,
			      uint64_t start_ns, uint64_t end_ns);

/* Writes all of it as Chrome trace JSON to fd. */
MOTE_API MOTE_MUST_USE mote_status mote_trace_write(mote_trace *trace, int fd,
						    mote_error *err);

#ifdef __cplusplus
}
#endif

#endif
