/*
 * What must hold of a layout and a CPU state before anybody uses them. It is
 * no promise about the guest: that may still crash at its first instruction.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/arch.h"
#include "base/checked.h"
#include "snap/config.h"

/*
 * All areas and programs as large as they can be, and what may be mapped.
 * Some KVMs take memory for each page of a guest's, touched or not.
 */
#define MEMORY_MAX                                                     \
	(MOTE_GVA_MAP_LIMIT - MOTE_GVA_MAP + 2 * (uint64_t)MOTE_HEAP_MAX)
#define LARGE_PAGE (UINT64_C(2) << 20)

static bool page_aligned(uint64_t number)
{
	return mti_is_aligned_u64(number, MOTE_PAGE_SIZE);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static void check_size(const struct mti_json_node *root, const char *name,
		       uint64_t size, uint64_t max)
{
	if (size == 0 || size > max || !page_aligned(size))
		mti_json_fail(root,
			      "sizes.%s: %" PRIu64 " is not a multiple of a "
			      "page from %u to %" PRIu64,
			      name, size, MOTE_PAGE_SIZE, max);
}

static void check_sizes(const struct mti_json_node *root,
			const struct mti_layout_sizes *sizes)
{
	check_size(root, "heap", sizes->heap, MOTE_HEAP_MAX);
	check_size(root, "stack", sizes->stack, MOTE_STACK_MAX);
	check_size(root, "io", sizes->io, MOTE_IO_MAX);
}

/* Whether it lies in the window that its name promises. */
static bool in_window(const struct mti_region *region)
{
	uint64_t end = region->gva + region->size;

	if (region->gva >= MOTE_GVA_PROGRAM_FIRST &&
	    end <= MOTE_GVA_PROGRAM_LIMIT)
		return true;
	return region->gva >= MOTE_GVA_MAP && end <= MOTE_GVA_MAP_LIMIT;
}

/* Of a region alone: then sums of its members do not wrap. */
static const char *wrong_region(const struct mti_layout *layout, size_t index)
{
	const struct mti_region *region = &layout->regions[index];
	const uint32_t both = MTI_PT_WRITE | MTI_PT_EXECUTE;

	if (region->size == 0 || !page_aligned(region->size) ||
	    !page_aligned(region->gpa) || !page_aligned(region->gva))
		return "is not made of pages";
	if (!mti_range_ok(region->gpa, region->size, layout->memory_size))
		return "lies outside of memory";
	if (!mti_range_ok(region->gva, region->size, MOTE_GVA_MAP_LIMIT))
		return "lies outside of the guest's addresses";
	if (overlap(region->gpa, region->size, layout->page_table_gpa,
		    layout->page_table_max))
		return "overlaps the page tables";
	if (index < MTI_AREAS)
		return NULL;
	if (!in_window(region))
		return "lies outside of the window of its kind";
	if (!(region->flags & MTI_PT_USER) || (region->flags & both) == both)
		return "has flags that no program has";
	return NULL;
}

static void check_overlaps(const struct mti_json_node *root,
			   const struct mti_layout *layout)
{
	size_t i;
	size_t j;

	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *a = &layout->regions[i];

		for (j = 0; j < i; j++) {
			const struct mti_region *b = &layout->regions[j];

			if (overlap(a->gpa, a->size, b->gpa, b->size) ||
			    overlap(a->gva, a->size, b->gva, b->size))
				mti_json_fail(root,
					      "regions[%zu] (%s) overlaps "
					      "regions[%zu] (%s)",
					      i,
					      mti_layout_name(layout, i), j,
					      mti_layout_name(layout, j));
		}
	}
}

/* The areas are where the ABI has them; the sizes decide about the rest. */
static void check_areas(const struct mti_json_node *root,
			const struct mti_layout *layout)
{
	struct mti_layout plan;
	size_t i;

	if (layout->region_count < MTI_AREAS ||
	    !mti_layout_plan(NULL, 0, &layout->sizes, &plan)) {
		mti_json_fail(root, "regions: %zu are too few",
			      layout->region_count);
		return;
	}
	for (i = 0; i < MTI_AREAS; i++) {
		const struct mti_region *is = &layout->regions[i];
		const struct mti_region *must = &plan.regions[i];

		if (is->gva != must->gva || is->size != must->size ||
		    is->flags != must->flags)
			mti_json_fail(root,
				      "regions[%zu] (%s): is not at 0x%" PRIx64
				      " with %" PRIu64 " bytes and the usual "
				      "flags",
				      i, mti_layout_name(layout, i), must->gva,
				      must->size);
	}
}

/*
 * Of a layout whose parts are sound: a file of a few bytes must not have a
 * host set up more than the guest can use, and where page tables copy on
 * write, the areas are taken as one piece.
 */
static void check_extent(const struct mti_json_node *root,
			 const struct mti_layout *layout)
{
	uint64_t end = mti_layout_end(layout);
	uint64_t tables;

	if (layout->memory_size - end >= LARGE_PAGE)
		mti_json_fail(root,
			      "memory.size: %" PRIu64 " is more than its "
			      "regions need, which end at %" PRIu64,
			      layout->memory_size, end);
	if (!mti_layout_tables_bound(layout, &tables) ||
	    layout->page_table_max > tables)
		mti_json_fail(root,
			      "memory.page_tables.size: %" PRIu64
			      " is too much for these regions",
			      layout->page_table_max);
	if (!mti_layout_in_place(layout))
		mti_json_fail(root,
			      "regions: the first %d are not around the page "
			      "tables, one behind the other",
			      MTI_AREAS);
}

static void check_layout(const struct mti_json_node *root,
			 const struct mti_layout *layout)
{
	const char *wrong;
	size_t i;

	check_sizes(root, &layout->sizes);
	if (root->reader->status != MOTE_OK)
		return;
	if (layout->memory_size == 0 || !page_aligned(layout->memory_size))
		mti_json_fail(root,
			      "memory.size: %" PRIu64 " is not a multiple of "
			      "a page",
			      layout->memory_size);
	if (layout->memory_size > MEMORY_MAX)
		mti_json_fail(root,
			      "memory.size: %" PRIu64 " is more than %" PRIu64,
			      layout->memory_size, MEMORY_MAX);
	if (layout->page_table_max == 0 ||
	    !page_aligned(layout->page_table_gpa) ||
	    !page_aligned(layout->page_table_max) ||
	    !mti_range_ok(layout->page_table_gpa, layout->page_table_max,
			  layout->memory_size))
		mti_json_fail(root,
			      "memory.page_tables: 0x%" PRIx64 " with %" PRIu64
			      " bytes lies outside of memory",
			      layout->page_table_gpa, layout->page_table_max);
	for (i = 0; i < layout->region_count; i++) {
		wrong = wrong_region(layout, i);
		if (wrong)
			mti_json_fail(root, "regions[%zu] (%s): %s", i,
				      mti_layout_name(layout, i), wrong);
	}
	check_areas(root, layout);
	check_overlaps(root, layout);
	if (root->reader->status == MOTE_OK)
		check_extent(root, layout);
}

static bool canonical(uint64_t address)
{
	return address >> 47 == 0 || address >> 47 == UINT64_MAX >> 47;
}

static void check_cpu(const struct mti_json_node *root,
		      const struct mti_snap_cpu *cpu,
		      const struct mti_arch *arch)
{
	enum mti_cpu_part part;

	for (part = 0; part < MTI_CPU_PARTS; part++) {
		uint64_t value = mti_cpu_state_get(&cpu->state, part);

		if (!arch->state[part].name)
			continue;
		if (arch->state[part].address && !canonical(value))
			mti_json_fail(root, "state.%s: 0x%" PRIx64
				      " is no address",
				      arch->state[part].name, value);
		else if (!arch->state[part].address &&
			 value & ~arch->state[part].bits)
			mti_json_fail(root, "state.%s: 0x%" PRIx64
				      " has bits that do not exist",
				      arch->state[part].name, value);
	}
	if (cpu->dispatch_pc >= arch->user_limit)
		mti_json_fail(root, "state.dispatch_pc: 0x%" PRIx64
			      " is not the guest's", cpu->dispatch_pc);
	if (cpu->dispatch_sp >= arch->user_limit)
		mti_json_fail(root, "state.dispatch_sp: 0x%" PRIx64
			      " is not the guest's", cpu->dispatch_sp);
}

static void check_extents(const struct mti_json_node *root,
			  const struct mti_config *config)
{
	uint64_t end = 0;
	uint32_t i;

	for (i = 0; i < config->extent_count; i++) {
		const struct mti_extent *extent = &config->extents[i];

		if (extent->size == 0 || !page_aligned(extent->size) ||
		    !page_aligned(extent->gpa) || !page_aligned(extent->offset))
			mti_json_fail(root,
				      "memory.extents[%" PRIu32
				      "]: is not made of pages",
				      i);
		else if (!mti_range_ok(extent->gpa, extent->size,
				       config->layout.memory_size))
			mti_json_fail(root,
				      "memory.extents[%" PRIu32
				      "]: lies outside of memory",
				      i);
		else if (extent->gpa < end)
			mti_json_fail(root,
				      "memory.extents[%" PRIu32
				      "]: does not come after the one before",
				      i);
		if (root->reader->status != MOTE_OK)
			return;
		end = extent->gpa + extent->size;
	}
}

void mti_config_check(const struct mti_json_node *root,
		      const struct mti_config *config)
{
	const struct mti_arch *arch = mti_arch_find(config->origin.machine);

	if (config->layout.bare) {
		check_sizes(root, &config->layout.sizes);
		check_extents(root, config);
		if (root->reader->status == MOTE_OK)
			mti_config_check_bare(root, config);
		return;
	}
	/* Else it has not come so far. */
	if (!arch)
		return;
	check_layout(root, &config->layout);
	if (arch->gpa_limit && config->layout.memory_size > arch->gpa_limit)
		mti_json_fail(root,
			      "memory.size: %" PRIu64
			      " is more than %s can have",
			      config->layout.memory_size, arch->title);
	check_cpu(root, &config->cpu, arch);
	check_extents(root, config);
}
