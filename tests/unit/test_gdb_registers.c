/*
 * The registers as gdb sees them: compared with where SDM 1, 13.4 and the
 * FXSAVE format put them, and the description that gdb gets.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/gdb_target.h"
#include "harness/unit.h"

#define RIP 16u
/* Features SSE only, and all. */
#define COUNT_SSE 60u
#define COUNT_ALL (60u + 16 + 16 + 16 + 8 + 32)

static struct gdb_target target;

static const struct mti_gdb_registers *all(bool avx512)
{
	gdb_target_init(&target, avx512);
	return &target.registers;
}

static void expect_at(uint32_t number, size_t size, const void *bytes)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];

	assert_int_equal(mti_gdb_register_get(&target.registers, number, value),
			 size);
	if (memcmp(value, bytes, size) != 0)
		fail_msg("register %u", number);
}

static void test_places(void **state)
{
	const uint8_t *vector = target.registers.vector;
	uint32_t i;

	(void)state;
	(void)all(true);
	/* Order of mti_amd64_register, not of the instruction set: gdb's. */
	for (i = 0; i < 16; i++)
		expect_at(i, 8, &target.registers.general[i]);
	expect_at(RIP, 8, &target.registers.general[16]);
	expect_at(17, 4, "\x02\x02\0\0");
	expect_at(18, 4, "\x23\0\0\0");
	for (i = 19; i < 24; i++)
		expect_at(i, 4, "\x1b\0\0\0");
	for (i = 0; i < 8; i++)
		expect_at(24 + i, 10, vector + 32 + 16 * (size_t)i);
	for (i = 0; i < 16; i++)
		expect_at(40 + i, 16, vector + 160 + 16 * (size_t)i);
	expect_at(56, 4, vector + 24);
	expect_at(57, 8, "\xff\xff\xff\xff\xff\xff\xff\xff");
	expect_at(58, 8, &target.registers.general[18]);
	expect_at(59, 8, &target.registers.general[19]);
	for (i = 0; i < 16; i++) {
		expect_at(60 + i, 16, vector + 576 + 16 * (size_t)i);
		expect_at(76 + i, 16, vector + 1408 + 64 * (size_t)i);
		expect_at(92 + i, 16, vector + 1424 + 64 * (size_t)i);
		expect_at(116 + i, 32, vector + 896 + 32 * (size_t)i);
		expect_at(132 + i, 32, vector + 1440 + 64 * (size_t)i);
	}
	for (i = 0; i < 8; i++)
		expect_at(108 + i, 8, vector + 832 + 8 * (size_t)i);
}

static void test_counts(void **state)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];
	struct mti_gdb_registers odd;

	(void)state;
	assert_int_equal(mti_gdb_register_count(all(false)), COUNT_SSE);
	assert_int_equal(mti_gdb_register_get(&target.registers, COUNT_SSE,
					      value),
			 0);
	assert_int_equal(mti_gdb_register_get(&target.registers, UINT32_MAX,
					      value),
			 0);
	assert_int_equal(mti_gdb_register_count(all(true)), COUNT_ALL);
	/* A component that does not lie in the area is not there. */
	odd = target.registers;
	odd.vector_size = 2431;
	assert_int_equal(mti_gdb_register_count(&odd), COUNT_SSE + 16);
	odd.component[2] = UINT32_MAX;
	assert_int_equal(mti_gdb_register_count(&odd), COUNT_SSE);
	odd.component[2] = 512;
	assert_int_equal(mti_gdb_register_count(&odd), COUNT_SSE);
}

/* What is set is read again, and nothing but its own bytes has changed. */
static void test_set_get(void **state)
{
	uint32_t number;

	(void)state;
	for (number = 0; number < COUNT_ALL; number++) {
		uint8_t before[MTI_GDB_REGISTER_MAX];
		uint8_t value[MTI_GDB_REGISTER_MAX];
		uint8_t after[MTI_GDB_REGISTER_MAX];
		uint32_t other;
		size_t size;

		/* Those that are not plain storage have tests of their own. */
		if ((number >= 17 && number < 24) ||
		    (number >= 32 && number < 40) || number == 56 ||
		    number == 57)
			continue;
		(void)all(true);
		memset(value, 0x15, sizeof(value));
		memset(value + 5, 0, 3);
		size = mti_gdb_register_get(&target.registers, number, before);
		assert_true(mti_gdb_register_set(&target.registers, number,
						 value, size));
		expect_at(number, size, value);
		assert_true(mti_gdb_register_set(&target.registers, number,
						 before, size) ||
			    number == 59);
		for (other = 0; other < COUNT_ALL; other++) {
			const struct mti_gdb_registers *now = &target.registers;
			static struct gdb_target fresh;
			uint8_t old[MTI_GDB_REGISTER_MAX];

			gdb_target_init(&fresh, true);
			size = mti_gdb_register_get(now, other, after);
			mti_gdb_register_get(&fresh.registers, other, old);
			assert_memory_equal(after, old, size);
		}
	}
}

static bool set64(uint32_t number, uint64_t value)
{
	return mti_gdb_register_set(&target.registers, number,
				    (const uint8_t *)&value, 8);
}

static bool set32(uint32_t number, uint32_t value)
{
	return mti_gdb_register_set(&target.registers, number,
				    (const uint8_t *)&value, 4);
}

/* What a CPU would choke on, or a guest may not have, is not taken. */
static void test_refused(void **state)
{
	(void)state;
	(void)all(true);
	assert_true(set64(RIP, (UINT64_C(1) << 47) - 1));
	assert_false(set64(RIP, UINT64_C(1) << 47));
	assert_false(set64(58, UINT64_C(1) << 47));
	assert_false(set64(59, UINT64_MAX));
	assert_true(set64(0, UINT64_MAX));
	assert_false(set32(0, 1));
	assert_false(set64(17, 1));
	assert_false(set64(COUNT_ALL, 0));
	/* TF, IOPL, NT, RF, VM, VIF stay; CF and ID change. */
	assert_true(set32(17, 0xffffffff));
	assert_int_equal(target.registers.general[17], 0x240ed7);
	assert_true(set32(17, 0));
	assert_int_equal(target.registers.general[17], 0x202);
	/* Segments are not the guest's: taken, without effect. */
	assert_true(set32(18, 0x8));
	expect_at(18, 4, "\x23\0\0\0");
	memset(target.registers.vector + 28, 0, 4);
	assert_true(set32(56, 0xffbf));
	assert_false(set32(56, 0x40));
	assert_false(set32(56, 0x10000));
	memcpy(target.registers.vector + 28, "\xff\xff\0\0", 4);
	assert_true(set32(56, 0x40));
}

/* A component that was in its initial state is so no longer. */
static void test_in_use(void **state)
{
	static const struct {
		uint32_t number;
		size_t size;
		uint64_t bit;
	} cases[] = {
		{ 24, 10, 1 << 0 },  { 32, 4, 1 << 0 },	  { 40, 16, 1 << 1 },
		{ 60, 16, 1 << 2 },  { 108, 8, 1 << 5 },  { 116, 32, 1 << 6 },
		{ 76, 16, 1 << 7 },  { 132, 32, 1 << 7 }, { 0, 8, 0 },
	};
	static const uint8_t zero[MTI_GDB_REGISTER_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bits;

		(void)all(true);
		memset(target.registers.vector + 512, 0, 8);
		assert_true(mti_gdb_register_set(&target.registers,
						 cases[i].number, zero,
						 cases[i].size));
		memcpy(&bits, target.registers.vector + 512, 8);
		assert_int_equal(bits, cases[i].bit);
	}
}

static uint32_t get32(uint32_t number)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];
	uint32_t word;

	assert_int_equal(mti_gdb_register_get(&target.registers, number, value),
			 4);
	memcpy(&word, value, 4);
	return word;
}

/* fld1, fldz, then a load of infinity; the FXSAVE area of a real CPU. */
static void test_x87(void **state)
{
	uint8_t *area = target.registers.vector;

	(void)state;
	(void)all(true);
	memset(area, 0, 160);
	memcpy(area, "\x7f\x03\x00\x28\xe0", 5); /* top is 5 */
	memcpy(area + 6, "\x11\xfd", 2);
	memcpy(area + 8, "\x78\x56\x34\x12\xcd\xab", 6);
	memcpy(area + 16, "\x21\x43\x65\x87\x0f\xe0", 6);
	memcpy(area + 32 + 7, "\x80\xff\x7f", 3);      /* infinity */
	memcpy(area + 32 + 32 + 7, "\x80\xff\x3f", 3); /* 1 */
	assert_int_equal(get32(32), 0x37f);
	assert_int_equal(get32(33), 0x2800);
	/* 7: 1, valid; 6: zero; 5: special; the rest empty */
	assert_int_equal(get32(34), 0x1bff);
	assert_int_equal(get32(35), 0xabcd);
	assert_int_equal(get32(36), 0x12345678);
	assert_int_equal(get32(37), 0xe00f);
	assert_int_equal(get32(38), 0x87654321);
	assert_int_equal(get32(39), 0x511);
	assert_true(set32(34, 0x3fff));
	assert_int_equal(area[4], 0x80);
	assert_true(set32(39, 0xffff));
	assert_int_equal(get32(39), 0x7ff);
	assert_true(set32(32, 0x27f));
	assert_int_equal(get32(32), 0x27f);
}

/* Read in pieces of any size it is the same, and each name comes once. */
static void test_description(void **state)
{
	static uint8_t whole[32768];
	static uint8_t pieces[32768];
	size_t size = mti_gdb_description(all(true), 0, whole, sizeof(whole));
	size_t step;
	size_t at;

	(void)state;
	assert_true(size > 4096 && size < sizeof(whole));
	for (step = 1; step < 5000; step = step * 3 + 1) {
		for (at = 0; at < size; at += step)
			mti_gdb_description(&target.registers, at, pieces + at,
					    step);
		assert_memory_equal(pieces, whole, size);
	}
	assert_int_equal(mti_gdb_description(&target.registers, size, pieces,
					     10),
			 0);
	assert_int_equal(mti_gdb_description(&target.registers, UINT64_MAX,
					     pieces, 10),
			 0);
	whole[size] = '\0';
	assert_non_null(strstr((char *)whole, "\"zmm31h\" bitsize=\"256\""));
	assert_non_null(strstr((char *)whole, "\"r15\" bitsize=\"64\""));
	size = mti_gdb_description(all(false), 0, whole, sizeof(whole) - 1);
	whole[size] = '\0';
	assert_null(strstr((char *)whole, "ymm0h"));
	assert_non_null(strstr((char *)whole, "\"xmm15\" bitsize=\"128\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_set_get),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_x87),
		cmocka_unit_test(test_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
