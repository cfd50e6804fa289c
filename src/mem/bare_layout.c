/*
 * Where everything of a bare guest lies: see abi/bare.h.
 */
#include <string.h>

#include "abi/bare.h"
#include "abi/layout.h"
#include "arch/bare.h"
#include "base/checked.h"
#include "mem/layout.h"

#define LARGE_PAGE (UINT64_C(2) << 20)
#define GIB (UINT64_C(1) << 30)
#define REAL_STACK UINT64_C(0x10000)
#define ANY (MTI_PT_WRITE | MTI_PT_EXECUTE)

static void put(struct mti_layout *layout, enum mti_area which, uint64_t gpa,
		uint64_t size)
{
	struct mti_region *region = &layout->regions[which];

	region->gva = gpa;
	region->gpa = gpa;
	region->size = size;
	region->flags = ANY;
}

/*
 * Bytes of the tables for both ranges: two for each GiB, without large pages
 * one for each 4 MiB and else one for the ends, a root, and one more.
 */
static uint64_t tables_bound(uint32_t mode, uint64_t bytes)
{
	const struct mti_pt *pt = mti_bare_mode_pt(mode);
	uint64_t tables = 8 + 2 * (bytes / GIB + 2);

	if (!pt)
		return 0;
	if (pt->large_level == pt->levels - 1)
		tables += bytes / LARGE_PAGE;
	return tables * MOTE_PAGE_SIZE;
}

/* The stack lies where the mode reaches it; *top is where scratch goes on. */
static void put_stack(const struct mti_bare_plan *plan, uint64_t stack,
		      struct mti_layout *layout, uint64_t *top)
{
	uint64_t info = 0;

	if (plan->mode == MOTE_BARE_REAL) {
		/* It is far below. */
		(void)mti_align_up_u64(plan->end, MOTE_PAGE_SIZE, &info);
		put(layout, MTI_AREA_CONTROL, info, MOTE_PAGE_SIZE);
		put(layout, MTI_AREA_STACK, info + MOTE_PAGE_SIZE, REAL_STACK);
		return;
	}
	*top -= stack;
	put(layout, MTI_AREA_STACK, *top, stack);
	*top -= MOTE_PAGE_SIZE;
	put(layout, MTI_AREA_CONTROL, *top, MOTE_PAGE_SIZE);
}

bool mti_layout_plan_bare(const struct mti_bare_plan *plan,
			  const struct mti_layout_sizes *sizes,
			  struct mti_layout *layout)
{
	uint64_t heap = sizes->heap > plan->scratch ? sizes->heap :
						      plan->scratch;
	uint64_t top = MOTE_BARE_SCRATCH_END;
	uint64_t room;
	uint64_t need;
	struct mti_region *image;

	memset(layout, 0, sizeof(*layout));
	layout->sizes = *sizes;
	layout->bare = true;
	/* A page of hole, so that what runs over the image is seen. */
	if (!mti_add_u64(heap, sizes->stack, &need) ||
	    plan->size > top - 2 * MOTE_PAGE_SIZE)
		return false;
	room = top - plan->size - 2 * MOTE_PAGE_SIZE;
	if (need > room)
		return false;
	layout->page_table_max = tables_bound(plan->mode, plan->size + need);
	if (layout->page_table_max > room - need)
		return false;
	put_stack(plan, sizes->stack, layout, &top);
	top -= heap;
	put(layout, MTI_AREA_HEAP, top, heap);
	top -= layout->page_table_max;
	layout->page_table_gpa = top;
	layout->hole = plan->size;
	layout->hole_end = top;
	layout->memory_size = MOTE_BARE_SCRATCH_END;
	layout->region_count = MTI_AREAS + 1;
	image = &layout->regions[MTI_AREAS];
	image->size = plan->size;
	image->flags = ANY;
	return true;
}
