#include <string.h>

#include "obs/trace_buffer.h"

mote_trace *mti_trace_new(const struct mti_allocator *allocator, uint64_t limit)
{
	mote_trace *trace = mti_alloc(allocator, 1, sizeof(*trace));

	if (!trace)
		return NULL;
	if (limit <= SIZE_MAX)
		trace->buffer = mti_alloc_raw(allocator, 1, (size_t)limit);
	if (!trace->buffer) {
		mti_free(allocator, trace);
		return NULL;
	}
	trace->references = 1;
	trace->allocator = *allocator;
	trace->limit = limit;
	pthread_mutex_init(&trace->lock, NULL);
	return trace;
}

void mti_trace_ref(mote_trace *trace)
{
	atomic_fetch_add_explicit(&trace->references, 1, memory_order_relaxed);
}

void mti_trace_unref(mote_trace *trace)
{
	struct mti_allocator allocator;

	if (!trace || atomic_fetch_sub_explicit(&trace->references, 1,
						memory_order_acq_rel) != 1)
		return;
	allocator = trace->allocator;
	pthread_mutex_destroy(&trace->lock);
	mti_free(&allocator, trace->buffer);
	mti_free(&allocator, trace);
}

static uint64_t padded(size_t size)
{
	return (size + 7) & ~(uint64_t)7;
}

/* Under the lock. promise: bytes that later events may count on. */
static bool append(mote_trace *trace, struct mti_trace_event *event,
		   const char *name, size_t size, uint64_t promise)
{
	uint8_t *place = trace->buffer + trace->used;
	uint64_t taken;

	if (size > MTI_TRACE_NAME_MAX)
		size = MTI_TRACE_NAME_MAX;
	taken = sizeof(*event) + padded(size);
	if (taken + promise > trace->limit - trace->used - trace->promised) {
		trace->dropped++;
		return false;
	}
	event->name_size = (uint16_t)size;
	memcpy(place, event, sizeof(*event));
	if (size > 0)
		memcpy(place + sizeof(*event), name, size);
	trace->used += taken;
	trace->promised += promise;
	return true;
}

static bool add(struct mti_track *track, enum mti_trace_phase phase,
		uint64_t ns, const char *name, size_t size, int64_t value)
{
	mote_trace *trace = track->trace;
	const uint64_t end = sizeof(struct mti_trace_event);
	struct mti_trace_event event = {
		.value = value,
		.process = track->process,
		.thread = track->thread,
		.phase = (uint16_t)phase,
	};
	bool added;

	if (ns > track->last_ns)
		track->last_ns = ns;
	event.ns = track->last_ns;
	pthread_mutex_lock(&trace->lock);
	if (phase == MTI_TRACE_END)
		trace->promised -= end;
	added = append(trace, &event, name, size,
		       phase == MTI_TRACE_BEGIN ? end : 0);
	pthread_mutex_unlock(&trace->lock);
	return added;
}

void mti_trace_drop(mote_trace *trace, uint64_t count)
{
	pthread_mutex_lock(&trace->lock);
	trace->dropped += count;
	pthread_mutex_unlock(&trace->lock);
}

void mti_track_begin(struct mti_track *track, uint64_t ns, const char *name,
		     size_t size)
{
	if (track->skipped > 0 || track->depth == MTI_TRACE_DEPTH_MAX) {
		/* A guest can open 2^32 in one call; then nothing is right. */
		track->skipped += track->skipped < UINT32_MAX;
		mti_trace_drop(track->trace, 1);
	} else if (add(track, MTI_TRACE_BEGIN, ns, name, size, 0)) {
		track->depth++;
	} else {
		track->skipped = 1;
	}
}

void mti_track_end(struct mti_track *track, uint64_t ns)
{
	if (track->skipped > 0) {
		track->skipped--;
	} else if (track->depth > 0) {
		track->depth--;
		(void)add(track, MTI_TRACE_END, ns, NULL, 0, 0);
	} else {
		mti_trace_drop(track->trace, 1);
	}
}

void mti_track_end_all(struct mti_track *track, uint64_t ns)
{
	track->skipped = 0;
	while (track->depth > 0)
		mti_track_end(track, ns);
}

void mti_track_event(struct mti_track *track, uint64_t ns, const char *name,
		     size_t size)
{
	(void)add(track, MTI_TRACE_EVENT, ns, name, size, 0);
}

void mti_track_counter(struct mti_track *track, uint64_t ns, const char *name,
		       size_t size, int64_t value)
{
	(void)add(track, MTI_TRACE_COUNTER, ns, name, size, value);
}

void mti_trace_join(mote_trace *trace, struct mti_track *host,
		    struct mti_track *guest)
{
	struct mti_track made = { .trace = trace };
	uint32_t number;

	pthread_mutex_lock(&trace->lock);
	number = ++trace->sandboxes;
	pthread_mutex_unlock(&trace->lock);
	/* Threads of one number in two processes are one to some readers. */
	made.process = MTI_TRACE_PROGRAM + number;
	made.thread = 2 * number;
	*host = made;
	made.thread++;
	*guest = made;
	(void)add(host, MTI_TRACE_SANDBOX, 0, NULL, 0, number);
}

/*
 * A number for each thread of the program that has spans. Spans of one thread
 * nest, those of two need not.
 */
static uint32_t program_thread(void)
{
	static _Atomic uint32_t last;
	static __thread uint32_t own;

	if (own == 0)
		own = 1 + atomic_fetch_add_explicit(&last, 1,
						    memory_order_relaxed);
	return MTI_TRACE_PROGRAM_THREADS + own;
}

static void add_program(mote_trace *trace, enum mti_trace_phase phase,
			const char *name, uint64_t ns, uint64_t duration_ns)
{
	struct mti_trace_event event = {
		.ns = ns,
		.value = (int64_t)duration_ns,
		.process = MTI_TRACE_PROGRAM,
		.thread = program_thread(),
		.phase = (uint16_t)phase,
	};

	pthread_mutex_lock(&trace->lock);
	(void)append(trace, &event, name, strlen(name), 0);
	pthread_mutex_unlock(&trace->lock);
}

void mti_trace_event(mote_trace *trace, const char *name, uint64_t ns)
{
	add_program(trace, MTI_TRACE_EVENT, name, ns, 0);
}

void mti_trace_span(mote_trace *trace, const char *name, uint64_t start_ns,
		    uint64_t end_ns)
{
	uint64_t duration_ns = 0;

	if (end_ns > start_ns && end_ns - start_ns <= INT64_MAX)
		duration_ns = end_ns - start_ns;
	add_program(trace, MTI_TRACE_COMPLETE, name, start_ns, duration_ns);
}
