/*
 * Page tables of amd64 that are edited: what is unmapped is gone, with the
 * tables it needed, and nothing else is. A list of mappings is the model.
 * Tables that a guest has spoiled cost a bounded number of accesses, none of
 * them outside of the tables.
 */
#include <stdbool.h>
#include <string.h>

#include "harness/random.h"
#include "harness/unit.h"

#include "arch/arch.h"

#define PAGE UINT64_C(4096)
#define LARGE (UINT64_C(2) << 20)
#define TABLES 48
#define BASE LARGE
#define ENTRIES 512

static struct {
	uint64_t entries[TABLES][ENTRIES];
	bool used[TABLES];
	size_t limit;
	size_t accesses;
	size_t strays; /* frees of what is no table */
} memory;

static struct random_source source;

static uint64_t *entry_at(uint64_t gpa)
{
	if (gpa < BASE || gpa % 8 != 0 || gpa - BASE >= TABLES * PAGE)
		return NULL;
	return &memory.entries[(gpa - BASE) / PAGE][gpa % PAGE / 8];
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	const uint64_t *at = entry_at(gpa);

	(void)context;
	memory.accesses++;
	if (at)
		*entry = *at;
	return at;
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	uint64_t *at = entry_at(gpa);

	(void)context;
	memory.accesses++;
	if (at)
		*at = entry;
	return at;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	size_t i;

	(void)context;
	for (i = 0; i < memory.limit; i++)
		if (!memory.used[i]) {
			memset(memory.entries[i], 0, PAGE);
			memory.used[i] = true;
			*gpa = BASE + PAGE * i;
			return true;
		}
	return false;
}

static void free_table(void *context, uint64_t gpa)
{
	uint64_t index = (gpa - BASE) / PAGE;

	(void)context;
	if (gpa < BASE || index >= TABLES || !memory.used[index])
		memory.strays++;
	else
		memory.used[index] = false;
}

static const struct mti_pt_ops ops = {
	.read = read_entry,
	.write = write_entry,
	.alloc = alloc_table,
	.free = free_table,
};

static void reset(void)
{
	memset(&memory, 0, sizeof(memory));
	memory.used[0] = true; /* the root */
	memory.limit = TABLES;
}

static size_t tables_used(void)
{
	size_t used = 0;
	size_t i;

	for (i = 0; i < TABLES; i++)
		used += memory.used[i];
	return used;
}

static bool map(uint64_t gva, uint64_t gpa, uint64_t size)
{
	const struct mti_pt_mapping mapping = {
		.gva = gva,
		.gpa = gpa,
		.size = size,
		.flags = MTI_PT_USER | MTI_PT_NEW | MTI_PT_LARGE,
	};

	return mti_pt_map(&mti_pt_amd64, &ops, BASE, &mapping) == MTI_PT_OK;
}

static bool unmap(uint64_t gva, uint64_t gpa, uint64_t size)
{
	const struct mti_pt_mapping mapping = {
		.gva = gva,
		.gpa = gpa,
		.size = size,
		.flags = MTI_PT_USER | MTI_PT_NEW | MTI_PT_LARGE,
	};

	return mti_pt_unmap(&mti_pt_amd64, &ops, BASE, &mapping) == MTI_PT_OK;
}

static bool translate(uint64_t gva, uint64_t *gpa)
{
	struct mti_pt_translation found;

	if (mti_pt_translate(&mti_pt_amd64, &ops, BASE, gva, &found) !=
	    MTI_PT_OK)
		return false;
	*gpa = found.gpa;
	return true;
}

static void expect_nothing_left(void)
{
	size_t i;

	assert_int_equal(tables_used(), 1);
	assert_int_equal(memory.strays, 0);
	for (i = 0; i < ENTRIES; i++)
		assert_int_equal(memory.entries[0][i], 0);
}

static void test_one(void **state)
{
	const uint64_t gva = 8 * LARGE - PAGE;
	const uint64_t gpa = 3 * LARGE - PAGE;
	const uint64_t size = 2 * LARGE + 2 * PAGE;
	uint64_t found;

	(void)state;
	reset();
	assert_true(map(gva, gpa, size));
	assert_true(unmap(gva, gpa, size));
	assert_false(translate(gva, &found));
	assert_false(translate(gva + PAGE, &found));
	expect_nothing_left();
	/* A neighbour keeps the tables that it shares. */
	assert_true(map(gva, gpa, PAGE));
	assert_true(map(gva - PAGE, 0, PAGE));
	assert_true(unmap(gva, gpa, PAGE));
	assert_int_equal(tables_used(), 4);
	assert_true(translate(gva - PAGE, &found));
	assert_false(translate(gva, &found));
	assert_true(unmap(gva - PAGE, 0, PAGE));
	expect_nothing_left();
}

static void test_not_what_map_left(void **state)
{
	uint64_t found;

	(void)state;
	reset();
	assert_false(unmap(0, 0, PAGE));
	assert_true(map(LARGE, 0, LARGE));
	assert_false(unmap(LARGE, 0, PAGE));
	assert_false(unmap(LARGE, LARGE, LARGE));
	assert_false(unmap(LARGE + PAGE, PAGE, PAGE));
	assert_false(unmap(LARGE, 0, 2 * LARGE + 1));
	assert_true(translate(LARGE, &found));
	assert_true(map(4 * LARGE, 0, PAGE));
	assert_false(unmap(4 * LARGE, PAGE, PAGE));
	assert_false(unmap(4 * LARGE, 0, LARGE));
	assert_true(translate(4 * LARGE, &found));
	assert_int_equal(memory.strays, 0);
}

/* A map that fails leaves nothing, wherever it fails. */
static void test_failed_map(void **state)
{
	const uint64_t gva = (UINT64_C(1) << 39) - LARGE - 3 * PAGE;
	const uint64_t gpa = 9 * LARGE - 3 * PAGE;
	const uint64_t size = 4 * LARGE;
	size_t needed;
	uint64_t found;

	(void)state;
	reset();
	assert_true(map(gva, gpa, size));
	needed = tables_used();
	for (memory.limit = 1; memory.limit < needed; memory.limit++) {
		size_t limit = memory.limit;

		reset();
		memory.limit = limit;
		assert_false(map(gva, gpa, size));
		expect_nothing_left();
	}
	/* Something is in the way, at the end. */
	reset();
	assert_true(map(gva + size - PAGE, 0, PAGE));
	assert_false(map(gva, gpa, size));
	assert_false(translate(gva, &found));
	assert_false(translate(gva + size - 2 * PAGE, &found));
	assert_true(unmap(gva + size - PAGE, 0, PAGE));
	expect_nothing_left();
}

/* ------------------------------------------------------------ the model */

#define WINDOW_PAGES 3072
#define WINDOW ((UINT64_C(1) << 39) - WINDOW_PAGES / 2 * PAGE)
#define MAPPINGS 12
#define STEPS 400

static struct mapping {
	uint64_t first; /* page of the window */
	uint64_t count; /* 0: none */
	uint64_t gpa;
} model[MAPPINGS];

static const struct mapping *model_find(uint64_t first, uint64_t count)
{
	size_t i;

	for (i = 0; i < MAPPINGS; i++)
		if (model[i].count > 0 && model[i].first < first + count &&
		    first < model[i].first + model[i].count)
			return &model[i];
	return NULL;
}

static void step(struct mapping *entry)
{
	struct mapping wanted;
	bool possible;

	if (entry->count > 0) {
		assert_true(unmap(WINDOW + entry->first * PAGE, entry->gpa,
				  entry->count * PAGE));
		entry->count = 0;
		return;
	}
	wanted.first = random_below(&source, WINDOW_PAGES);
	wanted.count = 1 + random_below(&source, WINDOW_PAGES - wanted.first);
	if (random_below(&source, 2))
		wanted.count = 1 + (wanted.count - 1) % 20;
	wanted.gpa = random_below(&source, 1u << 20) * PAGE;
	if (random_below(&source, 2))
		wanted.gpa = (wanted.gpa & ~(LARGE - 1)) |
			     ((WINDOW + wanted.first * PAGE) & (LARGE - 1));
	possible = !model_find(wanted.first, wanted.count);
	memory.limit = random_below(&source, 4) ? TABLES : 5;
	if (map(WINDOW + wanted.first * PAGE, wanted.gpa,
		wanted.count * PAGE)) {
		assert_true(possible);
		*entry = wanted;
	} else {
		assert_true(!possible || memory.limit < TABLES);
	}
}

static void check_model(void)
{
	uint64_t page;
	uint64_t gpa;

	for (page = 0; page < WINDOW_PAGES; page++) {
		const struct mapping *there = model_find(page, 1);

		assert_int_equal(translate(WINDOW + page * PAGE, &gpa),
				 there != NULL);
		if (there)
			assert_int_equal(
				gpa, there->gpa + (page - there->first) * PAGE);
	}
}

static void test_model(void **state)
{
	size_t i;

	(void)state;
	reset();
	memset(model, 0, sizeof(model));
	for (i = 0; i < STEPS; i++) {
		step(&model[random_below(&source, MAPPINGS)]);
		if (i % 20 == 0)
			check_model();
	}
	check_model();
	for (i = 0; i < MAPPINGS; i++)
		if (model[i].count > 0)
			step(&model[i]);
	expect_nothing_left();
}

/* Entries that lead to tables, round in circles, and to nowhere. */
static void test_hostile(void **state)
{
	/* Per table: its path, its entries, whether it and others are empty. */
	const size_t bound = 4 + ENTRIES * 2 + 4 * (ENTRIES + 8);
	size_t round;
	size_t i;
	size_t j;

	(void)state;
	for (round = 0; round < 300; round++) {
		const uint64_t gva = random_below(&source, 1u << 20) * PAGE;
		const uint64_t gpa = random_below(&source, 1u << 20) * PAGE;
		const uint64_t size = (1 + random_below(&source, 2048)) * PAGE;
		size_t parts = size / LARGE + 3;

		reset();
		for (i = 0; i < TABLES; i++) {
			memory.used[i] = random_below(&source, 2) || i == 0;
			for (j = 0; j < ENTRIES; j++)
				memory.entries[i][j] =
					random_below(&source, 3) == 0
						? 0
						: (BASE +
						   random_below(&source,
								TABLES + 1) *
							   PAGE) |
							  random_below(&source,
								       256);
		}
		(void)unmap(gva, gpa, size);
		assert_true(memory.accesses <= parts * bound);
		memory.accesses = 0;
		/* Once to map, once to undo it. */
		(void)map(gva, gpa, size);
		assert_true(memory.accesses <= 2 * parts * bound);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_not_what_map_left),
		cmocka_unit_test(test_failed_map),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_hostile),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
