/*
 * How a test tells guests/villain.S what to do.
 */
#ifndef VM_VILLAIN_H
#define VM_VILLAIN_H

#include <stdint.h>

#include <mote/mote.h>

#include "abi/call.h"
#include "abi/layout.h"
#include "abi/trap.h"

/* What the guest does with the areas and then with `out`. */
struct evil {
	const void *out;
	size_t out_size;
	uint32_t out_offset;
	const void *post;
	size_t post_size;
	uint32_t post_used;
	uint32_t port;
	uint32_t value;
	uint64_t argument0;
	uint64_t argument1;
};

/* function: EvilI64, EvilString, ...; it says what result is due. */
static inline mote_status evil_call(mote_sandbox *box, const char *function,
				    const struct evil *evil, mote_value *result,
				    mote_error *err)
{
	const mote_value arguments[] = {
		MOTE_BYTES(evil->out, evil->out_size),
		MOTE_BYTES(evil->post, evil->post_size),
		MOTE_U32(evil->out_offset),
		MOTE_U32(evil->post_used),
		MOTE_U32(evil->port),
		MOTE_U32(evil->value),
		MOTE_U64(evil->argument0),
		MOTE_U64(evil->argument1),
	};

	return mote_call(box, function, arguments,
			 sizeof(arguments) / sizeof(arguments[0]), result, err);
}

#endif
