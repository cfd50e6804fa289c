/*
 * What maker and tests of the golden snapshots agree on.
 */
#ifndef GOLDEN_GOLDEN_H
#define GOLDEN_GOLDEN_H

#include <mote/mote.h>

/* What the guest was told to keep. */
#define GOLDEN_FIRST UINT64_C(0x0123456789)
#define GOLDEN_SECOND UINT64_C(0x2222222222)

#define GOLDEN_HEAP_BYTES 65536
#define GOLDEN_STACK_BYTES 65536
#define GOLDEN_IO_BYTES 65536

/* The guest imports them, and calls none. */
static inline mote_status golden_refuse(void *user, mote_host_call *call,
					const mote_value *args, size_t count,
					mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)count;
	(void)result;
	return MOTE_E_STATE;
}

static const mote_host_function golden_functions[] = {
	{ "Weekday", "s()", golden_refuse, NULL },
	{ "Note", "v(s)", golden_refuse, NULL },
};

static inline mote_sandbox_options golden_options(void)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = golden_functions;
	options.host_function_count = 2;
	options.heap_bytes = GOLDEN_HEAP_BYTES;
	options.stack_bytes = GOLDEN_STACK_BYTES;
	options.io_bytes = GOLDEN_IO_BYTES;
	return options;
}

#endif
