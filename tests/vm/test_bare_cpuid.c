/*
 * What CPUID tells a bare guest: nothing of where on the host it runs, nor of
 * devices that it does not have.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/unit.h"
#include "vm/bare_host.h"

static const char *const files[] = { GUEST_bare_cases, GUEST_bare_cases64 };
#define FILES (sizeof(files) / sizeof(files[0]))

static struct vm vm;
static struct bare_output output;

/* What KVM makes of a leaf 1 that says nothing. */
static struct kvm_cpuid_entry2 ask_leaf1(int cpu)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} table = { { .nent = 1 }, { { .function = 1 } } };

	assert_int_equal(ioctl(cpu, KVM_SET_CPUID2, &table), 0);
	table.head.nent = 256;
	assert_int_equal(ioctl(cpu, KVM_GET_CPUID2, &table), 0);
	/* The first of what may be more than was said. */
	assert_int_equal(table.entries[0].function, 1);
	return table.entries[0];
}

/*
 * kvm-pvm adds bits of the host's CPU to leaf 1, those for machine checks and
 * MTRRs too, whatever it is told.
 */
static const char *added(void)
{
	struct kvm_cpuid_entry2 leaf;
	int kvm;
	int machine;
	int cpu;

	if (vm_soft())
		return "";
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	machine = ioctl(kvm, KVM_CREATE_VM, 0);
	cpu = ioctl(machine, KVM_CREATE_VCPU, 0);
	assert_true(kvm >= 0 && machine >= 0 && cpu >= 0);
	leaf = ask_leaf1(cpu);
	close(cpu);
	close(machine);
	close(kvm);
	return leaf.edx & (1u << 7 | 1u << 12 | 1u << 14) ? "MTRR in leaf 1\n" :
							    "";
}

static uint32_t sum_on(size_t cpu, size_t file)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box;
	mote_image *image;
	cpu_set_t set;
	uint32_t sum;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	memset(&output, 0, sizeof(output));
	vm_open(&vm, NULL);
	image = bare_case_image(&vm, files[file], CASE_LEAVES);
	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	sum = bare_run(box, MOTE_RUN_EXITED);
	assert_string_equal(output.text, added());
	mote_sandbox_free(box);
	mote_image_unref(image);
	vm_close(&vm);
	return sum;
}

/* CPUID says the same on every CPU of the host, and of no APIC. */
static void test_leaves(void **state)
{
	cpu_set_t before;
	uint32_t sum;
	size_t i;
	size_t first;
	size_t cpu;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (first = 0; !CPU_ISSET(first, &before); first++)
		;
	for (i = 0; i < FILES; i++) {
		sum = sum_on(first, i);
		for (cpu = first + 1; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &before))
				assert_int_equal(sum_on(cpu, i), sum);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
