/*
 * The clocks of a guest that goes on from a snapshot, where the host's clock
 * shows more, or less, than it did: in a file it may have been there for
 * longer than the machine is up.
 */
#include <stdlib.h>

#include "harness/layout_files.h"
#include "harness/unit.h"
#include "os/os.h"
#include "vm/state_host.h"

#define S UINT64_C(1000000000)
#define HOUR (3600 * S)

static struct state_host host;
static mote_error *const err = &host.vm.err;
static char folder[64];

/* The machine is up for longer than it says. */
static uint64_t up_ns;

uint64_t __real_mti_os_monotonic_ns(void);
uint64_t __wrap_mti_os_monotonic_ns(void);

uint64_t __wrap_mti_os_monotonic_ns(void)
{
	return __real_mti_os_monotonic_ns() + up_ns;
}

static int set_up(void **state)
{
	(void)state;
	up_ns = 0;
	files_temporary(folder, sizeof(folder));
	state_open(&host, GUEST_vm_state);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	up_ns = 0;
	state_close(&host);
	files_delete(folder);
	return 0;
}

/* Of a guest that has looked at its clock; *then: what it saw. */
static mote_snapshot *take_at(uint64_t ns, uint64_t *then)
{
	mote_sandbox *box;
	mote_snapshot *snapshot;

	up_ns = ns;
	box = state_new(&host);
	*then = state_u64(box, "KeepTime");
	snapshot = state_take(box);
	mote_sandbox_free(box);
	return snapshot;
}

/* Saved, and loaded where the machine is up for ns more than it says. */
static mote_snapshot *reload(mote_snapshot *snapshot, uint64_t ns)
{
	mote_snapshot *loaded = NULL;

	vm_expect(mote_snapshot_save(snapshot, folder, "x", NULL, NULL, NULL,
				     err),
		  MOTE_OK, err);
	mote_snapshot_unref(snapshot);
	up_ns = ns;
	vm_expect(mote_snapshot_load(host.vm.engine, folder, "x", 0, &loaded,
				     err),
		  MOTE_OK, err);
	return loaded;
}

static void expect_between(uint64_t is, uint64_t from, uint64_t to)
{
	if (is < from || is > to)
		print_message("%llu, not from %llu to %llu\n",
			      (unsigned long long)is, (unsigned long long)from,
			      (unsigned long long)to);
	assert_true(is >= from && is <= to);
}

/* A machine that was started anew: no guest sees its clock go back. */
static void test_new_start(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	uint64_t then;
	uint64_t now;
	size_t i;

	(void)state;
	snapshot = reload(take_at(HOUR, &then), 0);
	box = state_clone(&host, snapshot);
	for (i = 0; i < 3; i++) {
		now = state_u64(box, "Now");
		expect_between(now, then, then + HOUR / 2);
		state_void(box, "WaitSince");
		/* And it goes on from call to call. */
		assert_true(state_u64(box, "Now") > now);
		state_restore(box, snapshot);
	}
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

/* A snapshot of what goes on so, on a machine that is newer still. */
static void test_twice(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	uint64_t then;

	(void)state;
	snapshot = reload(take_at(2 * HOUR, &then), HOUR);
	box = state_clone(&host, snapshot);
	mote_snapshot_unref(snapshot);
	then = state_u64(box, "KeepTime");
	snapshot = reload(state_take(box), 0);
	mote_sandbox_free(box);
	box = state_clone(&host, snapshot);
	expect_between(state_u64(box, "Now"), then, then + HOUR / 2);
	state_void(box, "WaitSince");
	/* Another guest in its place has the time of the host. */
	mote_sandbox_free(box);
	box = state_new(&host);
	assert_true(state_u64(box, "Now") < mti_os_monotonic_ns() + S);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

/* What passes on a machine that goes on passes in the guest. */
static void test_forward(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	uint64_t then;

	(void)state;
	snapshot = take_at(0, &then);
	up_ns = HOUR;
	box = state_clone(&host, snapshot);
	expect_between(state_u64(box, "Now"), then + HOUR,
		       then + HOUR + HOUR / 2);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

/* A limit of time is the host's affair. */
static void test_deadline(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	uint64_t then;

	(void)state;
	snapshot = reload(take_at(HOUR, &then), 0);
	box = state_clone(&host, snapshot);
	vm_expect(mote_sandbox_set_deadline(box, vm_patience_ns(), err),
		  MOTE_OK, err);
	state_void(box, "WaitSince");
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

/* No clock shows that: a file says so that somebody has made. */
static void test_nonsense(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	uint64_t then;

	(void)state;
	snapshot = reload(take_at(UINT64_C(1) << 63, &then), 0);
	box = state_clone(&host, snapshot);
	assert_true(state_u64(box, "Now") < mti_os_monotonic_ns() + S);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_start), TEST(test_twice), TEST(test_forward),
		TEST(test_deadline),  TEST(test_nonsense),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
