/*
 * Guests whose page tables copy on write. That they behave like all others is
 * shown by the other tests, which run with MOTE_TEST_MEMORY=paging, too; here
 * is how it is done, and what only they have.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "mapping_host.h"
#include "sandbox/types.h"
#include "state_host.h"

static struct state_host host;
static struct vm *const vm = &host.vm;

static void open_engine(const char *memory, uint64_t scratch_bytes)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;

	mote_image_unref(vm->image);
	mote_engine_unref(vm->engine);
	vm->image = NULL;
	options.allocator = vm->allocator.public;
	options.memory = memory;
	options.scratch_bytes = scratch_bytes;
	vm_expect(mote_engine_new(&options, &vm->engine, &vm->err), MOTE_OK,
		  &vm->err);
}

/* With guests/state.c. */
static void open_state(uint64_t scratch_bytes)
{
	state_open(&host, GUEST_vm_state);
	open_engine("paging", scratch_bytes);
	vm_open_image(vm, GUEST_vm_state);
}

static const struct mti_region *area(const mote_sandbox *box,
				     enum mti_area which)
{
	return &box->template->layout.regions[which];
}

/* The protection of all that the process has in [start, end): "r--p". */
static void expect_protection(const void *start, const void *end,
			      const char *expected)
{
	uintptr_t low = (uintptr_t)start;
	uintptr_t high = (uintptr_t)end;
	uintptr_t covered = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from;
		unsigned long to;
		char protection[5];

		if (sscanf(line, "%lx-%lx %4s", &from, &to, protection) != 3 ||
		    to <= low || from >= high)
			continue;
		assert_memory_equal(protection, expected, strlen(expected));
		covered += (to < high ? to : high) -
			   (from > low ? from : low);
	}
	fclose(maps);
	assert_int_equal(covered, high - low);
}

/* What is shared is read-only, here too, and no sandbox writes to it. */
static void test_shared(void **state)
{
	mote_sandbox *one;
	mote_sandbox *other;
	mote_snapshot *snapshot;
	struct mti_memory *memory;
	uint8_t *before;

	(void)state;
	open_state(0);
	one = state_new(&host);
	state_touch(one, 50, 1, 1);
	snapshot = state_take(one);
	other = state_clone(&host, snapshot);
	memory = &other->memory;
	assert_non_null(memory->cow);
	expect_protection(memory->base, memory->base + memory->size, "r--p");
	before = malloc(memory->size);
	assert_non_null(before);
	memcpy(before, memory->base, memory->size);
	state_touch(other, 50, 1, 2);
	state_set_text(other, "only here");
	assert_int_equal(state_sum(other, 50, 1), 100);
	assert_int_equal(state_sum(one, 50, 1), 50);
	assert_memory_equal(before, memory->base, memory->size);
	assert_int_not_equal(mti_cow_copies(memory->cow, 0, UINT64_MAX), 0);
	free(before);
	mote_sandbox_free(one);
	mote_sandbox_free(other);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* Data, zero-initialised data, thread-locals, heap, stack: first read. */
static void test_every_kind(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	int round;

	(void)state;
	open_state(0);
	box = state_new(&host);
	state_touch(box, 20, 3, 9);
	snapshot = state_take(box);
	for (round = 0; round < 3; round++) {
		assert_int_equal(state_sum(box, 20, 3), 180);
		state_expect_text(box, "");
		assert_int_equal(state_i32(box, "Count"), 101);
		assert_int_equal(state_i32(box, "CountLocal"), 8);
		state_set_text(box, "new");
		state_touch(box, 20, 3, 7);
		assert_int_equal(state_sum(box, 20, 3), 140);
		state_expect_text(box, "new");
		assert_int_equal(state_i32(box, "Count"), 102);
		state_restore(box, snapshot);
	}
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* Nothing that a guest may not write becomes writable by being marked. */
static void test_not_marked(void **state)
{
	struct mapping_host mapping = { 0 };
	mote_sandbox_options options = mapping_host_options(&mapping);
	mote_sandbox *box;
	uint64_t text;

	(void)state;
	vm_open(vm, NULL);
	open_engine("paging", 0);
	vm_open_image(vm, GUEST_vm_mapping);
	box = vm_sandbox(vm, &options);
	text = box->dispatch_pc;
	mapping_expect_fault(box, "Write", text, MOTE_FAULT_WRITE);
	mote_sandbox_free(box);
	box = vm_sandbox(vm, &options);
	mapping_expect_fault(box, "Write", MOTE_GVA_SUPERVISOR,
			     MOTE_FAULT_WRITE);
	mote_sandbox_free(box);
	/* Marked, but it is not a write that is refused. */
	box = vm_sandbox(vm, &options);
	mapping_expect_fault(box, "Jump", MOTE_GVA_HEAP + LARGE,
			     MOTE_FAULT_EXECUTE);
	assert_null(mti_cow_at(box->memory.cow,
			       area(box, MTI_AREA_HEAP)->gpa + LARGE));
	mote_sandbox_free(box);
	vm_close(vm);
}

/* Of a heap in large pages, some become tables of small ones. */
static void test_split(void **state)
{
	mote_sandbox_options options;
	mote_snapshot *snapshot;
	mote_sandbox *box;
	size_t tables;
	int round;

	(void)state;
	open_state(0);
	options = state_options(&host);
	options.heap_bytes = UINT64_C(256) << 20;
	box = vm_sandbox(vm, &options);
	snapshot = state_take(box);
	tables = box->memory.cow->tables;
	for (round = 0; round < 3; round++) {
		/* Known to the CPU as parts of large pages that are read. */
		state_touch(box, 1, 40000, 1);
		assert_int_equal(state_sum(box, 150, 250), 1);
		state_touch(box, 150, 250, 2);
		assert_int_equal(state_sum(box, 150, 250), 300);
		state_touch(box, 75, 500, 3);
		assert_int_equal(state_sum(box, 150, 250), 375);
		assert_in_range(box->memory.cow->tables, tables + 70,
				tables + 90);
		state_restore(box, snapshot);
		/* All of it gone, and mapped anew. */
		if (round == 1)
			box->memory.dirty.lost = true;
	}
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

static size_t room(const mote_sandbox *box)
{
	const struct mti_cow *cow = box->memory.cow;

	return cow->most - cow->tables;
}

static void expect_full(mote_sandbox *box, uint32_t count, uint32_t stride)
{
	const mote_value arguments[] = { MOTE_U32(count), MOTE_U32(stride),
					 MOTE_U32(1) };

	vm_expect(mote_call(box, "Touch", arguments, 3, NULL, &vm->err),
		  MOTE_E_GROWTH, &vm->err);
	vm_expect_text(&vm->err, "scratch_bytes: all of its");
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
}

/* More than there is room for is the guest's failure, and heals. */
static void test_full(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	int round;

	(void)state;
	open_state(UINT64_C(1) << 20);
	box = state_new(&host);
	/* The heap is there: 1000 pages, and none of them written. */
	state_touch(box, 1, 1000, 1);
	snapshot = state_take(box);
	assert_in_range(room(box), 150, 250);
	for (round = 0; round < 3; round++) {
		expect_full(box, 500, 1);
		assert_true(mti_cow_full(box->memory.cow));
		state_restore(box, snapshot);
		state_touch(box, 100, 1, 3);
		assert_int_equal(state_sum(box, 100, 1), 300);
	}
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* What a call may write does not depend on what those before it wrote. */
static void test_reclaimed(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	uint32_t stride;
	uint32_t most;

	(void)state;
	open_state(UINT64_C(1) << 20);
	box = state_new(&host);
	state_touch(box, 1, 1000, 1);
	snapshot = state_take(box);
	most = (uint32_t)room(box) * 3 / 4;
	for (stride = 1; stride < 5; stride++) {
		state_touch(box, most, stride, 5);
		assert_int_equal(state_sum(box, most, stride), 5 * most);
		/* Others were written before: they are as they were. */
		assert_int_equal(state_sum(box, 1, 1), 5);
		state_restore(box, snapshot);
		assert_int_equal(state_sum(box, most, stride), 1);
	}
	/* Without a restore in between they are still needed. */
	state_touch(box, most, 1, 5);
	state_restore(box, snapshot);
	state_touch(box, most, 2, 5);
	expect_full(box, most, 3);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/*
 * What a snapshot has and the image has not is not taken back because a guest
 * made it what it was in the image: a restore would not know of it.
 */
static void test_reclaimed_snapshot(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	mote_sandbox *other;

	(void)state;
	open_state(UINT64_C(1) << 20);
	box = state_new(&host);
	state_touch(box, 1, 1000, 1);
	state_touch(box, 10, 1, 7);
	snapshot = state_take(box);
	state_restore(box, snapshot);
	state_touch(box, 10, 1, 0);
	expect_full(box, 500, 2);
	state_restore(box, snapshot);
	assert_int_equal(state_sum(box, 10, 1), 70);
	/* One with the same VM. */
	mote_sandbox_free(box);
	other = state_clone(&host, snapshot);
	assert_int_equal(state_sum(other, 10, 1), 70);
	mote_sandbox_free(other);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* Nor is a call blamed for what was taken back during it. */
static void test_reclaimed_growth(void **state)
{
	mote_sandbox_options options;
	mote_snapshot *snapshot;
	mote_call_stats stats = MOTE_CALL_STATS_INIT;
	mote_sandbox *box;
	uint32_t most;

	(void)state;
	open_state(UINT64_C(1) << 20);
	options = state_options(&host);
	options.max_growth_bytes = UINT64_C(4) << 20;
	options.flags |= MOTE_SANDBOX_CALL_STATS;
	box = vm_sandbox(vm, &options);
	state_touch(box, 1, 1000, 1);
	snapshot = state_take(box);
	most = (uint32_t)room(box) * 3 / 4;
	state_touch(box, most, 1, 5);
	state_restore(box, snapshot);
	state_touch(box, most, 4, 5);
	vm_expect(mote_sandbox_get_call_stats(box, &stats, &vm->err), MOTE_OK,
		  &vm->err);
	assert_in_range(stats.pages_written, most / 2, 1000);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

/* There is room for page tables of mappings, too. */
static void test_reclaimed_mapping(void **state)
{
	static uint8_t bytes[4096] __attribute__((aligned(4096)));
	mote_snapshot *snapshot;
	mote_sandbox *box;
	uint64_t address = 0;

	(void)state;
	open_state(UINT64_C(1) << 20);
	box = state_new(&host);
	state_touch(box, 1, 1000, 1);
	snapshot = state_take(box);
	expect_full(box, 500, 1);
	state_restore(box, snapshot);
	vm_expect(mote_map_memory(box, bytes, sizeof(bytes), &address,
				  &vm->err),
		  MOTE_OK, &vm->err);
	state_touch(box, 100, 1, 3);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

static void test_too_small(void **state)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_sandbox_options wanted;
	mote_sandbox *box = NULL;
	mote_engine *engine = NULL;

	(void)state;
	open_state(16384);
	wanted = state_options(&host);
	vm_expect(mote_sandbox_new(vm->image, &wanted, &box, &vm->err),
		  MOTE_E_INVALID, &vm->err);
	vm_expect_text(&vm->err, "scratch_bytes is 16384");
	open_engine("paging", UINT64_C(1) << 40);
	vm_open_image(vm, GUEST_vm_state);
	vm_expect(mote_sandbox_new(vm->image, &wanted, &box, &vm->err),
		  MOTE_E_UNSUPPORTED, &vm->err);
	vm_expect_text(&vm->err, "scratch 1099511627776");
	state_close(&host);
	options.memory = "magic";
	vm_expect(mote_engine_new(&options, &engine, &vm->err), MOTE_E_INVALID,
		  &vm->err);
	vm_expect_text(&vm->err, "memory is \"magic\"");
	options.memory = "auto";
	options.scratch_bytes = 1;
	vm_expect(mote_engine_new(&options, &engine, &vm->err), MOTE_E_INVALID,
		  &vm->err);
	vm_expect_text(&vm->err, "scratch_bytes is 1");
}

/*
 * Whoever gets hold of the tables, which no user mode does: memory of others
 * stays as it is, and a restore puts the tables right.
 */
static void test_forged_tables(void **state)
{
	struct random_source random = { 0x706167696e67 };
	mote_snapshot *snapshot;
	mote_sandbox *box;
	struct mti_cow *cow;
	mote_status status;
	size_t failures = 0;
	uint8_t *before;
	int round;

	(void)state;
	open_state(0);
	box = state_new(&host);
	snapshot = state_take(box);
	before = malloc(box->memory.size);
	assert_non_null(before);
	memcpy(before, box->memory.base, box->memory.size);
	for (round = 0; round < 40; round++) {
		const mote_value arguments[] = { MOTE_U32(30), MOTE_U32(1),
						 MOTE_U32(1) };
		uint8_t *tables;
		size_t i;

		cow = box->memory.cow;
		tables = cow->scratch +
			 (cow->plan->pool_gpa - cow->plan->scratch_gpa);
		for (i = 0; i < 400; i++)
			tables[random_below(&random, cow->plan->tables.used)] =
				(uint8_t)random_u64(&random);
		/* As the hypervisor would report it. */
		mti_memory_written(&box->memory, cow->plan->pool_gpa);
		cow->stale = true;
		status = mote_call(box, "Touch", arguments, 3, NULL, &vm->err);
		failures += status != MOTE_OK;
		state_restore(box, snapshot);
		state_touch(box, 30, 1, 4);
		assert_int_equal(state_sum(box, 30, 1), 120);
		state_restore(box, snapshot);
	}
	assert_in_range(failures, 1, 40);
	assert_memory_equal(before, box->memory.base, box->memory.size);
	free(before);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	state_close(&host);
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static void map(mote_sandbox *box, int file, uint64_t offset,
		uint64_t *address)
{
	vm_expect(mote_map_file(box, file, offset, 2 * LARGE, MOTE_MAP_PRIVATE,
				address, &vm->err),
		  MOTE_OK, &vm->err);
}

/* With a private mapping its copies go, and when memory is put back. */
static void test_private_mappings(void **state)
{
	struct mapping_host mapping = { 0 };
	mote_sandbox_options options = mapping_host_options(&mapping);
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box;
	uint64_t address = 0;
	uint64_t other = 0;
	int file;
	int round;

	(void)state;
	vm_open(vm, NULL);
	open_engine("paging", 0);
	vm_open_image(vm, GUEST_vm_mapping);
	file = mapping_file(3 * LARGE, true);
	box = vm_sandbox(vm, &options);
	vm_expect(mote_snapshot_take(box, &snapshot, &vm->err), MOTE_OK,
		  &vm->err);
	for (round = 0; round < 2; round++) {
		address = 0;
		map(box, file, 0, &address);
		other = 0;
		map(box, file, PAGE, &other);
		mapping_write(box, address + LARGE, 1);
		mapping_write(box, other + LARGE, 2);
		assert_int_equal(mapping_read(box, address + LARGE), 1);
		assert_int_equal(mapping_read(box, other + LARGE + 1),
				 mapping_pattern(PAGE + LARGE + 1));
		vm_expect(mote_unmap(box, address, &vm->err), MOTE_OK,
			  &vm->err);
		/* At the same place in guest-physical memory, too. */
		map(box, file, 2 * PAGE, &address);
		mapping_write(box, address + LARGE, 3);
		assert_int_equal(mapping_read(box, address + LARGE + 1),
				 mapping_pattern(2 * PAGE + LARGE + 1));
		assert_int_equal(mapping_read(box, other + LARGE), 2);
		vm_expect(mote_sandbox_restore(box, snapshot, &vm->err),
			  MOTE_OK, &vm->err);
		mapping_expect_fault(box, "Read", other, MOTE_FAULT_READ);
		vm_expect(mote_sandbox_restore(box, snapshot, &vm->err),
			  MOTE_OK, &vm->err);
		mapping_expect_fault(box, "Write", address + LARGE,
				     MOTE_FAULT_WRITE);
		vm_expect(mote_sandbox_restore(box, snapshot, &vm->err),
			  MOTE_OK, &vm->err);
	}
	close(file);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	vm_close(vm);
}

/* A snapshot, with a private mapping in it that was written to. */
static void save(const char *memory, const char *directory)
{
	struct mapping_host mapping = { 0 };
	mote_sandbox_options options = mapping_host_options(&mapping);
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box;
	uint64_t address;
	int file;

	vm_open(vm, NULL);
	file = mapping_file(3 * LARGE, true);
	open_engine(memory, 0);
	vm_open_image(vm, GUEST_vm_mapping);
	box = vm_sandbox(vm, &options);
	mapping_keep(box, 77);
	address = MOTE_GVA_MAP + 64 * LARGE;
	vm_expect(mote_map_file(box, file, 0, 0, MOTE_MAP_PRIVATE, &address,
				&vm->err),
		  MOTE_OK, &vm->err);
	mapping_write(box, address + LARGE + 5 * PAGE, 99);
	mapping_write(box, address, 98);
	vm_expect(mote_snapshot_take(box, &snapshot, &vm->err), MOTE_OK,
		  &vm->err);
	vm_expect(mote_snapshot_save(snapshot, directory, "t", NULL, NULL, NULL,
				     &vm->err),
		  MOTE_OK, &vm->err);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	close(file);
	vm_close(vm);
}

static void load(const char *memory, const char *directory)
{
	const uint64_t address = MOTE_GVA_MAP + 64 * LARGE;
	struct mapping_host mapping = { 0 };
	mote_sandbox_options options = mapping_host_options(&mapping);
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box = NULL;
	int round;

	vm_open(vm, NULL);
	open_engine(memory, 0);
	vm_expect(mote_snapshot_load(vm->engine, directory, "t",
				     MOTE_LOAD_VERIFY, &snapshot, &vm->err),
		  MOTE_OK, &vm->err);
	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box,
					     &vm->err),
		  MOTE_OK, &vm->err);
	for (round = 0; round < 2; round++) {
		assert_int_equal(mapping_kept(box), 77);
		assert_int_equal(mapping_read(box, address), 98);
		assert_int_equal(mapping_read(box, address + 1),
				 mapping_pattern(1));
		assert_int_equal(mapping_read(box, address + LARGE + 5 * PAGE),
				 99);
		assert_int_equal(mapping_read(box, address + 3 * LARGE - 1),
				 mapping_pattern(3 * LARGE - 1));
		mapping_write(box, address + 3 * LARGE - 1, 0);
		mapping_keep(box, 1);
		vm_expect(mote_sandbox_restore(box, snapshot, &vm->err),
			  MOTE_OK, &vm->err);
	}
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	vm_close(vm);
}

/* No snapshot shows how its memory was copied. */
static void test_modes(void **state)
{
	static const char *const modes[] = { "auto", "paging" };
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < 2; i++) {
		char directory[] = "/tmp/mote-paging.XXXXXX";

		assert_non_null(mkdtemp(directory));
		save(modes[i], directory);
		for (j = 0; j < 2; j++)
			load(modes[j], directory);
		nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	}
}

/* What the host or the CPU writes is in scratch from the start. */
static void test_linear(void **state)
{
	static const enum mti_area areas[] = {
		MTI_AREA_CONTROL, MTI_AREA_INTERRUPT_STACK, MTI_AREA_POST,
		MTI_AREA_CALL, MTI_AREA_REPLY, MTI_AREA_OUT,
	};
	mote_sandbox *box;
	size_t i;

	(void)state;
	open_state(0);
	box = state_new(&host);
	for (i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
		assert_true(mti_cow_is_linear(box->memory.cow->plan,
					      area(box, areas[i])->gpa));
	assert_false(mti_cow_is_linear(box->memory.cow->plan,
				       area(box, MTI_AREA_STACK)->gpa));
	assert_false(mti_cow_is_linear(box->memory.cow->plan,
				       area(box, MTI_AREA_SYSCALL)->gpa));
	mote_sandbox_free(box);
	state_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_every_kind),
		cmocka_unit_test(test_not_marked),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_reclaimed),
		cmocka_unit_test(test_reclaimed_snapshot),
		cmocka_unit_test(test_reclaimed_growth),
		cmocka_unit_test(test_reclaimed_mapping),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_forged_tables),
		cmocka_unit_test(test_private_mappings),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_linear),
	};
	int status = vm_require();

	if (status != 0)
		return status;
	vm_watchdog(100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
