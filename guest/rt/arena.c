/*
 * Call memory: chunks of pages, filled from front to back and given back all
 * at once. The first chunk is kept, so that calls which need little of it
 * find it warm.
 */
#include "rt/rt.h"

#define ALIGNMENT 16

struct chunk {
	struct chunk *older;
	size_t pages;
};

/* The chunk that is being filled, then older ones. */
static struct chunk *chunks;
static unsigned char *next;
static size_t left;

static struct chunk *new_chunk(size_t size)
{
	size_t pages;
	struct chunk *chunk;

	if (size > SIZE_MAX / 2)
		return NULL;
	pages = (sizeof(*chunk) + size + MOTE_PAGE_SIZE - 1) / MOTE_PAGE_SIZE;
	chunk = mote_rt_pages_take(pages, false);
	if (chunk != NULL)
		chunk->pages = pages;
	return chunk;
}

static size_t capacity(const struct chunk *chunk)
{
	return chunk->pages * MOTE_PAGE_SIZE - sizeof(*chunk);
}

/* Makes chunk the one that is filled. */
static void use(struct chunk *chunk)
{
	chunks = chunk;
	next = (unsigned char *)(chunk + 1);
	left = capacity(chunk);
}

void *mote_alloc(size_t size)
{
	struct chunk *chunk;
	void *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = round_up(size, ALIGNMENT);
	if (size > left) {
		chunk = new_chunk(size);
		if (chunk == NULL)
			return NULL;
		if (chunks != NULL && capacity(chunk) - size < left) {
			/* More is left in the current one: keep filling it. */
			chunk->older = chunks->older;
			chunks->older = chunk;
			return chunk + 1;
		}
		chunk->older = chunks;
		use(chunk);
	}
	memory = next;
	next += size;
	left -= size;
	return memory;
}

void mote_rt_arena_reset(void)
{
	struct chunk *chunk = chunks;

	if (chunk == NULL)
		return;
	while (chunk->older != NULL) {
		struct chunk *older = chunk->older;

		mote_rt_pages_give(chunk, chunk->pages);
		chunk = older;
	}
	if (chunk->pages == 1) {
		use(chunk);
		return;
	}
	mote_rt_pages_give(chunk, chunk->pages);
	chunks = NULL;
	next = NULL;
	left = 0;
}
