/*
 * The pure parts of the command: units, values, prototypes, names, options,
 * the terminal filter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "json.h"
#include "near.h"
#include "output.h"
#include "prototype.h"
#include "run_options.h"
#include "timing.h"
#include "units.h"
#include "utf8.h"
#include "value.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "1ns", 1 },
		{ "250us", 250000 },
		{ "100ms", 100000000 },
		{ "2s", 2000000000 },
		{ "1.5s", 1500000000 },
		{ "0.1s", 100000000 },
		{ "0.000000001s", 1 },
		{ "1.0000000019s", 1000000001 },
		{ "0.5ms", 500000 },
		{ "1m", UINT64_C(60000000000) },
		{ "0.25m", UINT64_C(15000000000) },
		{ "1h", UINT64_C(3600000000000) },
		{ "8760h", UINT64_C(31536000000000000) },
		{ "007s", UINT64_C(7000000000) },
	};
	static const char *const bad[] = {
		"",
		"s",
		"1",
		"1.s",
		".5s",
		"-1s",
		"+1s",
		"1 s",
		" 1s",
		"1s ",
		"1S",
		"1sec",
		"1d",
		"0s",
		"0ms",
		"8761h",
		"0.1ns",
		"1e3s",
		"1,5s",
		"1.5.5s",
		"99999999999999999999s",
		"18446744073709551615h",
		"0x10s",
	};
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		ns = 0;
		assert_null(cli_parse_duration(good[i].text, &ns));
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		ns = 4711;
		assert_non_null(cli_parse_duration(bad[i], &ns));
		assert_int_equal(ns, 4711);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "1", 1 },
		{ "65536", 65536 },
		{ "4096B", 4096 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "64KiB", 65536 },
		{ "16M", 16777216 },
		{ "1GiB", UINT64_C(1) << 30 },
		{ "15T", UINT64_C(15) << 40 },
	};
	static const char *const bad[] = {
		"",   "M",    "0",	   "0M",
		"-1", "1.5M", "64KB",	   "64 M",
		"1P", "0x10", "16777216T", "99999999999999999999",
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		bytes = 0;
		assert_null(cli_parse_size(good[i].text, UINT64_MAX, &bytes));
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		bytes = 4711;
		assert_non_null(cli_parse_size(bad[i], UINT64_MAX, &bytes));
		assert_int_equal(bytes, 4711);
	}
	assert_null(cli_parse_size("4K", 4096, &bytes));
	assert_ptr_equal(cli_parse_size("4097", 4096, &bytes), cli_too_large);
	assert_ptr_equal(cli_parse_size("16777216T", 4096, &bytes),
			 cli_too_large);
}

static void test_counts(void **state)
{
	uint64_t count = 4711;

	(void)state;
	assert_null(cli_parse_count("1", 10, &count));
	assert_int_equal(count, 1);
	assert_null(cli_parse_count("10", 10, &count));
	assert_int_equal(count, 10);
	assert_ptr_equal(cli_parse_count("11", 10, &count), cli_too_large);
	assert_non_null(cli_parse_count("0", 10, &count));
	assert_non_null(cli_parse_count("", 10, &count));
	assert_non_null(cli_parse_count("-1", 10, &count));
	assert_non_null(cli_parse_count("1x", 10, &count));
	assert_non_null(cli_parse_count("18446744073709551616", 10, &count));
	assert_int_equal(count, 10);
}

static void test_formats(void **state)
{
	static const struct {
		uint64_t value;
		const char *duration;
		const char *size;
	} rows[] = {
		{ 0, "0 ns", "0 B" },
		{ 999, "999 ns", "999 B" },
		{ 1024, "1.02 us", "1 KiB" },
		{ 25100, "25.1 us", "24.5 KiB" },
		{ 1048576, "1.05 ms", "1 MiB" },
		{ UINT64_C(1500000000), "1.50 s", "1.4 GiB" },
		{ UINT64_C(68719476736), "68.7 s", "64 GiB" },
	};
	char buffer[32];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		cli_format_duration(rows[i].value, buffer, sizeof(buffer));
		assert_string_equal(buffer, rows[i].duration);
		cli_format_size(rows[i].value, buffer, sizeof(buffer));
		assert_string_equal(buffer, rows[i].size);
	}
}

/* As an option takes them: what it reads is the same number. */
static void test_option_sizes(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} rows[] = {
		{ 1, "1" },
		{ 1000, "1000" },
		{ 1024, "1K" },
		{ 65537, "65537" },
		{ 16778240, "16385K" },
		{ UINT64_C(64) << 20, "64M" },
		{ UINT64_C(3) << 30, "3G" },
		{ UINT64_C(2) << 40, "2048G" },
	};
	char buffer[32];
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		cli_format_option_size(rows[i].value, buffer, sizeof(buffer));
		assert_string_equal(buffer, rows[i].text);
		assert_null(cli_parse_size(buffer, UINT64_MAX, &bytes));
		assert_int_equal(bytes, rows[i].value);
	}
}

/* As a shell reads them back. */
static void test_words(void **state)
{
	static const struct {
		const char *word;
		const char *text;
	} rows[] = {
		{ "a/b-c_1.x:y=z@,+%", "a/b-c_1.x:y=z@,+%" },
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "'", "''\\'''" },
		{ "$HOME", "'$HOME'" },
		{ "Gr\303\274\303\237e", "'Gr\303\274\303\237e'" },
		{ "a\033b", "'a\\x1bb'" },
	};
	char buffer[64];
	struct cli_text text;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		cli_text_init(&text, buffer, sizeof(buffer));
		cli_text_word(&text, rows[i].word);
		assert_string_equal(buffer, rows[i].text);
	}
}

/* Reads text as the type; what it prints as, or "!" and the complaint. */
static const char *echo(mote_type type, const char *text)
{
	static char buffer[256];
	struct cli_text why;
	mote_value value;
	void *block;

	cli_text_init(&why, buffer, sizeof(buffer));
	cli_text_add(&why, "!");
	if (!cli_value_parse(type, text, &value, &block, &why)) {
		assert_null(block);
		return buffer;
	}
	assert_int_equal(value.type, type);
	cli_number_format(&value, buffer);
	free(block);
	return buffer;
}

static void test_integers(void **state)
{
	(void)state;
	assert_string_equal(echo(MOTE_TYPE_I32, "-2147483648"), "-2147483648");
	assert_string_equal(echo(MOTE_TYPE_I32, "0x7fffffff"), "2147483647");
	assert_string_equal(echo(MOTE_TYPE_I32, "-0x80000000"), "-2147483648");
	assert_string_equal(echo(MOTE_TYPE_I32, "-0"), "0");
	assert_string_equal(echo(MOTE_TYPE_U32, "-0"), "0");
	assert_string_equal(echo(MOTE_TYPE_U32, "4294967295"), "4294967295");
	assert_string_equal(echo(MOTE_TYPE_I64, "-9223372036854775808"),
			    "-9223372036854775808");
	assert_string_equal(echo(MOTE_TYPE_I64, "-0x8000000000000000"),
			    "-9223372036854775808");
	assert_string_equal(echo(MOTE_TYPE_U64, "0xFFFFFFFFFFFFFFFF"),
			    "18446744073709551615");
	assert_string_equal(
		echo(MOTE_TYPE_U64, "0000000000000000000000000000000000001"),
		"1");
	assert_string_equal(echo(MOTE_TYPE_I32, "2147483648"),
			    "!is not an i32 (-2147483648 to 2147483647)");
	assert_string_equal(echo(MOTE_TYPE_U32, "-1"),
			    "!is not a u32 (0 to 4294967295)");
	assert_string_equal(echo(MOTE_TYPE_U64, "18446744073709551616"),
			    "!is not a u64 (0 to 18446744073709551615)");
	assert_int_equal(echo(MOTE_TYPE_I64, "-9223372036854775809")[0], '!');
	assert_int_equal(echo(MOTE_TYPE_I32, "-2147483649")[0], '!');
	assert_string_equal(echo(MOTE_TYPE_I64, "9223372036854775808"),
			    "!is not an i64 (-9223372036854775808 to "
			    "9223372036854775807)");
	for (mote_type type = MOTE_TYPE_I32; type <= MOTE_TYPE_U64; type++) {
		static const char *const bad[] = { "",	  "-",	 "0x",	"-0x",
						   "x",	  "1 ",	 " 1",	"+1",
						   "1.",  "1e3", "0b1", "--1",
						   "12a", "0xg", "\xff" };

		for (size_t i = 0; i < COUNT(bad); i++)
			assert_int_equal(echo(type, bad[i])[0], '!');
	}
}

static void test_floats(void **state)
{
	static const char *const same[] = {
		"0",   "-0",   "1",   "0.1",   "-2.5",	 "1e+20",
		"inf", "-inf", "nan", "1e-07", "123456", "16777216",
	};
	static const char *const bad[] = {
		"",	   " 1",    "1 ",     "1,5",	"abc",
		"0x",	   "1e",    "--1",    "nan(1)", "nanx",
		"infinit", "1e999", "-1e999", "+",	"\t1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++) {
		assert_string_equal(echo(MOTE_TYPE_F32, same[i]), same[i]);
		assert_string_equal(echo(MOTE_TYPE_F64, same[i]), same[i]);
	}
	assert_string_equal(echo(MOTE_TYPE_F64, "Infinity"), "inf");
	assert_string_equal(echo(MOTE_TYPE_F64, "-nan"), "nan");
	assert_string_equal(echo(MOTE_TYPE_F64, "0x1p-1"), "0.5");
	assert_string_equal(echo(MOTE_TYPE_F32, "1e39"),
			    "!is too large for an f32");
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(echo(MOTE_TYPE_F32, bad[i])[0], '!');
		assert_int_equal(echo(MOTE_TYPE_F64, bad[i])[0], '!');
	}
}

/* Whatever the bits, the shortest text reads back as the same number. */
static void test_float_round_trip(void **state)
{
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
	char buffer[CLI_NUMBER_TEXT_MAX];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		mote_value value = { .type = MOTE_TYPE_F64 };
		double back;

		seed = seed * UINT64_C(6364136223846793005) +
		       UINT64_C(1442695040888963407);
		memcpy(&value.as.f64, &seed, sizeof(seed));
		cli_number_format(&value, buffer);
		assert_true(strlen(buffer) < sizeof(buffer) - 8);
		back = strtod(buffer, NULL);
		assert_true(isnan(value.as.f64)
				    ? isnan(back)
				    : memcmp(&back, &seed, sizeof(back)) == 0);
		value.type = MOTE_TYPE_F32;
		memcpy(&value.as.f32, &seed, sizeof(value.as.f32));
		cli_number_format(&value, buffer);
		assert_true(isnan(value.as.f32) ||
			    strtof(buffer, NULL) == value.as.f32);
	}
}

static void test_bools_and_void(void **state)
{
	(void)state;
	assert_string_equal(echo(MOTE_TYPE_BOOL, "true"), "true");
	assert_string_equal(echo(MOTE_TYPE_BOOL, "1"), "true");
	assert_string_equal(echo(MOTE_TYPE_BOOL, "false"), "false");
	assert_string_equal(echo(MOTE_TYPE_BOOL, "0"), "false");
	assert_int_equal(echo(MOTE_TYPE_BOOL, "True")[0], '!');
	assert_int_equal(echo(MOTE_TYPE_BOOL, "")[0], '!');
	assert_int_equal(echo(MOTE_TYPE_BOOL, "2")[0], '!');
	assert_string_equal(echo(MOTE_TYPE_VOID, ""), "");
	assert_int_equal(echo(MOTE_TYPE_VOID, "x")[0], '!');
}

static void test_bytes(void **state)
{
	static const char *const bad[] = { "a",	    "0xa",    "gg",	 "0 ",
					   "00 00", "0x0x00", "\xff\xff" };
	char buffer[64];
	struct cli_text why;
	mote_value value;
	void *block;
	char hex[16];

	(void)state;
	cli_text_init(&why, buffer, sizeof(buffer));
	assert_true(cli_value_parse(MOTE_TYPE_BYTES, "0x00fF10", &value, &block,
				    &why));
	assert_int_equal(value.as.bytes.size, 3);
	assert_memory_equal(value.as.bytes.data, "\x00\xff\x10", 3);
	cli_hex_format(value.as.bytes.data, 3, hex);
	assert_string_equal(hex, "00ff10");
	free(block);
	assert_true(cli_value_parse(MOTE_TYPE_BYTES, "", &value, &block, &why));
	assert_int_equal(value.as.bytes.size, 0);
	free(block);
	assert_true(
		cli_value_parse(MOTE_TYPE_BYTES, "0x", &value, &block, &why));
	assert_int_equal(value.as.bytes.size, 0);
	free(block);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(echo(MOTE_TYPE_BYTES, bad[i])[0], '!');
}

static const char *prototype_of(const char *name, const char *signature,
				const char *parameters)
{
	static char buffer[CLI_PROTOTYPE_TEXT_MAX];
	const mote_function function = { name, signature, parameters, 0, 0 };
	struct cli_prototype prototype;
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	if (!cli_prototype_read(&function, &prototype))
		return NULL;
	cli_prototype_add(&text, &prototype);
	return buffer;
}

static void test_prototypes(void **state)
{
	static const char *const bad[] = { "",	  "v",	    "v(",   "v)",
					   "x()", "v(x)",   "v(v)", "v()x",
					   "(i)", "v(i,i)", "vv()" };
	char many[MOTE_ARGUMENTS_MAX + 8];

	(void)state;
	assert_string_equal(prototype_of("SayHello", "s(s)", "name"),
			    "SayHello(string name) -> string");
	assert_string_equal(prototype_of("f", "v()", ""), "f() -> void");
	assert_string_equal(prototype_of("f", "v(iUdby)", "a,b,,d"),
			    "f(i32 a, u64 b, f64, bool d, bytes) -> void");
	assert_string_equal(prototype_of("f", "i(I)", "a,b,c"),
			    "f(i64 a) -> i32");
	assert_string_equal(prototype_of("f", "i(u)", "a\033[2J\xff"),
			    "f(u32 a\\x1b[2J\\xff) -> i32");
	assert_string_equal(prototype_of("f", "f(u)", NULL), "f(u32) -> f32");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_null(prototype_of("f", bad[i], ""));
	memset(many, 'i', sizeof(many));
	memcpy(many, "v(", 2);
	memcpy(many + MOTE_ARGUMENTS_MAX + 2, ")", 2);
	assert_non_null(prototype_of("f", many, ""));
	memset(many + MOTE_ARGUMENTS_MAX + 2, 'i', 1);
	memcpy(many + MOTE_ARGUMENTS_MAX + 3, ")", 2);
	assert_null(prototype_of("f", many, ""));
}

static void test_near_names(void **state)
{
	char long_name[200];

	(void)state;
	assert_int_equal(cli_name_distance("abc", "abc"), 0);
	assert_int_equal(cli_name_distance("abc", "ABC"), 0);
	assert_int_equal(cli_name_distance("", "abc"), 3);
	assert_int_equal(cli_name_distance("abc", ""), 3);
	assert_int_equal(cli_name_distance("abc", "ab"), 1);
	assert_int_equal(cli_name_distance("abc", "acb"), 1);
	assert_int_equal(cli_name_distance("kitten", "sitting"), 3);
	assert_true(cli_name_near("SayHelo", "SayHello"));
	assert_true(cli_name_near("sayhello", "SayHello"));
	assert_true(cli_name_near("Say", "SayHello"));
	assert_true(cli_name_near("rnu", "run"));
	assert_false(cli_name_near("Add", "Sub"));
	assert_false(cli_name_near("x", "y"));
	assert_false(cli_name_near("", "y"));
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(cli_name_distance(long_name, long_name), 0);
	assert_true(cli_name_distance(long_name, "b") > 10);
}

/* Filters the text in pieces of every size; the result must not differ. */
static void filter_case(const char *text, size_t size, const char *wanted)
{
	char *out = malloc(CLI_FILTER_OUT(size) * (size + 1));

	assert_non_null(out);
	for (size_t piece = 1; piece <= size; piece++) {
		struct cli_filter filter = CLI_FILTER_INIT;
		size_t made = 0;

		for (size_t at = 0; at < size; at += piece) {
			size_t part = size - at < piece ? size - at : piece;
			size_t more = cli_filter_run(&filter, text + at, part,
						     out + made);

			assert_true(more <= CLI_FILTER_OUT(part));
			made += more;
		}
		made += cli_filter_end(&filter, out + made);
		out[made] = '\0';
		assert_string_equal(out, wanted);
	}
	free(out);
}

static void test_filter(void **state)
{
	(void)state;
#define CASE(text, wanted) filter_case(text, sizeof(text) - 1, wanted)
	CASE("plain\n\ttext", "plain\n\ttext");
	CASE("\033[31m", "\\x1b[31m");
	CASE("a\rb\0c\177", "a\\x0db\\x00c\\x7f");
	CASE("Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f");
	CASE("\xe4\xb8\x96\xf0\x9f\x98\x80", "\xe4\xb8\x96\xf0\x9f\x98\x80");
	CASE("\xc2\x9b"
	     "31m",
	     "\\u009b31m");
	CASE("\x9b"
	     "31m",
	     "\\x9b31m");
	CASE("\xe2\x80\xae", "\\u202e");
	CASE("\xf3\xa0\x81\x81", "\\u0e0041");
	CASE("\xc0\x80", "\\xc0\\x80");
	CASE("\xed\xa0\x80", "\\xed\\xa0\\x80");
	CASE("\xe4\xb8", "\\xe4\\xb8");
	CASE("\xf0\x9f\x98", "\\xf0\\x9f\\x98");
	CASE("\xf0\x9f\x98x", "\\xf0\\x9f\\x98x");
	CASE("\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80");
	CASE("\xe4\xe4\xb8\x96", "\\xe4\xe4\xb8\x96");
#undef CASE
}

static void test_text(void **state)
{
	char buffer[16];
	char longer[256];
	char quoted[512];
	struct cli_text text;

	(void)state;
	cli_text_init(&text, buffer, sizeof(buffer));
	cli_text_add(&text, "%s", "0123456789");
	cli_text_add(&text, "%s", "0123456789");
	assert_string_equal(buffer, "012345678901234");
	cli_text_clean(&text, "x", 1);
	assert_string_equal(buffer, "012345678901234");
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	cli_text_init(&text, quoted, sizeof(quoted));
	cli_text_quote(&text, longer);
	assert_int_equal(text.used, 1 + 64 + 3 + 1);
	cli_text_init(&text, quoted, sizeof(quoted));
	/* Not on a line of its own, whoever named it. */
	cli_text_quote(&text, "a\nb\tc\033");
	assert_string_equal(quoted, "'a\\nb\\tc\\x1b'");
}

static void test_spread(void **state)
{
	uint64_t odd[] = { 5, 1, 3 };
	uint64_t even[] = { 8, 2, 4, 6 };
	struct cli_spread spread;

	(void)state;
	cli_spread_of(odd, 3, &spread);
	assert_int_equal(spread.low, 1);
	assert_int_equal(spread.median, 3);
	assert_int_equal(spread.high, 5);
	cli_spread_of(even, 4, &spread);
	assert_int_equal(spread.median, 5);
	cli_spread_of(NULL, 0, &spread);
	assert_int_equal(spread.high, 0);
}

/* What a guest prints is kept up to the limit and not a byte more. */
static void test_capture(void **state)
{
	struct cli_output output;
	char *data = calloc(CLI_CAPTURE_MAX, 1);

	(void)state;
	assert_non_null(data);
	cli_output_init(&output, true);
	cli_output_write(&output, MOTE_STREAM_STDOUT, data,
			 CLI_CAPTURE_MAX - 1);
	cli_output_write(&output, MOTE_STREAM_STDERR, "ab", 2);
	assert_false(output.out.cut);
	cli_output_write(&output, MOTE_STREAM_STDOUT, "xy", 2);
	assert_true(output.out.cut);
	assert_int_equal(output.out.kept_size, CLI_CAPTURE_MAX);
	assert_int_equal(output.out.kept[CLI_CAPTURE_MAX - 1], 'x');
	cli_output_write(&output, MOTE_STREAM_STDOUT, "z", 1);
	assert_int_equal(output.out.kept_size, CLI_CAPTURE_MAX);
	assert_false(output.err.cut);
	assert_int_equal(output.err.kept_size, 2);
	assert_memory_equal(output.err.kept, "ab", 2);
	cli_output_fini(&output);
	free(data);
}

static void json_case(const mote_value *value, const char *wanted)
{
	char *text = cli_json_value(value);

	assert_string_equal(text, wanted);
	free(text);
}

static void test_json_values(void **state)
{
	mote_value value;

	(void)state;
	value = (mote_value)MOTE_U64(UINT64_MAX);
	json_case(&value, "{\"type\": \"u64\", "
			  "\"value\": 18446744073709551615}");
	value = (mote_value)MOTE_F64(NAN);
	json_case(&value, "{\"type\": \"f64\", \"value\": \"nan\"}");
	value = (mote_value)MOTE_F32(-INFINITY);
	json_case(&value, "{\"type\": \"f32\", \"value\": \"-inf\"}");
	value = (mote_value)MOTE_F64(0.1);
	json_case(&value, "{\"type\": \"f64\", \"value\": 0.1}");
	value = (mote_value)MOTE_BOOL(1);
	json_case(&value, "{\"type\": \"bool\", \"value\": true}");
	value = (mote_value)MOTE_BYTES("\x00\xff", 2);
	json_case(&value, "{\"type\": \"bytes\", \"value\": \"00ff\"}");
	value = (mote_value)MOTE_BYTES(NULL, 0);
	json_case(&value, "{\"type\": \"bytes\", \"value\": \"\"}");
	value = (mote_value)MOTE_STRING("a\"\033");
	json_case(&value, "{\"type\": \"string\", "
			  "\"value\": \"a\\\"\\u001B\"}");
	value = (mote_value)MOTE_STRING("\xff");
	json_case(&value, "{\"type\": \"string\", "
			  "\"value\": \"\xef\xbf\xbd\", \"hex\": \"ff\"}");
	/* A character that is cut by the end. */
	value = (mote_value)MOTE_STRING("a\xe4\xb8");
	json_case(&value, "{\"type\": \"string\", "
			  "\"value\": \"a\xef\xbf\xbd\xef\xbf\xbd\", "
			  "\"hex\": \"61e4b8\"}");
	memset(&value, 0, sizeof(value));
	json_case(&value, "{\"type\": \"void\", \"value\": null}");
}

static bool read_line(struct cli_run_options *options,
		      struct cli_failure *failure, int argc, char **argv)
{
	cli_failure_init(failure);
	/* A fresh start of getopt. */
	optind = 0;
	return cli_run_options_read(argc, argv, options, failure);
}

static void test_run_options(void **state)
{
	char *line[] = { (char *)"run",
			 (char *)"-t2s",
			 (char *)"--heap=4M",
			 (char *)"-jsx",
			 (char *)"-H",
			 (char *)"A=b=c",
			 (char *)"--host",
			 (char *)"B",
			 (char *)"guest",
			 (char *)"f",
			 (char *)"--",
			 (char *)"-j",
			 NULL };
	char *main_line[] = { (char *)"run", (char *)"--", (char *)"-guest",
			      (char *)"--",  (char *)"--", NULL };
	struct cli_run_options *options = calloc(1, sizeof(*options));
	struct cli_failure *failure = calloc(1, sizeof(*failure));

	(void)state;
	assert_non_null(options);
	assert_non_null(failure);
	assert_true(read_line(options, failure, 12, line));
	assert_int_equal(options->timeout_ns, UINT64_C(2000000000));
	assert_int_equal(options->heap_bytes, 4 << 20);
	assert_true(options->json && options->stats && options->hex);
	assert_int_equal(options->repeat, 1);
	assert_int_equal(options->host_count, 2);
	assert_int_equal(options->hosts[0].name_length, 1);
	assert_string_equal(options->hosts[0].text, "b=c");
	assert_string_equal(options->hosts[1].text, "");
	assert_string_equal(options->guest, "guest");
	assert_string_equal(options->function, "f");
	assert_int_equal(options->arg_count, 2);
	assert_string_equal(options->args[0], "--");
	assert_true(read_line(options, failure, 5, main_line));
	assert_string_equal(options->guest, "-guest");
	assert_null(options->function);
	assert_int_equal(options->arg_count, 1);
	assert_string_equal(options->args[0], "--");
	free(options);
	free(failure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_option_sizes),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_float_round_trip),
		cmocka_unit_test(test_bools_and_void),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_prototypes),
		cmocka_unit_test(test_near_names),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_capture),
		cmocka_unit_test(test_json_values),
		cmocka_unit_test(test_run_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
