/*
 * Guest-virtual memory through page tables that the guest has spoilt: what is
 * read lies in its memory, and a walk ends.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "mem/virtual.h"

#define PAGE UINT64_C(4096)
#define PAGES 64
#define ROOT (60 * PAGE)
#define PRESENT 7u
#define LARGE 0x80u

/* Ends where its block ends: the sanitizers watch. */
static uint8_t *bytes;
static struct mti_memory memory;
static const struct mti_window window; /* nothing is mapped */
static uint64_t seed;

static void set_entry(uint64_t table, unsigned int index, uint64_t entry)
{
	memcpy(bytes + table + 8 * index, &entry, sizeof(entry));
}

/* Page i of the guest's address space from 0 on is page i + 1 of memory. */
static void make(void)
{
	unsigned int i;

	for (i = 0; i < PAGES * PAGE; i++)
		bytes[i] = (uint8_t)(i / PAGE + i);
	memset(bytes + ROOT, 0, 4 * PAGE);
	set_entry(ROOT, 0, (ROOT + PAGE) | PRESENT);
	set_entry(ROOT + PAGE, 0, (ROOT + 2 * PAGE) | PRESENT);
	set_entry(ROOT + 2 * PAGE, 0, (ROOT + 3 * PAGE) | PRESENT);
	for (i = 0; i < 50; i++)
		if (i != 20)
			set_entry(ROOT + 3 * PAGE, i,
				  ((i + 1) * PAGE) | PRESENT);
}

static size_t read_guest(uint64_t address, void *buffer, size_t size)
{
	struct mti_virtual space = {
		.pt = &mti_pt_amd64,
		.memory = &memory,
		.window = &window,
		.root = ROOT,
	};

	return mti_virtual_read(&space, address, buffer, size);
}

static void test_reads(void **state)
{
	static uint8_t buffer[PAGES * PAGE];

	(void)state;
	make();
	assert_int_equal(read_guest(100, buffer, 8000), 8000);
	assert_memory_equal(buffer, bytes + PAGE + 100, 8000);
	/* Up to the hole; from the last page on. */
	assert_int_equal(read_guest(18 * PAGE + 1, buffer, sizeof(buffer)),
			 2 * PAGE - 1);
	assert_int_equal(read_guest(20 * PAGE, buffer, 1), 0);
	assert_int_equal(read_guest(49 * PAGE, buffer, sizeof(buffer)), PAGE);
	assert_int_equal(read_guest(UINT64_MAX, buffer, 10), 0);
	assert_int_equal(read_guest(0, buffer, 0), 0);
}

/* A page that lies elsewhere is not the one before. */
static void test_many_reads(void **state)
{
	struct mti_virtual space = {
		.pt = &mti_pt_amd64,
		.memory = &memory,
		.window = &window,
		.root = ROOT,
	};
	uint64_t word;
	unsigned int i;

	(void)state;
	make();
	for (i = 0; i < 200; i++) {
		uint64_t page = i * 7 % 20;

		assert_int_equal(mti_virtual_read(&space, page * PAGE + 4092,
						  &word, 4),
				 4);
		assert_memory_equal(&word, bytes + (page + 1) * PAGE + 4092, 4);
		assert_int_equal(mti_virtual_read(&space, 20 * PAGE, &word, 1),
				 0);
	}
}

static void test_hostile(void **state)
{
	uint8_t buffer[64];

	(void)state;
	/* Pages and tables outside of memory. */
	make();
	set_entry(ROOT + 3 * PAGE, 0, (PAGES * PAGE) | PRESENT);
	assert_int_equal(read_guest(0, buffer, 1), 0);
	set_entry(ROOT + 3 * PAGE, 0, UINT64_C(0x000ffffffffff000) | PRESENT);
	assert_int_equal(read_guest(0, buffer, 1), 0);
	set_entry(ROOT + 2 * PAGE, 0, (PAGES * PAGE) | PRESENT);
	assert_int_equal(read_guest(0, buffer, 1), 0);
	set_entry(ROOT, 0, UINT64_C(0x000ffffffffff000) | PRESENT);
	assert_int_equal(read_guest(0, buffer, 1), 0);
	/* A large page that only begins in memory. */
	make();
	set_entry(ROOT + 2 * PAGE, 0, 0 | PRESENT | LARGE);
	assert_int_equal(read_guest(PAGES * PAGE - 10, buffer, 64), 10);
	assert_int_equal(read_guest(PAGES * PAGE, buffer, 64), 0);
	/* Tables that are their own. */
	set_entry(ROOT, 0, ROOT | PRESENT);
	(void)read_guest(0, buffer, 64);
}

/* Anything in the tables. */
static void test_random(void **state)
{
	struct random_source source = { seed };
	uint8_t buffer[300];
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		uint64_t table = ROOT + random_below(&source, 4) * PAGE;

		if (i % 50 == 0)
			make();
		set_entry(table, (unsigned int)random_below(&source, 4),
			  random_any_width(&source));
		(void)read_guest(random_below(&source, 4 * PAGE), buffer,
				 sizeof(buffer));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_many_reads),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_random),
	};
	int status;

	seed = random_seed(argc, argv);
	bytes = malloc(PAGES * PAGE);
	if (!bytes)
		return 1;
	memory.base = bytes;
	memory.size = PAGES * PAGE;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	free(bytes);
	return status;
}
