/*
 * Options that outlive the call they were given to.
 */
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "obs/trace.h"
#include "os/os.h"
#include "sandbox/pool.h"

/* Behind it: host functions, then texts. */
struct block {
	mote_sandbox_options options;
	mote_mapping mappings[];
};

/* Adds count of size bytes each. */
static bool add(size_t *sum, size_t count, size_t size)
{
	size_t bytes;

	return !__builtin_mul_overflow(count, size, &bytes) &&
	       !__builtin_add_overflow(*sum, bytes, sum);
}

/* Adds the bytes of a text, if there is one. */
static bool add_text(size_t *size, const char *text)
{
	return !text || add(size, 1, strlen(text) + 1);
}

static bool block_size(const mote_sandbox_options *options, size_t *size)
{
	size_t i;

	*size = sizeof(struct block);
	if (!add(size, options->mapping_count, sizeof(mote_mapping)) ||
	    !add(size, options->host_function_count,
		 sizeof(mote_host_function)) ||
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

/* Counts those that it has got. */
static mote_status copy_mappings(struct block *block,
				 const mote_sandbox_options *options,
				 mote_error *err)
{
	size_t *count = &block->options.mapping_count;

	block->options.mappings = block->mappings;
	for (*count = 0; *count < options->mapping_count; ++*count) {
		const mote_mapping *from = &options->mappings[*count];
		mote_mapping *to = &block->mappings[*count];

		*to = *from;
		if (from->fd < 0)
			continue;
		to->fd = mti_os_duplicate(from->fd);
		if (to->fd < 0)
			return mti_error_os(err, MOTE_E_OS, "copy options",
					    -to->fd,
					    "mappings[%zu]: descriptor %d",
					    *count, from->fd);
	}
	return MOTE_OK;
}

static void copy_functions(struct block *block,
			   const mote_sandbox_options *options)
{
	size_t count = options->host_function_count;
	mote_host_function *functions =
		(void *)&block->mappings[options->mapping_count];
	char *next = (char *)&functions[count];
	size_t i;

	block->options.host_functions = functions;
	block->options.log_filter = keep(&next, options->log_filter);
	for (i = 0; i < count; i++) {
		const mote_host_function *from = &options->host_functions[i];

		functions[i] = *from;
		functions[i].name = keep(&next, from->name);
		functions[i].signature = keep(&next, from->signature);
	}
}

mote_status mti_options_copy(const struct mti_allocator *allocator,
			     const mote_sandbox_options *options,
			     mote_sandbox_options **copy, mote_error *err)
{
	struct block *block = NULL;
	mote_status status;
	size_t size;

	if (block_size(options, &size))
		block = mti_alloc(allocator, 1, size);
	if (!block)
		return mti_error_set(err, MOTE_E_NO_MEMORY, "copy options",
				     "no memory for a copy of the options");
	block->options = *options;
	if (options->trace)
		mti_trace_ref(options->trace);
	copy_functions(block, options);
	status = copy_mappings(block, options, err);
	if (status != MOTE_OK) {
		mti_options_free(allocator, &block->options);
		return status;
	}
	*copy = &block->options;
	return MOTE_OK;
}

void mti_options_free(const struct mti_allocator *allocator,
		      mote_sandbox_options *copy)
{
	size_t i;

	if (!copy)
		return;
	for (i = 0; i < copy->mapping_count; i++)
		mti_os_close(copy->mappings[i].fd);
	mti_trace_unref(copy->trace);
	mti_free(allocator, copy);
}
