#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *libc_allocate(void *user, size_t size)
{
	(void)user;
	return malloc(size);
}

static void *libc_resize(void *user, void *block, size_t size)
{
	(void)user;
	return realloc(block, size);
}

static void libc_release(void *user, void *block)
{
	(void)user;
	free(block);
}

const struct mti_allocator mti_allocator_libc = {
	.allocate = libc_allocate,
	.resize = libc_resize,
	.release = libc_release,
};

void *mti_alloc_raw(const struct mti_allocator *allocator, size_t count,
		    size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes == 0)
		return NULL;
	return allocator->allocate(allocator->user, bytes);
}

void *mti_alloc(const struct mti_allocator *allocator, size_t count,
		size_t size)
{
	void *block = mti_alloc_raw(allocator, count, size);

	if (block)
		memset(block, 0, count * size);
	return block;
}

void mti_free(const struct mti_allocator *allocator, void *block)
{
	if (block)
		allocator->release(allocator->user, block);
}
