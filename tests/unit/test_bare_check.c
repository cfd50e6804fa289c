/*
 * States that no bare CPU can be in, by the SDM's volume 3, whose sections the
 * numbers are: nearly all differ in one member from that of a CPU as it
 * starts, and are refused by that member's name. Beside them those that are
 * just right.
 */
#include <string.h>

#include "arch/bare.h"
#include "harness/unit.h"

#define BIT(number) (UINT64_C(1) << (number))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define REAL MOTE_BARE_REAL
#define PROTECTED MOTE_BARE_PROTECTED
#define PAGED MOTE_BARE_PAGED
#define PAE MOTE_BARE_PAGED_PAE
#define LONG MOTE_BARE_LONG

#define RIP 16
#define RFLAGS 17

/* 2.5: bits of control registers. */
#define CR0_PE BIT(0)
#define CR0_NE BIT(5)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)
#define CR4_PAE BIT(5)
#define CR4_LA57 BIT(12)
#define CR4_PCIDE BIT(17)
/* 2.2.1 */
#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
/* 2.6 */
#define X87 BIT(0)
#define SSE BIT(1)
#define AVX BIT(2)
#define OPMASK BIT(5)
#define ZMM_HIGH BIT(6)
#define ZMM_16_31 BIT(7)
#define AVX512 (OPMASK | ZMM_HIGH | ZMM_16_31)
/* 2.3 */
#define FLAGS_1 BIT(1)
#define FLAGS_VM BIT(17)
/* 3.4.5: type, S, DPL, P; AVL, L, D, G. */
#define CODE_16 0x009bu
#define CODE_32 0xc09bu
#define CODE_64 0xa09bu
#define CODE_BOTH 0xe09bu

/* The highest and lowest addresses with 57 bits, and what is between. */
#define LOW_END (BIT(56) - 1)
#define HIGH_START (UINT64_MAX << 56)
#define NOT_CANONICAL BIT(56)
#define NOR_CANONICAL (HIGH_START - 1)

/* Volume 1, 13.4.1 and 13.4.2: the XSAVE area. */
#define MXCSR 24
#define XSTATE_BV 512
#define XCOMP_BV 520
#define RESERVED 528
#define HEADER_END 576

/* A member of the state, and its size. */
#define OF(member)                                                             \
	offsetof(struct mti_bare_state, member),                               \
		sizeof(((struct mti_bare_state *)NULL)->member)
#define GENERAL(number) OF(general[number])
#define BASE(register) OF(segments[MTI_BARE_##register].base)
#define ATTRIBUTES(register) OF(segments[MTI_BARE_##register].attributes)
#define MSR(name) OF(msrs[MTI_BARE_##name])

/* name: of what is wrong then; NULL: nothing. */
struct row {
	uint32_t mode;
	size_t offset;
	size_t size;
	uint64_t value;
	const char *name;
};

static struct mti_bare_state cpu;

static void start(uint32_t mode)
{
	const struct mti_bare_start at = {
		.mode = mode,
		.entry = 0x27c04,
		.stack_end = 0x50000,
		.info = 0x3f000,
		.page_table = 0x70000,
	};

	mti_bare_start(&at, &cpu);
}

/* That it is refused for this, or with NULL not. */
static void expect(const char *name, uint64_t value)
{
	uint64_t found = ~value;
	const char *wrong = mti_bare_wrong(&cpu, &found);

	if (!name) {
		if (wrong)
			fail_msg("%s 0x%llx is refused", wrong,
				 (unsigned long long)found);
		return;
	}
	if (!wrong)
		fail_msg("%s 0x%llx is not refused", name,
			 (unsigned long long)value);
	assert_string_equal(wrong, name);
	assert_int_equal(found, value);
}

static void check(const struct row *row)
{
	start(row->mode);
	memcpy((uint8_t *)&cpu + row->offset, &row->value, row->size);
	expect(row->name, row->value);
}

static void check_all(const struct row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		check(&rows[i]);
}

static void test_start(void **state)
{
	uint32_t mode;

	(void)state;
	for (mode = REAL; mode <= LONG; mode++) {
		start(mode);
		expect(NULL, 0);
	}
}

/* -------------------------------------------------------- reserved bits */

/* In long mode, where the most is allowed. */
static void test_reserved_bits(void **state)
{
	static const struct {
		const char *name;
		size_t offset;
		size_t size;
		uint64_t defined;
	} registers[] = {
		/* 63:32, 28:19, 17, 15:6. */
		{ "control.cr0", OF(cr0),
		  BIT(32) - 1 - (BIT(29) - BIT(19)) - BIT(17) -
			  (BIT(16) - BIT(6)) },
		/* VMXE, SMXE, 15, KL, all from PKE on. */
		{ "control.cr4", OF(cr4),
		  BIT(22) - 1 - (BIT(16) - BIT(13)) - BIT(19) },
		/* MAXPHYADDR is at most 52. */
		{ "control.cr3", OF(cr3), BIT(52) - 1 },
		/* The task's priority. */
		{ "control.cr8", OF(cr8), BIT(4) - 1 },
		/* And AMD's FFXSR and TCE; without SVME and LMSLE. */
		{ "control.efer", OF(efer),
		  EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | BIT(14) |
			  BIT(15) },
		/* Without the state of MPX, PT, PKRU, AMX. */
		{ "control.xcr0", OF(xcr0), X87 | SSE | AVX | AVX512 },
		/* 63:22, 15, 5, 3. */
		{ "registers.rflags", GENERAL(RFLAGS),
		  BIT(22) - 1 - BIT(15) - BIT(5) - BIT(3) },
		{ "debug.dr6", OF(dr6), BIT(32) - 1 },
		{ "debug.dr7", OF(dr7), BIT(32) - 1 },
		/* Bits 19:16 of a descriptor are its limit's. */
		{ "segments", ATTRIBUTES(CS), 0xf0ff },
		{ "segments", ATTRIBUTES(SS), 0xf0ff },
		{ "segments", ATTRIBUTES(GS), 0xf0ff },
		{ "segments", ATTRIBUTES(TR), 0xf0ff },
	};
	size_t i;
	uint32_t bit;

	(void)state;
	for (i = 0; i < COUNT(registers); i++)
		for (bit = 0; bit < 8 * registers[i].size; bit++) {
			struct row row = { LONG, registers[i].offset,
					   registers[i].size, 0,
					   registers[i].name };

			if (registers[i].defined & BIT(bit))
				continue;
			start(LONG);
			memcpy(&row.value, (uint8_t *)&cpu + row.offset,
			       row.size);
			/* XCR0 without x87 is wrong by itself. */
			row.value |= BIT(bit);
			row.value |= row.offset ==
				     offsetof(struct mti_bare_state, xcr0);
			check(&row);
		}
}

/* All the others at once. */
static void test_defined_bits(void **state)
{
	static const struct row rows[] = {
		{ LONG, OF(cr0), 0xe005003f, NULL },
		{ LONG, OF(cr3), BIT(52) - 1, NULL },
		{ LONG, OF(cr4), 0x371fff, NULL },
		{ LONG, OF(cr8), 15, NULL },
		{ LONG, OF(efer), 0xcd01, NULL },
		{ LONG, OF(xcr0), 0xe7, NULL },
		{ PROTECTED, GENERAL(RFLAGS), 0x3f7fd7, NULL },
		{ LONG, OF(dr6), UINT32_MAX, NULL },
		{ LONG, OF(dr7), UINT32_MAX, NULL },
		{ LONG, ATTRIBUTES(DS), 0xf0ff, NULL },
	};

	(void)state;
	check_all(rows, COUNT(rows));
}

/* --------------------------------------------------- control registers */

static void test_control(void **state)
{
	static const struct row rows[] = {
		/* Paging without protection. */
		{ PAGED, OF(cr0), CR0_PG, "control.cr0" },
		{ REAL, OF(cr0), CR0_PG, "control.cr0" },
		{ LONG, OF(cr0), CR0_PG | CR0_NE, "control.cr0" },
		/* 11.5.1: not write-through, but cached. */
		{ REAL, OF(cr0), CR0_NW, "control.cr0" },
		{ PROTECTED, OF(cr0), CR0_PE | CR0_NW, "control.cr0" },
		{ PROTECTED, OF(cr0), CR0_PE | CR0_NW | CR0_CD, NULL },
		{ PROTECTED, OF(cr0), CR0_PE | CR0_CD, NULL },
		/* 4.10.1: only with IA-32e mode. */
		{ PAE, OF(cr4), CR4_PAE | CR4_PCIDE, "control.cr4" },
		{ PROTECTED, OF(cr4), CR4_PCIDE, "control.cr4" },
		{ LONG, OF(cr4), CR4_PAE | CR4_PCIDE, NULL },
		/* 4.5: IA-32e paging is PAE's. */
		{ LONG, OF(cr4), 0, "control.cr4" },
		{ LONG, OF(cr4), CR4_LA57, "control.cr4" },
		{ PAGED, OF(cr4), 0, NULL },
		/* 9.8.5: LMA is what LME and PG make of it. */
		{ LONG, OF(efer), EFER_LMA, "control.efer" },
		{ LONG, OF(cr4), CR4_PAE | CR4_LA57, NULL },
		{ PAE, OF(efer), EFER_LME, "control.efer" },
		{ PAE, OF(efer), EFER_LMA, "control.efer" },
		{ PAE, OF(efer), EFER_LMA | EFER_LME, NULL },
		{ PAE, OF(efer), EFER_NXE, NULL },
		{ PROTECTED, OF(efer), EFER_LME, NULL },
		/* 2.6: what needs what. */
		{ LONG, OF(xcr0), 0, NULL },
		{ LONG, OF(xcr0), X87, NULL },
		{ LONG, OF(xcr0), X87 | SSE, NULL },
		{ LONG, OF(xcr0), X87 | SSE | AVX, NULL },
		{ LONG, OF(xcr0), SSE, "control.xcr0" },
		{ LONG, OF(xcr0), SSE | AVX | AVX512, "control.xcr0" },
		{ LONG, OF(xcr0), X87 | AVX, "control.xcr0" },
		{ LONG, OF(xcr0), X87 | SSE | AVX512, "control.xcr0" },
		{ LONG, OF(xcr0), X87 | SSE | AVX | OPMASK, "control.xcr0" },
		{ LONG, OF(xcr0), X87 | SSE | AVX | ZMM_HIGH, "control.xcr0" },
		{ LONG, OF(xcr0), X87 | SSE | AVX | ZMM_16_31, "control.xcr0" },
		{ LONG, OF(xcr0), X87 | SSE | AVX | OPMASK | ZMM_HIGH,
		  "control.xcr0" },
	};

	(void)state;
	check_all(rows, COUNT(rows));
}

/* Long mode without paging; it is EFER that says so. */
static void test_long_without_paging(void **state)
{
	(void)state;
	start(LONG);
	cpu.cr0 &= ~CR0_PG;
	expect("control.efer", cpu.efer);
	/* As kernels leave it. */
	cpu.efer &= ~EFER_LMA;
	cpu.segments[MTI_BARE_CS].attributes = CODE_32;
	expect(NULL, 0);
}

/* ------------------------------------------------- segments and tables */

static void test_segments(void **state)
{
	static const struct row rows[] = {
		/* Bits 63:32 of their bases are zero (26.3.1.2). */
		{ REAL, BASE(CS), UINT32_MAX, NULL },
		{ LONG, BASE(CS), BIT(32), "segments" },
		{ PROTECTED, BASE(CS), BIT(32), "segments" },
		{ LONG, BASE(SS), BIT(32), "segments" },
		{ LONG, BASE(DS), BIT(32), "segments" },
		{ LONG, BASE(ES), BIT(32), "segments" },
		{ LONG, BASE(ES), UINT32_MAX, NULL },
		/* Of these they are canonical. */
		{ LONG, BASE(FS), BIT(32), NULL },
		{ LONG, BASE(FS), LOW_END, NULL },
		{ LONG, BASE(FS), HIGH_START, NULL },
		{ LONG, BASE(FS), NOT_CANONICAL, "segments" },
		{ LONG, BASE(GS), UINT64_MAX, NULL },
		{ LONG, BASE(GS), NOR_CANONICAL, "segments" },
		{ LONG, BASE(LDT), BIT(63), "segments" },
		{ LONG, BASE(LDT), LOW_END, NULL },
		{ LONG, BASE(TR), NOT_CANONICAL, "segments" },
		{ LONG, BASE(TR), HIGH_START, NULL },
		/* 5.2.1: D is clear if L is set, in IA-32e mode. */
		{ LONG, ATTRIBUTES(CS), CODE_BOTH, "segments.cs.attributes" },
		{ PROTECTED, ATTRIBUTES(CS), CODE_BOTH, NULL },
		{ LONG, ATTRIBUTES(CS), CODE_32, NULL },
		{ LONG, ATTRIBUTES(CS), CODE_16, NULL },
		/* SS has a B there. */
		{ LONG, ATTRIBUTES(SS), CODE_BOTH, NULL },
		/* 2.4.1, 2.4.3: 16 bits of limit. */
		{ LONG, OF(gdt.limit), 0xffff, NULL },
		{ LONG, OF(gdt.limit), 0x10000, "gdt.limit" },
		{ REAL, OF(idt.limit), 0xffff, NULL },
		{ REAL, OF(idt.limit), 0x10000, "idt.limit" },
		{ LONG, OF(gdt.base), HIGH_START, NULL },
		{ LONG, OF(gdt.base), NOR_CANONICAL, "gdt.base" },
		{ LONG, OF(idt.base), LOW_END, NULL },
		{ LONG, OF(idt.base), NOT_CANONICAL, "idt.base" },
	};

	(void)state;
	check_all(rows, COUNT(rows));
}

/* Whose base nobody looks at; but for CS, which is always used. */
static void test_unusable_segments(void **state)
{
	(void)state;
	start(LONG);
	cpu.segments[MTI_BARE_DS].unusable = true;
	cpu.segments[MTI_BARE_DS].base = BIT(32);
	expect(NULL, 0);
	cpu.segments[MTI_BARE_DS].base = NOT_CANONICAL;
	expect("segments", NOT_CANONICAL);
	start(LONG);
	cpu.segments[MTI_BARE_CS].unusable = true;
	cpu.segments[MTI_BARE_CS].base = BIT(32);
	expect("segments", BIT(32));
}

/* --------------------------------------------------- general registers */

static void test_general(void **state)
{
	static const struct row rows[] = {
		{ REAL, GENERAL(RIP), BIT(32), "registers.rip" },
		{ PROTECTED, GENERAL(RIP), UINT32_MAX, NULL },
		{ PROTECTED, GENERAL(RIP), BIT(32), "registers.rip" },
		{ PAE, GENERAL(RIP), UINT64_MAX, "registers.rip" },
		{ LONG, GENERAL(RIP), BIT(32), NULL },
		{ LONG, GENERAL(RIP), LOW_END, NULL },
		{ LONG, GENERAL(RIP), HIGH_START, NULL },
		{ LONG, GENERAL(RIP), NOT_CANONICAL, "registers.rip" },
		{ LONG, GENERAL(RIP), NOR_CANONICAL, "registers.rip" },
		/* 2.2: there is no virtual-8086 mode in IA-32e mode. */
		{ PROTECTED, GENERAL(RFLAGS), FLAGS_1 | FLAGS_VM, NULL },
		{ LONG, GENERAL(RFLAGS), FLAGS_1 | FLAGS_VM,
		  "registers.rflags" },
	};

	(void)state;
	check_all(rows, COUNT(rows));
}

/* CS.L means something in long mode only, and CS without it is narrow. */
static void test_rip_of_modes(void **state)
{
	(void)state;
	start(LONG);
	cpu.segments[MTI_BARE_CS].attributes = CODE_32;
	cpu.general[RIP] = UINT32_MAX;
	expect(NULL, 0);
	cpu.general[RIP] = BIT(32);
	expect("registers.rip", BIT(32));
	start(PROTECTED);
	cpu.segments[MTI_BARE_CS].attributes = CODE_64;
	cpu.general[RIP] = BIT(32);
	expect("registers.rip", BIT(32));
}

/* ---------------------------------------------------------------- MSRs */

/* WRMSR: #GP for an address that is not canonical. */
static void test_msrs(void **state)
{
	static const struct row rows[] = {
		{ LONG, MSR(LSTAR), HIGH_START, NULL },
		{ LONG, MSR(LSTAR), NOT_CANONICAL, "msrs.lstar" },
		{ LONG, MSR(CSTAR), LOW_END, NULL },
		{ LONG, MSR(CSTAR), NOR_CANONICAL, "msrs.cstar" },
		{ LONG, MSR(KERNEL_GS_BASE), UINT64_MAX, NULL },
		{ LONG, MSR(KERNEL_GS_BASE), BIT(63), "msrs.kernel_gs_base" },
		{ LONG, MSR(SYSENTER_ESP), HIGH_START, NULL },
		{ LONG, MSR(SYSENTER_ESP), NOT_CANONICAL, "msrs.sysenter_esp" },
		{ LONG, MSR(SYSENTER_EIP), LOW_END, NULL },
		{ LONG, MSR(SYSENTER_EIP), NOR_CANONICAL, "msrs.sysenter_eip" },
		/* No addresses. */
		{ LONG, MSR(STAR), NOT_CANONICAL, NULL },
		{ LONG, MSR(SFMASK), NOT_CANONICAL, NULL },
		{ LONG, MSR(SYSENTER_CS), NOT_CANONICAL, NULL },
	};

	(void)state;
	check_all(rows, COUNT(rows));
}

/* 11.12.2: UC, WC, WT, WP, WB, UC-; all else is reserved. */
static void test_pat(void **state)
{
	uint64_t *pat = &cpu.msrs[MTI_BARE_PAT];
	uint64_t kind;
	uint32_t shift;

	(void)state;
	start(PROTECTED);
	for (shift = 0; shift < 64; shift += 8)
		for (kind = 0; kind < 256; kind++) {
			bool is = kind == 0 || kind == 1 ||
				  (kind >= 4 && kind <= 7);

			*pat = UINT64_C(0x0606060606060606);
			*pat &= ~(UINT64_C(0xff) << shift);
			*pat |= kind << shift;
			expect(is ? NULL : "msrs.pat", *pat);
		}
}

/* ------------------------------------------------------------ the FPU */

static void test_vector_size(void **state)
{
	static const struct row rows[] = {
		{ LONG, OF(vector_size), 0, NULL },
		{ LONG, OF(vector_size), 1, "vector" },
		/* FXSAVE's. */
		{ LONG, OF(vector_size), 512, "vector" },
		{ LONG, OF(vector_size), HEADER_END - 1, "vector" },
		{ LONG, OF(vector_size), HEADER_END, NULL },
		{ LONG, OF(vector_size), 4096, NULL },
		{ LONG, OF(vector_size), 4097, "vector" },
		{ LONG, OF(vector_size), UINT32_MAX, "vector" },
	};

	(void)state;
	check_all(rows, COUNT(rows));
}

static void start_vector(void)
{
	start(LONG);
	cpu.vector_size = HEADER_END;
}

static void put_bit(uint32_t offset, uint32_t bit)
{
	cpu.vector[offset + bit / 8] = (uint8_t)BIT(bit % 8);
}

/* #GP of XRSTOR: bits of MXCSR or of the header that are reserved. */
static void test_vector(void **state)
{
	const uint64_t components = X87 | SSE | AVX | AVX512;
	uint32_t i;

	(void)state;
	for (i = 0; i < 32; i++) {
		start_vector();
		put_bit(MXCSR, i);
		expect(i < 16 ? NULL : "vector", BIT(i));
	}
	for (i = 0; i < 64; i++) {
		start_vector();
		put_bit(XSTATE_BV, i);
		expect(components & BIT(i) ? NULL : "vector", BIT(i));
	}
	for (i = XCOMP_BV; i < HEADER_END; i++) {
		start_vector();
		cpu.vector[i] = i < RESERVED ? 0x80 : 1;
		expect("vector", cpu.vector[i]);
	}
	/* Registers hold anything. */
	start_vector();
	cpu.vector_size = sizeof(cpu.vector);
	memset(cpu.vector + 32, 0xff, XSTATE_BV - 32);
	memset(cpu.vector + HEADER_END, 0xff, sizeof(cpu.vector) - HEADER_END);
	expect(NULL, 0);
}

/* Without vector registers, as after reset, nobody reads what is there. */
static void test_no_vector(void **state)
{
	(void)state;
	start(LONG);
	memset(cpu.vector, 0xff, sizeof(cpu.vector));
	expect(NULL, 0);
}

/* ----------------------------------------------------------------- all */

/* The first one is named, in the order of files. */
static void test_two(void **state)
{
	(void)state;
	start(LONG);
	cpu.msrs[MTI_BARE_PAT] = 2;
	cpu.cr8 = 16;
	expect("control.cr8", 16);
	cpu.cr8 = 0;
	expect("msrs.pat", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_defined_bits),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_long_without_paging),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_unusable_segments),
		cmocka_unit_test(test_general),
		cmocka_unit_test(test_rip_of_modes),
		cmocka_unit_test(test_msrs),
		cmocka_unit_test(test_pat),
		cmocka_unit_test(test_vector_size),
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_no_vector),
		cmocka_unit_test(test_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
