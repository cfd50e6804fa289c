/*
 * What the library knows of the CPU beside its page tables and descriptors,
 * by the manuals' tables: exceptions, core files, calls, single steps. For
 * what the CPU reads see test_boot.c.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <sys/procfs.h>
#include <sys/user.h>
#endif

#include "arch/amd64/core.h"
#include "arch/amd64/step.h"
#include "arch/amd64/trap.h"
#include "arch/amd64/unwind.h"
#include "harness/unit.h"

/* ----------------------------------------------------------- exceptions */

#define PF 14
#define GUARD UINT64_C(0x700000100000)
#define STACK UINT64_C(0x700000200000)
#define ELSEWHERE UINT64_C(0x400000)

static mote_fault_kind kind_of(uint32_t vector, uint64_t error_code,
			       uint64_t cr2)
{
	const struct mti_amd64_frame frame = { .error_code = error_code };
	mote_fault fault = { 0 };

	mti_amd64_classify(vector, &frame, cr2, GUARD, STACK, &fault);
	return fault.kind;
}

/* SDM 3A, table "Protected-Mode Exceptions and Interrupts", all of it. */
static void test_vectors(void **state)
{
	enum {
		M = MOTE_FAULT_MACHINE,
		P = MOTE_FAULT_PRIVILEGED,
		B = MOTE_FAULT_BREAKPOINT,
		F = MOTE_FAULT_FLOATING_POINT,
	};
	static const uint32_t kinds[32] = {
		/* DE, DB, NMI, BP */
		MOTE_FAULT_DIVIDE, B, M, B,
		/* OF, BR, UD, NM */
		B, M, MOTE_FAULT_ILLEGAL_INSTRUCTION, M,
		/* DF, coprocessor segment overrun, TS, NP */
		M, M, P, P,
		/* SS, GP, PF, reserved */
		P, P, MOTE_FAULT_READ, M,
		/* MF, AC, MC, XM */
		F, MOTE_FAULT_ALIGNMENT, M, F,
		/* VE, CP, and what Intel or AMD reserve or use otherwise */
		M, M, M, M, M, M, M, M, M, M, M, M,
	};
	uint32_t vector;

	(void)state;
	for (vector = 0; vector < 32; vector++)
		assert_int_equal(kind_of(vector, 0, ELSEWHERE), kinds[vector]);
	assert_int_equal(kind_of(UINT32_MAX, 0, 0), MOTE_FAULT_MACHINE);
}

/*
 * SDM 3A, figure "Page-Fault Error Code": P, W/R, U/S, RSVD, I/D, PK, SS,
 * HLAT, SGX. Two of them say what the access was; the others why it failed.
 */
static void test_page_fault_bits(void **state)
{
	const uint64_t write = 1u << 1;
	const uint64_t fetch = 1u << 4;
	uint64_t code;

	(void)state;
	for (code = 0; code < 1u << 16; code++) {
		mote_fault_kind kind = MOTE_FAULT_READ;

		if (code & fetch)
			kind = MOTE_FAULT_EXECUTE;
		else if (code & write)
			kind = MOTE_FAULT_WRITE;
		assert_int_equal(kind_of(PF, code, ELSEWHERE), kind);
		if (!(code & fetch))
			kind = MOTE_FAULT_STACK_OVERFLOW;
		assert_int_equal(kind_of(PF, code, GUARD), kind);
		assert_int_equal(kind_of(PF, code, 0),
				 MOTE_FAULT_NULL_POINTER);
	}
}

/*
 * SDM 3A, figure "IA-32e Mode Stack Usage After Privilege Level Change": from
 * the end of the stack downwards SS, RSP, RFLAGS, CS, RIP, error code.
 */
static void test_frame(void **state)
{
	uint64_t stack[16] = { 0 };
	struct mti_trap trap = {
		.vector = PF,
		.stack_end = stack + 16,
		.address = GUARD + 8,
		.guard = GUARD,
		.stack = STACK,
	};
	mote_fault fault = { 0 };
	uint32_t i;

	(void)state;
	stack[15] = 0x1b;
	stack[14] = 0x7ff0;
	stack[13] = 0x10246;
	stack[12] = 0x23;
	stack[11] = 0x401234;
	stack[10] = 6;
	for (i = 0; i < MTI_AMD64_REGISTERS; i++)
		fault.registers[i] = 100 + i;
	mti_arch_amd64.fault(&trap, &fault);
	assert_int_equal(fault.kind, MOTE_FAULT_STACK_OVERFLOW);
	assert_int_equal(fault.vector, PF);
	assert_int_equal(fault.error_code, 6);
	assert_int_equal(fault.address, GUARD + 8);
	assert_int_equal(fault.pc, 0x401234);
	/* Three are the stub's; all others are still the guest's. */
	for (i = 0; i < MTI_AMD64_REGISTERS; i++) {
		uint64_t expected = 100 + i;

		if (i == MTI_RIP)
			expected = 0x401234;
		else if (i == MTI_RSP)
			expected = 0x7ff0;
		else if (i == MTI_RFLAGS)
			expected = 0x10246;
		assert_int_equal(fault.registers[i], expected);
	}
	/* #UD pushes no code: what lies there is of an earlier one. */
	trap.vector = 6;
	mti_arch_amd64.fault(&trap, &fault);
	assert_int_equal(fault.kind, MOTE_FAULT_ILLEGAL_INSTRUCTION);
	assert_int_equal(fault.error_code, 0);
	assert_int_equal(fault.address, 0);
	assert_int_equal(fault.pc, 0x401234);
}

/* ----------------------------------------------------------- core files */

#if defined(__x86_64__)
_Static_assert(sizeof(struct elf_prstatus) == MTI_AMD64_PRSTATUS_BYTES,
	       "the system's own NT_PRSTATUS");

/* What the system's headers say is where. */
static void test_prstatus(void **state)
{
	uint64_t general[MTI_AMD64_REGISTERS];
	uint8_t out[MTI_AMD64_PRSTATUS_BYTES];
	struct elf_prstatus status;
	struct user_regs_struct regs;
	size_t i;

	(void)state;
	for (i = 0; i < MTI_AMD64_REGISTERS; i++)
		general[i] = UINT64_C(0x1122334455660000) + i;
	memset(out, 0xff, sizeof(out));
	mti_arch_amd64.prstatus(general, 11, 4321, out);
	memcpy(&status, out, sizeof(status));
	memcpy(&regs, status.pr_reg, sizeof(regs));
	assert_int_equal(sizeof(regs), sizeof(status.pr_reg));
	assert_int_equal(status.pr_info.si_signo, 11);
	assert_int_equal(status.pr_info.si_code, 0);
	assert_int_equal(status.pr_cursig, 11);
	assert_int_equal(status.pr_pid, 4321);
	assert_int_equal(status.pr_sighold, 0);
	assert_int_equal(status.pr_fpvalid, 1);
#define EXPECT(field, index) assert_int_equal(regs.field, general[index])
	EXPECT(rax, MTI_RAX);
	EXPECT(rbx, MTI_RBX);
	EXPECT(rcx, MTI_RCX);
	EXPECT(rdx, MTI_RDX);
	EXPECT(rsi, MTI_RSI);
	EXPECT(rdi, MTI_RDI);
	EXPECT(rbp, MTI_RBP);
	EXPECT(rsp, MTI_RSP);
	EXPECT(r8, MTI_R8);
	EXPECT(r9, MTI_R9);
	EXPECT(r10, MTI_R10);
	EXPECT(r11, MTI_R11);
	EXPECT(r12, MTI_R12);
	EXPECT(r13, MTI_R13);
	EXPECT(r14, MTI_R14);
	EXPECT(r15, MTI_R15);
	EXPECT(rip, MTI_RIP);
	EXPECT(eflags, MTI_RFLAGS);
	EXPECT(fs_base, MTI_FS_BASE);
	EXPECT(gs_base, MTI_GS_BASE);
#undef EXPECT
	/* As in a process of Linux outside of a system call. */
	assert_true(regs.orig_rax == UINT64_MAX);
	assert_int_equal(regs.cs, 0x33);
	assert_int_equal(regs.ss, 0x2b);
	assert_int_equal(regs.ds | regs.es | regs.fs | regs.gs, 0);
}
#endif

static void test_prstatus_read(void **state)
{
	uint64_t general[MTI_AMD64_REGISTERS];
	uint64_t again[MTI_AMD64_REGISTERS] = { 0 };
	uint8_t status[MTI_AMD64_PRSTATUS_BYTES];
	size_t i;

	(void)state;
	assert_int_equal(mti_arch_amd64.prstatus_size, sizeof(status));
	for (i = 0; i < MTI_AMD64_REGISTERS; i++)
		general[i] = UINT64_MAX - i;
	mti_arch_amd64.prstatus(general, 5, 1, status);
	mti_arch_amd64.prstatus_read(status, again);
	assert_memory_equal(again, general, sizeof(general));
}

/* SDM 1, "XSAVE Area" and CPUID leaf 0DH: components and where they lie. */
#define LEGACY 512
#define HEADER_END 576
#define AVX_END 832
#define OPMASK_INTEL 1088
#define OPMASK_AMD 832
#define AVX512_END 2688
#define PKRU_END 2696

static void test_core_vector(void **state)
{
	static const struct {
		uint32_t size;
		uint64_t used;
		uint32_t opmask;
		uint32_t core_size;
		uint64_t core_used;
		uint64_t xcr0;
	} cases[] = {
		{ HEADER_END, 3, 0, HEADER_END, 3, 3 },
		{ HEADER_END, 7, 0, HEADER_END, 3, 3 },
		{ AVX_END - 1, 7, 0, HEADER_END, 3, 3 },
		{ AVX_END, 7, 0, AVX_END, 7, 7 },
		{ AVX_END, 0, 0, AVX_END, 0, 7 },
		{ AVX_END + 1, 7, 0, AVX_END, 7, 7 },
		/* MPX's bounds follow; nobody wants them. */
		{ OPMASK_INTEL, 0x1f, 0, AVX_END, 7, 7 },
		{ AVX512_END - 1, 0xe7, OPMASK_INTEL, AVX_END, 7, 7 },
		{ AVX512_END, 0xe7, OPMASK_INTEL, AVX512_END, 0xe7, 0xe7 },
		{ AVX512_END, 0xe0, OPMASK_INTEL, AVX512_END, 0xe0, 0xe7 },
		{ PKRU_END, 0x2e7, OPMASK_INTEL, AVX512_END, 0xe7, 0xe7 },
		/* One of its three components is in its first state. */
		{ PKRU_END, 0x267, OPMASK_INTEL, AVX_END, 7, 7 },
		{ PKRU_END, 0x2a7, OPMASK_INTEL, AVX_END, 7, 7 },
		{ PKRU_END, 0x2c7, OPMASK_INTEL, AVX_END, 7, 7 },
		/* AMD's CPUs have no MPX, and no room for it. */
		{ PKRU_END, 0xe7, OPMASK_AMD, AVX_END, 7, 7 },
	};
	static uint8_t vector[PKRU_END];
	static uint8_t before[PKRU_END];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t offset[32] = { 0 };
		uint32_t size;
		uint64_t value;

		offset[5] = cases[i].opmask;
		memset(vector, 0x5a, sizeof(vector));
		memcpy(vector + LEGACY, &cases[i].used, 8);
		memcpy(before, vector, sizeof(before));
		size = mti_arch_amd64.core_vector(vector, cases[i].size,
						  offset);
		assert_int_equal(size, cases[i].core_size);
		memcpy(&value, vector + LEGACY, 8);
		assert_int_equal(value, cases[i].core_used);
		/* In the bytes that are software's; see Linux' ptrace. */
		memcpy(&value, vector + 464, 8);
		assert_int_equal(value, cases[i].xcr0);
		memcpy(before + LEGACY, vector + LEGACY, 8);
		memcpy(before + 464, vector + 464, 8);
		assert_memory_equal(vector, before, sizeof(before));
	}
}

/* FXSAVE's area says nothing of components: it stays as it is. */
static void test_core_vector_without_xsave(void **state)
{
	const uint32_t offset[32] = { 0 };
	uint8_t vector[LEGACY];
	uint8_t before[LEGACY];

	(void)state;
	memset(vector, 0x5a, sizeof(vector));
	memcpy(before, vector, sizeof(before));
	assert_int_equal(mti_arch_amd64.core_vector(vector, LEGACY, offset),
			 LEGACY);
	assert_int_equal(mti_arch_amd64.core_vector(vector, 0, offset), 0);
	assert_memory_equal(vector, before, sizeof(before));
}

/* ------------------------------------------------------ frames and steps */

/* System V ABI, AMD64 supplement, "DWARF Register Number Mapping". */
static void test_dwarf_numbers(void **state)
{
	static const char *const names[] = {
		"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
		"r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip",
	};
	const struct mti_arch *arch = &mti_arch_amd64;
	size_t i;

	(void)state;
	assert_int_equal(arch->machine, EM_X86_64);
	assert_int_equal(arch->dwarf_count, sizeof(names) / sizeof(names[0]));
	for (i = 0; i < arch->dwarf_count; i++)
		assert_string_equal(
			arch->register_names[arch->dwarf_registers[i]],
			names[i]);
	assert_string_equal(names[arch->dwarf_stack], "rsp");
	assert_string_equal(names[arch->dwarf_frame], "rbp");
	assert_string_equal(arch->register_names[arch->pc_register], "rip");
	/* The lower half of what 48 bits reach (SDM 1, "Canonical"). */
	assert_true(arch->user_limit == UINT64_C(0x800000000000));
}

/* SDM 2A, table "32-Bit Addressing Forms with the ModR/M Byte". */
static size_t call_bytes(unsigned int modrm, unsigned int sib)
{
	static const uint8_t bytes[4][8] = {
		{ 2, 2, 2, 2, 3, 6, 2, 2 },
		{ 3, 3, 3, 3, 4, 3, 3, 3 },
		{ 6, 6, 6, 6, 7, 6, 6, 6 },
		{ 2, 2, 2, 2, 2, 2, 2, 2 },
	};

	/* The note to the table of SIB: base 5 without a register. */
	if (modrm >> 6 == 0 && (modrm & 7) == 4 && (sib & 7) == 5)
		return 7;
	return bytes[modrm >> 6][modrm & 7];
}

/* All that FF can be, with every length, and only its /2 is a call. */
static void test_indirect_calls(void **state)
{
	unsigned int modrm;
	unsigned int sib;

	(void)state;
	for (modrm = 0; modrm < 256; modrm++)
		for (sib = 0; sib < 256; sib++) {
			uint8_t code[MTI_ARCH_CALL_BYTES] = { 0 };
			size_t size = call_bytes(modrm, sib);
			uint8_t *at = code + sizeof(code) - size;
			bool call = (modrm >> 3 & 7) == 2;
			uint64_t target = 1;

			at[0] = 0xff;
			at[1] = (uint8_t)modrm;
			if (size > 2)
				at[2] = (uint8_t)sib;
			/* By chance a direct one. */
			call |= code[3] == 0xe8;
			if (mti_arch_amd64.call_before(code, 0x1000, &target) !=
			    call)
				fail_msg("ff %02x %02x", modrm, sib);
			if (code[3] != 0xe8)
				assert_int_equal(target, 0);
		}
}

/*
 * SDM 2A, "Instruction Prefixes" of groups 2 to 4, and REX: what may stand
 * before PUSHF and SYSCALL. LOCK may not: that is #UD.
 */
static void test_prefixes(void **state)
{
	static const uint8_t legacy[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64,
					  0x65, 0x66, 0x67, 0xf2, 0xf3 };
	unsigned int byte;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		const uint8_t syscall[] = { (uint8_t)byte, 0x0f, 0x05 };
		const uint8_t pushf[] = { (uint8_t)byte, 0x9c };
		bool prefix = memchr(legacy, (int)byte, sizeof(legacy)) ||
			      (byte >= 0x40 && byte <= 0x4f);
		size_t length = 0;

		assert_int_equal(mti_amd64_debug.step_kind(syscall, 3,
							   &length),
				 prefix	 ? MTI_STEP_LOSES_FLAG :
				 byte == 0x9c ? MTI_STEP_PUSHES_FLAG :
						MTI_STEP_PLAIN);
		assert_int_equal(length, prefix ? 3 : 0);
		assert_int_equal(mti_amd64_debug.step_kind(pushf, 2, &length),
				 prefix || byte == 0x9c ?
					 MTI_STEP_PUSHES_FLAG :
					 MTI_STEP_PLAIN);
	}
}

/* What CPU and debugger agree on: INT3 is #BP, a step is #DB, TF is bit 8. */
static void test_debug_numbers(void **state)
{
	const struct mti_arch_debug *debug = mti_arch_amd64.debug;

	(void)state;
	assert_int_equal(debug->breakpoint_size, 1);
	assert_int_equal(debug->breakpoint[0], 0xcc);
	assert_int_equal(debug->breakpoint_vector, 3);
	assert_int_equal(debug->step_vector, 1);
	assert_int_equal(debug->step_flag, 0x100);
	assert_string_equal(
		mti_arch_amd64.register_names[debug->stack_register], "rsp");
}

/* push %rbp; mov %rsp, %rbp; with and without ENDBR64, whole or cut off. */
static void test_frame_is_saved(void **state)
{
	static const uint8_t code[] = { 0xf3, 0x0f, 0x1e, 0xfa,
					0x55, 0x48, 0x89, 0xe5 };
	static const uint8_t other[] = { 0x55, 0x48, 0x89, 0xe0 };
	const struct mti_arch *arch = &mti_arch_amd64;
	uint64_t size;

	(void)state;
	for (size = 0; size < sizeof(code); size++)
		assert_false(arch->saves_frame(code, size));
	assert_true(arch->saves_frame(code, sizeof(code)));
	for (size = 0; size < sizeof(other); size++)
		assert_false(arch->saves_frame(code + 4, size));
	assert_true(arch->saves_frame(code + 4, 4));
	assert_false(arch->saves_frame(other, sizeof(other)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_page_fault_bits),
		cmocka_unit_test(test_frame),
#if defined(__x86_64__)
		cmocka_unit_test(test_prstatus),
#endif
		cmocka_unit_test(test_prstatus_read),
		cmocka_unit_test(test_core_vector),
		cmocka_unit_test(test_core_vector_without_xsave),
		cmocka_unit_test(test_dwarf_numbers),
		cmocka_unit_test(test_indirect_calls),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_frame_is_saved),
		cmocka_unit_test(test_debug_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
