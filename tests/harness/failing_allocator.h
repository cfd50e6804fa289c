/*
 * An allocator that counts and can be told to fail. Blocks come from malloc,
 * so that AddressSanitizer sees every access beyond them.
 */
#ifndef HARNESS_FAILING_ALLOCATOR_H
#define HARNESS_FAILING_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"

struct failing_allocator {
	struct mti_allocator allocator; /* hand out its address */
	size_t fail_at;	 /* this one fails, counted from 1; 0: none */
	bool persistent; /* and all after it */
	size_t requests;
	size_t live;  /* blocks not released */
	size_t bytes; /* asked for, in all */
};

void failing_allocator_init(struct failing_allocator *state, size_t fail_at,
			    bool persistent);

#endif
