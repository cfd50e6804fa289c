/*
 * Which instructions a single step with the trap flag is not enough for.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"

#include "arch/amd64/step.h"
#include "arch/amd64/trap.h"

struct step_case {
	const char *code;
	size_t size;
	enum mti_step_kind kind;
	size_t length;
};

#define CASE(code, kind, length) { code, sizeof(code) - 1, kind, length }

static const struct step_case cases[] = {
	CASE("", MTI_STEP_PLAIN, 0),
	CASE("\x90", MTI_STEP_PLAIN, 0),
	CASE("\x0f", MTI_STEP_PLAIN, 0),
	CASE("\x0f\x05", MTI_STEP_LOSES_FLAG, 2),
	CASE("\x0f\x05\x90", MTI_STEP_LOSES_FLAG, 2),
	CASE("\x48\x0f\x05", MTI_STEP_LOSES_FLAG, 3),
	CASE("\x66\xf3\x48\x0f\x05", MTI_STEP_LOSES_FLAG, 5),
	CASE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x0f\x05",
	     MTI_STEP_LOSES_FLAG, 15),
	CASE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66",
	     MTI_STEP_PLAIN, 0),
	/* rdtsc, sysret, mov */
	CASE("\x0f\x31", MTI_STEP_PLAIN, 0),
	CASE("\x0f\x07", MTI_STEP_PLAIN, 0),
	CASE("\xb8\x0f\x05\x00\x00", MTI_STEP_PLAIN, 0),
	CASE("\x9c", MTI_STEP_PUSHES_FLAG, 0),
	CASE("\x66\x9c", MTI_STEP_PUSHES_FLAG, 0),
	CASE("\x9d", MTI_STEP_PLAIN, 0),
};

static void test_kinds(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = 0;
		enum mti_step_kind kind = mti_amd64_debug.step_kind(
			(const uint8_t *)cases[i].code, cases[i].size,
			&length);

		if (kind != cases[i].kind || length != cases[i].length)
			fail_msg("case %zu: kind %d, length %zu", i, kind,
				 length);
	}
}

static void test_flag(void **state)
{
	uint64_t general[MTI_AMD64_REGISTERS];
	uint64_t before[MTI_AMD64_REGISTERS];

	(void)state;
	memset(general, 0x5a, sizeof(general));
	general[MTI_RFLAGS] = 0x202;
	memcpy(before, general, sizeof(before));
	mti_amd64_debug.set_step(general, true);
	assert_int_equal(general[MTI_RFLAGS], 0x302);
	mti_amd64_debug.set_step(general, true);
	mti_amd64_debug.set_step(general, false);
	assert_memory_equal(general, before, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
