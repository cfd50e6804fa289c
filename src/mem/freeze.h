/*
 * Making a store of what is in a sandbox's memory.
 */
#ifndef MTI_MEM_FREEZE_H
#define MTI_MEM_FREEZE_H

#include "mem/memory.h"
#include "mem/store.h"
#include "mem/tables.h"
#include "mem/window.h"

struct mti_freeze {
	const struct mti_allocator *allocator;
	const struct mti_memory *memory;
	/*
	 * What memory holds outside its set of dirty pages; what is left the
	 * same is shared with its files.
	 */
	struct mti_store *base;
	/*
	 * Regions that are zero in the result, whatever they hold: no extent
	 * lies over them, nor over [hole, hole_end).
	 */
	const struct mti_region *const *transient;
	size_t transient_count;
	uint64_t hole;
	uint64_t hole_end;
	/*
	 * What is mapped becomes part of the result, which is large enough
	 * for it. NULL: nothing is.
	 */
	const struct mti_window *window;
	/* What becomes of the page tables, or NULL: they are as they were. */
	const struct mti_tables *tables;
};

/*
 * The price is that of the pages in the set and of all that is mapped. The
 * result, a reference, has the files of base that are still used, and one of
 * what differs from them: with everything if that is more than half; else,
 * where the files would be too many or too large, with some of them.
 */
mote_status mti_store_freeze(const struct mti_freeze *freeze,
			     struct mti_store **out, mote_error *err);

#endif
