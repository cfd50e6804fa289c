#include "harness/failing_allocator.h"

#include <stdlib.h>

static bool refuse(struct failing_allocator *state, size_t size)
{
	state->requests++;
	if (state->requests == state->fail_at ||
	    (state->persistent && state->fail_at &&
	     state->requests > state->fail_at))
		return true;
	state->bytes += size;
	return false;
}

static void *allocate(void *user, size_t size)
{
	struct failing_allocator *state = user;
	void *block;

	if (refuse(state, size))
		return NULL;
	block = malloc(size);
	if (block)
		state->live++;
	return block;
}

static void *resize(void *user, void *block, size_t size)
{
	struct failing_allocator *state = user;
	void *resized;

	if (refuse(state, size))
		return NULL;
	resized = realloc(block, size);
	if (resized && !block)
		state->live++;
	return resized;
}

static void release(void *user, void *block)
{
	struct failing_allocator *state = user;

	if (block)
		state->live--;
	free(block);
}

void failing_allocator_init(struct failing_allocator *state, size_t fail_at,
			    bool persistent)
{
	*state = (struct failing_allocator){
		.allocator = {
			.allocate = allocate,
			.resize = resize,
			.release = release,
			.user = state,
		},
		.fail_at = fail_at,
		.persistent = persistent,
	};
}
