/*
 * 4-level page tables (SDM 3A, "4-Level Paging and 5-Level Paging"; APM 2,
 * "Long-Mode Page Translation"), with EFER.NXE. What is mapped in large pages
 * has 2 MiB; 1 GiB pages, which not all CPUs have, are only read.
 */
#include "arch/pt.h"

/* SDM 3A, "Format of a Page-Table Entry"; the same bits at every level. */
#define PTE_PRESENT (UINT64_C(1) << 0)
#define PTE_WRITE (UINT64_C(1) << 1)
#define PTE_USER (UINT64_C(1) << 2)
#define PTE_ACCESSED (UINT64_C(1) << 5)
#define PTE_DIRTY (UINT64_C(1) << 6)
#define PTE_LARGE (UINT64_C(1) << 7)
#define PTE_PAT (UINT64_C(1) << 7) /* of a small page */
#define PTE_COW (UINT64_C(1) << 9) /* ignored by the CPU */
#define PTE_LARGE_PAT (UINT64_C(1) << 12)
#define PTE_NO_EXECUTE (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)

#define LAST 3

/* Of large pages: address bits that are none, but for PAT. */
static uint64_t reserved_bits(unsigned int level)
{
	return level == 1 ? UINT64_C(0x3fffe000) : UINT64_C(0x1fe000);
}

static void decode(unsigned int level, uint64_t raw, struct mti_pt_entry *out)
{
	out->kind = MTI_PT_KIND_ABSENT;
	if (!(raw & PTE_PRESENT))
		return;
	out->gpa = raw & PTE_ADDRESS;
	out->flags = 0;
	if (raw & PTE_WRITE)
		out->flags |= MTI_PT_WRITE;
	if (raw & PTE_USER)
		out->flags |= MTI_PT_USER;
	if (!(raw & PTE_NO_EXECUTE))
		out->flags |= MTI_PT_EXECUTE | MTI_PT_KERNEL_EXECUTE;
	if (level < LAST && !(raw & PTE_LARGE)) {
		out->kind = MTI_PT_KIND_TABLE;
		return;
	}
	out->kind = MTI_PT_KIND_LEAF;
	if ((raw & (PTE_COW | PTE_WRITE)) == PTE_COW)
		out->flags |= MTI_PT_COW;
	if (level == LAST)
		return;
	/* The root's entries name no pages. */
	if (level == 0 || (raw & reserved_bits(level)))
		out->kind = MTI_PT_KIND_RESERVED;
	out->gpa &= ~(reserved_bits(level) | PTE_LARGE_PAT);
}

static uint64_t table(unsigned int level, uint64_t gpa)
{
	(void)level;
	return gpa | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

static uint64_t leaf(unsigned int level, uint64_t gpa, uint32_t flags)
{
	uint64_t bits = gpa | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;

	if (flags & MTI_PT_WRITE)
		bits |= PTE_WRITE;
	if (flags & MTI_PT_USER)
		bits |= PTE_USER;
	if (flags & MTI_PT_COW)
		bits |= PTE_COW;
	if (!(flags & MTI_PT_EXECUTE))
		bits |= PTE_NO_EXECUTE;
	if (level < LAST)
		bits |= PTE_LARGE;
	return bits;
}

/* PAT is elsewhere in a small page, where a large one says that it is. */
static uint64_t split(unsigned int level, uint64_t raw)
{
	if (level + 1 < LAST)
		return raw;
	if (raw & PTE_LARGE_PAT)
		return (raw & ~PTE_LARGE_PAT) | PTE_PAT;
	return raw & ~PTE_LARGE;
}

const struct mti_pt mti_pt_amd64 = {
	.name = "amd64",
	.levels = 4,
	.entry_bytes = 8,
	.large_level = 2,
	.shift = { 39, 30, 21, 12 },
	.bits = { 9, 9, 9, 9 },
	.address_bits = 48,
	.high = UINT64_C(0xffff) << 48,
	.high_if = UINT64_C(1) << 47,
	.gpa_limit = UINT64_C(1) << 52,
	.root_address = PTE_ADDRESS,
	.table_address = PTE_ADDRESS,
	.decode = decode,
	.table = table,
	.leaf = leaf,
	.split = split,
};
