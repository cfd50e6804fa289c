/*
 * Guest memory by guest-virtual address, through the guest's own page
 * tables: for debuggers, while the guest is stopped.
 */
#ifndef MTI_MEM_ACCESS_H
#define MTI_MEM_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "mem/memory.h"

struct mti_access {
	struct mti_memory *memory;
	const struct mti_arch *arch;
	uint64_t root; /* of the page tables */
};

/* Copies what is mapped from gva on; how many bytes, up to size. */
size_t mti_access_read(const struct mti_access *access, uint64_t gva,
		       void *buffer, size_t size);

/*
 * All of it or, where a page is not the program's or not of this memory,
 * nothing. Pages that the program may not write too: they are private.
 */
bool mti_access_write(const struct mti_access *access, uint64_t gva,
		      const void *data, size_t size);

/* Whether the program can execute what is there. */
bool mti_access_executable(const struct mti_access *access, uint64_t gva);

#endif
