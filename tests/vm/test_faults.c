/*
 * Every way of crashing that a guest has: what is reported, and that nothing
 * else is touched. The guest says in rbx where it will fault and in r12 which
 * address it will touch; see guests/hostile.inc.
 */
#include <stdio.h>
#include <string.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"
#include "harness/unit.h"
#include "harness/vm.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_STACK (1 * MIB)

/* What a case does not promise. */
#define ANY_PC 1u      /* the CPU maker chooses, or the stub */
#define WITH_ADDRESS 2u /* r12 is the address */
#define PC_BEFORE 4u   /* kvm-pvm reports the trap before the instruction */
#define ANY_STACK 8u

struct fault_case {
	const char *function;
	uint64_t argument;
	uint32_t kind;
	uint32_t vector;
	/* Where CPUs, or KVM with and without VMX and SVM, differ. */
	uint32_t other_kind;
	uint32_t other_vector;
	uint32_t flags;
};

#define GP MOTE_FAULT_PRIVILEGED, 13
#define UD MOTE_FAULT_ILLEGAL_INSTRUCTION, 6
#define SS MOTE_FAULT_PRIVILEGED, 12
#define DB MOTE_FAULT_BREAKPOINT, 1
#define BP MOTE_FAULT_BREAKPOINT, 3
#define NONE 0, 0
#define PF(kind) MOTE_FAULT_##kind, 14

static const struct fault_case memory_cases[] = {
	{ "Read", 0, PF(NULL_POINTER), NONE, WITH_ADDRESS },
	{ "Write", 0, PF(NULL_POINTER), NONE, WITH_ADDRESS },
	{ "Jump", 0, PF(NULL_POINTER), NONE, WITH_ADDRESS },
	{ "Call", 0, PF(NULL_POINTER), NONE, WITH_ADDRESS },
	{ "Read", 0xffff, PF(NULL_POINTER), NONE, WITH_ADDRESS },
	{ "Write", 0xffff, PF(NULL_POINTER), NONE, WITH_ADDRESS },
	{ "Call", 0xffff, PF(NULL_POINTER), NONE, WITH_ADDRESS },
	/* Below, between and behind what is mapped. */
	{ "Read", 0x10000, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", 0x3fffff, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Call", 0x3fffff, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Write", 0x400000, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Call", 0x400000, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Read", 0x40d000, PF(READ), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_CONTROL - 1, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", MOTE_GVA_SYSCALL + 4096, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_CALL - 1, PF(READ), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_REPLY - 1, PF(READ), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_OUT - 1, PF(READ), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_POST - 1, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", MOTE_GVA_POST + 65536, PF(WRITE), NONE, WITH_ADDRESS },
	{ "PastArea", MOTE_GVA_CALL, PF(WRITE), NONE, WITH_ADDRESS },
	{ "PastArea", MOTE_GVA_REPLY, PF(WRITE), NONE, WITH_ADDRESS },
	{ "PastArea", MOTE_GVA_OUT, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_STACK_TOP, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", MOTE_GVA_STACK_TOP, PF(WRITE), NONE, WITH_ADDRESS },
	{ "BelowStack", 0, PF(STACK_OVERFLOW), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_STACK_TOP - DEFAULT_STACK - 1, PF(STACK_OVERFLOW),
	  NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_STACK_TOP - 3 * 1024 * MIB, PF(READ), NONE,
	  WITH_ADDRESS },
	{ "Recurse", 0, PF(STACK_OVERFLOW), NONE, WITH_ADDRESS },
	{ "HugeFrame", 0, PF(STACK_OVERFLOW), NONE, WITH_ADDRESS },
	{ "PastHeap", 0, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Write", MOTE_GVA_HEAP - 1, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Straddle", MOTE_GVA_STACK_TOP - 4, PF(READ), NONE, ANY_PC },
	/* Mapped, but not for that. */
	{ "WriteCode", 0, PF(WRITE), NONE, WITH_ADDRESS },
	{ "WriteConstant", 0, PF(WRITE), NONE, WITH_ADDRESS },
	{ "ExecuteConstant", 0, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "ExecuteData", 0, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "ExecuteZeros", 0, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "ExecuteStack", 0, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "ExecuteHeap", 0, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Jump", MOTE_GVA_CONTROL, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Jump", MOTE_GVA_CALL, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Jump", MOTE_GVA_REPLY, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Jump", MOTE_GVA_OUT, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Jump", MOTE_GVA_POST, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Write", MOTE_GVA_SYSCALL, PF(WRITE), NONE, WITH_ADDRESS },
	/* The supervisor's. */
	{ "Read", MOTE_GVA_SUPERVISOR, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", MOTE_GVA_SUPERVISOR, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Write", MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_TSS + 104, PF(WRITE),
	  NONE, WITH_ADDRESS },
	{ "Jump", MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_STUBS, PF(EXECUTE),
	  NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_SUPERVISOR + 4096, PF(READ), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_INTERRUPT_STACK, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", MOTE_GVA_INTERRUPT_STACK + 4088, PF(WRITE), NONE,
	  WITH_ADDRESS },
	{ "Jump", MOTE_GVA_INTERRUPT_STACK, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Read", MOTE_GVA_INTERRUPT_STACK + 4096, PF(READ), NONE,
	  WITH_ADDRESS },
	/* The end of the lower half, no address at all, the kernel's half. */
	{ "Read", 0x7fffffffffff, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", 0x7ffffffff000, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Read", 0x800000000000, GP, NONE, 0 },
	{ "Write", 0xffff7fffffffffff, GP, NONE, 0 },
	{ "Read", 0x8000000000000000, GP, NONE, 0 },
	{ "JumpAnywhere", 0x800000000000, GP, NONE, ANY_PC },
	{ "JumpAnywhere", 0x1234567812345678, GP, NONE, ANY_PC },
	{ "Read", 0xffff800000000000, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", 0xffff888000000000, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Read", 0xffffffff81000000, PF(READ), NONE, WITH_ADDRESS },
	{ "Write", 0xffffffff81000000, PF(WRITE), NONE, WITH_ADDRESS },
	{ "Jump", 0xffffffff81000000, PF(EXECUTE), NONE, WITH_ADDRESS },
	/* Linux has vsyscalls there, which a guest must not have. */
	{ "Read", 0xffffffffff600000, PF(READ), NONE, WITH_ADDRESS },
	{ "Jump", 0xffffffffff600000, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Call", 0xffffffffff600400, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "Read", 0xffffffffffffffff, PF(READ), NONE, WITH_ADDRESS },
};

static const struct fault_case computation_cases[] = {
	{ "DivideByZero", 0, MOTE_FAULT_DIVIDE, 0, NONE, 0 },
	{ "DivideOverflow", 0, MOTE_FAULT_DIVIDE, 0, NONE, 0 },
	{ "DivideOverflow64", 0, MOTE_FAULT_DIVIDE, 0, NONE, 0 },
	{ "SseException", 0, MOTE_FAULT_FLOATING_POINT, 19, NONE, 0 },
	{ "X87Exception", 0, MOTE_FAULT_FLOATING_POINT, 16, NONE, 0 },
	{ "AlignmentCheck", 0, MOTE_FAULT_ALIGNMENT, 17, NONE, 0 },
	{ "MisalignedVector", 0, GP, NONE, 0 },
	/* kvm-pvm emulates what faults with #GP, but not this one. */
	{ "ReservedMxcsr", 0, GP, UD, 0 },
};

/*
 * Privileged ones are #GP, except those that the CPU does not have or that
 * another setting turns off, which are #UD. `int n` to a gate that user mode
 * may not use is #GP on hardware; kvm-pvm says #UD.
 */
static const struct fault_case instruction_cases[] = {
	{ "Ud2", 0, UD, NONE, 0 },
	{ "Ud0", 0, UD, NONE, 0 },
	{ "InvalidOpcode", 0, UD, NONE, 0 },
	{ "Hlt", 0, GP, NONE, 0 },
	{ "Cli", 0, GP, NONE, 0 },
	{ "Sti", 0, GP, NONE, 0 },
	{ "Clts", 0, GP, NONE, 0 },
	{ "Invd", 0, GP, NONE, 0 },
	{ "Wbinvd", 0, GP, NONE, 0 },
	{ "Invlpg", 0, GP, NONE, 0 },
	{ "Swapgs", 0, GP, NONE, 0 },
	{ "Sysret", 0, GP, NONE, 0 },
	{ "Sysexit", 0, GP, UD, 0 },
	{ "Sysenter", 0, GP, UD, 0 },
	{ "ReadCr0", 0, GP, NONE, 0 },
	{ "ReadCr2", 0, GP, NONE, 0 },
	{ "ReadCr3", 0, GP, NONE, 0 },
	{ "ReadCr4", 0, GP, NONE, 0 },
	{ "ReadCr8", 0, GP, NONE, 0 },
	{ "WriteCr0", 0, GP, NONE, 0 },
	{ "WriteCr3", 0, GP, NONE, 0 },
	{ "WriteCr4", 0, GP, NONE, 0 },
	{ "WriteCr8", 0, GP, NONE, 0 },
	{ "ReadDr7", 0, GP, NONE, 0 },
	{ "WriteDr0", 0, GP, NONE, 0 },
	{ "WriteDr7", 0, GP, NONE, 0 },
	{ "Rdmsr", 0, GP, NONE, 0 },
	{ "Wrmsr", 0, GP, NONE, 0 },
	{ "Lgdt", 0, GP, NONE, 0 },
	{ "Lidt", 0, GP, NONE, 0 },
	{ "Lldt", 0, GP, NONE, 0 },
	{ "Ltr", 0, GP, NONE, 0 },
	{ "Lmsw", 0, GP, NONE, 0 },
	{ "Monitor", 0, GP, UD, 0 },
	{ "Mwait", 0, GP, UD, 0 },
	{ "Vmrun", 0, GP, UD, 0 },
	{ "Vmload", 0, GP, UD, 0 },
	{ "Stgi", 0, GP, UD, 0 },
	{ "Vmxoff", 0, GP, UD, 0 },
	{ "Vmlaunch", 0, GP, UD, 0 },
	{ "Encls", 0, GP, UD, 0 },
	{ "Getsec", 0, GP, UD, 0 },
	{ "Rsm", 0, UD, NONE, 0 },
	{ "Xsetbv", 0, GP, UD, 0 },
	{ "Int0", 0, GP, UD, 0 },
	{ "Int1", 0, GP, UD, 0 },
	{ "Int2", 0, GP, UD, 0 },
	{ "Int8", 0, GP, UD, 0 },
	{ "Int13", 0, GP, UD, 0 },
	{ "Int14", 0, GP, UD, 0 },
	{ "Int31", 0, GP, UD, 0 },
	{ "Int32", 0, GP, UD, 0 },
	{ "Int80", 0, GP, UD, 0 },
	{ "Int255", 0, GP, UD, 0 },
	{ "Int3", 0, BP, NONE, 0 },
	{ "Int3Long", 0, BP, NONE, 0 },
	{ "Icebp", 0, DB, NONE, PC_BEFORE },
	{ "SingleStep", 0, DB, NONE, 0 },
};

static const struct fault_case segment_cases[] = {
	{ "MovssNull", 0, GP, NONE, 0 },
	{ "LoadSs", 0, GP, NONE, 0 },
	{ "LoadSs", MTI_SELECTOR_KERNEL_DATA, GP, NONE, 0 },
	{ "LoadDs", MTI_SELECTOR_KERNEL_DATA, GP, NONE, 0 },
	{ "LoadDs", MTI_SELECTOR_KERNEL_CODE, GP, NONE, 0 },
	{ "LoadDs", 4, GP, NONE, 0 },
	{ "LoadDs", 0xfff8, GP, NONE, 0 },
	{ "LoadEs", 0xffff, GP, NONE, 0 },
	{ "LoadFs", 0x0ff0, GP, NONE, 0 },
	{ "LoadGs", 7, GP, NONE, 0 },
	{ "FarReturn", MTI_SELECTOR_KERNEL_CODE, GP, NONE, 0 },
	{ "FarReturn", MTI_SELECTOR_KERNEL_CODE | 3, GP, NONE, 0 },
	{ "FarReturn", MTI_SELECTOR_TSS | 3, GP, NONE, 0 },
	{ "FarReturn", 0, GP, NONE, 0 },
	{ "FarJump", MTI_SELECTOR_KERNEL_CODE, GP, NONE, 0 },
	{ "FarJump", MTI_SELECTOR_TSS, GP, UD, 0 },
	{ "FarCall", MTI_SELECTOR_KERNEL_CODE, GP, NONE, 0 },
	{ "FarCall", MTI_SELECTOR_TSS, GP, UD, 0 },
	{ "Iret", MTI_SELECTOR_KERNEL_CODE, GP, NONE, ANY_STACK },
	{ "NestedTaskIret", 0, GP, NONE, 0 },
	{ "PopfThenCli", 0, GP, NONE, 0 },
	{ "PopfThenOut", 0, GP, NONE, 0 },
	{ "SetFsBase", 0x800000000000, GP, UD, 0 },
	{ "SetGsBase", 0x8000000000000000, GP, UD, 0 },
	{ "ReadThroughFs", 0x7000000000, PF(READ), UD, WITH_ADDRESS },
	{ "ReadThroughFs", MOTE_GVA_SUPERVISOR, PF(READ), UD, WITH_ADDRESS },
	{ "ReadThroughFs", 0xffffffff81000000, PF(READ), UD, WITH_ADDRESS },
};

/*
 * The stack pointer and the handler of `syscall` are the guest's to choose,
 * and must not matter to anything but the guest.
 */
static const struct fault_case entry_cases[] = {
	{ "FaultWithStack", 0, UD, NONE, ANY_STACK },
	{ "FaultWithStack", MOTE_GVA_INTERRUPT_STACK + 4096, UD, NONE,
	  ANY_STACK },
	{ "FaultWithStack", 0x123456789abcdef0, UD, NONE, ANY_STACK },
	{ "FaultWithStack", 0xffffffff81000000, UD, NONE, ANY_STACK },
	{ "BreakWithStack", MOTE_GVA_SUPERVISOR + 64, BP, NONE, ANY_STACK },
	{ "PushWithStack", 0x800000000000 - 64, PF(WRITE), NONE,
	  WITH_ADDRESS | ANY_STACK },
	{ "PushWithStack", 0x900000000000, SS, NONE, ANY_STACK },
	{ "PushWithStack", MOTE_GVA_INTERRUPT_STACK + 4096, PF(WRITE), NONE,
	  WITH_ADDRESS | ANY_STACK },
	{ "SyscallTo", 0, PF(NULL_POINTER), NONE, WITH_ADDRESS },
	{ "SyscallTo", 0x10000, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "SyscallTo", MOTE_GVA_HEAP, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "SyscallTo", MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_STUBS, PF(EXECUTE),
	  NONE, WITH_ADDRESS },
	{ "SyscallTo", MOTE_GVA_INTERRUPT_STACK, PF(EXECUTE), NONE,
	  WITH_ADDRESS },
	{ "SyscallTo", 0xffffffff81000000, PF(EXECUTE), NONE, WITH_ADDRESS },
	{ "SyscallTo", 0x800000000000, GP, NONE, ANY_PC },
	{ "SyscallTo", 0xdeadbeefdeadbeef, GP, NONE, ANY_PC },
	{ "SyscallCli", MOTE_GVA_STACK_TOP, GP, NONE, 0 },
	{ "SyscallCli", MOTE_GVA_SUPERVISOR + 4096, GP, NONE, ANY_STACK },
	{ "SyscallCli", MOTE_GVA_INTERRUPT_STACK + 4096, GP, NONE, ANY_STACK },
	{ "SyscallCli", 0xdeadbeefdeadbeef, GP, NONE, ANY_STACK },
	{ "SyscallFlags", 0, UD, NONE, 0 },
	{ "JumpToStub", 0, UD, MOTE_FAULT_PRIVILEGED, 13, ANY_PC },
};

static const uint64_t general_patterns[][2] = {
	{ MTI_R8, 0x0808080808080808 },	 { MTI_R9, 0x0909090909090909 },
	{ MTI_R10, 0x1010101010101010 }, { MTI_R13, 0x1313131313131313 },
	{ MTI_R14, 0x1414141414141414 }, { MTI_R15, 0x8515151515151515 },
};

static struct vm vm;

static mote_status call(mote_sandbox *box, const char *function,
			uint64_t argument, mote_value *result)
{
	const mote_value arguments[] = { MOTE_U64(argument), MOTE_U64(0x1b),
					 MOTE_U64(0x202) };
	size_t count = 0;
	mote_function description;
	size_t i;

	/* As many as it takes. */
	for (i = 0; mote_image_export(vm.image, i, &description, NULL) ==
		    MOTE_OK;
	     i++)
		if (strcmp(description.name, function) == 0)
			count = strlen(description.signature) - 3;
	return mote_call(box, function, arguments, count, result, &vm.err);
}

static void expect_answer(mote_sandbox *box)
{
	mote_value result;

	vm_expect(mote_call(box, "Answer", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.type, MOTE_TYPE_I64);
	assert_int_equal(result.as.i64, 42);
}

static void expect_poisoned(mote_sandbox *box)
{
	mote_error err = MOTE_ERROR_INIT;

	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	vm_expect(mote_call(box, "Answer", NULL, 0, NULL, &err),
		  MOTE_E_POISONED, &err);
	vm_expect(mote_call_batch(box, NULL, 0, &err), MOTE_E_POISONED, &err);
}

/*
 * Without NextRIP, which QEMU's SVM lacks, KVM skips an `int n` whose delivery
 * met a page of the VM that was not there yet, and then injects it.
 */
static bool pc_behind(const struct fault_case *row, const mote_fault *fault)
{
	return strncmp(row->function, "Int", 3) == 0 &&
	       fault->pc == fault->registers[MTI_RBX] + 2 &&
	       vm_differs("RIP behind an int n");
}

static bool pc_matches(const struct fault_case *row, const mote_fault *fault)
{
	uint64_t expected = fault->registers[MTI_RBX];

	return (row->flags & ANY_PC) || fault->pc == expected ||
	       ((row->flags & PC_BEFORE) && fault->pc == expected - 1) ||
	       pc_behind(row, fault);
}

static bool stack_matches(const struct fault_case *row, const mote_fault *fault)
{
	uint64_t sp = fault->registers[MTI_RSP];

	return (row->flags & ANY_STACK) ||
	       (sp <= MOTE_GVA_STACK_TOP &&
		MOTE_GVA_STACK_TOP - sp <= 101 * MIB);
}

static void check_record(const struct fault_case *row, const mote_fault *fault)
{
	uint64_t address = row->flags & WITH_ADDRESS ?
				   fault->registers[MTI_R12] :
				   fault->address;
	size_t i;

	if (!((fault->kind == row->kind && fault->vector == row->vector) ||
	      (row->other_kind && fault->kind == row->other_kind &&
	       fault->vector == row->other_vector)))
		fail_msg("kind %u, vector %u: %s", fault->kind, fault->vector,
			 vm.err.text);
	assert_int_equal(fault->register_count, MTI_AMD64_REGISTERS);
	if (!pc_matches(row, fault))
		fail_msg("pc 0x%llx, not 0x%llx", (unsigned long long)fault->pc,
			 (unsigned long long)fault->registers[MTI_RBX]);
	assert_int_equal(fault->registers[MTI_RIP], fault->pc);
	if (fault->vector == 14 && fault->address != address)
		fail_msg("address 0x%llx, not 0x%llx",
			 (unsigned long long)fault->address,
			 (unsigned long long)address);
	if (fault->vector != 14)
		assert_int_equal(fault->address, 0);
	assert_true(stack_matches(row, fault));
	for (i = 0; i < sizeof(general_patterns) / sizeof(*general_patterns);
	     i++)
		assert_int_equal(fault->registers[general_patterns[i][0]],
				 general_patterns[i][1]);
}

/* Of all rows, those that do something else on QEMU's emulated CPU. */
struct other_row {
	const char *function;
	uint64_t argument;
	const char *reason;
};

static const struct other_row qemu_rows[] = {
	{ "SseException", 0, "no exception for an unmasked SSE error" },
	{ "AlignmentCheck", 0, "no #AC for a misaligned access" },
	{ "ReservedMxcsr", 0, "LDMXCSR takes reserved bits" },
	{ "Icebp", 0, "icebp is #UD" },
	{ "SetFsBase", 0x800000000000, "WRFSBASE takes any number" },
	{ "SetGsBase", 0x8000000000000000, "WRGSBASE takes any number" },
	{ "PushWithStack", 0x900000000000,
	  "#GP instead of #SS for a stack that is not canonical" },
};

/* And those that only the backend "soft" does otherwise. */
static const struct other_row soft_rows[] = {
	{ "MisalignedVector", 0, "no alignment check of MOVAPS" },
	{ "Sysret", 0, "EFER.SCE is clear, so SYSRET is #UD" },
	{ "ReadThroughFs", 0x7000000000, "no FSGSBASE" },
	{ "ReadThroughFs", MOTE_GVA_SUPERVISOR, "no FSGSBASE" },
	{ "ReadThroughFs", 0xffffffff81000000, "no FSGSBASE" },
};

static bool is_among(const struct fault_case *row,
		     const struct other_row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(row->function, rows[i].function) == 0 &&
		    row->argument == rows[i].argument)
			return vm_differs(rows[i].reason);
	return false;
}

static bool differs(const struct fault_case *row)
{
	if (is_among(row, qemu_rows, sizeof(qemu_rows) / sizeof(qemu_rows[0])))
		return true;
	return vm_soft() &&
	       is_among(row, soft_rows,
			sizeof(soft_rows) / sizeof(soft_rows[0]));
}

static void run_cases(const struct fault_case *rows, size_t count)
{
	mote_sandbox *witness;
	size_t i;

	vm_open(&vm, GUEST_bare_faults);
	witness = vm_sandbox(&vm, NULL);
	for (i = 0; i < count; i++) {
		mote_sandbox *box = vm_sandbox(&vm, NULL);
		mote_status status = call(box, rows[i].function,
					  rows[i].argument, NULL);

		print_message("%s(0x%llx): %s\n", rows[i].function,
			      (unsigned long long)rows[i].argument,
			      vm.err.text);
		if (!differs(&rows[i])) {
			vm_expect(status, MOTE_E_GUEST_FAULT, &vm.err);
			assert_int_equal(vm.err.code, MOTE_E_GUEST_FAULT);
			check_record(&rows[i], &vm.err.fault);
		}
		if (status != MOTE_OK)
			expect_poisoned(box);
		expect_answer(witness);
		mote_sandbox_free(box);
	}
	mote_sandbox_free(witness);
	vm_close(&vm);
}

#define RUN(rows) run_cases(rows, sizeof(rows) / sizeof(rows[0]))

static void test_memory(void **state)
{
	(void)state;
	RUN(memory_cases);
}

static void test_computation(void **state)
{
	(void)state;
	RUN(computation_cases);
}

static void test_instructions(void **state)
{
	(void)state;
	RUN(instruction_cases);
}

static void test_segments(void **state)
{
	(void)state;
	RUN(segment_cases);
}

static void test_entries(void **state)
{
	(void)state;
	RUN(entry_cases);
}

/*
 * A port access is #GP unless it touches only the range of ours: then it
 * breaks the protocol, or it is how one asks. KVM may report a string
 * instruction like so many single ones: 4-byte ones of those are like `out`.
 */
static void check_port(mote_sandbox *witness, const char *function,
		       uint32_t width, uint32_t port)
{
	mote_sandbox *box = vm_sandbox(&vm, NULL);
	mote_status status = call(box, function, port, NULL);
	bool open = port >= MOTE_PORT_FIRST &&
		    port + width - 1 <= MOTE_PORT_LAST;

	if (open && strstr(function, "uts4")) {
		print_message("%s 0x%x: %s\n", function, port,
			      mote_status_name(status));
		if (status == MOTE_OK)
			expect_answer(box);
		else
			expect_poisoned(box);
		mote_sandbox_free(box);
		return;
	}
	if (open) {
		vm_expect(status, MOTE_E_PROTOCOL, &vm.err);
	} else {
		const struct fault_case row = { function, port, GP, NONE, 0 };

		if (status != MOTE_E_GUEST_FAULT)
			fail_msg("%s 0x%x: %s", function, port, vm.err.text);
		check_record(&row, &vm.err.fault);
	}
	expect_poisoned(box);
	expect_answer(witness);
	mote_sandbox_free(box);
}

static void test_ports(void **state)
{
	static const struct {
		const char *function;
		uint32_t width;
	} uses[] = {
		{ "Out1", 1 },	   { "Out2", 2 },     { "Out4", 4 },
		{ "In1", 1 },	   { "In2", 2 },      { "In4", 4 },
		{ "Outs1", 1 },	   { "Outs4", 4 },    { "Ins1", 1 },
		{ "RepOuts4", 4 }, { "RepIns4", 4 },
	};
	static const uint16_t ports[] = {
		0x00,  0x1f,  0x20,   0x21,   0x2d,   0x2e,   0x3f,   0x40,
		0x60,  0x64,  0x70,   0x80,   0xb2,   0xbd,   0xbf,   0xdc,
		0xe0,  0x3f8, 0x510,  0x604,  0xcf8,  0xcfc,  0x5658, 0x8000,
		0xfff8, 0xfffe, 0xffff,
	};
	mote_sandbox *witness;
	size_t i;
	size_t j;

	(void)state;
	vm_open(&vm, GUEST_bare_faults);
	witness = vm_sandbox(&vm, NULL);
	for (i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		for (j = 0; j < sizeof(ports) / sizeof(ports[0]); j++)
			check_port(witness, uses[i].function, uses[i].width,
				   ports[j]);
		/* Reads and string instructions of our own are no better. */
		if (strcmp(uses[i].function, "Out4") == 0)
			continue;
		for (j = MOTE_PORT_FIRST; j <= MOTE_PORT_LAST; j++)
			check_port(witness, uses[i].function, uses[i].width,
				   (uint32_t)j);
	}
	for (j = MOTE_PORT_FIRST; j <= MOTE_PORT_LAST; j++)
		if (j % 4 != 0)
			check_port(witness, "Out4", 4, (uint32_t)j);
	mote_sandbox_free(witness);
	vm_close(&vm);
}

/* Instructions that a CPU may allow: they fault or do nothing. */
static void test_tolerated(void **state)
{
	static const struct {
		const char *function;
		uint64_t argument;
	} uses[] = {
		{ "Vmmcall", 0 },
		{ "Vmcall", 0 },
		{ "Sgdt", 0 },
		{ "Sidt", 0 },
		{ "Str", 0 },
		{ "Smsw", 0 },
		{ "Rdpmc", 0 },
		{ "Rdpkru", 0 },
		{ "Xbegin", 0 },
		{ "Lar", 0x08 },
		{ "Lar", 0x28 },
		{ "LoadDs", 0 },
		/* kvm-pvm has its own selectors, and lets `into` through. */
		{ "Int4", 0 },
		{ "LoadDs", MTI_SELECTOR_TSS },
		{ "LoadSs", MTI_SELECTOR_TSS },
		{ "LoadDs", MTI_SELECTOR_USER_DATA },
		{ "LoadFs", 3 },
		{ "LoadGs", 1 },
		{ "LoadEs", MTI_SELECTOR_USER_CODE },
		{ "Popf", ~UINT64_C(0x40100) },
		{ "Popf", 0x3200 },
		{ "SetFsBase", 0x1234 },
		{ "SetFsBase", 0xffffffff81000000 },
		{ "SetGsBase", 0x7fffffffffff },
		{ "SyscallStep", 0 },
		{ "SyscallLoop", 1000 },
		{ "Iret", MTI_SELECTOR_USER_CODE },
		{ "FarReturn", MTI_SELECTOR_USER_CODE },
	};
	mote_sandbox *box;
	mote_status status;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_faults);
	for (i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		box = vm_sandbox(&vm, NULL);
		status = call(box, uses[i].function, uses[i].argument, NULL);
		print_message("%s(0x%llx): %s\n", uses[i].function,
			      (unsigned long long)uses[i].argument,
			      status == MOTE_OK ? "ok" : vm.err.text);
		if (status == MOTE_OK) {
			/* What it left in the CPU hurts no later call. */
			expect_answer(box);
		} else {
			vm_expect(status, MOTE_E_GUEST_FAULT, &vm.err);
			expect_poisoned(box);
		}
		mote_sandbox_free(box);
	}
	vm_close(&vm);
}

/* The stub of the syscall page, entered in the middle of an instruction. */
static void test_syscall_stub(void **state)
{
	uint64_t offset;

	(void)state;
	vm_open(&vm, GUEST_bare_faults);
	for (offset = 0; offset < 48; offset++) {
		mote_sandbox *box = vm_sandbox(&vm, NULL);

		vm_expect(call(box, "JumpToStub", offset, NULL),
			  MOTE_E_GUEST_FAULT, &vm.err);
		expect_poisoned(box);
		mote_sandbox_free(box);
	}
	vm_close(&vm);
}

static void test_syscall_works(void **state)
{
	mote_value result;
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_bare_faults);
	box = vm_sandbox(&vm, NULL);
	vm_expect(call(box, "SyscallLoop", 10000, &result), MOTE_OK, &vm.err);
	assert_int_equal(result.as.i64, 1);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_abort(void **state)
{
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_bare_faults);
	box = vm_sandbox(&vm, NULL);
	vm_expect(call(box, "Abort", 0x400123, NULL), MOTE_E_GUEST_FAULT,
		  &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_ABORT);
	assert_int_equal(vm.err.fault.vector, UINT32_MAX);
	assert_int_equal(vm.err.fault.pc, 0x400123);
	assert_int_equal(vm.err.fault.registers[MTI_R13], 0x1313131313131313);
	expect_poisoned(box);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_exit(void **state)
{
	static const uint64_t statuses[] = { 0, 1, 255, 256 + 7, UINT32_MAX };
	mote_sandbox *box;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_faults);
	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		box = vm_sandbox(&vm, NULL);
		vm_expect(call(box, "Exit", statuses[i], NULL),
			  MOTE_E_GUEST_EXIT, &vm.err);
		assert_int_equal(vm.err.guest_code, statuses[i] & 0xff);
		assert_int_equal(vm.err.fault.kind, MOTE_FAULT_NONE);
		expect_poisoned(box);
		mote_sandbox_free(box);
	}
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_computation),
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_tolerated),
		cmocka_unit_test(test_syscall_stub),
		cmocka_unit_test(test_syscall_works),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_exit),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
