/*
 * The set of pages (mem/dirty.h) against an array of flags.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/failing_allocator.h"
#include "harness/random.h"
#include "harness/unit.h"
#include "mem/dirty.h"

#define PAGE UINT64_C(4096)
#define PIECE (4096 * PAGE)

static uint64_t seed;

static void compare_count(const struct mti_dirty *dirty, const bool *model,
			  size_t first, size_t end)
{
	size_t count = 0;
	size_t page;

	for (page = first; page < end; page++)
		count += model[page];
	assert_int_equal(mti_dirty_count(dirty, first * PAGE,
					 (end - first) * PAGE),
			 count);
}

/* The runs that a walk finds are those of the model. */
static void compare(const struct mti_dirty *dirty, const bool *model,
		    size_t pages)
{
	size_t count = 0;
	size_t page = 0;
	uint64_t gpa = 0;
	uint64_t size;

	while (mti_dirty_next(dirty, &gpa, &size)) {
		assert_int_equal(gpa % PAGE, 0);
		assert_true(size > 0);
		for (; page < gpa / PAGE; page++)
			assert_false(model[page]);
		gpa += size;
		assert_true(gpa <= pages * PAGE);
		for (; page < gpa / PAGE; page++, count++) {
			assert_true(model[page]);
			assert_true(mti_dirty_has(dirty, page * PAGE + 7));
		}
	}
	for (; page < pages; page++) {
		assert_false(model[page]);
		assert_false(mti_dirty_has(dirty, page * PAGE));
	}
	assert_int_equal(dirty->count, count);
	compare_count(dirty, model, 0, pages);
	compare_count(dirty, model, pages / 3, pages / 3);
	compare_count(dirty, model, pages / 3, pages - pages / 4);
}

/* Sizes with a piece that is not full, one that is, and several. */
static void test_random(void **state)
{
	static const size_t sizes[] = { 1, 63, 64, 65, 4095, 4096, 9000 };
	struct random_source random = { seed };
	struct failing_allocator memory;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t pages = sizes[i];
		bool *model = calloc(pages, sizeof(*model));
		struct mti_dirty dirty;
		int round;

		assert_non_null(model);
		failing_allocator_init(&memory, 0, false);
		assert_true(mti_dirty_init(&dirty, &memory.allocator,
					   pages * PAGE));
		for (round = 0; round < 300; round++) {
			size_t first = random_below(&random, pages);
			size_t count = random_below(
				&random, random_below(&random, 20) ?
						 3 :
						 pages - first + 1);
			bool add = random_below(&random, 3) != 0;

			if (count > pages - first)
				count = pages - first;
			memset(model + first, add, count);
			(add ? mti_dirty_add : mti_dirty_remove)(
				&dirty, first * PAGE, count * PAGE);
			if (round % 10 == 0)
				compare(&dirty, model, pages);
		}
		compare(&dirty, model, pages);
		mti_dirty_clear(&dirty);
		memset(model, 0, pages);
		compare(&dirty, model, pages);
		mti_dirty_fini(&dirty);
		assert_int_equal(memory.live, 0);
		free(model);
	}
}

/* Bytes count as their pages; what is outside as nothing. */
static void test_bounds(void **state)
{
	struct failing_allocator memory;
	bool model[3] = { true, true, false };
	struct mti_dirty dirty;

	(void)state;
	failing_allocator_init(&memory, 0, false);
	assert_true(mti_dirty_init(&dirty, &memory.allocator, 3 * PAGE));
	mti_dirty_add(&dirty, PAGE - 1, 2);
	compare(&dirty, model, 3);
	mti_dirty_add(&dirty, 2 * PAGE, 0);
	mti_dirty_add(&dirty, 3 * PAGE, 1);
	mti_dirty_add(&dirty, UINT64_MAX, UINT64_MAX);
	compare(&dirty, model, 3);
	assert_false(mti_dirty_has(&dirty, 3 * PAGE));
	assert_false(mti_dirty_has(&dirty, UINT64_MAX));
	mti_dirty_add(&dirty, 3 * PAGE - 1, UINT64_MAX);
	model[2] = true;
	compare(&dirty, model, 3);
	mti_dirty_fini(&dirty);
}

/* Memory for the set: what was written, not what there is. */
static void test_memory(void **state)
{
	struct failing_allocator memory;
	struct mti_dirty dirty;
	size_t before;
	size_t i;

	(void)state;
	failing_allocator_init(&memory, 0, false);
	assert_true(mti_dirty_init(&dirty, &memory.allocator,
				   UINT64_C(64) << 30));
	before = memory.live;
	for (i = 0; i < 4096; i++)
		mti_dirty_add(&dirty, 5 * PIECE + i * PAGE, 1);
	assert_int_equal(memory.live - before, 1);
	mti_dirty_add(&dirty, (UINT64_C(64) << 30) - 1, 1);
	assert_int_equal(memory.live - before, 2);
	assert_int_equal(dirty.count, 4097);
	mti_dirty_fini(&dirty);
	assert_int_equal(memory.live, 0);
}

/* A page that could not be noted is not forgotten: the set says so. */
static void test_lost(void **state)
{
	struct failing_allocator memory;
	struct mti_dirty dirty;

	(void)state;
	failing_allocator_init(&memory, 1, false);
	assert_false(mti_dirty_init(&dirty, &memory.allocator, PIECE));
	failing_allocator_init(&memory, 2, false);
	assert_true(mti_dirty_init(&dirty, &memory.allocator, 2 * PIECE));
	mti_dirty_add(&dirty, PAGE, 1);
	assert_true(dirty.lost);
	assert_false(mti_dirty_has(&dirty, PAGE));
	mti_dirty_add(&dirty, PIECE, 1);
	assert_true(dirty.lost);
	mti_dirty_clear(&dirty);
	assert_false(dirty.lost);
	assert_int_equal(dirty.count, 0);
	mti_dirty_fini(&dirty);
	assert_int_equal(memory.live, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_lost),
	};

	seed = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
