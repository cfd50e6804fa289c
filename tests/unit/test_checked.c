#include "harness/unit.h"

#include "base/checked.h"

#define MAX UINT64_MAX

static void test_add(void **state)
{
	uint64_t out = 7;

	(void)state;
	assert_true(mti_add_u64(1, 2, &out));
	assert_int_equal(out, 3);
	assert_true(mti_add_u64(MAX, 0, &out));
	assert_int_equal(out, MAX);
	assert_true(mti_add_u64(MAX - 5, 5, &out));
	assert_int_equal(out, MAX);
	assert_false(mti_add_u64(MAX, 1, &out));
	assert_false(mti_add_u64(MAX, MAX, &out));
}

static void test_mul(void **state)
{
	uint64_t out = 7;

	(void)state;
	assert_true(mti_mul_u64(3, 4, &out));
	assert_int_equal(out, 12);
	assert_true(mti_mul_u64(MAX, 0, &out));
	assert_int_equal(out, 0);
	assert_true(mti_mul_u64(UINT32_MAX, (uint64_t)UINT32_MAX + 2, &out));
	assert_int_equal(out, MAX);
	assert_false(mti_mul_u64(MAX, 2, &out));
	assert_false(mti_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &out));
}

static void test_align(void **state)
{
	uint64_t out = 7;

	(void)state;
	assert_true(mti_align_up_u64(0, 4096, &out));
	assert_int_equal(out, 0);
	assert_true(mti_align_up_u64(1, 4096, &out));
	assert_int_equal(out, 4096);
	assert_true(mti_align_up_u64(4096, 4096, &out));
	assert_int_equal(out, 4096);
	assert_true(mti_align_up_u64(MAX, 1, &out));
	assert_int_equal(out, MAX);
	assert_true(mti_align_up_u64(MAX - 4095, 4096, &out));
	assert_int_equal(out, MAX - 4095);
	out = 7;
	assert_false(mti_align_up_u64(MAX - 4094, 4096, &out));
	assert_false(mti_align_up_u64(MAX, 4096, &out));
	assert_int_equal(out, 7);
	assert_int_equal(mti_align_down_u64(4095, 4096), 0);
	assert_int_equal(mti_align_down_u64(4096, 4096), 4096);
	assert_int_equal(mti_align_down_u64(MAX, 4096), MAX - 4095);
	assert_true(mti_is_aligned_u64(0, 8));
	assert_true(mti_is_aligned_u64(16, 8));
	assert_false(mti_is_aligned_u64(12, 8));
}

static void test_range(void **state)
{
	(void)state;
	assert_true(mti_range_ok(0, 0, 0));
	assert_true(mti_range_ok(10, 0, 10));
	assert_true(mti_range_ok(0, 10, 10));
	assert_true(mti_range_ok(4, 6, 10));
	assert_false(mti_range_ok(11, 0, 10));
	assert_false(mti_range_ok(4, 7, 10));
	assert_false(mti_range_ok(1, MAX, MAX));
	assert_false(mti_range_ok(MAX, MAX, 10));
	assert_true(mti_range_ok(0, MAX, MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_mul),
		cmocka_unit_test(test_align),
		cmocka_unit_test(test_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
