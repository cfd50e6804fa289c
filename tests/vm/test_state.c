/*
 * What the next caller finds in the CPU after state_set: nothing of the last
 * one, whatever that did, and the state that was asked for.
 */
#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "abi/trap.h"
#include "arch/amd64/boot.h"
#include "harness/machine.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/kvm/kvm.h"
#include "vm/guests/machine.h"

#define AREA MOTE_GVA_HEAP
#define SCRATCH (MOTE_GVA_HEAP + MOTE_PAGE_SIZE)
#define UNTOUCHED 0xaa

/* Offsets in an XSAVE area (SDM 1, "Legacy Region of an XSAVE Area"). */
#define FCW 0
#define FSW 2
#define TAGS 4
#define OPCODE 6 /* and pointers */
#define MXCSR 24
#define REGISTERS 32
#define REGISTERS_END 416
#define EXTENDED 576

static struct machine machine;
static uint64_t has;
/* Of the AVX-512 components, which lie behind each other. */
static uint32_t opmasks;
static uint32_t avx512_end;

/* CPUID leaf 0xd has size and offset of each component. */
static void find_avx512(void)
{
	uint32_t size = 0;
	uint32_t last = 0;
	uint32_t ecx;
	uint32_t edx;

	__get_cpuid_count(0xd, 5, &size, &opmasks, &ecx, &edx);
	__get_cpuid_count(0xd, 7, &size, &last, &ecx, &edx);
	avx512_end = last + size;
	assert_true(avx512_end <= MACHINE_LOOK_GENERAL);
}

static void open_machine(void)
{
	machine_open(&machine, machine_code,
		     (size_t)(machine_code_end - machine_code),
		     UINT64_C(2) << 20);
	has = 0;
	if (__builtin_cpu_supports("avx"))
		has |= MACHINE_HAS_AVX;
	if (__builtin_cpu_supports("avx512f"))
		has |= MACHINE_HAS_AVX512;
	find_avx512();
	if (machine.ops->features(machine.vm) & MOTE_FEATURE_FSGSBASE)
		has |= MACHINE_HAS_FSGSBASE;
}

static uint64_t get(size_t offset, size_t width)
{
	uint64_t value = 0;

	memcpy(&value, (uint8_t *)machine_at(&machine, AREA) + offset, width);
	return value;
}

static void look(void)
{
	uint8_t *area = machine_at(&machine, AREA);
	size_t i;

	memset(area, UNTOUCHED, MOTE_PAGE_SIZE);
	/* What QEMU's XSAVE leaves as it is, and others write. */
	memset(area + OPCODE, 0, 2);
	for (i = 0; i < 8; i++)
		memset(area + REGISTERS + 16 * i + 10, 0, 6);
	machine_call(&machine, m_look, AREA, has);
}

/* The guest holds the secret where it can; else the test is worth little. */
static void expect_secrets(void)
{
	size_t i;

	look();
	assert_int_equal(get(FCW, 2), MACHINE_X87_SECRET);
	assert_int_equal(get(MXCSR, 4), MACHINE_MXCSR_SECRET);
	/* es and gs */
	assert_int_not_equal(get(MACHINE_LOOK_SEGMENTS + 2, 2), 0);
	assert_int_not_equal(get(MACHINE_LOOK_SEGMENTS + 6, 2), 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(get(REGISTERS + 16 * i, 8), MACHINE_SECRET);
	for (i = 0; i < 32; i++)
		assert_int_equal(get(160 + 8 * i, 8), MACHINE_SECRET);
	if (has & MACHINE_HAS_AVX) {
		for (i = 0; i < 32; i++)
			assert_int_equal(get(EXTENDED + 8 * i, 8),
					 MACHINE_SECRET);
		assert_int_equal(get(MACHINE_LOOK_XCR0, 4) & 7, 7);
	}
	if (has & MACHINE_HAS_AVX512) {
		for (i = 0; i < 8; i++)
			assert_int_equal(get(opmasks + 8 * i, 2),
					 MACHINE_SECRET & 0xffff);
		for (i = opmasks + 64; i < avx512_end; i += 8)
			assert_int_equal(get(i, 8), MACHINE_SECRET);
	}
	if (has & MACHINE_HAS_FSGSBASE) {
		assert_int_equal(get(MACHINE_LOOK_BASES, 8), MACHINE_FS_SECRET);
		assert_int_equal(get(MACHINE_LOOK_BASES + 8, 8),
				 MACHINE_GS_SECRET);
	}
}

static void expect_zero(size_t from, size_t to)
{
	for (; from < to; from++)
		if (get(from, 1) != 0)
			fail_msg("byte %zu of the XSAVE area is 0x%llx", from,
				 (unsigned long long)get(from, 1));
}

static void expect_general(void)
{
	size_t i;

	for (i = 0; i < 15; i++) {
		uint64_t value = get(MACHINE_LOOK_GENERAL + 8 * i, 8);

		/* r11 may hold the address where it began. */
		if (i == 8 &&
		    value == MACHINE_CODE + (uint64_t)(m_look - machine_code))
			continue;
		/* 13 and 14 are not used. */
		assert_int_equal(value,
				 i < 13 ? 0 : UINT64_C(0xaaaaaaaaaaaaaaaa));
	}
	assert_int_equal(get(MACHINE_LOOK_GENERAL + 0x78, 8), MTI_RFLAGS_USER);
	/* ds, es, fs, gs */
	assert_int_equal(get(MACHINE_LOOK_SEGMENTS, 8), 0);
}

static void expect_state(const struct mti_cpu_state *state)
{
	look();
	assert_int_equal(get(FCW, 2), state->x87_control);
	assert_int_equal(get(MXCSR, 4), state->mxcsr);
	expect_zero(FSW, TAGS + 1);
	expect_zero(OPCODE, MXCSR);
	expect_zero(REGISTERS, REGISTERS_END);
	if (has & MACHINE_HAS_AVX) {
		expect_zero(EXTENDED, EXTENDED + 256);
	}
	if (has & MACHINE_HAS_AVX512)
		expect_zero(opmasks, avx512_end);
	if (has & MACHINE_HAS_FSGSBASE) {
		assert_int_equal(get(MACHINE_LOOK_BASES, 8), state->fs_base);
		assert_int_equal(get(MACHINE_LOOK_BASES + 8, 8),
				 state->gs_base);
	}
	expect_general();
}

static const struct mti_cpu_state odd_state = {
	.fs_base = 0x7fff12345000,
	.gs_base = 0xffff800000001000,
	.mxcsr = 0x9fc0, /* flush to zero, denormals are zeros */
	.x87_control = 0x127f,
};

static void leave_secrets(uint64_t then)
{
	machine_enter(&machine, m_secrets, SCRATCH, has | then);
	machine_go(&machine, then ? MTI_EXIT_FAULT : MTI_EXIT_PORT);
}

static void test_new(void **state)
{
	(void)state;
	open_machine();
	expect_state(&machine_new_state);
	machine_close(&machine);
	/* A VM that has not run yet is clean. */
	open_machine();
	machine_restore(&machine, &odd_state, true);
	expect_state(&odd_state);
	machine_close(&machine);
}

static void test_secrets(void **state)
{
	int i;

	(void)state;
	open_machine();
	for (i = 0; i < 4; i++) {
		bool clean = i % 2 == 0;
		const struct mti_cpu_state *wanted =
			i < 2 ? &machine_new_state : &odd_state;

		leave_secrets(0);
		expect_secrets();
		machine_restore(&machine, wanted, clean);
		expect_state(wanted);
		/* Twice, and without anything run in between. */
		machine_restore(&machine, &odd_state, clean);
		machine_restore(&machine, wanted, true);
		machine_restore(&machine, wanted, clean);
		expect_state(wanted);
	}
	machine_close(&machine);
}

/* Without XSAVE: no AVX then, unless the host's CR4 counts. */
static void test_fxsave(void **state)
{
	(void)state;
	machine_open_hv(&machine);
	machine.hv->cr4 &= ~MTI_CR4_OSXSAVE;
	machine.hv->has_xcrs = false;
	machine.hv->host_osxsave = false;
	open_machine();
	has &= MACHINE_HAS_FSGSBASE;
	leave_secrets(0);
	expect_secrets();
	machine_restore(&machine, &odd_state, true);
	expect_state(&odd_state);
	machine_close(&machine);
}

/* A KVM that refuses what the host has: registers go through the kernel. */
static void test_by_kernel(void **state)
{
	(void)state;
	machine_open_hv(&machine);
	open_machine();
	leave_secrets(0);
	expect_secrets();
	machine.hv->cr4 &= ~MTI_CR4_OSXSAVE;
	machine.hv->host_osxsave = true;
	machine_restore(&machine, &odd_state, true);
	expect_state(&odd_state);
	machine_close(&machine);
}

static void expect_same(const struct mti_cpu_state *got,
			const struct mti_cpu_state *wanted)
{
	assert_int_equal(got->fs_base, wanted->fs_base);
	assert_int_equal(got->gs_base, wanted->gs_base);
	assert_int_equal(got->mxcsr, wanted->mxcsr);
	assert_int_equal(got->x87_control, wanted->x87_control);
}

/* No WRFSBASE in user mode: FS and GS base go with the next entry. */
static void test_by_sregs(void **state)
{
	const struct mti_cpu_state *wanted[] = { &odd_state,
						 &machine_new_state };
	struct mti_cpu_state got;
	size_t i;

	(void)state;
	machine_open_hv(&machine);
	machine.hv->cr4 &= ~MTI_CR4_FSGSBASE;
	open_machine();
	for (i = 0; i < 4; i++) {
		machine_restore(&machine, wanted[i % 2], i < 2);
		machine_call(&machine, m_nothing, 0, 0);
		vm_expect(machine.ops->state_get(machine.vm, &got,
						 &machine.err),
			  MOTE_OK, &machine.err);
		expect_same(&got, wanted[i % 2]);
	}
	machine_close(&machine);
}

static void test_get(void **state)
{
	struct mti_cpu_state got;

	(void)state;
	open_machine();
	leave_secrets(0);
	vm_expect(machine.ops->state_get(machine.vm, &got, &machine.err),
		  MOTE_OK, &machine.err);
	assert_int_equal(got.mxcsr, MACHINE_MXCSR_SECRET);
	assert_int_equal(got.x87_control, MACHINE_X87_SECRET);
	if (has & MACHINE_HAS_FSGSBASE) {
		assert_int_equal(got.fs_base, MACHINE_FS_SECRET);
		assert_int_equal(got.gs_base, MACHINE_GS_SECRET);
	}
	/* What was set is what is there, even before it is entered. */
	machine_restore(&machine, &odd_state, true);
	memset(&got, 0, sizeof(got));
	vm_expect(machine.ops->state_get(machine.vm, &got, &machine.err),
		  MOTE_OK, &machine.err);
	expect_same(&got, &odd_state);
	machine_call(&machine, m_nothing, 0, 0);
	memset(&got, 0, sizeof(got));
	vm_expect(machine.ops->state_get(machine.vm, &got, &machine.err),
		  MOTE_OK, &machine.err);
	expect_same(&got, &odd_state);
	machine_restore(&machine, &machine_new_state, false);
	vm_expect(machine.ops->state_get(machine.vm, &got, &machine.err),
		  MOTE_OK, &machine.err);
	expect_same(&got, &machine_new_state);
	machine_close(&machine);
}

static void test_refused(void **state)
{
	struct mti_cpu_state bad[4];
	struct mti_cpu_state got;
	size_t i;

	(void)state;
	open_machine();
	for (i = 0; i < 4; i++)
		bad[i] = odd_state;
	bad[0].mxcsr |= 1u << 31;
	bad[1].fs_base = UINT64_C(1) << 47;
	bad[2].gs_base = UINT64_C(0xffff7fffffffffff);
	bad[3].mxcsr |= 1u << 20;
	leave_secrets(0);
	for (i = 0; i < 8; i++) {
		vm_expect(machine.ops->state_set(machine.vm, &bad[i / 2], i % 2,
						 &machine.err),
			  MOTE_E_INVALID, &machine.err);
		vm_expect_text(&machine.err, i / 2 % 3 == 0 ? "MXCSR" : "base");
		/* And nothing has changed. */
		vm_expect(
			machine.ops->state_get(machine.vm, &got, &machine.err),
			MOTE_OK, &machine.err);
		assert_int_equal(got.mxcsr, MACHINE_MXCSR_SECRET);
	}
	machine_close(&machine);
}

/* ------------------------------------------------------ after bad ends */

static void recover(void)
{
	machine_restore(&machine, &odd_state, false);
	expect_state(&odd_state);
	leave_secrets(0);
	machine_restore(&machine, &machine_new_state, true);
	expect_state(&machine_new_state);
}

static void test_after_fault(void **state)
{
	(void)state;
	open_machine();
	leave_secrets(MACHINE_THEN_FAULT);
	assert_int_equal(machine.exit.number, 6);
	recover();
	/* A breakpoint, through the one gate that user mode may use. */
	machine_enter(&machine, m_break, 0, 0);
	machine_go(&machine, MTI_EXIT_FAULT);
	recover();
	machine_close(&machine);
}

/* What the host would fill in must not come to the next caller. */
static void test_after_in(void **state)
{
	(void)state;
	open_machine();
	machine_enter(&machine, m_in, 0, 0);
	machine_go(&machine, MTI_EXIT_BAD_IO);
	recover();
	machine_enter(&machine, m_insb, SCRATCH, 0);
	machine_go(&machine, MTI_EXIT_BAD_IO);
	recover();
	/* To where nothing is mapped: the exception waits. */
	machine_enter(&machine, m_insb, 0x1000, 0);
	memset(&machine.exit, 0, sizeof(machine.exit));
	vm_expect(machine.ops->run(machine.vm, &machine.exit, &machine.err),
		  MOTE_OK, &machine.err);
	assert_true(machine.exit.kind == MTI_EXIT_BAD_IO ||
		    machine.exit.kind == MTI_EXIT_FAULT);
	recover();
	machine_close(&machine);
}

static void test_after_gap(void **state)
{
	(void)state;
	open_machine();
	machine_enter(&machine, m_read, MOTE_GVA_MAP + 8, 0);
	machine_go(&machine, MTI_EXIT_MACHINE);
	assert_int_equal(machine.exit.detail, MACHINE_GAP_GPA + 8);
	recover();
	machine_enter(&machine, m_write, MOTE_GVA_MAP + 8, 7);
	machine_go(&machine, MTI_EXIT_MACHINE);
	recover();
	/* Instructions that nobody emulates, and no memory to fetch from. */
	machine_enter(&machine, m_writes, MOTE_GVA_MAP, has);
	machine_go(&machine, MTI_EXIT_MACHINE);
	recover();
	machine_close(&machine);
}

/* Without an interrupt stack an exception is a triple fault. */
static void test_after_shutdown(void **state)
{
	uint64_t *table;
	uint64_t table_gpa;
	uint64_t kept;
	int level;

	(void)state;
	open_machine();
	table_gpa = machine.layout.page_table_gpa;
	for (level = 3; level > 0; level--) {
		table = (uint64_t *)(void *)(machine.memory + table_gpa);
		table_gpa = table[MOTE_GVA_INTERRUPT_STACK >> (12 + 9 * level) &
				  511] &
			    UINT64_C(0xffffffffff000);
	}
	table = (uint64_t *)(void *)(machine.memory + table_gpa) +
		(MOTE_GVA_INTERRUPT_STACK >> 12 & 511);
	kept = *table;
	assert_int_equal(kept & UINT64_C(0xffffffffff000),
			 machine_gpa(&machine, MOTE_GVA_INTERRUPT_STACK));
	*table = 0;
	machine_enter(&machine, m_secrets, SCRATCH, has | MACHINE_THEN_FAULT);
	machine_go(&machine, MTI_EXIT_MACHINE);
	assert_non_null(strstr(machine.exit.text, "triple fault"));
	*table = kept;
	recover();
	leave_secrets(MACHINE_THEN_FAULT);
	recover();
	machine_close(&machine);
}

static void on_alarm(int signal)
{
	(void)signal;
	machine.ops->kick(machine.vm, true);
}

static void test_after_interrupt(void **state)
{
	const struct itimerval soon = { .it_interval = { 0, 5000 },
					.it_value = { 0, 5000 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	const struct sigaction action = { .sa_handler = on_alarm };
	uint64_t *told;

	(void)state;
	open_machine();
	told = machine_at(&machine, SCRATCH);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	machine_enter(&machine, m_secrets, SCRATCH, has | MACHINE_THEN_SPIN);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	do {
		machine_go(&machine, MTI_EXIT_INTERRUPTED);
		if (*told == 0)
			machine.ops->kick(machine.vm, false);
	} while (*told == 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	/* A kick that still holds when the CPU is reset holds afterwards. */
	machine_restore(&machine, &odd_state, false);
	machine_enter(&machine, m_look, AREA, has);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine.ops->kick(machine.vm, false);
	recover();
	machine_close(&machine);
}

/* Interrupted on the way through the restore code: it goes on there. */
static void test_kick_at_entry(void **state)
{
	(void)state;
	open_machine();
	leave_secrets(0);
	machine_restore(&machine, &odd_state, true);
	memset(machine_at(&machine, AREA), UNTOUCHED, MOTE_PAGE_SIZE);
	machine_enter(&machine, m_nothing, 0, 0);
	machine.ops->kick(machine.vm, true);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine_go(&machine, MTI_EXIT_INTERRUPTED);
	machine.ops->kick(machine.vm, false);
	machine_go(&machine, MTI_EXIT_PORT);
	expect_state(&odd_state);
	machine_close(&machine);
}

static void request(unsigned long number, void *argument)
{
	assert_true(ioctl(machine.vm->vcpu_fd, number, argument) >= 0);
}

/* What a guest cannot change by itself, changed behind its back. */
static void test_out_of_reach(void **state)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[2];
	} msrs = {
		.head = { .nmsrs = 2 },
		.entries = { { .index = 0xc0000082, .data = 0x1000 },
			     { .index = 0xc0000102, .data = 0x2000 } },
	};
	struct kvm_vcpu_events events = { 0 };
	struct kvm_debugregs debug = { .db = { 1, 2, 3, 4 },
				       .dr6 = 0xffff0ff1,
				       .dr7 = 0x400 };
	struct kvm_sregs sregs;

	(void)state;
	open_machine();
	machine_call(&machine, m_nothing, 0, 0);
	request(KVM_GET_SREGS, &sregs);
	sregs.idt.base = 0x1000;
	sregs.gdt.limit = 0;
	sregs.tr.base = 0x2000;
	sregs.tr.type = machine.hv->tss_type;
	request(KVM_SET_SREGS, &sregs);
	request(KVM_SET_MSRS, &msrs);
	request(KVM_SET_DEBUGREGS, &debug);
	/* An exception that was to be delivered. */
	events.exception.injected = 1;
	events.exception.nr = 6;
	request(KVM_SET_VCPU_EVENTS, &events);
	machine_restore(&machine, &machine_new_state, false);
	machine_call(&machine, m_nothing, 0, 0);
	/* Every way into and out of the guest works. */
	machine_call(&machine, m_writes, AREA, has);
	machine_enter(&machine, m_fault, 0, 0);
	machine_go(&machine, MTI_EXIT_FAULT);
	request(KVM_GET_DEBUGREGS, &debug);
	assert_int_equal(debug.db[0] | debug.db[1] | debug.db[2] |
				 debug.db[3],
			 0);
	assert_int_equal(debug.dr6 & 0xf, 0);
	request(KVM_GET_MSRS, &msrs);
	assert_int_equal(msrs.entries[0].data, MOTE_GVA_SYSCALL);
	assert_int_equal(msrs.entries[1].data, 0);
	machine_close(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_fxsave),
		cmocka_unit_test(test_by_kernel),
		cmocka_unit_test(test_by_sregs),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_after_fault),
		cmocka_unit_test(test_after_in),
		cmocka_unit_test(test_after_gap),
		cmocka_unit_test(test_after_shutdown),
		cmocka_unit_test(test_after_interrupt),
		cmocka_unit_test(test_kick_at_entry),
		cmocka_unit_test(test_out_of_reach),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
