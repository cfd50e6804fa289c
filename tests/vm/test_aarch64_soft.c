/*
 * The CPU emulator with a guest of aarch64, without the library around it:
 * what the host changes behind its back.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "arch/aarch64/trap.h"
#include "arch/arch.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/soft/load.h"

#define PAGE MOTE_PAGE_SIZE
#define PAGES 64
/* Guest-physical. */
#define CODE (1 * PAGE)
#define OTHER_CODE (2 * PAGE)
#define DATA (3 * PAGE)
#define TABLES (8 * PAGE)
/* In the guest. */
#define GVA_CODE UINT64_C(0x400000)
#define GVA_DATA UINT64_C(0x600000)

static uint8_t memory[PAGES * PAGE] __attribute__((aligned(4096)));
static uint64_t next_table;
static const struct mti_hv_ops *ops;
static struct mti_hv *hv;
static struct mti_vm *vm;
static mote_error err;

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	(void)context;
	memcpy(entry, memory + gpa, sizeof(*entry));
	return true;
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	(void)context;
	memcpy(memory + gpa, &entry, sizeof(entry));
	return true;
}

static bool alloc_table(void *context, uint64_t *gpa)
{
	(void)context;
	*gpa = next_table;
	next_table += PAGE;
	return next_table <= sizeof(memory);
}

static void map(uint64_t gva, uint64_t gpa, uint32_t flags)
{
	const struct mti_pt_ops table_ops = {
		NULL, read_entry, write_entry, alloc_table, NULL, NULL, NULL
	};
	const struct mti_pt_mapping mapping = { gva, gpa, PAGE,
						flags | MTI_PT_USER };

	assert_int_equal(
		mti_pt_map(mti_arch_aarch64.pt, &table_ops, TABLES, &mapping),
		MTI_PT_OK);
}

/* Stores `value` to the doorbell, behind a read of GVA_DATA into w1. */
static void put_code(uint64_t gpa, uint32_t value)
{
	const uint32_t code[] = {
		0xb9400001,		  /* ldr w1, [x0] */
		0xd2801983,		  /* movz x3, #0xcc */
		0xf2a80003,		  /* movk x3, #0x4000, lsl #16 */
		0xf2ce0003,		  /* movk x3, #0x7000, lsl #32 */
		0x52800002u | value << 5, /* mov w2, #value */
		0xb9000062,		  /* str w2, [x3] */
		0x14000000,		  /* b . */
	};

	memcpy(memory + gpa, code, sizeof(code));
}

static int setup(void **state)
{
	struct mti_vm_config config = {
		.arch = &mti_arch_aarch64,
		.ranges = { { 0, sizeof(memory), memory, true } },
		.range_count = 1,
		.page_table_gpa = TABLES,
	};

	(void)state;
	memset(memory, 0, sizeof(memory));
	next_table = TABLES + PAGE;
	put_code(CODE, 11);
	put_code(OTHER_CODE, 22);
	map(GVA_CODE, CODE, MTI_PT_EXECUTE);
	map(GVA_DATA, DATA, MTI_PT_WRITE);
	err = (mote_error)MOTE_ERROR_INIT;
	ops = &mti_hv_soft_ops;
	vm_expect(ops->load(&ops, &err), MOTE_OK, &err);
	vm_expect(ops->open(&mti_allocator_libc, &hv, &err), MOTE_OK, &err);
	vm_expect(ops->vm_new(hv, &config, &vm, &err), MOTE_OK, &err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ops->vm_free(vm);
	ops->close(hv);
	return 0;
}

static struct mti_exit enter(void)
{
	const struct mti_entry entry = { .pc = GVA_CODE,
					 .argument0 = GVA_DATA };
	struct mti_exit exit;

	memset(&exit, 0, sizeof(exit));
	ops->set_entry(vm, &entry);
	vm_expect(ops->run(vm, &exit, &err), MOTE_OK, &err);
	return exit;
}

static void expect_ring(uint32_t value)
{
	const struct mti_exit exit = enter();

	assert_int_equal(exit.kind, MTI_EXIT_PORT);
	assert_int_equal(exit.number, MOTE_PORT_FLUSH);
	assert_int_equal(exit.value, value);
}

static void expect_fault(uint64_t address, uint32_t class)
{
	const struct mti_exit exit = enter();
	mote_fault fault = { 0 };
	uint64_t at;

	assert_int_equal(exit.kind, MTI_EXIT_FAULT);
	assert_int_equal(exit.number, MOTE_DOORBELL_SYNCHRONOUS);
	vm_expect(ops->registers(vm, &fault, &at, &err), MOTE_OK, &err);
	assert_int_equal(at, address);
	assert_int_equal(fault.error_code >> MTI_ESR_CLASS_SHIFT, class);
}

static void test_code(void **state)
{
	(void)state;
	expect_ring(11);
	put_code(CODE, 33);
	ops->changed(vm);
	expect_ring(33);
	ops->changed(vm);
	expect_ring(33);
}

static void test_tables(void **state)
{
	(void)state;
	expect_ring(11);
	map(GVA_CODE, OTHER_CODE, MTI_PT_EXECUTE);
	ops->changed(vm);
	expect_ring(22);
	map(GVA_CODE, OTHER_CODE, 0);
	ops->changed(vm);
	expect_fault(GVA_CODE, MTI_ESR_FETCH);
	map(GVA_CODE, CODE, MTI_PT_EXECUTE);
	ops->changed(vm);
	expect_ring(11);
	/* Memory that the VM does not have. */
	map(GVA_DATA, UINT64_C(1) << 30, MTI_PT_WRITE);
	ops->changed(vm);
	expect_fault(GVA_DATA, MTI_ESR_DATA);
}

static void test_memory(void **state)
{
	static uint8_t more[PAGE] __attribute__((aligned(4096)));
	const struct mti_vm_mapping mapping = { .gpa = UINT64_C(1) << 30,
						.memory = more,
						.size = PAGE };

	(void)state;
	map(GVA_DATA, mapping.gpa, MTI_PT_WRITE);
	ops->changed(vm);
	expect_fault(GVA_DATA, MTI_ESR_DATA);
	vm_expect(ops->map(vm, 1, &mapping, &err), MOTE_OK, &err);
	expect_ring(11);
	vm_expect(ops->unmap(vm, 1, &err), MOTE_OK, &err);
	expect_fault(GVA_DATA, MTI_ESR_DATA);
}

static void test_kick(void **state)
{
	struct mti_exit exit;

	(void)state;
	ops->kick(vm, true);
	exit = enter();
	assert_int_equal(exit.kind, MTI_EXIT_INTERRUPTED);
	ops->kick(vm, false);
	vm_expect(ops->run(vm, &exit, &err), MOTE_OK, &err);
	assert_int_equal(exit.kind, MTI_EXIT_PORT);
}

/* What cannot be, and what is changed by it: nothing. */
static void test_registers(void **state)
{
	static struct mti_machine machine;
	static struct mti_machine again;
	struct mti_cpu_state cpu = { .mxcsr = 1u << 31 };

	(void)state;
	vm_expect(ops->state_set(vm, &cpu, true, &err), MOTE_E_INVALID, &err);
	cpu.mxcsr = 0;
	cpu.x87_control = 1u << 5;
	vm_expect(ops->state_set(vm, &cpu, true, &err), MOTE_E_INVALID, &err);
	cpu.x87_control = 0;
	cpu.gs_base = 1;
	vm_expect(ops->state_set(vm, &cpu, true, &err), MOTE_E_INVALID, &err);
	expect_ring(11);
	vm_expect(ops->machine_get(vm, &machine, &err), MOTE_OK, &err);
	assert_int_equal(machine.general[MTI_AARCH64_PC], GVA_CODE + 24);
	machine.general[MTI_AARCH64_PC] = UINT64_C(1) << 47;
	vm_expect(ops->machine_set(vm, &machine, &err), MOTE_E_INVALID, &err);
	machine.general[MTI_AARCH64_PC] = GVA_CODE + 16;
	machine.vector_size--;
	vm_expect(ops->machine_set(vm, &machine, &err), MOTE_E_INVALID, &err);
	machine.vector_size++;
	/* FPSR, FPCR: bits that there are not. */
	machine.vector[512] = 1u << 5;
	vm_expect(ops->machine_set(vm, &machine, &err), MOTE_E_INVALID, &err);
	machine.vector[512] = 0;
	machine.vector[519] = 1u << 7;
	vm_expect(ops->machine_set(vm, &machine, &err), MOTE_E_INVALID, &err);
	machine.vector[519] = 0;
	/* A step. */
	machine.general[MTI_AARCH64_PSTATE] = UINT64_C(1) << 21;
	vm_expect(ops->machine_set(vm, &machine, &err), MOTE_E_UNSUPPORTED,
		  &err);
	machine.general[MTI_AARCH64_PSTATE] = ~(UINT64_C(1) << 21);
	machine.general[20] = 0x2020;
	machine.fs_base = 0x1234;
	memset(machine.vector, 0x5a, 512);
	vm_expect(ops->machine_set(vm, &machine, &err), MOTE_OK, &err);
	vm_expect(ops->machine_get(vm, &again, &err), MOTE_OK, &err);
	assert_int_equal(again.general[MTI_AARCH64_PSTATE],
			 UINT64_C(0xf0000000));
	assert_int_equal(again.general[20], 0x2020);
	assert_int_equal(again.fs_base, 0x1234);
	assert_memory_equal(again.vector, machine.vector, 528);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_code), TEST(test_tables),    TEST(test_memory),
		TEST(test_kick), TEST(test_registers),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
