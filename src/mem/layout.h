/*
 * Where everything of a sandbox lies: the plan of guest-physical memory and
 * of the guest's address space. Pure.
 *
 * Guest-physical memory is one range from 0, one hypervisor slot:
 *
 *	image    supervisor page, syscall page, file-backed pages of the
 *		 program, page tables: private copies of a sealed file's pages
 *	scratch  control page, interrupt stack, post, call, reply and out
 *		 areas, stack, heap, the program's zero-initialised pages:
 *		 anonymous memory, zero until touched
 *
 * Bare guests (abi/bare.h) have two ranges with a hole between them, and none
 * of these areas but the stack, and the heap that is their free memory.
 */
#ifndef MTI_MEM_LAYOUT_H
#define MTI_MEM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Those of a program, and one for each mapping that a snapshot was given. */
#define MTI_REGIONS_MAX 256

/* That a sandbox may have at a time. */
#define MTI_MAPPINGS_MAX 200

/* What the guest's address space below the stack keeps free. */
#define MTI_STACK_GUARD_BYTES (UINT64_C(2) << 30)

/* Of the post area; more output than this is one more exit. */
#define MTI_POST_BYTES UINT64_C(65536)

/*
 * Page tables that the host may add for what it maps into the guest: for
 * 200 mappings far from each other, or half a TiB in one piece.
 */
#define MTI_WINDOW_TABLES 512

/*
 * Where scratch is, whatever the sizes, if page tables copy on write (see
 * cow.c); nothing else is ever there: 36 bits are what the first CPUs had,
 * and not enough for the largest guests.
 */
#define MTI_SCRATCH_FIRST (UINT64_C(128) << 30)
#define MTI_SCRATCH_LIMIT (UINT64_C(256) << 30)

/* A piece of the program; page ranges of parts do not overlap. */
struct mti_part {
	uint64_t gva;
	uint64_t memory_size;
	uint64_t file_size; /* at most memory_size */
	uint32_t flags;     /* MTI_PT_* */
};

struct mti_region {
	uint64_t gva;
	uint64_t gpa;
	uint64_t size;
	uint32_t flags; /* MTI_PT_* */
};

enum mti_area {
	MTI_AREA_SUPERVISOR,
	MTI_AREA_SYSCALL,
	MTI_AREA_CONTROL,
	MTI_AREA_INTERRUPT_STACK,
	MTI_AREA_POST,
	MTI_AREA_CALL,
	MTI_AREA_REPLY,
	MTI_AREA_OUT,
	MTI_AREA_STACK,
	MTI_AREA_HEAP,
	MTI_AREAS
};

struct mti_layout_sizes {
	uint64_t heap; /* multiples of a page */
	uint64_t stack;
	uint64_t io;
};

struct mti_layout {
	struct mti_layout_sizes sizes;
	uint64_t page_table_gpa; /* the tables end the image */
	uint64_t page_table_max; /* bytes that they may take */
	uint64_t memory_size;
	/* Nothing is in [hole, hole_end); of user-mode guests it is empty. */
	uint64_t hole;
	uint64_t hole_end;
	bool bare;
	/* The areas at their index, then the parts of the program. */
	struct mti_region regions[MTI_REGIONS_MAX];
	size_t region_count;
};

/* false if there are too many parts, a size is 0, or the sum wraps. */
bool mti_layout_plan(const struct mti_part *parts, size_t count,
		     const struct mti_layout_sizes *sizes,
		     struct mti_layout *layout);

/*
 * Of a layout from elsewhere, not of a bare guest, whose regions lie within
 * its memory. The most bytes that its page tables can take; whether the areas
 * lie where the plan puts them around page tables that are where they are;
 * the end of all of it. A plan's memory_size is that, rounded up to 2 MiB.
 */
bool mti_layout_tables_bound(const struct mti_layout *layout, uint64_t *bytes);
bool mti_layout_in_place(const struct mti_layout *layout);
uint64_t mti_layout_end(const struct mti_layout *layout);

/* What a bare guest asks for. */
struct mti_bare_plan {
	uint32_t mode;    /* enum mote_abi_bare_mode */
	uint64_t size;    /* memory from 0, whole pages */
	uint64_t end;     /* of its last segment */
	uint64_t scratch; /* free bytes at least, whole pages */
};

/*
 * The same for a bare guest: areas that it has not are empty, the control
 * area is the page of struct mote_abi_bare_info, and addresses are
 * guest-physical. The last region is the image. false: there is no room.
 */
bool mti_layout_plan_bare(const struct mti_bare_plan *plan,
			  const struct mti_layout_sizes *sizes,
			  struct mti_layout *layout);

/* The region that holds gva, or NULL. */
const struct mti_region *mti_layout_find(const struct mti_layout *layout,
					 uint64_t gva);

/* Whether a region behind the areas is a mapping that a snapshot was given. */
bool mti_region_is_mapped(const struct mti_region *region);

/* Of a region: "supervisor", ..., "heap", "program" or "mapped". */
const char *mti_layout_name(const struct mti_layout *layout, size_t index);

#endif
