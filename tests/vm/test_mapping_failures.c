/*
 * The host fails while something is mapped, used, frozen and taken away:
 * each allocation and each call into the system in turn, once and from then
 * on. Nothing is left behind, the error says what it was, and a restore puts
 * everything right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/inject.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/kvm/kvm.h"
#include "vm/mapping_host.h"

#define NUMBERS_MAX 200

/* Which of the next slots cannot be removed, counted from 1; 0: none. */
static size_t stuck_first;
static size_t stuck_last;
static size_t removals;

mote_status __real_mti_kvm_unmap(struct mti_vm *vm, uint32_t slot,
				 mote_error *err);
mote_status __wrap_mti_kvm_unmap(struct mti_vm *vm, uint32_t slot,
				 mote_error *err);
mote_status __wrap_mti_kvm_unmap(struct mti_vm *vm, uint32_t slot,
				 mote_error *err)
{
	mote_status status;

	removals++;
	if (removals < stuck_first || removals > stuck_last)
		return __real_mti_kvm_unmap(vm, slot, err);
	memset(&injected, 0, sizeof(injected));
	injected.function = "mti_os_ioctl";
	injected.fail_at = 1;
	injected.persistent = true;
	injected.error = ENOMEM;
	status = __real_mti_kvm_unmap(vm, slot, err);
	injected.function = NULL;
	return status;
}

static void stick(size_t first, size_t last)
{
	removals = 0;
	stuck_first = first;
	stuck_last = last;
}

static struct vm vm;
static struct mapping_host host;
static mote_sandbox_options options;
static mote_sandbox *box;
static mote_snapshot *before;
static uint8_t *memory;
static int file;
static mote_mapping given; /* with the options */

static int setup(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	memset(&injected, 0, sizeof(injected));
	vm_open(&vm, GUEST_vm_mapping);
	options = mapping_host_options(&host);
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_snapshot_take(box, &before, &vm.err), MOTE_OK, &vm.err);
	file = mapping_file(3 * PAGE, true);
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	memory[0] = 0x42;
	memset(&given, 0, sizeof(given));
	given.fd = file;
	given.address = MOTE_MAP_ADDRESS_LIMIT - 16 * PAGE;
	options.mappings = &given;
	options.mapping_count = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(memory, PAGE);
	close(file);
	mote_snapshot_unref(before);
	mote_sandbox_free(box);
	vm_close(&vm);
	return 0;
}

static mote_status read_byte(mote_sandbox *from, uint64_t address,
			     uint32_t *value, mote_error *err)
{
	const mote_value args[] = { MOTE_U64(address) };
	mote_value result;
	mote_status status = mote_call(from, "Read", args, 1, &result, err);

	if (status == MOTE_OK)
		*value = result.as.u32;
	return status;
}

struct outcome {
	const char *stage;
	mote_status status;
	mote_error err;
	uint32_t values[4];
};

static void use_snapshot(uint64_t address, struct outcome *out)
{
	mote_snapshot *with = NULL;
	mote_sandbox *other = NULL;

	out->stage = "take";
	out->status = mote_snapshot_take(box, &with, &out->err);
	if (out->status != MOTE_OK)
		return;
	out->stage = "clone";
	out->status = mote_sandbox_from_snapshot(with, &options, &other,
						 &out->err);
	if (out->status == MOTE_OK)
		out->status = read_byte(other, address, &out->values[2],
					&out->err);
	if (out->status == MOTE_OK)
		out->status = read_byte(other, given.address + PAGE,
					&out->values[3], &out->err);
	mote_sandbox_free(other);
	mote_snapshot_unref(with);
}

static struct outcome go(void)
{
	struct outcome out = { .stage = "map file" };
	uint64_t first = 0;
	uint64_t second = 0;

	out.err.struct_size = sizeof(out.err);
	out.status = mote_map_file(box, file, PAGE, 0, MOTE_MAP_PRIVATE,
				   &first, &out.err);
	if (out.status == MOTE_OK) {
		out.stage = "map memory";
		out.status = mote_map_memory(box, memory, PAGE, &second,
					     &out.err);
	}
	if (out.status == MOTE_OK) {
		out.stage = "read";
		out.status = read_byte(box, first + PAGE, &out.values[0],
				       &out.err);
	}
	if (out.status == MOTE_OK)
		out.status = read_byte(box, second, &out.values[1], &out.err);
	if (out.status == MOTE_OK)
		use_snapshot(first + PAGE, &out);
	if (out.status == MOTE_OK) {
		out.stage = "unmap";
		out.status = mote_unmap(box, first, &out.err);
	}
	return out;
}

static void expect_all_well(void)
{
	struct outcome out;

	vm_expect(mote_sandbox_restore(box, before, &vm.err), MOTE_OK,
		  &vm.err);
	out = go();
	vm_expect(out.status, MOTE_OK, &out.err);
	assert_int_equal(out.values[0], mapping_pattern(2 * PAGE));
	assert_int_equal(out.values[1], 0x42);
	assert_int_equal(out.values[2], mapping_pattern(2 * PAGE));
	assert_int_equal(out.values[3], mapping_pattern(PAGE));
	vm_expect(mote_sandbox_restore(box, before, &vm.err), MOTE_OK,
		  &vm.err);
}

static void fail_function(const char *function, bool persistent)
{
	struct vm_resources start = vm_resources_now();
	struct outcome out;
	size_t number;

	for (number = 1; number < NUMBERS_MAX; number++) {
		memset(&injected, 0, sizeof(injected));
		injected.function = function;
		injected.fail_at = number;
		injected.persistent = persistent;
		injected.error = ENOMEM;
		out = go();
		injected.function = NULL;
		if (injected.failed == 0)
			break;
		if (out.status != MOTE_OK && out.status != MOTE_E_OS &&
		    out.status != MOTE_E_NO_MEMORY &&
		    out.status != MOTE_E_HYPERVISOR)
			fail_msg("%s %zu: %s: %s: %s", function, number,
				 out.stage, mote_status_name(out.status),
				 out.err.text);
		if (out.status != MOTE_OK) {
			assert_int_equal(out.err.code, out.status);
			assert_true(strlen(out.err.text) > 0);
		}
		expect_all_well();
	}
	vm_expect(out.status, MOTE_OK, &out.err);
	expect_all_well();
	assert_int_equal(vm_resources_now().descriptors, start.descriptors);
	print_message("%s: %zu\n", function, number - 1);
}

static void test_system(void **state)
{
	size_t i;

	(void)state;
	/* What is cached and in use is there in each round. */
	expect_all_well();
	for (i = 0; i < injectable_count; i++) {
		fail_function(injectable[i], false);
		fail_function(injectable[i], true);
	}
}

static void test_allocator(void **state)
{
	struct outcome out;
	size_t number;
	int persistent;

	(void)state;
	expect_all_well();
	for (persistent = 0; persistent < 2; persistent++)
		for (number = 1; number < NUMBERS_MAX; number++) {
			size_t until = atomic_load(&vm.allocator.requests) +
				       number;

			vm.allocator.persistent = persistent;
			atomic_store(&vm.allocator.fail_at, until);
			out = go();
			atomic_store(&vm.allocator.fail_at, 0);
			if (atomic_load(&vm.allocator.requests) < until)
				break;
			if (out.status != MOTE_OK)
				vm_expect(out.status, MOTE_E_NO_MEMORY,
					  &out.err);
			expect_all_well();
		}
	assert_true(number > 5);
}

/* A slot that cannot be taken from the VM: it gets another VM. */
static void test_not_taken_back(void **state)
{
	uint64_t first = 0;
	uint64_t second = 0;
	int way;

	(void)state;
	for (way = 0; way < 4; way++) {
		first = second = 0;
		vm_expect(mote_map_file(box, file, 0, 0, 0, &first, &vm.err),
			  MOTE_OK, &vm.err);
		vm_expect(mote_map_memory(box, memory, PAGE, &second, &vm.err),
			  MOTE_OK, &vm.err);
		assert_int_equal(mapping_read(box, second), 0x42);
		/* The second of the two, or both. */
		stick(way % 2 ? 1 : 2, 2);
		if (way == 0)
			vm_expect(mote_unmap(box, first, &vm.err), MOTE_OK,
				  &vm.err);
		if (way < 2) {
			vm_expect(mote_unmap(box, second, &vm.err), MOTE_E_OS,
				  &vm.err);
			vm_expect_text(&vm.err, "slot");
			assert_int_equal(mote_sandbox_state(box),
					 MOTE_SANDBOX_POISONED);
		}
		vm_expect(mote_sandbox_restore(box, before, &vm.err), MOTE_OK,
			  &vm.err);
		stick(0, 0);
		mapping_keep(box, 1);
		expect_all_well();
	}
	/* Nor is such a VM kept for the next one. */
	first = 0;
	vm_expect(mote_map_file(box, file, 0, 0, 0, &first, &vm.err), MOTE_OK,
		  &vm.err);
	stick(1, 1);
	mote_sandbox_free(box);
	stick(0, 0);
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_sandbox_restore(box, before, &vm.err), MOTE_OK,
		  &vm.err);
	expect_all_well();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_system),
		TEST(test_allocator),
		TEST(test_not_taken_back),
#undef TEST
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
