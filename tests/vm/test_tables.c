/*
 * Page tables of amd64, as KVM reads them and as the CPU does: the guest
 * reads, writes and executes at every address.
 */
#include <linux/kvm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#include "abi/trap.h"
#include "arch/amd64/trap.h"
#include "arch/pt.h"
#include "harness/machine.h"
#include "harness/random.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/kvm/kvm.h"
#include "vm/guests/machine.h"

#define PAGE ((uint64_t)MOTE_PAGE_SIZE)
#define LARGE (UINT64_C(2) << 20)
#define HEAP (8 * LARGE)
#define PLACES 160
#define PF 14
/* In each page: code that ends, a number, and a word to write to. */
#define NUMBER 64
#define WORD 128

static struct random_source source;
static struct machine machine;
static uint64_t places[PLACES];
static size_t place_count;

static bool in_tables(uint64_t gpa)
{
	return gpa >= machine.layout.page_table_gpa &&
	       gpa - machine.layout.page_table_gpa <
		       machine.layout.page_table_max;
}

static bool read_entry(void *context, uint64_t gpa, uint64_t *entry)
{
	(void)context;
	if (in_tables(gpa))
		memcpy(entry, machine.memory + gpa, sizeof(*entry));
	return in_tables(gpa);
}

static bool write_entry(void *context, uint64_t gpa, uint64_t entry)
{
	(void)context;
	if (in_tables(gpa))
		memcpy(machine.memory + gpa, &entry, sizeof(entry));
	return in_tables(gpa);
}

static uint64_t tables_end;

static bool alloc_table(void *context, uint64_t *gpa)
{
	(void)context;
	*gpa = tables_end;
	tables_end += PAGE;
	return in_tables(*gpa);
}

static const struct mti_pt_ops ops = {
	.read = read_entry,
	.write = write_entry,
	.alloc = alloc_table,
};

static void open_machine(void)
{
	uint64_t last;
	uint64_t heap;
	uint64_t at;

	machine_open(&machine, machine_code,
		     (size_t)(machine_code_end - machine_code), HEAP + LARGE);
	/* Behind the last table that is there. */
	last = machine.layout.page_table_gpa;
	for (at = last; in_tables(at); at += 8)
		if (*(uint64_t *)(machine.memory + at) != 0)
			last = at;
	tables_end = (last & ~(PAGE - 1)) + PAGE;
	heap = machine_gpa(&machine, MOTE_GVA_HEAP);
	for (at = heap; at < heap + HEAP + LARGE; at += PAGE) {
		memcpy(machine.memory + at, m_nothing, 16);
		memcpy(machine.memory + at + NUMBER, &at, sizeof(at));
	}
}

static void map(uint64_t gva, uint64_t gpa, uint64_t size, uint32_t flags)
{
	const struct mti_pt_mapping mapping = { gva, gpa, size, flags };

	assert_int_equal(mti_pt_map(&mti_pt_amd64, &ops,
				    machine.layout.page_table_gpa, &mapping),
			 MTI_PT_OK);
}

static void look_at(uint64_t gva)
{
	assert_true(place_count < PLACES);
	places[place_count++] = gva & ~(PAGE - 1);
}

/* Before the guest has seen any of it. */
static void map_everything(void)
{
	const uint64_t gpa =
		(machine_gpa(&machine, MOTE_GVA_HEAP) + LARGE) & ~(LARGE - 1);
	const uint64_t area = UINT64_C(0x1000000000);
	uint64_t gva;
	size_t i;

	place_count = 0;
	/* All flags, with small pages, at the border of four tables. */
	for (i = 0; i < 16; i++) {
		gva = (UINT64_C(2) << 39) - 8 * PAGE + i * PAGE;
		if ((i & 9) != 9)
			map(gva, gpa + i * PAGE, PAGE, (uint32_t)i);
		look_at(gva);
	}
	/* Large ones, one of which has a hole and a page of another kind. */
	for (i = 0; i < 8; i++) {
		gva = area + i * LARGE;
		map(gva, gpa + i % 4 * LARGE, LARGE,
		    (uint32_t)i | MTI_PT_LARGE);
		look_at(gva + 7 * PAGE);
	}
	gva = area + 7 * LARGE;
	map(gva + 3 * PAGE, gpa, PAGE, MTI_PT_USER | MTI_PT_COW);
	assert_int_equal(mti_pt_clear(&mti_pt_amd64, &ops,
				      machine.layout.page_table_gpa,
				      gva + 4 * PAGE, PAGE),
			 MTI_PT_OK);
	for (i = 2; i < 6; i++)
		look_at(gva + i * PAGE);
	for (i = 0; i < 40; i++) {
		static const uint32_t kinds[] = { 4, 5, 6, 7, 12, 14, 0 };
		uint64_t count = 1 + random_below(&source, 600);
		uint64_t from = random_below(&source, 1024);

		gva = area + LARGE * 64 +
		      random_below(&source, 4096) * PAGE * 3;
		map(gva, gpa + from * PAGE, count * PAGE,
		    kinds[random_below(&source, 7)] |
			    (random_below(&source, 2) ? MTI_PT_LARGE : 0));
		look_at(gva - PAGE);
		look_at(gva + random_below(&source, count) * PAGE);
		look_at(gva + count * PAGE);
	}
	/* The last page of the lower half. */
	map(UINT64_C(0x7ffffffff000), gpa, PAGE, 7);
	look_at(UINT64_C(0x7ffffffff000));
}

/* Runs there; whether it came to its end and not to a page fault. */
static bool works(uint64_t pc, uint64_t argument)
{
	machine_enter(&machine, machine.code + (pc - MACHINE_CODE), argument,
		      0x1234);
	do {
		memset(&machine.exit, 0, sizeof(machine.exit));
		vm_expect(machine.ops->run(machine.vm, &machine.exit,
					   &machine.err),
			  MOTE_OK, &machine.err);
	} while (machine.exit.kind == MTI_EXIT_INTERRUPTED);
	if (machine.exit.kind == MTI_EXIT_PORT)
		return true;
	assert_int_equal(machine.exit.kind, MTI_EXIT_FAULT);
	assert_int_equal(machine.exit.number, PF);
	/* Back from the stub to user mode. */
	machine_restore(&machine, &machine_new_state, false);
	return false;
}

static uint64_t address_of(const uint8_t *label)
{
	return MACHINE_CODE + (uint64_t)(label - machine_code);
}

static void touch(uint64_t gva, const struct mti_pt_translation *found)
{
	struct mti_machine registers;
	const uint64_t word = found->gpa + WORD;
	bool user = found->flags & MTI_PT_USER;

	assert_int_equal(works(address_of(m_read), gva + NUMBER), user);
	if (user) {
		vm_expect(machine.ops->machine_get(machine.vm, &registers,
						   &machine.err),
			  MOTE_OK, &machine.err);
		assert_int_equal(registers.general[MTI_RAX], found->gpa);
	}
	memset(machine.memory + word, 0, 8);
	assert_int_equal(works(address_of(m_write), gva + WORD),
			 user && (found->flags & MTI_PT_WRITE));
	assert_int_equal(*(uint64_t *)(machine.memory + word),
			 user && (found->flags & MTI_PT_WRITE) ? 0x1234 : 0);
	assert_int_equal(works(gva, 0),
			 user && (found->flags & MTI_PT_EXECUTE));
}

static void test_tables(void **state)
{
	struct mti_pt_translation found;
	struct kvm_translation asked;
	size_t mapped = 0;
	size_t i;

	(void)state;
	open_machine();
	map_everything();
	for (i = 0; i < place_count; i++) {
		bool is_mapped =
			mti_pt_translate(&mti_pt_amd64, &ops,
					 machine.layout.page_table_gpa,
					 places[i], &found) == MTI_PT_OK;

		memset(&asked, 0, sizeof(asked));
		asked.linear_address = places[i];
		assert_int_equal(
			ioctl(machine.vm->vcpu_fd, KVM_TRANSLATE, &asked), 0);
		assert_int_equal(asked.valid, is_mapped);
		if (is_mapped) {
			mapped++;
			assert_int_equal(asked.physical_address, found.gpa);
			touch(places[i], &found);
		} else {
			assert_false(works(address_of(m_read), places[i]));
		}
	}
	assert_true(mapped > 60);
	machine_close(&machine);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
	};

	int skip = vm_require();

	if (skip)
		return skip;
	source.state = random_seed(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
