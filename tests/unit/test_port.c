/*
 * What each port means, at each width: compared with a list of the ports.
 */
#include <string.h>

#include "harness/unit.h"

#include "abi/layout.h"
#include "abi/trap.h"
#include "hv/port.h"

static const uint32_t ports[] = {
	MOTE_PORT_READY, MOTE_PORT_RETURN, MOTE_PORT_HOST_CALL, MOTE_PORT_FLUSH,
	MOTE_PORT_EXIT,	 MOTE_PORT_ABORT,  MOTE_PORT_SERVICE,
};

static struct mti_exit exit_of(uint32_t port, uint32_t size, bool out,
			       bool repeated)
{
	const struct mti_port_access access = {
		.port = port,
		.size = size,
		.out = out,
		.repeated = repeated,
		.value = 0x12345678,
		.argument0 = 0xa0,
		.argument1 = 0xa1,
	};
	struct mti_exit exit;

	memset(&exit, 0x5a, sizeof(exit));
	mti_port_exit(&access, &exit);
	return exit;
}

static bool is_ours(uint32_t port)
{
	size_t i;

	for (i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (ports[i] == port)
			return true;
	return false;
}

static void check(uint32_t port, uint32_t size)
{
	struct mti_exit exit = exit_of(port, size, true, false);

	if (is_ours(port) && size == 4) {
		assert_int_equal(exit.kind, MTI_EXIT_PORT);
		assert_int_equal(exit.number, port);
		assert_int_equal(exit.value, 0x12345678);
		assert_int_equal(exit.argument0, 0xa0);
		assert_int_equal(exit.argument1, 0xa1);
	} else if (port >= 0x20 && port < 0x40 && size == 1) {
		assert_int_equal(exit.kind, MTI_EXIT_FAULT);
		assert_int_equal(exit.number, port - 0x20);
	} else {
		assert_int_equal(exit.kind, MTI_EXIT_BAD_IO);
		assert_int_equal(exit.detail, port);
		assert_non_null(strstr(exit.text, "port"));
	}
}

static void test_writes(void **state)
{
	uint32_t port;

	(void)state;
	for (port = 0; port <= UINT16_MAX; port++) {
		check(port, 1);
		check(port, 2);
		check(port, 4);
	}
}

static void test_reads_and_strings(void **state)
{
	uint32_t port;

	(void)state;
	for (port = 0; port <= UINT16_MAX; port++) {
		assert_int_equal(exit_of(port, 4, false, false).kind,
				 MTI_EXIT_BAD_IO);
		assert_int_equal(exit_of(port, 1, false, false).kind,
				 MTI_EXIT_BAD_IO);
		assert_int_equal(exit_of(port, 4, true, true).kind,
				 MTI_EXIT_BAD_IO);
		assert_int_equal(exit_of(port, 1, true, true).kind,
				 MTI_EXIT_BAD_IO);
	}
}

static void check_bell(uint64_t gpa, uint32_t size, bool write)
{
	const struct mti_doorbell_access access = {
		.gpa = gpa,
		.size = size,
		.write = write,
		.value = 0x12345678,
	};
	struct mti_exit exit = { .kind = MTI_EXIT_HALT };
	uint32_t offset = (uint32_t)(gpa - MOTE_GPA_DOORBELL);
	bool ours = mti_doorbell_exit(&access, &exit);

	assert_int_equal(ours, offset < 2 * MOTE_PAGE_SIZE);
	if (!ours) {
		assert_int_equal(exit.kind, MTI_EXIT_HALT);
	} else if (write && size == 4 && is_ours(offset)) {
		assert_int_equal(exit.kind, MTI_EXIT_PORT);
		assert_int_equal(exit.number, offset);
		assert_int_equal(exit.value, 0x12345678);
	} else if (write && size == 4 && offset >= MOTE_PAGE_SIZE &&
		   offset < MOTE_PAGE_SIZE + 64 && offset % 4 == 0) {
		assert_int_equal(exit.kind, MTI_EXIT_FAULT);
		assert_int_equal(exit.number, (offset - MOTE_PAGE_SIZE) / 4);
	} else {
		assert_int_equal(exit.kind, MTI_EXIT_BAD_IO);
		assert_int_equal(exit.detail, offset % MOTE_PAGE_SIZE);
	}
}

/* In and around the pages of AArch64. */
static void test_doorbells(void **state)
{
	const uint64_t around = MOTE_GPA_DOORBELL - MOTE_PAGE_SIZE;
	uint64_t offset;
	uint32_t size;

	(void)state;
	for (offset = 0; offset < 4 * (uint64_t)MOTE_PAGE_SIZE; offset++) {
		for (size = 1; size <= 8; size *= 2) {
			check_bell(around + offset, size, true);
			check_bell(around + offset, size, false);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_reads_and_strings),
		cmocka_unit_test(test_doorbells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
