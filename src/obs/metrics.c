#include "obs/metrics.h"

_Static_assert(MOTE_FAULT_MACHINE < MOTE_METRICS_FAULT_KINDS,
	       "every kind of fault has a counter");

#define LAST_BUCKET (MOTE_METRICS_BUCKETS - 1)

void mti_metrics_init(struct mti_metrics *metrics)
{
	pthread_mutex_init(&metrics->lock, NULL);
}

void mti_metrics_fini(struct mti_metrics *metrics)
{
	pthread_mutex_destroy(&metrics->lock);
}

static uint64_t get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void mti_metrics_attach(struct mti_metrics *metrics,
			struct mti_metrics_shard *shard)
{
	pthread_mutex_lock(&metrics->lock);
	shard->previous = NULL;
	shard->next = metrics->shards;
	if (shard->next)
		shard->next->previous = shard;
	metrics->shards = shard;
	pthread_mutex_unlock(&metrics->lock);
}

static void fold_histogram(struct mti_histogram *to,
			   const struct mti_histogram *from)
{
	size_t i;

	atomic_fetch_add_explicit(&to->sum_ns, get(&from->sum_ns),
				  memory_order_relaxed);
	for (i = 0; i < MOTE_METRICS_BUCKETS; i++)
		mti_metric_bump(&to->buckets[i], get(&from->buckets[i]));
}

void mti_metrics_detach(struct mti_metrics *metrics,
			struct mti_metrics_shard *shard)
{
	struct mti_metrics_shard *total = &metrics->total;
	size_t i;

	pthread_mutex_lock(&metrics->lock);
	/* Others may be at mti_metrics_add, which takes no lock. */
	for (i = 0; i < MTI_METRICS; i++)
		mti_metrics_add(metrics, (enum mti_metric)i,
				get(&shard->counters[i]));
	for (i = 0; i < MOTE_METRICS_FAULT_KINDS; i++)
		mti_metric_bump(&total->faults[i], get(&shard->faults[i]));
	fold_histogram(&total->call, &shard->call);
	fold_histogram(&total->guest, &shard->guest);
	fold_histogram(&total->host, &shard->host);
	if (shard->previous)
		shard->previous->next = shard->next;
	else
		metrics->shards = shard->next;
	if (shard->next)
		shard->next->previous = shard->previous;
	pthread_mutex_unlock(&metrics->lock);
}

void mti_histogram_add(struct mti_histogram *histogram, uint64_t ns)
{
	/* Whole microseconds, rounded up, less one: 2^i us has i bits. */
	uint64_t us = ns == 0 ? 0 : (ns - 1) / 1000;
	unsigned int bucket = 0;

	if (us > 0)
		bucket = 64 - (unsigned int)__builtin_clzll(us);
	if (bucket > LAST_BUCKET)
		bucket = LAST_BUCKET;
	mti_metric_bump(&histogram->sum_ns, ns);
	mti_metric_bump(&histogram->buckets[bucket], 1);
}

static void sum_histogram(mote_histogram *to, const struct mti_histogram *from)
{
	size_t i;

	to->sum_ns += get(&from->sum_ns);
	for (i = 0; i < MOTE_METRICS_BUCKETS; i++) {
		uint64_t count = get(&from->buckets[i]);

		to->buckets[i] += count;
		to->count += count;
	}
}

static void sum(mote_metrics *to, const struct mti_metrics_shard *from)
{
	size_t i;

#define SUM(name, member) to->member += get(&from->counters[MTI_METRIC_##name]);
	MTI_METRICS_MAP(SUM)
#undef SUM
	for (i = 0; i < MOTE_METRICS_FAULT_KINDS; i++)
		to->faults[i] += get(&from->faults[i]);
	sum_histogram(&to->call_time, &from->call);
	sum_histogram(&to->guest_time, &from->guest);
	sum_histogram(&to->host_time, &from->host);
	to->calls = to->call_time.count;
}

void mti_metrics_read(struct mti_metrics *metrics, mote_metrics *out)
{
	const mote_metrics none = MOTE_METRICS_INIT;
	const struct mti_metrics_shard *shard;

	*out = none;
	pthread_mutex_lock(&metrics->lock);
	sum(out, &metrics->total);
	for (shard = metrics->shards; shard; shard = shard->next) {
		sum(out, shard);
		/* It says 1 once its sandbox is made. */
		out->sandboxes_alive +=
			get(&shard->counters[MTI_METRIC_SANDBOXES_CREATED]);
	}
	pthread_mutex_unlock(&metrics->lock);
}
