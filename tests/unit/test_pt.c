/*
 * Page tables of amd64: what was mapped is what a walk finds, and nothing
 * else. A flat array is the model. (Whole plans and hostile tables are in
 * test_layout.c.)
 */
#include <stdbool.h>
#include <string.h>

#include "harness/random.h"
#include "harness/unit.h"

#include "abi/layout.h"
#include "arch/arch.h"

#define PAGE UINT64_C(4096)
#define LARGE (UINT64_C(2) << 20)
#define LOWER_HALF (UINT64_C(1) << 47)
#define TABLES 64
#define BASE LARGE
#define ENTRIES 512
#define ANY_FLAGS (MTI_PT_WRITE | MTI_PT_EXECUTE | MTI_PT_USER)
#define PTE_LARGE UINT64_C(0x80)

static struct {
	uint64_t entries[TABLES][ENTRIES];
	size_t used;
	size_t limit;
	size_t reads;
} memory;

static struct random_source source;

static uint64_t *entry_at(uint64_t gpa)
{
	if (gpa < BASE || gpa % 8 != 0 || gpa - BASE >= memory.used * PAGE)
		return NULL;
	return &memory.entries[(gpa - BASE) / PAGE][gpa % PAGE / 8];
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	const uint64_t *at = entry_at(gpa);

	(void)context;
	memory.reads++;
	if (at)
		*entry = *at;
	return at;
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	uint64_t *at = entry_at(gpa);

	(void)context;
	if (at)
		*at = entry;
	return at;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	(void)context;
	if (memory.used == memory.limit)
		return false;
	*gpa = BASE + PAGE * memory.used++;
	return true;
}

static const struct mti_pt_ops ops = {
	.read = read_entry,
	.write = write_entry,
	.alloc = alloc_table,
};

static void reset(void)
{
	memset(&memory, 0, sizeof(memory));
	memory.used = 1; /* the root */
	memory.limit = TABLES;
}

static bool map(uint64_t gva, uint64_t gpa, uint64_t size, uint32_t flags)
{
	const struct mti_pt_mapping mapping = {
		.gva = gva,
		.gpa = gpa,
		.size = size,
		.flags = flags | MTI_PT_NEW | MTI_PT_LARGE,
	};

	return mti_pt_map(&mti_pt_amd64, &ops, BASE, &mapping) == MTI_PT_OK;
}

static bool walk(uint64_t gva, struct mti_pt_translation *out)
{
	memory.reads = 0;
	return mti_pt_translate(&mti_pt_amd64, &ops, BASE, gva, out) ==
	       MTI_PT_OK;
}

static void expect(uint64_t gva, uint64_t gpa, uint64_t span, uint32_t flags)
{
	struct mti_pt_translation found;

	assert_true(walk(gva, &found));
	assert_int_equal(found.gpa, gpa);
	assert_int_equal(found.span, span);
	assert_int_equal(found.flags, flags);
}

static void expect_none(uint64_t gva)
{
	struct mti_pt_translation found;

	assert_false(walk(gva, &found));
}

static void test_one_page(void **state)
{
	static const uint64_t places[] = {
		0, PAGE, LARGE - PAGE, UINT64_C(0x7ffffffff000), MOTE_GVA_HEAP,
	};
	uint32_t flags;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (flags = 0; flags <= ANY_FLAGS; flags++) {
			uint64_t gva = places[i];

			reset();
			assert_true(map(gva, 0x5000, PAGE, flags));
			expect(gva, 0x5000, PAGE, flags);
			expect(gva + 4095, 0x5fff, 1, flags);
			expect_none(gva + PAGE);
			expect_none(gva - PAGE);
		}
}

static void test_large_pages(void **state)
{
	const uint64_t gva = 8 * LARGE;
	const uint64_t gpa = 3 * LARGE;

	(void)state;
	reset();
	/* One small page, two large ones, one small. */
	assert_true(
		map(gva - PAGE, gpa - PAGE, 2 * LARGE + 2 * PAGE, ANY_FLAGS));
	expect(gva - PAGE, gpa - PAGE, PAGE, ANY_FLAGS);
	expect(gva, gpa, LARGE, ANY_FLAGS);
	expect(gva + LARGE + 5, gpa + LARGE + 5, LARGE - 5, ANY_FLAGS);
	expect(gva + 2 * LARGE, gpa + 2 * LARGE, PAGE, ANY_FLAGS);
	expect_none(gva - 2 * PAGE);
	expect_none(gva + 2 * LARGE + PAGE);
	/* Root, two directories, page tables on both sides. */
	assert_int_equal(memory.used, 5);
	/* Addresses that differ within a large page: small ones only. */
	reset();
	assert_true(map(gva, gpa + PAGE, LARGE, ANY_FLAGS));
	expect(gva, gpa + PAGE, PAGE, ANY_FLAGS);
	expect(gva + LARGE - PAGE, gpa + LARGE, PAGE, ANY_FLAGS);
}

static void test_refused(void **state)
{
	(void)state;
	reset();
	assert_false(map(1, 0, PAGE, 0));
	assert_false(map(0, 1, PAGE, 0));
	assert_false(map(0, 0, 1, 0));
	assert_false(map(LOWER_HALF, 0, PAGE, 0));
	assert_false(map(LOWER_HALF - PAGE, 0, 2 * PAGE, 0));
	assert_false(map(-PAGE, 0, 2 * PAGE, 0));
	assert_false(map(0, -PAGE, 2 * PAGE, 0));
	assert_int_equal(memory.used, 1);
	/* Something is there, of the same size or another. */
	assert_true(map(LARGE, 0, LARGE, 0));
	assert_false(map(LARGE, 0, PAGE, 0));
	assert_false(map(LARGE, 0, LARGE, 0));
	assert_false(map(2 * LARGE - PAGE, 0, 2 * PAGE, 0));
	assert_true(map(4 * LARGE + PAGE, 0, PAGE, 0));
	assert_false(map(4 * LARGE + PAGE, 0, PAGE, 0));
	assert_false(map(4 * LARGE, 0, LARGE, 0));
	/* A large page is no table, even if it is where tables are. */
	assert_true(map(5 * LARGE, BASE, LARGE, 0));
	assert_false(map(5 * LARGE + 8 * PAGE, 0, PAGE, 0));
	assert_int_equal(memory.entries[0][8], 0);
}

static void test_no_memory(void **state)
{
	size_t limit;

	(void)state;
	for (limit = 1; limit < 4; limit++) {
		reset();
		memory.limit = limit;
		assert_false(map(PAGE, 0, PAGE, 0));
		expect_none(PAGE);
	}
	reset();
	memory.limit = 4;
	assert_true(map(PAGE, 0, PAGE, 0));
}

/* A right that one level refuses is refused (SDM 3A, 4.6). */
static void test_rights_of_levels(void **state)
{
	size_t level;

	(void)state;
	for (level = 0; level < 4; level++) {
		uint64_t *entry = &memory.entries[level][0];

		reset();
		assert_true(map(0, 0x5000, PAGE, ANY_FLAGS));
		*entry &= ~UINT64_C(2);
		expect(0, 0x5000, PAGE, MTI_PT_EXECUTE | MTI_PT_USER);
		*entry &= ~UINT64_C(4);
		expect(0, 0x5000, PAGE, MTI_PT_EXECUTE);
		*entry |= UINT64_C(1) << 63;
		expect(0, 0x5000, PAGE, 0);
		*entry &= ~UINT64_C(1);
		expect_none(0);
	}
}

/* Accessed and dirty are set, so that the CPU writes to no table. */
static void test_nothing_to_write(void **state)
{
	size_t i;
	size_t j;

	(void)state;
	reset();
	assert_true(map(LARGE - PAGE, 0, PAGE, ANY_FLAGS));
	assert_true(map(4 * LARGE, 0, LARGE, 0));
	for (i = 0; i < memory.used; i++)
		for (j = 0; j < ENTRIES; j++) {
			uint64_t entry = memory.entries[i][j];
			bool leaf = entry & PTE_LARGE || i == 3;

			if (!(entry & 1))
				continue;
			assert_true(entry & 0x20);
			assert_true(!leaf || entry & 0x40);
		}
}

/* ------------------------------------------------------------ the model */

/* Pages around a border that all tables share. */
#define WINDOW_PAGES 3072
#define WINDOW ((UINT64_C(1) << 39) - WINDOW_PAGES / 2 * PAGE)

static struct {
	bool mapped;
	uint64_t gpa;
	uint32_t flags;
} model[WINDOW_PAGES];

static void map_something(void)
{
	uint64_t first = random_below(&source, WINDOW_PAGES);
	uint64_t count = 1 + random_below(&source, WINDOW_PAGES - first);
	uint64_t gpa = random_below(&source, 1u << 20);
	uint32_t flags = (uint32_t)random_below(&source, ANY_FLAGS + 1);
	uint64_t i;

	if (random_below(&source, 2))
		count = 1 + (count - 1) % 20;
	if (random_below(&source, 2))
		gpa = (gpa & ~UINT64_C(511)) | ((WINDOW / PAGE + first) & 511);
	for (i = first; i < first + count; i++)
		if (model[i].mapped)
			return;
	assert_true(
		map(WINDOW + first * PAGE, gpa * PAGE, count * PAGE, flags));
	for (i = 0; i < count; i++) {
		model[first + i].mapped = true;
		model[first + i].gpa = (gpa + i) * PAGE;
		model[first + i].flags = flags;
	}
}

static void test_model(void **state)
{
	size_t round;
	size_t i;

	(void)state;
	for (round = 0; round < 50; round++) {
		reset();
		memset(model, 0, sizeof(model));
		for (i = 0; i < 20; i++)
			map_something();
		for (i = 0; i < WINDOW_PAGES; i++) {
			uint64_t gva = WINDOW + i * PAGE + 7;
			struct mti_pt_translation found;

			assert_int_equal(walk(gva, &found), model[i].mapped);
			if (!model[i].mapped)
				continue;
			assert_int_equal(found.gpa, model[i].gpa + 7);
			assert_int_equal(found.flags, model[i].flags);
		}
	}
}

/* No address at all is not even looked up. */
static void test_no_address(void **state)
{
	struct mti_pt_translation found;

	(void)state;
	reset();
	assert_false(walk(LOWER_HALF, &found));
	assert_int_equal(memory.reads, 0);
	assert_false(walk(-LOWER_HALF - 1, &found));
	assert_int_equal(memory.reads, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_page),
		cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_rights_of_levels),
		cmocka_unit_test(test_nothing_to_write),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_no_address),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
