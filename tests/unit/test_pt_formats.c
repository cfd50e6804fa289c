/*
 * Page tables of every format: what map writes, and what is read back. The
 * numbers in the comments are those of the features that are carried here,
 * E.C of the list of what page tables must do and B.9 of its tests.
 */
#include <string.h>

#include "harness/tables.h"
#include "harness/unit.h"

#define PAGE TABLES_PAGE
#define ANY_FLAGS (MTI_PT_WRITE | MTI_PT_EXECUTE | MTI_PT_USER)

static const struct mti_pt *pt;

static enum mti_pt_result map(uint64_t gva, uint64_t gpa, uint64_t size,
			      uint32_t flags)
{
	const struct mti_pt_mapping mapping = { gva, gpa, size, flags };

	return mti_pt_map(pt, &tables_ops, tables.root, &mapping);
}

static enum mti_pt_result look(uint64_t gva, struct mti_pt_translation *found)
{
	enum mti_pt_result result;

	tables.reads = 0;
	result = mti_pt_translate(pt, &tables_ops, tables.root, gva, found);
	assert_true(tables.reads <= pt->levels);
	return result;
}

static void expect(uint64_t gva, uint64_t gpa, uint64_t span, uint32_t flags)
{
	struct mti_pt_translation found;

	assert_int_equal(look(gva, &found), MTI_PT_OK);
	assert_int_equal(found.gpa, gpa);
	assert_int_equal(found.span, span);
	assert_int_equal(found.flags, tables_flags(pt, flags));
}

static void expect_none(uint64_t gva)
{
	struct mti_pt_translation found;

	assert_int_not_equal(look(gva, &found), MTI_PT_OK);
}

static bool next_format(size_t *i)
{
	if (*i == TABLES_FORMATS)
		return false;
	pt = tables_formats[(*i)++];
	tables_reset();
	return true;
}

/* The table of that level for gva, in tables without large pages. */
static uint64_t table_of(uint64_t gva, unsigned int level)
{
	uint64_t table = tables.root;
	unsigned int i;
	size_t index;

	for (i = 0; i < level; i++) {
		index = (gva >> pt->shift[i]) & ((1u << pt->bits[i]) - 1);
		table = tables_get(pt, table, index) & pt->table_address;
	}
	return table;
}

/*
 * C3, C7, B.9 test_bits_extracts_*_index, test_bits_max_index,
 * test_entry_addr_*: which entry of each level an address uses.
 */
static void test_index(void **state)
{
	static const struct {
		const struct mti_pt *pt;
		unsigned int level;
		uint64_t gva;
		size_t index;
	} cases[] = {
		{ &mti_pt_amd64, 0, UINT64_C(0x8000000000), 1 },
		{ &mti_pt_amd64, 1, 0x40000000, 1 },
		{ &mti_pt_amd64, 2, 0x200000, 1 },
		{ &mti_pt_amd64, 3, 0x1000, 1 },
		{ &mti_pt_amd64, 0, UINT64_C(0xffffff8000000000), 511 },
		{ &mti_pt_i686, 0, 0x00400000, 1 },
		{ &mti_pt_i686, 0, 0xffc00000, 1023 },
		{ &mti_pt_i686, 1, 0x003ff000, 1023 },
		{ &mti_pt_i686_pae, 0, 0xc0000000, 3 },
		{ &mti_pt_i686_pae, 1, 0x00200000, 1 },
		{ &mti_pt_i686_pae, 2, 0x001ff000, 511 },
		{ &mti_pt_aarch64, 0, UINT64_C(0xff8000000000), 511 },
		{ &mti_pt_aarch64, 3, 0x5000, 5 },
		{ &mti_pt_aarch64_upper, 0, UINT64_C(0xffff008000000000), 1 },
	};
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t table;

		pt = cases[i].pt;
		tables_reset();
		assert_int_equal(map(cases[i].gva, 0x5000, PAGE, 0), MTI_PT_OK);
		table = table_of(cases[i].gva, cases[i].level);
		for (j = 0; j < 1u << pt->bits[cases[i].level]; j++)
			assert_int_equal(tables_get(pt, table, j) & 1,
					 j == cases[i].index);
	}
}

/*
 * B.9 test_page_rw_flag_*, test_page_nx_flag_*, and the bits that the list
 * names for the other architectures (A.7).
 */
static void test_leaf_bits(void **state)
{
	static const struct {
		const struct mti_pt *pt;
		uint32_t flags;
		uint64_t entry;
	} cases[] = {
		{ &mti_pt_amd64, 0, UINT64_C(0x8000000000005061) },
		{ &mti_pt_amd64, MTI_PT_WRITE, UINT64_C(0x8000000000005063) },
		{ &mti_pt_amd64, MTI_PT_EXECUTE, 0x5061 },
		{ &mti_pt_amd64, ANY_FLAGS, 0x5067 },
		{ &mti_pt_amd64, MTI_PT_COW | MTI_PT_EXECUTE, 0x5261 },
		{ &mti_pt_i686, 0, 0x5061 },
		{ &mti_pt_i686_pse, ANY_FLAGS, 0x5067 },
		{ &mti_pt_i686, MTI_PT_COW | MTI_PT_USER, 0x5265 },
		{ &mti_pt_i686_pae, MTI_PT_WRITE, 0x5063 },
		{ &mti_pt_i686_pae_nx, 0, UINT64_C(0x8000000000005061) },
		/* nG, AF, inner shareable; UXN and PXN; read-only. */
		{ &mti_pt_aarch64, 0, UINT64_C(0x60000000005f83) },
		{ &mti_pt_aarch64, MTI_PT_WRITE, UINT64_C(0x60000000005f03) },
		/* EL0 does not execute what only EL1 may. */
		{ &mti_pt_aarch64, MTI_PT_EXECUTE, UINT64_C(0x40000000005f83) },
		{ &mti_pt_aarch64, ANY_FLAGS, 0x5f43 },
		/* The second of the memory attributes. */
		{ &mti_pt_aarch64, MTI_PT_WRITE | MTI_PT_DEVICE,
		  UINT64_C(0x60000000005f07) },
		{ &mti_pt_aarch64_upper, MTI_PT_COW,
		  UINT64_C(0xe0000000005f83) },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t gva = tables_first(cases[i].pt);

		pt = cases[i].pt;
		tables_reset();
		assert_int_equal(map(gva, 0x5000, PAGE, cases[i].flags),
				 MTI_PT_OK);
		assert_int_equal(
			tables_get(pt, table_of(gva, pt->levels - 1u), 0),
			cases[i].entry);
	}
}

/* Tables: everything is allowed; PAE's highest entries have no such bits. */
static void test_table_bits(void **state)
{
	size_t i = 0;
	unsigned int level;

	(void)state;
	while (next_format(&i)) {
		uint64_t gva = tables_first(pt);

		assert_int_equal(map(gva, 0, PAGE, 0), MTI_PT_OK);
		for (level = 0; level + 1 < pt->levels; level++) {
			uint64_t entry =
				tables_get(pt, table_of(gva, level), 0);
			uint64_t low = 0x27;

			if (pt->levels == 3 && level == 0)
				low = 1;
			if (i > 5)
				low = 3;
			assert_int_equal(entry & ~pt->table_address, low);
		}
	}
}

/* C10, C11; B.9 test_map_single_page, map_cow_page of i686, ..._perms. */
static void test_one_page(void **state)
{
	size_t i = 0;
	size_t j;
	uint32_t flags;

	(void)state;
	while (next_format(&i)) {
		const uint64_t last = tables_last(pt) & ~(PAGE - 1);
		const uint64_t first = tables_first(pt);
		const uint64_t places[] = { first, first + PAGE,
					    first + 0x3ff000, last };

		for (j = 0; j < 4; j++)
			for (flags = 0; flags < 16; flags++) {
				uint64_t gva = places[j];
				bool both = (flags & 9) == 9;

				tables_reset();
				assert_int_equal(map(gva, 0x7000, PAGE, flags),
						 both ? MTI_PT_INVALID
						      : MTI_PT_OK);
				if (both)
					continue;
				expect(gva, 0x7000, PAGE, flags);
				expect(gva + 4095, 0x7fff, 1, flags);
				expect_none(gva ^ PAGE);
				assert_int_equal(tables_used(), pt->levels);
			}
	}
}

/*
 * B.9 test_map_multiple_pages, test_map_reuses_existing_tables,
 * map_multiple_pages_across_pd_boundary of i686.
 */
static void test_many_pages(void **state)
{
	size_t i = 0;
	size_t j;

	(void)state;
	while (next_format(&i)) {
		/* Where the tables of the last level meet. */
		uint64_t gva =
			tables_first(pt) + (UINT64_C(4) << 20) - 3 * PAGE;

		assert_int_equal(map(gva, 0x10000, 7 * PAGE, MTI_PT_WRITE),
				 MTI_PT_OK);
		assert_int_equal(tables_used(), pt->levels + 1u);
		for (j = 0; j < 7; j++)
			expect(gva + j * PAGE, 0x10000 + j * PAGE, PAGE,
			       MTI_PT_WRITE);
		expect_none(gva - PAGE);
		expect_none(gva + 7 * PAGE);
		assert_int_equal(map(gva - PAGE, 0, PAGE, 0), MTI_PT_OK);
		assert_int_equal(tables_used(), pt->levels + 1u);
	}
}

/* C7: the range that ends where addresses end, and those that go too far. */
static void test_end_of_addresses(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t last = tables_last(pt) & ~(PAGE - 1);
		const uint64_t gva = last - 4 * PAGE;

		assert_int_equal(map(gva, 0x40000, 5 * PAGE, ANY_FLAGS),
				 MTI_PT_OK);
		expect(last, 0x44000, PAGE, ANY_FLAGS);
		expect(last + PAGE - 1, 0x44fff, 1, ANY_FLAGS);
		assert_int_equal(map(gva, 0x40000, 6 * PAGE, 0),
				 MTI_PT_INVALID);
		assert_int_equal(map(last, 0, -last, 0),
				 -last == PAGE ? MTI_PT_OK : MTI_PT_INVALID);
		assert_int_equal(map(last, 0, UINT64_MAX & ~(PAGE - 1), 0),
				 MTI_PT_INVALID);
		assert_int_equal(mti_pt_clear(pt, &tables_ops, tables.root, gva,
					      6 * PAGE),
				 MTI_PT_INVALID);
		/* All but the page after it, all around. */
		assert_int_equal(
			mti_pt_clear(pt, &tables_ops, tables.root, last, -PAGE),
			MTI_PT_INVALID);
		assert_int_equal(mti_pt_clear(pt, &tables_ops, tables.root, gva,
					      5 * PAGE),
				 MTI_PT_OK);
		assert_int_equal(tables_used(), 1);
	}
}

/* C7, C11, C17: arguments that no table is looked at for. */
static void test_invalid(void **state)
{
	const struct mti_pt_mapping wrong = { 1, 0, PAGE, 0 };
	struct mti_pt_translation found;
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		uint64_t gva = tables_first(pt);
		uint64_t limit = pt->gpa_limit;

		tables.calls = 0;
		assert_int_equal(map(gva + 1, 0, PAGE, 0), MTI_PT_INVALID);
		assert_int_equal(map(gva, 1, PAGE, 0), MTI_PT_INVALID);
		assert_int_equal(map(gva, 0, 1, 0), MTI_PT_INVALID);
		assert_int_equal(map(gva, limit, PAGE, 0), MTI_PT_INVALID);
		assert_int_equal(map(gva, limit + PAGE, PAGE, 0),
				 MTI_PT_INVALID);
		assert_int_equal(map(gva, 0, 0, 0), MTI_PT_OK);
		/* No address of this format. */
		gva = tables_first(pt) ^ (UINT64_C(1) << 60);
		assert_int_equal(map(gva, 0, PAGE, 0), MTI_PT_INVALID);
		assert_int_equal(look(gva, &found), MTI_PT_INVALID);
		assert_int_equal(
			mti_pt_clear(pt, &tables_ops, tables.root, gva, PAGE),
			MTI_PT_INVALID);
		assert_int_equal(
			mti_pt_unmap(pt, &tables_ops, tables.root, &wrong),
			MTI_PT_INVALID);
		assert_int_equal(tables.calls, 0);
		/* The last page that there can be. */
		gva = tables_first(pt);
		assert_int_equal(map(gva, limit - PAGE, PAGE, 0), MTI_PT_OK);
		expect(gva, limit - PAGE, PAGE, 0);
	}
	/* Between the halves of amd64, and over it. */
	pt = &mti_pt_amd64;
	tables_reset();
	assert_int_equal(map(UINT64_C(1) << 47, 0, PAGE, 0), MTI_PT_INVALID);
	assert_int_equal(map((UINT64_C(1) << 47) - PAGE, 0, 2 * PAGE, 0),
			 MTI_PT_INVALID);
	assert_int_equal(map(0, 0, UINT64_C(0xffffffff80000000), 0),
			 MTI_PT_INVALID);
	assert_int_equal(look(-(UINT64_C(1) << 47) - 1, &found),
			 MTI_PT_INVALID);
	/* The whole of it, with small pages: room runs out, not time. */
	assert_int_equal(map(0, 0, UINT64_C(1) << 47, 0), MTI_PT_NO_MEMORY);
}

/* C12; B.9 test_virt_to_phys_mapped_address, _unaligned_virt, _unmapped. */
static void test_translate(void **state)
{
	struct mti_pt_translation found;
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		uint64_t gva = tables_first(pt) + 0x200000;

		assert_int_equal(look(gva, &found), MTI_PT_ABSENT);
		assert_int_equal(tables.reads, 1);
		assert_int_equal(map(gva, 0x9000, PAGE, MTI_PT_USER),
				 MTI_PT_OK);
		expect(gva + 0x234, 0x9234, PAGE - 0x234, MTI_PT_USER);
		assert_int_equal(look(gva + PAGE, &found), MTI_PT_ABSENT);
		assert_int_equal(tables.reads, pt->levels);
	}
}

/* Large pages: written where both addresses allow, read at each level. */
static void test_large_pages(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		uint64_t large = UINT64_C(1) << pt->shift[pt->large_level];
		uint64_t gva = tables_first(pt) + 2 * large;
		uint32_t flags = ANY_FLAGS | MTI_PT_LARGE;

		if (large == PAGE)
			large = UINT64_C(4) << 20;
		assert_int_equal(
			map(gva - PAGE, large - PAGE, large + 2 * PAGE, flags),
			MTI_PT_OK);
		expect(gva - PAGE, large - PAGE, PAGE, ANY_FLAGS);
		expect(gva + large, 2 * large, PAGE, ANY_FLAGS);
		if (pt->large_level + 1 == pt->levels)
			expect(gva + 5, large + 5, PAGE - 5, ANY_FLAGS);
		else
			expect(gva + 5, large + 5, large - 5, ANY_FLAGS);
		expect_none(gva - 2 * PAGE);
		/* Addresses that differ inside of a large page. */
		tables_reset();
		assert_int_equal(map(gva, large + PAGE, large, flags),
				 MTI_PT_OK);
		expect(gva, large + PAGE, PAGE, ANY_FLAGS);
	}
}

struct raw {
	const struct mti_pt *pt;
	unsigned int level;
	uint64_t entry;
	enum mti_pt_result result;
	uint64_t gpa;
	uint32_t flags;
};

/* Entries that map does not write, as the manuals have them. */
static const struct raw raws[] = {
	/* SDM 3A 4.5: 1 GiB, 2 MiB with PAT; reserved bits; PS of the root. */
	{ &mti_pt_amd64, 1, 0xc00010e7, MTI_PT_OK, 0xc0000000, 7 },
	{ &mti_pt_amd64, 1, 0xc00020e7, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_amd64, 1, 0xe00000e7, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_amd64, 2, 0xc06010e5, MTI_PT_OK, 0xc0600000, 6 },
	{ &mti_pt_amd64, 2, 0xc06020e5, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_amd64, 2, 0x6002e5, MTI_PT_OK, 0x600000, 14 },
	{ &mti_pt_amd64, 0, 0xe7, MTI_PT_RESERVED, 0, 0 },
	/* Of a small page the same bit is PAT. */
	{ &mti_pt_amd64, 3, 0x52e5, MTI_PT_OK, 0x5000, 14 },
	/* Marked, but writable: nothing to copy. */
	{ &mti_pt_amd64, 3, 0x5267, MTI_PT_OK, 0x5000, 7 },
	/* 4.3: without PSE the bit means nothing; PSE-36; bit 21. */
	{ &mti_pt_i686, 1, 0x50e7, MTI_PT_OK, 0x5000, 7 },
	{ &mti_pt_i686_pse, 0, 0x00c000e7, MTI_PT_OK, 0xc00000, 7 },
	{ &mti_pt_i686_pse, 0, 0x00c062e5, MTI_PT_OK, UINT64_C(0x300c00000),
	  14 },
	{ &mti_pt_i686_pse, 0, 0x00e000e7, MTI_PT_RESERVED, 0, 0 },
	/* 4.4: PAE. */
	{ &mti_pt_i686_pae, 1, 0x6010e7, MTI_PT_OK, 0x600000, 7 },
	{ &mti_pt_i686_pae, 1, 0x6022e5, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_i686_pae, 1, 0x6002e5, MTI_PT_OK, 0x600000, 14 },
	{ &mti_pt_i686_pae, 2, UINT64_C(0x8000000000005067), MTI_PT_RESERVED, 0,
	  0 },
	{ &mti_pt_i686_pae, 2, UINT64_C(0x0010000000005067), MTI_PT_RESERVED, 0,
	  0 },
	{ &mti_pt_i686_pae_nx, 2, UINT64_C(0x8000000000005067), MTI_PT_OK,
	  0x5000, 5 },
	{ &mti_pt_i686_pae_nx, 1, UINT64_C(0x80000000006000e7), MTI_PT_OK,
	  0x600000, 5 },
	/* Writable and user are reserved in its highest level, and NX is. */
	{ &mti_pt_i686_pae_nx, 0, 0x203, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_i686_pae_nx, 0, 0x81, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_i686_pae_nx, 0, UINT64_C(0x8000000000000001), MTI_PT_RESERVED,
	  0, 0 },
	/* D8.3: blocks; a page that is a block; a block in the root. */
	{ &mti_pt_aarch64, 1, 0xc0000f41, MTI_PT_OK, 0xc0000000, 7 },
	{ &mti_pt_aarch64, 2, 0x00600fc1, MTI_PT_OK, 0x600000, 6 },
	{ &mti_pt_aarch64, 2, 0x00610fc1, MTI_PT_OK, 0x600000, 6 },
	{ &mti_pt_aarch64, 2, 0x00601fc1, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_aarch64, 3, 0x5f41, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_aarch64, 0, 0xf41, MTI_PT_RESERVED, 0, 0 },
	{ &mti_pt_aarch64, 3, UINT64_C(0x0001000000005f43), MTI_PT_RESERVED, 0,
	  0 },
	{ &mti_pt_aarch64, 1, UINT64_C(0x0001000000005003), MTI_PT_RESERVED, 0,
	  0 },
	/* Copy-on-write is 1 in bits 58 to 55, and nothing else. */
	{ &mti_pt_aarch64, 3, UINT64_C(0x00800000000050c3), MTI_PT_OK, 0x5000,
	  14 },
	{ &mti_pt_aarch64, 3, UINT64_C(0x01800000000050c3), MTI_PT_OK, 0x5000,
	  6 },
	{ &mti_pt_aarch64, 3, UINT64_C(0x0080000000005043), MTI_PT_OK, 0x5000,
	  7 },
	/* PXN is for EL1, UXN for EL0. */
	{ &mti_pt_aarch64, 3, UINT64_C(0x0020000000005043), MTI_PT_OK, 0x5000,
	  7 },
	{ &mti_pt_aarch64, 3, UINT64_C(0x0020000000005003), MTI_PT_OK, 0x5000,
	  1 },
	{ &mti_pt_aarch64, 3, UINT64_C(0x0040000000005003), MTI_PT_OK, 0x5000,
	  3 },
};

static void test_raw_entries(void **state)
{
	struct mti_pt_translation found;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(raws) / sizeof(raws[0]); i++) {
		const struct raw *raw = &raws[i];

		pt = raw->pt;
		tables_reset();
		assert_int_equal(map(0, 0x5000, PAGE, ANY_FLAGS), MTI_PT_OK);
		tables_set(pt, table_of(0, raw->level), 0, raw->entry);
		if (look(0, &found) != raw->result)
			fail_msg("case %zu", i);
		if (raw->result != MTI_PT_OK)
			continue;
		assert_int_equal(found.gpa, raw->gpa);
		assert_int_equal(found.flags, raw->flags);
	}
}

/* A right that one level refuses is refused (SDM 3A 4.6; Arm ARM D8.4). */
static void test_rights_of_levels(void **state)
{
	static const struct {
		const struct mti_pt *pt;
		unsigned int level;
		uint64_t flip;
		uint32_t flags;
	} cases[] = {
		{ &mti_pt_amd64, 0, 2, 6 },
		{ &mti_pt_amd64, 1, 4, 3 },
		{ &mti_pt_amd64, 2, UINT64_C(1) << 63, 5 },
		{ &mti_pt_i686, 0, 2, 6 },
		{ &mti_pt_i686_pse, 0, 4, 3 },
		{ &mti_pt_i686_pae, 1, 2, 6 },
		{ &mti_pt_i686_pae_nx, 1, UINT64_C(1) << 63, 5 },
		{ &mti_pt_aarch64, 0, UINT64_C(1) << 62, 6 },
		{ &mti_pt_aarch64, 1, UINT64_C(1) << 61, 3 },
		{ &mti_pt_aarch64, 2, UINT64_C(1) << 60, 5 },
		{ &mti_pt_aarch64, 2, UINT64_C(1) << 59, 7 },
		{ &mti_pt_aarch64, 2, UINT64_C(5) << 59, 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t table;

		pt = cases[i].pt;
		tables_reset();
		assert_int_equal(map(0, 0x5000, PAGE, ANY_FLAGS), MTI_PT_OK);
		table = table_of(0, cases[i].level);
		tables_set(pt, table, 0,
			   tables_get(pt, table, 0) ^ cases[i].flip);
		expect(0, 0x5000, PAGE, cases[i].flags);
	}
}

/* What is not the root in the register that holds it. */
static void test_root_register(void **state)
{
	struct mti_pt_translation found;
	uint64_t pdpt = TABLES_BASE + 0x20;

	(void)state;
	pt = &mti_pt_aarch64;
	tables_reset();
	assert_int_equal(map(0, 0x5000, PAGE, 0), MTI_PT_OK);
	tables.root |= UINT64_C(0x1234000000000001); /* ASID, CnP */
	expect(0, 0x5000, PAGE, 0);
	pt = &mti_pt_amd64;
	tables_reset();
	assert_int_equal(map(0, 0x5000, PAGE, 0), MTI_PT_OK);
	tables.root |= UINT64_C(0x8000000000000018);
	expect(0, 0x5000, PAGE, 0);
	/* PAE's root is 32 bytes anywhere in a page. */
	pt = &mti_pt_i686_pae;
	tables_reset();
	tables.root = pdpt;
	assert_int_equal(map(0xfffff000, 0x5000, PAGE, 0), MTI_PT_OK);
	expect(0xfffff000, 0x5000, PAGE, 0);
	assert_int_equal(tables_get(pt, TABLES_BASE, 7) & 1, 1);
	/* C17: where nothing is. */
	assert_int_equal(mti_pt_translate(pt, &tables_ops, 0x40, 0, &found),
			 MTI_PT_UNREADABLE);
	tables_set(pt, TABLES_BASE, 4, 0x7000001);
	assert_int_equal(look(0, &found), MTI_PT_UNREADABLE);
	assert_int_equal(tables.reads, 2);
	/* The same of four-byte entries, of which two are read together. */
	assert_int_equal(mti_pt_translate(&mti_pt_i686, &tables_ops, 0x7000000,
					  0x400000, &found),
			 MTI_PT_UNREADABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_leaf_bits),
		cmocka_unit_test(test_table_bits),
		cmocka_unit_test(test_one_page),
		cmocka_unit_test(test_many_pages),
		cmocka_unit_test(test_end_of_addresses),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_translate),
		cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_raw_entries),
		cmocka_unit_test(test_rights_of_levels),
		cmocka_unit_test(test_root_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
