#include "harness/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/signature.h"

#define I8 "iiiiiiii"
#define I32 I8 I8 I8 I8
#define LETTERS                                                        \
	"'v' void, 'i' i32, 'u' u32, 'I' i64, 'U' u64, 'f' f32, "      \
	"'d' f64, 'b' bool, 's' string, 'y' bytes"
#define SHAPE "it is not RESULT(PARAMETERS) with one letter for each type: " \
	LETTERS
#define NO_TYPE "which is no type; there are " LETTERS
#define X8 "xxxxxxxx"
#define X56 X8 X8 X8 X8 X8 X8 X8

/* What says what is wrong. */
static char said[MTI_SIGNATURE_PROBLEM_MAX];

/* In a block of exactly that size: nothing beyond may be read. */
static char *exact(const char *text, size_t size)
{
	char *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	memcpy(copy, text, size);
	return copy;
}

static void test_parse(void **state)
{
	static const uint8_t all[] = {
		MOTE_TYPE_I32,	MOTE_TYPE_U32,	  MOTE_TYPE_I64,
		MOTE_TYPE_U64,	MOTE_TYPE_F32,	  MOTE_TYPE_F64,
		MOTE_TYPE_BOOL, MOTE_TYPE_STRING, MOTE_TYPE_BYTES,
	};
	struct mti_signature signature;

	(void)state;
	assert_null(mti_signature_parse("v(iuIUfdbsy)", 40, &signature,
					said));
	assert_int_equal(signature.result, MOTE_TYPE_VOID);
	assert_int_equal(signature.count, sizeof(all));
	assert_memory_equal(signature.params, all, sizeof(all));
	assert_null(mti_signature_parse("y()", 4, &signature, said));
	assert_int_equal(signature.result, MOTE_TYPE_BYTES);
	assert_int_equal(signature.count, 0);
	assert_null(mti_signature_parse("s(" I32 ")", 40, &signature, said));
	assert_int_equal(signature.count, 32);
}

static void test_bad_signatures(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *problem;
	} cases[] = {
		{ "", 0, "it does not end within " },
		{ "v()", 3, "it does not end within " },
		{ "v(i)", 4, "it does not end within " },
		{ "", 1, SHAPE },
		{ "v", 2, SHAPE },
		{ "v(", 3, SHAPE },
		{ "()v", 4, SHAPE },
		{ "v[]", 4, SHAPE },
		{ "v(i", 4, SHAPE },
		{ "v(i]", 5, SHAPE },
		{ "v(i) ", 6, SHAPE },
		{ "string(string)", 15, SHAPE },
		{ "x()", 4, "the result is 'x', " NO_TYPE },
		{ "V()", 4, "the result is 'V', " NO_TYPE },
		{ "\x1b()", 4, "the result is 0x1b, " NO_TYPE },
		{ "v(q)", 5, "parameter 1 is 'q', " NO_TYPE },
		{ "v(i,i)", 7, "parameter 2 is ',', " NO_TYPE },
		{ "s(s y)", 7, "parameter 2 is ' ', " NO_TYPE },
		{ "v(()", 5, "parameter 1 is '(', " NO_TYPE },
		{ "v(ii\xff)", 7, "parameter 3 is 0xff, " NO_TYPE },
		{ "v(\n)", 5, "parameter 1 is 0x0a, " NO_TYPE },
		{ "v(\x7f)", 5, "parameter 1 is 0x7f, " NO_TYPE },
		{ "v(v)", 5, "parameter 1 is void" },
		{ "v(iv)", 6, "parameter 2 is void" },
		{ "v(" I32 "i)", 37, "it has more than 32 parameters, a " },
	};
	struct mti_signature before;
	struct mti_signature after;
	const char *problem;
	char *text;
	size_t i;

	(void)state;
	memset(&before, 0x5a, sizeof(before));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&after, 0x5a, sizeof(after));
		text = exact(cases[i].text, cases[i].size);
		problem = mti_signature_parse(text, cases[i].size, &after,
					      said);
		free(text);
		if (!problem)
			fail_msg("%s: accepted", cases[i].text);
		if (strncmp(problem, cases[i].problem,
			    strlen(cases[i].problem)) != 0)
			fail_msg("%s: %s, not %s", cases[i].text, problem,
				 cases[i].problem);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

static void test_equal(void **state)
{
	static const char *const texts[] = { "v()",   "i()",   "v(i)", "v(u)",
					     "v(ii)", "v(iu)", "s(si)" };
	struct mti_signature a;
	struct mti_signature b;
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
			/* What is beyond count does not matter. */
			memset(&a, 1, sizeof(a));
			memset(&b, 2, sizeof(b));
			assert_null(mti_signature_parse(texts[i], 40, &a,
							said));
			assert_null(mti_signature_parse(texts[j], 40, &b,
							said));
			b.params[31] = 9;
			assert_int_equal(mti_signature_equal(&a, &b), i == j);
		}
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *problem;
	} cases[] = {
		{ "a", 2, NULL },
		{ "Z", 64, NULL },
		{ "_", 2, NULL },
		{ "az.AZ_09", 64, NULL },
		{ "x.", 64, NULL },
		{ X56 "xxxxxxx", 64, NULL },
		{ X56 "xxxxxxx", 100, NULL },
		{ X56 "xxxxxxxx", 64, "it is longer than 63 bytes or not" },
		{ X56 "xxxxxxxx", 100, "it is longer than 63 bytes or not" },
		{ X56 "xxxxxxx", 63, "it is longer than 63 bytes or not" },
		{ "a", 1, "it is longer than 63 bytes or not" },
		{ "", 0, "it is longer than 63 bytes or not" },
		{ "", 1, "it is empty" },
		{ "9", 2, "it does not start with a letter or _" },
		{ ".a", 3, "it does not start with a letter or _" },
		{ "@", 2, "it does not start with a letter or _" },
		{ "[", 2, "it does not start with a letter or _" },
		{ "`", 2, "it does not start with a letter or _" },
		{ "{", 2, "it does not start with a letter or _" },
		{ "\xc3\xa9", 3, "it does not start with a letter or _" },
		{ "a b", 4, "it has a character other than" },
		{ "a\n", 3, "it has a character other than" },
		{ "a/", 3, "it has a character other than" },
		{ "a:", 3, "it has a character other than" },
		{ "a-", 3, "it has a character other than" },
		{ "a\xff", 3, "it has a character other than" },
	};
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *problem;
		char *copy;

		memset(text, 0, sizeof(text));
		memcpy(text, cases[i].text, strlen(cases[i].text));
		copy = exact(text, cases[i].size);
		problem = mti_name_check(copy, cases[i].size);
		free(copy);
		if (!problem != !cases[i].problem)
			fail_msg("%s", cases[i].text);
		if (problem)
			assert_memory_equal(problem, cases[i].problem,
					    strlen(cases[i].problem));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_bad_signatures),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
