/*
 * User-mode guests of aarch64: every way of crashing that they have, what
 * they can do with doorbells and SVC, and what outlives a call.
 */
#include <stdlib.h>
#include <string.h>

#include <mote/snapshot.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "arch/aarch64/trap.h"
#include "harness/unit.h"
#include "harness/vm.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_STACK (1 * MIB)
#define MS UINT64_C(1000000)

static struct vm vm;
static mote_sandbox *box;

static void open_box(void)
{
	vm_open(&vm, GUEST_vm_aarch64);
	box = vm_sandbox(&vm, NULL);
}

static void close_box(void)
{
	mote_sandbox_free(box);
	box = NULL;
	vm_close(&vm);
}

static uint64_t get(const char *function)
{
	mote_value result;

	vm_expect(mote_call(box, function, NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	return result.as.u64;
}

static uint64_t address_of(const char *what)
{
	const mote_value argument = MOTE_STRING(what);
	mote_value result;

	vm_expect(mote_call(box, "AddressOf", &argument, 1, &result, &vm.err),
		  MOTE_OK, &vm.err);
	return result.as.u64;
}

/* ------------------------------------------------------------- crashing */

struct fault_case {
	const char *function;
	uint64_t argument;
	uint32_t kind;
	uint32_t class;
	uint64_t address; /* of the fault; 0: the argument */
};

#define DATA(kind) MOTE_FAULT_##kind, MTI_ESR_DATA
#define FETCH(kind) MOTE_FAULT_##kind, MTI_ESR_FETCH

static const struct fault_case memory_cases[] = {
	{ "Read", 0, DATA(NULL_POINTER), 0 },
	{ "Write", 0xfff8, DATA(NULL_POINTER), 0 },
	{ "Jump", 0, FETCH(NULL_POINTER), 0 },
	{ "Jump", 0xfffc, FETCH(NULL_POINTER), 0 },
	{ "Read", 0x10000, DATA(READ), 0 },
	{ "Write", 0x10000, DATA(WRITE), 0 },
	{ "WritePair", 0x10000, DATA(WRITE), 0 },
	{ "WriteVector", 0x10000, DATA(WRITE), 0 },
	{ "Write", 0x400000, DATA(WRITE), 0 },
	{ "WriteByte", 0x400001, DATA(WRITE), 0 },
	{ "Jump", 0x400000, FETCH(EXECUTE), 0 },
	{ "Read", MOTE_GVA_CONTROL - 8, DATA(READ), 0 },
	{ "Jump", MOTE_GVA_CONTROL, FETCH(EXECUTE), 0 },
	{ "Jump", MOTE_GVA_CALL, FETCH(EXECUTE), 0 },
	{ "Write", MOTE_GVA_SYSCALL, DATA(WRITE), 0 },
	{ "Write", MOTE_GVA_POST + 65536, DATA(WRITE), 0 },
	{ "Read", MOTE_GVA_STACK_TOP, DATA(READ), 0 },
	{ "Read", MOTE_GVA_STACK_TOP - DEFAULT_STACK - 8, DATA(STACK_OVERFLOW),
	  0 },
	{ "Read", MOTE_GVA_STACK_TOP - 3 * 1024 * MIB, DATA(READ), 0 },
	/* Across the end of what is mapped. */
	{ "Read", MOTE_GVA_STACK_TOP - 4, DATA(READ), MOTE_GVA_STACK_TOP },
	{ "Write", MOTE_GVA_STACK_TOP - 4, DATA(WRITE), MOTE_GVA_STACK_TOP },
	{ "WritePair", MOTE_GVA_STACK_TOP - 8, DATA(WRITE),
	  MOTE_GVA_STACK_TOP },
	{ "WriteVector", MOTE_GVA_STACK_TOP - 1, DATA(WRITE),
	  MOTE_GVA_STACK_TOP },
	/* The supervisor's, and the doorbell that is not for user mode. */
	{ "Read", MOTE_GVA_SUPERVISOR, DATA(READ), 0 },
	{ "Write", MOTE_GVA_SUPERVISOR, DATA(WRITE), 0 },
	{ "Jump", MOTE_GVA_SUPERVISOR, FETCH(EXECUTE), 0 },
	{ "Read", MOTE_GVA_INTERRUPT_STACK, DATA(READ), 0 },
	{ "Write", MOTE_GVA_DOORBELL_FAULT + 32, DATA(WRITE), 0 },
	{ "Jump", MOTE_GVA_DOORBELL, FETCH(EXECUTE), 0 },
	/* No addresses. */
	{ "Read", UINT64_C(1) << 47, DATA(READ), 0 },
	{ "Read", UINT64_C(1) << 60, DATA(READ), 0 },
	{ "Write", UINT64_MAX - 7, DATA(WRITE), 0 },
	{ "Write", UINT64_MAX - 3, DATA(WRITE), 0 },
	{ "Jump", UINT64_C(1) << 48, FETCH(EXECUTE), 0 },
	/* Of kinds that tell the emulator's hooks nothing. */
	{ "Exclusive", 0x400000, DATA(WRITE), 0 },
	{ "ZeroBlock", 0x400000, DATA(WRITE), 0 },
	{ "ZeroBlock", 0x20000, DATA(WRITE), 0 },
};

static const struct fault_case other_cases[] = {
	{ "Undefined", 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, MTI_ESR_UNKNOWN, 0 },
	{ "Breakpoint", 0, MOTE_FAULT_BREAKPOINT, MTI_ESR_BRK, 0 },
	{ "Trap", 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, MTI_ESR_BRK, 0 },
	{ "CallOther", 0, MOTE_FAULT_PRIVILEGED, MTI_ESR_SVC, 0 },
	{ "Hypervisor", 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, MTI_ESR_UNKNOWN, 0 },
	{ "Secure", 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, MTI_ESR_UNKNOWN, 0 },
	{ "Return", 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, MTI_ESR_UNKNOWN, 0 },
	{ "Wait", 0, MOTE_FAULT_PRIVILEGED, MTI_ESR_WFX, 0 },
	{ "ReadDaif", 0, MOTE_FAULT_PRIVILEGED, MTI_ESR_SYSTEM, 0 },
	{ "WriteDaif", 0, MOTE_FAULT_PRIVILEGED, MTI_ESR_SYSTEM, 0 },
	{ "ReadControl", 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, MTI_ESR_UNKNOWN,
	  0 },
	{ "WriteRoot", 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, MTI_ESR_UNKNOWN, 0 },
	{ "FlushTables", 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, MTI_ESR_UNKNOWN,
	  0 },
	{ "ReadCacheType", 0, MOTE_FAULT_PRIVILEGED, MTI_ESR_SYSTEM, 0 },
	{ "CleanCache", 0, MOTE_FAULT_PRIVILEGED, MTI_ESR_SYSTEM, 0 },
};

/* Calls it in a new sandbox, which the crash ends; vm.err has it then. */
static const mote_fault *crash(const char *function, const mote_value *argument,
			       size_t count)
{
	mote_sandbox *victim = vm_sandbox(&vm, NULL);
	mote_status status =
		mote_call(victim, function, argument, count, NULL, &vm.err);

	if (status != MOTE_E_GUEST_FAULT)
		fail_msg("%s 0x%llx: status %d: %s", function,
			 count ? (unsigned long long)argument->as.u64 : 0,
			 (int)status, vm.err.text);
	mote_sandbox_free(victim);
	assert_int_equal(vm.err.fault.machine, 183); /* EM_AARCH64 */
	assert_int_equal(vm.err.fault.register_count, MTI_AARCH64_REGISTERS);
	return &vm.err.fault;
}

static void expect(const struct fault_case *row, const mote_fault *fault)
{
	uint64_t address = row->address ? row->address : row->argument;

	if (fault->kind != row->kind || fault->vector != row->class)
		fail_msg("%s 0x%llx: kind %u, class 0x%x: %s", row->function,
			 (unsigned long long)row->argument, fault->kind,
			 fault->vector, vm.err.text);
	if (row->class != MTI_ESR_DATA && row->class != MTI_ESR_FETCH)
		address = 0;
	if (fault->address != address)
		fail_msg("%s 0x%llx: address 0x%llx: %s", row->function,
			 (unsigned long long)row->argument,
			 (unsigned long long)fault->address, vm.err.text);
	if (row->class == MTI_ESR_FETCH)
		assert_int_equal(fault->pc, row->argument);
	assert_int_equal(fault->pc, fault->registers[MTI_AARCH64_PC]);
	assert_int_equal(fault->error_code >> MTI_ESR_CLASS_SHIFT, row->class);
}

static void test_memory(void **state)
{
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < sizeof(memory_cases) / sizeof(memory_cases[0]); i++) {
		const mote_value argument = MOTE_U64(memory_cases[i].argument);

		expect(&memory_cases[i],
		       crash(memory_cases[i].function, &argument, 1));
	}
	close_box();
}

static void test_instructions(void **state)
{
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < sizeof(other_cases) / sizeof(other_cases[0]); i++)
		expect(&other_cases[i],
		       crash(other_cases[i].function, NULL, 0));
	close_box();
}

static void expect_at(const char *function, const char *what, uint64_t offset,
		      uint32_t kind)
{
	const mote_value argument = MOTE_U64(address_of(what) + offset);
	const mote_fault *fault = crash(function, &argument, 1);

	if (fault->kind != kind)
		fail_msg("%s %s: kind %u: %s", function, what, fault->kind,
			 vm.err.text);
}

static void test_places(void **state)
{
	(void)state;
	open_box();
	expect_at("Write", "code", 0, MOTE_FAULT_WRITE);
	expect_at("Write", "constant", 0, MOTE_FAULT_WRITE);
	expect_at("Jump", "constant", (8 - address_of("constant") % 8) % 8,
		  MOTE_FAULT_EXECUTE);
	expect_at("Jump", "zeros", 0, MOTE_FAULT_EXECUTE);
	expect_at("Jump", "stack", 0, MOTE_FAULT_EXECUTE);
	expect_at("Jump", "heap", 0, MOTE_FAULT_EXECUTE);
	/* What must be aligned and is not. */
	expect_at("Exclusive", "zeros", 1, MOTE_FAULT_ALIGNMENT);
	expect_at("Jump", "code", 2, MOTE_FAULT_ALIGNMENT);
	crash("Recurse", NULL, 0);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_STACK_OVERFLOW);
	close_box();
}

/* Accesses that are fine, where the emulator learns of pages one by one. */
static void test_fresh_pages(void **state)
{
	static const char *const functions[] = { "Write", "WritePair",
						 "WriteVector", "Read" };
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	uint64_t heap;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_vm_aarch64);
	options.heap_bytes = 128 * MIB;
	box = vm_sandbox(&vm, &options);
	heap = address_of("much heap");
	assert_int_not_equal(heap, 0);
	/* Across borders of 16 MiB, both sides not used before. */
	heap = (heap + 16 * MIB) & ~(16 * MIB - 1);
	for (i = 0; i < 3; i++) {
		const mote_value argument = MOTE_U64(heap + i * 16 * MIB - 4);
		mote_value block = MOTE_U64(heap + i * 16 * MIB + 8 * MIB);

		vm_expect(mote_call(box, functions[i], &argument, 1, NULL,
				    &vm.err),
			  MOTE_OK, &vm.err);
		vm_expect(mote_call(box, "ZeroBlock", &block, 1, NULL, &vm.err),
			  MOTE_OK, &vm.err);
		vm_expect(mote_call(box, "Exclusive", &block, 1, NULL, &vm.err),
			  MOTE_OK, &vm.err);
	}
	close_box();
}

/* ------------------------------------------------- doorbells and SVC */

static void ring(const char *function, uint64_t offset, mote_status expected,
		 const char *text)
{
	const mote_value arguments[] = { MOTE_U64(MOTE_GVA_DOORBELL + offset),
					 MOTE_U32(7) };
	mote_sandbox *victim = vm_sandbox(&vm, NULL);
	size_t count = strcmp(function, "WriteWord") == 0 ? 2 : 1;

	vm_expect(mote_call(victim, function, arguments, count, NULL, &vm.err),
		  expected, &vm.err);
	if (text)
		vm_expect_text(&vm.err, text);
	mote_sandbox_free(victim);
}

static void test_doorbell(void **state)
{
	(void)state;
	open_box();
	ring("WriteWord", MOTE_PORT_FLUSH, MOTE_OK, NULL);
	ring("WriteWord", MOTE_PORT_EXIT, MOTE_E_GUEST_EXIT, NULL);
	ring("WriteWord", MOTE_PORT_READY, MOTE_E_PROTOCOL, NULL);
	ring("WriteWord", 0, MOTE_E_PROTOCOL, "wrote to port");
	/* The ports of exceptions are not for it. */
	ring("WriteWord", MOTE_PORT_FAULT + 4, MOTE_E_PROTOCOL, "port 0x24");
	ring("WriteByte", MOTE_PORT_FAULT + 4, MOTE_E_PROTOCOL, "port 0x24");
	ring("WriteByte", MOTE_PORT_FLUSH, MOTE_E_PROTOCOL, "4 bytes");
	ring("Write", MOTE_PORT_FLUSH, MOTE_E_PROTOCOL, "4 bytes");
	ring("WriteWord", 0xffc, MOTE_E_PROTOCOL, "port 0xffc");
	ring("ReadWord", MOTE_PORT_FLUSH, MOTE_E_PROTOCOL, "read from port");
	close_box();
}

static void test_system_calls(void **state)
{
	mote_value first;
	uint64_t place;

	(void)state;
	open_box();
	assert_int_equal(get("CallKeeps"), 0);
	place = get("LastCall");
	assert_true(place > MOTE_GVA_PIE_BASE);
	assert_true(place < MOTE_GVA_PROGRAM_LIMIT);
	assert_int_equal(get("CountLocal"), 6);
	assert_int_equal(get("CountLocal"), 7);
	vm_expect(mote_call(box, "ClockRuns", NULL, 0, &first, &vm.err),
		  MOTE_OK, &vm.err);
	assert_true(first.as.boolean);
	close_box();
}

/* ------------------------------------------------------------ stopping */

static void test_deadline(void **state)
{
	int i;

	(void)state;
	open_box();
	for (i = 0; i < 20; i++) {
		mote_sandbox *victim = vm_sandbox(&vm, NULL);

		vm_expect(mote_sandbox_set_deadline(victim, 2 * MS, &vm.err),
			  MOTE_OK, &vm.err);
		vm_expect(mote_call(victim, "Loop", NULL, 0, NULL, &vm.err),
			  MOTE_E_DEADLINE, &vm.err);
		mote_sandbox_free(victim);
	}
	close_box();
}

/* ------------------------------------------------------------ snapshots */

#define FPCR_ODD UINT64_C(0x03400000) /* DN, FZ, round upwards */
#define FPSR_ODD UINT64_C(0x08000011)

static mote_snapshot *take(void)
{
	mote_snapshot *snapshot;

	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	return snapshot;
}

static void set_control(uint64_t fpcr, uint64_t fpsr)
{
	const mote_value words[] = { MOTE_U64(fpcr), MOTE_U64(fpsr) };

	vm_expect(mote_call(box, "SetControl", words, 2, NULL, &vm.err),
		  MOTE_OK, &vm.err);
}

static void test_state(void **state)
{
	const mote_value secret = MOTE_U64(UINT64_C(0x5ec2e75ec2e7));
	mote_snapshot *snapshot;
	mote_sandbox *clone;

	(void)state;
	open_box();
	assert_int_equal(get("CountLocal"), 6);
	set_control(FPCR_ODD, FPSR_ODD);
	snapshot = take();
	assert_int_equal(get("CountLocal"), 7);
	set_control(0, 0);
	vm_expect(mote_call(box, "HideSecret", &secret, 1, NULL, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(get("FindSecret"), secret.as.u64);
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(get("FindSecret"), 0);
	assert_int_equal(get("LastCall"), 0);
	assert_int_equal(get("Control"), FPCR_ODD << 32 | FPSR_ODD);
	assert_int_equal(get("CountLocal"), 7);
	vm_expect(mote_sandbox_from_snapshot(snapshot, NULL, &clone, &vm.err),
		  MOTE_OK, &vm.err);
	mote_sandbox_free(box);
	box = clone;
	assert_int_equal(get("Control"), FPCR_ODD << 32 | FPSR_ODD);
	assert_int_equal(get("CountLocal"), 7);
	mote_snapshot_unref(snapshot);
	close_box();
}

/* After each crash too. */
static void test_restore(void **state)
{
	const mote_value argument = MOTE_U64(0x10);
	mote_snapshot *snapshot;
	int i;

	(void)state;
	open_box();
	snapshot = take();
	for (i = 0; i < 3; i++) {
		vm_expect(mote_call(box, "Write", &argument, 1, NULL, &vm.err),
			  MOTE_E_GUEST_FAULT, &vm.err);
		vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
			  &vm.err);
		assert_int_equal(get("CountLocal"), 6);
	}
	mote_snapshot_unref(snapshot);
	close_box();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_fresh_pages),
		cmocka_unit_test(test_doorbell),
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_restore),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(100);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
