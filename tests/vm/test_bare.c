/*
 * Bare guests: how they start and end, what they may do, and what a snapshot
 * keeps of them. Those of 32 bits here use no page tables.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <mote/control.h>
#include <mote/debug.h>

#include "harness/unit.h"
#include "vm/bare_host.h"

#define MS UINT64_C(1000000)
#define MIB (UINT64_C(1) << 20)

static const char *const files[] = { GUEST_bare_cases, GUEST_bare_cases64 };
#define FILES (sizeof(files) / sizeof(files[0]))

static struct vm vm;
static struct bare_output output;
static mote_image *image;

static mote_sandbox *new_box(const mote_sandbox_options *options)
{
	mote_sandbox *box;

	vm_expect(mote_sandbox_new(image, options, &box, &vm.err), MOTE_OK,
		  &vm.err);
	return box;
}

/* A sandbox of a case of files[i]. */
static mote_sandbox *open_case(size_t i, enum bare_case which,
			       mote_sandbox_options *options)
{
	vm_open(&vm, NULL);
	image = bare_case_image(&vm, files[i], which);
	if (options->output != bare_print) {
		options->output = bare_print;
		options->output_user = &output;
	}
	memset(&output, 0, sizeof(output));
	return new_box(options);
}

static mote_sandbox *open_usual(size_t i, enum bare_case which)
{
	mote_sandbox_options options = bare_options(&output);

	return open_case(i, which, &options);
}

static void end(mote_sandbox *box)
{
	mote_sandbox_free(box);
	mote_image_unref(image);
	vm_close(&vm);
}

static mote_snapshot *take(mote_sandbox *box)
{
	mote_snapshot *snapshot;

	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	return snapshot;
}

static void restore(mote_sandbox *box, mote_snapshot *snapshot)
{
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	output.used = 0;
	output.text[0] = '\0';
}

static mote_sandbox *make_clone(mote_snapshot *snapshot)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box;

	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box, &vm.err),
		  MOTE_OK, &vm.err);
	return box;
}

/* -------------------------------------------------------- start and end */

static void start_file(const char *file, uint32_t mode, uint32_t status,
		       const char *text)
{
	mote_sandbox_options options = bare_options(&output);
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	mote_sandbox *box;

	vm_open(&vm, file);
	assert_int_equal(mote_image_describe(vm.image, &info, NULL), MOTE_OK);
	assert_int_equal(info.bare_mode, mode);
	assert_int_equal(info.export_count, 0);
	box = vm_sandbox(&vm, &options);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED), status);
	assert_string_equal(output.text, text);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_modes(void **state)
{
	(void)state;
	start_file(GUEST_bare_real, MOTE_BARE_MODE_REAL, 16, "Real mode\n");
	start_file(GUEST_bare_hello, MOTE_BARE_MODE_PROTECTED, 7,
		   "Hello from 32 bits\n");
	start_file(GUEST_bare_cases, MOTE_BARE_MODE_PROTECTED, 42, "");
	start_file(GUEST_bare_cases64, MOTE_BARE_MODE_LONG, 42, "");
}

static void test_halt(void **state)
{
	mote_sandbox *box;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_usual(i, CASE_HALT);
		(void)bare_run(box, MOTE_RUN_HALTED);
		assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_EXITED);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_STATE, &vm.err);
		vm_expect_text(&vm.err, "the guest has ended");
		end(box);
	}
}

/* Whatever it was, a restore puts it right. */
static void expect_crash(size_t i, enum bare_case which, const char *text)
{
	mote_sandbox *box = open_usual(i, which);
	mote_snapshot *first = take(box);
	int turn;

	for (turn = 0; turn < 3; turn++) {
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_GUEST_FAULT,
			  &vm.err);
		vm_expect_text(&vm.err, text);
		assert_int_equal(vm.err.fault.kind, MOTE_FAULT_MACHINE);
		assert_int_equal(vm.err.fault.machine, i == 0 ? 3 : 62);
		/* SVM resets the CPU at a triple fault. */
		if (vm.err.fault.register_count > 0) {
			assert_non_null(mote_fault_register_name(&vm.err.fault,
								 0));
			assert_true(vm.err.fault.pc >= 0x100000);
			assert_true(vm.err.fault.pc < 0x110000);
		}
		assert_int_equal(mote_sandbox_state(box),
				 MOTE_SANDBOX_POISONED);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_POISONED,
			  &vm.err);
		restore(box, first);
	}
	mote_snapshot_unref(first);
	end(box);
}

static void test_crashes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++)
		expect_crash(i, CASE_TRIPLE, "triple fault");
	expect_crash(0, CASE_APIC,
		     "access outside memory, guest-physical 0xfee00000");
	expect_crash(0, CASE_HOLE, "access outside memory, guest-physical");
}

/* What a guest that has page tables finds out for itself. */
static void test_outside(void **state)
{
	static const enum bare_case cases[] = { CASE_APIC, CASE_HOLE };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mote_sandbox *box = open_usual(1, cases[i]);

		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 14);
		end(box);
	}
}

/*
 * With nested paging the CPU looks for page tables that are not there for
 * ever; kvm-pvm does not let a guest use 32-bit ones: #GP.
 */
static void test_bad_cr3(void **state)
{
	mote_sandbox_options options = bare_options(&output);
	mote_snapshot *first;
	mote_sandbox *box;
	mote_status status;

	(void)state;
	options.deadline_ns = 20 * MS * vm_slow();
	box = open_case(0, CASE_CR3, &options);
	first = take(box);
	status = mote_run(box, NULL, &vm.err);
	if (status != MOTE_OK && status != MOTE_E_DEADLINE)
		vm_expect(status, MOTE_E_GUEST_FAULT, &vm.err);
	restore(box, first);
	mote_snapshot_unref(first);
	end(box);
}

/* -------------------------------------------------------------- limits */

static void test_deadline(void **state)
{
	static const enum bare_case cases[] = { CASE_SPIN, CASE_LOOP,
						CASE_POLL };
	mote_sandbox_options options = bare_options(&output);
	mote_snapshot *first;
	mote_sandbox *box;
	size_t i;

	(void)state;
	options.deadline_ns = 20 * MS * vm_slow();
	for (i = 0; i < FILES * 3; i++) {
		box = open_case(i % FILES, cases[i / FILES], &options);
		first = take(box);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_DEADLINE,
			  &vm.err);
		restore(box, first);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_DEADLINE,
			  &vm.err);
		mote_snapshot_unref(first);
		end(box);
	}
}

static void *cancel_main(void *handle)
{
	while (mote_interrupt_cancel(handle) == 0)
		;
	return NULL;
}

static void test_cancel(void **state)
{
	mote_interrupt *handle;
	mote_sandbox *box;
	pthread_t thread;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_usual(i, CASE_SPIN);
		vm_expect(mote_interrupt_new(box, &handle, &vm.err), MOTE_OK,
			  &vm.err);
		assert_int_equal(pthread_create(&thread, NULL, cancel_main,
						handle),
				 0);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_CANCELLED,
			  &vm.err);
		assert_int_equal(pthread_join(thread, NULL), 0);
		mote_interrupt_unref(handle);
		end(box);
	}
}

static void test_storm(void **state)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box;

	(void)state;
	options.max_output_bytes = 1000;
	box = open_case(0, CASE_STORM, &options);
	vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_OUTPUT, &vm.err);
	assert_int_equal(output.used, 1000);
	end(box);
}

static void test_growth(void **state)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box;

	(void)state;
	options.heap_bytes = 2 * MIB;
	box = open_case(0, CASE_GROW, &options);
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 0);
	end(box);
	options.max_growth_bytes = MIB;
	box = open_case(0, CASE_GROW, &options);
	vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_GROWTH, &vm.err);
	end(box);
}

/* A guest that never leaves by itself, whoever counts its pages. */
static void test_growth_without_end(void **state)
{
	mote_sandbox_options options = bare_options(&output);
	mote_call_stats stats = MOTE_CALL_STATS_INIT;
	mote_sandbox *box;
	size_t i;

	(void)state;
	options.heap_bytes = 64 * MIB;
	options.max_growth_bytes = MIB;
	for (i = 0; i < FILES; i++) {
		box = open_case(i, CASE_GROW_ON, &options);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_GROWTH,
			  &vm.err);
		vm_expect_text(&vm.err, "max_growth_bytes, 1048576");
		vm_expect(mote_sandbox_get_call_stats(box, &stats, &vm.err),
			  MOTE_OK, &vm.err);
		assert_in_range(stats.pages_written, 256, 16384 / 2);
		end(box);
	}
}

/* --------------------------------------------------- ports, MSRs, CPUID */

static void test_ports(void **state)
{
	mote_sandbox *box;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_usual(i, CASE_PORT);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_PROTOCOL,
			  &vm.err);
		vm_expect_text(&vm.err, "wrote 1 byte at port 0x80, where there is nothing");
		end(box);
		box = open_usual(i, CASE_PORT_SIZE);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_PROTOCOL,
			  &vm.err);
		vm_expect_text(&vm.err, "wrote 1 byte at port 0xd0, which takes 4 bytes");
		end(box);
	}
}

static void expect_exit(enum bare_case which, uint32_t status,
			const char *text)
{
	mote_sandbox *box;
	size_t i;

	for (i = 0; i < FILES; i++) {
		box = open_usual(i, which);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), status);
		assert_string_equal(output.text, text);
		end(box);
	}
}

static void test_devices(void **state)
{
	(void)state;
	expect_exit(CASE_STRING, 1, "string\n");
	expect_exit(CASE_SERIAL, 0, "ready\n");
	expect_exit(CASE_STDERR, 0xe9, "out\n");
	assert_string_equal(output.errors, "!");
	expect_exit(CASE_SCRATCH, 0, "");
	expect_exit(CASE_CPUID, 0, "");
	expect_exit(CASE_WRITES, 0, "");
	expect_exit(CASE_MSR_DENIED, 13, "");
	expect_exit(CASE_MSR_WRITE, 13, "");
}

/* SECURITY: what one guest leaves in an MSR, no later one finds. */
static void test_msrs(void **state)
{
	mote_snapshot *first;
	mote_snapshot *later;
	mote_sandbox *box;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_usual(i, CASE_MSR_KEPT);
		first = take(box);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		later = take(box);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 3);
		restore(box, first);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 3);
		/* The next one gets its VM. */
		mote_sandbox_free(box);
		box = new_box(NULL);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 3);
		restore(box, first);
		restore(box, later);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 3);
		mote_snapshot_unref(first);
		mote_snapshot_unref(later);
		end(box);
	}
}

/* ----------------------------------------------------------- isolation */

/* SECURITY: what a guest does to its own image is seen by nobody else. */
static void test_own_image(void **state)
{
	mote_snapshot *first;
	mote_sandbox *other;
	mote_sandbox *box;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_usual(i, CASE_SELF);
		other = new_box(NULL);
		first = take(box);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 12);
		assert_int_equal(bare_run(other, MOTE_RUN_EXITED), 12);
		mote_sandbox_free(other);
		other = new_box(NULL);
		assert_int_equal(bare_run(other, MOTE_RUN_EXITED), 12);
		restore(box, first);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 12);
		mote_sandbox_free(other);
		mote_snapshot_unref(first);
		end(box);
	}
}

static void expect_line(mote_sandbox *box, const char *line)
{
	output.used = 0;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	assert_string_equal(output.text, line);
}

/* SECURITY: the count of one is not that of another: image and scratch. */
static void test_snapshots(void **state)
{
	mote_snapshot *first;
	mote_snapshot *second;
	mote_sandbox *box;
	mote_sandbox *a;
	mote_sandbox *b;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_usual(i, CASE_SNAPSHOT);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		first = take(box);
		expect_line(box, "00010100\n");
		expect_line(box, "00020200\n");
		a = make_clone(first);
		b = make_clone(first);
		expect_line(a, "00010101\n");
		expect_line(a, "00020201\n");
		second = take(a);
		expect_line(a, "00030301\n");
		expect_line(b, "00010101\n");
		expect_line(box, "00030300\n");
		mote_sandbox_free(b);
		b = make_clone(second);
		expect_line(b, "00030302\n");
		restore(b, first);
		expect_line(b, "00010101\n");
		restore(b, second);
		expect_line(b, "00030302\n");
		restore(box, first);
		expect_line(box, "00010101\n");
		mote_sandbox_free(a);
		mote_sandbox_free(b);
		mote_snapshot_unref(first);
		mote_snapshot_unref(second);
		end(box);
	}
}

static void test_vector(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *other;
	mote_sandbox *box;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_usual(i, CASE_VECTOR);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		snapshot = take(box);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 1);
		other = make_clone(snapshot);
		assert_int_equal(bare_run(other, MOTE_RUN_EXITED), 2);
		mote_sandbox_free(other);
		restore(box, snapshot);
		assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 2);
		mote_snapshot_unref(snapshot);
		end(box);
	}
}

/* Translations of the time after the snapshot are forgotten. */
static void test_remap(void **state)
{
	mote_sandbox *box = open_usual(1, CASE_REMAP);
	mote_snapshot *snapshot;
	int turn;

	(void)state;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	assert_string_equal(output.text, "1");
	snapshot = take(box);
	for (turn = 0; turn < 3; turn++) {
		restore(box, snapshot);
		(void)bare_run(box, MOTE_RUN_EXITED);
		assert_string_equal(output.text, "12");
	}
	mote_snapshot_unref(snapshot);
	end(box);
}

static void test_pool(void **state)
{
	mote_pool_options options = MOTE_POOL_OPTIONS_INIT;
	mote_sandbox *box = open_usual(0, CASE_SNAPSHOT);
	mote_snapshot *snapshot;
	mote_pool *pool;
	int turn;

	(void)state;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	snapshot = take(box);
	mote_sandbox_free(box);
	vm_expect(mote_pool_new(snapshot, &options, &pool, &vm.err), MOTE_OK,
		  &vm.err);
	for (turn = 0; turn < 3; turn++) {
		vm_expect(mote_pool_acquire(pool, 0, &box, &vm.err), MOTE_OK,
			  &vm.err);
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
		mote_pool_release(pool, box);
	}
	mote_pool_free(pool);
	mote_snapshot_unref(snapshot);
	end(NULL);
}

/* ---------------------------------------------------------- inspection */

static void test_frames(void **state)
{
	mote_frame frames[16];
	mote_sandbox *box;
	size_t count;
	size_t i;

	(void)state;
	for (i = 0; i < FILES; i++) {
		box = open_usual(i, CASE_FRAMES);
		vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_GUEST_FAULT,
			  &vm.err);
		if (vm.err.fault.register_count == 0) {
			/* The hypervisor has reset the CPU. */
			vm_expect(mote_sandbox_backtrace(box, frames, 16,
							 &count, &vm.err),
				  MOTE_E_STATE, &vm.err);
			end(box);
			continue;
		}
		vm_expect(mote_sandbox_backtrace(box, frames, 16, &count,
						 &vm.err),
			  MOTE_OK, &vm.err);
		/* triple, deep five times, main. */
		assert_true(count >= 7);
		end(box);
	}
}

/* The base of scratch reaches who reads it; the hole is no memory. */
static void test_reading(void **state)
{
	mote_sandbox *box = open_usual(0, CASE_SNAPSHOT);
	const uint64_t top = UINT64_C(0xfee00000);
	uint32_t value = 0;
	size_t done;

	(void)state;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	/* The first word of what is free: 1 MiB of stack, 16 MiB, a page. */
	vm_expect(mote_sandbox_read_memory(box, top - 17 * MIB - 4096, &value,
					   sizeof(value), &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, sizeof(value));
	assert_int_equal(value, 1);
	vm_expect(mote_sandbox_read_memory(box, top - 2, &value, sizeof(value),
					   &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, 2);
	vm_expect(mote_sandbox_read_memory(box, 0x40000000, &value,
					   sizeof(value), &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, 0);
	end(box);
}

/* -------------------------------------------------------------- misuse */

static void refuse(const mote_sandbox_options *options, mote_status expected,
		   const char *text)
{
	mote_sandbox *box;

	vm_expect(mote_sandbox_new(image, options, &box, &vm.err), expected,
		  &vm.err);
	vm_expect_text(&vm.err, text);
}

static void test_options(void **state)
{
	mote_sandbox_options options = bare_options(&output);
	mote_sandbox *box = open_case(0, CASE_SCRATCH, &options);

	(void)state;
	options.gdb = "unix:/tmp/nobody";
	refuse(&options, MOTE_E_UNSUPPORTED, "gdb: not for bare guests");
	options.gdb = NULL;
	options.flags = MOTE_SANDBOX_SHARE_INIT;
	refuse(&options, MOTE_E_UNSUPPORTED,
	       "MOTE_SANDBOX_SHARE_INIT: not for bare guests");
	options.flags = 0;
	options.heap_bytes = UINT64_C(4) << 30;
	refuse(&options, MOTE_E_INVALID, "no room between the end of the image");
	options.heap_bytes = UINT64_C(3) << 30;
	mote_sandbox_free(box);
	box = new_box(&options);
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 0);
	end(box);
}

static void test_misuse(void **state)
{
	mote_sandbox *box = open_usual(0, CASE_SNAPSHOT);
	uint64_t address = 0;
	int status;

	(void)state;
	vm_expect(mote_call(box, "f", NULL, 0, NULL, &vm.err), MOTE_E_STATE,
		  &vm.err);
	vm_expect_text(&vm.err, "mote_run");
	vm_expect(mote_run_main(box, 0, NULL, &status, &vm.err), MOTE_E_STATE,
		  &vm.err);
	vm_expect(mote_call_batch(box, NULL, 0, &vm.err), MOTE_E_STATE,
		  &vm.err);
	vm_expect(mote_map_file(box, 0, 0, 0, 0, &address, &vm.err),
		  MOTE_E_STATE, &vm.err);
	vm_expect(mote_run(NULL, NULL, &vm.err), MOTE_E_INVALID, &vm.err);
	vm_expect(mote_sandbox_dump_core(box, 1, &vm.err), MOTE_E_UNSUPPORTED,
		  &vm.err);
	end(box);
	vm_open(&vm, GUEST_bare_faults);
	box = vm_sandbox(&vm, NULL);
	vm_expect(mote_run(box, NULL, &vm.err), MOTE_E_STATE, &vm.err);
	vm_expect_text(&vm.err, "user-mode guest");
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* ------------------------------------------------- state that KVM has apart */

static void expect_cr8(mote_sandbox *box, bool first)
{
	if (first)
		(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	/* Without an APIC, CR8 of "soft" is always 0. */
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED),
			 vm_soft() ? 0 : 0x700);
}

static void test_cr8(void **state)
{
	mote_sandbox *box = open_usual(1, CASE_CR8);
	mote_sandbox_options options = bare_options(&output);
	mote_snapshot *first = take(box);
	mote_snapshot *later;
	mote_sandbox *clone;

	(void)state;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	later = take(box);
	expect_cr8(box, false);
	restore(box, first);
	expect_cr8(box, true);
	/* It is a part of the state. */
	clone = make_clone(later);
	expect_cr8(clone, false);
	restore(clone, first);
	restore(clone, later);
	expect_cr8(clone, false);
	mote_sandbox_free(clone);
	mote_snapshot_unref(first);
	mote_snapshot_unref(later);
	/* The VM is used again. */
	mote_sandbox_free(box);
	box = new_box(&options);
	expect_cr8(box, true);
	end(box);
}

static void test_code_segment(void **state)
{
	mote_sandbox *box = open_usual(0, CASE_CODE_L);
	mote_snapshot *snapshot;
	mote_sandbox *clone;

	(void)state;
	(void)bare_run(box, MOTE_RUN_SNAPSHOT);
	snapshot = take(box);
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 45);
	restore(box, snapshot);
	assert_int_equal(bare_run(box, MOTE_RUN_EXITED), 45);
	clone = make_clone(snapshot);
	assert_int_equal(bare_run(clone, MOTE_RUN_EXITED), 45);
	mote_sandbox_free(clone);
	mote_snapshot_unref(snapshot);
	end(box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_halt),
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_bad_cr3),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_growth_without_end),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_msrs),
		cmocka_unit_test(test_own_image),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_remap),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_cr8),
		cmocka_unit_test(test_code_segment),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
