#include "harness/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static mote_error dirty_record(void)
{
	mote_error err;

	memset(&err, 0x5a, sizeof(err));
	err.struct_size = sizeof(err);
	return err;
}

static void assert_no_fault(const mote_error *err)
{
	static const mote_fault none;

	assert_memory_equal(&err->fault, &none, sizeof(none));
}

static void test_set(void **state)
{
	mote_error err = dirty_record();

	(void)state;
	assert_int_equal(mti_error_set(&err, MOTE_E_IMAGE, "opening",
				       "%s is %d", "it", 7),
			 MOTE_E_IMAGE);
	assert_int_equal(err.struct_size, sizeof(err));
	assert_int_equal(err.code, MOTE_E_IMAGE);
	assert_int_equal(err.os_errno, 0);
	assert_int_equal(err.guest_code, 0);
	assert_string_equal(err.operation, "opening");
	assert_string_equal(err.text, "it is 7");
	assert_no_fault(&err);
}

static void test_os(void **state)
{
	mote_error err = dirty_record();

	(void)state;
	assert_int_equal(mti_error_os(&err, MOTE_E_OS, "creating", ENOENT,
				      "open %s", "/x"),
			 MOTE_E_OS);
	assert_int_equal(err.code, MOTE_E_OS);
	assert_int_equal(err.os_errno, ENOENT);
	assert_string_equal(err.operation, "creating");
	assert_string_equal(err.text, "open /x: No such file or directory");
	assert_no_fault(&err);
	mti_error_os(&err, MOTE_E_OS, "creating", 123456, "x");
	assert_string_equal(err.text, "x: Unknown error 123456");
}

static void test_guest(void **state)
{
	char big[2 * MOTE_ERROR_TEXT_MAX];
	mote_error err = dirty_record();
	size_t i;

	(void)state;
	assert_int_equal(mti_error_guest(&err, MOTE_E_GUEST_ERROR, -3,
					 "a\033[2J\n\x7f\xc3\xa9~ b", 12),
			 MOTE_E_GUEST_ERROR);
	assert_int_equal(err.code, MOTE_E_GUEST_ERROR);
	assert_int_equal(err.guest_code, -3);
	assert_null(err.operation);
	assert_string_equal(err.text, "a?[2J??\xc3\xa9~ b");
	assert_no_fault(&err);
	/* Only size bytes are read. */
	mti_error_guest(&err, MOTE_E_GUEST_ERROR, 1, "abc", 2);
	assert_string_equal(err.text, "ab");
	mti_error_guest(&err, MOTE_E_GUEST_ERROR, 1, NULL, 0);
	assert_string_equal(err.text, "");
	for (i = 0; i < sizeof(big); i++)
		big[i] = 'x';
	for (i = MOTE_ERROR_TEXT_MAX - 2; i < sizeof(big); i++) {
		size_t kept =
			i < MOTE_ERROR_TEXT_MAX ? i : MOTE_ERROR_TEXT_MAX - 1;

		mti_error_guest(&err, MOTE_E_GUEST_ERROR, 1, big, i);
		assert_int_equal(strlen(err.text), kept);
	}
}

/* Long texts are cut, not spilt. */
static void test_long(void **state)
{
	char big[2 * MOTE_ERROR_TEXT_MAX];
	mote_error err = dirty_record();

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	mti_error_set(&err, MOTE_E_IMAGE, "opening", "%s", big);
	assert_int_equal(strlen(err.text), MOTE_ERROR_TEXT_MAX - 1);
	assert_no_fault(&err);
	err = dirty_record();
	mti_error_os(&err, MOTE_E_OS, "opening", ENOENT, "%s", big);
	assert_int_equal(strlen(err.text), MOTE_ERROR_TEXT_MAX - 1);
	assert_no_fault(&err);
	mti_error_os(&err, MOTE_E_OS, "opening", ENOENT, "%s",
		     big + MOTE_ERROR_TEXT_MAX + 4);
	assert_int_equal(strlen(err.text), MOTE_ERROR_TEXT_MAX - 1);
	assert_non_null(strstr(err.text, "x: No"));
}

static void test_no_record(void **state)
{
	(void)state;
	assert_int_equal(mti_error_set(NULL, MOTE_E_IMAGE, "x", "y"),
			 MOTE_E_IMAGE);
	assert_int_equal(mti_error_os(NULL, MOTE_E_OS, "x", 1, "y"), MOTE_E_OS);
	assert_int_equal(mti_error_guest(NULL, MOTE_E_GUEST_ERROR, 1, "y", 1),
			 MOTE_E_GUEST_ERROR);
}

/*
 * A program built with an older, shorter record: exactly struct_size bytes
 * are written, whatever it says.
 */
static void test_older_record(void **state)
{
	size_t size;
	size_t i;

	(void)state;
	for (size = sizeof(uint32_t); size <= sizeof(mote_error); size++) {
		unsigned char *exact = malloc(size);
		mote_error full = MOTE_ERROR_INIT;
		uint32_t stated = (uint32_t)size;

		assert_non_null(exact);
		memset(exact, 0x5a, size);
		memcpy(exact, &stated, sizeof(stated));
		mti_error_set((mote_error *)(void *)exact, MOTE_E_IMAGE,
			      "opening", "text");
		mti_error_set(&full, MOTE_E_IMAGE, "opening", "text");
		assert_memory_equal(exact, &stated, sizeof(stated));
		for (i = sizeof(stated); i < size; i++)
			assert_int_equal(exact[i], ((unsigned char *)&full)[i]);
		free(exact);
	}
}

/* A record that was never initialised, or is from a newer header. */
static void test_odd_record(void **state)
{
	static const uint32_t tiny[] = { 0, 1, 3, 4 };
	struct {
		mote_error err;
		unsigned char newer[16];
	} record;
	uint32_t words[2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(tiny) / sizeof(tiny[0]); i++) {
		words[0] = tiny[i];
		words[1] = 0x5a5a5a5a;
		mti_error_set((mote_error *)(void *)words, MOTE_E_IMAGE, "x",
			      "y");
		assert_int_equal(words[0], tiny[i]);
		assert_int_equal(words[1], 0x5a5a5a5a);
	}
	memset(&record, 0x5a, sizeof(record));
	record.err.struct_size = sizeof(record);
	mti_error_set(&record.err, MOTE_E_IMAGE, "x", "y");
	assert_string_equal(record.err.text, "y");
	assert_int_equal(record.err.struct_size, sizeof(record));
	for (i = 0; i < sizeof(record.newer); i++)
		assert_int_equal(record.newer[i], 0x5a);
}

static void test_time(void **state)
{
	char text[MTI_ERROR_TIME_MAX];

	(void)state;
	assert_string_equal(mti_error_time(20000000, text), "20 ms");
	assert_string_equal(mti_error_time(1500, text), "1500 ns");
	assert_string_equal(mti_error_time(UINT64_MAX, text),
			    "18446744073709551615 ns");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_os),
		cmocka_unit_test(test_guest),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_no_record),
		cmocka_unit_test(test_older_record),
		cmocka_unit_test(test_odd_record),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
