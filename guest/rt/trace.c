/*
 * Trace records: what the macros queue while the host traces.
 */
#include "rt/rt.h"

#include <string.h>

#include "port.h"

_Static_assert(MOTE_TRACE_BEGIN_ == MOTE_TRACE_BEGIN, "header");
_Static_assert(MOTE_TRACE_END_ == MOTE_TRACE_END, "header");
_Static_assert(MOTE_TRACE_EVENT_ == MOTE_TRACE_EVENT, "header");
_Static_assert(MOTE_TRACE_COUNTER_ == MOTE_TRACE_COUNTER, "header");

/* The host cuts names there. */
#define NAME_MAX_BYTES 128

void mote_trace_record_(unsigned kind, const char *name, int64_t value)
{
	const uint64_t tsc = cpu_ticks();
	size_t size = name != NULL ? strnlen(name, NAME_MAX_BYTES) : 0;
	struct mote_abi_trace *record;
	size_t space;

	record = mote_rt_post_begin(&space);
	if (space < sizeof(*record) + size) {
		mote_rt_post_flush();
		record = mote_rt_post_begin(&space);
	}
	if (space < sizeof(*record) + size) {
		control()->post_dropped++;
		return;
	}
	record->tsc = tsc;
	record->value = value;
	record->kind = kind;
	record->name_size = (uint32_t)size;
	copy_bytes(record + 1, name, size);
	mote_rt_post_end(MOTE_POST_TRACE, sizeof(*record) + size);
}
