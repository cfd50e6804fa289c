/*
 * Counters and histograms of an engine, kept so that a call pays next to
 * nothing for them: each sandbox has a shard that only the thread which uses
 * the sandbox writes, without read-modify-write instructions; whoever reads
 * sums up the shards under the lock that guards their list. A shard that
 * goes away leaves its numbers with the engine.
 */
#ifndef MTI_OBS_METRICS_H
#define MTI_OBS_METRICS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <mote/observe.h>

/*
 * X(NAME, member of mote_metrics). The last two are written in each call, as
 * is what follows them in a shard. The number of calls is that in call.
 */
#define MTI_METRICS_MAP(X)                         \
	X(SANDBOXES_CREATED, sandboxes_created)    \
	X(GUEST_ERRORS, guest_errors)              \
	X(PROTOCOL_ERRORS, protocol_errors)        \
	X(LIMITS, limits)                          \
	X(DEADLINES, deadlines)                    \
	X(CANCELS, cancels)                        \
	X(STRAY_KICKS, stray_kicks)                \
	X(SNAPSHOTS_TAKEN, snapshots_taken)        \
	X(RESTORES, restores)                      \
	X(PAGES_RESTORED, pages_restored)          \
	X(VM_CACHE_HITS, vm_cache_hits)            \
	X(VM_CACHE_MISSES, vm_cache_misses)        \
	X(POOL_ACQUIRED, pool_acquired)            \
	X(POOL_WAITED, pool_waited)                \
	X(LOG_RECORDS, log_records)                \
	X(LOG_DROPPED, log_dropped)                \
	X(VM_ENTRIES, vm_entries)                  \
	X(HOST_CALLS, host_calls)

#define MTI_METRIC_ENUM_(name, member) MTI_METRIC_##name,
enum mti_metric { MTI_METRICS_MAP(MTI_METRIC_ENUM_) MTI_METRICS };
#undef MTI_METRIC_ENUM_

struct mti_histogram {
	_Atomic uint64_t sum_ns;
	_Atomic uint64_t buckets[MOTE_METRICS_BUCKETS];
};

struct mti_metrics_shard {
	_Atomic uint64_t faults[MOTE_METRICS_FAULT_KINDS];
	_Atomic uint64_t counters[MTI_METRICS];
	struct mti_histogram call;
	struct mti_histogram guest;
	struct mti_histogram host;
	/* The engine's list; its lock. */
	struct mti_metrics_shard *previous;
	struct mti_metrics_shard *next;
};

struct mti_metrics {
	pthread_mutex_t lock;
	/* What is of no sandbox, and of sandboxes that are gone. */
	struct mti_metrics_shard total;
	struct mti_metrics_shard *shards;
};

void mti_metrics_init(struct mti_metrics *metrics);
void mti_metrics_fini(struct mti_metrics *metrics);

/* shard is all zero; it stays where it is until it is detached. */
void mti_metrics_attach(struct mti_metrics *metrics,
			struct mti_metrics_shard *shard);
void mti_metrics_detach(struct mti_metrics *metrics,
			struct mti_metrics_shard *shard);

/* Any thread: for what is of no sandbox. */
static inline void mti_metrics_add(struct mti_metrics *metrics,
				   enum mti_metric which, uint64_t count)
{
	atomic_fetch_add_explicit(&metrics->total.counters[which], count,
				  memory_order_relaxed);
}

/* The others only on the thread that uses the shard's sandbox. */
static inline void mti_metric_bump(_Atomic uint64_t *counter, uint64_t count)
{
	atomic_store_explicit(
		counter,
		atomic_load_explicit(counter, memory_order_relaxed) + count,
		memory_order_relaxed);
}

void mti_histogram_add(struct mti_histogram *histogram, uint64_t ns);

/* Fills all but struct_size. */
void mti_metrics_read(struct mti_metrics *metrics, mote_metrics *out);

/* prometheus.c: "null_pointer", ...; NULL if there is no such kind. */
const char *mti_metrics_fault_name(uint32_t kind);

/* prometheus.c: see mote_metrics_format. */
size_t mti_metrics_format(const mote_metrics *metrics, char *buffer,
			  size_t size);

#endif
