/*
 * Snapshots of clones of snapshots: what each of them stores of its own, and
 * that all of it is there again, in memory and from a layout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/layout_files.h"
#include "harness/unit.h"
#include "vm/state_host.h"

#define PAGE UINT64_C(4096)
/* What calls write besides: stack, heap, the program's data. */
#define SOME (16 * PAGE)
#define CHAIN 30
#define STEP 64

static struct state_host host;
static mote_error *const err = &host.vm.err;
static char folder[64];
static char *layout;

static int set_up(void **state)
{
	(void)state;
	files_temporary(folder, sizeof(folder));
	layout = files_path(folder, "layout");
	state_open(&host, GUEST_vm_state);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	state_close(&host);
	free(layout);
	files_delete(folder);
	return 0;
}

static uint64_t own_bytes(const mote_snapshot *snapshot)
{
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;

	vm_expect(mote_snapshot_describe(snapshot, &info, err), MOTE_OK, err);
	return info.own_bytes;
}

/* A snapshot with count pages of ones, of room for most. */
static mote_snapshot *first(uint32_t count, uint32_t most)
{
	mote_sandbox_options options = state_options(&host);
	mote_snapshot *snapshot;
	mote_sandbox *box;

	options.heap_bytes = UINT64_C(32) << 20;
	box = vm_sandbox(&host.vm, &options);
	state_touch(box, 1, most, 1);
	state_touch(box, count, 1, 1);
	snapshot = state_take(box);
	mote_sandbox_free(box);
	return snapshot;
}

/* Of a clone whose first count pages are ones, but for the first one. */
static mote_snapshot *child_of(mote_snapshot *parent, uint32_t count,
			       uint32_t value)
{
	mote_sandbox *box = state_clone(&host, parent);
	mote_snapshot *snapshot;

	state_touch(box, count, 1, 1);
	state_touch(box, 1, 1, value);
	snapshot = state_take(box);
	/* The sandbox goes back to it as well as clones do. */
	state_touch(box, 20, 3, 99);
	state_restore(box, snapshot);
	assert_int_equal(state_sum(box, count, 1), count - 1 + value);
	mote_sandbox_free(box);
	return snapshot;
}

static void expect_clone(mote_snapshot *snapshot, uint32_t count,
			 uint32_t value)
{
	mote_sandbox *box = state_clone(&host, snapshot);

	assert_int_equal(state_sum(box, 8000, 1), count - 1 + value);
	state_touch(box, 30, 5, 7);
	state_restore(box, snapshot);
	assert_int_equal(state_sum(box, 8000, 1), count - 1 + value);
	mote_sandbox_free(box);
}

static void save(mote_snapshot *snapshot, const char *tag)
{
	vm_expect(mote_snapshot_save(snapshot, layout, tag, NULL, NULL, NULL,
				     err),
		  MOTE_OK, err);
}

static mote_snapshot *load(const char *tag)
{
	mote_snapshot *snapshot = NULL;

	vm_expect(mote_snapshot_load(host.vm.engine, layout, tag,
				     MOTE_LOAD_VERIFY, &snapshot, err),
		  MOTE_OK, err);
	return snapshot;
}

/* The parent has a large delta: its children have a page each all the same. */
static void test_large_delta(void **state)
{
	mote_snapshot *base = first(2560, 6000);
	mote_snapshot *parent = child_of(base, 5000, 2);
	mote_snapshot *child;
	uint32_t i;

	(void)state;
	assert_true(own_bytes(parent) >= 2440 * PAGE);
	assert_true(own_bytes(parent) < 2440 * PAGE + SOME);
	save(parent, "parent");
	for (i = 0; i < 4; i++) {
		struct files_count before = files_blobs(layout);
		struct files_count after;

		child = child_of(parent, 1, 10 + i);
		assert_true(own_bytes(child) >= PAGE);
		assert_true(own_bytes(child) < SOME);
		expect_clone(child, 5000, 10 + i);
		save(child, "child");
		after = files_blobs(layout);
		assert_true(after.bytes - before.bytes < SOME + 32768);
		mote_snapshot_unref(child);
		child = load("child");
		assert_true(own_bytes(child) < SOME);
		expect_clone(child, 5000, 10 + i);
		mote_snapshot_unref(child);
	}
	/* The same from files. */
	mote_snapshot_unref(parent);
	parent = load("parent");
	child = child_of(parent, 1, 20);
	assert_true(own_bytes(child) < SOME);
	expect_clone(child, 5000, 20);
	mote_snapshot_unref(child);
	mote_snapshot_unref(parent);
	mote_snapshot_unref(base);
}

/*
 * Each has a bit more than the one before. That they come to their most files
 * costs now and then, and not what the chain has each time.
 */
static void test_chain(void **state)
{
	mote_snapshot *snapshots[CHAIN];
	uint64_t sum = 0;
	uint64_t large = 0;
	char tag[16];
	uint32_t i;

	(void)state;
	for (i = 0; i < CHAIN; i++) {
		uint64_t own;

		snapshots[i] = i == 0 ? first(STEP, 6000) :
					child_of(snapshots[i - 1],
						 (i + 1) * STEP, i + 2);
		own = own_bytes(snapshots[i]);
		sum += own;
		large += i > 0 && own > STEP * PAGE + SOME;
		snprintf(tag, sizeof(tag), "step-%u", i);
		save(snapshots[i], tag);
	}
	assert_true(large <= 4);
	assert_true(sum < UINT64_C(18) << 20);
	assert_true(files_blobs(layout).bytes < UINT64_C(20) << 20);
	for (i = 1; i < CHAIN; i++) {
		mote_snapshot *loaded;

		expect_clone(snapshots[i], (i + 1) * STEP, i + 2);
		snprintf(tag, sizeof(tag), "step-%u", i);
		loaded = load(tag);
		expect_clone(loaded, (i + 1) * STEP, i + 2);
		mote_snapshot_unref(loaded);
	}
	for (i = 0; i < CHAIN; i++)
		mote_snapshot_unref(snapshots[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_large_delta, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_chain, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
