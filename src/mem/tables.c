#include "mem/tables.h"

#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"

#define FIRST_CAPACITY (32 * (size_t)MOTE_PAGE_SIZE)
#define SMALL_COPIED_BYTES (UINT64_C(64) << 20)

static uint8_t *entry_at(const struct mti_tables *tables, uint64_t gpa)
{
	if (gpa < tables->base_gpa ||
	    !mti_range_ok(gpa - tables->base_gpa, 8, tables->used))
		return NULL;
	return tables->pages + (gpa - tables->base_gpa);
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	const uint8_t *at = entry_at(context, gpa);

	if (!at)
		return false;
	memcpy(entry, at, sizeof(*entry));
	return true;
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	uint8_t *at = entry_at(context, gpa);

	if (!at)
		return false;
	memcpy(at, &entry, sizeof(entry));
	return true;
}

static bool grow(struct mti_tables *tables)
{
	const struct mti_allocator *allocator = tables->allocator;
	size_t capacity =
		tables->capacity ? tables->capacity * 2 : FIRST_CAPACITY;
	void *pages =
		allocator->resize(allocator->user, tables->pages, capacity);

	if (!pages)
		return false;
	tables->pages = pages;
	tables->capacity = capacity;
	return true;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	struct mti_tables *tables = context;

	if (!mti_range_ok(tables->used, MOTE_PAGE_SIZE, tables->limit))
		return false;
	if (tables->used == tables->capacity && !grow(tables))
		return false;
	memset(tables->pages + tables->used, 0, MOTE_PAGE_SIZE);
	*gpa = tables->base_gpa + tables->used;
	tables->used += MOTE_PAGE_SIZE;
	return true;
}

/*
 * A large page that is to be copied in parts becomes a table then, which is
 * dear (cow.c): so it is one from the start, if that does not take many.
 */
static uint32_t how_to_map(const struct mti_region *region)
{
	if (region->flags & MTI_PT_COW && region->size <= SMALL_COPIED_BYTES)
		return MTI_PT_NEW;
	return MTI_PT_NEW | MTI_PT_LARGE;
}

static bool begin(struct mti_tables *tables, const struct mti_layout *layout,
		  const struct mti_allocator *allocator, uint64_t *root)
{
	memset(tables, 0, sizeof(*tables));
	tables->allocator = allocator;
	tables->base_gpa = layout->page_table_gpa;
	tables->limit = layout->page_table_max;
	return alloc_table(tables, root);
}

static struct mti_pt_ops ops_of(struct mti_tables *tables)
{
	const struct mti_pt_ops ops = {
		.context = tables,
		.read = read_entry,
		.write = write_entry,
		.alloc = alloc_table,
	};

	return ops;
}

bool mti_tables_build_bare(struct mti_tables *tables, const struct mti_pt *pt,
			   const struct mti_layout *layout,
			   const struct mti_allocator *allocator)
{
	const struct mti_pt_ops ops = ops_of(tables);
	struct mti_pt_mapping mapping = {
		.size = layout->hole,
		.flags = MTI_PT_WRITE | MTI_PT_EXECUTE | MTI_PT_LARGE,
	};
	uint64_t root;

	if (!begin(tables, layout, allocator, &root) ||
	    mti_pt_map(pt, &ops, root, &mapping) != MTI_PT_OK)
		return false;
	mapping.gva = layout->hole_end;
	mapping.gpa = layout->hole_end;
	mapping.size = layout->memory_size - layout->hole_end;
	return mti_pt_map(pt, &ops, root, &mapping) == MTI_PT_OK;
}

bool mti_tables_build(struct mti_tables *tables, const struct mti_arch *arch,
		      const struct mti_layout *layout,
		      const struct mti_allocator *allocator)
{
	const struct mti_pt_ops ops = ops_of(tables);
	uint64_t root;
	size_t i;

	memset(tables, 0, sizeof(*tables));
	if (arch->gpa_limit && layout->memory_size > arch->gpa_limit)
		return false;
	if (!begin(tables, layout, allocator, &root))
		return false;
	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];
		const struct mti_pt_mapping mapping = {
			.gva = region->gva,
			.gpa = region->gpa,
			.size = region->size,
			.flags = region->flags | how_to_map(region),
		};

		/* A user-mode guest has no more than this. */
		if (!mti_range_ok(region->gva, region->size,
				  arch->user_limit) ||
		    mti_pt_map(arch->pt, &ops, root, &mapping) != MTI_PT_OK)
			return false;
	}
	/* tables_bound() has room for these in what it reckons for others. */
	for (i = 0; i < arch->page_count; i++) {
		const struct mti_pt_mapping mapping = {
			.gva = arch->pages[i].gva,
			.gpa = arch->pages[i].gpa,
			.size = MOTE_PAGE_SIZE,
			.flags = arch->pages[i].flags | MTI_PT_NEW,
		};

		if (mti_pt_map(arch->pt, &ops, root, &mapping) != MTI_PT_OK)
			return false;
	}
	return true;
}

void mti_tables_fini(struct mti_tables *tables)
{
	mti_free(tables->allocator, tables->pages);
	tables->pages = NULL;
}
