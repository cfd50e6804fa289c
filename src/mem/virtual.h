/*
 * Guest-virtual memory, through the guest's own page tables, which are not
 * trusted: every address that comes out of them is checked, and a walk has
 * as many steps as there are levels.
 */
#ifndef MTI_MEM_VIRTUAL_H
#define MTI_MEM_VIRTUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "mem/memory.h"

/*
 * For as long as the guest stands still: the page that was found last is
 * remembered. Starts with the last three members 0.
 */
struct mti_virtual {
	const struct mti_arch *arch;
	const struct mti_memory *memory;
	uint64_t root; /* of the page tables */
	uint64_t page; /* its address */
	uint64_t page_size;
	const uint8_t *bytes;
};

/*
 * Copies what is mapped from address on, at most size bytes, up to the first
 * that is not; how many.
 */
size_t mti_virtual_read(struct mti_virtual *space, uint64_t address,
			void *buffer, size_t size);

#endif
