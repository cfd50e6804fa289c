/*
 * The guest's page tables, edited between its calls.
 *
 * What was not there and now is, is seen at once. What is taken away may
 * still be known to the CPU, or to the shadow of the tables that KVM keeps
 * without nested paging, until the hypervisor's slot behind it is removed,
 * which is what the caller does next.
 */
#include <string.h>

#include "abi/layout.h"
#include "base/checked.h"
#include "base/error.h"
#include "mem/window.h"

#define PAGE ((uint64_t)MOTE_PAGE_SIZE)

/* Pages that may be tables; all of them are in memory, whatever the plan. */
static uint64_t table_pages(const struct mti_window_tables *tables)
{
	const struct mti_layout *layout = tables->layout;
	uint64_t size = tables->memory->size;
	uint64_t room = layout->page_table_gpa < size ?
				size - layout->page_table_gpa :
				0;

	return (layout->page_table_max < room ? layout->page_table_max : room) /
	       PAGE;
}

static uint8_t *entry_at(const struct mti_window_tables *tables, uint64_t gpa)
{
	uint64_t base = tables->layout->page_table_gpa;

	if (gpa < base || !mti_is_aligned_u64(gpa, 8) ||
	    !mti_range_ok(gpa - base, 8, table_pages(tables) * PAGE))
		return NULL;
	return tables->memory->base + gpa;
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
	const struct mti_window_tables *tables = context;
	uint8_t *at = entry_at(tables, gpa);

	if (!at)
		return false;
	memcpy(at, &entry, sizeof(entry));
	mti_dirty_add(&tables->memory->dirty, gpa, sizeof(entry));
	return true;
}

/* A table that holds something; those that hold nothing are not linked. */
static bool is_table(const struct mti_memory *memory, uint64_t gpa)
{
	bool written = memory->dirty.lost || !memory->mapped ||
		       mti_dirty_has(&memory->dirty, gpa) ||
		       mti_store_page(memory->mapped, gpa);

	return written && !mti_page_is_zero(memory->base + gpa);
}

/* Finds out which pages are tables, once after each restore. */
static bool know_tables(const struct mti_window_tables *tables)
{
	const struct mti_layout *layout = tables->layout;
	uint64_t count = table_pages(tables);
	struct mti_window *window = tables->window;
	uint64_t i;

	if (window->tables)
		return true;
	window->tables = mti_alloc(tables->allocator, (count + 63) / 64,
				   sizeof(*window->tables));
	if (!window->tables)
		return false;
	for (i = 0; i < count; i++)
		if (i == 0 ||
		    is_table(tables->memory, layout->page_table_gpa + i * PAGE))
			window->tables[i / 64] |= UINT64_C(1) << i % 64;
	return true;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	const struct mti_window_tables *tables = context;
	uint64_t count = table_pages(tables);
	uint64_t *bits = tables->window->tables;
	uint64_t i = 0;

	while (i < count && bits[i / 64] & UINT64_C(1) << i % 64)
		i++;
	if (i == count)
		return false;
	*gpa = tables->layout->page_table_gpa + i * PAGE;
	bits[i / 64] |= UINT64_C(1) << i % 64;
	memset(tables->memory->base + *gpa, 0, PAGE);
	mti_dirty_add(&tables->memory->dirty, *gpa, PAGE);
	return true;
}

/* Never the root, whatever the tables say. */
static void free_table(void *context, uint64_t gpa)
{
	const struct mti_window_tables *tables = context;
	const struct mti_layout *layout = tables->layout;
	uint64_t i = (gpa - layout->page_table_gpa) / PAGE;

	if (gpa > layout->page_table_gpa && i < table_pages(tables))
		tables->window->tables[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static struct mti_pt_ops operations(const struct mti_window_tables *tables)
{
	if (tables->memory->cow) {
		tables->memory->cow->edited = true;
		return mti_cow_ops(tables->memory->cow);
	}
	return (struct mti_pt_ops){
		.context = (void *)(uintptr_t)tables,
		.read = read_entry,
		.write = write_entry,
		.alloc = alloc_table,
		.free = free_table,
	};
}

static uint64_t root_of(const struct mti_window_tables *tables)
{
	return tables->memory->cow ? mti_cow_root(tables->memory->cow) :
				     tables->layout->page_table_gpa;
}

static struct mti_pt_mapping table_entries(
	const struct mti_window_tables *tables,
	const struct mti_mapping *mapping)
{
	uint32_t write = tables->memory->cow ? MTI_PT_COW : MTI_PT_WRITE;

	return (struct mti_pt_mapping){
		.gva = mapping->gva,
		.gpa = mapping->gpa,
		.size = mapping->size,
		.flags = MTI_PT_NEW | MTI_PT_LARGE | MTI_PT_USER |
			 (mapping->writable ? write : 0),
	};
}

/*
 * Where copies may have taken the place of what was mapped: whatever is
 * there goes, and the copies with it.
 */
static enum mti_pt_result clear(const struct mti_window_tables *tables,
				const struct mti_mapping *mapping)
{
	const struct mti_pt_ops ops = operations(tables);
	enum mti_pt_result result;

	result = mti_pt_clear(tables->arch->pt, &ops, root_of(tables),
			      mapping->gva, mapping->size);
	mti_cow_forget(tables->memory->cow, mapping->gpa, mapping->size);
	return result;
}

static mote_status no_memory(mote_error *err)
{
	return mti_error_set(err, MOTE_E_NO_MEMORY, "map into guest",
			     "no memory for the list of page tables");
}

mote_status mti_window_show(const struct mti_window_tables *tables,
			    const struct mti_mapping *mapping, mote_error *err)
{
	const struct mti_pt_ops ops = operations(tables);
	const struct mti_pt_mapping wanted = table_entries(tables, mapping);

	if (tables->arch->gpa_limit &&
	    !mti_range_ok(mapping->gpa, mapping->size, tables->arch->gpa_limit))
		return mti_error_set(err, MOTE_E_INVALID, "map into guest",
				     "0x%llx bytes are more than %s can have "
				     "beside the sandbox's memory",
				     (unsigned long long)mapping->size,
				     tables->arch->title);
	if (!tables->memory->cow && !know_tables(tables))
		return no_memory(err);
	if (mti_pt_map(tables->arch->pt, &ops, root_of(tables), &wanted) ==
	    MTI_PT_OK)
		return MOTE_OK;
	return mti_error_set(err, MOTE_E_NO_MEMORY, "map into guest",
			     "the sandbox has no room for the page tables of "
			     "0x%llx bytes at 0x%llx",
			     (unsigned long long)mapping->size,
			     (unsigned long long)mapping->gva);
}

mote_status mti_window_hide(const struct mti_window_tables *tables,
			    const struct mti_mapping *mapping, mote_error *err)
{
	const struct mti_pt_ops ops = operations(tables);
	const struct mti_pt_mapping known = table_entries(tables, mapping);
	enum mti_pt_result result;

	if (!tables->memory->cow && !know_tables(tables))
		return no_memory(err);
	if (tables->memory->cow)
		result = clear(tables, mapping);
	else
		result = mti_pt_unmap(tables->arch->pt, &ops, root_of(tables),
				      &known);
	if (result == MTI_PT_OK)
		return MOTE_OK;
	return mti_error_set(
		err, MOTE_E_PROTOCOL, "unmap from guest",
		"the page tables of 0x%llx to 0x%llx were "
		"changed",
		(unsigned long long)mapping->gva,
		(unsigned long long)(mapping->gva + mapping->size));
}
