/*
 * Metrics as text: Prometheus exposition format 0.0.4.
 */
#include <stdarg.h>
#include <stdio.h>

#include "obs/metrics.h"

/* What was written, or would have been with more room. */
struct output {
	char *buffer;
	size_t size;
	size_t used;
};

struct row {
	const char *name;
	const char *type;
	const char *help;
	size_t offset;
};

#define ROW(name, type, member, help)                          \
	{                                                      \
		name, type, help, offsetof(mote_metrics, member) \
	}

static const struct row rows[] = {
	ROW("mote_sandboxes_created_total", "counter", sandboxes_created,
	    "Sandboxes made."),
	ROW("mote_sandboxes", "gauge", sandboxes_alive,
	    "Sandboxes that exist now."),
	ROW("mote_calls_total", "counter", calls,
	    "Calls, batches, runs of main and starts of guests that have "
	    "ended."),
	ROW("mote_guest_errors_total", "counter", guest_errors,
	    "Errors that guest functions returned."),
	ROW("mote_protocol_errors_total", "counter", protocol_errors,
	    "Guests that broke the call protocol."),
	ROW("mote_limits_total", "counter", limits,
	    "Calls ended by a limit other than wall time."),
	ROW("mote_deadlines_total", "counter", deadlines,
	    "Calls ended by their deadline."),
	ROW("mote_cancels_total", "counter", cancels,
	    "Calls cancelled, with those that failed otherwise just then."),
	ROW("mote_stray_kicks_total", "counter", stray_kicks,
	    "Entries that a signal ended for no reason of the call."),
	ROW("mote_vm_entries_total", "counter", vm_entries,
	    "Times a virtual CPU was entered."),
	ROW("mote_host_calls_total", "counter", host_calls,
	    "Host functions called."),
	ROW("mote_snapshots_taken_total", "counter", snapshots_taken,
	    "Snapshots taken."),
	ROW("mote_restores_total", "counter", restores,
	    "Sandboxes put back into the state of a snapshot."),
	ROW("mote_pages_restored_total", "counter", pages_restored,
	    "Pages that restores wrote."),
	ROW("mote_vm_cache_hits_total", "counter", vm_cache_hits,
	    "Sandboxes that got a virtual machine used before."),
	ROW("mote_vm_cache_misses_total", "counter", vm_cache_misses,
	    "Sandboxes that got a new virtual machine."),
	ROW("mote_pool_acquired_total", "counter", pool_acquired,
	    "Sandboxes taken from a pool."),
	ROW("mote_pool_waited_total", "counter", pool_waited,
	    "Of these, with a wait for one to become free."),
	ROW("mote_log_records_total", "counter", log_records,
	    "Log records delivered."),
	ROW("mote_log_dropped_total", "counter", log_dropped,
	    "Log records dropped."),
};

static const char *const kinds[] = {
	[MOTE_FAULT_READ] = "read",
	[MOTE_FAULT_WRITE] = "write",
	[MOTE_FAULT_EXECUTE] = "execute",
	[MOTE_FAULT_NULL_POINTER] = "null_pointer",
	[MOTE_FAULT_STACK_OVERFLOW] = "stack_overflow",
	[MOTE_FAULT_DIVIDE] = "divide",
	[MOTE_FAULT_ILLEGAL_INSTRUCTION] = "illegal_instruction",
	[MOTE_FAULT_PRIVILEGED] = "privileged",
	[MOTE_FAULT_BREAKPOINT] = "breakpoint",
	[MOTE_FAULT_FLOATING_POINT] = "floating_point",
	[MOTE_FAULT_ALIGNMENT] = "alignment",
	[MOTE_FAULT_ABORT] = "abort",
	[MOTE_FAULT_MACHINE] = "machine",
};

const char *mti_metrics_fault_name(uint32_t kind)
{
	return kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : NULL;
}

static void put(struct output *out, const char *format, ...) MOTE_PRINTF(2, 3);

static void put(struct output *out, const char *format, ...)
{
	size_t room = out->used < out->size ? out->size - out->used : 0;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(room ? out->buffer + out->used : NULL, room, format,
			   args);
	va_end(args);
	out->used += length > 0 ? (size_t)length : 0;
}

static void put_head(struct output *out, const char *name, const char *type,
		     const char *help)
{
	put(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_row(struct output *out, const mote_metrics *metrics,
		    const struct row *row)
{
	const uint64_t *value =
		(const void *)((const char *)metrics + row->offset);

	put_head(out, row->name, row->type, row->help);
	put(out, "%s %llu\n", row->name, (unsigned long long)*value);
}

static void put_faults(struct output *out, const mote_metrics *metrics)
{
	size_t i;

	put_head(out, "mote_faults_total", "counter", "Guests that crashed.");
	for (i = 1; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		put(out, "mote_faults_total{kind=\"%s\"} %llu\n", kinds[i],
		    (unsigned long long)metrics->faults[i]);
}

/* Nanoseconds as seconds, exactly. */
static void put_seconds(struct output *out, uint64_t ns)
{
	put(out, "%llu.%09llu", (unsigned long long)(ns / 1000000000),
	    (unsigned long long)(ns % 1000000000));
}

static void put_histogram(struct output *out, const char *name,
			  const char *help, const mote_histogram *histogram)
{
	uint64_t below = 0;
	size_t i;

	put_head(out, name, "histogram", help);
	for (i = 0; i < MOTE_METRICS_BUCKETS - 1; i++) {
		below += histogram->buckets[i];
		put(out, "%s_bucket{le=\"", name);
		put_seconds(out, (UINT64_C(1) << i) * 1000);
		put(out, "\"} %llu\n", (unsigned long long)below);
	}
	put(out, "%s_bucket{le=\"+Inf\"} %llu\n", name,
	    (unsigned long long)histogram->count);
	put(out, "%s_sum ", name);
	put_seconds(out, histogram->sum_ns);
	put(out, "\n%s_count %llu\n", name,
	    (unsigned long long)histogram->count);
}

size_t mti_metrics_format(const mote_metrics *metrics, char *buffer,
			  size_t size)
{
	struct output out = { .buffer = buffer, .size = size };
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put_row(&out, metrics, &rows[i]);
	put_faults(&out, metrics);
	put_histogram(&out, "mote_call_seconds", "Wall time of these calls.",
		      &metrics->call_time);
	put_histogram(&out, "mote_guest_seconds",
		      "Wall time in the guest, by call.", &metrics->guest_time);
	put_histogram(&out, "mote_host_seconds",
		      "Wall time of host functions and callbacks, one by one.",
		      &metrics->host_time);
	return out.used;
}
