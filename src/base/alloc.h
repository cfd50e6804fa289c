/*
 * The library's own memory, through the engine's allocator.
 */
#ifndef MTI_BASE_ALLOC_H
#define MTI_BASE_ALLOC_H

#include <stddef.h>

struct mti_allocator {
	void *(*allocate)(void *user, size_t size);
	void *(*resize)(void *user, void *block, size_t size);
	void (*release)(void *user, void *block);
	void *user;
};

/* malloc, realloc, free. */
extern const struct mti_allocator mti_allocator_libc;

/* Zeroed; NULL if count * size overflows, is 0, or there is no memory. */
void *mti_alloc(const struct mti_allocator *allocator, size_t count,
		size_t size);

/* Not zeroed; the same conditions. */
void *mti_alloc_raw(const struct mti_allocator *allocator, size_t count,
		    size_t size);

/* block may be NULL. */
void mti_free(const struct mti_allocator *allocator, void *block);

/*
 * The same for what one thread writes all the time while other threads use
 * other blocks: it starts at a multiple of MTI_APART, and nothing else is in
 * its cache lines, nor in the lines that a CPU fetches with them.
 */
#define MTI_APART 128
void *mti_alloc_apart(const struct mti_allocator *allocator, size_t size);
void mti_free_apart(const struct mti_allocator *allocator, void *block);

#endif
