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
/* PSTATE.SS */
#define STEP (UINT64_C(1) << 21)

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

/* From now on so: pc, and the page that the code reads. */
static void place(uint64_t pc, uint64_t data, bool step)
{
	static struct mti_machine machine;

	vm_expect(ops->machine_get(vm, &machine, &err), MOTE_OK, &err);
	/* Nobody sees the flag. */
	assert_int_equal(machine.general[MTI_AARCH64_PSTATE] & STEP, 0);
	machine.general[MTI_AARCH64_PC] = pc;
	machine.general[MTI_AARCH64_X0] = data;
	machine.general[MTI_AARCH64_PSTATE] |= step ? STEP : 0;
	vm_expect(ops->machine_set(vm, &machine, &err), MOTE_OK, &err);
}

/* Returns the address that the fault names. */
static uint64_t expect_next(uint32_t class, uint64_t pc)
{
	struct mti_exit exit = { 0 };
	mote_fault fault = { 0 };
	uint64_t at;

	vm_expect(ops->run(vm, &exit, &err), MOTE_OK, &err);
	assert_int_equal(exit.kind, MTI_EXIT_FAULT);
	vm_expect(ops->registers(vm, &fault, &at, &err), MOTE_OK, &err);
	assert_int_equal(fault.error_code >> MTI_ESR_CLASS_SHIFT, class);
	assert_int_equal(fault.registers[MTI_AARCH64_PC], pc);
	return at;
}

static void expect_step(uint64_t pc, uint64_t to)
{
	place(pc, GVA_DATA, true);
	(void)expect_next(MTI_ESR_STEP, to);
}

/* Each ends behind one instruction, also where that is done in two goes. */
static void test_steps(void **state)
{
	static const uint32_t nop = 0xd503201f;
	struct mti_exit exit = { 0 };
	uint64_t i;

	(void)state;
	/* What has been run at full speed is stepped all the same. */
	expect_ring(11);
	for (i = 0; i < 5; i++)
		expect_step(GVA_CODE + 4 * i, GVA_CODE + 4 * i + 4);
	/* The host answers a doorbell before the step ends, and it ends. */
	memcpy(memory + CODE + 24, &nop, sizeof(nop));
	ops->changed(vm);
	place(GVA_CODE + 20, GVA_DATA, true);
	vm_expect(ops->run(vm, &exit, &err), MOTE_OK, &err);
	assert_int_equal(exit.kind, MTI_EXIT_PORT);
	assert_int_equal(exit.value, 11);
	(void)expect_next(MTI_ESR_STEP, GVA_CODE + 24);
	/* A jump to itself. */
	put_code(CODE, 11);
	ops->changed(vm);
	expect_step(GVA_CODE + 24, GVA_CODE + 24);
	expect_step(GVA_CODE + 24, GVA_CODE + 24);
	/* A kick leaves the instruction to be done. */
	place(GVA_CODE, GVA_DATA, true);
	ops->kick(vm, true);
	vm_expect(ops->run(vm, &exit, &err), MOTE_OK, &err);
	assert_int_equal(exit.kind, MTI_EXIT_INTERRUPTED);
	ops->kick(vm, false);
	(void)expect_next(MTI_ESR_STEP, GVA_CODE + 4);
	/* Code that is changed meanwhile. */
	put_code(CODE, 44);
	ops->changed(vm);
	expect_step(GVA_CODE + 16, GVA_CODE + 20);
	place(GVA_CODE + 20, GVA_DATA, false);
	vm_expect(ops->run(vm, &exit, &err), MOTE_OK, &err);
	assert_int_equal(exit.kind, MTI_EXIT_PORT);
	assert_int_equal(exit.value, 44);
	/* A new entry does not go on stepping, wherever that was. */
	expect_step(GVA_CODE, GVA_CODE + 4);
	expect_ring(44);
	place(GVA_CODE + 20, GVA_DATA, true);
	vm_expect(ops->run(vm, &exit, &err), MOTE_OK, &err);
	assert_int_equal(exit.kind, MTI_EXIT_PORT);
	expect_ring(44);
}

/* What the instruction raises itself, and what only the next one would. */
static void test_step_faults(void **state)
{
	static const uint32_t code[] = {
		0xd4200540, /* brk #42 */
		0xd61f0000, /* br x0 */
		0x00000000, /* udf #0 */
		0xf9000001, /* str x1, [x0] */
	};

	(void)state;
	expect_step(GVA_CODE, GVA_CODE + 4);
	place(GVA_CODE, GVA_DATA + PAGE, true);
	assert_int_equal(expect_next(MTI_ESR_DATA, GVA_CODE), GVA_DATA + PAGE);
	/* It begins in a page that there is. */
	place(GVA_CODE, GVA_DATA + PAGE - 2, true);
	assert_int_equal(expect_next(MTI_ESR_DATA, GVA_CODE), GVA_DATA + PAGE);
	/* Told by nobody but the instruction itself, once more. */
	map(GVA_DATA + PAGE, OTHER_CODE, 0);
	memcpy(memory + CODE + 64, code, sizeof(code));
	ops->changed(vm);
	place(GVA_CODE + 76, GVA_DATA + PAGE - 2, true);
	assert_int_equal(expect_next(MTI_ESR_DATA, GVA_CODE + 76),
			 GVA_DATA + PAGE);
	place(GVA_CODE + 64, 0, true);
	(void)expect_next(MTI_ESR_BRK, GVA_CODE + 64);
	/* To where nothing is, where nothing may run, and half way. */
	place(GVA_CODE + 68, GVA_CODE + 72, true);
	(void)expect_next(MTI_ESR_STEP, GVA_CODE + 72);
	place(GVA_CODE + 72, 0, true);
	(void)expect_next(MTI_ESR_UNKNOWN, GVA_CODE + 72);
	place(GVA_CODE + 68, GVA_CODE + PAGE, true);
	(void)expect_next(MTI_ESR_STEP, GVA_CODE + PAGE);
	place(GVA_CODE + PAGE, 0, true);
	(void)expect_next(MTI_ESR_FETCH, GVA_CODE + PAGE);
	place(GVA_CODE + 68, GVA_DATA, true);
	(void)expect_next(MTI_ESR_STEP, GVA_DATA);
	place(GVA_CODE + 68, GVA_CODE + 2, true);
	(void)expect_next(MTI_ESR_STEP, GVA_CODE + 2);
	place(GVA_CODE + 2, 0, true);
	(void)expect_next(MTI_ESR_PC_ALIGNMENT, GVA_CODE + 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_code), TEST(test_tables),    TEST(test_memory),
		TEST(test_kick), TEST(test_registers), TEST(test_steps),
		TEST(test_step_faults),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
