/*
 * Memory for a hypervisor below which the kernel cannot copy on write: the
 * guest's own page tables do. See cow.c.
 */
#ifndef MTI_MEM_COW_H
#define MTI_MEM_COW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "arch/arch.h"
#include "base/alloc.h"
#include "mem/dirty.h"
#include "mem/layout.h"
#include "mem/store.h"
#include "mem/tables.h"

/* What all sandboxes of a plan of memory share. Immutable. */
struct mti_cow_plan {
	const struct mti_allocator *allocator;
	const struct mti_arch *arch;
	/* What is never copied because it is written where it is. */
	uint64_t linear_home;
	uint64_t linear_gpa;
	uint64_t linear_size;
	uint64_t scratch_gpa;
	uint64_t scratch_size;
	uint64_t pool_gpa; /* frames, up to the end of scratch */
	/* The first frames, as they are at the start; the root is the first. */
	struct mti_tables tables; /* owned */
};

/* A frame is a table, free, or a copy of the page that its word says. */
#define MTI_COW_TABLE 1u /* which the host has not changed */
#define MTI_COW_EDITED 3u
#define MTI_COW_FREE 2u

static inline bool mti_cow_is_copy(uint64_t word)
{
	return (word & 3) == 0;
}

struct mti_cow {
	const struct mti_allocator *allocator;
	const struct mti_cow_plan *plan; /* outlives it */
	uint8_t *scratch;                /* owned: the host's mapping of it */
	/*
	 * What the host has made of the tables, by frame, where it has changed
	 * them: only this is ever read. Owned.
	 */
	uint8_t *truth;
	/*
	 * The allocator: for each frame below `used` one word: the page that
	 * it is a copy of, MTI_COW_TABLE or _EDITED, or MTI_COW_FREE and the
	 * next free frame, shifted by 12.
	 */
	uint64_t *frames; /* owned */
	size_t capacity;
	size_t used;
	size_t most;
	size_t free; /* the first free one below `used`, or `most` */
	size_t tables; /* how many are tables */
	/* Copies by their page: frame + 1, or 0. Owned. */
	uint32_t *index;
	size_t index_size; /* a power of two */
	/* Somebody else may have written to tables. */
	bool touched;
	/* Some copies are from before the last restore. */
	bool kept;
	/* The host has mapped something into the tables, or taken it away. */
	bool edited;
	/* The CPU may remember what the tables said: see hv.h, `remapped`. */
	bool stale;
};

/*
 * scratch_bytes: for copies and tables, 0: as much as can be needed.
 * MOTE_E_INVALID: not even the tables fit; _UNSUPPORTED: it is too large.
 */
mote_status mti_cow_plan_new(const struct mti_allocator *allocator,
			     const struct mti_arch *arch,
			     const struct mti_layout *layout,
			     uint64_t scratch_bytes,
			     struct mti_cow_plan **plan, mote_error *err);
void mti_cow_plan_free(struct mti_cow_plan *plan); /* may be NULL */

mote_status mti_cow_new(const struct mti_allocator *allocator,
			const struct mti_cow_plan *plan, struct mti_cow **cow,
			mote_error *err);
void mti_cow_free(struct mti_cow *cow); /* may be NULL */
/* In a child of fork(), which has none of its memory. */
void mti_cow_disown(struct mti_cow *cow);

/* The tables become what the host made of them, whoever wrote there. */
void mti_cow_repair(struct mti_cow *cow);

/* Nothing is copied any more, the tables are the first ones. -errno. */
int mti_cow_reset(struct mti_cow *cow);

/* The root of the guest's tables. */
static inline uint64_t mti_cow_root(const struct mti_cow *cow)
{
	return cow->plan->pool_gpa;
}

static inline bool mti_cow_is_linear(const struct mti_cow_plan *plan,
				     uint64_t home)
{
	return home >= plan->linear_home &&
	       home - plan->linear_home < plan->linear_size;
}

/* Where the page is if it is in scratch, else NULL. */
uint8_t *mti_cow_at(const struct mti_cow *cow, uint64_t home);
/*
 * The page of something that is never copied, UINT64_MAX: it is none. Of a
 * table, which is known not to be as the host made it from now on.
 */
uint64_t mti_cow_written(struct mti_cow *cow, uint64_t gpa);
/*
 * What a guest-physical page of scratch holds: its bytes, and *home as above
 * for copies and what is never copied. NULL: neither.
 */
uint8_t *mti_cow_physical(const struct mti_cow *cow, uint64_t gpa,
			  uint64_t *home);

/* Operations on the guest's tables; they do not move. */
struct mti_pt_ops mti_cow_ops(struct mti_cow *cow);

/*
 * Maps a copy of bytes, or the copy of that page that is there already, at
 * gva, with these rights. NULL: no frame, or no memory to know it by.
 */
uint8_t *mti_cow_copy(struct mti_cow *cow, uint64_t gva, uint64_t home,
		      uint32_t flags);

/*
 * The copies that are what base, which has the first size bytes of all homes,
 * says, and what a restore to store would put there, go out of use, and out of
 * the set; how many. For when there is no frame.
 */
size_t mti_cow_reclaim(struct mti_cow *cow, const uint8_t *base, uint64_t size,
		       const struct mti_store *store, struct mti_dirty *dirty);

/* Forgets the copies of pages in [home, home + size). */
void mti_cow_forget(struct mti_cow *cow, uint64_t home, uint64_t size);

/* No frame is left. */
static inline bool mti_cow_full(const struct mti_cow *cow)
{
	return cow->used == cow->most && cow->free == cow->most;
}

/* Frames that are copies, of pages in [home, home + size). */
size_t mti_cow_copies(const struct mti_cow *cow, uint64_t home, uint64_t size);

#endif
