/*
 * Many restores, and how the pages are found: by the hypervisor, by
 * PAGEMAP_SCAN, by reading pagemap. After each restore the harness has all
 * of memory looked at (mem/check.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "hv/hv.h"
#include "os/os.h"
#include "sandbox/types.h"
#include "vm/state_host.h"

#define RESTORES 1000

static struct state_host host;
static mote_error *const err = &host.vm.err;
static uint64_t seed;

/* -------------------------------------------------- ways to find pages */

static const char *const ways[] = { "hypervisor", "PAGEMAP_SCAN", "pagemap" };

enum way {
	BY_HYPERVISOR,
	BY_SCAN,
	BY_PAGEMAP,
	WAYS,
};

static enum way way;

bool __real_mti_kvm_tracks(const struct mti_vm *vm);
bool __wrap_mti_kvm_tracks(const struct mti_vm *vm);
bool __wrap_mti_kvm_tracks(const struct mti_vm *vm)
{
	return way == BY_HYPERVISOR && __real_mti_kvm_tracks(vm);
}

int __real_mti_os_scan_private(const void *address, size_t size, size_t *from,
			       struct mti_os_range *runs, size_t most);
int __wrap_mti_os_scan_private(const void *address, size_t size, size_t *from,
			       struct mti_os_range *runs, size_t most);
int __wrap_mti_os_scan_private(const void *address, size_t size, size_t *from,
			       struct mti_os_range *runs, size_t most)
{
	if (way == BY_PAGEMAP)
		return -ENOTTY;
	return __real_mti_os_scan_private(address, size, from, runs, most);
}

static void in_all_ways(void (*test)(void))
{
	for (way = BY_HYPERVISOR; way < WAYS; way++) {
		print_message("by %s\n", ways[way]);
		state_open(&host, GUEST_vm_state);
		test();
		state_close(&host);
	}
	way = BY_HYPERVISOR;
}

/* --------------------------------------------------------------- tests */

static void set_deadline(mote_sandbox *box, uint64_t ns)
{
	vm_expect(mote_sandbox_set_deadline(box, ns, err), MOTE_OK, err);
}

/* Ends a call badly, in one way or another. */
static void spoil(mote_sandbox *box, size_t how)
{
	int status;

	switch (how) {
	case 0:
		state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
		break;
	case 1:
		state_fail(box, "Abort", MOTE_E_GUEST_FAULT);
		break;
	case 2:
		set_deadline(box, 200000);
		state_fail(box, "Spin", MOTE_E_DEADLINE);
		set_deadline(box, 0);
		break;
	case 3:
		vm_expect(mote_run_main(box, 0, NULL, &status, err), MOTE_OK,
			  err);
		break;
	default:
		break;
	}
}

/* Nothing adds up, nothing wears out. */
static void restore_often(void)
{
	struct random_source random = { seed };
	mote_snapshot *snapshot;
	struct vm_resources before;
	struct vm_resources after;
	mote_sandbox *box;
	int i;

	box = state_new(&host);
	set_deadline(box, 0);
	state_touch(box, 60, 1, 4);
	snapshot = state_take(box);
	before = vm_resources_now();
	for (i = 0; i < RESTORES; i++) {
		uint32_t pages = (uint32_t)random_below(&random, 60);

		state_touch(box, pages, 1, (uint32_t)i);
		assert_int_equal(state_i32(box, "Count"), 101);
		spoil(box, random_below(&random, 8));
		state_restore(box, snapshot);
	}
	assert_int_equal(state_sum(box, 60, 1), 240);
	after = vm_resources_now();
	assert_int_equal(after.descriptors, before.descriptors);
	assert_int_equal(after.mappings, before.mappings);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

static void test_often(void **state)
{
	(void)state;
	in_all_ways(restore_often);
}

/*
 * A guest that wrote a lot once does not pay for it for ever, and what it
 * writes later is still seen.
 */
static void shrink(mote_sandbox *box, mote_snapshot *snapshot, uint32_t pages)
{
	size_t before;
	size_t after;
	int round;
	int i;

	for (round = 0; round < 2; round++) {
		state_touch(box, pages, 1, 7);
		assert_int_equal(state_sum(box, pages, 1), 7 * pages);
		state_restore(box, snapshot);
		before = box->memory.dirty.count;
		assert_true(before >= pages);
		for (i = 0; i < 130; i++) {
			/* Some of it is in use all the time. */
			state_touch(box, 300, 1, (uint32_t)i);
			state_restore(box, snapshot);
		}
		after = box->memory.dirty.count;
		assert_true(after < pages / 2);
		assert_true(after >= 300);
	}
	assert_int_equal(state_sum(box, 1200, 1), 6000);
	assert_int_equal(state_i32(box, "Count"), 101);
}

static void shrink_all(void)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;

	box = state_new(&host);
	state_touch(box, 1200, 1, 5);
	snapshot = state_take(box);
	/* Mapped from another store than it goes back to, and then not. */
	shrink(box, snapshot, 1000);
	mote_sandbox_free(box);
	box = state_clone(&host, snapshot);
	shrink(box, snapshot, 1000);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

static void test_shrink(void **state)
{
	(void)state;
	in_all_ways(shrink_all);
}

/* The memory of one large message goes back too. */
static void test_large_message(void **state)
{
	static char large[1000000];
	const mote_value argument = MOTE_BYTES(large, sizeof(large));
	mote_snapshot *snapshot;
	mote_sandbox *box;
	int i;

	(void)state;
	state_open(&host, GUEST_vm_state);
	box = state_new(&host);
	snapshot = state_take(box);
	memset(large, 'x', sizeof(large));
	vm_expect(mote_call(box, "Ignore", &argument, 1, NULL, err), MOTE_OK,
		  err);
	assert_true(box->call_mark.peak >= sizeof(large));
	for (i = 0; i < 128; i++)
		state_restore(box, snapshot);
	assert_int_equal(box->call_mark.peak, 0);
	vm_expect(mote_call(box, "Ignore", &argument, 1, NULL, err), MOTE_OK,
		  err);
	state_restore(box, snapshot);
	assert_int_equal(state_i32(box, "Count"), 101);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&host);
}

/* Of the set, those that are not page tables: see machine_is_table. */
static size_t count_pages(const mote_sandbox *box)
{
	const struct mti_layout *layout = &box->template->layout;
	const struct mti_dirty *dirty = &box->memory.dirty;

	return dirty->count - mti_dirty_count(dirty, layout->page_table_gpa,
					      layout->page_table_max);
}

/* Only the pages that were written are copied, however many there are. */
static void test_pages(void **state)
{
	static const uint32_t counts[] = { 0, 1, 10, 100, 1000 };
	mote_snapshot *snapshot;
	mote_sandbox *box;
	size_t base;
	size_t i;

	(void)state;
	state_open(&host, GUEST_vm_state);
	box = state_new(&host);
	state_touch(box, 1000, 2, 1);
	snapshot = state_take(box);
	mote_sandbox_free(box);
	box = state_clone(&host, snapshot);
	state_touch(box, 0, 0, 0);
	state_restore(box, snapshot);
	base = count_pages(box);
	print_message("%zu pages, %zu of them tables\n",
		      box->memory.dirty.count,
		      box->memory.dirty.count - base);
	assert_true(base < 20);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		state_touch(box, counts[i], 2, 9);
		state_restore(box, snapshot);
		assert_in_range(count_pages(box), base + counts[i],
				base + counts[i] + 2);
	}
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&host);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_often),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_large_message),
		cmocka_unit_test(test_pages),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	seed = random_seed(argc, argv);
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
