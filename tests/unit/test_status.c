/*
 * The names and texts of codes. The numbers are an ABI: they are written out
 * here once more, so that a change of the header alone fails.
 */
#include "harness/unit.h"

#include <string.h>

#include <mote/error.h>
#include <mote/value.h>
#include <mote/version.h>

static const struct {
	int number;
	const char *name;
} statuses[] = {
	{ 0, "MOTE_OK" },
	{ 100, "MOTE_E_INVALID" },
	{ 101, "MOTE_E_VERSION" },
	{ 102, "MOTE_E_NOT_FOUND" },
	{ 103, "MOTE_E_SIGNATURE" },
	{ 104, "MOTE_E_STATE" },
	{ 105, "MOTE_E_BUSY" },
	{ 106, "MOTE_E_POISONED" },
	{ 107, "MOTE_E_IMAGE" },
	{ 108, "MOTE_E_IMPORT" },
	{ 109, "MOTE_E_TOO_LARGE" },
	{ 110, "MOTE_E_SNAPSHOT" },
	{ 111, "MOTE_E_INCOMPATIBLE" },
	{ 112, "MOTE_E_TIMEOUT" },
	{ 113, "MOTE_E_UNSUPPORTED" },
	{ 200, "MOTE_E_NO_MEMORY" },
	{ 201, "MOTE_E_OS" },
	{ 202, "MOTE_E_NO_HYPERVISOR" },
	{ 203, "MOTE_E_HYPERVISOR" },
	{ 300, "MOTE_E_GUEST_ERROR" },
	{ 301, "MOTE_E_GUEST_FAULT" },
	{ 302, "MOTE_E_GUEST_EXIT" },
	{ 400, "MOTE_E_PROTOCOL" },
	{ 401, "MOTE_E_HOST_CALLS" },
	{ 402, "MOTE_E_OUTPUT" },
	{ 403, "MOTE_E_GROWTH" },
	{ 404, "MOTE_E_LOG" },
	{ 500, "MOTE_E_DEADLINE" },
	{ 501, "MOTE_E_CANCELLED" },
	{ 502, "MOTE_E_CPU_TIME" },
};

#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

static void test_status(void **state)
{
	int number;
	size_t i;
	size_t known = 0;

	(void)state;
	for (i = 0; i < STATUS_COUNT; i++) {
		mote_status status = (mote_status)statuses[i].number;

		assert_string_equal(mote_status_name(status), statuses[i].name);
		assert_string_not_equal(mote_status_text(status),
					"unknown status");
	}
	for (number = -1; number < 1000; number++) {
		if (strcmp(mote_status_name((mote_status)number),
			   "MOTE_E_UNKNOWN") != 0)
			known++;
		else
			assert_string_equal(
				mote_status_text((mote_status)number),
				"unknown status");
	}
	assert_int_equal(known, STATUS_COUNT);
}

static void test_fault(void **state)
{
	int kind;
	int other;

	(void)state;
	for (kind = 0; kind <= 13; kind++) {
		assert_string_not_equal(mote_fault_text((mote_fault_kind)kind),
					"unknown fault");
		for (other = 0; other < kind; other++)
			assert_string_not_equal(
				mote_fault_text((mote_fault_kind)kind),
				mote_fault_text((mote_fault_kind)other));
	}
	assert_string_equal(mote_fault_text((mote_fault_kind)14),
			    "unknown fault");
	assert_string_equal(mote_fault_text(MOTE_FAULT_STACK_OVERFLOW),
			    "stack overflow");
}

static void test_type(void **state)
{
	static const char *const names[] = { "void",   "i32",  "u32", "i64",
					     "u64",    "f32",  "f64", "bool",
					     "string", "bytes" };
	int type;

	(void)state;
	for (type = 0; type < 10; type++)
		assert_string_equal(mote_type_name((mote_type)type),
				    names[type]);
	assert_string_equal(mote_type_name((mote_type)10), "?");
	assert_string_equal(mote_type_name((mote_type)255), "?");
}

static void test_version(void **state)
{
	(void)state;
	assert_int_equal(mote_version(), MOTE_VERSION);
	assert_string_equal(mote_version_string(), MOTE_VERSION_STRING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_type),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
