/*
 * What pt.c and pt_walk.c share: addresses and entries of any format.
 */
#ifndef MTI_ARCH_PT_ENTRY_H
#define MTI_ARCH_PT_ENTRY_H

#include "arch/pt.h"

#define MTI_PT_PAGE UINT64_C(4096)

/* The address as the tables see it, and back. */
static inline uint64_t mti_pt_linear(const struct mti_pt *pt, uint64_t gva)
{
	return gva & ((UINT64_C(1) << pt->address_bits) - 1);
}

static inline uint64_t mti_pt_extend(const struct mti_pt *pt, uint64_t linear)
{
	if ((linear & pt->high_if) == pt->high_if)
		linear |= pt->high;
	return linear;
}

static inline bool mti_pt_is_address(const struct mti_pt *pt, uint64_t gva)
{
	return mti_pt_extend(pt, mti_pt_linear(pt, gva)) == gva;
}

static inline uint64_t mti_pt_span(const struct mti_pt *pt, unsigned int level)
{
	return UINT64_C(1) << pt->shift[level];
}

static inline uint64_t mti_pt_index(const struct mti_pt *pt, unsigned int level,
				    uint64_t gva)
{
	return (gva >> pt->shift[level]) & ((1u << pt->bits[level]) - 1);
}

static inline uint64_t mti_pt_entry_address(const struct mti_pt *pt,
					    unsigned int level, uint64_t table,
					    uint64_t gva)
{
	return table + mti_pt_index(pt, level, gva) * pt->entry_bytes;
}

static inline bool mti_pt_read(const struct mti_pt *pt,
			       const struct mti_pt_ops *ops, uint64_t where,
			       uint64_t *entry)
{
	if (pt->entry_bytes == 8)
		return ops->read(ops->context, where, entry);
	if (!ops->read(ops->context, where & ~UINT64_C(7), entry))
		return false;
	if (where & 4)
		*entry >>= 32;
	*entry &= UINT32_MAX;
	return true;
}

static inline bool mti_pt_is_last(const struct mti_pt *pt, unsigned int level)
{
	return level + 1u == pt->levels;
}

/* What all levels together allow, as callers see it. */
static inline uint32_t mti_pt_flags(uint32_t rights, uint32_t leaf)
{
	uint32_t flags = rights & leaf & (MTI_PT_WRITE | MTI_PT_USER);
	uint32_t fetch =
		flags & MTI_PT_USER ? MTI_PT_EXECUTE : MTI_PT_KERNEL_EXECUTE;

	if (rights & leaf & fetch)
		flags |= MTI_PT_EXECUTE;
	return flags | (leaf & MTI_PT_COW);
}

#endif
