/*
 * The registers of AArch64 as gdb sees them: compared with where
 * mote_fault.registers and struct user_fpsimd_state of Linux put them; and
 * what a session says of such a guest.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "harness/gdb_target.h"
#include "harness/unit.h"

/* In gdb's order. */
#define SP 31u
#define PC 32u
#define CPSR 33u
#define V0 34u
#define FPSR 66u
#define FPCR 67u
#define TPIDR 68u
#define COUNT 69u
/* In mti_gdb_registers.general. */
#define GENERAL_TPIDR 34u
#define LIMIT (UINT64_C(1) << 47)

static struct gdb_target target;
static struct mti_gdb_registers *const registers = &target.registers;
static struct mti_gdb_session session;

static int begin(void **state)
{
	static const struct mti_gdb_stop at_start = {
		.number = MTI_GDB_SIGTRAP,
	};

	(void)state;
	gdb_target_init_aarch64(&target);
	mti_gdb_session_init(&session, &target.ops, &target.program,
			     &at_start);
	return 0;
}

static void expect_at(uint32_t number, size_t size, const void *bytes)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];

	assert_int_equal(mti_gdb_register_get(registers, number, value), size);
	if (memcmp(value, bytes, size) != 0)
		fail_msg("register %u", number);
}

static void test_find(void **state)
{
	(void)state;
	assert_non_null(mti_gdb_layout_find(EM_AARCH64));
	assert_non_null(mti_gdb_layout_find(EM_X86_64));
	assert_ptr_not_equal(mti_gdb_layout_find(EM_AARCH64),
			     mti_gdb_layout_find(EM_X86_64));
	assert_null(mti_gdb_layout_find(EM_386));
	assert_null(mti_gdb_layout_find(0));
}

static void test_places(void **state)
{
	const uint8_t *vector = registers->vector;
	uint32_t i;

	(void)state;
	memcpy(registers->vector + 512, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	for (i = 0; i < 33; i++)
		expect_at(i, 8, &registers->general[i]);
	expect_at(CPSR, 4, "\x00\x00\x30\x00");
	for (i = 0; i < 32; i++)
		expect_at(V0 + i, 16, vector + 16 * (size_t)i);
	expect_at(FPSR, 4, "\x01\x02\x03\x04");
	expect_at(FPCR, 4, "\x05\x06\x07\x08");
	expect_at(TPIDR, 8, &registers->general[GENERAL_TPIDR]);
	assert_int_equal(mti_gdb_register_base(registers, 0),
			 registers->general[GENERAL_TPIDR]);
	assert_int_equal(mti_gdb_register_base(registers, 1), 0);
}

static void test_counts(void **state)
{
	uint8_t value[MTI_GDB_REGISTER_MAX];

	(void)state;
	assert_int_equal(mti_gdb_register_count(registers), COUNT);
	assert_int_equal(mti_gdb_register_get(registers, COUNT, value), 0);
	assert_int_equal(mti_gdb_register_get(registers, UINT32_MAX, value),
			 0);
	/* What is not in the area is not there; tpidr comes earlier then. */
	registers->vector_size = 527;
	assert_int_equal(mti_gdb_register_count(registers), 35);
	expect_at(V0, 8, &registers->general[GENERAL_TPIDR]);
	assert_int_equal(mti_gdb_register_get(registers, FPCR, value), 0);
}

/* What is set is read again, and nothing but its own bytes has changed. */
static void test_set_get(void **state)
{
	static struct gdb_target fresh;
	uint32_t number;

	(void)state;
	gdb_target_init_aarch64(&fresh);
	for (number = 0; number < COUNT; number++) {
		uint8_t before[MTI_GDB_REGISTER_MAX];
		uint8_t value[MTI_GDB_REGISTER_MAX];
		size_t size;

		memset(value, 0, sizeof(value));
		value[0] = 0x15;
		/* Bits that it has, whichever it is. */
		value[3] = number == FPCR ? 7 : 0x70;
		if (number == CPSR)
			memcpy(value, "\x00\x00\x30\x50", 4);
		size = mti_gdb_register_get(registers, number, before);
		if (number == FPCR)
			value[0] = 5;
		assert_true(mti_gdb_register_set(registers, number, value,
						 size));
		expect_at(number, size, value);
		assert_true(mti_gdb_register_set(registers, number, before,
						 size));
		assert_memory_equal(registers->general, fresh.registers.general,
				    sizeof(registers->general));
		assert_memory_equal(registers->vector, fresh.registers.vector,
				    sizeof(registers->vector));
	}
}

static bool set64(uint32_t number, uint64_t value)
{
	return mti_gdb_register_set(registers, number, (const uint8_t *)&value,
				    8);
}

static bool set32(uint32_t number, uint32_t value)
{
	return mti_gdb_register_set(registers, number, (const uint8_t *)&value,
				    4);
}

/* What a CPU would choke on, or a guest may not have, is not taken. */
static void test_refused(void **state)
{
	static const uint32_t fpcr = 0x07ffbf07;
	static const uint32_t fpsr = 0xf800009f;
	uint32_t bit;

	(void)state;
	assert_true(set64(PC, LIMIT - 1));
	assert_false(set64(PC, LIMIT));
	assert_false(set64(PC, UINT64_MAX));
	expect_at(PC, 8, "\xff\xff\xff\xff\xff\x7f\x00\x00");
	assert_true(set64(SP, LIMIT - 16));
	assert_false(set64(SP, LIMIT));
	assert_true(set64(0, UINT64_MAX));
	assert_true(set64(30, UINT64_MAX));
	assert_true(set64(TPIDR, UINT64_MAX));
	assert_false(set32(0, 1));
	assert_false(set64(CPSR, 1));
	assert_false(set64(V0, 1));
	assert_false(set64(COUNT, 0));
	/* N Z C V change; the mode, masks, IL and SS stay. */
	assert_true(set32(CPSR, UINT32_MAX));
	assert_int_equal(registers->general[33], 0xf0300000);
	assert_true(set32(CPSR, 0));
	assert_int_equal(registers->general[33], 0x300000);
	for (bit = 0; bit < 32; bit++) {
		assert_int_equal(set32(FPCR, 1u << bit),
				 (fpcr >> bit & 1) != 0);
		assert_int_equal(set32(FPSR, 1u << bit),
				 (fpsr >> bit & 1) != 0);
	}
	assert_true(set32(FPCR, fpcr));
	assert_true(set32(FPSR, fpsr));
	expect_at(FPCR, 4, &fpcr);
	expect_at(FPSR, 4, &fpsr);
}

/* Read in pieces of any size it is the same. */
static void test_description(void **state)
{
	static uint8_t whole[32768];
	static uint8_t pieces[32768];
	size_t size = mti_gdb_description(registers, 0, whole,
					  sizeof(whole) - 1);
	const char *text = (const char *)whole;
	size_t step;
	size_t at;

	(void)state;
	assert_true(size > 4096 && size < sizeof(whole) - 1);
	for (step = 1; step < 5000; step = step * 3 + 1) {
		for (at = 0; at < size; at += step)
			mti_gdb_description(registers, at, pieces + at, step);
		assert_memory_equal(pieces, whole, size);
	}
	whole[size] = '\0';
	assert_non_null(strstr(text, "<architecture>aarch64</architecture>"));
	assert_non_null(strstr(text, "\"x30\" bitsize=\"64\" type=\"int\""));
	assert_non_null(strstr(text, "\"cpsr\" bitsize=\"32\""));
	assert_non_null(strstr(text, "\"v31\" bitsize=\"128\""));
	assert_non_null(strstr(text, "<field name=\"EL\" start=\"2\" "
				     "end=\"3\"/>"));
	assert_non_null(strstr(text, "org.gnu.gdb.aarch64.tls"));
	registers->vector_size = 0;
	size = mti_gdb_description(registers, 0, whole, sizeof(whole) - 1);
	whole[size] = '\0';
	assert_null(strstr(text, "aarch64.fpu"));
	assert_non_null(strstr(text, "\"tpidr\""));
}

static void expect_answer(const char *payload, const char *answer)
{
	static struct mti_gdb_parser parser;
	static char frame[MTI_GDB_FRAME_MAX];
	size_t size = mti_gdb_frame(payload, strlen(payload), frame,
				    sizeof(frame));
	const uint8_t *out;
	size_t i;

	memset(&parser, 0, sizeof(parser));
	assert_int_equal(mti_gdb_session_feed(&session, (uint8_t *)frame,
					      size),
			 size);
	out = mti_gdb_session_output(&session, &size);
	for (i = 0; i < size; i++)
		mti_gdb_parse(&parser, out[i]);
	mti_gdb_session_sent(&session, size);
	assert_string_equal(parser.data, answer);
}

static void test_session(void **state)
{
	(void)state;
	/* x29, sp, pc go with a stop. */
	expect_answer("?", "T051d:1d10000000000000;1f:1f10000000000000;"
			   "20:2010000000000000;thread:1;");
	/* A breakpoint's size is the instruction's. */
	expect_answer("Z0,400100,4", "OK");
	expect_answer("Z1,400200,4", "OK");
	expect_answer("z1,400200,4", "OK");
	expect_answer("Z0,400100,1", "E01");
	expect_answer("Z0,400100,3", "E01");
	assert_int_equal(target.breakpoint_count, 1);
	expect_answer("p21", "00003000");
	expect_answer("P21=000000a0", "OK");
	expect_answer("p21", "000030a0");
	expect_answer("P20=0000000000800000", "E01");
	expect_answer("P43=00000080", "E01");
	/* Thread-locals above the thread pointer: variant I. */
	target.program.has_tls = true;
	target.program.tls_below = 0 - UINT64_C(0x10);
	expect_answer("qGetTLSAddr:1,8,0", "103a");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(test_find),    TEST(test_places),	TEST(test_counts),
		TEST(test_set_get), TEST(test_refused), TEST(test_description),
		TEST(test_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
