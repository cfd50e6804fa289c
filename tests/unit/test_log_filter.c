/*
 * Log filters and rates.
 */
#include "harness/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/mote.h>

#include "harness/random.h"
#include "obs/filter.h"
#include "obs/rate.h"

static uint64_t seed;

static const char *const level_names[] = {
	"off", "error", "warn", "info", "debug", "trace",
};

static struct mti_log_filter parse(const char *text)
{
	mote_error err = MOTE_ERROR_INIT;
	struct mti_log_filter filter;

	if (mti_log_filter_parse(text, &filter, &err) != MOTE_OK)
		fail_msg("\"%s\": %s", text ? text : "NULL", err.text);
	return filter;
}

static uint32_t level_of(const struct mti_log_filter *filter, const char *name)
{
	uint32_t level = 0;

	while (mti_log_filter_wants(filter, level + 1, name, strlen(name)))
		level++;
	return level;
}

static void test_levels(void **state)
{
	static const struct {
		const char *text;
		uint32_t level;
	} cases[] = {
		{ NULL, MOTE_LOG_ERROR },
		{ "", MOTE_LOG_ERROR },
		{ " \t", MOTE_LOG_ERROR },
		{ "off", MOTE_LOG_OFF },
		{ "error", MOTE_LOG_ERROR },
		{ "warn", MOTE_LOG_WARN },
		{ "info", MOTE_LOG_INFO },
		{ "debug", MOTE_LOG_DEBUG },
		{ "trace", MOTE_LOG_TRACE },
		{ "INFO", MOTE_LOG_INFO },
		{ "Debug", MOTE_LOG_DEBUG },
		{ " info ", MOTE_LOG_INFO },
		{ "\tinfo", MOTE_LOG_INFO },
		{ "net=trace", MOTE_LOG_ERROR },
		{ "net=trace,info", MOTE_LOG_INFO },
		{ "info,net=trace", MOTE_LOG_INFO },
		{ "net=trace,off", MOTE_LOG_OFF },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mti_log_filter filter = parse(cases[i].text);

		assert_int_equal(filter.level, cases[i].level);
		assert_int_equal(level_of(&filter, "other"), cases[i].level);
	}
}

static void test_named(void **state)
{
	struct mti_log_filter filter =
		parse(" net = DEBUG ,parser=off,Net=trace , warn");

	(void)state;
	assert_int_equal(filter.count, 3);
	assert_int_equal(filter.most, MOTE_LOG_TRACE);
	assert_int_equal(level_of(&filter, "net"), MOTE_LOG_DEBUG);
	assert_int_equal(level_of(&filter, "parser"), MOTE_LOG_OFF);
	assert_int_equal(level_of(&filter, "Net"), MOTE_LOG_TRACE);
	/* No part of a name is the name. */
	assert_int_equal(level_of(&filter, "ne"), MOTE_LOG_WARN);
	assert_int_equal(level_of(&filter, "network"), MOTE_LOG_WARN);
	assert_int_equal(level_of(&filter, "my_net"), MOTE_LOG_WARN);
	assert_int_equal(level_of(&filter, ""), MOTE_LOG_WARN);
	/* Levels end: a guest cannot have another. */
	assert_false(mti_log_filter_wants(&filter, 6, "Net", 3));
	assert_false(mti_log_filter_wants(&filter, 0, "Net", 3));
	filter = parse("abcdefghijklmnopqrstuvwxyz01234=info,off");
	assert_int_equal(level_of(&filter, "abcdefghijklmnopqrstuvwxyz01234"),
			 MOTE_LOG_INFO);
	assert_int_equal(level_of(&filter, "abcdefghijklmnopqrstuvwxyz012345"),
			 MOTE_LOG_OFF);
	assert_int_equal(level_of(&filter, "abcdefghijklmnopqrstuvwxyz0123"),
			 MOTE_LOG_OFF);
	/* Where nobody wants much, the guest need look no further. */
	assert_int_equal(parse("a=warn,off").most, MOTE_LOG_WARN);
	assert_int_equal(parse("a=off").most, MOTE_LOG_ERROR);
	assert_int_equal(parse("a=off,off").most, MOTE_LOG_OFF);
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} cases[] = {
		{ "loud", "entry 1, \"loud\": not a level" },
		{ "1", "entry 1, \"1\": not a level" },
		{ "in fo", "entry 1, \"in fo\": not a level" },
		{ "information", "entry 1, \"information\": not a level" },
		{ "inf", "entry 1, \"inf\": not a level" },
		{ "net=", "entry 1, \"net=\": not a level" },
		{ "net=lod,info", "entry 1, \"net=lod\": not a level" },
		{ "info, net=lod", "entry 2, \"net=lod\": not a level" },
		{ "a=b=info", "entry 1, \"a=b=info\": not a level" },
		{ "=info", "entry 1, \"=info\": there is no module" },
		{ " =info", "entry 1, \"=info\": there is no module" },
		{ "info,", "entry 2, \"\": it is empty" },
		{ ",info", "entry 1, \"\": it is empty" },
		{ "a=info, ,b=info", "entry 2, \"\": it is empty" },
		{ "info,debug", "entry 2, \"debug\": a second level" },
		{ "a=info,b=info,a=warn", "entry 3, \"a=warn\": the module is" },
		{ "abcdefghijklmnopqrstuvwxyz012345=info", "longer than 31" },
		{ "info\n", "not a level" },
	};
	char many[1024] = "";
	size_t used = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mote_error err = MOTE_ERROR_INIT;
		struct mti_log_filter filter;

		assert_int_equal(mti_log_filter_parse(cases[i].text, &filter,
						      &err),
				 MOTE_E_INVALID);
		if (!strstr(err.text, cases[i].part) ||
		    strncmp(err.text, "log_filter: ", 12) != 0)
			fail_msg("\"%s\": %s", cases[i].text, err.text);
	}
	for (i = 0; i < 33; i++) {
		mote_error err = MOTE_ERROR_INIT;
		struct mti_log_filter filter;

		used += (size_t)snprintf(many + used, sizeof(many) - used,
					 "%sm%zu=info", i ? "," : "", i);
		assert_int_equal(mti_log_filter_parse(many, &filter, &err),
				 i < 32 ? MOTE_OK : MOTE_E_INVALID);
		if (i == 32)
			assert_non_null(strstr(err.text,
					       "entry 33, \"m32=info\": there "
					       "are more than 32"));
	}
}

/* A long entry is shown in part, also where no NUL ends it. */
static void test_long_entry(void **state)
{
	char text[5000];
	mote_error err = MOTE_ERROR_INIT;
	struct mti_log_filter filter;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 6, ",info", 6);
	assert_int_equal(mti_log_filter_parse(text, &filter, &err),
			 MOTE_E_INVALID);
	assert_non_null(strstr(err.text, "xxx...\": not a level"));
	assert_true(strlen(err.text) < 200);
}

/*
 * Whatever the text: it is refused, or what came of it, written out again,
 * gives the same filter.
 */
static void test_any_text(void **state)
{
	static const char *const words[] = {
		"info", "off", "error", "TRACE", "debug", "warn", "=", ",",
		" ", "net", "a", "b", "\t", "zz=info", "level", "\x80", "==",
	};
	struct random_source source = { seed };
	size_t good = 0;
	size_t round;

	(void)state;
	for (round = 0; round < 50000; round++) {
		struct mti_log_filter filter;
		struct mti_log_filter again;
		char text[256] = "";
		char back[4096];
		size_t used = 0;
		size_t words_left = random_below(&source, 9);
		uint32_t i;

		while (words_left-- > 0)
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s",
				words[random_below(&source,
						   sizeof(words) /
							   sizeof(words[0]))]);
		memset(&filter, 0x5a, sizeof(filter));
		again = filter;
		if (mti_log_filter_parse(text, &filter, NULL) != MOTE_OK) {
			assert_memory_equal(&filter, &again, sizeof(filter));
			continue;
		}
		good++;
		used = (size_t)snprintf(back, sizeof(back), "%s",
					level_names[filter.level]);
		for (i = 0; i < filter.count; i++)
			used += (size_t)snprintf(
				back + used, sizeof(back) - used, ",%.31s=%s",
				filter.modules[i].name,
				level_names[filter.modules[i].level]);
		again = parse(back);
		assert_memory_equal(&filter, &again, sizeof(filter));
	}
	assert_true(good > 100);
}

static void test_rate(void **state)
{
	const uint64_t start = UINT64_C(5000000000);
	struct mti_rate rate;
	uint64_t now = start;
	size_t passed = 0;
	size_t i;

	(void)state;
	mti_rate_init(&rate, now);
	for (i = 0; i < 5000; i++)
		passed += mti_rate_take(&rate, now);
	assert_int_equal(passed, 1000);
	/* One a millisecond from there on. */
	assert_false(mti_rate_take(&rate, now + 999999));
	assert_true(mti_rate_take(&rate, now + 1000000));
	assert_false(mti_rate_take(&rate, now + 1000000));
	now += 1000000;
	for (passed = 0, i = 0; i < 100000; i++) {
		now += 100000;
		passed += mti_rate_take(&rate, now);
	}
	assert_in_range(passed, 9999, 10000);
	/* Hours of silence save up no more than a second. */
	now += UINT64_C(3600000000000);
	for (passed = 0, i = 0; i < 5000; i++)
		passed += mti_rate_take(&rate, now);
	assert_int_equal(passed, 1000);
	assert_true(mti_rate_take(&rate, UINT64_MAX));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_long_entry),
		cmocka_unit_test(test_any_text),
		cmocka_unit_test(test_rate),
	};

	seed = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
