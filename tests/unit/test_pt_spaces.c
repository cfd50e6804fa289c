/*
 * Several address spaces: what they share is found once, at its owner, and
 * can be built again as it was. For the numbers in the comments see
 * test_pt_formats.c.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/random.h"
#include "harness/tables.h"
#include "harness/unit.h"

#define PAGE TABLES_PAGE
#define SEEN 64
#define FOUND 4000

static struct random_source source;
static const struct mti_pt *pt;
static struct mti_pt_seen seen[SEEN];
static struct mti_pt_spaces spaces;
static struct mti_pt_found found[FOUND];
static size_t found_count;
static uint64_t roots[4];

static void map(uint64_t root, uint64_t gva, uint64_t gpa, uint32_t flags)
{
	const struct mti_pt_mapping mapping = { gva, gpa, PAGE, flags };

	assert_int_equal(mti_pt_map(pt, &tables_ops_fixed, root, &mapping),
			 MTI_PT_OK);
}

static uint64_t at(uint64_t root, uint64_t gva)
{
	struct mti_pt_translation there;

	if (mti_pt_translate(pt, &tables_ops, root, gva, &there) != MTI_PT_OK)
		return 0;
	return there.gpa | there.flags;
}

/* The entry of that level for gva. */
static size_t index_of(uint64_t gva, unsigned int level)
{
	return (gva >> pt->shift[level]) & ((1u << pt->bits[level]) - 1);
}

static uint64_t table_of(uint64_t root, uint64_t gva, unsigned int level)
{
	unsigned int i;

	for (i = 0; i < level; i++)
		root = tables_get(pt, root, index_of(gva, i)) &
		       pt->table_address;
	return root;
}

/* Makes the entry of `level - 1` for gva lead to the table of another. */
static void share(unsigned int level, uint64_t root, uint64_t gva,
		  uint64_t from_root, uint64_t from_gva)
{
	uint64_t from = table_of(from_root, from_gva, level - 1);

	tables_set(pt, table_of(root, gva, level - 1), index_of(gva, level - 1),
		   tables_get(pt, from, index_of(from_gva, level - 1)));
}

static enum mti_pt_result walk(uint32_t count, uint64_t gva, uint64_t last,
			       size_t seen_max)
{
	enum mti_pt_result result;

	spaces.pt = pt;
	spaces.ops = &tables_ops;
	spaces.roots = roots;
	spaces.root_count = count;
	spaces.gva = gva;
	spaces.last = last;
	spaces.seen = seen;
	spaces.seen_max = seen_max;
	tables.reads = 0;
	found_count = 0;
	result = mti_pt_spaces_begin(&spaces);
	while (result == MTI_PT_OK && found_count < FOUND)
		result = mti_pt_spaces_next(&spaces, &found[found_count++]);
	found_count--;
	return result;
}

static enum mti_pt_result walk_all(uint32_t count)
{
	return walk(count, tables_first(pt), tables_last(pt), SEEN);
}

static void expect_page(size_t i, uint32_t space, uint64_t gva, uint64_t gpa)
{
	assert_true(i < found_count);
	assert_int_equal(found[i].space, space);
	assert_int_equal(found[i].depth, 0);
	assert_int_equal(found[i].owner, space);
	assert_int_equal(found[i].page.gva, gva);
	assert_int_equal(found[i].page.gpa, gpa);
}

static void expect_shared(size_t i, uint32_t space, unsigned int depth,
			  uint64_t gva, uint32_t owner, uint64_t owner_gva)
{
	assert_true(i < found_count);
	assert_int_equal(found[i].space, space);
	assert_int_equal(found[i].depth, depth);
	assert_int_equal(found[i].page.gva, gva);
	assert_int_equal(found[i].page.size, UINT64_C(1)
						     << pt->shift[depth - 1]);
	assert_int_equal(found[i].owner, owner);
	assert_int_equal(found[i].owner_gva, owner_gva);
}

/* All formats, with so many empty roots. */
static bool next_format(size_t *i, size_t count)
{
	size_t j;

	if (*i == TABLES_FORMATS)
		return false;
	pt = tables_formats[(*i)++];
	tables_reset();
	roots[0] = tables.root;
	for (j = 1; j < count; j++)
		roots[j] = tables_new_root();
	return true;
}

/* Where what an entry of the level above covers starts. */
static uint64_t block(unsigned int level, uint64_t number)
{
	return tables_first(pt) + (number << pt->shift[level - 1]);
}

/*
 * C13, C16: at each depth, at the same address and at another; the owner is
 * the first root; what is not shared is in both.
 */
static void test_shared(void **state)
{
	unsigned int level;
	size_t i = 0;

	(void)state;
	while (next_format(&i, 2))
		for (level = 1; level < pt->levels; level++) {
			const uint64_t own = block(level, 1);
			const uint64_t other = block(level, 2);

			tables_reset();
			roots[1] = tables_new_root();
			map(roots[0], own, 0x10000, 1);
			map(roots[0], own + PAGE, 0x11000, 1);
			map(roots[1], own + 3 * PAGE, 0x20000, 1);
			map(roots[1], other, 0x20000, 1);
			share(level, roots[1], other, roots[0], own);
			assert_int_equal(walk_all(2), MTI_PT_END);
			assert_int_equal(found_count, 4);
			expect_page(0, 0, own, 0x10000);
			expect_page(1, 0, own + PAGE, 0x11000);
			expect_page(2, 1, own + 3 * PAGE, 0x20000);
			expect_shared(3, 1, level, other, 0, own);
			/* The other way round it is the other's. */
			roots[0] = roots[1];
			roots[1] = tables.root;
			assert_int_equal(walk_all(2), MTI_PT_END);
			assert_int_equal(found_count, 4);
			expect_page(1, 0, other, 0x10000);
			expect_shared(3, 1, level, own, 0, other);
			roots[0] = tables.root;
		}
}

/* C17: three roots, the same root twice, alias within one space. */
static void test_more_sharing(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i, 3)) {
		const uint64_t a = block(1, 0);
		const uint64_t b = block(1, 3);

		map(roots[0], a, 0x10000, 0);
		map(roots[1], a, 0x20000, 0);
		map(roots[2], a, 0x20000, 0);
		share(1, roots[1], a, roots[0], a);
		share(1, roots[2], a, roots[0], a);
		share(1, roots[2], b, roots[1], a);
		roots[3] = roots[0];
		assert_int_equal(walk_all(4), MTI_PT_END);
		assert_int_equal(found_count, 5);
		expect_page(0, 0, a, 0x10000);
		expect_shared(1, 1, 1, a, 0, a);
		expect_shared(2, 2, 1, a, 0, a);
		expect_shared(3, 2, 1, b, 0, a);
		expect_shared(4, 3, 1, a, 0, a);
		/* Within one. */
		share(1, roots[0], b, roots[0], a);
		assert_int_equal(walk_all(1), MTI_PT_END);
		assert_int_equal(found_count, 2);
		expect_shared(1, 0, 1, b, 0, a);
	}
}

/* What is not the same, though its tables are; what is nothing at all. */
static void test_not_shared(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i, 2)) {
		const uint64_t a = block(1, 1);
		const unsigned int last = pt->levels - 1u;
		uint64_t refused = pt->levels == 4 && pt->high_if == 0
					   ? UINT64_C(1) << 62
					   : 2;
		uint64_t table;

		map(roots[0], a, 0x10000, 1);
		map(roots[1], a, 0x20000, 1);
		share(last, roots[1], a, roots[0], a);
		/* Less is allowed on the way: it stays so. */
		table = table_of(roots[1], a, last - 1);
		tables_set(pt, table, index_of(a, last - 1),
			   tables_get(pt, table, index_of(a, last - 1)) ^
				   refused);
		assert_int_equal(walk_all(2), MTI_PT_END);
		assert_int_equal(found_count, 2);
		expect_page(1, 1, a, 0x10000);
		assert_int_equal(found[0].page.flags & 1, 1);
		assert_int_equal(found[1].page.flags & 1, 0);
		/* A part of it: what is in the other part, another has. */
		share(last, roots[1], a, roots[0], a);
		assert_int_equal(walk(2, a, a + PAGE - 1, SEEN), MTI_PT_END);
		assert_int_equal(found_count, 2);
		expect_page(0, 0, a, 0x10000);
		expect_page(1, 1, a, 0x10000);
		/* A table that maps nothing is not reported. */
		assert_int_equal(mti_pt_clear(pt, &tables_ops_no_free, roots[0],
					      a, PAGE),
				 MTI_PT_OK);
		assert_int_equal(walk_all(2), MTI_PT_END);
		assert_int_equal(found_count, 0);
	}
}

/* C17: from every table but the last to each above it, and to itself. */
static void test_loops(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i, 1)) {
		const uint64_t a = block(1, 1);
		unsigned int from;
		unsigned int to;

		map(roots[0], a, 0x10000, 0);
		for (from = 0; from + 1 < pt->levels; from++)
			for (to = 0; to <= from; to++) {
				uint64_t table = table_of(roots[0], a, from);
				uint64_t back = table_of(roots[0], a, to);

				tables_set(pt, table, 2, pt->table(from, back));
				assert_int_equal(walk_all(1), MTI_PT_LOOP);
				/* What was before it is still told. */
				expect_page(0, 0, a, 0x10000);
				tables_set(pt, table, 2, 0);
			}
		assert_int_equal(walk_all(1), MTI_PT_END);
		assert_int_equal(found_count, 1);
	}
}

/* C17: self-maps, a root that is another's table, nowhere, too many. */
static void test_refused(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i, 2)) {
		const uint64_t a = block(1, 1);
		size_t limit;

		map(roots[0], a, 0x10000, 0);
		map(roots[1], a, 0x20000, 0);
		assert_int_equal(walk_all(0), MTI_PT_INVALID);
		assert_int_equal(walk(1, 0, 0, 0), MTI_PT_INVALID);
		assert_int_equal(walk(1, 0, 0, 12), MTI_PT_INVALID);
		assert_int_equal(walk(1, a, a - 1, SEEN), MTI_PT_INVALID);
		/* Room for the tables that there are, and one. */
		for (limit = 1; limit < 2u * pt->levels + 1; limit *= 2)
			assert_int_equal(walk(2, tables_first(pt),
					      tables_last(pt), limit),
					 MTI_PT_TOO_MANY);
		assert_int_equal(walk(2, tables_first(pt), tables_last(pt), 16),
				 MTI_PT_END);
		/* The second root is a table of the first; it is a self-map. */
		tables_set(pt, roots[0], 3, pt->table(0, roots[1]));
		assert_int_equal(walk_all(2), MTI_PT_LOOP);
		tables_set(pt, roots[0], 3, pt->table(0, roots[0]));
		assert_int_equal(walk_all(1), MTI_PT_LOOP);
		assert_int_equal(found[found_count].page.gva, block(1, 3));
		/* Nowhere, in the second. */
		tables_set(pt, roots[0], 3, 0);
		tables_set(pt, roots[1], 3, pt->table(0, 0x1000));
		assert_int_equal(walk_all(2), MTI_PT_UNREADABLE);
		assert_int_equal(found[found_count].space, 1);
	}
	pt = &mti_pt_amd64;
	tables_reset();
	roots[0] = tables.root;
	tables_set(pt, roots[0], 5, 0x81);
	assert_int_equal(walk_all(1), MTI_PT_RESERVED);
}

/* A large page is a page; PAE's roots may be in one page together. */
static void test_large_and_small_roots(void **state)
{
	const struct mti_pt_mapping large = { UINT64_C(8) << 20,
					      UINT64_C(16) << 20,
					      UINT64_C(4) << 20, MTI_PT_LARGE };

	(void)state;
	pt = &mti_pt_i686_pse;
	tables_reset();
	roots[0] = tables.root;
	roots[1] = roots[0];
	assert_int_equal(mti_pt_map(pt, &tables_ops, roots[0], &large),
			 MTI_PT_OK);
	assert_int_equal(walk_all(2), MTI_PT_END);
	assert_int_equal(found_count, 2);
	expect_page(1, 1, large.gva, large.gpa);
	pt = &mti_pt_i686_pae;
	tables_reset();
	roots[0] = tables.root;
	roots[1] = tables.root + 32;
	map(roots[0], 0, 0x10000, 0);
	map(roots[1], 0, 0x20000, 0);
	share(1, roots[1], 0, roots[0], 0);
	assert_int_equal(walk_all(2), MTI_PT_END);
	assert_int_equal(found_count, 2);
	expect_shared(1, 1, 1, 0, 0, 0);
}

/* ----------------------------------------------------------- rebuilding */

static uint64_t built[4];

static enum mti_pt_result rebuild(uint32_t count)
{
	enum mti_pt_result result;
	size_t i;

	for (i = 0; i < count; i++)
		built[i] = tables_new_root();
	for (i = 0; i < found_count; i++) {
		const struct mti_pt_found *one = &found[i];
		const struct mti_pt_mapping mapping = {
			one->page.gva,
			one->page.gpa,
			one->page.size,
			one->page.flags,
		};

		if (one->depth == 0)
			result = mti_pt_map(pt, &tables_ops_fixed,
					    built[one->space], &mapping);
		else
			result = mti_pt_link(pt, &tables_ops_fixed, one, built,
					     count);
		if (result != MTI_PT_OK)
			return result;
	}
	return MTI_PT_OK;
}

/* C14, C15, C17: two processes; what one sees of a change, the other does. */
static void test_rebuilt(void **state)
{
	unsigned int level;
	size_t i = 0;

	(void)state;
	while (next_format(&i, 2))
		for (level = 1; level < pt->levels; level++) {
			const uint64_t a = block(level, 1);
			const uint64_t b = block(level, 2);

			tables_reset();
			roots[0] = tables.root;
			roots[1] = tables_new_root();
			map(roots[0], a, 0x10000, 3);
			map(roots[0], a + PAGE, 0x11000, 8);
			map(roots[1], b, 0x20000, 0);
			map(roots[1], a, 0x30000, 0);
			share(level, roots[1], b, roots[0], a);
			assert_int_equal(walk_all(2), MTI_PT_END);
			assert_int_equal(rebuild(2), MTI_PT_OK);
			assert_int_equal(at(built[0], a), at(roots[0], a));
			assert_int_equal(at(built[1], a), at(roots[1], a));
			assert_int_equal(at(built[1], b), at(roots[0], a));
			assert_int_equal(at(built[1], b + PAGE),
					 at(roots[0], a + PAGE));
			assert_int_equal(table_of(built[1], b, level),
					 table_of(built[0], a, level));
			assert_int_not_equal(table_of(built[1], b, level),
					     table_of(roots[0], a, level));
			map(built[1], b + 2 * PAGE, 0x50000, 1);
			assert_int_equal(at(built[0], a + 2 * PAGE),
					 at(built[1], b + 2 * PAGE));
			/* Again: it is there. */
			assert_int_equal(found[found_count - 1].depth, level);
			assert_int_equal(mti_pt_link(pt, &tables_ops_fixed,
						     &found[found_count - 1],
						     built, 2),
					 MTI_PT_OK);
		}
}

/* Whether any entry of a table that is in use names it. */
static bool is_named(uint64_t table)
{
	size_t entries = 4096 / pt->entry_bytes;
	size_t i;
	size_t j;

	for (i = 0; i < TABLES_MAX; i++)
		for (j = 0; tables.used[i] && j < entries; j++) {
			uint64_t raw = tables_get(pt, TABLES_BASE + i * PAGE,
						  j);

			if ((raw & 1) && (raw & pt->table_address) == table)
				return true;
		}
	return false;
}

static void free_unnamed(void *context, uint64_t table)
{
	if (!is_named(table))
		tables_ops_fixed.free(context, table);
}

/* Two spaces with a linked table of that level; what else there is. */
static void make_linked(unsigned int level, uint64_t a, uint64_t b)
{
	struct mti_pt_found link = {
		.space = 1, .depth = level, .page.gva = b, .owner_gva = a
	};

	tables_reset();
	built[0] = tables.root;
	built[1] = tables_new_root();
	map(built[0], a, 0x10000, 0);
	assert_int_equal(mti_pt_link(pt, &tables_ops_fixed, &link, built, 2),
			 MTI_PT_OK);
	assert_int_equal(at(built[1], b), at(built[0], a));
}

static void clear_page(const struct mti_pt_ops *ops, uint64_t root,
		       uint64_t gva)
{
	assert_int_equal(mti_pt_clear(pt, ops, root, gva, PAGE), MTI_PT_OK);
}

/* C14: a table that is linked stays for the others, in both ways. */
static void test_linked_is_cleared(void **state)
{
	struct mti_pt_ops counting = tables_ops_fixed;
	unsigned int level;
	size_t i = 0;

	(void)state;
	counting.free = free_unnamed;
	while (next_format(&i, 2))
		for (level = 1; level < pt->levels; level++) {
			const uint64_t a = block(level, 1);
			const uint64_t b = block(level, 2);

			/* Without free: what one maps both have. */
			make_linked(level, a, b);
			clear_page(&tables_ops_no_free, built[1], b);
			assert_int_equal(at(built[0], a), 0);
			map(built[1], b, 0x20000, 0);
			assert_int_equal(at(built[0], a), at(built[1], b));
			/* The last who has it gives it back. */
			make_linked(level, a, b);
			clear_page(&counting, built[1], b);
			assert_true(is_named(table_of(built[0], a, level)));
			map(built[0], a, 0x30000, 0);
			assert_int_equal(at(built[0], a) & ~0xfffull, 0x30000);
			assert_int_equal(at(built[1], b), 0);
			clear_page(&counting, built[0], a);
			assert_int_equal(tables_used(), 2);
			assert_int_equal(tables.strays, 0);
			/* A free that does not look takes it from the other. */
			make_linked(level, a, b);
			clear_page(&tables_ops_fixed, built[1], b);
			assert_false(tables.used[(table_of(built[0], a, level) -
						  TABLES_BASE) /
						 PAGE]);
		}
}

/* C15: no owner is an error, where others go on without a word. */
static void test_link_refused(void **state)
{
	size_t i = 0;

	(void)state;
	while (next_format(&i, 3)) {
		const uint64_t a = block(1, 1);
		const struct mti_pt_found good = {
			.space = 1, .depth = 1, .page.gva = a, .owner_gva = a
		};
		struct mti_pt_found link = good;
		size_t n;

		map(roots[0], a, 0x10000, 0);
		built[0] = roots[0];
		built[1] = roots[1];
		built[2] = MTI_PT_NO_ROOT;
#define EXPECT_LINK(expected)                                                  \
	assert_int_equal(mti_pt_link(pt, &tables_ops_fixed, &link, built, 3),  \
			 expected)
		link.owner = 3;
		EXPECT_LINK(MTI_PT_NO_OWNER);
		link.owner = 2;
		EXPECT_LINK(MTI_PT_NO_OWNER);
		link = good;
		link.owner_gva = block(1, 2);
		EXPECT_LINK(MTI_PT_NO_OWNER);
		link.owner_gva = a ^ (UINT64_C(1) << 60);
		EXPECT_LINK(MTI_PT_INVALID);
		link = good;
		link.page.gva = a ^ (UINT64_C(1) << 60);
		EXPECT_LINK(MTI_PT_INVALID);
		link = good;
		link.depth = pt->levels;
		EXPECT_LINK(MTI_PT_INVALID);
		link.depth = 0;
		EXPECT_LINK(MTI_PT_INVALID);
		link = good;
		link.space = 3;
		EXPECT_LINK(MTI_PT_INVALID);
		link.space = 2;
		EXPECT_LINK(MTI_PT_INVALID);
		/* Deeper than the owner's tables go. */
		link = good;
		link.owner_gva = block(1, 2);
		link.depth = pt->levels - 1u;
		EXPECT_LINK(MTI_PT_NO_OWNER);
		link.owner_gva = a;
		if (link.depth > 1) {
			/* A table cannot be where a page is. */
			tables_set(pt, roots[1], 1, pt->table(0, 0x1000));
			EXPECT_LINK(MTI_PT_UNREADABLE);
			tables_set(pt, roots[1], 1, 0);
		}
		/* Each call fails once. */
		link = good;
		for (n = 1; n < 5; n++) {
			tables.calls = 0;
			tables.fail_at = n;
			assert_int_equal(mti_pt_link(pt, &tables_ops, &link,
						     built, 3) == MTI_PT_OK,
					 n > (pt->entry_bytes == 8 ? 4u : 5u));
			tables.fail_at = 0;
		}
		tables_set(pt, roots[1], 1, 0);
		EXPECT_LINK(MTI_PT_OK);
		/* Something else is there already. */
		tables_set(pt, roots[1], 1, pt->table(0, roots[2]));
		EXPECT_LINK(MTI_PT_IN_USE);
	}
}

/* Whatever the tables say: so many reads, and an end. */
static void test_hostile(void **state)
{
	size_t round;
	size_t ends[16] = { 0 };
	size_t j;

	(void)state;
	for (round = 0; round < 1400; round++) {
		const uint32_t count = 1 + (uint32_t)random_below(&source, 3);
		size_t entries;
		uint64_t first;
		uint64_t last;
		enum mti_pt_result result;

		pt = tables_formats[round % TABLES_FORMATS];
		entries = 4096 / pt->entry_bytes;
		tables_reset();
		for (j = 0; j < 3; j++)
			roots[j] =
				TABLES_BASE + random_below(&source, 4) * PAGE;
		/* Often a proper tree, so that walks go far. */
		for (j = 0; j < 12 * 512; j++) {
			uint64_t to = random_below(&source, 40) == 0
					      ? j / 512 + 3
					      : UINT64_C(0x100000);
			uint64_t entry = random_u64(&source) & 0xe67;

			if (random_below(&source, 200) == 0)
				entry = random_u64(&source);
			if (random_below(&source, 3000) == 0)
				to = random_below(&source, 14);
			if (j < 8 * 512 && to == 0x100000)
				entry = 0;
			((uint64_t *)tables.pages)[j] =
				entry |
				(to < 20 ? TABLES_BASE + to * PAGE : PAGE);
		}
		first = tables_some(
			pt, random_below(&source, 2) ? 0 : random_u64(&source));
		last = tables_last(pt);
		result = walk(count, first, last, SEEN);
		assert_int_not_equal(result, MTI_PT_OK);
		ends[result]++;
		/* What the header says. */
		assert_true(tables.reads <=
			    entries * (SEEN + count * (2u * pt->levels - 1u)));
	}
	assert_true(ends[MTI_PT_LOOP] > 0);
	assert_true(ends[MTI_PT_RESERVED] > 0);
	assert_true(ends[MTI_PT_UNREADABLE] > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_more_sharing),
		cmocka_unit_test(test_not_shared),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_large_and_small_roots),
		cmocka_unit_test(test_rebuilt),
		cmocka_unit_test(test_linked_is_cleared),
		cmocka_unit_test(test_link_refused),
		cmocka_unit_test(test_hostile),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
