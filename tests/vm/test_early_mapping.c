/*
 * Mappings that are given with the options: there before the guest's first
 * instruction, all or none, and put back by pools.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/unit.h"
#include "vm/guests/early.h"
#include "vm/mapping_host.h"

#define MAPPINGS 3
#define SPARE UINT64_C(0x720040000000)

static struct vm vm;
static int file; /* three pages of the pattern */
static uint8_t *memory;
static mote_mapping mappings[MAPPINGS + 1];
static mote_sandbox_options options;

static int setup(void **state)
{
	(void)state;
	vm_open(&vm, GUEST_vm_early);
	file = mapping_file(3 * PAGE, true);
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	memory[0] = 0x42;
	memset(mappings, 0, sizeof(mappings));
	mappings[0].fd = file;
	mappings[0].offset = PAGE;
	mappings[0].address = EARLY_FILE;
	mappings[1].fd = -1;
	mappings[1].memory = memory;
	mappings[1].size = PAGE;
	mappings[1].address = EARLY_MEMORY;
	mappings[2].fd = file;
	mappings[2].size = 1;
	mappings[2].flags = MOTE_MAP_PRIVATE;
	mappings[2].address = EARLY_PRIVATE;
	options = (mote_sandbox_options)MOTE_SANDBOX_OPTIONS_INIT;
	options.deadline_ns = UINT64_C(50000000000);
	options.mappings = mappings;
	options.mapping_count = MAPPINGS;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(memory, PAGE);
	if (file >= 0)
		close(file);
	vm_close(&vm);
	return 0;
}

static uint64_t get(mote_sandbox *box, const char *function)
{
	mote_value result;

	vm_expect(mote_call(box, function, NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	return result.type == MOTE_TYPE_U32 ? result.as.u32 : result.as.u64;
}

static uint64_t expected_sum(void)
{
	uint64_t sum = 0;
	uint64_t i;

	for (i = 0; i < EARLY_FILE_BYTES; i++)
		sum = sum * 31 + mapping_pattern(PAGE + i);
	return sum;
}

static mote_snapshot *take(mote_sandbox *box)
{
	mote_snapshot *snapshot = NULL;

	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	return snapshot;
}

static mote_sandbox *from(mote_snapshot *snapshot,
			  const mote_sandbox_options *with)
{
	mote_sandbox *box = NULL;

	vm_expect(mote_sandbox_from_snapshot(snapshot, with, &box, &vm.err),
		  MOTE_OK, &vm.err);
	return box;
}

/* A constructor sees them, and whoever calls later. */
static void test_constructor(void **state)
{
	mote_sandbox *box = vm_sandbox(&vm, &options);
	mote_sandbox *other;

	(void)state;
	assert_int_equal(get(box, "FileSum"), expected_sum());
	assert_int_equal(get(box, "MemoryByte"), 0x42);
	assert_int_equal(mapping_read(box, EARLY_PRIVATE), EARLY_MARK);
	assert_int_equal(mapping_read(box, EARLY_PRIVATE + 1),
			 mapping_pattern(1));
	memory[0] = 0x43;
	other = vm_sandbox(&vm, &options);
	assert_int_equal(get(other, "MemoryByte"), 0x43);
	close(file);
	file = -1;
	assert_int_equal(mapping_read(box, EARLY_FILE),
			 mapping_pattern(PAGE));
	/* They are mappings like all others. */
	vm_expect(mote_unmap(box, EARLY_FILE, &vm.err), MOTE_OK, &vm.err);
	mapping_expect_fault(box, "Read", EARLY_FILE, MOTE_FAULT_READ);
	mote_sandbox_free(other);
	mote_sandbox_free(box);
}

/* So it was the constructor that needed them. */
static void test_without(void **state)
{
	mote_sandbox *box = NULL;

	(void)state;
	vm_expect(mote_sandbox_new(vm.image, NULL, &box, &vm.err),
		  MOTE_E_GUEST_FAULT, &vm.err);
	assert_int_equal(vm.err.fault.address, EARLY_FILE);
	assert_null(box);
}

/* A snapshot that is taken later has them, whatever becomes of them. */
static void test_snapshot(void **state)
{
	mote_sandbox *box = vm_sandbox(&vm, &options);
	mote_snapshot *snapshot = take(box);
	mote_sandbox *clone;

	(void)state;
	assert_int_equal(ftruncate(file, 0), 0);
	memory[0] = 0;
	options.mapping_count = 0;
	clone = from(snapshot, &options);
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(mapping_read(clone, EARLY_FILE + PAGE),
			 mapping_pattern(2 * PAGE));
	assert_int_equal(mapping_read(box, EARLY_FILE + PAGE),
			 mapping_pattern(2 * PAGE));
	assert_int_equal(mapping_read(box, EARLY_MEMORY), 0x42);
	assert_int_equal(mapping_read(box, EARLY_PRIVATE), EARLY_MARK);
	assert_int_equal(get(box, "FileSum"), expected_sum());
	/* As memory, no mapping. */
	vm_expect(mote_unmap(box, EARLY_FILE, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	mote_sandbox_free(clone);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
}

/* Beside what the snapshot has, but not over it; gone at a restore. */
static void test_from_snapshot(void **state)
{
	mote_sandbox *box = vm_sandbox(&vm, &options);
	mote_snapshot *snapshot = take(box);
	mote_sandbox *clone = NULL;

	(void)state;
	mote_sandbox_free(box);
	options.mapping_count = 1;
	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &clone,
					     &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "mappings[0]: 0x720000000000");
	vm_expect_text(&vm.err, "part of the snapshot");
	assert_null(clone);
	mappings[0].address = SPARE;
	/* It runs no constructors. */
	options.flags = MOTE_SANDBOX_SHARE_INIT;
	clone = from(snapshot, &options);
	assert_int_equal(mapping_read(clone, SPARE), mapping_pattern(PAGE));
	vm_expect(mote_sandbox_restore(clone, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(mapping_read(clone, EARLY_FILE),
			 mapping_pattern(PAGE));
	mapping_expect_fault(clone, "Read", SPARE, MOTE_FAULT_READ);
	mote_sandbox_free(clone);
	mote_snapshot_unref(snapshot);
}

/* The last of the mappings is wrong: no sandbox, and nothing is left. */
static void expect_wrong(mote_status status, const char *text)
{
	size_t live = atomic_load(&vm.allocator.live);
	struct vm_resources before = vm_resources_now();
	mote_sandbox *box = NULL;

	options.mapping_count = MAPPINGS + 1;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err), status,
		  &vm.err);
	vm_expect_text(&vm.err, "mappings[3]: ");
	vm_expect_text(&vm.err, text);
	assert_null(box);
	assert_int_equal(vm_resources_now().descriptors, before.descriptors);
	assert_int_equal(vm_resources_now().mappings, before.mappings);
	assert_int_equal(atomic_load(&vm.allocator.live), live);
	mappings[MAPPINGS] = mappings[0];
	mappings[MAPPINGS].address = SPARE;
}

static void test_wrong(void **state)
{
	mote_mapping *last = &mappings[MAPPINGS];
	int ends[2];

	(void)state;
	/* A VM that was used is kept: let there be one. */
	mote_sandbox_free(vm_sandbox(&vm, &options));
	*last = mappings[0];
	last->address = EARLY_FILE + PAGE;
	expect_wrong(MOTE_E_INVALID, "overlaps the mapping from "
				     "0x720000000000 to 0x720000002000");
	last->address = 0;
	expect_wrong(MOTE_E_INVALID, "address is 0");
	last->address = SPARE + 1;
	expect_wrong(MOTE_E_INVALID, "address 0x720040000001");
	last->address = PAGE;
	expect_wrong(MOTE_E_INVALID, "are not within the window");
	last->fd = -2;
	expect_wrong(MOTE_E_INVALID, "fd is negative");
	last->memory = memory;
	expect_wrong(MOTE_E_INVALID, "fd and memory");
	last->flags = 2;
	expect_wrong(MOTE_E_VERSION, "flags is 0x2");
	last->offset = 100;
	expect_wrong(MOTE_E_INVALID, "offset 0x64");
	last->offset = 3 * PAGE;
	expect_wrong(MOTE_E_INVALID, "not within the file");
	last->size = 3 * PAGE;
	expect_wrong(MOTE_E_INVALID, "reach beyond the file");
	assert_int_equal(pipe(ends), 0);
	last->fd = ends[0];
	expect_wrong(MOTE_E_INVALID, "not of a regular file");
	last->fd = ends[0];
	close(ends[0]);
	expect_wrong(MOTE_E_OS, "descriptor");
	close(ends[1]);
	*last = mappings[1];
	last->memory = NULL;
	expect_wrong(MOTE_E_INVALID, "there is no such range");
	*last = mappings[1];
	last->size = 100;
	expect_wrong(MOTE_E_INVALID, "must be multiples of a page");
	*last = mappings[1];
	last->offset = PAGE;
	expect_wrong(MOTE_E_INVALID, "offset is not 0");
	*last = mappings[1];
	last->flags = MOTE_MAP_PRIVATE;
	expect_wrong(MOTE_E_INVALID, "flags is not 0");
}

static void test_wrong_options(void **state)
{
	mote_sandbox *box = NULL;

	(void)state;
	options.mapping_count = 201;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "mapping_count is 201, at most 200");
	options.mapping_count = MAPPINGS;
	options.mappings = NULL;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "mappings is NULL");
	options.mappings = mappings;
	options.flags = MOTE_SANDBOX_SHARE_INIT;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "MOTE_SANDBOX_SHARE_INIT");
}

/* As many as there can be, and one more. */
static void test_many(void **state)
{
	static mote_mapping many[200];
	uint64_t address = 0;
	mote_sandbox *box;
	size_t i;

	(void)state;
	memcpy(many, mappings, sizeof(mappings));
	for (i = MAPPINGS; i < 200; i++) {
		many[i] = mappings[0];
		many[i].address = SPARE + i * 4 * PAGE;
	}
	options.mappings = many;
	options.mapping_count = 200;
	box = vm_sandbox(&vm, &options);
	assert_int_equal(mapping_read(box, many[199].address),
			 mapping_pattern(PAGE));
	vm_expect(mote_map_file(box, mappings[0].fd, 0, PAGE, 0, &address,
				&vm.err),
		  MOTE_E_STATE, &vm.err);
	vm_expect_text(&vm.err, "200 mappings are there");
	mote_sandbox_free(box);
}

/* Each allocation of it fails once. */
static void test_no_memory(void **state)
{
	mote_status status = MOTE_E_NO_MEMORY;
	mote_sandbox *box = NULL;
	size_t number;
	size_t live;

	(void)state;
	mote_sandbox_free(vm_sandbox(&vm, &options));
	live = atomic_load(&vm.allocator.live);
	for (number = 1; status != MOTE_OK; number++) {
		atomic_store(&vm.allocator.fail_at,
			     atomic_load(&vm.allocator.requests) + number);
		status = mote_sandbox_new(vm.image, &options, &box, &vm.err);
		atomic_store(&vm.allocator.fail_at, 0);
		if (status == MOTE_OK)
			break;
		vm_expect(status, MOTE_E_NO_MEMORY, &vm.err);
		assert_int_equal(atomic_load(&vm.allocator.live), live);
		assert_true(number < 200);
	}
	assert_true(number > 3);
	mote_sandbox_free(box);
}

/* ----------------------------------------------------------------- pools */

static mote_pool *new_pool(mote_snapshot *snapshot, uint32_t max)
{
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_pool *pool = NULL;

	wanted.min = 1;
	wanted.max = max;
	wanted.sandbox = &options;
	vm_expect(mote_pool_new(snapshot, &wanted, &pool, &vm.err), MOTE_OK,
		  &vm.err);
	return pool;
}

/* A snapshot with nothing mapped, and what is mapped beside it. */
static mote_snapshot *plain_snapshot(void)
{
	mote_sandbox *box = vm_sandbox(&vm, &options);
	mote_snapshot *snapshot;
	size_t i;

	for (i = 0; i < MAPPINGS; i++)
		vm_expect(mote_unmap(box, mappings[i].address, &vm.err),
			  MOTE_OK, &vm.err);
	snapshot = take(box);
	mote_sandbox_free(box);
	return snapshot;
}

static mote_sandbox *acquire(mote_pool *pool)
{
	mote_sandbox *box = NULL;

	vm_expect(mote_pool_acquire(pool, 0, &box, &vm.err), MOTE_OK, &vm.err);
	return box;
}

/* The pool has its own of all but memory, and maps it again each time. */
static void test_pool(void **state)
{
	mote_snapshot *snapshot = plain_snapshot();
	mote_sandbox *boxes[2];
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;
	mote_pool *pool = new_pool(snapshot, 2);
	int turn;
	size_t i;

	(void)state;
	close(file);
	file = -1;
	memset(mappings, 0, sizeof(mappings));
	for (turn = 0; turn < 3; turn++) {
		for (i = 0; i < 2; i++) {
			boxes[i] = acquire(pool);
			assert_int_equal(mapping_read(boxes[i], EARLY_FILE),
					 mapping_pattern(PAGE));
			assert_int_equal(mapping_read(boxes[i], EARLY_MEMORY),
					 0x42);
			assert_int_equal(mapping_read(boxes[i], EARLY_PRIVATE),
					 mapping_pattern(0));
			mapping_write(boxes[i], EARLY_PRIVATE, 99);
		}
		if (turn == 1)
			vm_expect(mote_unmap(boxes[0], EARLY_FILE, &vm.err),
				  MOTE_OK, &vm.err);
		mote_pool_release(pool, boxes[1]);
		mote_pool_release(pool, boxes[0]);
	}
	vm_expect(mote_pool_get_stats(pool, &stats, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(stats.created, 2);
	assert_int_equal(stats.restored, 6);
	mote_pool_free(pool);
	mote_snapshot_unref(snapshot);
}

/* What cannot be mapped again is not handed out. */
static void test_pool_failures(void **state)
{
	mote_snapshot *snapshot = plain_snapshot();
	mote_pool_options wanted = MOTE_POOL_OPTIONS_INIT;
	mote_pool_stats stats = MOTE_POOL_STATS_INIT;
	mote_pool *pool = new_pool(snapshot, 1);
	mote_sandbox *box = acquire(pool);
	mote_pool *none = NULL;

	(void)state;
	assert_int_equal(ftruncate(file, 0), 0);
	mote_pool_release(pool, box);
	vm_expect(mote_pool_get_stats(pool, &stats, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(stats.idle, 0);
	assert_int_equal(stats.replaced, 1);
	vm_expect(mote_pool_acquire(pool, 0, &box, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect_text(&vm.err, "mappings[0]: ");
	assert_int_equal(ftruncate(file, 3 * PAGE), 0);
	box = acquire(pool);
	assert_int_equal(mapping_read(box, EARLY_FILE), 0);
	mote_pool_release(pool, box);
	mote_pool_free(pool);

	mappings[2].fd = 4000;
	wanted.sandbox = &options;
	vm_expect(mote_pool_new(snapshot, &wanted, &none, &vm.err), MOTE_E_OS,
		  &vm.err);
	vm_expect_text(&vm.err, "mappings[2]: descriptor 4000");
	mote_snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_constructor),
		TEST(test_without),
		TEST(test_snapshot),
		TEST(test_from_snapshot),
		TEST(test_wrong),
		TEST(test_wrong_options),
		TEST(test_many),
		TEST(test_no_memory),
		TEST(test_pool),
		TEST(test_pool_failures),
#undef TEST
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
