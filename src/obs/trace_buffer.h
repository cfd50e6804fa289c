/*
 * The buffer behind a trace: for trace.c, which fills it, and trace_json.c.
 */
#ifndef MTI_OBS_TRACE_BUFFER_H
#define MTI_OBS_TRACE_BUFFER_H

#include <pthread.h>
#include <stdatomic.h>

#include "obs/trace.h"

/* The program's own spans: their process, and what its threads count from. */
#define MTI_TRACE_PROGRAM 1u
#define MTI_TRACE_PROGRAM_THREADS 1000000u

enum mti_trace_phase {
	MTI_TRACE_BEGIN,
	MTI_TRACE_END,
	MTI_TRACE_COMPLETE, /* value: nanoseconds */
	MTI_TRACE_EVENT,
	MTI_TRACE_COUNTER,
	MTI_TRACE_SANDBOX, /* has come in; value: its number */
};

/* The name follows, padded to 8 bytes. */
struct mti_trace_event {
	uint64_t ns;
	int64_t value;
	uint32_t process;
	uint32_t thread;
	uint16_t phase;
	uint16_t name_size;
	uint32_t reserved;
};

_Static_assert(sizeof(struct mti_trace_event) % 8 == 0, "events are aligned");

struct mote_trace {
	_Atomic uint32_t references;
	struct mti_allocator allocator;
	pthread_mutex_t lock;
	uint8_t *buffer;
	uint64_t limit;
	uint64_t used;
	uint64_t promised; /* to the ends of open spans */
	uint64_t dropped;
	uint32_t sandboxes;
};

#endif
