/*
 * Page tables of AArch64, stage 1 of EL1&0, 4 KiB granule, 48 bits, without
 * FEAT_LPA2 (Arm ARM D8.3, "Translation table descriptor formats"). TTBR0_EL1
 * has the lower half, TTBR1_EL1 the upper one, each with tables of its own.
 *
 * Pages are read and executed by EL1; user pages by EL0 too. EL1 never
 * executes what EL0 may write, whatever the tables say (D8.4), and the
 * descriptors for that are left as they are.
 */
#include "arch/pt.h"

#define DESC_VALID (UINT64_C(1) << 0)
#define DESC_TABLE (UINT64_C(1) << 1)	     /* of the last level: a page */
#define DESC_DEVICE (UINT64_C(1) << 2)	     /* AttrIndx 1, not 0 */
#define DESC_AP_USER (UINT64_C(1) << 6)	     /* AP[1] */
#define DESC_AP_READ_ONLY (UINT64_C(1) << 7) /* AP[2] */
#define DESC_INNER_SHAREABLE (UINT64_C(3) << 8)
#define DESC_ACCESSED (UINT64_C(1) << 10)
#define DESC_NOT_GLOBAL (UINT64_C(1) << 11)
#define DESC_CONTIGUOUS (UINT64_C(1) << 52)
#define DESC_PXN (UINT64_C(1) << 53)
#define DESC_UXN (UINT64_C(1) << 54)
/* Bits 58 to 55 are for software. */
#define DESC_SOFTWARE (UINT64_C(0xf) << 55)
#define DESC_COW (UINT64_C(1) << 55)
#define DESC_ADDRESS UINT64_C(0x0000fffffffff000)
#define DESC_LEAF_RESERVED (UINT64_C(3) << 48)
#define DESC_BLOCK_NT UINT64_C(0x10000) /* FEAT_BBM */

#define TABLE_RESERVED (UINT64_C(7) << 48)
#define TABLE_PXN (UINT64_C(1) << 59)
#define TABLE_UXN (UINT64_C(1) << 60)
#define TABLE_NO_USER (UINT64_C(1) << 61)   /* APTable[0] */
#define TABLE_READ_ONLY (UINT64_C(1) << 62) /* APTable[1] */

#define LAST 3

/* Address bits that are none, in a block. */
static uint64_t block_low(unsigned int level)
{
	return level == 1 ? UINT64_C(0x3ffff000) : UINT64_C(0x1ff000);
}

static void decode_table(uint64_t raw, struct mti_pt_entry *out)
{
	out->kind =
		raw & TABLE_RESERVED ? MTI_PT_KIND_RESERVED : MTI_PT_KIND_TABLE;
	out->flags = MTI_PT_RIGHTS;
	if (raw & TABLE_READ_ONLY)
		out->flags &= ~MTI_PT_WRITE;
	if (raw & TABLE_NO_USER)
		out->flags &= ~MTI_PT_USER;
	if (raw & TABLE_UXN)
		out->flags &= ~MTI_PT_EXECUTE;
	if (raw & TABLE_PXN)
		out->flags &= ~MTI_PT_KERNEL_EXECUTE;
}

static void decode_leaf(unsigned int level, uint64_t raw,
			struct mti_pt_entry *out)
{
	uint64_t reserved = DESC_LEAF_RESERVED;

	if (level < LAST) {
		reserved |= block_low(level) & ~DESC_BLOCK_NT;
		out->gpa &= ~block_low(level);
	}
	out->kind = raw & reserved ? MTI_PT_KIND_RESERVED : MTI_PT_KIND_LEAF;
	out->flags = 0;
	if (!(raw & DESC_AP_READ_ONLY))
		out->flags |= MTI_PT_WRITE;
	else if ((raw & DESC_SOFTWARE) == DESC_COW)
		out->flags |= MTI_PT_COW;
	if (raw & DESC_AP_USER)
		out->flags |= MTI_PT_USER;
	if (!(raw & DESC_UXN))
		out->flags |= MTI_PT_EXECUTE;
	if (!(raw & DESC_PXN))
		out->flags |= MTI_PT_KERNEL_EXECUTE;
}

static void decode(unsigned int level, uint64_t raw, struct mti_pt_entry *out)
{
	bool is_table = raw & DESC_TABLE;

	out->kind = MTI_PT_KIND_ABSENT;
	if (!(raw & DESC_VALID))
		return;
	out->gpa = raw & DESC_ADDRESS;
	if (is_table && level < LAST)
		decode_table(raw, out);
	else if (level == 0 || (level == LAST && !is_table))
		out->kind = MTI_PT_KIND_RESERVED;
	else
		decode_leaf(level, raw, out);
}

static uint64_t table(unsigned int level, uint64_t gpa)
{
	(void)level;
	return gpa | DESC_VALID | DESC_TABLE;
}

static uint64_t leaf(unsigned int level, uint64_t gpa, uint32_t flags)
{
	uint64_t bits = gpa | DESC_VALID | DESC_INNER_SHAREABLE |
			DESC_ACCESSED | DESC_NOT_GLOBAL;

	if (level == LAST)
		bits |= DESC_TABLE;
	if (!(flags & MTI_PT_WRITE))
		bits |= DESC_AP_READ_ONLY;
	if (flags & MTI_PT_COW)
		bits |= DESC_COW;
	if (flags & MTI_PT_USER)
		bits |= DESC_AP_USER;
	if (flags & MTI_PT_DEVICE)
		bits |= DESC_DEVICE;
	if (!(flags & MTI_PT_EXECUTE))
		bits |= DESC_PXN;
	/* Without UXN, EL0 may execute even what it may not read. */
	if (!(flags & MTI_PT_EXECUTE) || !(flags & MTI_PT_USER))
		bits |= DESC_UXN;
	return bits;
}

/* Its neighbours may become different: so it is not contiguous any more. */
static uint64_t split(unsigned int level, uint64_t raw)
{
	raw &= ~(DESC_CONTIGUOUS | DESC_BLOCK_NT);
	return level + 1 == LAST ? raw | DESC_TABLE : raw;
}

#define BOTH                                                                   \
	.levels = 4, .entry_bytes = 8, .large_level = 2,                       \
	.shift = { 39, 30, 21, 12 }, .bits = { 9, 9, 9, 9 },                   \
	.address_bits = 48, .gpa_limit = UINT64_C(1) << 48,                    \
	.root_address = DESC_ADDRESS, .table_address = DESC_ADDRESS,           \
	.decode = decode, .table = table, .leaf = leaf, .split = split

const struct mti_pt mti_pt_aarch64 = {
	BOTH,
	.name = "aarch64",
};

const struct mti_pt mti_pt_aarch64_upper = {
	BOTH,
	.name = "aarch64-upper",
	.high = UINT64_C(0xffff) << 48,
};
