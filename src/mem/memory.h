/*
 * The host's view of one sandbox's memory. Only this folder turns a guest
 * address into a pointer.
 *
 * Below is a store, whose files are mapped privately; what was written since
 * lies in pages of the process's own. Those stay its own, also when they have
 * been given the store's bytes again: to write to a page that is there is
 * cheap, to fault it in is not. `dirty` is the set of them, or a superset.
 *
 * With `cow` nobody writes to what is mapped: pages of its own are in scratch,
 * and addresses here are those of their homes.
 */
#ifndef MTI_MEM_MEMORY_H
#define MTI_MEM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "mem/cow.h"
#include "mem/dirty.h"
#include "mem/layout.h"
#include "mem/store.h"

struct mti_memory {
	uint8_t *base; /* owned: mti_memory_fini */
	size_t size;
	/* The guest has nothing in [hole, hole_end), see mem/layout.h. */
	uint64_t hole;
	uint64_t hole_end;
	/* A reference; NULL: nobody knows what is mapped. */
	struct mti_store *mapped;
	/*
	 * Whoever writes to guest memory, other than through the guest, adds
	 * it here; but for the areas of which high-water marks are kept.
	 */
	struct mti_dirty dirty;
	/* Of them, those that a settling restore has found changed. */
	struct mti_dirty busy;
	struct mti_cow *cow; /* owned; NULL: the kernel copies on write */
};

/* plan outlives it; NULL: the kernel copies. */
mote_status mti_memory_init(struct mti_memory *memory,
			    const struct mti_allocator *allocator,
			    struct mti_store *store,
			    const struct mti_cow_plan *plan, mote_error *err);
void mti_memory_fini(struct mti_memory *memory);

/*
 * Maps another store of the same size, and with that drops all that was
 * written. If it fails nothing is mapped, and it can be tried again.
 */
mote_status mti_memory_remap(struct mti_memory *memory,
			     struct mti_store *store, mote_error *err);

/*
 * Puts the bytes of store, which outside the set are those of what is
 * mapped, into all pages of the set.
 */
void mti_memory_restore(struct mti_memory *memory,
			const struct mti_store *store);

/*
 * The same, and looks which pages of the set have changed at all since the
 * last time; those stay busy. give_back: pages that no such look since the
 * last giving back has found busy go out of the set, and their memory to the
 * system.
 */
mote_status mti_memory_settle(struct mti_memory *memory,
			      struct mti_store *store, bool give_back,
			      mote_error *err);

/*
 * The memory of a range goes back to the system: what is mapped shows there
 * again. For what is the same in the store that was put back.
 */
void mti_memory_give_back(struct mti_memory *memory, uint64_t gpa,
			  uint64_t size);

/* Pages in [start, end), offsets. */
typedef void (*mti_run_fn)(void *user, uint64_t start, uint64_t end);

/*
 * Finds the pages of a private mapping of the process that are its own: were
 * written, and not given back. 0, or -errno.
 */
int mti_memory_private(const uint8_t *base, size_t size, mti_run_fn found,
		       void *user);
/* Adds all private pages to the set, for who has no better way. */
mote_status mti_memory_scan(struct mti_memory *memory, mote_error *err);

/* The guest has written to that page, as the hypervisor says. */
void mti_memory_written(struct mti_memory *memory, uint64_t gpa);

/* The bytes of a page as they are now, to be read. */
const uint8_t *mti_memory_page(const struct mti_memory *memory, uint64_t gpa);

/*
 * The host's address of a region, region->size bytes: with cow as it was
 * mapped, but for areas that are written where they are.
 */
void *mti_memory_region(const struct mti_memory *memory,
			const struct mti_region *region);

#endif
