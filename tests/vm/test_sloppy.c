/*
 * Hosts that mean well and are careless: each gets an error or what it meant,
 * and keeps its process.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/calls_host.h"

static struct vm vm;
static struct calls_host host;
static mote_sandbox *box;

static void open_box(void)
{
	mote_sandbox_options options;

	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	options = calls_host_options(&host);
	box = vm_sandbox(&vm, &options);
}

static void close_box(void)
{
	mote_sandbox_free(box);
	vm_close(&vm);
}

/*
 * Small calls fit the call area in numbers whose results do not fit the out
 * area: that must be found out before the guest is in trouble.
 */
static void test_batch_too_long(void **state)
{
	/* A message has 32 bytes, the least answer 56. */
	const size_t most = ((1 << 20) + 4096) / 56;
	mote_batch_item *items = calloc(most + 1, sizeof(*items));
	size_t i;

	(void)state;
	assert_non_null(items);
	for (i = 0; i <= most; i++)
		items[i].function = "Nothing";
	open_box();
	vm_expect(mote_call_batch(box, items, most + 1, &vm.err),
		  MOTE_E_TOO_LARGE, &vm.err);
	vm_expect_text(&vm.err, "18798 calls");
	vm_expect(mote_call_batch(box, items, SIZE_MAX, &vm.err),
		  MOTE_E_TOO_LARGE, &vm.err);
	vm_expect(mote_call_batch(box, items, most, &vm.err), MOTE_OK,
		  &vm.err);
	for (i = 0; i < most; i++)
		assert_int_equal(items[i].status, MOTE_OK);
	close_box();
	free(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batch_too_long),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests_name("sloppy", tests, NULL, NULL);
}
