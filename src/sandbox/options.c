/*
 * Options that outlive the call they were given to.
 */
#include <string.h>

#include "base/checked.h"
#include "sandbox/pool.h"

struct block {
	mote_sandbox_options options;
	mote_host_function functions[];
};

/* Adds the bytes of a text, if there is one. */
static bool add_text(size_t *size, const char *text)
{
	return !text ||
	       !__builtin_add_overflow(*size, strlen(text) + 1, size);
}

static bool block_size(const mote_sandbox_options *options, size_t *size)
{
	size_t i;

	if (__builtin_mul_overflow(options->host_function_count,
				   sizeof(mote_host_function), size) ||
	    __builtin_add_overflow(*size, sizeof(struct block), size) ||
	    !add_text(size, options->log_filter))
		return false;
	for (i = 0; i < options->host_function_count; i++)
		if (!add_text(size, options->host_functions[i].name) ||
		    !add_text(size, options->host_functions[i].signature))
			return false;
	return true;
}

/* Moves a text to *next, and *next on. */
static const char *keep(char **next, const char *text)
{
	char *kept = *next;
	size_t size;

	if (!text)
		return NULL;
	size = strlen(text) + 1;
	memcpy(kept, text, size);
	*next += size;
	return kept;
}

mote_sandbox_options *mti_options_copy(const struct mti_allocator *allocator,
				       const mote_sandbox_options *options)
{
	size_t count = options->host_function_count;
	struct block *block;
	size_t size;
	char *next;
	size_t i;

	if (!block_size(options, &size))
		return NULL;
	block = mti_alloc(allocator, 1, size);
	if (!block)
		return NULL;
	block->options = *options;
	next = (char *)&block->functions[count];
	block->options.host_functions = block->functions;
	block->options.log_filter = keep(&next, options->log_filter);
	for (i = 0; i < count; i++) {
		const mote_host_function *from = &options->host_functions[i];

		block->functions[i] = *from;
		block->functions[i].name = keep(&next, from->name);
		block->functions[i].signature = keep(&next, from->signature);
	}
	return &block->options;
}
