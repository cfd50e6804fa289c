/*
 * The table of architectures, and what is aarch64's in it: the bytes of its
 * pages beside those that an assembler makes, what exceptions mean, calls and
 * jumps, core files, steps, states that no CPU can be in.
 */
#include <stdio.h>
#include <string.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "arch/aarch64/boot.h"
#include "arch/aarch64/core.h"
#include "arch/aarch64/state.h"
#include "arch/aarch64/step.h"
#include "arch/aarch64/trap.h"
#include "arch/aarch64/unwind.h"
#include "arch/arch.h"
#include "harness/unit.h"

/* -------------------------------------------------------------- table */

static void test_table(void **state)
{
	char text[MTI_ARCH_LIST_BYTES];
	char little[8];
	size_t i;
	uint32_t j;

	(void)state;
	for (i = 0; i < mti_arch_count; i++) {
		const struct mti_arch *arch = mti_archs[i];

		assert_ptr_equal(mti_arch_find(arch->machine), arch);
		assert_ptr_equal(mti_arch_named(arch->name), arch);
		assert_true(arch->register_count <= MOTE_FAULT_REGISTERS_MAX);
		for (j = 0; j < arch->register_count; j++)
			assert_non_null(arch->register_names[j]);
		for (j = 0; j < arch->dwarf_count; j++)
			assert_true(arch->dwarf_registers[j] <
				    arch->register_count);
		assert_string_equal(
			arch->register_names
				[arch->dwarf_registers[arch->dwarf_count - 1]],
			arch->register_names[arch->pc_register]);
		assert_in_range(arch->debug->breakpoint_size, 1,
				MTI_ARCH_BREAKPOINT_MAX);
		assert_in_range(arch->prstatus_size, 1, MTI_ARCH_PRSTATUS_MAX);
	}
	assert_null(mti_arch_find(243));
	assert_null(mti_arch_named("riscv64"));
	mti_arch_list(text, sizeof(text));
	assert_string_equal(text, "62 (x86-64) or 183 (AArch64)");
	mti_arch_list(little, sizeof(little));
	assert_string_equal(little, "62 (x86");
}

static void test_cpu_state(void **state)
{
	struct mote_abi_control control;
	struct mti_cpu_state cpu;
	uint32_t part;

	(void)state;
	memset(&cpu, 0, sizeof(cpu));
	for (part = 0; part < MTI_CPU_PARTS; part++)
		mti_cpu_state_set(&cpu, (enum mti_cpu_part)part, 100 + part);
	assert_int_equal(cpu.fs_base, 100);
	assert_int_equal(cpu.gs_base, 101);
	assert_int_equal(cpu.mxcsr, 102);
	assert_int_equal(cpu.x87_control, 103);
	for (part = 0; part < MTI_CPU_PARTS; part++)
		assert_int_equal(mti_cpu_state_get(&cpu,
						   (enum mti_cpu_part)part),
				 100 + part);
	assert_int_equal(cpu.tpidr_el0, 100);
	assert_int_equal(cpu.fpcr, 102);
	assert_int_equal(cpu.fpsr, 103);
	memset(&control, 0, sizeof(control));
	mti_arch_aarch64.put_control(&cpu, &control);
	assert_int_equal(control.fpcr, 102);
	assert_int_equal(control.fpsr, 103);
}

/* -------------------------------------------------------------- pages */

#ifdef AARCH64_PAGES
static uint8_t wanted[MOTE_PAGE_SIZE + 1024];
static uint8_t page[MOTE_PAGE_SIZE];

static void test_pages(void **state)
{
	static const uint8_t zeros[MOTE_SYSCALL_RESTORE];
	FILE *file = fopen(AARCH64_PAGES, "rbe");

	(void)state;
	assert_non_null(file);
	assert_int_equal(fread(wanted, 1, sizeof(wanted), file),
			 sizeof(wanted));
	fclose(file);
	memset(page, 0, sizeof(page));
	mti_aarch64_supervisor_page(page);
	assert_memory_equal(page, wanted, sizeof(page));
	memset(page, 0, sizeof(page));
	mti_aarch64_syscall_page(page);
	assert_memory_equal(page, zeros, sizeof(zeros));
	assert_memory_equal(page + MOTE_SYSCALL_RESTORE,
			    wanted + MOTE_PAGE_SIZE, 1024);
}
#endif

/* -------------------------------------------------------------- faults */

#define GUARD UINT64_C(0x700000000)
#define STACK UINT64_C(0x710000000)
#define ABORT(class, write, cause) \
	((uint64_t)(class) << 26 | (write ? 1u << 6 : 0) | (cause))
#define FETCH 0x20
#define DATA 0x24
#define TRANSLATION 7
#define PERMISSION 15

struct row {
	uint64_t syndrome;
	uint64_t address;
	mote_fault_kind kind;
};

static const struct row rows[] = {
	{ ABORT(DATA, 0, TRANSLATION), 0xffff, MOTE_FAULT_NULL_POINTER },
	{ ABORT(DATA, 1, TRANSLATION), 0, MOTE_FAULT_NULL_POINTER },
	{ ABORT(FETCH, 0, TRANSLATION), 0, MOTE_FAULT_NULL_POINTER },
	{ ABORT(DATA, 0, TRANSLATION), 0x10000, MOTE_FAULT_READ },
	{ ABORT(DATA, 1, PERMISSION), 0x10000, MOTE_FAULT_WRITE },
	/* Cache maintenance counts as a write there, and is none. */
	{ ABORT(DATA, 1, PERMISSION) | 1u << 8, 0x10000, MOTE_FAULT_READ },
	{ ABORT(DATA, 0, 0), 0x10000, MOTE_FAULT_READ }, /* address size */
	{ ABORT(FETCH, 0, PERMISSION), 0x10000, MOTE_FAULT_EXECUTE },
	{ ABORT(FETCH, 0, PERMISSION), GUARD, MOTE_FAULT_EXECUTE },
	{ ABORT(DATA, 1, TRANSLATION), GUARD - 1, MOTE_FAULT_WRITE },
	{ ABORT(DATA, 1, TRANSLATION), GUARD, MOTE_FAULT_STACK_OVERFLOW },
	{ ABORT(DATA, 0, TRANSLATION), STACK - 1, MOTE_FAULT_STACK_OVERFLOW },
	{ ABORT(DATA, 0, TRANSLATION), STACK, MOTE_FAULT_READ },
	{ ABORT(DATA, 0, 0x21), 0x10001, MOTE_FAULT_ALIGNMENT },
	{ ABORT(DATA, 0, 0x10), 0x10000, MOTE_FAULT_MACHINE }, /* external */
	{ UINT64_C(0x22) << 26, 0, MOTE_FAULT_ALIGNMENT },
	{ UINT64_C(0x26) << 26, 0, MOTE_FAULT_ALIGNMENT },
	{ UINT64_C(0x00) << 26, 0, MOTE_FAULT_ILLEGAL_INSTRUCTION },
	{ UINT64_C(0x0e) << 26, 0, MOTE_FAULT_ILLEGAL_INSTRUCTION },
	{ UINT64_C(0x07) << 26, 0, MOTE_FAULT_ILLEGAL_INSTRUCTION },
	{ UINT64_C(0x01) << 26, 0, MOTE_FAULT_PRIVILEGED },
	{ UINT64_C(0x15) << 26 | 9, 0, MOTE_FAULT_PRIVILEGED },
	{ UINT64_C(0x18) << 26, 0, MOTE_FAULT_PRIVILEGED },
	{ UINT64_C(0x2c) << 26, 0, MOTE_FAULT_FLOATING_POINT },
	{ UINT64_C(0x30) << 26, 0, MOTE_FAULT_BREAKPOINT },
	{ UINT64_C(0x32) << 26, 0, MOTE_FAULT_BREAKPOINT },
	{ UINT64_C(0x34) << 26, 0, MOTE_FAULT_BREAKPOINT },
	{ UINT64_C(0x3c) << 26, 0, MOTE_FAULT_BREAKPOINT },
	{ UINT64_C(0x3c) << 26 | 1, 0, MOTE_FAULT_ILLEGAL_INSTRUCTION },
	{ UINT64_C(0x3c) << 26 | 1000, 0, MOTE_FAULT_ILLEGAL_INSTRUCTION },
	{ UINT64_C(0x2f) << 26, 0, MOTE_FAULT_MACHINE }, /* SError */
	{ UINT64_C(0x25) << 26 | TRANSLATION, 0, MOTE_FAULT_MACHINE },
};

static void test_faults(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t class = (uint32_t)(rows[i].syndrome >> 26);
		bool abort = class == FETCH || class == DATA;
		const struct mti_trap trap = {
			.vector = MOTE_DOORBELL_SYNCHRONOUS,
			.address = abort ? rows[i].address : 0x1234,
			.guard = GUARD,
			.stack = STACK,
		};
		mote_fault fault = { .error_code = rows[i].syndrome };

		fault.registers[MTI_AARCH64_PC] = 0x400100;
		mti_aarch64_fault(&trap, &fault);
		if (fault.kind != rows[i].kind)
			fail_msg("row %zu: kind %u", i, fault.kind);
		assert_int_equal(fault.vector, class);
		assert_int_equal(fault.pc, 0x400100);
		assert_int_equal(fault.address, abort ? rows[i].address : 0);
	}
}

/* Any other vector: EL1 itself, interrupts, AArch32. */
static void test_other_vectors(void **state)
{
	uint32_t vector;

	(void)state;
	for (vector = 0; vector < MOTE_DOORBELL_VECTORS; vector++) {
		const struct mti_trap trap = { .vector = vector };
		mote_fault fault = { .error_code = ABORT(DATA, 0, 7) };

		mti_aarch64_fault(&trap, &fault);
		assert_int_equal(fault.kind,
				 vector == 8 ? MOTE_FAULT_NULL_POINTER :
					       MOTE_FAULT_MACHINE);
	}
}

/* ------------------------------------------------- calls, jumps, steps */

static void put(uint8_t *at, uint32_t word)
{
	at[0] = (uint8_t)word;
	at[1] = (uint8_t)(word >> 8);
	at[2] = (uint8_t)(word >> 16);
	at[3] = (uint8_t)(word >> 24);
}

static void test_calls(void **state)
{
	static const struct {
		uint32_t word;
		bool is;
		uint64_t target;
	} calls[] = {
		{ 0x94000000, true, 0xffc },	/* bl . */
		{ 0x97fffffe, true, 0xff4 },	/* bl . - 8 */
		{ 0x94000004, true, 0x100c },	/* bl . + 16 */
		{ 0x95ffffff, true, 0x8000ff8 }, /* the farthest */
		{ 0xd63f0060, true, 0 },	/* blr x3 */
		{ 0xd73f0864, true, 0 },	/* blraa x3, x4 */
		{ 0xd63f087f, true, 0 },	/* blraaz x3 */
		{ 0x14000000, false, 0 },	/* b . */
		{ 0xd61f0060, false, 0 },	/* br x3 */
		{ 0xd65f03c0, false, 0 },	/* ret */
		{ 0, false, 0 },
	};
	uint8_t code[MTI_ARCH_CALL_BYTES] = { 0 };
	uint64_t target;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		put(code + sizeof(code) - 4, calls[i].word);
		target = 1;
		assert_int_equal(mti_aarch64_call_before(code, 0x1000,
							 &target),
				 calls[i].is);
		assert_int_equal(target, calls[i].target);
	}
	put(code + sizeof(code) - 4, 0x94000000);
	assert_false(mti_aarch64_call_before(code, 0x1002, &target));
}

static void test_jumps(void **state)
{
	uint8_t code[20] = { 0 };
	uint64_t at = 0;
	uint64_t target = 0;

	(void)state;
	put(code + 4, 0x14000002);  /* b . + 8 */
	put(code + 8, 0x54000040);  /* b.eq */
	put(code + 12, 0x17fffffd); /* b . - 12 */
	assert_true(mti_aarch64_next_jump(code, 20, 0x1000, &at, &target));
	assert_int_equal(target, 0x100c);
	assert_int_equal(at, 5);
	assert_true(mti_aarch64_next_jump(code, 20, 0x1000, &at, &target));
	assert_int_equal(target, 0x1000);
	assert_false(mti_aarch64_next_jump(code, 20, 0x1000, &at, &target));
	/* Not wholly there; not at an address of an instruction. */
	at = 9;
	assert_false(mti_aarch64_next_jump(code, 15, 0x1000, &at, &target));
	at = 1;
	assert_false(mti_aarch64_next_jump(code, 8, 0x1001, &at, &target));
	at = 30;
	assert_false(mti_aarch64_next_jump(code, 20, 0x1000, &at, &target));
	/* br x3, braa x3, x4: only the CPU knows. */
	put(code + 8, 0xd61f0060);
	put(code + 12, 0xd71f0864);
	at = 5;
	assert_true(mti_aarch64_next_jump(code, 20, 0x1000, &at, &target));
	assert_int_equal(target, 0);
	assert_int_equal(at, 9);
	assert_true(mti_aarch64_next_jump(code, 20, 0x1000, &at, &target));
	assert_int_equal(target, 0);
	assert_false(mti_aarch64_next_jump(code, 20, 0x1000, &at, &target));
}

static void test_steps(void **state)
{
	uint64_t general[MTI_AARCH64_REGISTERS] = { 0 };
	uint8_t code[4];
	size_t length = 0;

	(void)state;
	mti_aarch64_debug.set_step(general, true);
	assert_int_equal(general[MTI_AARCH64_PSTATE], 1u << 21);
	mti_aarch64_debug.set_step(general, false);
	assert_int_equal(general[MTI_AARCH64_PSTATE], 0);
	put(code, 0xd4000001); /* svc #0 */
	assert_int_equal(mti_aarch64_debug.step_kind(code, 4, &length),
			 MTI_STEP_LOSES_FLAG);
	assert_int_equal(length, 4);
	assert_int_equal(mti_aarch64_debug.step_kind(code, 3, &length),
			 MTI_STEP_PLAIN);
	put(code, 0xd503201f); /* nop */
	assert_int_equal(mti_aarch64_debug.step_kind(code, 4, &length),
			 MTI_STEP_PLAIN);
}

/* ---------------------------------------------------------- core files */

static void test_core(void **state)
{
	uint8_t status[MTI_ARCH_PRSTATUS_MAX];
	uint64_t general[MOTE_FAULT_REGISTERS_MAX] = { 0 };
	uint64_t again[MOTE_FAULT_REGISTERS_MAX] = { 0 };
	uint8_t vector[MTI_AARCH64_FPSIMD_BYTES] = { 0 };
	uint64_t value;
	size_t i;

	(void)state;
	for (i = 0; i < MTI_AARCH64_REGISTERS; i++)
		general[i] = 1000 + i;
	mti_aarch64_prstatus(general, 11, 1, status);
	assert_int_equal(status[0], 11);
	assert_int_equal(status[12], 11);
	assert_int_equal(status[32], 1);
	for (i = 0; i < 34; i++) {
		memcpy(&value, status + 112 + 8 * i, sizeof(value));
		assert_int_equal(value, 1000 + i);
	}
	assert_int_equal(status[384], 1);
	mti_aarch64_prstatus_read(status, again);
	assert_memory_equal(again, general, 34 * sizeof(again[0]));
	assert_int_equal(again[MTI_AARCH64_TPIDR], 0);
	assert_int_equal(mti_aarch64_core_vector(vector, sizeof(vector), NULL),
			 528);
	assert_int_equal(mti_aarch64_core_vector(vector, 527, NULL), 0);
}

/* -------------------------------------------------------------- states */

/* Arm ARM C5.2: FPCR, FPSR. */
static const struct {
	uint32_t fpcr;
	uint32_t fpsr;
	bool is;
} controls[] = {
	{ 0, 0, true },
	{ 1u << 24, 0, true },		/* FZ */
	{ 3u << 22, 0, true },		/* RMode: towards zero */
	{ 0x9f00, 0, true },		/* IDE, IXE, UFE, OFE, DZE, IOE */
	{ 1u << 26 | 1u << 25, 0, true }, /* AHP, DN */
	{ 0, 0x9f, true },		/* IDC, IXC, UFC, OFC, DZC, IOC */
	{ 0, 1u << 27, true },		/* QC */
	{ 0, 0xf0000000, true },	/* N, Z, C, V of AArch32 */
	{ 1u << 3, 0, false },
	{ 1u << 14, 0, false },
	{ 1u << 27, 0, false },
	{ 1u << 31, 0, false },
	{ 0, 1u << 5, false },
	{ 0, 1u << 6, false },
	{ 0, 1u << 8, false },
	{ 0, 1u << 26, false },
	{ 1u << 31, 1u << 26, false },
};

#define CONTROLS (sizeof(controls) / sizeof(controls[0]))

static void test_state(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	struct mti_cpu_state cpu;
	char text[40];
	size_t i;

	(void)state;
	for (i = 0; i < CONTROLS; i++) {
		memset(&cpu, 0, sizeof(cpu));
		cpu.tpidr_el0 = UINT64_MAX;
		cpu.fpcr = controls[i].fpcr;
		cpu.fpsr = controls[i].fpsr;
		assert_int_equal(mti_aarch64_check_state(&cpu, &err),
				 controls[i].is ? MOTE_OK : MOTE_E_INVALID);
		if (controls[i].is)
			continue;
		snprintf(text, sizeof(text), "FPCR 0x%x, FPSR 0x%x: ",
			 controls[i].fpcr, controls[i].fpsr);
		assert_non_null(strstr(err.text, text));
	}
	memset(&cpu, 0, sizeof(cpu));
	/* There is TPIDR_EL0, and none beside it. */
	cpu.no_base = 0x7000;
	assert_int_equal(mti_aarch64_check_state(&cpu, &err), MOTE_E_INVALID);
	assert_non_null(strstr(err.text, "second thread pointer, 0x7000"));
}

#define LIMIT (UINT64_C(1) << 47)

static void test_machine(void **state)
{
	static const struct {
		uint64_t pc;
		uint32_t bytes;
		const char *text;
	} wrong[] = {
		{ LIMIT, 528, "at 0x800000000000" },
		{ UINT64_MAX, 528, "at 0xffffffffffffffff" },
		{ 0, 0, "0 bytes of vector registers, not 528" },
		{ 0, 512, "512 bytes of vector registers" },
		{ 0, 529, "529 bytes of vector registers" },
	};
	mote_error err = MOTE_ERROR_INIT;
	/* V0 to V31 hold anything. */
	uint8_t vector[MTI_AARCH64_FPSIMD_BYTES];
	size_t i;

	(void)state;
	memset(vector, 0xff, sizeof(vector));
	for (i = 0; i < CONTROLS; i++) {
		memcpy(vector + 512, &controls[i].fpsr, 4);
		memcpy(vector + 516, &controls[i].fpcr, 4);
		assert_int_equal(mti_aarch64_check_machine(LIMIT - 4, LIMIT,
							   vector, 528, &err),
				 controls[i].is ? MOTE_OK : MOTE_E_INVALID);
	}
	memset(vector, 0, sizeof(vector));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(mti_aarch64_check_machine(
					 wrong[i].pc, LIMIT, vector,
					 wrong[i].bytes, &err),
				 MOTE_E_INVALID);
		assert_non_null(strstr(err.text, wrong[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_cpu_state),
#ifdef AARCH64_PAGES
		cmocka_unit_test(test_pages),
#endif
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_other_vectors),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_core),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
