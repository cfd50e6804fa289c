/*
 * Tags and digests: what names a snapshot, and what must not.
 */
#include <string.h>

#include "harness/unit.h"
#include "snap/reference.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void expect_tag(const char *text, bool good)
{
	struct mti_reference reference;
	mote_error err = MOTE_ERROR_INIT;
	mote_status status;

	assert_int_equal(mti_tag_ok(text), good);
	status = mti_reference_tag(text, "test", &reference, &err);
	assert_int_equal(status, good ? MOTE_OK : MOTE_E_INVALID);
	if (good) {
		assert_false(reference.by_digest);
		assert_string_equal(reference.tag, text);
	} else {
		assert_non_null(strstr(err.text, "is no tag"));
	}
}

static void test_tags(void **state)
{
	static const char *const good[] = {
		"a", "Z", "9", "_", "_a", "latest", "v1.2.3", "a-b_c.d", "A--",
		"a..", "0x0",
	};
	static const char *const bad[] = {
		"",    ".a",  "-a",  ".",	 "..",	"../x", "a/b", "a:b",
		"a b", "a\n", "a\t", "\xc3\xa4", "a@b", "a+b",	"*",
	};
	char text[MTI_TAG_MAX + 2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect_tag(good[i], true);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_tag(bad[i], false);
	memset(text, 'x', sizeof(text));
	text[MTI_TAG_MAX] = '\0';
	expect_tag(text, true);
	text[MTI_TAG_MAX] = 'x';
	text[MTI_TAG_MAX + 1] = '\0';
	expect_tag(text, false);
}

/* Each byte there is, as the first of a tag and as a later one. */
static void test_every_byte(void **state)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789_";
	char text[3] = { 0 };
	int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		bool word = strchr(first, c) != NULL;

		text[0] = (char)c;
		text[1] = '\0';
		assert_int_equal(mti_tag_ok(text), word);
		text[0] = 'a';
		text[1] = (char)c;
		assert_int_equal(mti_tag_ok(text),
				 word || c == '.' || c == '-');
	}
}

static void test_digests(void **state)
{
	static const char *const bad[] = {
		"sha256:",
		"sha256",
		HEX,
		"sha512:" HEX,
		"SHA256:" HEX,
		" sha256:" HEX,
		"sha256:" HEX " ",
		"sha256:" HEX "0",
		"sha256:" HEX "/../x",
		"sha256:../../../../etc/passwd",
		"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef"
		"0123456789abcdef",
		"sha256:g123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef",
		"sha256:123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef",
	};
	char text[MTI_DIGEST_TEXT_BYTES];
	struct mti_digest digest;
	size_t i;

	(void)state;
	assert_true(mti_digest_parse("sha256:" HEX, &digest));
	assert_int_equal(digest.bytes[0], 0x01);
	assert_int_equal(digest.bytes[31], 0xef);
	mti_digest_text(&digest, text);
	assert_string_equal(text, "sha256:" HEX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mti_digest_parse(bad[i], &digest));
}

/* FIPS 180-4, the examples for SHA-256. */
static void test_sha256(void **state)
{
	static const char abc[] = "sha256:"
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f200"
		"15ad";
	struct mti_hash *hash = mti_hash_new();
	char text[MTI_DIGEST_TEXT_BYTES];
	struct mti_digest digest;
	struct mti_digest pieces;

	(void)state;
	assert_true(mti_digest_of("abc", 3, &digest));
	mti_digest_text(&digest, text);
	assert_string_equal(text, abc);
	assert_non_null(hash);
	assert_true(mti_hash_add(hash, "a", 1));
	assert_true(mti_hash_add(hash, "", 0));
	assert_true(mti_hash_add(hash, "bc", 2));
	assert_true(mti_hash_end(hash, &pieces));
	mti_hash_free(hash);
	assert_true(mti_digest_equal(&digest, &pieces));
	mti_hash_free(NULL);
}

static void test_references(void **state)
{
	struct mti_reference reference;
	mote_error err = MOTE_ERROR_INIT;

	(void)state;
	assert_int_equal(mti_reference_parse("latest", "test", &reference,
					     &err),
			 MOTE_OK);
	assert_false(reference.by_digest);
	assert_string_equal(reference.tag, "latest");
	/* It looks like a digest, but has no colon. */
	assert_int_equal(mti_reference_parse(HEX, "test", &reference, &err),
			 MOTE_OK);
	assert_false(reference.by_digest);
	assert_int_equal(mti_reference_parse("sha256:" HEX, "test", &reference,
					     &err),
			 MOTE_OK);
	assert_true(reference.by_digest);
	assert_string_equal(reference.tag, "");
	assert_int_equal(mti_reference_parse("a:b", "test", &reference, &err),
			 MOTE_E_INVALID);
	assert_non_null(strstr(err.text, "\"a:b\" is no digest"));
	assert_int_equal(mti_reference_parse("", "test", &reference, &err),
			 MOTE_E_INVALID);
	/* The tag of a save is never a digest. */
	assert_int_equal(mti_reference_tag("sha256:" HEX, "test", &reference,
					   &err),
			 MOTE_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
