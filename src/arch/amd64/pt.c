#include "arch/amd64/pt.h"

#include <stddef.h>

#include "base/checked.h"

/* SDM 3A, "Format of a Page-Table Entry"; the same bits at every level. */
#define PTE_PRESENT (UINT64_C(1) << 0)
#define PTE_WRITE (UINT64_C(1) << 1)
#define PTE_USER (UINT64_C(1) << 2)
#define PTE_ACCESSED (UINT64_C(1) << 5)
#define PTE_DIRTY (UINT64_C(1) << 6)
#define PTE_LARGE (UINT64_C(1) << 7)
#define PTE_NO_EXECUTE (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

#define PAGE_SHIFT 12
#define LARGE_SHIFT 21
#define LEVEL_BITS 9
#define TOP_SHIFT 39
#define LEVELS 4
#define PAGE (UINT64_C(1) << PAGE_SHIFT)
#define LARGE (UINT64_C(1) << LARGE_SHIFT)
#define LOWER_HALF (UINT64_C(1) << 47)

static uint64_t entry_address(uint64_t table, uint64_t gva, unsigned int shift)
{
	return table + ((gva >> shift) & ((1u << LEVEL_BITS) - 1)) * 8;
}

/*
 * The table one level below `table` for gva, made if absent. Directory
 * entries allow everything: the leaf decides.
 */
static bool descend(const struct mti_pt_ops *ops, uint64_t table, uint64_t gva,
		    unsigned int shift, uint64_t *next)
{
	uint64_t where = entry_address(table, gva, shift);
	uint64_t entry;

	if (!ops->read(ops->context, where, &entry))
		return false;
	if (entry & PTE_PRESENT) {
		*next = entry & PTE_ADDRESS;
		return !(entry & PTE_LARGE);
	}
	if (!ops->alloc(ops->context, next))
		return false;
	entry = *next | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
	return ops->write(ops->context, where, entry);
}

static uint64_t leaf_bits(uint32_t flags)
{
	uint64_t bits = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;

	if (flags & MTI_PT_WRITE)
		bits |= PTE_WRITE;
	if (flags & MTI_PT_USER)
		bits |= PTE_USER;
	if (!(flags & MTI_PT_EXECUTE))
		bits |= PTE_NO_EXECUTE;
	return bits;
}

/* The table of level `shift` that holds the entry for gva. */
static bool table_for(const struct mti_pt_ops *ops, uint64_t root, uint64_t gva,
		      unsigned int shift, uint64_t *table)
{
	unsigned int level;

	*table = root;
	for (level = TOP_SHIFT; level > shift; level -= LEVEL_BITS)
		if (!descend(ops, *table, gva, level, table))
			return false;
	return true;
}

/* How large a page map chooses at an address with size left to map. */
static unsigned int leaf_shift(uint64_t gva, uint64_t gpa, uint64_t size)
{
	return mti_is_aligned_u64(gva | gpa, LARGE) && size >= LARGE ?
		       LARGE_SHIFT :
		       PAGE_SHIFT;
}

/* What of size one table can hold, in whole pages of its level. */
static uint64_t table_part(uint64_t gva, uint64_t size, unsigned int shift)
{
	uint64_t step = UINT64_C(1) << shift;
	uint64_t room = (gva | ((step << LEVEL_BITS) - 1)) + 1 - gva;

	return mti_align_down_u64(size < room ? size : room, step);
}

/* Fills entries of one table, all or none. */
static bool fill(const struct mti_pt_ops *ops, uint64_t table, uint64_t gva,
		 uint64_t gpa, uint64_t size, unsigned int shift, uint64_t bits)
{
	uint64_t step = UINT64_C(1) << shift;
	uint64_t done;
	uint64_t entry;

	for (done = 0; done < size; done += step)
		if (!ops->read(ops->context,
			       entry_address(table, gva + done, shift),
			       &entry) ||
		    (entry & PTE_PRESENT))
			return false;
	if (shift == LARGE_SHIFT)
		bits |= PTE_LARGE;
	for (done = 0; done < size; done += step)
		if (!ops->write(ops->context,
				entry_address(table, gva + done, shift),
				(gpa + done) | bits))
			return false;
	return true;
}

/* Takes entries out of one table; false if they are not what fill wrote. */
static bool clear(const struct mti_pt_ops *ops, uint64_t table, uint64_t gva,
		  uint64_t gpa, uint64_t size, unsigned int shift)
{
	uint64_t step = UINT64_C(1) << shift;
	uint64_t large = shift == LARGE_SHIFT ? PTE_LARGE : 0;
	uint64_t done;
	uint64_t entry;

	for (done = 0; done < size; done += step) {
		uint64_t where = entry_address(table, gva + done, shift);

		if (!ops->read(ops->context, where, &entry) ||
		    (entry & (PTE_ADDRESS | PTE_LARGE | PTE_PRESENT)) !=
			    ((gpa + done) | large | PTE_PRESENT) ||
		    !ops->write(ops->context, where, 0))
			return false;
	}
	return true;
}

static bool is_empty(const struct mti_pt_ops *ops, uint64_t table)
{
	uint64_t entry;
	unsigned int i;

	for (i = 0; i < 1u << LEVEL_BITS; i++)
		if (!ops->read(ops->context, table + i * 8, &entry) ||
		    (entry & PTE_PRESENT))
			return false;
	return true;
}

/* Gives back the tables for gva, but for the root, that hold nothing. */
static void prune(const struct mti_pt_ops *ops, uint64_t root, uint64_t gva)
{
	uint64_t tables[LEVELS] = { root };
	unsigned int level = 0;
	unsigned int shift = TOP_SHIFT;
	uint64_t entry;

	while (level + 1 < LEVELS &&
	       ops->read(ops->context, entry_address(tables[level], gva, shift),
			 &entry) &&
	       (entry & PTE_PRESENT) && !(entry & PTE_LARGE)) {
		tables[++level] = entry & PTE_ADDRESS;
		shift -= LEVEL_BITS;
	}
	for (; level > 0 && is_empty(ops, tables[level]); level--) {
		shift += LEVEL_BITS;
		if (!ops->write(ops->context,
				entry_address(tables[level - 1], gva, shift),
				0))
			return;
		ops->free(ops->context, tables[level]);
	}
}

static bool range_ok(uint64_t gva, uint64_t gpa, uint64_t size)
{
	return mti_is_aligned_u64(gva | gpa | size, PAGE) &&
	       mti_range_ok(gva, size, LOWER_HALF) &&
	       mti_range_ok(gpa, size, PTE_ADDRESS);
}

bool mti_amd64_map(const struct mti_pt_ops *ops, uint64_t root, uint64_t gva,
		   uint64_t gpa, uint64_t size, uint32_t flags)
{
	uint64_t bits = leaf_bits(flags);
	uint64_t done = 0;

	if (!range_ok(gva, gpa, size))
		return false;
	while (done < size) {
		uint64_t at = gva + done;
		unsigned int shift = leaf_shift(at, gpa + done, size - done);
		uint64_t part = table_part(at, size - done, shift);
		uint64_t table;

		/* Small pages end with their table: large ones may follow. */
		if (!table_for(ops, root, at, shift, &table) ||
		    !fill(ops, table, at, gpa + done, part, shift, bits))
			break;
		done += part;
	}
	if (done == size)
		return true;
	if (ops->free) {
		(void)mti_amd64_unmap(ops, root, gva, gpa, done);
		prune(ops, root, gva + done);
	}
	return false;
}

/* The table of level `shift` for gva, as table_for, but only if it is there. */
static bool find_table(const struct mti_pt_ops *ops, uint64_t root,
		       uint64_t gva, unsigned int shift, uint64_t *table)
{
	unsigned int level;
	uint64_t entry;

	*table = root;
	for (level = TOP_SHIFT; level > shift; level -= LEVEL_BITS) {
		if (!ops->read(ops->context, entry_address(*table, gva, level),
			       &entry) ||
		    !(entry & PTE_PRESENT) || (entry & PTE_LARGE))
			return false;
		*table = entry & PTE_ADDRESS;
	}
	return true;
}

bool mti_amd64_unmap(const struct mti_pt_ops *ops, uint64_t root, uint64_t gva,
		     uint64_t gpa, uint64_t size)
{
	if (!range_ok(gva, gpa, size))
		return false;
	while (size > 0) {
		unsigned int shift = leaf_shift(gva, gpa, size);
		uint64_t part = table_part(gva, size, shift);
		uint64_t table;

		if (!find_table(ops, root, gva, shift, &table) ||
		    !clear(ops, table, gva, gpa, part, shift))
			return false;
		prune(ops, root, gva);
		gva += part;
		gpa += part;
		size -= part;
	}
	return true;
}

bool mti_amd64_translate(const struct mti_pt_ops *ops, uint64_t root,
			 uint64_t gva, struct mti_pt_translation *out)
{
	uint32_t flags = MTI_PT_WRITE | MTI_PT_EXECUTE | MTI_PT_USER;
	uint64_t table = root & PTE_ADDRESS;
	unsigned int shift;

	if (gva >= LOWER_HALF && gva < -LOWER_HALF)
		return false;
	for (shift = TOP_SHIFT;; shift -= LEVEL_BITS) {
		uint64_t size = UINT64_C(1) << shift;
		uint64_t entry;

		if (!ops->read(ops->context, entry_address(table, gva, shift),
			       &entry) ||
		    !(entry & PTE_PRESENT))
			return false;
		if (!(entry & PTE_WRITE))
			flags &= ~MTI_PT_WRITE;
		if (!(entry & PTE_USER))
			flags &= ~MTI_PT_USER;
		if (entry & PTE_NO_EXECUTE)
			flags &= ~MTI_PT_EXECUTE;
		if (shift == PAGE_SHIFT ||
		    ((entry & PTE_LARGE) && shift < TOP_SHIFT)) {
			out->gpa = (entry & PTE_ADDRESS & ~(size - 1)) |
				   (gva & (size - 1));
			out->span = size - (gva & (size - 1));
			out->flags = flags;
			return true;
		}
		table = entry & PTE_ADDRESS;
	}
}
