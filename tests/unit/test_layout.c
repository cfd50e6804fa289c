/*
 * Plans of memory and their page tables, against a flat model: every page of
 * every region with exactly its permissions, nothing else.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "abi/layout.h"
#include "arch/amd64/boot.h"
#include "arch/pt.h"
#include "harness/failing_allocator.h"
#include "harness/random.h"
#include "harness/unit.h"
#include "mem/layout.h"
#include "mem/tables.h"

#define PAGE ((uint64_t)MOTE_PAGE_SIZE)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define ROUNDS 60
#define PROBES 400
#define PARTS_MAX 16

static struct random_source source;
static struct failing_allocator allocator;

struct reader {
	const struct mti_tables *tables;
	size_t reads;
};

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	struct reader *reader = context;
	const struct mti_tables *tables = reader->tables;

	reader->reads++;
	if (gpa < tables->base_gpa || gpa - tables->base_gpa >= tables->used ||
	    gpa % 8 != 0)
		return false;
	memcpy(entry, tables->pages + (gpa - tables->base_gpa), 8);
	return true;
}

static bool translate(const struct mti_tables *tables, uint64_t gva,
		      struct mti_pt_translation *out)
{
	struct reader reader = { .tables = tables };
	const struct mti_pt_ops ops = { .context = &reader,
					.read = read_entry };
	bool mapped = mti_pt_translate(&mti_pt_amd64, &ops, tables->base_gpa,
				       gva, out) == MTI_PT_OK;

	assert_true(reader.reads <= 4);
	return mapped;
}

/* The model: a list of ranges. */
static const struct mti_region *model_find(const struct mti_layout *layout,
					   uint64_t gva)
{
	size_t i;

	for (i = 0; i < layout->region_count; i++)
		if (gva >= layout->regions[i].gva &&
		    gva < layout->regions[i].gva + layout->regions[i].size)
			return &layout->regions[i];
	return NULL;
}

static void probe(const struct mti_layout *layout,
		  const struct mti_tables *tables, uint64_t gva)
{
	const struct mti_region *region = model_find(layout, gva);
	struct mti_pt_translation found;
	bool mapped = translate(tables, gva, &found);

	assert_ptr_equal(mti_layout_find(layout, gva), region);
	if (!region) {
		assert_false(mapped);
		return;
	}
	assert_true(mapped);
	assert_int_equal(found.gpa, region->gpa + (gva - region->gva));
	assert_int_equal(found.flags, region->flags);
	assert_true(found.span > 0 && found.span <= 2 * MIB);
	assert_true(found.gpa + found.span <= region->gpa + region->size);
}

static void probe_around(const struct mti_layout *layout,
			 const struct mti_tables *tables, uint64_t gva)
{
	probe(layout, tables, gva);
	probe(layout, tables, gva - 1);
	probe(layout, tables, gva + 1);
	probe(layout, tables, gva - PAGE);
	probe(layout, tables, gva + PAGE);
	probe(layout, tables, gva + 2 * MIB);
	probe(layout, tables, gva - 2 * MIB);
	probe(layout, tables, gva + GIB);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static void check_regions(const struct mti_layout *layout)
{
	size_t i;
	size_t j;

	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *a = &layout->regions[i];

		assert_true(a->size > 0);
		assert_int_equal((a->gva | a->gpa | a->size) % PAGE, 0);
		assert_true(a->gpa + a->size <= layout->memory_size);
		/* Nothing may be written and executed. */
		assert_int_not_equal(a->flags & (MTI_PT_WRITE | MTI_PT_EXECUTE),
				     MTI_PT_WRITE | MTI_PT_EXECUTE);
		assert_false(overlap(a->gpa, a->size, layout->page_table_gpa,
				     layout->page_table_max));
		for (j = 0; j < i; j++) {
			const struct mti_region *b = &layout->regions[j];

			assert_false(overlap(a->gpa, a->size, b->gpa, b->size));
			assert_false(overlap(a->gva, a->size, b->gva, b->size));
		}
	}
	assert_int_equal(layout->memory_size % (2 * MIB), 0);
}

/* User mode has neither the supervisor's pages nor their neighbours. */
static void check_supervisor(const struct mti_tables *tables)
{
	struct mti_pt_translation found;

	assert_true(translate(tables, MOTE_GVA_SUPERVISOR, &found));
	assert_int_equal(found.flags, MTI_PT_EXECUTE);
	assert_true(translate(tables, MOTE_GVA_INTERRUPT_STACK, &found));
	assert_int_equal(found.flags, MTI_PT_WRITE);
	assert_true(translate(tables, MOTE_GVA_SYSCALL, &found));
	assert_int_equal(found.flags, MTI_PT_USER | MTI_PT_EXECUTE);
	assert_true(translate(tables, MOTE_GVA_CONTROL, &found));
	assert_int_equal(found.flags, MTI_PT_USER | MTI_PT_WRITE);
	assert_false(translate(tables, MOTE_GVA_SUPERVISOR + PAGE, &found));
	assert_false(
		translate(tables, MOTE_GVA_INTERRUPT_STACK + PAGE, &found));
	assert_false(translate(tables, 0, &found));
	assert_false(translate(tables, 0xffff, &found));
	assert_false(translate(tables, UINT64_C(1) << 47, &found));
	assert_false(translate(tables, UINT64_MAX, &found));
}

/* No page of the tables, nor any other, is mapped twice. */
static void check_tables_hidden(const struct mti_layout *layout)
{
	size_t i;

	for (i = 0; i < layout->region_count; i++)
		assert_true(layout->regions[i].gpa + layout->regions[i].size <=
				    layout->page_table_gpa ||
			    layout->regions[i].gpa >=
				    layout->page_table_gpa +
					    layout->page_table_max);
}

/* For aarch64 too, where there are pages without memory. */
static void check_doorbells(const struct mti_layout *layout)
{
	const struct mti_arch *arch = &mti_arch_aarch64;
	struct mti_pt_translation found;
	struct mti_tables tables;
	struct reader reader = { .tables = &tables };
	const struct mti_pt_ops ops = { .context = &reader,
					.read = read_entry };
	bool fits = layout->memory_size <= arch->gpa_limit;
	size_t i;

	assert_int_equal(mti_tables_build(&tables, arch, layout,
					  &allocator.allocator),
			 fits);
	if (fits)
		assert_true(tables.used + MTI_WINDOW_TABLES * PAGE <=
			    layout->page_table_max);
	for (i = 0; fits && i < arch->page_count; i++) {
		assert_int_equal(mti_pt_translate(arch->pt, &ops,
						  tables.base_gpa,
						  arch->pages[i].gva + 0xfff,
						  &found),
				 MTI_PT_OK);
		assert_int_equal(found.gpa, arch->pages[i].gpa + 0xfff);
		assert_int_equal(found.span, 1);
		assert_int_equal(found.flags,
				 arch->pages[i].flags & ~MTI_PT_DEVICE);
	}
	mti_tables_fini(&tables);
}

static void check_plan(const struct mti_layout *layout)
{
	struct mti_tables tables;
	size_t i;

	check_regions(layout);
	check_tables_hidden(layout);
	failing_allocator_init(&allocator, 0, false);
	assert_true(mti_tables_build(&tables, &mti_arch_amd64, layout,
				     &allocator.allocator));
	/* What the host maps has room for its tables. */
	assert_true(tables.used + MTI_WINDOW_TABLES * PAGE <=
		    layout->page_table_max);
	assert_int_equal(tables.base_gpa, layout->page_table_gpa);
	check_supervisor(&tables);
	for (i = 0; i < layout->region_count; i++) {
		const struct mti_region *region = &layout->regions[i];

		probe_around(layout, &tables, region->gva);
		probe_around(layout, &tables, region->gva + region->size);
		probe_around(layout, &tables,
			     region->gva + random_below(&source, region->size));
	}
	for (i = 0; i < PROBES; i++)
		probe(layout, &tables, random_any_width(&source));
	mti_tables_fini(&tables);
	check_doorbells(layout);
	assert_int_equal(allocator.live, 0);
}

static uint64_t pages(size_t most)
{
	return (1 + random_below(&source, most)) * PAGE;
}

static uint64_t any_size(uint64_t most)
{
	uint64_t size = (random_any_width(&source) % most + PAGE) & ~(PAGE - 1);

	return size > most ? most : size;
}

static size_t any_parts(struct mti_part *parts)
{
	static const uint32_t flags[] = {
		MTI_PT_USER,
		MTI_PT_USER | MTI_PT_EXECUTE,
		MTI_PT_USER | MTI_PT_WRITE,
	};
	uint64_t next = MOTE_GVA_PROGRAM_FIRST + pages(1000);
	size_t count = random_below(&source, PARTS_MAX + 1);
	size_t i;

	for (i = 0; i < count; i++) {
		struct mti_part *part = &parts[i];

		part->gva = next + random_below(&source, PAGE);
		part->memory_size = 1 + random_below(&source, 3 * MIB);
		part->file_size = random_below(&source, part->memory_size + 1);
		part->flags = flags[random_below(&source, 3)];
		next = part->gva + part->memory_size + 2 * PAGE;
		next &= ~(PAGE - 1);
		if (random_below(&source, 4) == 0)
			next += random_u64(&source) % (GIB * 1024) &
				~(PAGE - 1);
	}
	return count;
}

static void test_random_plans(void **state)
{
	struct mti_part parts[PARTS_MAX];
	struct mti_layout layout;
	size_t round;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		const struct mti_layout_sizes sizes = {
			.heap = any_size(4 * GIB),
			.stack = any_size(MOTE_STACK_MAX),
			.io = any_size(64 * MIB),
		};
		size_t count = any_parts(parts);

		assert_true(mti_layout_plan(parts, count, &sizes, &layout));
		check_plan(&layout);
	}
}

static const struct mti_layout_sizes usual = { 16 * MIB, MIB, MIB + PAGE };

static void test_extreme_plans(void **state)
{
	static const struct mti_layout_sizes extremes[] = {
		{ PAGE, PAGE, PAGE },
		{ MOTE_HEAP_MAX, MOTE_STACK_MAX, MOTE_IO_MAX },
		{ 2 * MIB, 2 * MIB, 2 * MIB },
		{ 2 * MIB - PAGE, 2 * MIB + PAGE, 4 * MIB - PAGE },
	};
	struct mti_layout layout;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(extremes) / sizeof(extremes[0]); i++) {
		assert_true(mti_layout_plan(NULL, 0, &extremes[i], &layout));
		check_plan(&layout);
	}
}

/* A big heap is mapped with large pages: its tables are few. */
static void test_large_pages(void **state)
{
	const struct mti_layout_sizes sizes = { 64 * GIB, MIB, MIB };
	struct mti_pt_translation found;
	struct mti_layout layout;
	struct mti_tables tables;

	(void)state;
	assert_true(mti_layout_plan(NULL, 0, &sizes, &layout));
	failing_allocator_init(&allocator, 0, false);
	assert_true(mti_tables_build(&tables, &mti_arch_amd64, &layout,
				     &allocator.allocator));
	assert_true(translate(&tables, MOTE_GVA_HEAP, &found));
	assert_int_equal(found.span, 2 * MIB);
	assert_true(translate(&tables, MOTE_GVA_HEAP + 64 * GIB - 1, &found));
	assert_int_equal(found.span, 1);
	/* 64 directories and a little more, not 32768 tables. */
	assert_true(tables.used < 110 * PAGE);
	mti_tables_fini(&tables);
}

static void test_refused_plans(void **state)
{
	static const struct mti_layout_sizes none[] = {
		{ 0, PAGE, PAGE },
		{ PAGE, 0, PAGE },
		{ PAGE, PAGE, 0 },
	};
	struct mti_part parts[130];
	struct mti_layout layout;
	size_t i;

	(void)state;
	for (i = 0; i < 130; i++) {
		parts[i].gva = 0x400000 + i * 4 * PAGE;
		parts[i].memory_size = 3 * PAGE;
		parts[i].file_size = PAGE;
		parts[i].flags = MTI_PT_USER;
	}
	for (i = 0; i < 3; i++)
		assert_false(mti_layout_plan(NULL, 0, &none[i], &layout));
	/* Two regions each. */
	assert_true(mti_layout_plan(parts, 123, &usual, &layout));
	assert_false(mti_layout_plan(parts, 124, &usual, &layout));
	parts[0].memory_size = UINT64_MAX - PAGE;
	assert_false(mti_layout_plan(parts, 1, &usual, &layout));
	parts[0].memory_size = UINT64_MAX - parts[0].gva;
	assert_false(mti_layout_plan(parts, 1, &usual, &layout));
}

static void test_gpa_limit(void **state)
{
	struct mti_layout layout;
	struct mti_tables tables;
	const struct mti_layout_sizes sizes = { PAGE, PAGE, PAGE };

	(void)state;
	failing_allocator_init(&allocator, 0, false);
	assert_true(mti_layout_plan(NULL, 0, &sizes, &layout));
	layout.memory_size = mti_arch_aarch64.gpa_limit;
	assert_true(mti_tables_build(&tables, &mti_arch_aarch64, &layout,
				     &allocator.allocator));
	mti_tables_fini(&tables);
	layout.memory_size++;
	assert_false(mti_tables_build(&tables, &mti_arch_aarch64, &layout,
				      &allocator.allocator));
	assert_int_equal(allocator.live, 0);
}

static void test_no_memory(void **state)
{
	struct mti_layout layout;
	struct mti_tables tables;
	size_t fail_at;

	(void)state;
	assert_true(mti_layout_plan(NULL, 0, &usual, &layout));
	for (fail_at = 1;; fail_at++) {
		bool built;

		failing_allocator_init(&allocator, fail_at, false);
		built = mti_tables_build(&tables, &mti_arch_amd64, &layout,
					 &allocator.allocator);
		mti_tables_fini(&tables);
		assert_int_equal(allocator.live, 0);
		if (built)
			break;
	}
	assert_true(fail_at > 1);
	/* The room that was planned is a limit, too. */
	layout.page_table_max = 5 * PAGE;
	failing_allocator_init(&allocator, 0, false);
	assert_false(mti_tables_build(&tables, &mti_arch_amd64, &layout,
				      &allocator.allocator));
	mti_tables_fini(&tables);
	assert_int_equal(allocator.live, 0);
}

/* A region on top of another is refused by the tables. */
static void test_overlap(void **state)
{
	struct mti_layout layout;
	struct mti_tables tables;

	(void)state;
	assert_true(mti_layout_plan(NULL, 0, &usual, &layout));
	layout.regions[MTI_AREA_OUT].gva = layout.regions[MTI_AREA_CALL].gva;
	failing_allocator_init(&allocator, 0, false);
	assert_false(mti_tables_build(&tables, &mti_arch_amd64, &layout,
				      &allocator.allocator));
	mti_tables_fini(&tables);
	assert_true(mti_layout_plan(NULL, 0, &usual, &layout));
	layout.regions[MTI_AREA_OUT].gva = (UINT64_C(1) << 47) - PAGE;
	failing_allocator_init(&allocator, 0, false);
	assert_false(mti_tables_build(&tables, &mti_arch_amd64, &layout,
				      &allocator.allocator));
	mti_tables_fini(&tables);
}

/* ---------------------------------------------------------------- hostile */

#define HOSTILE_BYTES (16 * MOTE_PAGE_SIZE)

static bool read_hostile(void *context, uint64_t gpa, uint64_t *entry)
{
	struct reader *reader = context;

	reader->reads++;
	if (gpa > HOSTILE_BYTES - 8)
		return false;
	memcpy(entry, reader->tables->pages + gpa, 8);
	return true;
}

/* Whatever the tables say, a translation ends and says what they say. */
static void test_hostile_tables(void **state)
{
	static const uint64_t bits[] = { 0x1, 0x7, 0x81, 0x87, 0xe7, 0 };
	uint8_t *memory = calloc(1, HOSTILE_BYTES);
	struct mti_tables tables = { .pages = memory };
	struct reader reader = { .tables = &tables };
	const struct mti_pt_ops ops = { .context = &reader,
					.read = read_hostile };
	struct mti_pt_translation found;
	size_t mapped = 0;
	size_t i;

	(void)state;
	assert_non_null(memory);
	for (i = 0; i < HOSTILE_BYTES / 8; i++) {
		uint64_t entry = random_below(&source, 16) * PAGE |
				 bits[random_below(&source, 6)];

		if (random_below(&source, 8) == 0)
			entry = random_u64(&source);
		memcpy(memory + 8 * i, &entry, 8);
	}
	for (i = 0; i < 20000; i++) {
		uint64_t root = random_below(&source, 8)
					? random_below(&source, 20) * PAGE
					: random_u64(&source);
		uint64_t gva = random_u64(&source);

		/* Many of the lower half, and all else that there is. */
		gva >>= i % 2 ? 17 : random_below(&source, 64);
		reader.reads = 0;
		if (mti_pt_translate(&mti_pt_amd64, &ops, root, gva, &found) ==
		    MTI_PT_OK) {
			mapped++;
			assert_true(gva < UINT64_C(1) << 47 ||
				    gva >= -(UINT64_C(1) << 47));
			assert_true(found.span > 0 && found.span <= GIB);
			assert_true(found.gpa < UINT64_C(1) << 52);
		}
		assert_true(reader.reads <= 4);
	}
	assert_true(mapped > 100);
	free(memory);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_plans),
		cmocka_unit_test(test_extreme_plans),
		cmocka_unit_test(test_large_pages),
		cmocka_unit_test(test_refused_plans),
		cmocka_unit_test(test_gpa_limit),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_hostile_tables),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
