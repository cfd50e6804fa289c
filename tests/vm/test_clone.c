/*
 * Sandboxes of one snapshot: options, threads, the VMs that an engine keeps,
 * constructors that run once, what a snapshot says of itself.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "sandbox/sandbox.h"
#include "vm/state_host.h"

#define THREADS 8
#define ROUNDS 12

static struct state_host host;
static mote_error *const err = &host.vm.err;

static void open_host(void)
{
	state_open(&host, GUEST_vm_state);
}

static mote_snapshot *first_snapshot(const char *text)
{
	mote_sandbox *box = state_new(&host);
	mote_snapshot *snapshot;

	state_set_text(box, text);
	snapshot = state_take(box);
	mote_sandbox_free(box);
	return snapshot;
}

/* What calls write all the time is in no cache line of another sandbox. */
static void test_lines(void **state)
{
	mote_sandbox *boxes[3];
	mote_snapshot *snapshot;
	size_t i;

	(void)state;
	open_host();
	snapshot = first_snapshot("x");
	for (i = 0; i < 3; i++) {
		boxes[i] = state_clone(&host, snapshot);
		assert_int_equal((uintptr_t)boxes[i] % MTI_APART, 0);
		assert_int_equal((uintptr_t)boxes[i]->vm % MTI_APART, 0);
		assert_int_equal((uintptr_t)boxes[i]->interrupt % MTI_APART, 0);
	}
	for (i = 0; i < 3; i++)
		mote_sandbox_free(boxes[i]);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* -------------------------------------------------------------- options */

static mote_status clone_of(mote_snapshot *snapshot,
			    const mote_sandbox_options *options)
{
	mote_sandbox *box = NULL;
	mote_status status = mote_sandbox_from_snapshot(snapshot, options,
							&box, err);

	if (status != MOTE_OK)
		assert_null(box);
	mote_sandbox_free(box);
	return status;
}

static void test_options(void **state)
{
	mote_sandbox_options options;
	mote_sandbox *box = NULL;
	mote_snapshot *snapshot;

	(void)state;
	open_host();
	snapshot = first_snapshot("x");
	options = state_options(&host);
	options.stack_bytes = 1 << 20;
	options.io_bytes = (1 << 20) + 4096;
	vm_expect(clone_of(snapshot, &options), MOTE_OK, err);
	options.heap_bytes -= 100;
	vm_expect(clone_of(snapshot, &options), MOTE_OK, err);
	options.heap_bytes -= 4096;
	vm_expect(clone_of(snapshot, &options), MOTE_E_INCOMPATIBLE, err);
	vm_expect_text(err, "heap_bytes: the snapshot has 8388608, the options "
			    "8384412");
	options.heap_bytes = UINT64_MAX;
	vm_expect(clone_of(snapshot, &options), MOTE_E_INCOMPATIBLE, err);
	options.heap_bytes = 0;
	options.stack_bytes = 4096;
	vm_expect(clone_of(snapshot, &options), MOTE_E_INCOMPATIBLE, err);
	vm_expect_text(err, "stack_bytes");
	options.stack_bytes = 0;
	options.io_bytes = 4096;
	vm_expect(clone_of(snapshot, &options), MOTE_E_INCOMPATIBLE, err);
	vm_expect_text(err, "io_bytes");
	/* Imports are resolved as for a new one. */
	vm_expect(clone_of(snapshot, NULL), MOTE_E_IMPORT, err);
	vm_expect_text(err, "HostEcho");
	options = state_options(&host);
	host.functions[0].signature = "i(s)";
	vm_expect(clone_of(snapshot, &options), MOTE_E_IMPORT, err);
	vm_expect_text(err, "HostEcho");
	host.functions[0].signature = "s(s)";
	options.flags = 1u << 31;
	vm_expect(clone_of(snapshot, &options), MOTE_E_VERSION, err);
	vm_expect(mote_sandbox_from_snapshot(NULL, NULL, &box, err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_sandbox_from_snapshot(snapshot, NULL, NULL, err),
		  MOTE_E_INVALID, err);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* Limits and callbacks are the clone's own. */
static void test_own_settings(void **state)
{
	mote_sandbox_options options;
	mote_sandbox *box = NULL;
	mote_snapshot *snapshot;
	mote_sandbox_stats stats;

	(void)state;
	open_host();
	snapshot = first_snapshot("x");
	options = state_options(&host);
	options.deadline_ns = 1000000;
	options.flags = MOTE_SANDBOX_OUTPUT_LINES;
	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box, err),
		  MOTE_OK, err);
	state_fail(box, "Spin", MOTE_E_DEADLINE);
	vm_expect_text(err, "");
	state_restore(box, snapshot);
	assert_true(box->control->features & MOTE_FEATURE_OUTPUT_LINES);
	stats = vm_stats(box);
	/* No constructor was called for it. */
	assert_int_equal(stats.calls, 1);
	mote_sandbox_free(box);
	box = state_clone(&host, snapshot);
	assert_false(box->control->features & MOTE_FEATURE_OUTPUT_LINES);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* -------------------------------------------------------------- threads */

struct thread {
	pthread_t thread;
	mote_snapshot *snapshot;
	int number;
};

static void use_clone(const struct thread *self, int round)
{
	uint32_t value = (uint32_t)(self->number * ROUNDS + round) & 0xff;
	mote_sandbox *box = state_clone(&host, self->snapshot);
	int i;

	for (i = 0; i < 5; i++) {
		state_expect_text(box, "shared");
		state_touch(box, 20, 1, value);
		assert_int_equal(state_sum(box, 20, 1), 20 * value);
		state_set_text(box, "mine");
		if (i == 3)
			state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
		state_restore(box, self->snapshot);
		assert_int_equal(state_i32(box, "Count"), 101);
	}
	if (round % 3 == 0) {
		mote_snapshot *mine = state_take(box);

		state_restore(box, mine);
		assert_int_equal(state_i32(box, "Count"), 102);
		mote_snapshot_unref(mine);
	}
	mote_sandbox_free(box);
}

static void *run_thread(void *argument)
{
	const struct thread *self = argument;
	int i;

	for (i = 0; i < ROUNDS; i++)
		use_clone(self, i);
	mote_snapshot_unref(self->snapshot);
	return NULL;
}

static void test_threads(void **state)
{
	struct thread threads[THREADS];
	mote_snapshot *snapshot;
	int i;

	(void)state;
	open_host();
	snapshot = first_snapshot("shared");
	for (i = 0; i < THREADS; i++) {
		threads[i].snapshot = mote_snapshot_ref(snapshot);
		threads[i].number = i;
		assert_int_equal(pthread_create(&threads[i].thread, NULL,
						run_thread, &threads[i]),
				 0);
	}
	mote_snapshot_unref(snapshot);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i].thread, NULL);
	state_close(&host);
}

/* ---------------------------------------------------------------- cache */

/* VMs are kept, up to a number, and go with the engine. */
static void test_cache(void **state)
{
	mote_sandbox *boxes[MTI_CACHE_MAX + 4];
	mote_snapshot *snapshot;
	struct mti_vm *vm;
	const size_t count = sizeof(boxes) / sizeof(boxes[0]);
	struct vm_resources before;
	size_t i;

	(void)state;
	open_host();
	snapshot = first_snapshot("x");
	assert_int_equal(host.vm.engine->cache.count, 1);
	before = vm_resources_now();
	/* The one that is there is taken. */
	vm = host.vm.engine->cache.seats[0].vm;
	boxes[0] = state_clone(&host, snapshot);
	assert_ptr_equal(boxes[0]->vm, vm);
	assert_int_equal(host.vm.engine->cache.count, 0);
	for (i = 1; i < count; i++)
		boxes[i] = state_clone(&host, snapshot);
	for (i = 0; i < count; i++) {
		state_touch(boxes[i], 10, 1, 3);
		mote_sandbox_free(boxes[i]);
	}
	assert_int_equal(host.vm.engine->cache.count, MTI_CACHE_MAX);
	for (i = 0; i < count; i++)
		boxes[i] = state_clone(&host, snapshot);
	assert_int_equal(host.vm.engine->cache.count, 0);
	for (i = 0; i < count; i++) {
		state_expect_text(boxes[i], "x");
		mote_sandbox_free(boxes[i]);
	}
	/* A new one of the image uses them too, from its very start. */
	boxes[0] = state_new(&host);
	assert_int_equal(host.vm.engine->cache.count, MTI_CACHE_MAX - 1);
	assert_int_equal(state_i32(boxes[0], "Count"), 101);
	state_expect_text(boxes[0], "");
	mote_sandbox_free(boxes[0]);
	/* Only of KVM one can be seen from outside. */
	assert_true(vm_soft() ||
		    vm_resources_now().descriptors > before.descriptors);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* What lies there holds little memory. */
static void test_cache_memory(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;

	(void)state;
	open_host();
	snapshot = first_snapshot("x");
	box = state_clone(&host, snapshot);
	state_touch(box, 1000, 1, 3);
	mote_sandbox_free(box);
	assert_int_equal(host.vm.engine->cache.count, 1);
	assert_int_equal(host.vm.engine->cache.seats[0].memory.dirty.count, 0);
	box = state_clone(&host, snapshot);
	assert_int_equal(state_sum(box, 1000, 1), 0);
	state_touch(box, 10, 1, 3);
	assert_int_equal(state_sum(box, 1000, 1), 30);
	mote_sandbox_free(box);
	assert_true(host.vm.engine->cache.seats[0].memory.dirty.count > 10);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

static size_t count_files(void)
{
	return vm_resources_now().descriptors;
}

/* A snapshot that nobody has is not kept by a VM that lies there. */
static void test_cache_forgets(void **state)
{
	mote_snapshot *snapshot;
	struct mti_vm *vm;
	mote_sandbox *box;
	size_t files;

	(void)state;
	open_host();
	mote_sandbox_free(state_new(&host));
	files = count_files();
	/* First the sandbox goes, then the snapshot; then the other way. */
	box = state_new(&host);
	vm = box->vm;
	state_touch(box, 20, 1, 1);
	snapshot = state_take(box);
	assert_true(count_files() > files);
	mote_sandbox_free(box);
	assert_true(count_files() > files);
	mote_snapshot_unref(snapshot);
	assert_int_equal(count_files(), files);
	box = state_new(&host);
	assert_ptr_equal(box->vm, vm);
	assert_int_equal(state_i32(box, "Count"), 101);
	snapshot = state_take(box);
	mote_snapshot_unref(snapshot);
	assert_true(count_files() > files);
	state_touch(box, 10, 1, 1);
	mote_sandbox_free(box);
	assert_int_equal(count_files(), files);
	assert_int_equal(host.vm.engine->cache.count, 1);
	box = state_new(&host);
	assert_ptr_equal(box->vm, vm);
	assert_int_equal(state_sum(box, 10, 1), 0);
	mote_sandbox_free(box);
	state_close(&host);
}

/* A plan of memory that differs is never given a VM of another. */
static void test_cache_keys(void **state)
{
	mote_sandbox_options options;
	mote_sandbox *small = NULL;
	mote_snapshot *snapshot;
	mote_sandbox *box;

	(void)state;
	open_host();
	options = state_options(&host);
	options.heap_bytes = 1 << 20;
	box = state_new(&host);
	snapshot = state_take(box);
	vm_expect(mote_sandbox_new(host.vm.image, &options, &small, err),
		  MOTE_OK, err);
	mote_sandbox_free(box);
	mote_sandbox_free(small);
	assert_int_equal(host.vm.engine->cache.count, 2);
	/* The image has the last plan, and nobody the other one any more. */
	mote_snapshot_unref(snapshot);
	assert_int_equal(host.vm.engine->cache.count, 1);
	vm_expect(mote_sandbox_new(host.vm.image, &options, &small, err),
		  MOTE_OK, err);
	assert_int_equal(small->memory.size, small->store->memory_size);
	assert_int_equal(state_i32(small, "Count"), 101);
	mote_sandbox_free(small);
	state_close(&host);
}

/* With an image go the VMs of its plans, and their files. */
static void test_cache_images(void **state)
{
	size_t files;

	(void)state;
	open_host();
	files = count_files();
	mote_sandbox_free(state_new(&host));
	assert_int_equal(host.vm.engine->cache.count, 1);
	mote_image_unref(host.vm.image);
	host.vm.image = NULL;
	assert_int_equal(host.vm.engine->cache.count, 0);
	assert_int_equal(count_files(), files);
	vm_open_image(&host.vm, GUEST_vm_state);
	state_close(&host);
}

static mote_sandbox *parents;

/* Each of them, and nothing is made. */
static void refuse_in_child(mote_snapshot *snapshot)
{
	const mote_sandbox_options options = state_options(&host);
	mote_sandbox *box = NULL;
	mote_pool *pool = NULL;
	mote_image *image = NULL;
	mote_snapshot *other = NULL;
	mote_error wrong = MOTE_ERROR_INIT;

	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box, &wrong),
		  MOTE_E_STATE, &wrong);
	vm_expect_text(&wrong, "after fork() a child makes its own");
	vm_expect(mote_sandbox_new(host.vm.image, &options, &box, &wrong),
		  MOTE_E_STATE, &wrong);
	vm_expect(mote_pool_new(snapshot, NULL, &pool, &wrong), MOTE_E_STATE,
		  &wrong);
	vm_expect(mote_image_open(host.vm.engine, GUEST_vm_state, &image,
				  &wrong),
		  MOTE_E_STATE, &wrong);
	vm_expect(mote_snapshot_load(host.vm.engine, "nowhere", "x", 0, &other,
				     &wrong),
		  MOTE_E_STATE, &wrong);
	vm_expect(mote_snapshot_take(parents, &other, &wrong), MOTE_E_STATE,
		  &wrong);
	vm_expect(mote_sandbox_restore(parents, snapshot, &wrong),
		  MOTE_E_STATE, &wrong);
	assert_null(box);
	assert_null(pool);
	assert_null(image);
	assert_null(other);
	mote_sandbox_free(parents);
}

/* In a child of fork() nothing of the parent's is used; it all goes. */
static void in_child(void *argument)
{
	mote_snapshot *snapshot = argument;
	mote_snapshot *theirs;
	mote_sandbox *box = NULL;
	mote_error wrong = MOTE_ERROR_INIT;
	struct state_host own;

	refuse_in_child(snapshot);
	assert_int_equal(host.vm.engine->cache.count, 1);
	state_open(&own, GUEST_vm_state);
	box = state_new(&own);
	assert_int_equal(state_i32(box, "Count"), 101);
	vm_expect(mote_sandbox_restore(box, snapshot, &wrong),
		  MOTE_E_INCOMPATIBLE, &wrong);
	theirs = snapshot;
	snapshot = state_take(box);
	state_restore(box, snapshot);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	state_close(&own);
	mote_snapshot_unref(theirs);
	mote_image_unref(host.vm.image);
	mote_engine_unref(host.vm.engine);
}

static void test_fork(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;

	(void)state;
	open_host();
	snapshot = first_snapshot("x");
	box = state_clone(&host, snapshot);
	mote_sandbox_free(state_new(&host));
	parents = box;
	vm_fork(in_child, snapshot, 20);
	state_expect_text(box, "x");
	state_restore(box, snapshot);
	mote_sandbox_free(box);
	box = state_clone(&host, snapshot);
	state_expect_text(box, "x");
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* ----------------------------------------------------- shared beginning */

static mote_sandbox *new_shared(uint64_t heap)
{
	mote_sandbox_options options = state_options(&host);
	mote_sandbox *box = NULL;

	options.flags = MOTE_SANDBOX_SHARE_INIT;
	if (heap)
		options.heap_bytes = heap;
	vm_expect(mote_sandbox_new(host.vm.image, &options, &box, err), MOTE_OK,
		  err);
	return box;
}

static void test_share_init(void **state)
{
	mote_sandbox *boxes[4];
	mote_snapshot *snapshot;
	int32_t numbers[4];
	size_t i;

	(void)state;
	open_host();
	for (i = 0; i < 4; i++)
		boxes[i] = new_shared(0);
	assert_int_equal(host.notes, 1);
	assert_int_equal(host.lines, 1);
	for (i = 0; i < 4; i++) {
		assert_int_equal(state_i32(boxes[i], "Started"), 1);
		assert_int_equal(state_i32(boxes[i], "Count"), 101);
		numbers[i] = state_i32(boxes[i], "Rand");
		assert_int_equal(vm_stats(boxes[i]).calls, i ? 3 : 4);
	}
	/* The first is its own beginning; the others are seeded anew. */
	for (i = 1; i < 4; i++)
		assert_int_not_equal(numbers[i], numbers[i - 1]);
	snapshot = state_take(boxes[2]);
	state_restore(boxes[0], snapshot);
	assert_int_equal(state_i32(boxes[0], "Count"), 102);
	mote_snapshot_unref(snapshot);
	/* Other sizes begin for themselves. */
	mote_sandbox_free(boxes[0]);
	boxes[0] = new_shared(1 << 20);
	assert_int_equal(host.notes, 2);
	for (i = 0; i < 4; i++)
		mote_sandbox_free(boxes[i]);
	/* Nobody without the flag is made so. */
	boxes[0] = state_new(&host);
	assert_int_equal(host.notes, 3);
	mote_sandbox_free(boxes[0]);
	state_close(&host);
}

static void *share_thread(void *unused)
{
	mote_sandbox *box = new_shared(0);

	(void)unused;
	assert_int_equal(state_i32(box, "Started"), 1);
	assert_int_equal(state_i32(box, "Count"), 101);
	mote_sandbox_free(box);
	return NULL;
}

static void test_share_threads(void **state)
{
	pthread_t threads[THREADS];
	int i;

	(void)state;
	open_host();
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						share_thread, NULL),
				 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(host.notes >= 1 && host.notes <= THREADS);
	state_close(&host);
}

/* ---------------------------------------------------------- description */

static void test_describe(void **state)
{
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	mote_snapshot_extent extent;
	mote_snapshot *snapshot;
	mote_snapshot *later;
	uint64_t stored = 0;
	uint64_t own = 0;
	uint64_t heap = 0;
	mote_sandbox *box;
	size_t count;
	size_t i;

	(void)state;
	open_host();
	box = state_new(&host);
	snapshot = state_take(box);
	state_touch(box, 3, 1, 8);
	later = state_take(box);
	vm_expect(mote_snapshot_describe(later, &info, err), MOTE_OK, err);
	assert_int_equal(info.from_file, 0);
	assert_int_equal(info.heap_bytes, 8 << 20);
	assert_int_equal(info.stack_bytes, 1 << 20);
	assert_int_equal(info.io_bytes, (1 << 20) + 4096);
	assert_true(info.memory_size > info.heap_bytes);
	count = mote_snapshot_extent_count(later);
	assert_true(count > 0);
	for (i = 0; i < count; i++) {
		vm_expect(mote_snapshot_get_extent(later, i, &extent, err),
			  MOTE_OK, err);
		assert_true(extent.bytes > 0);
		stored += extent.bytes;
		own += extent.shared ? 0 : extent.bytes;
		if (strcmp(extent.area, "heap") == 0) {
			heap += extent.bytes;
			assert_int_equal(extent.protection,
					 MOTE_PROT_READ | MOTE_PROT_WRITE);
			assert_true(extent.gva >= MOTE_GVA_HEAP);
		}
		/* Messages are no part of it. */
		assert_string_not_equal(extent.area, "call");
		assert_string_not_equal(extent.area, "out");
	}
	assert_int_equal(stored, info.stored_bytes);
	assert_int_equal(own, info.own_bytes);
	assert_true(own < stored);
	assert_true(heap >= 3 * 4096);
	vm_expect(mote_snapshot_get_extent(later, count, &extent, err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_get_extent(later, SIZE_MAX, &extent, err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_get_extent(NULL, 0, &extent, err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_describe(NULL, &info, err), MOTE_E_INVALID,
		  err);
	assert_int_equal(mote_snapshot_extent_count(NULL), 0);
	assert_null(mote_snapshot_image(NULL));
	assert_ptr_equal(mote_snapshot_image(later), host.vm.image);
	mote_snapshot_unref(NULL);
	assert_null(mote_snapshot_ref(NULL));
	mote_snapshot_unref(snapshot);
	mote_snapshot_unref(later);
	mote_sandbox_free(box);
	state_close(&host);
}

/* Taken after the same few pages have changed: those, not everything. */
static void test_incremental(void **state)
{
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	mote_snapshot *snapshots[3];
	mote_sandbox *box;
	uint64_t first;
	size_t i;

	(void)state;
	open_host();
	box = state_new(&host);
	state_touch(box, 500, 1, 1);
	snapshots[0] = state_take(box);
	mote_sandbox_free(box);
	vm_expect(mote_snapshot_describe(snapshots[0], &info, err), MOTE_OK,
		  err);
	/* More than half of it is new: all in one file. */
	assert_int_equal(info.own_bytes, info.stored_bytes);
	assert_true(info.own_bytes > 500 * 4096);
	first = info.stored_bytes;
	for (i = 1; i < 3; i++) {
		box = state_clone(&host, snapshots[i - 1]);
		state_touch(box, 5, 7, 40);
		state_set_text(box, i == 1 ? "one" : "two");
		snapshots[i] = state_take(box);
		mote_sandbox_free(box);
		vm_expect(mote_snapshot_describe(snapshots[i], &info, err),
			  MOTE_OK, err);
		assert_true(info.own_bytes >= 5 * 4096);
		assert_true(info.own_bytes < 40 * 4096);
		assert_true(info.stored_bytes < first + 40 * 4096);
	}
	mote_snapshot_unref(snapshots[0]);
	mote_snapshot_unref(snapshots[1]);
	box = state_clone(&host, snapshots[2]);
	state_expect_text(box, "two");
	assert_int_equal(state_sum(box, 500, 1), 495 + 5 * 40);
	mote_snapshot_unref(snapshots[2]);
	mote_sandbox_free(box);
	state_close(&host);
}

/* ------------------------------------------------------------ from parts */

static mote_status from_parts(const mote_snapshot *of,
			      const struct mti_snap *snap)
{
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box;
	mote_status status;

	mti_store_ref(snap->store);
	status = mti_snapshot_from_parts(of->image, snap, &snapshot, err);
	if (status == MOTE_OK) {
		box = state_clone(&host, snapshot);
		state_expect_text(box, "parts");
		state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
		state_restore(box, snapshot);
		state_expect_text(box, "parts");
		mote_sandbox_free(box);
	} else {
		assert_null(snapshot);
	}
	mote_snapshot_unref(snapshot);
	return status;
}

/* A snapshot made of what another says, as loading one does. */
static void test_parts(void **state)
{
	mote_snapshot *snapshot;
	struct mti_store *store;
	struct mti_snap snap;

	(void)state;
	open_host();
	snapshot = first_snapshot("parts");
	snap = snapshot->snap;
	vm_expect(from_parts(snapshot, &snap), MOTE_OK, err);
	snap.cpu.dispatch_pc = UINT64_C(1) << 47;
	vm_expect(from_parts(snapshot, &snap), MOTE_E_SNAPSHOT, err);
	snap = snapshot->snap;
	snap.cpu.dispatch_sp = UINT64_MAX;
	vm_expect(from_parts(snapshot, &snap), MOTE_E_SNAPSHOT, err);
	snap = snapshot->snap;
	snap.origin.machine++;
	vm_expect(from_parts(snapshot, &snap), MOTE_E_SNAPSHOT, err);
	snap = snapshot->snap;
	snap.origin.abi_version++;
	vm_expect(from_parts(snapshot, &snap), MOTE_E_SNAPSHOT, err);
	snap = snapshot->snap;
	/* Which backend it was does not matter. */
	memcpy(snap.origin.backend, "other", 6);
	vm_expect(from_parts(snapshot, &snap), MOTE_OK, err);
	snap = snapshot->snap;
	snap.layout.memory_size += 4096;
	vm_expect(from_parts(snapshot, &snap), MOTE_E_SNAPSHOT, err);
	/* An extent in an area for messages, and one that is no good. */
	snap = snapshot->snap;
	store = mti_store_new(&host.vm.engine->allocator,
			      snap.layout.memory_size);
	assert_non_null(store);
	store->files[0] = snap.store->files[0];
	mti_backing_ref(store->files[0]);
	store->extent_count = 1;
	store->extents[0].size = 4096;
	store->extents[0].gpa = snap.layout.regions[MTI_AREA_CALL].gpa;
	snap.store = store;
	vm_expect(from_parts(snapshot, &snap), MOTE_E_SNAPSHOT, err);
	vm_expect_text(err, "messages");
	store->extents[0].gpa = snap.layout.memory_size;
	vm_expect(from_parts(snapshot, &snap), MOTE_E_SNAPSHOT, err);
	mti_store_unref(store);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_own_settings),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_cache_memory),
		cmocka_unit_test(test_cache_forgets),
		cmocka_unit_test(test_cache_keys),
		cmocka_unit_test(test_cache_images),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_share_init),
		cmocka_unit_test(test_share_threads),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_incremental),
		cmocka_unit_test(test_parts),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
