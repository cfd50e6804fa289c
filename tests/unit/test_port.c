/*
 * What each port means, at each width: compared with a list of the ports.
 */
#include <string.h>

#include "harness/unit.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_reads_and_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
