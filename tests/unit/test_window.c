/*
 * Mappings in a window, without a hypervisor: where they go, and what the
 * page tables say then. The list of mappings is the model. Whatever a guest
 * has made of its page tables, nothing else is written.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/failing_allocator.h"
#include "harness/random.h"
#include "harness/unit.h"

#include "abi/layout.h"
#include "mem/tables.h"
#include "mem/window.h"
#include "os/os.h"

#define PAGE ((uint64_t)MOTE_PAGE_SIZE)
#define LARGE (UINT64_C(2) << 20)
#define GIB (UINT64_C(1) << 30)
#define WINDOW (MOTE_GVA_MAP_LIMIT - MOTE_GVA_MAP)

static struct random_source source;
static struct failing_allocator allocator;

/* A sandbox without a VM. */
static struct {
	struct mti_layout layout;
	struct mti_store *store;
	struct mti_memory memory;
	struct mti_window window;
	struct mti_window_tables tables;
	mote_error err;
} box;

static struct mti_store *make_store(const struct mti_layout *layout)
{
	struct mti_tables tables;
	struct mti_store *store;
	uint64_t size;
	int fd;

	assert_true(mti_tables_build(&tables, &mti_arch_amd64, layout,
				     &allocator.allocator));
	size = tables.base_gpa + tables.used;
	fd = mti_os_memfd("test", size);
	assert_true(fd >= 0);
	assert_int_equal(
		mti_os_pwrite(fd, tables.pages, tables.used, tables.base_gpa),
		0);
	store = mti_store_new(&allocator.allocator, layout->memory_size);
	assert_non_null(store);
	assert_int_equal(mti_backing_new(&allocator.allocator, fd, size,
					 &store->files[0], NULL),
			 MOTE_OK);
	store->extents[0].size = size;
	store->extent_count = 1;
	mti_tables_fini(&tables);
	return store;
}

static int setup(void **state)
{
	const struct mti_layout_sizes sizes = { PAGE, PAGE, PAGE };

	(void)state;
	memset(&box, 0, sizeof(box));
	box.err = (mote_error)MOTE_ERROR_INIT;
	failing_allocator_init(&allocator, 0, false);
	assert_true(mti_layout_plan(NULL, 0, &sizes, &box.layout));
	box.store = make_store(&box.layout);
	assert_int_equal(mti_memory_init(&box.memory, &allocator.allocator,
					 box.store, NULL, NULL),
			 MOTE_OK);
	box.tables = (struct mti_window_tables){
		.arch = &mti_arch_amd64,
		.layout = &box.layout,
		.allocator = &allocator.allocator,
		.memory = &box.memory,
		.window = &box.window,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mti_window_clear(&box.window, &allocator.allocator);
	mti_memory_fini(&box.memory);
	mti_store_unref(box.store);
	assert_int_equal(allocator.live, 0);
	return 0;
}

static mote_status place(uint64_t gva, uint64_t size,
			 struct mti_mapping *mapping)
{
	*mapping = (struct mti_mapping){ .gva = gva, .size = size };
	return mti_window_place(&box.window, &box.layout, mapping, &box.err);
}

static mote_status add(uint64_t gva, uint64_t size, struct mti_mapping *mapping)
{
	mote_status status = place(gva, size, mapping);

	if (status != MOTE_OK)
		return status;
	assert_true(mti_window_reserve(&box.window, &allocator.allocator));
	status = mti_window_show(&box.tables, mapping, &box.err);
	if (status == MOTE_OK)
		mti_window_insert(&box.window, mapping);
	return status;
}

static void take_away(uint64_t gva)
{
	size_t index = mti_window_find(&box.window, gva);

	assert_true(index < box.window.count);
	assert_int_equal(mti_window_hide(&box.tables,
					 &box.window.mappings[index], &box.err),
			 MOTE_OK);
	mti_window_remove(&box.window, index);
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	(void)context;
	if (gpa < box.layout.page_table_gpa ||
	    gpa - box.layout.page_table_gpa >= box.layout.page_table_max)
		return false;
	memcpy(entry, box.memory.base + gpa, 8);
	return true;
}

static bool translate(uint64_t gva, struct mti_pt_translation *found)
{
	const struct mti_pt_ops ops = { .read = read_entry };

	return mti_pt_translate(&mti_pt_amd64, &ops, box.layout.page_table_gpa,
				gva, found) == MTI_PT_OK;
}

static void expect_shown(const struct mti_mapping *mapping)
{
	const uint64_t places[] = { 0, PAGE, mapping->size / 2,
				    mapping->size - 1 };
	struct mti_pt_translation found;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint64_t at = places[i] < mapping->size ? places[i] : 0;

		assert_true(translate(mapping->gva + at, &found));
		assert_int_equal(found.gpa, mapping->gpa + at);
		assert_int_equal(
			found.flags,
			MTI_PT_USER | (mapping->writable ? MTI_PT_WRITE : 0));
	}
}

static void expect_text(const char *part)
{
	if (!strstr(box.err.text, part))
		fail_msg("\"%s\" does not have \"%s\"", box.err.text, part);
}

static void test_places(void **state)
{
	struct mti_mapping a;
	struct mti_mapping b;
	struct mti_mapping c;

	(void)state;
	assert_int_equal(add(0, PAGE, &a), MOTE_OK);
	assert_int_equal(a.gva, MOTE_GVA_MAP);
	assert_int_equal(a.gpa, box.layout.memory_size);
	assert_int_equal(a.slot, 1);
	/* A page between them that is not mapped. */
	assert_int_equal(add(0, 3 * PAGE, &b), MOTE_OK);
	assert_int_equal(b.gva, a.gva + 2 * PAGE);
	assert_int_equal(b.gpa, a.gpa + PAGE);
	assert_int_equal(b.slot, 2);
	/* A large one, for large pages. */
	assert_int_equal(add(0, 3 * LARGE, &c), MOTE_OK);
	assert_int_equal(c.gva, MOTE_GVA_MAP + LARGE);
	assert_int_equal(c.gpa % LARGE, 0);
	take_away(a.gva);
	assert_int_equal(add(0, PAGE, &a), MOTE_OK);
	assert_int_equal(a.gva, MOTE_GVA_MAP);
	assert_int_equal(a.slot, 1);
	/* Where the caller wants it; alike within a large page. */
	take_away(c.gva);
	assert_int_equal(add(MOTE_GVA_MAP + GIB + 5 * PAGE, 2 * LARGE, &c),
			 MOTE_OK);
	assert_int_equal(c.gpa % LARGE, 5 * PAGE);
	expect_shown(&a);
	expect_shown(&b);
	expect_shown(&c);
	assert_int_equal(mti_window_find_gpa(&box.window, c.gpa + 1)->gva,
			 c.gva);
	assert_null(mti_window_find_gpa(&box.window, c.gpa + c.size));
}

static void test_refused(void **state)
{
	struct mti_mapping a;
	struct mti_mapping other;

	(void)state;
	assert_int_equal(place(0, 0, &other), MOTE_E_INVALID);
	assert_int_equal(place(0, 1, &other), MOTE_E_INVALID);
	assert_int_equal(place(0, WINDOW + PAGE, &other), MOTE_E_INVALID);
	expect_text("0x720000000000 to 0x730000000000");
	assert_int_equal(place(0, UINT64_MAX & ~(PAGE - 1), &other),
			 MOTE_E_INVALID);
	assert_int_equal(place(MOTE_GVA_MAP + 8, PAGE, &other), MOTE_E_INVALID);
	expect_text("0x720000000008 is not a multiple");
	assert_int_equal(place(MOTE_GVA_MAP - PAGE, PAGE, &other),
			 MOTE_E_INVALID);
	expect_text("0x1000 bytes at 0x71fffffff000");
	expect_text("0x720000000000 to 0x730000000000");
	assert_int_equal(place(MOTE_GVA_MAP_LIMIT - PAGE, 2 * PAGE, &other),
			 MOTE_E_INVALID);
	assert_int_equal(place(PAGE, PAGE, &other), MOTE_E_INVALID);
	assert_int_equal(place(-PAGE, PAGE, &other), MOTE_E_INVALID);
	/* The very ends are within. */
	assert_int_equal(place(MOTE_GVA_MAP_LIMIT - PAGE, PAGE, &other),
			 MOTE_OK);
	assert_int_equal(add(MOTE_GVA_MAP + 4 * PAGE, 4 * PAGE, &a), MOTE_OK);
	assert_int_equal(place(MOTE_GVA_MAP + 7 * PAGE, 2 * PAGE, &other),
			 MOTE_E_INVALID);
	expect_text("0x720000007000 to 0x720000009000");
	expect_text("mapping from 0x720000004000 to 0x720000008000");
	assert_int_equal(place(MOTE_GVA_MAP, 5 * PAGE, &other), MOTE_E_INVALID);
	assert_int_equal(place(MOTE_GVA_MAP + 8 * PAGE, PAGE, &other), MOTE_OK);
	assert_int_equal(place(MOTE_GVA_MAP, 4 * PAGE, &other), MOTE_OK);
	/* No hole of that size is left. */
	assert_int_equal(place(0, WINDOW, &other), MOTE_E_INVALID);
	expect_text("free nowhere");
	/* What a snapshot has there. */
	box.layout.regions[box.layout.region_count++] = (struct mti_region){
		.gva = MOTE_GVA_MAP + GIB,
		.gpa = box.layout.memory_size - PAGE,
		.size = PAGE,
	};
	assert_int_equal(place(MOTE_GVA_MAP + GIB, PAGE, &other),
			 MOTE_E_INVALID);
	expect_text("part of the snapshot from 0x720040000000");
}

/* Where an architecture has something else. */
static void test_gpa_limit(void **state)
{
	/* So much does not fit below the scratch of page tables that copy. */
	const uint64_t most = mti_arch_aarch64.gpa_limit - MTI_SCRATCH_LIMIT;
	struct mti_mapping mapping;

	(void)state;
	box.tables.arch = &mti_arch_aarch64;
	assert_int_equal(place(0, most + PAGE, &mapping), MOTE_OK);
	assert_int_equal(mti_window_show(&box.tables, &mapping, &box.err),
			 MOTE_E_INVALID);
	assert_non_null(strstr(box.err.text, "more than AArch64 can have"));
	/* Large pages: so they take few tables. */
	assert_int_equal(place(0, most & ~(2 * 1024 * 1024 - UINT64_C(1)),
			       &mapping),
			 MOTE_OK);
	assert_true(mapping.gpa + mapping.size <= mti_arch_aarch64.gpa_limit);
}

static void test_many(void **state)
{
	struct mti_mapping mapping;
	size_t most = MTI_MAPPINGS_MAX;
	size_t i;

	(void)state;
	for (i = 0; i < most; i++) {
		/* As far from each other as they can be. */
		uint64_t gva = MOTE_GVA_MAP + i * (WINDOW / 256);

		assert_int_equal(add(gva, PAGE, &mapping), MOTE_OK);
		assert_int_equal(mapping.slot, i + 1);
	}
	assert_int_equal(add(0, PAGE, &mapping), MOTE_E_STATE);
	expect_text("200 mappings are there");
	for (i = 0; i < most; i++)
		expect_shown(&box.window.mappings[i]);
	/* Fewer where a snapshot has some of them as regions. */
	mti_window_remove(&box.window, most - 1);
	box.layout.regions[box.layout.region_count++] = (struct mti_region){
		.gva = box.window.mappings[0].gva + PAGE,
		.gpa = GIB,
		.size = PAGE,
	};
	assert_int_equal(add(0, PAGE, &mapping), MOTE_E_STATE);
	expect_text("200 mappings are there");
}

/* All tables that the plan has room for, and the next mapping is refused. */
static void test_tables_run_out(void **state)
{
	struct mti_mapping mapping;
	uint64_t size = 2 * LARGE;
	mote_status status;

	(void)state;
	do {
		status = add(MOTE_GVA_MAP, size, &mapping);
		if (status == MOTE_OK)
			take_away(mapping.gva);
		size *= 2;
	} while (status == MOTE_OK);
	assert_int_equal(status, MOTE_E_NO_MEMORY);
	expect_text("no room for the page tables");
	assert_true(size / 4 >= 256 * GIB);
	/* And nothing of it is left. */
	assert_int_equal(add(MOTE_GVA_MAP, size / 4, &mapping), MOTE_OK);
	expect_shown(&mapping);
}

/* ------------------------------------------------------------- the model */

static void check_list(void)
{
	size_t i;
	size_t j;

	for (i = 0; i < box.window.count; i++) {
		const struct mti_mapping *a = &box.window.mappings[i];

		expect_shown(a);
		assert_true(a->gpa >= box.layout.memory_size);
		for (j = 0; j < i; j++) {
			const struct mti_mapping *b = &box.window.mappings[j];

			assert_true(b->gva + b->size <= a->gva);
			assert_true(a->gpa + a->size <= b->gpa ||
				    b->gpa + b->size <= a->gpa);
			assert_int_not_equal(a->slot, b->slot);
		}
	}
}

static void check_unmapped(uint64_t gva)
{
	struct mti_pt_translation found;

	assert_false(translate(gva, &found));
}

static uint64_t some_size(void)
{
	uint64_t size = (1 + random_below(&source, 40)) * PAGE;

	if (random_below(&source, 3) == 0)
		size += random_below(&source, 4) * LARGE;
	return size;
}

/* Back to the store, everything is as at the start. */
static void check_restored(void)
{
	uint8_t *before = malloc(box.layout.page_table_max);
	uint8_t *tables = box.memory.base + box.layout.page_table_gpa;
	uint64_t gpa = 0;
	uint64_t size;
	uint64_t i;

	assert_non_null(before);
	for (i = 0; i < box.layout.page_table_max; i += PAGE) {
		const uint8_t *page = mti_store_page(
			box.store, box.layout.page_table_gpa + i);

		if (page)
			memcpy(before + i, page, PAGE);
		else
			memset(before + i, 0, PAGE);
	}
	while (mti_dirty_next(&box.memory.dirty, &gpa, &size)) {
		assert_true(gpa >= box.layout.page_table_gpa &&
			    gpa + size <= box.layout.page_table_gpa +
						  box.layout.page_table_max);
		gpa += size;
	}
	mti_memory_restore(&box.memory, box.store);
	assert_memory_equal(tables, before, box.layout.page_table_max);
	free(before);
	mti_window_clear(&box.window, &allocator.allocator);
}

static void test_model(void **state)
{
	struct mti_mapping mapping;
	size_t round;
	size_t i;

	(void)state;
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 60; i++) {
			uint64_t gva = 0;

			if (random_below(&source, 3) == 0 &&
			    box.window.count > 0) {
				gva = box.window
					      .mappings[random_below(
						      &source,
						      box.window.count)]
					      .gva;
				take_away(gva);
				check_unmapped(gva);
				continue;
			}
			if (random_below(&source, 2))
				gva = MOTE_GVA_MAP +
				      random_below(&source, 4096) * PAGE;
			if (add(gva, some_size(), &mapping) != MOTE_OK)
				assert_int_equal(box.err.code, MOTE_E_INVALID);
			check_list();
		}
		check_restored();
	}
}

/* ------------------------------------------------------- hostile tables */

static void spoil_tables(void)
{
	uint64_t base = box.layout.page_table_gpa;
	uint64_t i;

	for (i = 0; i < box.layout.page_table_max; i += 8) {
		uint64_t entry =
			base + random_below(&source,
					    box.layout.page_table_max / PAGE) *
				       PAGE;

		/* Most lead to tables, some to anywhere. */
		if (random_below(&source, 8) == 0)
			entry = random_u64(&source);
		entry |= random_below(&source, 4096);
		if (random_below(&source, 3) == 0)
			entry = 0;
		memcpy(box.memory.base + base + i, &entry, 8);
	}
	mti_dirty_add(&box.memory.dirty, base, box.layout.page_table_max);
}

static void test_hostile(void **state)
{
	uint64_t start = box.layout.page_table_gpa;
	uint64_t end = start + box.layout.page_table_max;
	uint8_t *before = malloc(box.memory.size);
	struct mti_mapping mapping;
	size_t round;
	size_t i;

	(void)state;
	assert_non_null(before);
	memset(box.memory.base, 0x5a, start);
	memset(box.memory.base + end, 0xa5, box.memory.size - end);
	memcpy(before, box.memory.base, box.memory.size);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 5; i++)
			(void)add(0, some_size(), &mapping);
		spoil_tables();
		for (i = 0; i < box.window.count; i++)
			(void)mti_window_hide(
				&box.tables, &box.window.mappings[i], &box.err);
		for (i = 0; i < 5; i++)
			(void)add(0, some_size(), &mapping);
		assert_memory_equal(box.memory.base, before, start);
		assert_memory_equal(box.memory.base + end, before + end,
				    box.memory.size - end);
		mti_memory_restore(&box.memory, box.store);
		mti_window_clear(&box.window, &allocator.allocator);
	}
	free(before);
}

static void test_no_memory(void **state)
{
	struct mti_mapping mapping;

	(void)state;
	assert_int_equal(place(0, PAGE, &mapping), MOTE_OK);
	allocator.fail_at = allocator.requests + 1;
	allocator.persistent = true;
	assert_false(mti_window_reserve(&box.window, &allocator.allocator));
	assert_int_equal(mti_window_show(&box.tables, &mapping, &box.err),
			 MOTE_E_NO_MEMORY);
	expect_text("list of page tables");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tables_run_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_model, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gpa_limit, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup,
						teardown),
	};

	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
