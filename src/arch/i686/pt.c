/*
 * Page tables of 32-bit x86 (SDM 3A, "32-Bit Paging" and "PAE Paging").
 *
 * Two levels, without large pages if CR4.PSE is clear: the CPU then ignores
 * the bit that would make one. Without PAE nothing can be refused execution,
 * with PAE only if EFER.NXE is set: else that bit is reserved. Physical
 * addresses are those of 32 bits when written; PSE-36 is read.
 */
#include "arch/pt.h"

#define PTE_PRESENT (UINT64_C(1) << 0)
#define PTE_WRITE (UINT64_C(1) << 1)
#define PTE_USER (UINT64_C(1) << 2)
#define PTE_ACCESSED (UINT64_C(1) << 5)
#define PTE_DIRTY (UINT64_C(1) << 6)
#define PTE_LARGE (UINT64_C(1) << 7)
#define PTE_PAT (UINT64_C(1) << 7) /* of a small page */
#define PTE_COW (UINT64_C(1) << 9) /* ignored by the CPU */
#define PTE_LARGE_PAT (UINT64_C(1) << 12)

/* Both allow the same things. */
static void decode_rights(uint64_t raw, struct mti_pt_entry *out)
{
	out->flags = MTI_PT_EXECUTE | MTI_PT_KERNEL_EXECUTE;
	if (raw & PTE_WRITE)
		out->flags |= MTI_PT_WRITE;
	if (raw & PTE_USER)
		out->flags |= MTI_PT_USER;
}

static void decode_cow(uint64_t raw, struct mti_pt_entry *out)
{
	if ((raw & (PTE_COW | PTE_WRITE)) == PTE_COW)
		out->flags |= MTI_PT_COW;
}

static uint64_t leaf_bits(uint32_t flags)
{
	uint64_t bits = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;

	if (flags & MTI_PT_WRITE)
		bits |= PTE_WRITE;
	if (flags & MTI_PT_USER)
		bits |= PTE_USER;
	if (flags & MTI_PT_COW)
		bits |= PTE_COW;
	return bits;
}

/* A large page as the first of its small ones. */
static uint64_t split(unsigned int level, uint64_t raw)
{
	(void)level;
	if (raw & PTE_LARGE_PAT)
		return (raw & ~PTE_LARGE_PAT) | PTE_PAT;
	return raw & ~PTE_LARGE;
}

/* --------------------------------------------------------- two levels */

#define ADDRESS UINT64_C(0xfffff000)
#define LARGE_ADDRESS UINT64_C(0xffc00000)
/* PSE-36: bits 32 to 39 of a large page's address, and the bit above them. */
#define LARGE_HIGH UINT64_C(0x001fe000)
#define LARGE_HIGH_SHIFT 19
#define LARGE_RESERVED UINT64_C(0x00200000)

static void decode(unsigned int level, uint64_t raw, struct mti_pt_entry *out)
{
	out->kind = MTI_PT_KIND_ABSENT;
	if (!(raw & PTE_PRESENT))
		return;
	out->kind = level == 0 ? MTI_PT_KIND_TABLE : MTI_PT_KIND_LEAF;
	out->gpa = raw & ADDRESS;
	decode_rights(raw, out);
	if (level > 0)
		decode_cow(raw, out);
}

static void decode_pse(unsigned int level, uint64_t raw,
		       struct mti_pt_entry *out)
{
	decode(level, raw, out);
	if (out->kind != MTI_PT_KIND_TABLE || !(raw & PTE_LARGE))
		return;
	out->kind =
		raw & LARGE_RESERVED ? MTI_PT_KIND_RESERVED : MTI_PT_KIND_LEAF;
	out->gpa = (raw & LARGE_ADDRESS) | (raw & LARGE_HIGH)
						   << LARGE_HIGH_SHIFT;
	decode_cow(raw, out);
}

static uint64_t table(unsigned int level, uint64_t gpa)
{
	(void)level;
	return gpa | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

static uint64_t leaf(unsigned int level, uint64_t gpa, uint32_t flags)
{
	return gpa | leaf_bits(flags) | (level == 0 ? PTE_LARGE : 0);
}

/* Small pages cannot lie above 4 GiB. */
static uint64_t split_pse(unsigned int level, uint64_t raw)
{
	return raw & LARGE_HIGH ? 0 : split(level, raw);
}

#define TWO_LEVELS                                                             \
	.levels = 2, .entry_bytes = 4, .shift = { 22, 12 },                    \
	.bits = { 10, 10 }, .address_bits = 32,                                \
	.gpa_limit = UINT64_C(1) << 32, .root_address = ADDRESS,               \
	.table_address = ADDRESS, .table = table, .leaf = leaf

const struct mti_pt mti_pt_i686 = {
	TWO_LEVELS,
	.name = "i686",
	.large_level = 1,
	.decode = decode,
};

const struct mti_pt mti_pt_i686_pse = {
	TWO_LEVELS,	      .name = "i686-pse", .large_level = 0,
	.decode = decode_pse, .split = split_pse,
};

/* --------------------------------------------------------------- PAE */

#define PAE_ADDRESS UINT64_C(0x000ffffffffff000)
#define PAE_LARGE_NO_ADDRESS UINT64_C(0x1ff000)
#define PAE_LARGE_RESERVED UINT64_C(0x1fe000)
#define PAE_NO_EXECUTE (UINT64_C(1) << 63)
#define PAE_RESERVED UINT64_C(0x7ff0000000000000)
/* SDM 3A, "Format of a PAE Page-Directory-Pointer-Table Entry": bits 1, 2, 5
 * to 8 and 63. It refuses nothing, and has no accessed bit.
 */
#define PDPTE_RESERVED (UINT64_C(0x1e6) | PAE_NO_EXECUTE)
#define PAE_LAST 2

static void decode_pae_nx(unsigned int level, uint64_t raw,
			  struct mti_pt_entry *out)
{
	uint64_t reserved = PAE_RESERVED;

	out->kind = MTI_PT_KIND_ABSENT;
	if (!(raw & PTE_PRESENT))
		return;
	out->kind = MTI_PT_KIND_TABLE;
	out->gpa = raw & PAE_ADDRESS;
	out->flags = MTI_PT_RIGHTS;
	if (level == 0) {
		reserved |= PDPTE_RESERVED;
	} else {
		decode_rights(raw, out);
		if (raw & PAE_NO_EXECUTE)
			out->flags &= ~(MTI_PT_EXECUTE | MTI_PT_KERNEL_EXECUTE);
		if (level == PAE_LAST || (raw & PTE_LARGE)) {
			out->kind = MTI_PT_KIND_LEAF;
			decode_cow(raw, out);
		}
		if (level < PAE_LAST && (raw & PTE_LARGE)) {
			out->gpa &= ~PAE_LARGE_NO_ADDRESS;
			reserved |= PAE_LARGE_RESERVED;
		}
	}
	if (raw & reserved)
		out->kind = MTI_PT_KIND_RESERVED;
}

static void decode_pae(unsigned int level, uint64_t raw,
		       struct mti_pt_entry *out)
{
	decode_pae_nx(level, raw, out);
	if (out->kind != MTI_PT_KIND_ABSENT && (raw & PAE_NO_EXECUTE))
		out->kind = MTI_PT_KIND_RESERVED;
}

static uint64_t table_pae(unsigned int level, uint64_t gpa)
{
	return level == 0 ? gpa | PTE_PRESENT : table(level, gpa);
}

static uint64_t leaf_pae(unsigned int level, uint64_t gpa, uint32_t flags)
{
	return gpa | leaf_bits(flags) | (level < PAE_LAST ? PTE_LARGE : 0);
}

static uint64_t leaf_pae_nx(unsigned int level, uint64_t gpa, uint32_t flags)
{
	return leaf_pae(level, gpa, flags) |
	       (flags & MTI_PT_EXECUTE ? 0 : PAE_NO_EXECUTE);
}

#define PAE                                                                    \
	.levels = 3, .entry_bytes = 8, .large_level = 1,                       \
	.shift = { 30, 21, 12 }, .bits = { 2, 9, 9 }, .address_bits = 32,      \
	.gpa_limit = UINT64_C(1) << 32, .root_address = UINT64_C(0xffffffe0),  \
	.table_address = PAE_ADDRESS, .table = table_pae, .split = split

const struct mti_pt mti_pt_i686_pae = {
	PAE,
	.name = "i686-pae",
	.decode = decode_pae,
	.leaf = leaf_pae,
};

const struct mti_pt mti_pt_i686_pae_nx = {
	PAE,
	.name = "i686-pae-nx",
	.decode = decode_pae_nx,
	.leaf = leaf_pae_nx,
};
