/*
 * A small 32-bit kernel with page tables of its own, started with and without
 * those of the host: two processes in two address spaces that share a page.
 * Where the hypervisor has no 32-bit page tables, it says so, for each of them.
 */
#include <stdlib.h>
#include <string.h>

#include <mote/debug.h>

#include "guest/bare/kernel.h"
#include "harness/unit.h"
#include "vm/bare_host.h"

static const char all[] =
	"kernel: A1a B1b A2c B2d A3e B3f A4g B4h A5i B5j \n";

static const struct {
	const char *file;
	uint32_t mode;
	bool pae;
} kernels[] = {
	{ GUEST_bare_kernel, MOTE_BARE_MODE_PROTECTED, false },
	{ GUEST_bare_kernel_pae, MOTE_BARE_MODE_PROTECTED, true },
	{ GUEST_bare_kernel_paged, MOTE_BARE_MODE_PAGED, false },
	{ GUEST_bare_kernel_paged_pae, MOTE_BARE_MODE_PAGED_PAE, true },
};
#define KERNELS (sizeof(kernels) / sizeof(kernels[0]))

static struct vm vm;
static struct bare_output output;

static void clear_output(void)
{
	output.used = 0;
	output.text[0] = '\0';
}

/* To its end, whatever it offers. */
static uint32_t run_on(mote_sandbox *box)
{
	mote_run_result result = MOTE_RUN_RESULT_INIT;

	do
		vm_expect(mote_run(box, &result, &vm.err), MOTE_OK, &vm.err);
	while (result.end == MOTE_RUN_SNAPSHOT);
	assert_int_equal(result.end, MOTE_RUN_EXITED);
	return result.status;
}

/* Memory as the process that runs sees it. */
static uint8_t byte_at(mote_sandbox *box, uint64_t address)
{
	uint8_t byte = 0;
	size_t done;

	vm_expect(mote_sandbox_read_memory(box, address, &byte, 1, &done,
					   &vm.err),
		  MOTE_OK, &vm.err);
	if (done != 1)
		fail_msg("0x%llx cannot be read",
			 (unsigned long long)address);
	return byte;
}

static void look(mote_sandbox *box, size_t turn)
{
	assert_int_equal(byte_at(box, USER_DATA), "ABAB"[turn]);
	assert_int_equal(byte_at(box, USER_SHARED), turn + 1);
}

static void run_kernel(const char *file, uint32_t mode, bool readable)
{
	mote_sandbox_options options = bare_options(&output);
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	mote_snapshot *snapshots[4];
	mote_sandbox *clone;
	mote_sandbox *box;
	size_t i;

	vm_open(&vm, file);
	vm_expect(mote_image_describe(vm.image, &info, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(info.bare_mode, mode);
	box = vm_sandbox(&vm, &options);
	for (i = 0; i < 4; i++) {
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		if (readable)
			look(box, i);
		vm_expect(mote_snapshot_take(box, &snapshots[i], &vm.err),
			  MOTE_OK, &vm.err);
	}
	assert_int_equal(run_on(box), 10);
	assert_string_equal(output.text, all);
	for (i = 0; i < 4; i++) {
		clear_output();
		vm_expect(mote_sandbox_from_snapshot(snapshots[i], &options,
						     &clone, &vm.err),
			  MOTE_OK, &vm.err);
		assert_int_equal(run_on(clone), 10);
		assert_string_equal(output.text, all + 12 + 4 * i);
		mote_sandbox_free(clone);
		clear_output();
		vm_expect(mote_sandbox_restore(box, snapshots[i], &vm.err),
			  MOTE_OK, &vm.err);
		assert_int_equal(run_on(box), 10);
		assert_string_equal(output.text, all + 12 + 4 * i);
		mote_snapshot_unref(snapshots[i]);
	}
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_kernels(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < KERNELS; i++)
		run_kernel(kernels[i].file, kernels[i].mode,
			   !kernels[i].pae ||
				   !vm_differs("the CPU sets a reserved bit in "
					       "the first level of PAE's "
					       "tables: nobody reads them"));
}

/* Whether it has what this file needs; else sandboxes say so. */
static bool has_paging(const char *file)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box = NULL;
	mote_status status;

	vm_open(&vm, file);
	status = mote_sandbox_new(vm.image, &options, &box, &vm.err);
	if (status != MOTE_OK) {
		vm_expect(status, MOTE_E_UNSUPPORTED, &vm.err);
		vm_expect_text(&vm.err, "32-bit guests with page tables");
	}
	mote_sandbox_free(box);
	vm_close(&vm);
	return status == MOTE_OK;
}

/* Those that start with page tables are refused, and can be again. */
static void test_without(void **state)
{
	size_t i;

	(void)state;
	/* Real SVM semantics have them. */
	assert_int_equal(vm_slow(), 1);
	for (i = 0; i < KERNELS; i++)
		if (kernels[i].mode != MOTE_BARE_MODE_PROTECTED)
			assert_false(has_paging(kernels[i].file));
	print_message("differs: this hypervisor has no 32-bit page tables, "
		      "which is all that was looked at\n");
}

int main(void)
{
	const struct CMUnitTest with[] = { cmocka_unit_test(test_kernels) };
	const struct CMUnitTest without[] = { cmocka_unit_test(test_without) };
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	if (has_paging(GUEST_bare_kernel_paged))
		return cmocka_run_group_tests(with, NULL, NULL);
	return cmocka_run_group_tests(without, NULL, NULL);
}
