#include "mem/layout.h"

#include <string.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "base/checked.h"

#define LARGE_PAGE (UINT64_C(2) << 20)
#define GIB (UINT64_C(1) << 30)

#define USER_RW (MTI_PT_USER | MTI_PT_WRITE)
#define USER_RX (MTI_PT_USER | MTI_PT_EXECUTE)

/* Appends a region; where it lies in guest-physical space comes later. */
static bool describe(struct mti_layout *layout, uint64_t gva, uint64_t size,
		     uint32_t flags)
{
	struct mti_region *region;

	if (size == 0)
		return true;
	if (layout->region_count == MTI_REGIONS_MAX)
		return false;
	region = &layout->regions[layout->region_count++];
	region->gva = gva;
	region->size = size;
	region->flags = flags;
	return true;
}

/* In the order of enum mti_area. */
static bool describe_areas(struct mti_layout *layout)
{
	const struct mti_layout_sizes *sizes = &layout->sizes;

	return describe(layout, MOTE_GVA_SUPERVISOR, MOTE_PAGE_SIZE,
			MTI_PT_EXECUTE) &&
	       describe(layout, MOTE_GVA_SYSCALL, MOTE_PAGE_SIZE, USER_RX) &&
	       describe(layout, MOTE_GVA_CONTROL, MOTE_PAGE_SIZE, USER_RW) &&
	       describe(layout, MOTE_GVA_INTERRUPT_STACK, MOTE_PAGE_SIZE,
			MTI_PT_WRITE) &&
	       describe(layout, MOTE_GVA_POST, MTI_POST_BYTES, USER_RW) &&
	       describe(layout, MOTE_GVA_CALL, sizes->io, USER_RW) &&
	       describe(layout, MOTE_GVA_REPLY, sizes->io, USER_RW) &&
	       describe(layout, MOTE_GVA_OUT, sizes->io, USER_RW) &&
	       describe(layout, MOTE_GVA_STACK_TOP - sizes->stack,
			sizes->stack, USER_RW) &&
	       describe(layout, MOTE_GVA_HEAP, sizes->heap, USER_RW);
}

/* Of a part: its file-backed pages, or the pages after them. */
static bool describe_part(struct mti_layout *layout,
			  const struct mti_part *part, bool file_backed)
{
	uint64_t start = mti_align_down_u64(part->gva, MOTE_PAGE_SIZE);
	uint64_t file_end = start;
	uint64_t end;

	if (!mti_add_u64(part->gva, part->memory_size, &end) ||
	    !mti_align_up_u64(end, MOTE_PAGE_SIZE, &end))
		return false;
	if (part->file_size > 0 &&
	    !mti_align_up_u64(part->gva + part->file_size, MOTE_PAGE_SIZE,
			      &file_end))
		return false;
	if (file_backed)
		return describe(layout, start, file_end - start, part->flags);
	return describe(layout, file_end, end - file_end, part->flags);
}

/*
 * Every region needs at most this many tables of each level, and then there
 * are those of what the host maps. What is not used is never touched.
 */
bool mti_layout_tables_bound(const struct mti_layout *layout, uint64_t *bytes)
{
	uint64_t tables = 1 + MTI_WINDOW_TABLES;
	size_t i;

	for (i = 0; i < layout->region_count; i++) {
		uint64_t size = layout->regions[i].size;

		tables += size / LARGE_PAGE + 2;
		tables += size / GIB + 2;
		tables += 2;
	}
	return mti_mul_u64(tables, MOTE_PAGE_SIZE, bytes);
}

static bool place(struct mti_region *region, uint64_t *next)
{
	/* Aligned alike in both spaces, big regions need fewer tables. */
	uint64_t align = region->size >= LARGE_PAGE ? LARGE_PAGE :
						      MOTE_PAGE_SIZE;

	return mti_align_up_u64(*next, align, &region->gpa) &&
	       mti_add_u64(region->gpa, region->size, next);
}

static bool place_range(struct mti_layout *layout, size_t from, size_t to,
			uint64_t *next)
{
	for (; from < to; from++)
		if (!place(&layout->regions[from], next))
			return false;
	return true;
}

bool mti_layout_plan(const struct mti_part *parts, size_t count,
		     const struct mti_layout_sizes *sizes,
		     struct mti_layout *layout)
{
	uint64_t next = 0;
	size_t zero_parts;
	size_t i;

	memset(layout, 0, sizeof(*layout));
	layout->sizes = *sizes;
	/* An area of no size would move the others from their index. */
	if (!describe_areas(layout) || layout->region_count != MTI_AREAS)
		return false;
	for (i = 0; i < count; i++)
		if (!describe_part(layout, &parts[i], true))
			return false;
	zero_parts = layout->region_count;
	for (i = 0; i < count; i++)
		if (!describe_part(layout, &parts[i], false))
			return false;
	if (!mti_layout_tables_bound(layout, &layout->page_table_max) ||
	    !place_range(layout, 0, MTI_AREA_CONTROL, &next) ||
	    !place_range(layout, MTI_AREAS, zero_parts, &next))
		return false;
	layout->page_table_gpa = next;
	return mti_add_u64(next, layout->page_table_max, &next) &&
	       place_range(layout, MTI_AREA_CONTROL, MTI_AREAS, &next) &&
	       place_range(layout, zero_parts, layout->region_count, &next) &&
	       mti_align_up_u64(next, LARGE_PAGE, &layout->memory_size);
}

bool mti_layout_in_place(const struct mti_layout *layout)
{
	struct mti_region region;
	uint64_t next = 0;
	size_t i;

	for (i = 0; i < MTI_AREAS; i++) {
		if (i == MTI_AREA_CONTROL &&
		    !mti_add_u64(layout->page_table_gpa, layout->page_table_max,
				 &next))
			return false;
		region = layout->regions[i];
		if (!place(&region, &next) ||
		    region.gpa != layout->regions[i].gpa)
			return false;
	}
	return true;
}

uint64_t mti_layout_end(const struct mti_layout *layout)
{
	uint64_t end = layout->page_table_gpa + layout->page_table_max;
	size_t i;

	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];

		if (region->gpa + region->size > end)
			end = region->gpa + region->size;
	}
	return end;
}

const struct mti_region *mti_layout_find(const struct mti_layout *layout,
					 uint64_t gva)
{
	size_t i;

	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];

		if (gva >= region->gva && gva - region->gva < region->size)
			return region;
	}
	return NULL;
}

bool mti_region_is_mapped(const struct mti_region *region)
{
	return region->gva >= MOTE_GVA_MAP && region->gva < MOTE_GVA_MAP_LIMIT;
}

const char *mti_layout_name(const struct mti_layout *layout, size_t index)
{
	static const char *const areas[MTI_AREAS] = {
		[MTI_AREA_SUPERVISOR] = "supervisor",
		[MTI_AREA_SYSCALL] = "syscall",
		[MTI_AREA_CONTROL] = "control",
		[MTI_AREA_INTERRUPT_STACK] = "interrupt stack",
		[MTI_AREA_POST] = "post",
		[MTI_AREA_CALL] = "call",
		[MTI_AREA_REPLY] = "reply",
		[MTI_AREA_OUT] = "out",
		[MTI_AREA_STACK] = "stack",
		[MTI_AREA_HEAP] = "heap",
	};
	static const char *const bare[MTI_AREAS] = {
		[MTI_AREA_CONTROL] = "information",
		[MTI_AREA_STACK] = "stack",
		[MTI_AREA_HEAP] = "free",
	};

	if (index < MTI_AREAS && layout->bare && bare[index])
		return bare[index];
	if (index < MTI_AREAS)
		return areas[index];
	return mti_region_is_mapped(&layout->regions[index]) ? "mapped" :
							       "program";
}
