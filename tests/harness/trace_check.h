/*
 * A trace as Chrome trace JSON, read with a JSON parser and checked: every
 * event has what its phase needs, and on every thread spans nest and time
 * does not go back.
 */
#ifndef HARNESS_TRACE_CHECK_H
#define HARNESS_TRACE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <mote/observe.h>

#define TRACE_EVENTS_MAX 20000
#define TRACE_NAME_MAX 800

struct trace_event {
	char phase;
	uint32_t process;
	uint32_t thread;
	double us;
	double duration_us; /* X, and B with its E */
	int64_t value;
	size_t depth; /* of a span or event, in open spans */
	char name[TRACE_NAME_MAX];
};

struct trace {
	size_t count;
	struct trace_event *events; /* metadata is not among them */
	uint64_t dropped;
};

/* Writes trace to a file and reads it; the test fails if it is wrong. */
void trace_read(mote_trace *from, struct trace *trace);
void trace_free(struct trace *trace);

/* The events of that name on threads of that name, "host" or "guest". */
size_t trace_count(const struct trace *trace, const char *name);
/* The first of that name; the test fails if there is none. */
const struct trace_event *trace_find(const struct trace *trace,
				     const char *name);

#endif
