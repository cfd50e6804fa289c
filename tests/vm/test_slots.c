/*
 * Memory that comes to a VM and goes while it lives.
 */
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/machine.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "hv/kvm/kvm.h"
#include "os/os.h"
#if defined(__aarch64__)
#include "vm/guests/machine_aarch64.h"
#else
#include "vm/guests/machine.h"
#endif

#define PAGE ((size_t)MOTE_PAGE_SIZE)
#define GAP_PAGES (MACHINE_GAP_BYTES / MOTE_PAGE_SIZE)

static struct machine machine;
static bool refuse_slots;
static size_t reports; /* but for page tables */
static bool in_gap[GAP_PAGES];

int __real_mti_os_ioctl(int fd, unsigned long request, void *argument);
int __wrap_mti_os_ioctl(int fd, unsigned long request, void *argument);

int __wrap_mti_os_ioctl(int fd, unsigned long request, void *argument)
{
	if (refuse_slots && request == KVM_SET_USER_MEMORY_REGION)
		return -12; /* ENOMEM */
	return __real_mti_os_ioctl(fd, request, argument);
}

static void open_machine(void)
{
	machine_open(&machine, machine_code,
		     (size_t)(machine_code_end - machine_code),
		     UINT64_C(2) << 20);
	reports = 0;
}

static uint8_t *host_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static mote_status map(uint32_t slot, uint64_t gpa, void *memory, uint64_t size,
		       bool writable)
{
	const struct mti_vm_mapping mapping = {
		.gpa = gpa,
		.memory = memory,
		.size = size,
		.writable = writable,
	};

	return machine.ops->map(machine.vm, slot, &mapping, &machine.err);
}

static void expect_map(uint32_t slot, uint64_t gpa, void *memory, uint64_t size,
		       bool writable)
{
	vm_expect(map(slot, gpa, memory, size, writable), MOTE_OK,
		  &machine.err);
}

static void expect_unmap(uint32_t slot)
{
	vm_expect(machine.ops->unmap(machine.vm, slot, &machine.err), MOTE_OK,
		  &machine.err);
}

static void expect_gone(void)
{
	machine_go(&machine, MTI_EXIT_MACHINE);
	assert_non_null(strstr(machine.exit.text, "outside memory"));
	machine_restore(&machine, &machine_new_state, false);
}

static void found(void *context, uint64_t gpa)
{
	(void)context;
	if (!machine_is_table(&machine, gpa))
		reports++;
	if (gpa >= MACHINE_GAP_GPA)
		in_gap[(gpa - MACHINE_GAP_GPA) / PAGE] = true;
}

static void harvest(void)
{
	reports = 0;
	memset(in_gap, 0, sizeof(in_gap));
	if (machine.ops->tracks(machine.vm))
		vm_expect(machine.ops->dirty(machine.vm, found, NULL,
					     &machine.err),
			  MOTE_OK, &machine.err);
}

static void test_comes_and_goes(void **state)
{
	uint8_t *memory = host_memory(4 * PAGE);
	uint64_t at = MOTE_GVA_MAP + 2 * PAGE;

	(void)state;
	open_machine();
	machine_enter(&machine, m_read, at, 0);
	expect_gone();
	expect_map(7, MACHINE_GAP_GPA, memory, 4 * PAGE, true);
	memory[2 * PAGE] = 41;
	machine_call(&machine, m_touch, at, 1);
	assert_int_equal(memory[2 * PAGE], 42);
	if (machine.ops->tracks(machine.vm)) {
		harvest();
		assert_true(in_gap[2]);
		assert_false(in_gap[0] || in_gap[1] || in_gap[3]);
	}
	/* Behind its end is nothing. */
	machine_enter(&machine, m_read, MOTE_GVA_MAP + 4 * PAGE, 0);
	expect_gone();
	expect_unmap(7);
	machine_enter(&machine, m_read, at, 0);
	expect_gone();
	/* Again, elsewhere and other memory; the VM's own is still there. */
	expect_map(7, MACHINE_GAP_GPA + PAGE, memory, 2 * PAGE, true);
	machine_call(&machine, m_touch, at, 1);
	assert_int_equal(memory[PAGE], 1);
	machine_call(&machine, m_touch, MOTE_GVA_HEAP, 1);
	assert_int_equal(*(uint8_t *)machine_at(&machine, MOTE_GVA_HEAP), 1);
	/* Nothing to unmap. */
	expect_unmap(0);
	expect_unmap(8);
	expect_unmap(UINT32_MAX);
	machine_call(&machine, m_touch, at, 1);
	machine_close(&machine);
	munmap(memory, 4 * PAGE);
}

static void test_read_only(void **state)
{
	uint8_t *memory = host_memory(PAGE);

	(void)state;
	open_machine();
	memory[8] = 5;
	assert_int_equal(mprotect(memory, PAGE, PROT_READ), 0);
	expect_map(1, MACHINE_GAP_GPA, memory, PAGE, false);
	machine_call(&machine, m_sweep, MOTE_GVA_MAP, 1);
	harvest();
	assert_int_equal(reports, 0);
	machine_enter(&machine, m_write, MOTE_GVA_MAP + 8, 6);
	expect_gone();
	assert_int_equal(memory[8], 5);
	machine_close(&machine);
	munmap(memory, PAGE);
}

/* Pages written in a slot that has gone are nobody's. */
static void test_stale_pages(void **state)
{
	uint8_t *memory = host_memory(MACHINE_GAP_BYTES);
	uint64_t half = GAP_PAGES / 2;
	uint64_t i;

	(void)state;
	open_machine();
	if (machine.ops->tracks(machine.vm)) {
		expect_map(3, MACHINE_GAP_GPA, memory, MACHINE_GAP_BYTES, true);
		/* More than the ring holds, so some went through it. */
		machine_call(&machine, m_touch, MOTE_GVA_MAP, GAP_PAGES);
		machine_call(&machine, m_touch, MOTE_GVA_HEAP, 3);
		expect_unmap(3);
		expect_map(3, MACHINE_GAP_GPA, memory, MACHINE_GAP_BYTES,
			   true);
		harvest();
		assert_in_range(reports, 3, 40);
		for (i = 0; i < GAP_PAGES; i++)
			assert_false(in_gap[i]);
		expect_unmap(3);
		/* And with two slots each has its own. */
		expect_map(3, MACHINE_GAP_GPA, memory, half * PAGE, true);
		expect_map(20, MACHINE_GAP_GPA + half * PAGE,
			   memory + half * PAGE, half * PAGE, true);
		machine_call(&machine, m_touch, MOTE_GVA_MAP, GAP_PAGES);
		expect_unmap(3);
		harvest();
		for (i = 0; i < GAP_PAGES; i++)
			assert_int_equal(in_gap[i], i >= half);
	}
	machine_close(&machine);
	munmap(memory, MACHINE_GAP_BYTES);
}

/* What the host cannot get either: a fault of the machine, no more. */
static void test_short_file(void **state)
{
	int fd = mti_os_memfd("short", 3 * PAGE);
	uint8_t *memory;

	(void)state;
	open_machine();
	memory =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	expect_map(1, MACHINE_GAP_GPA, memory, 4 * PAGE, true);
	machine_call(&machine, m_touch, MOTE_GVA_MAP, 3);
	machine_enter(&machine, m_read, MOTE_GVA_MAP + 3 * PAGE, 0);
	machine_go(&machine, MTI_EXIT_MACHINE);
	assert_non_null(strstr(machine.exit.text, "took away"));
	assert_int_not_equal(machine.exit.detail, 0);
	machine_restore(&machine, &machine_new_state, false);
	/* It was there, and is no more. */
	assert_int_equal(ftruncate(fd, 0), 0);
	machine_enter(&machine, m_write, MOTE_GVA_MAP, 1);
	machine_go(&machine, MTI_EXIT_MACHINE);
	assert_non_null(strstr(machine.exit.text, "took away"));
	machine_restore(&machine, &machine_new_state, false);
	machine_call(&machine, m_touch, MOTE_GVA_HEAP, 3);
	/* And comes back. */
	assert_int_equal(ftruncate(fd, 4 * (off_t)PAGE), 0);
	machine_call(&machine, m_touch, MOTE_GVA_MAP, 4);
	assert_int_equal(memory[3 * PAGE], 1);
	machine_close(&machine);
	munmap(memory, 4 * PAGE);
	mti_os_close(fd);
}

static void test_refused(void **state)
{
	uint8_t *memory = host_memory(4 * PAGE);
	uint64_t gpa = MACHINE_GAP_GPA;
	uint64_t top;
	size_t i;

	(void)state;
	open_machine();
	top = UINT64_C(1) << machine.hv->physical_bits;
	expect_map(2, gpa + 8 * PAGE, memory, 2 * PAGE, true);
	{
		const struct {
			uint32_t slot;
			uint64_t gpa;
			uint8_t *memory;
			uint64_t size;
			const char *text;
		} rows[] = {
			{ 0, gpa, memory, PAGE, "no slot 0" },
			{ MTI_VM_SLOTS_MAX + 1, gpa, memory, PAGE, "no slot" },
			{ UINT32_MAX, gpa, memory, PAGE, "no slot" },
			{ 2, gpa, memory, PAGE, "slot 2 is in use" },
			{ 1, gpa, memory, 0, "whole pages" },
			{ 1, gpa + 1, memory, PAGE, "whole pages" },
			{ 1, gpa, memory + 8, PAGE, "whole pages" },
			{ 1, gpa, memory, PAGE + 1, "whole pages" },
			{ 1, gpa, NULL, PAGE, "whole pages" },
			{ 1, top, memory, PAGE, "bits" },
			{ 1, top - PAGE, memory, 2 * PAGE, "bits" },
			{ 1, UINT64_MAX - PAGE + 1, memory, PAGE, "bits" },
			{ 1, PAGE, memory, UINT64_MAX - PAGE + 1, "bits" },
			{ 1, 0, memory, PAGE, "upon other" },
			{ 1, machine.layout.memory_size - PAGE, memory,
			  2 * PAGE, "upon other" },
			{ 1, gpa + 9 * PAGE, memory, PAGE, "upon other" },
			{ 1, gpa + 7 * PAGE, memory, 4 * PAGE, "upon other" },
		};

		for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			vm_expect(map(rows[i].slot, rows[i].gpa, rows[i].memory,
				      rows[i].size, true),
				  MOTE_E_INVALID, &machine.err);
			vm_expect_text(&machine.err, rows[i].text);
		}
	}
	/* Next to each other is well. */
	expect_map(1, gpa + 7 * PAGE, memory + 2 * PAGE, PAGE, true);
	expect_map(MTI_VM_SLOTS_MAX, gpa + 10 * PAGE, memory + 3 * PAGE, PAGE,
		   true);
	machine_call(&machine, m_touch, MOTE_GVA_MAP + 7 * PAGE, 4);
	machine_close(&machine);
	munmap(memory, 4 * PAGE);
}

static void test_kernel_refuses(void **state)
{
	uint8_t *memory = host_memory(PAGE);

	(void)state;
	open_machine();
	refuse_slots = true;
	vm_expect(map(1, MACHINE_GAP_GPA, memory, PAGE, true), MOTE_E_OS,
		  &machine.err);
	vm_expect_text(&machine.err, "slot 1");
	refuse_slots = false;
	machine_call(&machine, m_nothing, 0, 0);
	expect_map(1, MACHINE_GAP_GPA, memory, PAGE, true);
	machine_call(&machine, m_touch, MOTE_GVA_MAP, 1);
	/* Memory that cannot be taken from the guest: it is stopped. */
	refuse_slots = true;
	vm_expect(machine.ops->unmap(machine.vm, 1, &machine.err), MOTE_E_OS,
		  &machine.err);
	vm_expect_text(&machine.err, "slot 1");
	refuse_slots = false;
	machine_enter(&machine, m_read, MOTE_GVA_MAP, 0);
	vm_expect(machine.ops->run(machine.vm, &machine.exit, &machine.err),
		  MOTE_E_HYPERVISOR, &machine.err);
	vm_expect_text(&machine.err, "mapping");
	machine_close(&machine);
	munmap(memory, PAGE);
}

/* ------------------------------------------------------ what KVM runs here */

static void refuse_kind(const struct mti_arch *arch, bool bare,
			const char *text)
{
	const struct mti_vm_config config = { .arch = arch, .bare = bare };
	struct mti_vm *vm = NULL;

	vm_expect(machine.ops->vm_new(machine.hv, &config, &vm, &machine.err),
		  MOTE_E_UNSUPPORTED, &machine.err);
	vm_expect_text(&machine.err, text);
	assert_null(vm);
}

static void test_kinds(void **state)
{
	(void)state;
	machine_open_hv(&machine);
#if defined(__x86_64__)
	refuse_kind(&mti_arch_aarch64, false, "user-mode guests of aarch64");
	refuse_kind(&mti_arch_aarch64, true, "bare guests of aarch64");
	refuse_kind(&mti_arch_i686, false, "user-mode guests of i686");
#else
	refuse_kind(&mti_arch_amd64, false, "user-mode guests of amd64");
	refuse_kind(&mti_arch_aarch64, true, "bare guests of aarch64");
	refuse_kind(&mti_arch_i686, true, "bare guests of i686");
#endif
	machine.ops->close(machine.hv);
	memset(&machine, 0, sizeof(machine));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_and_goes),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_stale_pages),
		cmocka_unit_test(test_short_file),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_kernel_refuses),
		cmocka_unit_test(test_kinds),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
