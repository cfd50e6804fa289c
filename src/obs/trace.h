/*
 * Spans and events of sandboxes in memory, and their way out as Chrome trace
 * JSON. A trace is one block of the size of its limit, filled from front to
 * back: what is in it never changes, and pages that are not reached are not
 * touched. A span gets the room of its end when it begins, so that every
 * begin in the buffer has its end.
 */
#ifndef MTI_OBS_TRACE_H
#define MTI_OBS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/observe.h>

#include "base/alloc.h"

/* Longer names are cut. */
#define MTI_TRACE_NAME_MAX 128
/* Deeper spans of one track are counted and dropped. */
#define MTI_TRACE_DEPTH_MAX 256

/*
 * A row of spans that nest, with times that do not go back: what a sandbox's
 * host side does, or its guest. One thread at a time.
 */
struct mti_track {
	mote_trace *trace; /* borrowed; NULL: no track */
	uint32_t process;
	uint32_t thread;
	uint32_t depth;   /* open spans */
	uint32_t skipped; /* open ones within, which found no room */
	uint64_t last_ns;
};

/* NULL if there is no memory for limit bytes. */
mote_trace *mti_trace_new(const struct mti_allocator *allocator,
			  uint64_t limit);
void mti_trace_ref(mote_trace *trace);
void mti_trace_unref(mote_trace *trace);

/* A sandbox comes in: both its tracks get their numbers. */
void mti_trace_join(mote_trace *trace, struct mti_track *host,
		    struct mti_track *guest);

void mti_track_begin(struct mti_track *track, uint64_t ns, const char *name,
		     size_t size);
/* Without an open span: counted as dropped. */
void mti_track_end(struct mti_track *track, uint64_t ns);
void mti_track_end_all(struct mti_track *track, uint64_t ns);
void mti_track_event(struct mti_track *track, uint64_t ns, const char *name,
		     size_t size);
void mti_track_counter(struct mti_track *track, uint64_t ns, const char *name,
		       size_t size, int64_t value);

/* See mote_trace_event and _span. */
void mti_trace_event(mote_trace *trace, const char *name, uint64_t ns);
void mti_trace_span(mote_trace *trace, const char *name, uint64_t start_ns,
		    uint64_t end_ns);

void mti_trace_drop(mote_trace *trace, uint64_t count);

/* Where the JSON goes: 0, or an error that ends it. */
typedef int (*mti_trace_sink)(void *context, const void *data, size_t size);

/* trace_json.c: the sink's error, or 0. */
int mti_trace_write(mote_trace *trace, mti_trace_sink sink, void *context);

#endif
