/*
 * What the host has mapped into one sandbox: memory beside the sandbox's
 * own, in guest-physical space behind it, in the guest's address space
 * between MOTE_GVA_MAP and MOTE_GVA_MAP_LIMIT.
 *
 * window.c chooses places, window_tables.c edits the page tables, which lie
 * in guest memory: they are read as what a guest may have made of them, and
 * nothing outside of their part of the plan is ever written.
 */
#ifndef MTI_MEM_WINDOW_H
#define MTI_MEM_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

#include "arch/arch.h"
#include "base/alloc.h"
#include "mem/layout.h"
#include "mem/memory.h"

struct mti_mapping {
	uint64_t gva; /* these three: multiples of a page */
	uint64_t gpa;
	uint64_t size;
	void *memory;  /* the host's */
	uint32_t slot; /* of the hypervisor, from 1 */
	bool writable; /* a private copy */
	bool owned;    /* memory is unmapped with it */
	uint64_t written; /* pages, when they were last counted */
};

struct mti_window {
	/* Sorted by gva. Owned. */
	struct mti_mapping *mappings;
	size_t count;
	size_t capacity;
	/* A bit for each page of the tables that is one. Owned, or NULL. */
	uint64_t *tables;
};

/*
 * Completes a mapping of the given size and gva (0: anywhere): gva, gpa and
 * slot. Fails if it does not fit beside the others and what the layout has
 * in the window, with a text that names both.
 */
mote_status mti_window_place(const struct mti_window *window,
			     const struct mti_layout *layout,
			     struct mti_mapping *mapping, mote_error *err);

/* Room for one more. false if memory ran out. */
bool mti_window_reserve(struct mti_window *window,
			const struct mti_allocator *allocator);
/* After reserve. */
void mti_window_insert(struct mti_window *window,
		       const struct mti_mapping *mapping);
/* The index of the mapping at exactly gva, or count. */
size_t mti_window_find(const struct mti_window *window, uint64_t gva);
/* The mapping that holds a guest-physical address, or NULL. */
const struct mti_mapping *mti_window_find_gpa(const struct mti_window *window,
					      uint64_t gpa);
void mti_window_remove(struct mti_window *window, size_t index);
/* Forgets all. Does not unmap memory. */
void mti_window_clear(struct mti_window *window,
		      const struct mti_allocator *allocator);

/* The size of memory that holds what is mapped, too. */
uint64_t mti_window_end(const struct mti_window *window, uint64_t memory_size);
/*
 * What is mapped becomes part of the plan, where it is. There is room for it
 * in a layout that mti_window_place was given.
 */
void mti_window_extend(const struct mti_window *window,
		       struct mti_layout *layout);

/* What is edited: the tables of one sandbox. */
struct mti_window_tables {
	const struct mti_arch *arch;
	const struct mti_layout *layout;
	const struct mti_allocator *allocator;
	struct mti_memory *memory;
	struct mti_window *window;
};

/*
 * Shows the mapping to the guest, or takes it back. Pages that are written
 * to are added to memory->dirty. mti_window_hide fails if the tables are not
 * as mti_window_show left them.
 */
mote_status mti_window_show(const struct mti_window_tables *tables,
			    const struct mti_mapping *mapping, mote_error *err);
mote_status mti_window_hide(const struct mti_window_tables *tables,
			    const struct mti_mapping *mapping, mote_error *err);

#endif
