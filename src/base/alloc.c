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

/* The address of what was allocated lies before the block. */
void *mti_alloc_apart(const struct mti_allocator *allocator, size_t size)
{
	const size_t mask = MTI_APART - 1;
	uint8_t *whole;
	uint8_t *block;

	if (size == 0 || size > SIZE_MAX - 3 * MTI_APART)
		return NULL;
	whole = mti_alloc(allocator, 1,
			  ((size + mask) & ~mask) + MTI_APART + sizeof(whole));
	if (!whole)
		return NULL;
	block = whole + sizeof(whole) + mask;
	block -= (uintptr_t)block & mask;
	memcpy(block - sizeof(whole), &whole, sizeof(whole));
	return block;
}

void mti_free_apart(const struct mti_allocator *allocator, void *block)
{
	void *whole;

	if (!block)
		return;
	memcpy(&whole, (uint8_t *)block - sizeof(whole), sizeof(whole));
	mti_free(allocator, whole);
}
