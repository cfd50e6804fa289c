/*
 * A set of pages of one sandbox's memory: those that may differ from the
 * store that is mapped below them.
 *
 * A bitmap in pieces of 16 MiB, each with a summary, that are allocated when
 * their first page comes: adding is a few instructions, walking costs what
 * is in the set, in the order of addresses, and its size is bounded by what
 * was written. Adding cannot fail: without memory the set is lost, which
 * says that any page may be in it.
 */
#ifndef MTI_MEM_DIRTY_H
#define MTI_MEM_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"

#define MTI_DIRTY_WORDS 64

/* 4096 pages. */
struct mti_dirty_piece {
	uint64_t summary; /* bit i: words[i] is not 0 */
	uint64_t words[MTI_DIRTY_WORDS];
};

struct mti_dirty {
	const struct mti_allocator *allocator;
	uint64_t memory_size;
	size_t count; /* pages */
	bool lost;
	size_t piece_count;
	size_t piece_limit; /* all pieces with pages are below */
	struct mti_dirty_piece **pieces; /* owned, as are those not NULL */
};

/* false if memory ran out. memory_size is a multiple of a page. */
bool mti_dirty_init(struct mti_dirty *dirty,
		    const struct mti_allocator *allocator,
		    uint64_t memory_size);
void mti_dirty_fini(struct mti_dirty *dirty);

/* The pages that [gpa, gpa + size) touches; what is outside is ignored. */
void mti_dirty_add(struct mti_dirty *dirty, uint64_t gpa, uint64_t size);
void mti_dirty_remove(struct mti_dirty *dirty, uint64_t gpa, uint64_t size);
bool mti_dirty_has(const struct mti_dirty *dirty, uint64_t gpa);
/* How many of the set lie in [gpa, gpa + size), which is whole pages. */
size_t mti_dirty_count(const struct mti_dirty *dirty, uint64_t gpa,
		       uint64_t size);

/* Empty, and no longer lost. */
void mti_dirty_clear(struct mti_dirty *dirty);

/*
 * The first run of pages at or after *gpa; false if there is none. Runs end
 * at the borders of pieces.
 */
bool mti_dirty_next(const struct mti_dirty *dirty, uint64_t *gpa,
		    uint64_t *size);

#endif
