/*
 * Bare guests, the pure parts: reading their files, planning their memory,
 * the state they start in, their serial port.
 */
#include "harness/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/bare.h"
#include "elf/elf.h"
#include "harness/bare_builder.h"
#include "harness/elf_promises.h"
#include "harness/failing_allocator.h"
#include "mem/tables.h"
#include "sandbox/serial.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)

/* --------------------------------------------------------------- files */

/* In a block of exactly that size, for AddressSanitizer. */
static mote_status parse(const void *image, size_t size, struct mti_elf *elf,
			 mote_error *err)
{
	struct failing_allocator state;
	unsigned char *copy = malloc(size);
	mote_status status;

	assert_non_null(copy);
	memcpy(copy, image, size);
	failing_allocator_init(&state, 0, false);
	status = mti_elf_parse(copy, size, &state.allocator, elf, err);
	if (status == MOTE_OK)
		assert_null(elf_broken_promise(elf, copy, size));
	assert_int_equal(state.live, 0);
	free(copy);
	return status;
}

static void refused(const void *image, size_t size, const char *text)
{
	mote_error err = MOTE_ERROR_INIT;
	struct mti_elf elf;

	assert_int_equal(parse(image, size, &elf, &err), MOTE_E_IMAGE);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, err.text);
}

static void accepted(const void *image, size_t size, struct mti_elf *elf)
{
	mote_error err = MOTE_ERROR_INIT;

	if (parse(image, size, elf, &err) != MOTE_OK)
		fail_msg("%s", err.text);
}

static void test_valid(void **state)
{
	struct bare_image32 image;
	struct bare_image64 wide;
	struct mti_elf elf;
	uint32_t mode;

	(void)state;
	for (mode = MOTE_BARE_REAL; mode < MOTE_BARE_LONG; mode++) {
		bare_image32_init(&image, mode);
		accepted(&image, sizeof(image), &elf);
		assert_int_equal(elf.bare_mode, mode);
		assert_int_equal(elf.entry, BARE_CODE + 4);
		assert_int_equal(elf.bare_end, BARE_DATA + BARE_DATA_BYTES);
		assert_int_equal(elf.segment_count, 2);
		assert_int_equal(elf.export_count, 0);
		assert_int_equal(elf.bare_size,
				 mode == MOTE_BARE_REAL ? 0x110000 : 0x7000);
	}
	bare_image64_init(&wide);
	accepted(&wide, sizeof(wide), &elf);
	assert_int_equal(elf.bare_mode, MOTE_BARE_LONG);
	/* Without a note: what most 32-bit files are. */
	bare_image32_init(&image, MOTE_BARE_REAL);
	image.programs[BARE_PROGRAM_NOTE].p_type = PT_NULL;
	accepted(&image, sizeof(image), &elf);
	assert_int_equal(elf.bare_mode, MOTE_BARE_PROTECTED);
}

/* A kernel that is linked high and loaded low. */
static void test_high_half(void **state)
{
	struct bare_image32 image;
	struct mti_elf elf;

	(void)state;
	bare_image32_init(&image, MOTE_BARE_PROTECTED);
	image.programs[BARE_PROGRAM_CODE].p_vaddr = 0xc0001000;
	image.header.e_entry = 0xc0001008;
	accepted(&image, sizeof(image), &elf);
	assert_int_equal(elf.entry, BARE_CODE + 8);
	image.header.e_entry = BARE_CODE;
	refused(&image, sizeof(image), "e_entry 0x1000 is not in an exec");
}

#define WRONG(what, text)                                         \
	do {                                                      \
		bare_image32_init(&image, MOTE_BARE_PROTECTED);   \
		what;                                             \
		refused(&image, sizeof(image), text);             \
	} while (0)

static void test_headers(void **state)
{
	struct bare_image32 image;

	(void)state;
	WRONG(image.header.e_ident[EI_DATA] = ELFDATA2MSB, "EI_DATA is 2");
	WRONG(image.header.e_ident[EI_VERSION] = 0, "EI_VERSION is 0");
	WRONG(image.header.e_type = ET_DYN, "e_type is 3");
	WRONG(image.header.e_machine = EM_ARM, "e_machine is 40, not 3");
	WRONG(image.header.e_version = 2, "e_version is 2");
	WRONG(image.header.e_ehsize = 64, "e_ehsize is 64");
	WRONG(image.header.e_phnum = 0, "e_phnum is 0");
	WRONG(image.header.e_phnum = 65, "e_phnum is 65");
	WRONG(image.header.e_phentsize = 56, "e_phentsize is 56");
	WRONG(image.header.e_phoff = 0x10000, "e_phoff 0x10000");
	WRONG(image.header.e_entry = BARE_DATA, "e_entry 0x5000");
	bare_image32_init(&image, MOTE_BARE_PROTECTED);
	refused(&image, 51, "the file has 51 bytes");
}

static void test_segments(void **state)
{
	struct bare_image32 image;
	Elf32_Phdr *code = &image.programs[BARE_PROGRAM_CODE];
	Elf32_Phdr *data = &image.programs[BARE_PROGRAM_DATA];

	(void)state;
	WRONG(code->p_type = data->p_type = PT_NULL, "no header is a PT_LOAD");
	WRONG(code->p_type = PT_INTERP, "PT_INTERP");
	WRONG(code->p_offset = 0x1000, "p_offset 0x1000 lies beyond the file");
	WRONG(code->p_filesz = 0x10000, "p_filesz 0x10000 ends beyond");
	WRONG(code->p_memsz = 1, "p_memsz 0x1 is less than p_filesz 0x40");
	WRONG(data->p_paddr = 0x100, "p_paddr 0x100 is lower than the end");
	WRONG(data->p_paddr = BARE_CODE + BARE_BYTES - 1, "p_paddr 0x103f");
	WRONG(data->p_paddr = 0xfffff000,
	      "p_paddr 0xfffff000 with p_memsz 0x2000 lies above 4 GiB");
	WRONG(data->p_paddr = 0xfedff000,
	      "p_paddr 0xfedff000 with p_memsz 0x2000 lies over the APIC page");
	WRONG(data->p_paddr = 0xfee00000, "lies over the APIC page");
	WRONG((data->p_offset = code->p_offset, data->p_filesz = BARE_BYTES,
	       code->p_offset = 0, code->p_filesz = sizeof(image),
	       code->p_memsz = sizeof(image)),
	      "more than the file has");
}

static void test_notes(void **state)
{
	struct bare_image32 image;
	struct bare_image64 wide;
	Elf32_Phdr *note = &image.programs[BARE_PROGRAM_NOTE];

	(void)state;
	WRONG(image.note.fields.version = 2, "version is 2");
	WRONG(image.note.fields.mode = 0, "mode is 0");
	WRONG(image.note.fields.mode = 6, "mode is 6");
	WRONG(image.note.fields.mode = MOTE_BARE_LONG,
	      "mode is 5, but EI_CLASS says 32-bit");
	WRONG(image.note.fields.scratch = 1, "scratch 0x1 is not a multiple");
	WRONG(image.note.fields.scratch = 0xfee00000,
	      "scratch 0xfee00000 does not fit");
	WRONG(image.note.fields.reserved[3] = 7, "reserved[3] 0x7");
	WRONG(image.note.head.n_descsz = 31, "n_descsz is 31");
	WRONG(image.note.head.n_type = 1, "note of a user-mode guest");
	WRONG(image.note.head.n_descsz = 100, "is truncated");
	WRONG(note->p_filesz = 0x20000, "p_filesz 0x20000 is more than");
	WRONG(image.programs[BARE_PROGRAM_DATA] = *note, "a second Mote note");
	bare_image64_init(&wide);
	wide.note.fields.mode = MOTE_BARE_PAGED;
	refused(&wide, sizeof(wide), "mode is 3, but EI_CLASS says 64-bit");
	bare_image64_init(&wide);
	wide.programs[BARE_PROGRAM_DATA].p_paddr = UINT64_C(1) << 32;
	refused(&wide, sizeof(wide), "p_paddr 0x100000000");
	bare_image64_init(&wide);
	wide.programs[BARE_PROGRAM_DATA].p_memsz = UINT64_MAX;
	refused(&wide, sizeof(wide), "lies above 4 GiB");
}

static void test_real(void **state)
{
	struct bare_image32 image;
	Elf32_Phdr *data = &image.programs[BARE_PROGRAM_DATA];

	(void)state;
	bare_image32_init(&image, MOTE_BARE_REAL);
	data->p_paddr = 0xee000;
	data->p_memsz = 0x1001;
	refused(&image, sizeof(image), "no room below 1 MiB");
	bare_image32_init(&image, MOTE_BARE_REAL);
	image.programs[BARE_PROGRAM_CODE].p_type = PT_NULL;
	data->p_paddr = 0x100000;
	data->p_flags = PF_X;
	image.header.e_entry = BARE_DATA;
	refused(&image, sizeof(image), "e_entry 0x100000 is more than real");
}

/* -------------------------------------------------------------- memory */

static bool apart(const struct mti_region *a, const struct mti_region *b)
{
	return a->size == 0 || b->size == 0 || a->gpa + a->size <= b->gpa ||
	       b->gpa + b->size <= a->gpa;
}

static void check_plan(const struct mti_layout *layout)
{
	const struct mti_region tables = {
		.gpa = layout->page_table_gpa,
		.size = layout->page_table_max,
	};
	size_t i;
	size_t j;

	assert_true(layout->bare);
	assert_int_equal(layout->memory_size, MOTE_BARE_SCRATCH_END);
	assert_true(layout->hole < layout->hole_end);
	/* The first is the image, which is all that is there. */
	for (i = 0; i < MTI_AREAS; i++) {
		const struct mti_region *region = &layout->regions[i];

		assert_int_equal(region->gpa, region->gva);
		assert_int_equal(region->gpa % MOTE_PAGE_SIZE, 0);
		assert_true(apart(region, &tables));
		assert_true(region->size == 0 ||
			    region->gpa + region->size <= layout->hole ||
			    region->gpa >= layout->hole_end);
		for (j = 0; j < i; j++)
			assert_true(apart(region, &layout->regions[j]));
	}
}

static void test_plan(void **state)
{
	const struct mti_layout_sizes sizes = {
		.heap = 16 * MIB, .stack = MIB, .io = MIB
	};
	struct mti_bare_plan plan = { .size = 0x110000, .end = 0x8001 };
	struct mti_layout layout;

	(void)state;
	for (plan.mode = MOTE_BARE_REAL; plan.mode <= MOTE_BARE_LONG;
	     plan.mode++) {
		assert_true(mti_layout_plan_bare(&plan, &sizes, &layout));
		check_plan(&layout);
		assert_int_equal(layout.regions[MTI_AREA_HEAP].size, 16 * MIB);
		assert_int_equal(layout.regions[MTI_AREA_STACK].size,
				 plan.mode == MOTE_BARE_REAL ? 0x10000 : MIB);
		plan.scratch = 64 * MIB;
		assert_true(mti_layout_plan_bare(&plan, &sizes, &layout));
		assert_int_equal(layout.regions[MTI_AREA_HEAP].size, 64 * MIB);
		plan.scratch = 0;
	}
}

static void test_no_room(void **state)
{
	struct mti_layout_sizes sizes = { .stack = MIB, .io = MIB };
	struct mti_bare_plan plan = { .mode = MOTE_BARE_PAGED,
				      .size = 0x100000 };
	struct mti_layout layout;
	uint64_t low = 0;
	uint64_t high = UINT64_C(1) << 32;

	(void)state;
	/* The largest heap that there is room for. */
	while (high - low > MOTE_PAGE_SIZE) {
		uint64_t middle = (low + high) / 2 / MOTE_PAGE_SIZE *
				  MOTE_PAGE_SIZE;

		sizes.heap = middle;
		if (mti_layout_plan_bare(&plan, &sizes, &layout)) {
			check_plan(&layout);
			low = middle;
		} else {
			high = middle;
		}
	}
	assert_true(low > UINT64_C(0xf0000000));
	sizes.heap = UINT64_MAX - MOTE_PAGE_SIZE + 1;
	assert_false(mti_layout_plan_bare(&plan, &sizes, &layout));
	sizes.heap = MIB;
	plan.size = MOTE_BARE_SCRATCH_END;
	assert_false(mti_layout_plan_bare(&plan, &sizes, &layout));
}

/* The tables that are built fit the bound, whatever the size. */
static void test_tables(void **state)
{
	static const uint64_t memory[] = {
		0x1000, MIB, 5 * MIB, 64 * MIB, 513 * MIB, 2047 * MIB,
	};
	struct mti_layout_sizes sizes = { .heap = MIB, .stack = MIB };
	struct mti_bare_plan plan = { .end = 1 };
	struct failing_allocator allocator;
	struct mti_tables tables;
	struct mti_layout layout;
	size_t i;

	(void)state;
	failing_allocator_init(&allocator, 0, false);
	for (plan.mode = MOTE_BARE_PAGED; plan.mode <= MOTE_BARE_LONG;
	     plan.mode++)
		for (i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
			plan.size = memory[i];
			sizes.heap = memory[i] / 3 * 2 / MOTE_PAGE_SIZE *
				     MOTE_PAGE_SIZE;
			assert_true(mti_layout_plan_bare(&plan, &sizes,
							 &layout));
			assert_true(mti_tables_build_bare(
				&tables, mti_bare_mode_pt(plan.mode), &layout,
				&allocator.allocator));
			assert_true(tables.used <= layout.page_table_max);
			mti_tables_fini(&tables);
		}
	assert_int_equal(allocator.live, 0);
}

/* ----------------------------------------------------------- the start */

static void test_start(void **state)
{
	struct mti_bare_start start = {
		.entry = 0x27c04, .stack_end = 0x50000, .info = 0x3f000,
		.page_table = 0x70000,
	};
	struct mti_bare_state cpu;
	uint64_t root;

	(void)state;
	for (start.mode = MOTE_BARE_REAL; start.mode <= MOTE_BARE_LONG;
	     start.mode++) {
		mti_bare_start(&start, &cpu);
		assert_int_equal(cpu.general[0], MOTE_BARE_MAGIC);
		assert_int_equal(cpu.general[1], 0x3f000);
		assert_int_equal(cpu.general[17], 2);
		assert_int_equal(mti_bare_pc(&cpu), 0x27c04);
		assert_int_equal(cpu.cr0 & 0x10, 0x10);
		assert_ptr_equal(mti_bare_paging(&cpu, &root),
				 mti_bare_mode_pt(start.mode));
	}
	start.mode = MOTE_BARE_REAL;
	mti_bare_start(&start, &cpu);
	assert_int_equal(cpu.segments[MTI_BARE_CS].selector, 0x2000);
	assert_int_equal(cpu.segments[MTI_BARE_SS].selector, 0x4000);
	assert_int_equal(cpu.general[7], 0);
}

static void test_paging(void **state)
{
	struct mti_bare_state cpu = { .cr0 = 0x80000001, .cr3 = 0x1000 };
	uint64_t root;

	(void)state;
	assert_ptr_equal(mti_bare_paging(&cpu, &root), &mti_pt_i686);
	assert_int_equal(root, 0x1000);
	cpu.cr4 = 0x10;
	assert_ptr_equal(mti_bare_paging(&cpu, &root), &mti_pt_i686_pse);
	cpu.cr4 = 0x20;
	assert_ptr_equal(mti_bare_paging(&cpu, &root), &mti_pt_i686_pae);
	cpu.efer = 0x800;
	assert_ptr_equal(mti_bare_paging(&cpu, &root), &mti_pt_i686_pae_nx);
	cpu.efer = 0x500;
	assert_ptr_equal(mti_bare_paging(&cpu, &root), &mti_pt_amd64);
	cpu.cr0 = 1;
	assert_null(mti_bare_paging(&cpu, &root));
}

/* --------------------------------------------------------- serial port */

static void test_serial(void **state)
{
	uint8_t uart[MTI_SERIAL_BYTES] = { 0 };
	uint32_t i;

	(void)state;
	assert_true(mti_serial_write(uart, 0, 'x'));
	assert_int_equal(mti_serial_read(uart, 0), 0);
	assert_int_equal(mti_serial_read(uart, 5), 0x60);
	assert_false(mti_serial_write(uart, 3, 0x80));
	assert_false(mti_serial_write(uart, 0, 12));
	assert_false(mti_serial_write(uart, 1, 34));
	assert_int_equal(mti_serial_read(uart, 0), 12);
	assert_int_equal(mti_serial_read(uart, 1), 34);
	assert_false(mti_serial_write(uart, 3, 3));
	assert_false(mti_serial_write(uart, 1, 0xff));
	assert_int_equal(mti_serial_read(uart, 1), 0x0f);
	assert_int_equal(mti_serial_read(uart, 6), 0xb0);
	assert_false(mti_serial_write(uart, 4, 0x1b));
	assert_int_equal(mti_serial_read(uart, 6), 0xb0);
	assert_false(mti_serial_write(uart, 4, 0x10));
	assert_int_equal(mti_serial_read(uart, 6), 0);
	assert_false(mti_serial_write(uart, 0, 'y'));
	assert_int_equal(mti_serial_read(uart, 5), 0x61);
	assert_int_equal(mti_serial_read(uart, 0), 'y');
	assert_int_equal(mti_serial_read(uart, 5), 0x60);
	for (i = 0; i < 256; i++) {
		assert_false(mti_serial_write(uart, 7, (uint8_t)i));
		assert_int_equal(mti_serial_read(uart, 7), i);
		assert_false(mti_serial_write(uart, 2, (uint8_t)i));
		assert_int_equal(mti_serial_read(uart, 2), 1);
		assert_false(mti_serial_write(uart, 5, (uint8_t)i));
		assert_false(mti_serial_write(uart, 6, (uint8_t)i));
	}
}

static uint64_t named(const struct mti_arch *arch, const uint64_t *registers,
		      const char *name)
{
	uint32_t i;

	for (i = 0; i < arch->register_count; i++)
		if (strcmp(arch->register_names[i], name) == 0)
			return registers[i];
	fail_msg("%s has no %s", arch->name, name);
	return 0;
}

/* Registers are where their names say, each from its own member. */
static void test_registers(void **state)
{
	static const char *const general[] = {
		"ax", "bx", "cx", "dx", "si", "di", "bp", "sp",
	};
	static const char *const segments[] = { "cs", "ss", "ds",
						"es", "fs", "gs" };
	struct mti_bare_state cpu = { .cr0 = 100, .cr2 = 102, .cr3 = 103,
				      .cr4 = 104 };
	uint64_t narrow[MOTE_FAULT_REGISTERS_MAX];
	uint64_t wide[MOTE_FAULT_REGISTERS_MAX];
	char name[8];
	size_t i;

	(void)state;
	for (i = 0; i < 18; i++)
		cpu.general[i] = UINT64_C(0x700000000) + i;
	for (i = 0; i < MTI_BARE_SEGMENTS; i++) {
		cpu.segments[i].selector = (uint16_t)(0x50 + i);
		cpu.segments[i].base = 0x9000 + i;
	}
	mti_arch_i686.bare_registers(&cpu, narrow);
	mti_arch_amd64.bare_registers(&cpu, wide);
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "e%s", general[i]);
		assert_int_equal(named(&mti_arch_i686, narrow, name), i);
		name[0] = 'r';
		assert_int_equal(named(&mti_arch_amd64, wide, name),
				 cpu.general[i]);
	}
	assert_int_equal(named(&mti_arch_i686, narrow, "eip"), 16);
	assert_int_equal(named(&mti_arch_i686, narrow, "eflags"), 17);
	assert_int_equal(named(&mti_arch_amd64, wide, "r15"), cpu.general[15]);
	assert_int_equal(named(&mti_arch_amd64, wide, "rip"), cpu.general[16]);
	assert_int_equal(named(&mti_arch_amd64, wide, "rflags"),
			 cpu.general[17]);
	assert_int_equal(named(&mti_arch_amd64, wide, "fs_base"), 0x9004);
	assert_int_equal(named(&mti_arch_amd64, wide, "gs_base"), 0x9005);
	for (i = 0; i < 6; i++)
		assert_int_equal(named(&mti_arch_i686, narrow, segments[i]),
				 0x50 + i);
	assert_int_equal(named(&mti_arch_i686, narrow, "cr0"), 100);
	assert_int_equal(named(&mti_arch_i686, narrow, "cr2"), 102);
	assert_int_equal(named(&mti_arch_i686, narrow, "cr3"), 103);
	assert_int_equal(named(&mti_arch_i686, narrow, "cr4"), 104);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_high_half),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_paging),
		cmocka_unit_test(test_serial),
		cmocka_unit_test(test_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
