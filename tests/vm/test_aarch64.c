/*
 * What vm.machine and vm.state are for amd64, for AArch64: exits, entries,
 * faults, the state of the CPU, and all its registers.
 */
#include <stddef.h>
#include <string.h>

#include "abi/trap.h"
#include "arch/aarch64/boot.h"
#include "arch/aarch64/core.h"
#include "arch/aarch64/trap.h"
#include "harness/machine.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/guests/machine_aarch64.h"

#define AREA MOTE_GVA_HEAP
#define HEAP_BYTES (UINT64_C(2) << 20)
#define SECRET ((uint64_t)MACHINE_SECRET)

struct look {
	uint64_t x[31];
	uint64_t nzcv;
	uint64_t tpidr;
	uint64_t tpidrro;
	uint64_t fpcr;
	uint64_t fpsr;
	uint64_t unused[28];
	uint8_t v[512];
};

_Static_assert(offsetof(struct look, nzcv) == MACHINE_LOOK_NZCV, "look");
_Static_assert(offsetof(struct look, fpsr) == MACHINE_LOOK_FPSR, "look");
_Static_assert(offsetof(struct look, v) == MACHINE_LOOK_V, "look");
_Static_assert(sizeof(struct look) == MACHINE_LOOK_END, "look");

static struct machine machine;
static struct mti_machine registers;
static struct mti_machine again;

static void open_machine(void)
{
	machine_open(&machine, machine_code,
		     (size_t)(machine_code_end - machine_code), HEAP_BYTES);
}

static uint64_t address_of(const uint8_t *label)
{
	return MACHINE_CODE + (uint64_t)(label - machine_code);
}

/* What the upper layers would make of the fault. */
static mote_fault fault_of(void)
{
	struct mti_trap trap = {
		.vector = machine.exit.number,
		.guard = MOTE_GVA_STACK_TOP - (UINT64_C(1) << 32),
		.stack = MOTE_GVA_STACK_TOP - 65536,
	};
	mote_fault fault = { 0 };

	assert_int_equal(machine.exit.kind, MTI_EXIT_FAULT);
	assert_int_equal(machine.exit.number, MOTE_DOORBELL_SYNCHRONOUS);
	vm_expect(machine.ops->registers(machine.vm, &fault, &trap.address,
					 &machine.err),
		  MOTE_OK, &machine.err);
	assert_int_equal(fault.register_count, MTI_AARCH64_REGISTERS);
	mti_arch_aarch64.fault(&trap, &fault);
	return fault;
}

static void expect_fault(const uint8_t *label, uint64_t x0, uint64_t x1,
			 mote_fault_kind kind, uint64_t address)
{
	mote_fault fault;

	machine_enter(&machine, label, x0, x1);
	machine_go(&machine, MTI_EXIT_FAULT);
	fault = fault_of();
	assert_int_equal(fault.kind, kind);
	assert_int_equal(fault.address, address);
	assert_int_equal(fault.registers[MTI_AARCH64_X0], x0);
}

static void test_ports(void **state)
{
	uint32_t port;

	(void)state;
	open_machine();
	for (port = MOTE_PORT_FIRST; port <= MOTE_PORT_SERVICE; port += 4) {
		bool has = port == MOTE_PORT_READY || port == MOTE_PORT_ABORT ||
			   port == MOTE_PORT_SERVICE;

		machine_enter(&machine, m_ring, port, 0xabcd1234);
		machine_go(&machine, MTI_EXIT_PORT);
		assert_int_equal(machine.exit.number, port);
		assert_int_equal(machine.exit.value, 0xabcd1234);
		assert_int_equal(machine.exit.argument0, has ? port : 0);
		assert_int_equal(machine.exit.argument1,
				 has ? 0xabcd1234 : 0);
		/* It goes on behind the store. */
		machine_go(&machine, MTI_EXIT_PORT);
		assert_int_equal(machine.exit.number, MOTE_PORT_RETURN);
		assert_int_equal(machine.exit.value, 99);
	}
	machine_close(&machine);
}

static void expect_bad(const uint8_t *label, uint64_t port)
{
	machine_enter(&machine, label, port, 1);
	machine_go(&machine, MTI_EXIT_BAD_IO);
	assert_non_null(strstr(machine.exit.text, "port"));
	assert_int_equal(machine.exit.detail, port);
	/* The CPU can be had again. */
	machine_restore(&machine, &machine_new_state, false);
	machine_call(&machine, m_nothing, 3, 0);
	assert_int_equal(machine.exit.value, 3);
}

static void test_bad_use(void **state)
{
	(void)state;
	open_machine();
	expect_bad(m_ring, 0);
	/* On amd64 an exception's. */
	expect_bad(m_ring, MOTE_PORT_FAULT);
	expect_bad(m_store_byte, MOTE_PORT_FAULT);
	expect_bad(m_ring, MOTE_PORT_LAST + 1);
	expect_bad(m_ring, MOTE_PAGE_SIZE - 4);
	expect_bad(m_store_byte, MOTE_PORT_RETURN);
	expect_bad(m_store_half, MOTE_PORT_RETURN);
	expect_bad(m_store_long, MOTE_PORT_READY);
	expect_bad(m_store_pair, MOTE_PORT_READY);
	expect_bad(m_store_vector, MOTE_PORT_RETURN);
	expect_bad(m_store_back, MOTE_PORT_RETURN);
	expect_bad(m_in, MOTE_PORT_RETURN);
	/* No unaligned stores to devices, and none to EL1's page. */
	if (vm_differs("unaligned stores to devices"))
		expect_bad(m_ring, MOTE_PORT_RETURN + 1);
	else
		expect_fault(m_ring, MOTE_PORT_RETURN + 1, 0,
			     MOTE_FAULT_ALIGNMENT,
			     MOTE_GVA_DOORBELL + MOTE_PORT_RETURN + 1);
	expect_fault(m_ring, MOTE_PAGE_SIZE, 0, MOTE_FAULT_WRITE,
		     MOTE_GVA_DOORBELL_FAULT);
	machine_close(&machine);
}

static void test_faults(void **state)
{
	mote_fault fault;
	uint32_t i;

	(void)state;
	open_machine();
	expect_fault(m_read, 8, 0, MOTE_FAULT_NULL_POINTER, 8);
	expect_fault(m_read, MOTE_GVA_HEAP - 8, 0, MOTE_FAULT_READ,
		     MOTE_GVA_HEAP - 8);
	expect_fault(m_read, MOTE_GVA_SUPERVISOR, 0, MOTE_FAULT_READ,
		     MOTE_GVA_SUPERVISOR);
	expect_fault(m_read, UINT64_C(1) << 63, 0, MOTE_FAULT_READ,
		     UINT64_C(1) << 63);
	expect_fault(m_write, MOTE_GVA_SYSCALL, 0, MOTE_FAULT_WRITE,
		     MOTE_GVA_SYSCALL);
	expect_fault(m_write, MOTE_GVA_SUPERVISOR, 0, MOTE_FAULT_WRITE,
		     MOTE_GVA_SUPERVISOR);
	expect_fault(m_write, MOTE_GVA_STACK_TOP - 65536 - 8, 0,
		     MOTE_FAULT_STACK_OVERFLOW,
		     MOTE_GVA_STACK_TOP - 65536 - 8);
	expect_fault(m_jump, MOTE_GVA_HEAP, 0, MOTE_FAULT_EXECUTE,
		     MOTE_GVA_HEAP);
	expect_fault(m_jump, MOTE_GVA_SUPERVISOR, 0, MOTE_FAULT_EXECUTE,
		     MOTE_GVA_SUPERVISOR);
	expect_fault(m_jump, MACHINE_CODE + 2, 0, MOTE_FAULT_ALIGNMENT, 0);
	expect_fault(m_break, 0, 0, MOTE_FAULT_BREAKPOINT, 0);
	expect_fault(m_registers, 41, 0, MOTE_FAULT_ILLEGAL_INSTRUCTION, 0);
	fault = fault_of();
	for (i = 1; i < 31; i++)
		assert_int_equal(fault.registers[i], 100 + i);
	assert_int_equal(fault.registers[MTI_AARCH64_SP], MOTE_GVA_STACK_TOP);
	assert_int_equal(fault.registers[MTI_AARCH64_PSTATE] >> 28, 6);
	assert_int_equal(fault.registers[MTI_AARCH64_PC], fault.pc);
	assert_memory_equal((const uint8_t *)machine_at(&machine, fault.pc),
			    "\2\0\0\0", 4);
	machine_close(&machine);
}

/* Instructions that are not for user mode, one after the other. */
static void test_privileges(void **state)
{
	const uint8_t *at;

	(void)state;
	open_machine();
	for (at = m_forbidden; at < m_forbidden_end; at += 4)
		expect_fault(at, AREA, 0, MOTE_FAULT_PRIVILEGED, 0);
	for (at = m_illegal; at < m_illegal_end; at += 4) {
		mote_fault fault;

		machine_enter(&machine, at, AREA, 0);
		machine_go(&machine, MTI_EXIT_FAULT);
		fault = fault_of();
		assert_int_equal(fault.pc, address_of(at));
		assert_true(fault.kind == MOTE_FAULT_ILLEGAL_INSTRUCTION ||
			    fault.kind == MOTE_FAULT_PRIVILEGED);
	}
	if (vm_differs("MDSCR_EL1.TDCC"))
		machine_call(&machine, m_debug_channel, AREA, 0);
	else
		expect_fault(m_debug_channel, AREA, 0, MOTE_FAULT_PRIVILEGED,
			     0);
	if (vm_differs("MDCR_EL2.TPM and the cycle counter"))
		machine_call(&machine, m_cycles, AREA, 0);
	else
		expect_fault(m_cycles, AREA, 0, MOTE_FAULT_ILLEGAL_INSTRUCTION,
			     0);
	machine_close(&machine);
}

static void test_libc(void **state)
{
	struct mote_abi_control *control;

	(void)state;
	open_machine();
	machine_call(&machine, m_call_libc, 0, 0);
	/* adr, 4 of load, str, mov, svc; and 5 more. */
	assert_int_equal(machine.exit.value, 8 * 4 + 5);
	/* A handler that is none is a fault of user mode. */
	control = machine_at(&machine, MOTE_GVA_CONTROL);
	control->syscall_handler = MOTE_GVA_SUPERVISOR;
	machine_enter(&machine, m_call_libc + 7 * 4, 0, 0);
	machine_go(&machine, MTI_EXIT_FAULT);
	assert_int_equal(fault_of().kind, MOTE_FAULT_EXECUTE);
	assert_int_equal(fault_of().pc, MOTE_GVA_SUPERVISOR);
	machine_close(&machine);
}

static void test_counter(void **state)
{
	const uint64_t *seen;
	uint64_t hertz;

	(void)state;
	open_machine();
	machine_call(&machine, m_counter, AREA, 0);
	seen = machine_at(&machine, AREA);
	assert_true(seen[1] >= seen[0]);
	hertz = seen[2];
	assert_true(hertz > 0);
	assert_int_equal(machine.ops->tick_ns(machine.vm),
			 (uint64_t)(((unsigned __int128)1000000000 << 32) /
				    hertz));
	machine_close(&machine);
}

/* Runs m_secrets, and ends it in that way. */
static void fill(const uint8_t *way, enum mti_exit_kind kind)
{
	machine_enter(&machine, m_secrets, AREA + 4096, address_of(way));
	machine_go(&machine, kind);
}

static void expect_new(void)
{
	static const uint8_t zeros[512];
	const struct look *look = machine_at(&machine, AREA);
	uint32_t i;

	machine_call(&machine, m_look, AREA, 0);
	assert_int_equal(look->x[0], AREA);
	/* x17 has where the code of the restore went on. */
	for (i = 1; i < 31; i++)
		if (i != 17)
			assert_int_equal(look->x[i], 0);
	assert_int_equal(look->nzcv, 0);
	assert_int_equal(look->tpidr, 0);
	assert_int_equal(look->tpidrro, 0);
	assert_int_equal(look->fpcr, 0);
	assert_int_equal(look->fpsr, 0);
	assert_memory_equal(look->v, zeros, sizeof(zeros));
}

static void expect_secrets(void)
{
	const struct look *look = machine_at(&machine, AREA);
	uint64_t half;

	machine_call(&machine, m_look, AREA, 0);
	assert_int_equal(look->tpidr, SECRET);
	assert_true(look->tpidrro != 0);
	assert_int_equal(look->fpcr, MACHINE_FPCR_SECRET);
	memcpy(&half, look->v + 504, sizeof(half));
	assert_int_equal(half, SECRET);
	/* But an entry has general registers of its own. */
	assert_int_equal(look->x[17], 0);
	assert_int_equal(look->x[30], 0);
	assert_int_equal(look->nzcv, 0);
}

static void test_secrets(void **state)
{
	static const struct {
		const uint8_t *way;
		enum mti_exit_kind kind;
		bool clean;
	} cases[] = {
		{ m_nothing, MTI_EXIT_PORT, true },
		{ m_nothing, MTI_EXIT_PORT, false },
		{ m_fault, MTI_EXIT_FAULT, false },
		{ m_break, MTI_EXIT_FAULT, false },
		{ m_in, MTI_EXIT_BAD_IO, false },
	};
	size_t i;

	(void)state;
	open_machine();
	expect_new();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fill(m_nothing, MTI_EXIT_PORT);
		expect_secrets();
		fill(cases[i].way, cases[i].kind);
		machine_restore(&machine, &machine_new_state, cases[i].clean);
		expect_new();
	}
	machine_close(&machine);
}

static void test_state(void **state)
{
	const struct look *look;
	struct mti_cpu_state saved;
	struct mti_cpu_state bad;

	(void)state;
	open_machine();
	fill(m_nothing, MTI_EXIT_PORT);
	vm_expect(machine.ops->state_get(machine.vm, &saved, &machine.err),
		  MOTE_OK, &machine.err);
	assert_int_equal(saved.fs_base, SECRET);
	assert_int_equal(saved.gs_base, 0);
	assert_int_equal(saved.mxcsr, MACHINE_FPCR_SECRET);
	assert_int_equal(saved.x87_control, MACHINE_FPSR_SECRET);
	machine_restore(&machine, &machine_new_state, false);
	expect_new();
	machine_restore(&machine, &saved, true);
	machine_call(&machine, m_look, AREA, 0);
	look = machine_at(&machine, AREA);
	assert_int_equal(look->tpidr, SECRET);
	assert_int_equal(look->fpcr, MACHINE_FPCR_SECRET);
	assert_int_equal(look->fpsr, MACHINE_FPSR_SECRET);
	assert_int_equal(look->v[0], 0);
	bad = saved;
	bad.gs_base = 1;
	vm_expect(machine.ops->state_set(machine.vm, &bad, true, &machine.err),
		  MOTE_E_INVALID, &machine.err);
	bad = saved;
	bad.mxcsr |= 1u << 31;
	vm_expect(machine.ops->state_set(machine.vm, &bad, true, &machine.err),
		  MOTE_E_INVALID, &machine.err);
	vm_expect_text(&machine.err, "FPCR");
	bad = saved;
	bad.x87_control |= 1u << 12;
	vm_expect(machine.ops->state_set(machine.vm, &bad, true, &machine.err),
		  MOTE_E_INVALID, &machine.err);
	vm_expect(machine.ops->set_fs_base(machine.vm, 0x1234, &machine.err),
		  MOTE_OK, &machine.err);
	machine_call(&machine, m_look, AREA, 0);
	assert_int_equal(look->tpidr, 0x1234);
	machine_close(&machine);
}

static void get(struct mti_machine *out)
{
	vm_expect(machine.ops->machine_get(machine.vm, out, &machine.err),
		  MOTE_OK, &machine.err);
}

static void set(const struct mti_machine *in)
{
	vm_expect(machine.ops->machine_set(machine.vm, in, &machine.err),
		  MOTE_OK, &machine.err);
}

static void go_fault(mote_fault_kind kind)
{
	machine_go(&machine, MTI_EXIT_FAULT);
	assert_int_equal(fault_of().kind, kind);
	get(&registers);
}

static void test_breakpoint(void **state)
{
	(void)state;
	open_machine();
	machine_enter(&machine, m_break, 11, 22);
	go_fault(MOTE_FAULT_BREAKPOINT);
	assert_int_equal(registers.general[MTI_AARCH64_PC],
			 address_of(m_break));
	assert_int_equal(registers.general[MTI_AARCH64_X0], 11);
	assert_int_equal(registers.general[1], 22);
	registers.general[MTI_AARCH64_PC] += 4;
	set(&registers);
	/* It is there already for who asks. */
	get(&again);
	assert_memory_equal(again.general, registers.general,
			    sizeof(again.general));
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(machine.exit.value, 11);
	/* Looking at where a port leaves it changes nothing. */
	get(&registers);
	get(&again);
	assert_memory_equal(&again, &registers, sizeof(again));
	assert_int_equal(registers.general[MTI_AARCH64_PC],
			 address_of(m_break) + 4 + 4 * 4 + 4);
	go_fault(MOTE_FAULT_ILLEGAL_INSTRUCTION);
	set(&registers);
	machine_call(&machine, m_nothing, 0, 0);
	machine_close(&machine);
}

static void test_steps(void **state)
{
	uint64_t *seen;
	size_t steps = 0;

	(void)state;
	open_machine();
	seen = machine_at(&machine, AREA);
	machine_enter(&machine, m_break, AREA, 0);
	go_fault(MOTE_FAULT_BREAKPOINT);
	registers.general[MTI_AARCH64_PC] = address_of(m_steps);
	do {
		registers.general[MTI_AARCH64_PSTATE] |= MTI_AARCH64_PSTATE_SS;
		set(&registers);
		go_fault(MOTE_FAULT_BREAKPOINT);
		assert_int_equal(fault_of().vector, MTI_ESR_STEP);
		steps++;
		if (steps == 1)
			assert_int_equal(registers.general[2], 1);
		if (steps == 4)
			assert_int_equal(seen[0], 3);
	} while (registers.general[MTI_AARCH64_PC] != address_of(m_steps_end) &&
		 steps < 20);
	assert_int_equal(steps, 10);
	assert_int_equal(seen[1], 3);
	/* Another v0, and on without stepping. */
	memset(registers.vector, 0x77, 16);
	registers.general[MTI_AARCH64_PSTATE] &= ~MTI_AARCH64_PSTATE_SS;
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(seen[2], 0x7777777777777777);
	assert_int_equal(seen[3], 0x7777777777777777);
	/* Nor does the next entry after a step. */
	machine_enter(&machine, m_break, AREA, 0);
	go_fault(MOTE_FAULT_BREAKPOINT);
	registers.general[MTI_AARCH64_PC] = address_of(m_steps);
	registers.general[MTI_AARCH64_PSTATE] |= MTI_AARCH64_PSTATE_SS;
	set(&registers);
	go_fault(MOTE_FAULT_BREAKPOINT);
	machine_call(&machine, m_nothing, 0, 0);
	machine_close(&machine);
}

static void test_interrupted(void **state)
{
	(void)state;
	open_machine();
	machine_enter(&machine, m_spin, 5, 6);
	machine.ops->kick(machine.vm, true);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	get(&registers);
	assert_int_equal(registers.general[MTI_AARCH64_PC],
			 address_of(m_spin));
	assert_int_equal(registers.general[MTI_AARCH64_X0], 5);
	/* Neither takes the kick away. */
	set(&registers);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine.ops->kick(machine.vm, false);
	registers.general[MTI_AARCH64_PC] = address_of(m_nothing);
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	/* While a store is to be completed: nor is that lost. */
	machine_enter(&machine, m_ring, MOTE_PORT_FLUSH, 0);
	machine_go(&machine, MTI_EXIT_PORT);
	machine.ops->kick(machine.vm, true);
	get(&registers);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine.ops->kick(machine.vm, false);
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(machine.exit.value, 99);
	/* And an entry that was interrupted at once is still the next one. */
	machine_enter(&machine, m_nothing, 4, 0);
	machine.ops->kick(machine.vm, true);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine.ops->kick(machine.vm, false);
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(machine.exit.value, 4);
	machine_close(&machine);
}

/* Every register comes out as it was and goes in as it is. */
static void test_everything(void **state)
{
	const struct look *look;
	uint32_t i;

	(void)state;
	open_machine();
	fill(m_break, MTI_EXIT_FAULT);
	get(&registers);
	assert_int_equal(registers.vector_size, MTI_AARCH64_FPSIMD_BYTES);
	assert_int_equal(registers.fs_base, SECRET);
	for (i = 3; i < 31; i++)
		if (i != 16)
			assert_int_equal(registers.general[i], SECRET);
	for (i = 0; i < 64; i++)
		assert_memory_equal(registers.vector + 8 * i,
				    &registers.general[2], 8);
	/* The CPU is someone else's in between. */
	machine_restore(&machine, &machine_new_state, false);
	machine_call(&machine, m_nothing, 0, 0);
	for (i = 0; i < 512; i++)
		registers.vector[i] = (uint8_t)(i * 7);
	for (i = 1; i < 31; i++)
		registers.general[i] = 1000 + i;
	registers.general[MTI_AARCH64_X0] = AREA;
	registers.general[MTI_AARCH64_PC] = address_of(m_look);
	/* Not a mode of its own choice. */
	registers.general[MTI_AARCH64_PSTATE] =
		~MTI_AARCH64_PSTATE_SS & UINT64_C(0xffffffff);
	registers.fs_base = 0x77000;
	set(&registers);
	get(&again);
	assert_int_equal(again.general[MTI_AARCH64_PSTATE],
			 UINT64_C(0xf0000000));
	machine_go(&machine, MTI_EXIT_PORT);
	look = machine_at(&machine, AREA);
	for (i = 1; i < 31; i++)
		assert_int_equal(look->x[i], 1000 + i);
	assert_memory_equal(look->v, registers.vector, 512);
	assert_int_equal(look->tpidr, 0x77000);
	assert_int_equal(look->nzcv, UINT64_C(0xf0000000));
	assert_int_equal(look->fpcr, MACHINE_FPCR_SECRET);
	machine_close(&machine);
}

/* Exits after which nothing was to go on, and a CPU that is new. */
static void test_after_the_end(void **state)
{
	(void)state;
	open_machine();
	machine_enter(&machine, m_in, 0, 0);
	machine_go(&machine, MTI_EXIT_BAD_IO);
	get(&registers);
	assert_int_equal(registers.general[2], 77);
	registers.general[MTI_AARCH64_PC] = address_of(m_nothing);
	registers.general[0] = 7;
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(machine.exit.value, 7);
	machine_enter(&machine, m_read, MOTE_GVA_MAP, 0);
	machine_go(&machine, MTI_EXIT_MACHINE);
	get(&registers);
	assert_int_equal(registers.general[MTI_AARCH64_PC],
			 address_of(m_read));
	registers.general[MTI_AARCH64_PC] = address_of(m_nothing);
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	/* Restored, and nobody has entered it. */
	fill(m_nothing, MTI_EXIT_PORT);
	machine_restore(&machine, &machine_new_state, true);
	get(&registers);
	assert_int_equal(registers.general[5], 0);
	assert_int_equal(registers.fs_base, 0);
	assert_int_equal(registers.vector[0], 0);
	registers.general[MTI_AARCH64_PC] = address_of(m_nothing);
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	machine_close(&machine);
}

static void expect_refused(struct mti_machine *bad, const char *text)
{
	vm_expect(machine.ops->machine_set(machine.vm, bad, &machine.err),
		  MOTE_E_INVALID, &machine.err);
	vm_expect_text(&machine.err, text);
	get(bad);
}

static void test_refused(void **state)
{
	(void)state;
	open_machine();
	machine_call(&machine, m_nothing, 0, 0);
	get(&registers);
	registers.general[MTI_AARCH64_PC] = mti_arch_aarch64.user_limit;
	expect_refused(&registers, "no code");
	registers.vector_size = 8;
	expect_refused(&registers, "8 bytes");
	registers.vector[MTI_AARCH64_FPSIMD_FPCR + 3] = 0xff;
	expect_refused(&registers, "FPCR");
	set(&registers);
	machine_call(&machine, m_nothing, 0, 0);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_bad_use),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_counter),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_breakpoint),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_after_the_end),
		cmocka_unit_test(test_refused),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests_name("aarch64", tests, NULL, NULL);
}
