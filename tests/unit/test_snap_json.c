/*
 * JSON that is not trusted: bounded before it is parsed, and every way in
 * which a field can be wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "snap/json.h"

static mote_error err = MOTE_ERROR_INIT;

static struct mti_json_reader new_reader(void)
{
	return (struct mti_json_reader){ .operation = "test",
					 .document = "doc",
					 .err = &err };
}

static void expect_bad(const void *data, size_t size, const char *text)
{
	struct mti_json_reader reader = new_reader();

	assert_null(mti_json_parse(&reader, data, size));
	assert_int_equal(reader.status, MOTE_E_SNAPSHOT);
	if (!strstr(err.text, text))
		fail_msg("no \"%s\" in: %s", text, err.text);
	if (strncmp(err.text, "doc: ", 5) != 0)
		fail_msg("does not name the document: %s", err.text);
}

static void expect_bad_text(const char *json, const char *text)
{
	expect_bad(json, strlen(json), text);
}

static void test_malformed(void **state)
{
	(void)state;
	expect_bad_text("", "line 1");
	expect_bad_text("{", "line 1");
	expect_bad_text("{}x", "line 1");
	expect_bad_text("{\"a\":1,}", "line 1");
	expect_bad_text("{\"a\":1}\n{", "line 2");
	expect_bad_text("\"text\"", "line 1");
	expect_bad_text("[]", "is not an object");
	expect_bad_text("{\"a\":1,\"a\":1}", "duplicate");
	expect_bad_text("{\"a\":{\"b\":1,\"b\":2}}", "duplicate");
	expect_bad_text("{\"a\":\"\\u0000\"}", "u0000");
	expect_bad_text("{\"a\":\"\xff\"}", "0xff");
	expect_bad_text("{\"a\":99999999999999999999}", "too big");
	expect_bad_text("{\"a\":1e999}", "real number");
	expect_bad("{\"a\":1}\0", 8, "line 1");
	/* What an error shows of a file has no control characters. */
	expect_bad_text("{\"a\":\x1b[31m}", "line 1");
	assert_null(strchr(err.text, 0x1b));
}

/* "[[[[...]]]]" in an object, that many levels in all. */
static char *nested(size_t depth, size_t *size)
{
	char *text = malloc(2 * depth + 16);

	assert_non_null(text);
	memcpy(text, "{\"a\":", 5);
	memset(text + 5, '[', depth - 1);
	memset(text + 5 + depth - 1, ']', depth - 1);
	text[5 + 2 * (depth - 1)] = '}';
	*size = 6 + 2 * (depth - 1);
	return text;
}

static void test_depth(void **state)
{
	static const char in_string[] = "{\"\\\"[[[[[[[[[[[[[[[[[[[[\":1}";
	struct mti_json_reader reader = new_reader();
	json_t *root;
	size_t size;
	char *text;

	(void)state;
	text = nested(MTI_JSON_DEPTH_MAX, &size);
	root = mti_json_parse(&reader, text, size);
	assert_non_null(root);
	json_decref(root);
	free(text);
	text = nested(MTI_JSON_DEPTH_MAX + 1, &size);
	expect_bad(text, size, "levels deep");
	free(text);
	text = nested(400000, &size);
	expect_bad(text, size, "levels deep");
	free(text);
	/* Brackets in strings are none. */
	reader = new_reader();
	root = mti_json_parse(&reader, in_string, strlen(in_string));
	assert_non_null(root);
	json_decref(root);
}

static void test_size(void **state)
{
	struct mti_json_reader reader = new_reader();
	char *text = malloc(MTI_JSON_MAX + 2);
	json_t *root;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', MTI_JSON_MAX + 2);
	memcpy(text, "{}", 2);
	root = mti_json_parse(&reader, text, MTI_JSON_MAX);
	assert_non_null(root);
	json_decref(root);
	expect_bad(text, MTI_JSON_MAX + 1, "more than 1048576");
	/* Many small values would take a hundred times their text. */
	memset(text, ',', MTI_JSON_MAX);
	memcpy(text, "{\"a\":[", 6);
	expect_bad(text, MTI_JSON_MAX, "more than 65536 values");
	free(text);
}

static const char sample[] =
	"{\"n\":5,\"neg\":-1,\"big\":9007199254740992,\"real\":5.0,"
	"\"s\":\"text\",\"esc\":\"\\u001b[31m\",\"h\":\"0x1f\",\"null\":null,"
	"\"yes\":true,\"o\":{\"a\":[1,\"x\",{\"deep\":2}]}}";

/* One function of the reader on the sample, and what it must say. */
#define EXPECT_FIELD(expression, wrong)                                   \
	do {                                                              \
		struct mti_json_reader reader = new_reader();             \
		json_t *document = mti_json_parse(&reader, sample,        \
						  strlen(sample));        \
		struct mti_json_node root =                               \
			mti_json_root(&reader, document);                 \
		(void)(expression);                                       \
		assert_int_equal(reader.status, MOTE_E_SNAPSHOT);         \
		assert_string_equal(err.text, "doc: " wrong);             \
		json_decref(document);                                    \
	} while (0)

static void test_wrong_fields(void **state)
{
	(void)state;
	EXPECT_FIELD(mti_json_number(&root, "none", 9), "none: is missing");
	EXPECT_FIELD(mti_json_number(&root, "n", 4), "n: 5 is not from 0 to 4");
	EXPECT_FIELD(mti_json_number(&root, "neg", 4),
		     "neg: -1 is not from 0 to 4");
	EXPECT_FIELD(mti_json_number(&root, "big", MTI_JSON_NUMBER_MAX),
		     "big: 9007199254740992 is not from 0 to "
		     "9007199254740991");
	EXPECT_FIELD(mti_json_number(&root, "real", 9),
		     "real: is a real number, not an integer");
	EXPECT_FIELD(mti_json_number(&root, "s", 9),
		     "s: is a string, not an integer");
	EXPECT_FIELD(mti_json_number(&root, "null", 9),
		     "null: is null, not an integer");
	EXPECT_FIELD(mti_json_number(&root, "yes", 9),
		     "yes: is true or false, not an integer");
	EXPECT_FIELD(mti_json_number(&root, "o", 9),
		     "o: is an object, not an integer");
	EXPECT_FIELD(mti_json_hex(&root, "h", 0x1e), "h: 0x1f is more than "
						     "0x1e");
	EXPECT_FIELD(mti_json_hex(&root, "s", 9),
		     "s: \"text\" is not a number like 0x1f");
	EXPECT_FIELD(mti_json_hex(&root, "n", 9),
		     "n: is an integer, not a string");
	EXPECT_FIELD(mti_json_text(&root, "n"),
		     "n: is an integer, not a string");
	EXPECT_FIELD((mti_json_expect(&root, "s", "other"), 0),
		     "s: is \"text\", not \"other\"");
	EXPECT_FIELD((mti_json_expect(&root, "esc", "other"), 0),
		     "esc: is \"?[31m\", not \"other\"");
	EXPECT_FIELD(mti_json_get(&root, "s", JSON_ARRAY),
		     "s: is a string, not an array");
}

static void test_paths(void **state)
{
	struct mti_json_reader reader = new_reader();
	json_t *document = mti_json_parse(&reader, sample, strlen(sample));
	struct mti_json_node root = mti_json_root(&reader, document);
	struct mti_json_node o = mti_json_get(&root, "o", JSON_OBJECT);
	struct mti_json_node a = mti_json_get(&o, "a", JSON_ARRAY);
	struct mti_json_node item = mti_json_item(&a, 2, JSON_OBJECT);

	(void)state;
	assert_int_equal(mti_json_count(&a), 3);
	assert_int_equal(mti_json_number(&item, "deep", 9), 2);
	assert_int_equal(mti_json_hex(&root, "h", 0x1f), 0x1f);
	assert_string_equal(mti_json_text(&root, "s"), "text");
	assert_null(mti_json_find(&root, "none", JSON_ARRAY).value);
	assert_int_equal(reader.status, MOTE_OK);
	(void)mti_json_number(&item, "other", 9);
	assert_string_equal(err.text, "doc: o.a[2].other: is missing");
	/* The first error stays, and nothing more comes out. */
	assert_int_equal(mti_json_number(&item, "deep", 9), 0);
	assert_int_equal(mti_json_count(&a), 0);
	assert_string_equal(mti_json_text(&root, "s"), "");
	(void)mti_json_number(&root, "neg", 9);
	assert_string_equal(err.text, "doc: o.a[2].other: is missing");
	json_decref(document);
}

static void test_known_keys(void **state)
{
	static const char *const keys[] = { "a", "b", NULL };
	struct mti_json_reader reader = new_reader();
	json_t *document = json_loads("{\"a\":1,\"b\":2}", 0, NULL);
	struct mti_json_node root = mti_json_root(&reader, document);

	(void)state;
	mti_json_only(&root, keys);
	assert_int_equal(reader.status, MOTE_OK);
	json_object_set_new(document, "B", json_null());
	mti_json_only(&root, keys);
	assert_int_equal(reader.status, MOTE_E_SNAPSHOT);
	assert_string_equal(err.text, "doc: \"B\" is not a known field");
	json_decref(document);
}

static void test_hex_forms(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t number;
	} rows[] = {
		{ "0x0", true, 0 },
		{ "0xffffffffffffffff", true, UINT64_MAX },
		{ "0x7fff00001000", true, UINT64_C(0x7fff00001000) },
		{ "0x00", false, 0 },
		{ "0x01", false, 0 },
		{ "0x", false, 0 },
		{ "", false, 0 },
		{ "0", false, 0 },
		{ "12", false, 0 },
		{ "0X1f", false, 0 },
		{ "0x1F", false, 0 },
		{ "0x1g", false, 0 },
		{ " 0x1", false, 0 },
		{ "0x1 ", false, 0 },
		{ "-0x1", false, 0 },
		{ "0x10000000000000000", false, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mti_json_reader reader = new_reader();
		json_t *document = json_pack("{s:s}", "h", rows[i].text);
		struct mti_json_node root = mti_json_root(&reader, document);

		assert_true(mti_json_hex(&root, "h", UINT64_MAX) ==
			    rows[i].number);
		assert_int_equal(reader.status == MOTE_OK, rows[i].good);
		json_decref(document);
		if (rows[i].good) {
			json_t *made = mti_json_hex_new(rows[i].number);

			assert_string_equal(json_string_value(made),
					    rows[i].text);
			json_decref(made);
		}
	}
}

static void test_write(void **state)
{
	json_t *root = json_pack("{s:i}", "a", 1);
	char *long_text = calloc(1, MTI_JSON_MAX);
	char *text = NULL;
	size_t size;

	(void)state;
	assert_int_equal(mti_json_write(root, "test", "doc", &text, &size,
					&err),
			 MOTE_OK);
	assert_int_equal(size, 7);
	assert_memory_equal(text, "{\"a\":1}", 7);
	free(text);
	/* What could not be read again is not written. */
	assert_non_null(long_text);
	memset(long_text, 'x', MTI_JSON_MAX - 1);
	json_object_set_new(root, "b", json_string(long_text));
	assert_int_equal(mti_json_write(root, "test", "doc", &text, &size,
					&err),
			 MOTE_E_SNAPSHOT);
	assert_non_null(strstr(err.text, "more than 1048576"));
	json_decref(root);
	free(long_text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_wrong_fields),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_known_keys),
		cmocka_unit_test(test_hex_forms),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
