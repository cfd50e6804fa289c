/*
 * The bytes that the CPU reads: descriptors, TSS, gates, stubs and the
 * syscall page, decoded here by the manuals' tables and not by our constants;
 * and what exceptions mean.
 */
#include <stdbool.h>
#include <string.h>

#include "abi/layout.h"
#include "abi/trap.h"
#include "arch/amd64/boot.h"
#include "arch/amd64/trap.h"
#include "harness/unit.h"

static _Alignas(8) uint8_t page[MOTE_PAGE_SIZE];

static uint64_t get(size_t offset, size_t width)
{
	uint64_t value = 0;

	memcpy(&value, page + offset, width);
	return value;
}

static void make_supervisor_page(void)
{
	memset(page, 0, sizeof(page));
	mti_amd64_supervisor_page(page);
}

/* SDM 3A, "Segment Descriptors". */
static void expect_segment(uint16_t selector, uint64_t type, uint64_t dpl,
			   uint64_t is_long)
{
	uint64_t entry = get(MTI_SUPERVISOR_GDT + (selector & ~7u), 8);

	assert_int_equal(selector & 3, dpl);
	assert_int_equal((entry >> 40) & 0xf, type);
	assert_int_equal((entry >> 44) & 1, 1); /* code or data */
	assert_int_equal((entry >> 45) & 3, dpl);
	assert_int_equal((entry >> 47) & 1, 1); /* present */
	assert_int_equal((entry >> 53) & 1, is_long);
	assert_int_equal((entry >> 54) & 1, !is_long);
}

static void test_gdt(void **state)
{
	uint64_t low;
	uint64_t base;

	(void)state;
	make_supervisor_page();
	assert_int_equal(get(MTI_SUPERVISOR_GDT, 8), 0);
	/* 0xb: code, readable, accessed. 3: data, writable, accessed. */
	expect_segment(MTI_SELECTOR_KERNEL_CODE, 0xb, 0, 1);
	expect_segment(MTI_SELECTOR_KERNEL_DATA, 3, 0, 0);
	expect_segment(MTI_SELECTOR_USER_DATA, 3, 3, 0);
	expect_segment(MTI_SELECTOR_USER_CODE, 0xb, 3, 1);
	low = get(MTI_SUPERVISOR_GDT + MTI_SELECTOR_TSS, 8);
	base = ((low >> 16) & 0xffffff) | ((low >> 56) << 24) |
	       get(MTI_SUPERVISOR_GDT + MTI_SELECTOR_TSS + 8, 8) << 32;
	assert_int_equal(base, MOTE_GVA_SUPERVISOR + MTI_SUPERVISOR_TSS);
	assert_int_equal((low & 0xffff) | ((low >> 32) & 0xf0000),
			 MTI_TSS_BYTES - 1);
	assert_int_equal((low >> 40) & 0xff, 0x89); /* available, DPL 0 */
	/* Nothing else: no 32-bit code, no gate. */
	assert_int_equal(MTI_GDT_BYTES, MTI_SELECTOR_TSS + 16);
	/* SYSCALL and SYSRET compute selectors from STAR. */
	assert_int_equal((MTI_STAR_VALUE >> 32) & 0xffff,
			 MTI_SELECTOR_KERNEL_CODE);
	assert_int_equal(((MTI_STAR_VALUE >> 48) + 8) | 3,
			 MTI_SELECTOR_USER_DATA);
	assert_int_equal(((MTI_STAR_VALUE >> 48) + 16) | 3,
			 MTI_SELECTOR_USER_CODE);
}

/* SDM 1, "I/O Permission Bit Map": the CPU reads two bytes. */
static bool port_open(uint32_t port, uint32_t width)
{
	uint32_t at = (uint32_t)get(MTI_SUPERVISOR_TSS + 102, 2) + port / 8;
	uint64_t bits;

	if (at + 1 > MTI_TSS_BYTES - 1)
		return false;
	bits = get(MTI_SUPERVISOR_TSS + at, 2);
	return ((bits >> (port % 8)) & ((1u << width) - 1)) == 0;
}

static void test_tss(void **state)
{
	uint64_t stack = MOTE_GVA_INTERRUPT_STACK + MOTE_PAGE_SIZE;
	uint32_t port;
	uint32_t width;

	(void)state;
	make_supervisor_page();
	assert_int_equal(get(MTI_SUPERVISOR_TSS + 4, 8), stack);  /* RSP0 */
	assert_int_equal(get(MTI_SUPERVISOR_TSS + 36, 8), stack); /* IST1 */
	assert_int_equal(stack % 16, 0);
	for (width = 1; width <= 4; width *= 2)
		for (port = 0; port <= 0x10000 - width; port++)
			assert_int_equal(port_open(port, width),
					 port >= MOTE_PORT_FIRST &&
						 port + width - 1 <=
							 MOTE_PORT_LAST);
	/* All that are ours can be used with 4 bytes. */
	for (port = MOTE_PORT_READY; port <= MOTE_PORT_SERVICE; port += 4)
		assert_true(port_open(port, 4));
}

/* SDM 3A, "64-Bit IDT Gate Descriptors". */
static void test_idt(void **state)
{
	uint32_t vector;

	(void)state;
	make_supervisor_page();
	assert_int_equal(MTI_IDT_BYTES, 32 * 16);
	for (vector = 0; vector < 32; vector++) {
		size_t gate = MTI_SUPERVISOR_IDT + 16 * vector;
		uint64_t target = get(gate, 2) | get(gate + 6, 2) << 16 |
				  get(gate + 8, 4) << 32;
		size_t stub = (size_t)(target - MOTE_GVA_SUPERVISOR);

		assert_int_equal(get(gate + 2, 2), MTI_SELECTOR_KERNEL_CODE);
		assert_int_equal(page[gate + 4], 1); /* IST 1 */
		/* Present interrupt gate; int3 from user mode only. */
		assert_int_equal(page[gate + 5], vector == 3 ? 0xee : 0x8e);
		assert_int_equal(get(gate + 12, 4), 0);
		assert_true(stub >= MTI_SUPERVISOR_STUBS &&
			    stub < MOTE_PAGE_SIZE - 8);
		/* out %al, $port; hlt; jmp to the hlt */
		assert_int_equal(page[stub], 0xe6);
		assert_int_equal(page[stub + 1], MOTE_PORT_FAULT + vector);
		assert_int_equal(page[stub + 2], 0xf4);
		assert_int_equal(page[stub + 3], 0xeb);
		assert_int_equal(page[stub + 4], 0xfd);
	}
}

static uint64_t rip_relative(size_t displacement_at)
{
	int32_t displacement;

	memcpy(&displacement, page + displacement_at, 4);
	return MOTE_GVA_SYSCALL + displacement_at + 4 +
	       (uint64_t)(int64_t)displacement;
}

static void test_syscall_page(void **state)
{
	static const uint8_t code[] = {
		0x48, 0x89, 0x0d, 0, 0, 0, 0, /* mov %rcx, return */
		0x8c, 0xc9,		      /* mov %cs, %ecx */
		0xf6, 0xc1, 0x03,	      /* test $3, %cl */
		0x75, 0x10,		      /* jnz 30 */
		0x48, 0x8b, 0x0d, 0, 0, 0, 0, /* mov handler, %rcx */
		0x41, 0xbb, 0x02, 0x02, 0, 0, /* mov $0x202, %r11d */
		0x48, 0x0f, 0x07,	      /* sysretq */
		0xff, 0x25, 0, 0, 0, 0,	      /* jmp *handler */
	};
	static const size_t displacements[] = { 3, 17, 32 };
	static const uint64_t targets[] = {
		MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_RETURN,
		MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_HANDLER,
		MOTE_GVA_CONTROL + MOTE_CONTROL_SYSCALL_HANDLER,
	};
	size_t i;

	(void)state;
	memset(page, 0, sizeof(page));
	mti_amd64_syscall_page(page);
	for (i = 0; i < 3; i++) {
		assert_int_equal(rip_relative(displacements[i]), targets[i]);
		memset(page + displacements[i], 0, 4);
	}
	assert_memory_equal(page, code, sizeof(code));
	for (i = sizeof(code); i < MOTE_SYSCALL_RESTORE; i++)
		assert_int_equal(page[i], 0);
	assert_int_equal(12 + 2 + page[13], 30);
	assert_int_equal(page[30], 0xff);
}

/* Code at offset; operands at the places given are taken out and returned. */
static void expect_code(size_t offset, const uint8_t *code, size_t size,
			const size_t *operands, size_t count, uint64_t *targets)
{
	size_t i;

	for (i = 0; i < count; i++) {
		targets[i] = rip_relative(offset + operands[i]);
		memset(page + offset + operands[i], 0, 4);
	}
	assert_memory_equal(page + offset, code, size);
}

static void test_restore_code(void **state)
{
	static const uint8_t segments[] = {
		0x8e, 0xe0,		      /* mov %eax, %fs */
		0xf3, 0x48, 0x0f, 0xae, 0xd1, /* wrfsbase %rcx */
		0x8e, 0xe8,		      /* mov %eax, %gs */
		0xf3, 0x48, 0x0f, 0xae, 0xda, /* wrgsbase %rdx */
		0x8e, 0xd8,		      /* mov %eax, %ds */
		0x8e, 0xc0,		      /* mov %eax, %es */
		0x41, 0xff, 0xe2,	      /* jmp *%r10 */
	};
	static const uint8_t xsave[] = {
		0xdb, 0xe3,		      /* fninit */
		0xb8, 0xff, 0xff, 0xfb, 0xff, /* mov $~(1 << 18), %eax */
		0xba, 0xff, 0xff, 0xff, 0xff, /* mov $-1, %edx */
		0x0f, 0xae, 0x2d, 0, 0, 0, 0, /* xrstor image */
		0xeb,			      /* jmp to fldcw */
	};
	static const uint8_t fxsave[] = {
		0xdb, 0xe3,		      /* fninit */
		0x0f, 0xae, 0x0d, 0, 0, 0, 0, /* fxrstor image */
		0xd9, 0x2d, 0,	  0, 0, 0,    /* fldcw x87_control */
		0x0f, 0xae, 0x15, 0, 0, 0, 0, /* ldmxcsr mxcsr */
		0xeb,			      /* jmp end */
	};
	static const uint8_t end[] = {
		0xb8, 0,    0,	  0, 0,	   /* mov $0, %eax */
		0xba, 0,    0,	  0, 0,	   /* mov $0, %edx */
		0xb9, 0,    0,	  0, 0,	   /* mov $0, %ecx */
		0x41, 0xba, 0,	  0, 0, 0, /* mov $0, %r10d */
		0x41, 0xff, 0xe3,	   /* jmp *%r11 */
	};
	static const size_t xsave_operand[] = { 15 };
	static const size_t fxsave_operands[] = { 5, 11, 18 };
	uint64_t targets[4];
	size_t image;
	size_t i;

	(void)state;
	memset(page, 0, sizeof(page));
	mti_amd64_syscall_page(page);
	expect_code(MTI_RESTORE_SEGMENTS, segments, sizeof(segments), NULL, 0,
		    NULL);
	expect_code(MTI_RESTORE_XSAVE, xsave, sizeof(xsave), xsave_operand, 1,
		    targets);
	expect_code(MTI_RESTORE_FXSAVE, fxsave, sizeof(fxsave),
		    fxsave_operands, 3, targets + 1);
	expect_code(MTI_RESTORE_END, end, sizeof(end), NULL, 0, NULL);
	i = MTI_RESTORE_XSAVE + sizeof(xsave);
	assert_int_equal(i + 1 + page[i], MTI_RESTORE_FXSAVE + 9);
	i = MTI_RESTORE_FXSAVE + sizeof(fxsave);
	assert_int_equal(i + 1 + page[i], MTI_RESTORE_END);
	assert_int_equal(targets[0], targets[1]);
	assert_int_equal(targets[2],
			 MOTE_GVA_CONTROL + MOTE_CONTROL_X87_CONTROL);
	assert_int_equal(targets[3], MOTE_GVA_CONTROL + MOTE_CONTROL_MXCSR);
	/* SDM 1, "XSAVE Area": all zero but FCW and MXCSR. */
	assert_in_range(targets[0], MOTE_GVA_SYSCALL + MTI_RESTORE_END + 24,
			MOTE_GVA_SYSCALL + MOTE_PAGE_SIZE - 2816);
	image = targets[0] - MOTE_GVA_SYSCALL;
	assert_int_equal(image % 64, 0);
	assert_int_equal(get(image, 2), 0x37f);
	assert_int_equal(get(image + 24, 4), 0x1f80);
	for (i = image; i < sizeof(page); i++)
		if (i - image >= 2 && i - image != 24 && i - image != 25)
			assert_int_equal(page[i], 0);
}

/* ----------------------------------------------------------- exceptions */

#define GUARD UINT64_C(0x700000100000)
#define STACK UINT64_C(0x700000200000)

static void test_classify(void **state)
{
	static const struct {
		uint32_t vector;
		uint64_t error_code;
		uint64_t cr2;
		uint32_t kind;
	} rows[] = {
		{ 0, 0, 0, MOTE_FAULT_DIVIDE },
		{ 1, 0, 0, MOTE_FAULT_BREAKPOINT },
		{ 2, 0, 0, MOTE_FAULT_MACHINE },
		{ 3, 0, 0, MOTE_FAULT_BREAKPOINT },
		{ 4, 0, 0, MOTE_FAULT_BREAKPOINT },
		{ 6, 0, 0, MOTE_FAULT_ILLEGAL_INSTRUCTION },
		{ 8, 0, 0, MOTE_FAULT_MACHINE },
		{ 10, 8, 0, MOTE_FAULT_PRIVILEGED },
		{ 11, 8, 0, MOTE_FAULT_PRIVILEGED },
		{ 12, 8, 0, MOTE_FAULT_PRIVILEGED },
		{ 13, 8, 0, MOTE_FAULT_PRIVILEGED },
		{ 14, 4, 0, MOTE_FAULT_NULL_POINTER },
		{ 14, 6, 0xffff, MOTE_FAULT_NULL_POINTER },
		{ 14, 0x14, 0, MOTE_FAULT_NULL_POINTER },
		{ 14, 4, 0x10000, MOTE_FAULT_READ },
		{ 14, 5, 0x400000, MOTE_FAULT_READ },
		{ 14, 6, 0x10000, MOTE_FAULT_WRITE },
		{ 14, 7, 0x400000, MOTE_FAULT_WRITE },
		{ 14, 0x14, 0x400000, MOTE_FAULT_EXECUTE },
		{ 14, 0x15, 0x400000, MOTE_FAULT_EXECUTE },
		{ 14, 6, GUARD - 1, MOTE_FAULT_WRITE },
		{ 14, 6, GUARD, MOTE_FAULT_STACK_OVERFLOW },
		{ 14, 4, STACK - 1, MOTE_FAULT_STACK_OVERFLOW },
		{ 14, 0x14, STACK - 1, MOTE_FAULT_EXECUTE },
		{ 14, 7, STACK, MOTE_FAULT_WRITE },
		{ 14, 4, UINT64_MAX, MOTE_FAULT_READ },
		{ 16, 0, 0, MOTE_FAULT_FLOATING_POINT },
		{ 17, 0, 0, MOTE_FAULT_ALIGNMENT },
		{ 18, 0, 0, MOTE_FAULT_MACHINE },
		{ 19, 0, 0, MOTE_FAULT_FLOATING_POINT },
		{ 21, 0, 0, MOTE_FAULT_MACHINE },
		{ 31, 0, 0, MOTE_FAULT_MACHINE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct mti_amd64_frame frame = {
			.error_code = rows[i].error_code,
			.rip = 0x123456,
		};
		mote_fault fault = { 0 };

		mti_amd64_classify(rows[i].vector, &frame, rows[i].cr2, GUARD,
				   STACK, &fault);
		assert_int_equal(fault.kind, rows[i].kind);
		assert_int_equal(fault.vector, rows[i].vector);
		assert_int_equal(fault.pc, 0x123456);
		assert_int_equal(fault.error_code, rows[i].error_code);
		assert_int_equal(fault.address,
				 rows[i].vector == 14 ? rows[i].cr2 : 0);
	}
}

/* Which vectors push a code: SDM 3A, "Exception and Interrupt Reference". */
static void test_error_codes(void **state)
{
	const struct mti_amd64_frame frame = { .error_code = 77 };
	const uint32_t pushing = 1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 |
				 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21 |
				 1u << 30;
	uint32_t vector;

	(void)state;
	for (vector = 0; vector < 32; vector++)
		assert_int_equal(mti_amd64_error_code(vector, &frame),
				 pushing & 1u << vector ? 77 : 0);
	assert_int_equal(mti_amd64_error_code(UINT32_MAX, &frame), 0);
}

static void test_names(void **state)
{
	const mote_fault fault = { .machine = 62, /* EM_X86_64 */
				   .register_count = MTI_AMD64_REGISTERS };
	const mote_fault foreign = { .machine = 243,
				     .register_count = MTI_AMD64_REGISTERS };
	const mote_fault none = { .machine = 62 };
	uint32_t i;
	uint32_t j;

	(void)state;
	assert_null(mote_fault_register_name(NULL, 0));
	assert_null(mote_fault_register_name(&foreign, 0));
	assert_null(mote_fault_register_name(&none, 0));
	for (i = 0; i < MTI_AMD64_REGISTERS; i++) {
		assert_non_null(mote_fault_register_name(&fault, i));
		for (j = 0; j < i; j++)
			assert_string_not_equal(
				mote_fault_register_name(&fault, i),
				mote_fault_register_name(&fault, j));
	}
	assert_string_equal(mote_fault_register_name(&fault, MTI_RIP), "rip");
	assert_string_equal(mote_fault_register_name(&fault, MTI_R15), "r15");
	assert_null(mote_fault_register_name(&fault, MTI_AMD64_REGISTERS));
	assert_null(mote_fault_register_name(&fault, UINT32_MAX));
	assert_true(MTI_AMD64_REGISTERS <= MOTE_FAULT_REGISTERS_MAX);
}

/* Where the restore code reads them: LDMXCSR and FLDCW, 4 and 2 bytes. */
static void test_control(void **state)
{
	const struct mti_cpu_state cpu = { .mxcsr = 0x9fc0,
					   .x87_control = 0x127f };

	(void)state;
	memset(page, 0xa5, sizeof(page));
	mti_arch_amd64.put_control(&cpu, (struct mote_abi_control *)page);
	assert_int_equal(get(128, 4), 0xa5a5a5a5);
	assert_int_equal(get(132, 4), 0x9fc0);
	assert_int_equal(get(136, 4), 0x127f);
	assert_int_equal(get(140, 4), 0xa5a5a5a5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gdt),
		cmocka_unit_test(test_tss),
		cmocka_unit_test(test_idt),
		cmocka_unit_test(test_syscall_page),
		cmocka_unit_test(test_restore_code),
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_error_codes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
