/*
 * All registers out and in again, as a debugger does it.
 */
#include <stddef.h>
#include <string.h>

#include "abi/trap.h"
#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"
#include "harness/machine.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/kvm/kvm.h"
#include "vm/guests/machine.h"

#define AREA MOTE_GVA_HEAP
#define SCRATCH (MOTE_GVA_HEAP + MOTE_PAGE_SIZE)
#define XMM0 160
#define MXCSR 24
#define XSTATE_BV 512
#define TRAP_FLAG 0x100u

static struct machine machine;
static struct mti_machine registers;
static struct mti_machine again;

static void open_machine(void)
{
	machine_open(&machine, machine_code,
		     (size_t)(machine_code_end - machine_code),
		     UINT64_C(2) << 20);
}

static uint64_t address_of(const uint8_t *label)
{
	return MACHINE_CODE + (uint64_t)(label - machine_code);
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

/* The guest's own registers after a fault with that vector. */
static void get_fault(uint32_t vector)
{
	const struct mti_trap trap = {
		.vector = vector,
		.stack_end = (uint8_t *)machine_at(&machine,
						   MOTE_GVA_INTERRUPT_STACK) +
			     MOTE_PAGE_SIZE,
	};
	mote_fault fault = { 0 };

	assert_int_equal(machine.exit.kind, MTI_EXIT_FAULT);
	assert_int_equal(machine.exit.number, vector);
	get(&registers);
	memcpy(fault.registers, registers.general, sizeof(fault.registers));
	mti_arch_amd64.fault(&trap, &fault);
	memcpy(registers.general, fault.registers, sizeof(fault.registers));
}

static void go_fault(uint32_t vector)
{
	machine_go(&machine, MTI_EXIT_FAULT);
	get_fault(vector);
}

static void test_breakpoint(void **state)
{
	(void)state;
	open_machine();
	machine_enter(&machine, m_break, 11, 22);
	go_fault(3);
	assert_int_equal(registers.general[MTI_RIP], address_of(m_break) + 1);
	assert_int_equal(registers.general[MTI_RSP], MOTE_GVA_STACK_TOP);
	assert_int_equal(registers.general[MTI_RDI], 11);
	assert_int_equal(registers.general[MTI_RSI], 22);
	/* It goes on behind the breakpoint, */
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	/* or somewhere else, */
	machine_enter(&machine, m_break, 0, 0);
	go_fault(3);
	registers.general[MTI_RIP] = address_of(m_touch);
	registers.general[MTI_RDI] = SCRATCH;
	registers.general[MTI_RSI] = 1;
	set(&registers);
	/* which is there already for who asks, */
	get(&again);
	assert_memory_equal(again.general, registers.general,
			    sizeof(again.general));
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(*(uint8_t *)machine_at(&machine, SCRATCH), 1);
	/* or not at all. */
	machine_enter(&machine, m_break, 0, 0);
	go_fault(3);
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
	seen = machine_at(&machine, SCRATCH);
	machine_enter(&machine, m_break, SCRATCH, 0);
	go_fault(3);
	registers.general[MTI_RIP] = address_of(m_steps);
	do {
		registers.general[MTI_RFLAGS] |= TRAP_FLAG;
		set(&registers);
		go_fault(1);
		steps++;
		/* rax of a step is there in the next. */
		if (steps == 1)
			assert_int_equal(registers.general[MTI_RAX], 1);
		if (steps == 4)
			assert_int_equal(seen[0], 3);
	} while (registers.general[MTI_RIP] != address_of(m_steps_end) &&
		 steps < 20);
	assert_int_equal(steps, 10);
	assert_int_equal(seen[1], 3);
	assert_int_equal(registers.general[MTI_RDX], 3);
	/* Another xmm0, and on without stepping. */
	memset(registers.vector + XMM0, 0x77, 16);
	registers.general[MTI_RFLAGS] &= ~(uint64_t)TRAP_FLAG;
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(seen[2], 0x7777777777777777);
	assert_int_equal(seen[3], 0x7777777777777777);
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
	assert_int_equal(registers.general[MTI_RIP], address_of(m_spin));
	assert_int_equal(registers.general[MTI_RDI], 5);
	assert_int_equal(registers.general[MTI_RFLAGS], MTI_RFLAGS_USER);
	/* Neither takes the kick away. */
	set(&registers);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine.ops->kick(machine.vm, false);
	registers.general[MTI_RIP] = address_of(m_nothing);
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	machine_close(&machine);
}

/* RIP is behind the instruction, wherever the hypervisor leaves it. */
static void test_port(void **state)
{
	/* mov $port, %edx; out %eax, %dx; ud2 */
	const uint64_t behind = address_of(m_nothing) + 5 + 1;

	(void)state;
	open_machine();
	machine_call(&machine, m_nothing, 0, 0);
	get(&registers);
	assert_int_equal(registers.general[MTI_RIP], behind);
	assert_int_equal(registers.general[MTI_RDX], MOTE_PORT_RETURN);
	set(&registers);
	go_fault(6);
	assert_int_equal(registers.general[MTI_RIP], behind);
	/* Looking alone changes nothing. */
	machine_call(&machine, m_nothing, 0, 0);
	get(&again);
	get(&registers);
	assert_memory_equal(&again, &registers, sizeof(again));
	go_fault(6);
	assert_int_equal(registers.general[MTI_RIP], behind);
	/* A kick at the wrong time is not lost. */
	machine_call(&machine, m_nothing, 0, 0);
	machine.ops->kick(machine.vm, true);
	get(&registers);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine.ops->kick(machine.vm, false);
	go_fault(6);
	machine_close(&machine);
}

static uint64_t what_it_has(void)
{
	uint64_t has = 0;

	if (__builtin_cpu_supports("avx"))
		has |= MACHINE_HAS_AVX;
	if (__builtin_cpu_supports("avx512f"))
		has |= MACHINE_HAS_AVX512;
	if (machine.ops->features(machine.vm) & MOTE_FEATURE_FSGSBASE)
		has |= MACHINE_HAS_FSGSBASE;
	return has;
}

/* Every register comes out as it was and goes in as it is. */
static void test_everything(void **state)
{
	const uint8_t *seen;
	uint64_t has;
	uint64_t look;

	(void)state;
	open_machine();
	has = what_it_has();
	machine_call(&machine, m_secrets, SCRATCH, has);
	get(&registers);
	assert_true(registers.vector_size >= 576);
	if (has & MACHINE_HAS_AVX)
		assert_int_equal(registers.vector_offset[2], 576);
	if (has & MACHINE_HAS_AVX512)
		assert_in_range(registers.vector_offset[7], 1024,
				registers.vector_size - 1024);
	/* The CPU is someone else's in between. */
	machine_restore(&machine, &machine_new_state, false);
	machine_call(&machine, m_nothing, 0, 0);
	registers.general[MTI_RIP] = address_of(m_look);
	registers.general[MTI_RDI] = AREA;
	registers.general[MTI_RFLAGS] = ~(uint64_t)TRAP_FLAG;
	set(&registers);
	get(&again);
	look = again.general[MTI_RFLAGS];
	machine_go(&machine, MTI_EXIT_PORT);
	seen = machine_at(&machine, AREA);
	/* But the header, which tells what is in its first state. */
	assert_memory_equal(seen, registers.vector, XSTATE_BV - 96);
	if (has & MACHINE_HAS_AVX)
		assert_memory_equal(seen + 576, registers.vector + 576, 256);
	if (has & MACHINE_HAS_AVX512)
		assert_memory_equal(seen + registers.vector_offset[5],
				    registers.vector +
					    registers.vector_offset[5],
				    registers.vector_size -
					    registers.vector_offset[5]);
	assert_memory_equal(seen + MACHINE_LOOK_GENERAL + 0x20,
			    &registers.general[MTI_RBP], 8);
	assert_memory_equal(seen + MACHINE_LOOK_GENERAL + 0x60,
			    &registers.general[MTI_R15], 8);
	if (has & MACHINE_HAS_FSGSBASE) {
		assert_int_equal(registers.fs_base, MACHINE_FS_SECRET);
		assert_memory_equal(seen + MACHINE_LOOK_BASES,
				    &registers.fs_base, 8);
		assert_memory_equal(seen + MACHINE_LOOK_BASES + 8,
				    &registers.gs_base, 8);
	}
	/*
	 * Flags that are not user mode's are not set. RF lasts for one
	 * instruction, and kvm-pvm clears NT.
	 */
	assert_int_equal(look & ~(uint64_t)MTI_RFLAGS_SETTABLE,
			 MTI_RFLAGS_USER);
	memcpy(&look, seen + MACHINE_LOOK_GENERAL + 0x78, 8);
	assert_int_equal(look | 0x14000, 0x254ed7 | 0x14000);
	machine_close(&machine);
}

/* What the guest has never used can be changed all the same. */
static void test_first_state(void **state)
{
	const uint8_t *seen;

	(void)state;
	open_machine();
	machine_enter(&machine, m_break, 0, 0);
	go_fault(3);
	memset(registers.vector + XMM0, 0x55, 16);
	if (what_it_has() & MACHINE_HAS_AVX)
		memset(registers.vector + registers.vector_offset[2], 0x66,
		       16);
	registers.general[MTI_RIP] = address_of(m_look);
	registers.general[MTI_RDI] = AREA;
	registers.general[MTI_RSI] = what_it_has();
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	seen = machine_at(&machine, AREA);
	assert_int_equal(seen[XMM0], 0x55);
	if (what_it_has() & MACHINE_HAS_AVX)
		assert_int_equal(seen[registers.vector_offset[2]], 0x66);
	machine_close(&machine);
}

/* Exits after which nothing was to go on. */
static void test_after_the_end(void **state)
{
	(void)state;
	open_machine();
	machine_enter(&machine, m_in, 0, 0);
	machine_go(&machine, MTI_EXIT_BAD_IO);
	get(&registers);
	registers.general[MTI_RIP] = address_of(m_nothing);
	registers.general[MTI_RAX] = 7;
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	assert_int_equal(machine.exit.value, 7);
	machine_enter(&machine, m_read, MOTE_GVA_MAP, 0);
	machine_go(&machine, MTI_EXIT_MACHINE);
	get(&registers);
	/* What tried it is to be seen. */
	assert_in_range(registers.general[MTI_RIP], address_of(m_read),
			address_of(m_read) + 3);
	registers.general[MTI_RIP] = address_of(m_nothing);
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	/* Restored, and nobody has entered it. */
	machine_call(&machine, m_secrets, SCRATCH, what_it_has());
	machine_restore(&machine, &machine_new_state, true);
	get(&registers);
	assert_int_equal(registers.general[MTI_RBX], 0);
	assert_int_equal(registers.general[MTI_RFLAGS], MTI_RFLAGS_USER);
	assert_int_equal(registers.fs_base, 0);
	assert_int_equal(registers.vector[XMM0], 0);
	registers.general[MTI_RIP] = address_of(m_nothing);
	set(&registers);
	machine_go(&machine, MTI_EXIT_PORT);
	machine_close(&machine);
}

static void refuse(const struct mti_machine *bad, const char *text)
{
	vm_expect(machine.ops->machine_set(machine.vm, bad, &machine.err),
		  MOTE_E_INVALID, &machine.err);
	vm_expect_text(&machine.err, text);
	get(&again);
	assert_memory_equal(&again, &registers, sizeof(again));
}

static void test_refused(void **state)
{
	static struct mti_machine bad;
	const uint32_t ones = UINT32_MAX;

	(void)state;
	open_machine();
	machine_enter(&machine, m_break, 0, 0);
	machine_go(&machine, MTI_EXIT_FAULT);
	get(&registers);
	bad = registers;
	bad.general[MTI_RIP] = UINT64_C(1) << 47;
	refuse(&bad, "no code");
	bad.general[MTI_RIP] = MACHINE_CODE;
	bad.fs_base = UINT64_C(1) << 63;
	refuse(&bad, "not an address");
	bad.fs_base = 0;
	bad.gs_base = UINT64_C(1) << 47;
	refuse(&bad, "not an address");
	bad.gs_base = 0;
	bad.vector_size = UINT32_MAX;
	refuse(&bad, "bytes of vector");
	bad.vector_size = 0;
	refuse(&bad, "bytes of vector");
	bad.vector_size = registers.vector_size;
	memcpy(bad.vector + MXCSR, &ones, sizeof(ones));
	refuse(&bad, "vector registers");
	memcpy(bad.vector + MXCSR, registers.vector + MXCSR, sizeof(ones));
	/* Components that are none, and the compact format. */
	memcpy(bad.vector + XSTATE_BV, &ones, sizeof(ones));
	refuse(&bad, "vector registers");
	memcpy(bad.vector + XSTATE_BV, registers.vector + XSTATE_BV,
	       sizeof(ones));
	bad.vector[XSTATE_BV + 15] = 0x80;
	refuse(&bad, "vector registers");
	bad.vector[XSTATE_BV + 15] = 0;
	bad.general[MTI_RIP] = address_of(m_nothing);
	set(&bad);
	machine_go(&machine, MTI_EXIT_PORT);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_breakpoint),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_first_state),
		cmocka_unit_test(test_after_the_end),
		cmocka_unit_test(test_refused),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
