/*
 * Page tables of every format that are changed: replaced, split, cleared, and
 * moved while they are. Every operation that can fail is made to fail once.
 * For the numbers in the comments see test_pt_formats.c.
 */
#include <string.h>

#include "harness/tables.h"
#include "harness/unit.h"

#define PAGE TABLES_PAGE
#define MIB UINT64_C(0x100000)
#define ANY_FLAGS (MTI_PT_WRITE | MTI_PT_EXECUTE | MTI_PT_USER)

static const struct mti_pt *pt;
static const struct mti_pt_ops *ops;

static enum mti_pt_result map(uint64_t gva, uint64_t gpa, uint64_t size,
			      uint32_t flags)
{
	const struct mti_pt_mapping mapping = { gva, gpa, size, flags };

	return mti_pt_map(pt, ops, tables.root, &mapping);
}

static enum mti_pt_result unmap(uint64_t gva, uint64_t gpa, uint64_t size,
				uint32_t flags)
{
	const struct mti_pt_mapping mapping = { gva, gpa, size, flags };

	return mti_pt_unmap(pt, ops, tables.root, &mapping);
}

static enum mti_pt_result clear(uint64_t gva, uint64_t size)
{
	return mti_pt_clear(pt, ops, tables.root, gva, size);
}

static uint64_t at(uint64_t root, uint64_t gva)
{
	struct mti_pt_translation found;

	if (mti_pt_translate(pt, ops, root, gva, &found) != MTI_PT_OK)
		return 0;
	return found.gpa | found.flags;
}

static void expect(uint64_t gva, uint64_t gpa, uint32_t flags)
{
	assert_int_equal(at(tables.root, gva), gpa | tables_flags(pt, flags));
}

static void expect_none(uint64_t gva)
{
	assert_int_equal(at(tables.root, gva), 0);
}

static void expect_nothing_left(void)
{
	size_t i;

	assert_int_equal(tables_used(), 1);
	assert_int_equal(tables.strays, 0);
	for (i = 0; i < 1u << pt->bits[0]; i++)
		assert_int_equal(tables_get(pt, tables.root, i), 0);
}

static bool next_format(size_t *i)
{
	ops = &tables_ops;
	if (*i == TABLES_FORMATS)
		return false;
	pt = tables_formats[(*i)++];
	tables_reset();
	return true;
}

static uint64_t base(void)
{
	return tables_first(pt) + 16 * MIB;
}

static bool has_large(void)
{
	return pt->large_level + 1u < pt->levels;
}

/* A.7, C10: another kind, another page, and back. */
static void test_replaced(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t gva = base();

		assert_int_equal(map(gva, 0x10000, 3 * PAGE, MTI_PT_WRITE),
				 MTI_PT_OK);
		assert_int_equal(map(gva + PAGE, 0x11000, PAGE, MTI_PT_COW),
				 MTI_PT_OK);
		expect(gva, 0x10000, MTI_PT_WRITE);
		expect(gva + PAGE, 0x11000, MTI_PT_COW);
		expect(gva + 2 * PAGE, 0x12000, MTI_PT_WRITE);
		assert_int_equal(map(gva + PAGE, 0x99000, PAGE, MTI_PT_WRITE),
				 MTI_PT_OK);
		expect(gva + PAGE, 0x99000, MTI_PT_WRITE);
		assert_int_equal(clear(gva + PAGE, PAGE), MTI_PT_OK);
		expect(gva, 0x10000, MTI_PT_WRITE);
		expect_none(gva + PAGE);
		assert_int_equal(clear(tables_first(pt), 1024 * MIB),
				 MTI_PT_OK);
		expect_nothing_left();
	}
}

/* A part of a large page: the rest stays as it was. */
static void test_split(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t gva = base();
		const uint32_t flags = MTI_PT_USER | MTI_PT_LARGE;

		assert_int_equal(map(gva, 8 * MIB, 8 * MIB, flags), MTI_PT_OK);
		assert_int_equal(map(gva + 5 * PAGE, 0, PAGE, ANY_FLAGS),
				 MTI_PT_OK);
		expect(gva, 8 * MIB, MTI_PT_USER);
		expect(gva + 4 * PAGE, 8 * MIB + 4 * PAGE, MTI_PT_USER);
		expect(gva + 5 * PAGE, 0, ANY_FLAGS);
		expect(gva + 6 * PAGE, 8 * MIB + 6 * PAGE, MTI_PT_USER);
		expect(gva + 4 * MIB - PAGE, 12 * MIB - PAGE, MTI_PT_USER);
		assert_int_equal(clear(gva + 4 * MIB + PAGE, PAGE), MTI_PT_OK);
		expect(gva + 4 * MIB, 12 * MIB, MTI_PT_USER);
		expect_none(gva + 4 * MIB + PAGE);
		expect(gva + 4 * MIB + 2 * PAGE, 12 * MIB + 2 * PAGE,
		       MTI_PT_USER);
		/* Small pages stay small, all of the range is replaced. */
		assert_int_equal(
			map(gva, 32 * MIB, 8 * MIB, ANY_FLAGS | MTI_PT_LARGE),
			MTI_PT_OK);
		expect(gva + 5 * PAGE, 32 * MIB + 5 * PAGE, ANY_FLAGS);
		expect(gva + 8 * MIB - PAGE, 40 * MIB - PAGE, ANY_FLAGS);
		assert_int_equal(clear(gva, 8 * MIB), MTI_PT_OK);
		expect_nothing_left();
	}
}

/* What else a large page says is said by its parts. */
static void test_split_bits(void **state)
{
	static const struct {
		const struct mti_pt *pt;
		unsigned int level;
		uint64_t large;
		uint64_t small; /* of the second page */
	} cases[] = {
		/* PAT is bit 12 here, bit 7 there; PWT and global. */
		{ &mti_pt_amd64, 2, 0x4011ef, 0x4011ef },
		{ &mti_pt_amd64, 2, 0x4001ef, 0x40116f },
		{ &mti_pt_amd64, 1, 0x400011ef, 0x400011ef },
		{ &mti_pt_i686_pse, 0, 0x4010e7, 0x4010e7 },
		{ &mti_pt_i686_pae_nx, 1, UINT64_C(0x80000000004000e7),
		  UINT64_C(0x8000000000401067) },
		/* Not contiguous, no nT; a page, not a block. */
		{ &mti_pt_aarch64, 2, UINT64_C(0x70000000410f41),
		  UINT64_C(0x60000000401f43) },
		{ &mti_pt_aarch64, 1, UINT64_C(0x60000040000f41),
		  UINT64_C(0x60000040001f43) },
	};
	uint64_t table;
	unsigned int level;
	size_t i;

	(void)state;
	ops = &tables_ops;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pt = cases[i].pt;
		tables_reset();
		assert_int_equal(map(0, 0, PAGE, 0), MTI_PT_OK);
		table = tables.root;
		for (level = 0; level < cases[i].level; level++)
			table = tables_get(pt, table, 0) & pt->table_address;
		tables_set(pt, table, 0, cases[i].large);
		assert_int_equal(clear(0, PAGE), MTI_PT_OK);
		for (level = 0; level + 1u < pt->levels; level++)
			table = level == 0 ? tables.root : table,
			table = tables_get(pt, table, 0) & pt->table_address;
		assert_int_equal(tables_get(pt, table, 0), 0);
		assert_int_equal(tables_get(pt, table, 1), cases[i].small);
	}
	/* Its parts would lie above 4 GiB, where no small page can. */
	pt = &mti_pt_i686_pse;
	tables_reset();
	tables_set(pt, tables.root, 0, 0x4020e7);
	assert_int_equal(clear(0, PAGE), MTI_PT_RESERVED);
	assert_int_equal(map(0, 0, PAGE, 0), MTI_PT_RESERVED);
	assert_int_equal(clear(0, 4 * MIB), MTI_PT_OK);
	expect_nothing_left();
	/* An entry that is none: taken away, not gone into. */
	pt = &mti_pt_amd64;
	tables_reset();
	tables_set(pt, tables.root, 0, 0x81);
	assert_int_equal(map(0, 0, PAGE, 0), MTI_PT_RESERVED);
	assert_int_equal(clear(0, PAGE), MTI_PT_RESERVED);
	assert_int_equal(clear(0, UINT64_C(1) << 39), MTI_PT_OK);
	expect_nothing_left();
}

/* Only where nothing is; undone as it was done. */
static void test_new(void **state)
{
	const uint32_t flags = ANY_FLAGS | MTI_PT_NEW | MTI_PT_LARGE;
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t gva = base() - 3 * PAGE;
		const uint64_t gpa = 12 * MIB - 3 * PAGE;
		const uint64_t size = 9 * MIB;

		assert_int_equal(map(gva + size - PAGE, 0, PAGE, flags),
				 MTI_PT_OK);
		assert_int_equal(map(gva, gpa, size, flags), MTI_PT_IN_USE);
		expect_none(gva);
		expect_none(gva + size - 2 * PAGE);
		assert_int_equal(unmap(gva + size - PAGE, PAGE, PAGE, flags),
				 MTI_PT_CHANGED);
		assert_int_equal(unmap(gva + size - PAGE, 0, PAGE, flags),
				 MTI_PT_OK);
		expect_nothing_left();
		assert_int_equal(unmap(gva, gpa, size, flags), MTI_PT_CHANGED);
		assert_int_equal(map(gva, gpa, size, flags), MTI_PT_OK);
		assert_int_equal(map(gva + 4 * MIB, 0, PAGE, flags),
				 MTI_PT_IN_USE);
		assert_int_equal(map(base(), 0, 4 * MIB, flags), MTI_PT_IN_USE);
		assert_int_equal(unmap(gva, gpa, size, flags), MTI_PT_OK);
		expect_nothing_left();
		/* A table where a large page would be. */
		assert_int_equal(map(base() + PAGE, 0, PAGE, flags), MTI_PT_OK);
		assert_int_equal(map(base(), 0, 4 * MIB, flags), MTI_PT_IN_USE);
		assert_int_equal(unmap(base(), 0, 4 * MIB, flags),
				 MTI_PT_CHANGED);
		if (has_large())
			assert_int_equal(unmap(base() + PAGE, 0, PAGE, flags),
					 MTI_PT_OK);
	}
}

/* C4, C5, C9: a table that moves, its parents, and the root. */
static void test_moved(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t gva = base();
		const uint64_t far = tables_last(pt) & ~(PAGE - 1);
		const uint64_t before = tables.root;
		size_t used;

		assert_int_equal(map(gva, 0x10000, PAGE, MTI_PT_WRITE),
				 MTI_PT_OK);
		assert_int_equal(map(far, 0x20000, PAGE, 0), MTI_PT_OK);
		assert_int_equal(tables.root_moves, 0);
		used = tables_used();
		tables_freeze();
		assert_int_equal(map(gva + PAGE, 0x11000, PAGE, 0), MTI_PT_OK);
		/* The path to it, and nothing beside it. */
		assert_int_equal(tables_used(), used + pt->levels);
		assert_int_equal(tables.root_moves, 1);
		assert_int_not_equal(tables.root, before);
		expect(gva, 0x10000, MTI_PT_WRITE);
		expect(gva + PAGE, 0x11000, 0);
		expect(far, 0x20000, 0);
		/* What was is still there. */
		assert_int_equal(at(before, gva),
				 0x10000 | tables_flags(pt, MTI_PT_WRITE));
		assert_int_equal(at(before, gva + PAGE), 0);
		/* They have moved: no further. */
		assert_int_equal(clear(gva, PAGE), MTI_PT_OK);
		assert_int_equal(tables_used(), used + pt->levels);
		assert_int_equal(tables.root_moves, 1);
		/* A new table: only its parents. */
		assert_int_equal(clear(gva, 2 * PAGE), MTI_PT_OK);
		expect_none(gva + PAGE);
		expect(far, 0x20000, 0);
		assert_int_equal(clear(far, PAGE), MTI_PT_OK);
		assert_int_equal(tables.strays, 0);
		assert_int_equal(at(before, far),
				 0x20000 | tables_flags(pt, 0));
	}
}

/* ------------------------------------------------------------- failures */

static uint64_t gva_far(void)
{
	return base() + 8 * MIB;
}

/* What there is before each operation that is to fail. */
static void prepare(bool moving)
{
	tables_reset();
	assert_int_equal(
		map(gva_far(), 32 * MIB, 4 * MIB, MTI_PT_USER | MTI_PT_LARGE),
		MTI_PT_OK);
	assert_int_equal(map(base() - PAGE, 0x30000, PAGE, 0), MTI_PT_OK);
	if (moving)
		tables_freeze();
	tables.calls = 0;
}

static enum mti_pt_result map_new(void)
{
	return map(base(), 16 * MIB, 4 * MIB + PAGE,
		   MTI_PT_NEW | MTI_PT_LARGE | MTI_PT_WRITE);
}

static enum mti_pt_result map_over(void)
{
	return map(gva_far() + PAGE, 0x50000, PAGE, MTI_PT_WRITE);
}

static enum mti_pt_result map_large(void)
{
	return map(gva_far(), 40 * MIB, 4 * MIB, MTI_PT_LARGE);
}

static enum mti_pt_result clear_part(void)
{
	return clear(gva_far() + PAGE, 4 * MIB);
}

static enum mti_pt_result unmap_it(void)
{
	return unmap(gva_far(), 32 * MIB, 4 * MIB, MTI_PT_LARGE);
}

/*
 * Fails the n-th call, for all n at first, then for some. The rest of the
 * tables stays as it was and what is mapped is either old or new; of what was
 * to be new, nothing is.
 */
static void fail_all(enum mti_pt_result (*step)(void), bool moving)
{
	enum mti_pt_result result;
	size_t used;
	size_t n;

	for (n = 1;; n += 1 + n / 64) {
		prepare(moving);
		used = tables_used();
		tables.fail_at = n;
		result = step();
		tables.fail_at = 0;
		assert_int_equal(tables.strays, 0);
		expect(base() - PAGE, 0x30000, 0);
		if (step != map_new)
			expect_none(base());
		if (result == MTI_PT_OK && tables.calls < n)
			break;
		/* A failure to tidy up is none. */
		if (result != MTI_PT_OK) {
			assert_true(result == MTI_PT_NO_MEMORY ||
				    result == MTI_PT_UNREADABLE ||
				    result == MTI_PT_CHANGED);
			if (step == map_new) {
				expect_none(base());
				expect_none(base() + PAGE);
				expect_none(base() + 4 * MIB);
			}
			if (step == map_new && !moving && ops->free)
				assert_int_equal(tables_used(), used);
		}
		/* It can be done again, without harm. */
		if (result != MTI_PT_OK && step != unmap_it) {
			assert_int_equal(step(), MTI_PT_OK);
			expect(base() - PAGE, 0x30000, 0);
		}
	}
}

static void test_failures(void **state)
{
	static enum mti_pt_result (*const steps[])(void) = {
		map_new, map_over, map_large, clear_part, unmap_it,
	};
	size_t i = 0;
	size_t j;

	(void)state;
	while (next_format(&i))
		for (j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
			ops = &tables_ops_fixed;
			fail_all(steps[j], false);
			ops = &tables_ops;
			fail_all(steps[j], false);
			fail_all(steps[j], true);
		}
}

/* Without free nothing is given back, and nothing goes wrong. */
static void test_no_free(void **state)
{
	size_t limit;
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		ops = &tables_ops_no_free;
		for (limit = 1; limit < 8; limit++) {
			tables_reset();
			tables.limit = limit;
			if (map(base(), 16 * MIB, 4 * MIB + PAGE,
				MTI_PT_NEW | MTI_PT_LARGE) == MTI_PT_OK)
				break;
		}
		assert_true(limit >= pt->levels && limit < 8);
		assert_int_equal(clear(base(), 8 * MIB), MTI_PT_OK);
		expect_none(base());
		assert_int_equal(tables_used(), limit);
		/* Splitting one without being able to link it. */
		for (limit = 1; limit < 20; limit++) {
			prepare(true);
			tables.fail_at = limit;
			(void)map_over();
			tables.fail_at = 0;
			expect(gva_far(), 32 * MIB, MTI_PT_USER);
		}
		/* Nor a new one, to anything. */
		for (limit = 1; limit < 20; limit++) {
			prepare(true);
			tables.fail_at = limit;
			(void)map(tables_last(pt) + 1 - PAGE, 0, PAGE, 0);
			tables.fail_at = 0;
			expect(gva_far(), 32 * MIB, MTI_PT_USER);
		}
		/* So large a page needs a table that is not there. */
		prepare(false);
		tables.limit = tables_used();
		assert_int_equal(clear_part(),
				 has_large() ? MTI_PT_NO_MEMORY : MTI_PT_OK);
	}
}

/* What cannot be tidied up stays, and does no harm. */
static void test_not_tidied(void **state)
{
	const uint32_t flags = MTI_PT_NEW;
	size_t i = 0;
	size_t n;

	(void)state;
	while (next_format(&i))
		for (n = 1; n < 6000; n += 1 + n / 16) {
			tables_reset();
			ops = &tables_ops_fixed;
			assert_int_equal(map(base(), 0, PAGE, flags),
					 MTI_PT_OK);
			tables.calls = 0;
			tables.fail_at = n;
			if (unmap(base(), 0, PAGE, flags) == MTI_PT_OK)
				expect_none(base());
			tables.fail_at = 0;
			assert_int_equal(map(base(), 0x7000, PAGE, 0),
					 MTI_PT_OK);
			expect(base(), 0x7000, 0);
		}
}

/* After the last entry comes the table's own, in its parent. */
static void test_parent_not_written(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		ops = &tables_ops_fixed;
		assert_int_equal(map(base(), 0, PAGE, MTI_PT_NEW), MTI_PT_OK);
		tables.calls = 0;
		/* The path twice, its entry read and written, and emptiness. */
		tables.fail_at = 2u * pt->levels + 2 +
				 (1u << pt->bits[pt->levels - 1]) +
				 (pt->entry_bytes == 4 ? 2 : 1);
		assert_int_equal(unmap(base(), 0, PAGE, MTI_PT_NEW), MTI_PT_OK);
		tables.fail_at = 0;
		expect_none(base());
		assert_int_equal(tables_used(), pt->levels);
	}
}

/* So many reads and not more, wherever that is; then it works. */
static void test_clear_within(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t gva = base();
		enum mti_pt_result result = MTI_PT_TOO_MANY;
		uint64_t reads;

		ops = &tables_ops_fixed;
		for (reads = 0; result == MTI_PT_TOO_MANY; reads++) {
			tables_reset();
			assert_int_equal(map(gva, 0x10000, 2 * PAGE, 1),
					 MTI_PT_OK);
			tables.reads = 0;
			result = mti_pt_clear_within(pt, ops, tables.root, gva,
						     2 * PAGE, reads);
			/* Beside: of what is not wider than four bytes. */
			assert_true(tables.reads <= reads + 2u + pt->levels);
			assert_int_equal(tables.strays, 0);
			if (reads < pt->levels)
				expect(gva, 0x10000, 1);
			else
				expect_none(gva);
		}
		assert_int_equal(result, MTI_PT_OK);
		expect_nothing_left();
		/* What two pages may cost without a limit. */
		assert_true(reads < 4u * pt->levels + pt->levels * 1024u);
	}
}

/* All entries of a table lead to the same one: few tables, many ways. */
static void test_clear_hostile(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t size = UINT64_C(4) << pt->shift[0];
		uint64_t table = tables.root;
		unsigned int level;
		size_t j;

		for (level = 0; level + 1u < pt->levels; level++) {
			uint64_t next = tables_new_root();

			for (j = 0; j < 1u << pt->bits[level]; j++)
				tables_set(pt, table, j,
					   pt->table(level, next));
			table = next;
		}
		tables.reads = 0;
		assert_int_equal(mti_pt_clear_within(pt, &tables_ops_no_free,
						     tables.root,
						     tables_first(pt), size,
						     5000),
				 MTI_PT_TOO_MANY);
		assert_int_equal(tables.reads, 5000);
		/* What more reads would not change. */
		tables_set(pt, tables.root, 0, pt->table(0, 0x1000));
		assert_int_equal(mti_pt_clear_within(pt, &tables_ops_no_free,
						     tables.root,
						     tables_first(pt), size,
						     5000),
				 MTI_PT_UNREADABLE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_split_bits),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_no_free),
		cmocka_unit_test(test_clear_within),
		cmocka_unit_test(test_clear_hostile),
		cmocka_unit_test(test_not_tidied),
		cmocka_unit_test(test_parent_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
