/*
 * Walking one address space, of every format, also through tables that are
 * hostile. For the numbers in the comments see test_pt_formats.c.
 */
#include <string.h>

#include "harness/random.h"
#include "harness/tables.h"
#include "harness/unit.h"

#define PAGE TABLES_PAGE
#define MIB UINT64_C(0x100000)

static struct random_source source;
static const struct mti_pt *pt;
static struct mti_pt_walk walk;
static struct mti_pt_page page;

static void map(uint64_t gva, uint64_t gpa, uint64_t size, uint32_t flags)
{
	const struct mti_pt_mapping mapping = { gva, gpa, size, flags };

	assert_int_equal(mti_pt_map(pt, &tables_ops, tables.root, &mapping),
			 MTI_PT_OK);
}

static enum mti_pt_result begin(uint64_t gva, uint64_t last, uint64_t reads)
{
	tables.reads = 0;
	return mti_pt_walk_begin(&walk, pt, &tables_ops, tables.root, gva, last,
				 reads);
}

static void expect(uint64_t gva, uint64_t gpa, uint64_t size, uint32_t flags)
{
	assert_int_equal(mti_pt_walk_next(&walk, &page), MTI_PT_OK);
	assert_int_equal(page.gva, gva);
	assert_int_equal(page.gpa, gpa);
	assert_int_equal(page.size, size);
	assert_int_equal(page.flags, tables_flags(pt, flags));
}

static void expect_end(enum mti_pt_result result)
{
	assert_int_equal(mti_pt_walk_next(&walk, &page), result);
	/* It stays. */
	page.gva = 1;
	assert_int_equal(mti_pt_walk_next(&walk, &page), result);
	assert_int_equal(page.gva, 1);
}

static bool next_format(size_t *i)
{
	if (*i == TABLES_FORMATS)
		return false;
	pt = tables_formats[(*i)++];
	tables_reset();
	return true;
}

/*
 * A.7; B.9 test_virt_to_phys_unaligned_virt_and_across_pages_len,
 * ..._and_multiple_page_len, _partially_mapped, _perms, _unmapped_address,
 * test_modify_pte_iterator_*.
 */
static void test_ranges(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t gva = tables_first(pt) + 4 * MIB - 2 * PAGE;

		map(gva, 0x10000, 4 * PAGE, MTI_PT_WRITE | MTI_PT_USER);
		map(gva + 5 * PAGE, 0x80000, PAGE, MTI_PT_COW);
		/* Page by page, over the border of two tables, and a hole. */
		assert_int_equal(begin(tables_first(pt), tables_last(pt), 4096),
				 MTI_PT_OK);
		expect(gva, 0x10000, PAGE, MTI_PT_WRITE | MTI_PT_USER);
		expect(gva + PAGE, 0x11000, PAGE, MTI_PT_WRITE | MTI_PT_USER);
		expect(gva + 2 * PAGE, 0x12000, PAGE,
		       MTI_PT_WRITE | MTI_PT_USER);
		expect(gva + 3 * PAGE, 0x13000, PAGE,
		       MTI_PT_WRITE | MTI_PT_USER);
		expect(gva + 5 * PAGE, 0x80000, PAGE, MTI_PT_COW);
		expect_end(MTI_PT_END);
		/* A range that begins and ends inside of pages. */
		begin(gva + PAGE + 0x800, gva + 3 * PAGE, 4096);
		expect(gva + PAGE, 0x11000, PAGE, MTI_PT_WRITE | MTI_PT_USER);
		expect(gva + 2 * PAGE, 0x12000, PAGE,
		       MTI_PT_WRITE | MTI_PT_USER);
		expect(gva + 3 * PAGE, 0x13000, PAGE,
		       MTI_PT_WRITE | MTI_PT_USER);
		expect_end(MTI_PT_END);
		/* One byte; nothing. */
		begin(gva + PAGE - 1, gva + PAGE - 1, 4);
		expect(gva, 0x10000, PAGE, MTI_PT_WRITE | MTI_PT_USER);
		expect_end(MTI_PT_END);
		begin(gva + 4 * PAGE, gva + 5 * PAGE - 1, 4);
		expect_end(MTI_PT_END);
	}
}

/* C17: the last page, both halves of amd64, what is no address. */
static void test_ends(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t first = tables_first(pt);
		const uint64_t last = tables_last(pt);
		const uint64_t wrong = UINT64_C(1) << 60;

		map(last - PAGE + 1, 0x10000, PAGE, 0);
		map(first, 0x20000, PAGE, 0);
		begin(first, last, 4096);
		expect(first, 0x20000, PAGE, 0);
		expect(last - PAGE + 1, 0x10000, PAGE, 0);
		expect_end(MTI_PT_END);
		begin(last, last, 4);
		expect(last - PAGE + 1, 0x10000, PAGE, 0);
		expect_end(MTI_PT_END);
		assert_int_equal(begin(first + 1, first, 9), MTI_PT_INVALID);
		expect_end(MTI_PT_INVALID);
		assert_int_equal(begin(first, last ^ wrong, 9), MTI_PT_INVALID);
		assert_int_equal(begin(first ^ wrong, last, 9), MTI_PT_INVALID);
		assert_int_equal(tables.reads, 0);
	}
}

static void test_large(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i)) {
		const uint64_t span = UINT64_C(1) << pt->shift[pt->large_level];
		const uint64_t gva = tables_first(pt) + 8 * span;

		map(gva, 4 * span, 2 * span, MTI_PT_LARGE | MTI_PT_WRITE);
		begin(gva + span - 5, gva + span, 9);
		expect(gva, 4 * span, span, MTI_PT_WRITE);
		expect(gva + span, 5 * span, span, MTI_PT_WRITE);
		expect_end(MTI_PT_END);
	}
}

/* C17: loops, self-maps, nowhere, reserved bits: errors, after so many. */
static void test_hostile(void **state)
{
	size_t i = 0;
	uint64_t pages;

	(void)state;
	while (next_format(&i)) {
		const uint64_t first = tables_first(pt);

		map(first, 0x10000, PAGE, 0);
		/* A root all of whose entries are the root. */
		for (pages = 0; pages < 1u << pt->bits[0]; pages++)
			tables_set(pt, tables.root, pages,
				   pt->table(0, tables.root));
		begin(first, tables_last(pt), 5000);
		do
			pages++;
		while (mti_pt_walk_next(&walk, &page) == MTI_PT_OK);
		assert_true(tables.reads <= 5000);
		/* Nowhere. */
		tables_set(pt, tables.root, 0, pt->table(0, 0x7f000));
		begin(first, tables_last(pt), 5000);
		expect_end(MTI_PT_UNREADABLE);
		assert_int_equal(tables.reads, 2);
		/* No reads at all. */
		begin(first, first, 0);
		assert_int_equal(mti_pt_walk_next(&walk, &page),
				 MTI_PT_TOO_MANY);
		assert_int_equal(page.gva, first);
		assert_int_equal(tables.reads, 0);
		expect_end(MTI_PT_TOO_MANY);
	}
	pt = &mti_pt_amd64;
	tables_reset();
	tables_set(pt, tables.root, 256, 0x81);
	begin(0, UINT64_MAX, 5000);
	assert_int_equal(mti_pt_walk_next(&walk, &page), MTI_PT_RESERVED);
	assert_int_equal(page.gva, UINT64_C(0xffff800000000000));
}

/* Whatever is in the tables, and wherever they are said to be. */
static void test_random_tables(void **state)
{
	struct mti_pt_translation found;
	uint64_t limit;
	size_t round;
	size_t j;

	(void)state;
	for (round = 0; round < 700; round++) {
		uint64_t spent = 0;
		uint64_t first;

		pt = tables_formats[round % TABLES_FORMATS];
		tables_reset();
		for (j = 0; j < 8 * 512; j++)
			((uint64_t *)tables.pages)[j] =
				(TABLES_BASE +
				 random_below(&source, 10) * PAGE) |
				(random_u64(&source) &
				 (random_below(&source, 3)
					  ? UINT64_C(0xfff)
					  : UINT64_C(0xffc0000000000fff)));
		first = tables_some(pt, random_u64(&source));
		limit = random_below(&source, 3000);
		begin(first, tables_last(pt), limit);
		for (;;) {
			uint64_t before = tables.reads;

			if (mti_pt_walk_next(&walk, &page) != MTI_PT_OK)
				break;
			spent += tables.reads - before;
			assert_true(spent <= limit);
			/* One page at a time says the same. */
			assert_int_equal(mti_pt_translate(pt, &tables_ops,
							  tables.root, page.gva,
							  &found),
					 MTI_PT_OK);
			assert_int_equal(found.gpa, page.gpa);
			assert_int_equal(found.span, page.size);
			assert_int_equal(found.flags, page.flags);
			assert_true(page.gva + page.size > first ||
				    page.gva + page.size == 0);
		}
		assert_true(walk.result != MTI_PT_OK);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_random_tables),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
