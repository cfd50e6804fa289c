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

/* Fills entries of one table; stops at its end. Returns bytes mapped or 0. */
static uint64_t fill(const struct mti_pt_ops *ops, uint64_t table, uint64_t gva,
		     uint64_t gpa, uint64_t size, unsigned int shift,
		     uint64_t bits)
{
	uint64_t step = UINT64_C(1) << shift;
	uint64_t table_end = (gva | ((step << LEVEL_BITS) - 1)) + 1;
	uint64_t done;
	uint64_t entry;

	for (done = 0; size - done >= step && gva + done < table_end;
	     done += step) {
		uint64_t where = entry_address(table, gva + done, shift);

		if (!ops->read(ops->context, where, &entry) ||
		    (entry & PTE_PRESENT) ||
		    !ops->write(ops->context, where, (gpa + done) | bits))
			return 0;
	}
	return done;
}

bool mti_amd64_map(const struct mti_pt_ops *ops, uint64_t root, uint64_t gva,
		   uint64_t gpa, uint64_t size, uint32_t flags)
{
	uint64_t bits = leaf_bits(flags);

	if (!mti_is_aligned_u64(gva | gpa | size, PAGE) ||
	    !mti_range_ok(gva, size, LOWER_HALF) ||
	    !mti_range_ok(gpa, size, PTE_ADDRESS))
		return false;
	while (size > 0) {
		bool large = mti_is_aligned_u64(gva | gpa, LARGE) &&
			     size >= LARGE;
		unsigned int shift = large ? LARGE_SHIFT : PAGE_SHIFT;
		uint64_t table;
		uint64_t done;

		if (!table_for(ops, root, gva, shift, &table))
			return false;
		/* Small pages end with their table: large ones may follow. */
		done = fill(ops, table, gva, gpa, size, shift,
			    large ? bits | PTE_LARGE : bits);
		if (done == 0)
			return false;
		gva += done;
		gpa += done;
		size -= done;
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
