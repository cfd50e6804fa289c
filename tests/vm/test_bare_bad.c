/*
 * What bad bare guests get, on every backend: an error that names what is
 * wrong, or a fault; and the next guest of the same engine is none the wiser.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/bare_builder.h"
#include "harness/unit.h"
#include "vm/bare_host.h"

#define MS UINT64_C(1000000)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct vm vm;
static struct bare_output output;

static void run_good(void)
{
	mote_sandbox_options options = bare_options(&output);
	mote_image *image = bare_case_image(&vm, GUEST_bare_cases, CASE_EXIT);
	mote_sandbox *box;

	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 42);
	mote_sandbox_free(box);
	mote_image_unref(image);
}

/* -------------------------------------------------------------- images */

union bare_image {
	struct bare_image32 narrow;
	struct bare_image64 wide;
};

static void over_apic(union bare_image *image)
{
	image->narrow.programs[BARE_PROGRAM_DATA].p_paddr = 0xfedff000;
}

static void over_4_gib(union bare_image *image)
{
	image->narrow.programs[BARE_PROGRAM_DATA].p_paddr = 0xfffff000;
}

static void above_4_gib(union bare_image *image)
{
	image->wide.programs[BARE_PROGRAM_DATA].p_paddr = 4 * GIB;
}

static void much_scratch(union bare_image *image)
{
	image->narrow.note.fields.scratch = 0xfee00000;
}

static void some_scratch(union bare_image *image)
{
	image->narrow.note.fields.scratch = 0xfe000000;
	image->narrow.programs[BARE_PROGRAM_DATA].p_paddr = 0x8000000;
}

static void scratch_of_32_mib(union bare_image *image)
{
	image->narrow.note.fields.scratch = 32 * MIB;
}

static void note_of_32(union bare_image *image)
{
	image->wide.note.fields.mode = MOTE_BARE_PAGED;
}

static void note_of_64(union bare_image *image)
{
	image->narrow.note.fields.mode = MOTE_BARE_LONG;
}

static void nothing(union bare_image *image)
{
	(void)image;
}

static const struct bad_image {
	const char *name;
	bool wide;
	void (*change)(union bare_image *image);
	uint64_t heap_bytes;
	mote_status status;
	const char *text;
} images[] = {
	{ "a segment over the APIC page", false, over_apic, 0, MOTE_E_IMAGE,
	  "lies over the APIC page" },
	{ "a segment that ends above 4 GiB", false, over_4_gib, 0, MOTE_E_IMAGE,
	  "p_paddr 0xfffff000" },
	{ "a segment above 4 GiB", true, above_4_gib, 0, MOTE_E_IMAGE,
	  "p_paddr 0x100000000" },
	{ "a note that wants all memory", false, much_scratch, 0, MOTE_E_IMAGE,
	  "scratch 0xfee00000 does not fit" },
	{ "a note that wants what the image has", false, some_scratch, 0,
	  MOTE_E_IMAGE, "scratch 0xfe000000 does not fit" },
	{ "a note that wants more than the usual", false, scratch_of_32_mib, 0,
	  MOTE_E_INVALID,
	  "note asks for 0x2000000 bytes of free memory (scratch), and "
	  "heap_bytes is 16777216" },
	{ "a note that wants more than it may", false, scratch_of_32_mib,
	  32 * MIB - 4096, MOTE_E_INVALID, "heap_bytes is 33550336" },
	{ "a heap of 4 GiB", false, nothing, 4 * GIB, MOTE_E_INVALID,
	  "heap_bytes 4294967296" },
	{ "a 64-bit image with a 32-bit note", true, note_of_32, 0,
	  MOTE_E_IMAGE, "mode is 3, but EI_CLASS says 64-bit" },
	{ "a 32-bit image with a 64-bit note", false, note_of_64, 0,
	  MOTE_E_IMAGE, "mode is 5, but EI_CLASS says 32-bit" },
};

static void check_image(const struct bad_image *row)
{
	mote_sandbox_options options = bare_options(&output);
	union bare_image bytes;
	mote_sandbox *box = NULL;
	mote_image *image = NULL;
	mote_status status;

	if (row->wide)
		bare_image64_init(&bytes.wide);
	else
		bare_image32_init(&bytes.narrow, MOTE_BARE_PROTECTED);
	row->change(&bytes);
	options.heap_bytes = row->heap_bytes;
	status = mote_image_from_memory(vm.engine, &bytes,
					row->wide ? sizeof(bytes.wide) :
						    sizeof(bytes.narrow),
					&image, &vm.err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, &options, &box, &vm.err);
	if (status != row->status)
		fail_msg("%s: %s: %s", row->name, mote_status_name(status),
			 status == MOTE_OK ? "" : vm.err.text);
	vm_expect_text(&vm.err, row->text);
	assert_null(box);
	mote_image_unref(image);
}

static void test_images(void **state)
{
	size_t i;

	(void)state;
	vm_open(&vm, NULL);
	for (i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		check_image(&images[i]);
		run_good();
	}
	vm_close(&vm);
}

/* Who gives a guest so much gets it. */
static void test_scratch(void **state)
{
	mote_sandbox_options options = bare_options(&output);
	union bare_image bytes;
	mote_sandbox *box;
	mote_image *image;

	(void)state;
	vm_open(&vm, NULL);
	bare_image32_init(&bytes.narrow, MOTE_BARE_PROTECTED);
	scratch_of_32_mib(&bytes);
	options.heap_bytes = 32 * MIB;
	vm_expect(mote_image_from_memory(vm.engine, &bytes,
					 sizeof(bytes.narrow), &image,
					 &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	mote_sandbox_free(box);
	mote_image_unref(image);
	vm_close(&vm);
}

/* ------------------------------------------------------------- running */

/*
 * A hypervisor with nested paging looks for ever for page tables that are not
 * there: the deadline ends that. Another refuses them: #GP in the guest, which
 * handles it.
 */
static const struct bad_run {
	const char *file;
	enum bare_case which;
	mote_status status;
	mote_status other; /* is as good */
	const char *text;
} runs[] = {
	{ GUEST_bare_cases, CASE_TRIPLE, MOTE_E_GUEST_FAULT, 0, "triple fault" },
	{ GUEST_bare_cases64, CASE_TRIPLE, MOTE_E_GUEST_FAULT, 0,
	  "triple fault" },
	{ GUEST_bare_cases, CASE_LOOP, MOTE_E_DEADLINE, 0, "ran longer than" },
	{ GUEST_bare_cases64, CASE_LOOP, MOTE_E_DEADLINE, 0, "ran longer than" },
	{ GUEST_bare_cases, CASE_CR3, MOTE_E_GUEST_FAULT, MOTE_E_DEADLINE,
	  "" },
	{ GUEST_bare_cases64, CASE_CR3, MOTE_E_GUEST_FAULT, MOTE_E_DEADLINE,
	  "" },
	{ GUEST_bare_cases, CASE_APIC, MOTE_E_GUEST_FAULT, 0,
	  "access outside memory" },
	{ GUEST_bare_cases, CASE_HOLE, MOTE_E_GUEST_FAULT, 0,
	  "access outside memory" },
	{ GUEST_bare_cases, CASE_PORT, MOTE_E_PROTOCOL, 0, "port 0x80" },
	{ GUEST_bare_cases64, CASE_PORT, MOTE_E_PROTOCOL, 0, "port 0x80" },
};

static void check_run(const struct bad_run *row)
{
	mote_sandbox_options options = bare_options(&output);
	mote_image *image = bare_case_image(&vm, row->file, row->which);
	mote_sandbox *box;
	mote_run_result run = MOTE_RUN_RESULT_INIT;
	mote_status status;

	options.deadline_ns = 20 * MS * vm_slow();
	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	status = mote_run(box, &run, &vm.err);
	if (status == MOTE_OK && row->which == CASE_CR3)
		assert_int_equal(run.status, 13);
	else if (status == MOTE_OK ||
		 (status != row->status && status != row->other))
		fail_msg("case %d: %s: %s", row->which,
			 mote_status_name(status),
			 status == MOTE_OK ? "" : vm.err.text);
	else
		vm_expect_text(&vm.err, row->text);
	mote_sandbox_free(box);
	mote_image_unref(image);
}

static void test_runs(void **state)
{
	size_t i;

	(void)state;
	vm_open(&vm, NULL);
	for (i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		check_run(&runs[i]);
		run_good();
	}
	vm_close(&vm);
}

/* ------------------------------------ instructions that are not emulated */

/*
 * kvm-pvm interprets the code of supervisors, and does not know all of it. A
 * hypervisor that runs it natively does what the instruction says. Whether it
 * was a fault.
 */
static bool is_fault(const char *file, enum bare_case which, uint32_t result)
{
	mote_sandbox_options options = bare_options(&output);
	mote_image *image = bare_case_image(&vm, file, which);
	mote_run_result run = MOTE_RUN_RESULT_INIT;
	mote_sandbox *box;
	mote_status status;

	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	status = mote_run(box, &run, &vm.err);
	if (status == MOTE_OK) {
		assert_int_equal(run.end, MOTE_RUN_EXITED);
		assert_int_equal(run.status, result);
	} else {
		vm_expect(status, MOTE_E_GUEST_FAULT, &vm.err);
		vm_expect_text(&vm.err, "an instruction the hypervisor cannot "
					"emulate");
		assert_int_equal(vm.err.fault.kind, MOTE_FAULT_MACHINE);
		/* It names the place. */
		assert_true(vm.err.fault.pc >= 0x100000);
		assert_true(vm.err.fault.pc < 0x110000);
	}
	mote_sandbox_free(box);
	mote_image_unref(image);
	return status != MOTE_OK;
}

static void not_emulated(enum bare_case which, uint32_t result)
{
	bool fault;

	vm_open(&vm, NULL);
	fault = is_fault(GUEST_bare_cases, which, result);
	run_good();
	fault |= is_fault(GUEST_bare_cases64, which, result);
	run_good();
	vm_close(&vm);
	/* Here the hypervisor can run it, as it should. */
	if (!fault)
		skip();
}

static void test_iret_not_emulated(void **state)
{
	(void)state;
	not_emulated(CASE_IRET, 43);
}

static void test_movd_not_emulated(void **state)
{
	(void)state;
	not_emulated(CASE_MOVD, 44);
}

/* ---------------------------------------------------------- hypercalls */

/* Whether KVM can be kept from writing another hypercall over it. */
static bool can_refuse(void)
{
	int fd;
	int quirks;

	if (vm_soft())
		return true;
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	quirks = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_DISABLE_QUIRKS2);
	close(fd);
	return quirks > 0 && (quirks & KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
}

/* How it ended: #UD, or KVM said that there is no such call. */
static uint32_t hypercall(const char *file, enum bare_case which)
{
	uint32_t result;

	mote_sandbox_options options = bare_options(&output);
	mote_image *image = bare_case_image(&vm, file, which);
	mote_sandbox *box;

	options.deadline_ns = 1000 * MS * vm_slow();
	vm_expect(mote_sandbox_new(image, &options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	result = (uint32_t)bare_run(box, MOTE_RUN_EXITED);
	mote_sandbox_free(box);
	mote_image_unref(image);
	assert_true(result == 6 || result == 7);
	return result;
}

/* There is no hypervisor to call, whatever the CPU of the host is. */
static void test_hypercalls(void **state)
{
	static const char *const files[] = { GUEST_bare_cases,
					     GUEST_bare_cases64 };
	size_t i;

	(void)state;
	if (!can_refuse())
		skip();
	vm_open(&vm, NULL);
	for (i = 0; i < 2; i++) {
		/* The one that is not the CPU's own; on kvm-pvm both. */
		uint32_t intel = hypercall(files[i], CASE_VMCALL);
		uint32_t amd = hypercall(files[i], CASE_VMMCALL);

		assert_true(intel == 6 || amd == 6);
	}
	vm_close(&vm);
}

/* ------------------------------------------------------------ backends */

static void test_no_backend(void **state)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;

	(void)state;
	options.backend = "vax";
	assert_int_not_equal(mote_engine_new(&options, &engine, &err), MOTE_OK);
	assert_null(engine);
	vm_expect_text(&err, "vax");
	vm_expect_text(&err, "kvm");
	vm_expect_text(&err, "soft");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_iret_not_emulated),
		cmocka_unit_test(test_movd_not_emulated),
		cmocka_unit_test(test_hypercalls),
		cmocka_unit_test(test_no_backend),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
