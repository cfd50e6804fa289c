/*
 * The host's view of one sandbox's memory. Only this folder turns a guest
 * address into a pointer.
 */
#ifndef MTI_MEM_MEMORY_H
#define MTI_MEM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "mem/layout.h"

struct mti_memory {
	uint8_t *base; /* owned: mti_memory_fini */
	size_t size;
};

/*
 * image_fd holds the first image_size bytes of guest-physical memory; the
 * sandbox gets private copies of its pages. The rest is zero.
 */
mote_status mti_memory_init(struct mti_memory *memory,
			    const struct mti_layout *layout, int image_fd,
			    uint64_t image_size, mote_error *err);
void mti_memory_fini(struct mti_memory *memory);

/* The host's address of an area; region->size bytes are there. */
void *mti_memory_region(const struct mti_memory *memory,
			const struct mti_region *region);

#endif
