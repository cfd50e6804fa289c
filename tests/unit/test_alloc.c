#include <stdint.h>
#include <string.h>

#include "harness/unit.h"

#include "base/alloc.h"
#include "harness/failing_allocator.h"

static void test_zeroed(void **state)
{
	struct failing_allocator memory;
	unsigned char *block;
	size_t i;

	(void)state;
	failing_allocator_init(&memory, 0, false);
	block = mti_alloc_raw(&memory.allocator, 10, 10);
	assert_non_null(block);
	for (i = 0; i < 100; i++)
		block[i] = 0x5a;
	mti_free(&memory.allocator, block);
	block = mti_alloc(&memory.allocator, 10, 10);
	assert_non_null(block);
	for (i = 0; i < 100; i++)
		assert_int_equal(block[i], 0);
	assert_int_equal(memory.live, 1);
	assert_int_equal(memory.bytes, 200);
	mti_free(&memory.allocator, block);
	assert_int_equal(memory.live, 0);
}

/* Refused without asking the allocator, whose malloc(0) may be anything. */
static void test_refused(void **state)
{
	static const size_t cases[][2] = {
		{ 0, 1 },
		{ 1, 0 },
		{ 0, 0 },
		{ SIZE_MAX, 2 },
		{ 2, SIZE_MAX },
		{ SIZE_MAX / 2 + 1, 2 },
		{ SIZE_MAX, SIZE_MAX },
	};
	struct failing_allocator memory;
	size_t i;

	(void)state;
	failing_allocator_init(&memory, 0, false);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(
			mti_alloc(&memory.allocator, cases[i][0], cases[i][1]));
		assert_null(mti_alloc_raw(&memory.allocator, cases[i][0],
					  cases[i][1]));
	}
	assert_int_equal(memory.requests, 0);
}

static void test_no_memory(void **state)
{
	struct failing_allocator memory;

	(void)state;
	failing_allocator_init(&memory, 1, true);
	assert_null(mti_alloc(&memory.allocator, 1, 1));
	assert_null(mti_alloc_raw(&memory.allocator, 1, 1));
	assert_int_equal(memory.requests, 2);
	mti_free(&memory.allocator, NULL);
}

/* Nothing else is in the lines of a block, wherever it comes from. */
static void test_apart(void **state)
{
	static const size_t sizes[] = { 1, 127, 128, 129, 1000 };
	struct failing_allocator memory;
	unsigned char *block;
	size_t i;
	size_t j;

	(void)state;
	failing_allocator_init(&memory, 0, false);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t lines = (sizes[i] + MTI_APART - 1) / MTI_APART;
		size_t before = memory.bytes;

		block = mti_alloc_apart(&memory.allocator, sizes[i]);
		assert_non_null(block);
		assert_int_equal((uintptr_t)block % MTI_APART, 0);
		assert_true(memory.bytes - before >= lines * MTI_APART);
		for (j = 0; j < lines * MTI_APART; j++)
			assert_int_equal(block[j], 0);
		memset(block, 0x5a, lines * MTI_APART);
		mti_free_apart(&memory.allocator, block);
		assert_int_equal(memory.live, 0);
	}
	mti_free_apart(&memory.allocator, NULL);
	assert_null(mti_alloc_apart(&memory.allocator, 0));
	assert_null(mti_alloc_apart(&memory.allocator, SIZE_MAX));
	assert_null(mti_alloc_apart(&memory.allocator,
				    SIZE_MAX - 2 * MTI_APART));
	assert_int_equal(memory.requests,
			 (int)(sizeof(sizes) / sizeof(sizes[0])));
	failing_allocator_init(&memory, 1, true);
	assert_null(mti_alloc_apart(&memory.allocator, 1));
}

static void test_libc(void **state)
{
	const struct mti_allocator *libc = &mti_allocator_libc;
	char *block;

	(void)state;
	block = mti_alloc(libc, 4, 4);
	assert_non_null(block);
	block[15] = 'x';
	block = libc->resize(libc->user, block, 4096);
	assert_non_null(block);
	assert_int_equal(block[15], 'x');
	mti_free(libc, block);
	mti_free(libc, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_libc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
