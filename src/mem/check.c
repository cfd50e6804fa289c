#include "mem/check.h"

#ifdef MOTE_CHECK_RESTORE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"


_Atomic bool mti_check_restores;

static void check_page(const struct mti_memory *memory,
		       const struct mti_store *store, uint64_t gpa)
{
	if (mti_store_has(store, gpa, mti_memory_page(memory, gpa)))
		return;
	fprintf(stderr,
		"mote: after a restore the page at 0x%llx is not what it was; "
		"it is %s the set of pages that were written\n",
		(unsigned long long)gpa,
		mti_dirty_has(&memory->dirty, gpa) ? "in" : "not in");
	abort();
}

/* All that either of two stores has. */
static void check_extents(const struct mti_memory *memory,
			  const struct mti_store *extents,
			  const struct mti_store *store)
{
	uint32_t i;
	uint64_t at;

	for (i = 0; i < extents->extent_count; i++)
		for (at = 0; at < extents->extents[i].size;
		     at += MOTE_PAGE_SIZE)
			check_page(memory, store, extents->extents[i].gpa + at);
}

static void check_copies(const struct mti_memory *memory,
			 const struct mti_store *store)
{
	const struct mti_cow *cow = memory->cow;
	size_t i;

	for (i = 0; i < cow->used; i++)
		if (mti_cow_is_copy(cow->frames[i]) &&
		    cow->frames[i] < memory->size)
			check_page(memory, store, cow->frames[i]);
}

struct checking {
	const struct mti_memory *memory;
	const struct mti_store *store;
	uint64_t home;
};

static void check_run(void *user, uint64_t start, uint64_t end)
{
	const struct checking *checking = user;

	for (; start < end; start += MOTE_PAGE_SIZE)
		check_page(checking->memory, checking->store,
			   checking->home + start);
}

void mti_memory_check(const struct mti_memory *memory,
		      const struct mti_store *store)
{
	struct checking checking = { .memory = memory, .store = store };
	const uint8_t *base = memory->base;
	size_t size = memory->size;

	if (!mti_check_restores)
		return;
	/* Else what is not private cannot differ. */
	if (memory->mapped != store) {
		check_extents(memory, memory->mapped, store);
		check_extents(memory, store, store);
	}
	if (memory->cow) {
		check_copies(memory, store);
		checking.home = memory->cow->plan->linear_home;
		base = mti_cow_at(memory->cow, checking.home);
		size = memory->cow->plan->linear_size;
	}
	(void)mti_memory_private(base, size, check_run, &checking);
}

#endif
