/*
 * Page tables while they are built: a growing run of pages that will lie at
 * base_gpa.
 */
#ifndef MTI_MEM_TABLES_H
#define MTI_MEM_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "base/alloc.h"
#include "mem/layout.h"

struct mti_tables {
	const struct mti_allocator *allocator;
	uint64_t base_gpa; /* of the root, which is the first page */
	uint64_t limit;    /* bytes */
	uint8_t *pages;    /* owned: mti_tables_fini */
	size_t used;       /* bytes */
	size_t capacity;   /* bytes */
};

/*
 * Maps all regions of a layout. false if memory ran out, or where it is none
 * for that architecture: what makes and reads layouts has refused it.
 */
bool mti_tables_build(struct mti_tables *tables, const struct mti_arch *arch,
		      const struct mti_layout *layout,
		      const struct mti_allocator *allocator);

/* Both ranges of a bare guest's memory, where they are. */
bool mti_tables_build_bare(struct mti_tables *tables, const struct mti_pt *pt,
			   const struct mti_layout *layout,
			   const struct mti_allocator *allocator);

void mti_tables_fini(struct mti_tables *tables);

#endif
