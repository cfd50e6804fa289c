/*
 * The pages that the backend says the guest has written, against what was
 * written: by the contents of memory, and by what the kernel copied for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/machine.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/kvm/kvm.h"
#include "vm/guests/machine.h"

#define HEAP_BYTES (UINT64_C(32) << 20)
#define MANY_PAGES 4000u

/* PAGEMAP_SCAN of Linux 6.7 (Documentation/admin-guide/mm/pagemap.rst). */
struct page_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t regions;
	uint64_t region_count;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

#define SCAN _IOWR('f', 16, struct scan)
#define IS_FILE (1u << 2)
#define IS_PRESENT (1u << 3)
#define IS_ZERO_PAGE (1u << 5)

static struct machine machine;
static uint8_t *before;	  /* memory as it was */
static uint8_t *reported; /* by page: how often */
static size_t pages;
static size_t reports;	     /* but for page tables */
static size_t table_reports;

static void open_machine(void)
{
	size_t size = (size_t)(machine_code_end - machine_code);

	machine_open(&machine, machine_code, size, HEAP_BYTES);
	pages = machine.layout.memory_size / MOTE_PAGE_SIZE;
	before = malloc(machine.layout.memory_size);
	reported = calloc(pages, 1);
	assert_non_null(before);
	assert_non_null(reported);
	memcpy(before, machine.memory, machine.layout.memory_size);
	reports = 0;
	table_reports = 0;
}

static void close_machine(void)
{
	machine_close(&machine);
	free(before);
	free(reported);
}

static void found(void *context, uint64_t gpa)
{
	assert_ptr_equal(context, &machine);
	assert_int_equal(gpa % MOTE_PAGE_SIZE, 0);
	assert_true(gpa < machine.layout.memory_size);
	if (reported[gpa / MOTE_PAGE_SIZE] < 255)
		reported[gpa / MOTE_PAGE_SIZE]++;
	if (machine_is_table(&machine, gpa))
		table_reports++;
	else
		reports++;
}

static void harvest(void)
{
	vm_expect(machine.ops->dirty(machine.vm, found, &machine, &machine.err),
		  MOTE_OK, &machine.err);
}

/* Pages of which a private copy is there, by what the kernel says. */
static size_t expect_copies_reported(void)
{
	struct scan scan = {
		.size = sizeof(scan),
		.start = (uint64_t)(uintptr_t)machine.memory,
		.region_count = pages,
		.category_inverted = IS_FILE | IS_ZERO_PAGE,
		.category_mask = IS_FILE | IS_ZERO_PAGE | IS_PRESENT,
		.return_mask = IS_PRESENT,
	};
	struct page_region *regions = calloc(pages, sizeof(*regions));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t copies = 0;
	int count;
	int i;

	assert_non_null(regions);
	assert_true(fd >= 0);
	scan.end = scan.start + machine.layout.memory_size;
	scan.regions = (uint64_t)(uintptr_t)regions;
	count = ioctl(fd, SCAN, &scan);
	if (count < 0)
		print_message("no PAGEMAP_SCAN: contents only\n");
	for (i = 0; i < count; i++) {
		uint64_t page =
			(regions[i].start - scan.start) / MOTE_PAGE_SIZE;
		uint64_t end = (regions[i].end - scan.start) / MOTE_PAGE_SIZE;

		for (; page < end; page++, copies++)
			if (!reported[page])
				fail_msg("page 0x%llx is a copy and was not "
					 "reported",
					 (unsigned long long)page);
	}
	close(fd);
	free(regions);
	return copies;
}

/* How many pages were written; none of them unknown. */
static size_t expect_reported(void)
{
	size_t written = 0;
	size_t page;

	for (page = 0; page < pages; page++) {
		if (memcmp(before + page * MOTE_PAGE_SIZE,
			   machine.memory + page * MOTE_PAGE_SIZE,
			   MOTE_PAGE_SIZE) == 0)
			continue;
		written++;
		if (!reported[page])
			fail_msg("page 0x%zx was written and not reported",
				 page);
	}
	expect_copies_reported();
	return written;
}

static bool tracks(void)
{
	if (machine.ops->tracks(machine.vm))
		return true;
	print_message("this KVM has no dirty ring\n");
	return false;
}

static bool was_reported(uint64_t gva)
{
	return reported[machine_gpa(&machine, gva) / MOTE_PAGE_SIZE] != 0;
}

static void test_nothing(void **state)
{
	size_t tables;

	(void)state;
	open_machine();
	if (tracks()) {
		harvest();
		assert_int_equal(reports, 0);
		machine_call(&machine, m_nothing, 0, 0);
		/* Reading is not writing, and makes no copy. */
		machine_call(&machine, m_sweep, MOTE_GVA_HEAP, 100);
		harvest();
		assert_int_equal(reports, 0);
		assert_int_equal(expect_reported(), 0);
		/* Those of tables come once, too. */
		tables = table_reports;
		machine_call(&machine, m_nothing, 0, 0);
		machine_call(&machine, m_sweep, MOTE_GVA_HEAP, 100);
		harvest();
		assert_int_equal(table_reports, tables);
	}
	close_machine();
}

static void test_all_ways(void **state)
{
	uint64_t has = 0;

	(void)state;
	if (__builtin_cpu_supports("avx"))
		has |= MACHINE_HAS_AVX;
	if (__builtin_cpu_supports("avx512f"))
		has |= MACHINE_HAS_AVX512;
	open_machine();
	if (tracks()) {
		machine_call(&machine, m_writes, MOTE_GVA_HEAP, has);
		machine_enter(&machine, m_fault, 0, 0);
		machine_go(&machine, MTI_EXIT_FAULT);
		harvest();
		assert_true(expect_reported() >= 20);
		assert_true(was_reported(MOTE_GVA_INTERRUPT_STACK));
		assert_true(was_reported(MOTE_GVA_STACK_TOP - 1));
		assert_true(was_reported(MOTE_GVA_CONTROL));
		/* Code, a private copy of a file's page. */
		assert_true(was_reported(MACHINE_CODE +
					 (uint64_t)(m_written - machine_code)));
		/* Nothing else: what was not written was not copied. */
		assert_true(reports < 60);
	}
	close_machine();
}

/* Each harvest tells of what came since the last. */
static void test_news(void **state)
{
	size_t i;

	(void)state;
	open_machine();
	if (tracks()) {
		for (i = 0; i < 20; i++) {
			uint64_t at = MOTE_GVA_HEAP + i * 7 * MOTE_PAGE_SIZE;

			assert_false(was_reported(at));
			machine_call(&machine, m_touch, at, 3);
			harvest();
			assert_true(was_reported(at));
			assert_true(was_reported(at + 2 * MOTE_PAGE_SIZE));
			assert_false(was_reported(at + 3 * MOTE_PAGE_SIZE));
		}
		expect_reported();
	}
	close_machine();
}

/* More than the ring holds, in one run; the guest notices nothing. */
static void test_many(void **state)
{
	size_t first;

	(void)state;
	open_machine();
	if (tracks()) {
		machine_call(&machine, m_touch, MOTE_GVA_HEAP, MANY_PAGES);
		harvest();
		first = reports;
		assert_true(first >= MANY_PAGES);
		assert_int_equal(expect_reported(), MANY_PAGES);
		/* They stay writable: a second time costs nothing. */
		machine_call(&machine, m_touch, MOTE_GVA_HEAP, MANY_PAGES);
		harvest();
		assert_true(reports - first < MANY_PAGES / 10);
		/* And the ring still works. */
		machine_call(&machine, m_touch,
			     MOTE_GVA_HEAP + MANY_PAGES * MOTE_PAGE_SIZE,
			     MANY_PAGES);
		machine_call(&machine, m_touch,
			     MOTE_GVA_HEAP + 2 * MANY_PAGES * MOTE_PAGE_SIZE,
			     10);
		harvest();
		assert_int_equal(expect_reported(), 2 * MANY_PAGES + 10);
	}
	close_machine();
}

/* Harvests that empty the ring before it is full. */
static void test_rounds(void **state)
{
	size_t i;

	(void)state;
	open_machine();
	if (tracks()) {
		for (i = 0; i < 8; i++) {
			machine_call(&machine, m_touch,
				     MOTE_GVA_HEAP + i * 900 * MOTE_PAGE_SIZE,
				     900);
			harvest();
			assert_int_equal(expect_reported(), 900 * (i + 1));
		}
	}
	close_machine();
}

/* The host gave the page up: the guest's next write is a first one. */
static void test_page_goes(void **state)
{
	size_t first;

	(void)state;
	open_machine();
	if (tracks()) {
		machine_call(&machine, m_touch, MOTE_GVA_HEAP, 2);
		harvest();
		first = reports;
		assert_int_equal(madvise(machine_at(&machine, MOTE_GVA_HEAP),
					 MOTE_PAGE_SIZE, MADV_DONTNEED),
				 0);
		machine_call(&machine, m_touch, MOTE_GVA_HEAP, 2);
		harvest();
		assert_true(reports > first);
		expect_reported();
	}
	close_machine();
}

/* A KVM without the ring: it says so, and all else works. */
static void test_without(void **state)
{
	(void)state;
	machine_open_hv(&machine);
	machine.hv->ring_capability = 0;
	open_machine();
	assert_false(machine.ops->tracks(machine.vm));
	machine_call(&machine, m_touch, MOTE_GVA_HEAP, MANY_PAGES);
	vm_expect(machine.ops->dirty(machine.vm, found, &machine, &machine.err),
		  MOTE_E_STATE, &machine.err);
	vm_expect_text(&machine.err, "dirty ring");
	assert_int_equal(reports, 0);
	close_machine();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_all_ways),
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_page_goes),
		cmocka_unit_test(test_without),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests_name("dirty", tests, NULL, NULL);
}
