/*
 * Guest-virtual memory of a guest that does not run, through its own page
 * tables, which are not trusted: every address that comes out of them is
 * checked, and a walk has as many steps as there are levels.
 */
#ifndef MTI_MEM_VIRTUAL_H
#define MTI_MEM_VIRTUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/pt.h"
#include "mem/memory.h"
#include "mem/window.h"

struct mti_virtual {
	/* NULL: addresses are guest-physical. */
	const struct mti_pt *pt;
	struct mti_memory *memory;
	const struct mti_window *window; /* what is mapped beside it */
	uint64_t root; /* of the page tables */
};

enum mti_virtual_copied {
	MTI_VIRTUAL_COPIED,
	MTI_VIRTUAL_NOT_MARKED, /* no write there is to be resolved so */
	MTI_VIRTUAL_FULL,	/* there is no frame for it */
	MTI_VIRTUAL_GONE,	/* what is mapped is not there any more */
};

/*
 * With memory->cow: resolves a write of the program to that address with a
 * copy of the page.
 */
enum mti_virtual_copied mti_virtual_copy(const struct mti_virtual *space,
					 uint64_t address);

/* With memory->cow: the page there, if it is one of scratch, or NULL. */
const uint8_t *mti_virtual_scratch(const struct mti_virtual *space,
				   uint64_t address);

/*
 * Copies what is mapped from address on, at most size bytes, up to the first
 * that is not; how many.
 */
size_t mti_virtual_read(const struct mti_virtual *space, uint64_t address,
			void *buffer, size_t size);

/*
 * All of it or, where a page is not the program's or not only this guest's,
 * nothing. Pages that the program may not write, too: they are private. What
 * is changed is added to memory->dirty.
 */
bool mti_virtual_write(const struct mti_virtual *space, uint64_t address,
		       const void *data, size_t size);

/* Whether the program can execute what is there. */
bool mti_virtual_executable(const struct mti_virtual *space, uint64_t address);

#endif
