/*
 * Core files: what is written is what is read; what fails leaves no core and
 * changes nothing else. The real gdb is asked by gdb.py.
 *
 * The seam to the system (os/os.h) is wrapped by the linker.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mote/debug.h>
#include <mote/snapshot.h>

#include "abi/layout.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "os/os.h"

#define FRAMES 64

/* The next calls of one kind: which one fails, counted from 1; 0: none. */
static struct {
	size_t pwrite_at;
	size_t truncate_at;
	size_t pread_at;
} failing;

static bool fails(size_t *counter)
{
	return *counter > 0 && --*counter == 0;
}

int __real_mti_os_pwrite(int fd, const void *data, size_t size,
			 uint64_t offset);
int __wrap_mti_os_pwrite(int fd, const void *data, size_t size,
			 uint64_t offset);
int __wrap_mti_os_pwrite(int fd, const void *data, size_t size,
			 uint64_t offset)
{
	/* A full disk takes a part of it. */
	if (fails(&failing.pwrite_at)) {
		(void)__real_mti_os_pwrite(fd, data, size / 2, offset);
		return -ENOSPC;
	}
	return __real_mti_os_pwrite(fd, data, size, offset);
}

int __real_mti_os_truncate(int fd, uint64_t size);
int __wrap_mti_os_truncate(int fd, uint64_t size);
int __wrap_mti_os_truncate(int fd, uint64_t size)
{
	return fails(&failing.truncate_at) ? -EPERM :
					     __real_mti_os_truncate(fd, size);
}

int64_t __real_mti_os_pread(int fd, void *buffer, size_t size,
			    uint64_t offset);
int64_t __wrap_mti_os_pread(int fd, void *buffer, size_t size,
			    uint64_t offset);
int64_t __wrap_mti_os_pread(int fd, void *buffer, size_t size,
			    uint64_t offset)
{
	return fails(&failing.pread_at) ?
		       -EIO :
		       __real_mti_os_pread(fd, buffer, size, offset);
}

/* A file in memory, and a name to open it by. */
struct file {
	int fd;
	char path[64];
};

static struct file file_new(void)
{
	struct file file = { .fd = memfd_create("core", MFD_CLOEXEC) };

	assert_true(file.fd >= 0);
	snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
	return file;
}

static struct vm vm;

static mote_sandbox *crashed(const mote_sandbox_options *options,
			     const char *function, mote_status status)
{
	mote_sandbox *box = vm_sandbox(&vm, options);

	vm_expect(mote_call(box, function, NULL, 0, NULL, &vm.err), status,
		  &vm.err);
	return box;
}

static mote_core *dump(mote_sandbox *box, const struct file *file,
		       mote_core_info *info)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_core *core = NULL;

	vm_expect(mote_sandbox_dump_core(box, file->fd, &err), MOTE_OK, &err);
	vm_expect(mote_core_open(vm.engine, file->path, &core, &err), MOTE_OK,
		  &err);
	*info = (mote_core_info)MOTE_CORE_INFO_INIT;
	vm_expect(mote_core_describe(core, info, &err), MOTE_OK, &err);
	return core;
}

/* All that the core has, against the sandbox, at the ends of its segments. */
static void compare_memory(const mote_core *core, mote_sandbox *box,
			   const mote_core_info *info)
{
	static unsigned char ours[1 << 16];
	static unsigned char theirs[1 << 16];
	mote_segment segment;
	uint64_t at[2];
	size_t done;
	size_t same;
	size_t i;
	size_t k;

	for (i = 0; i < info->segment_count; i++) {
		vm_expect(mote_core_segment(core, i, &segment, &vm.err),
			  MOTE_OK, &vm.err);
		at[0] = segment.address;
		at[1] = segment.address + segment.memory_size - 4096;
		for (k = 0; k < 2; k++) {
			vm_expect(mote_sandbox_read_memory(box, at[k], theirs,
							   sizeof(theirs),
							   &done, &vm.err),
				  MOTE_OK, &vm.err);
			assert_true(done >= 4096);
			vm_expect(mote_core_read_memory(core, at[k], ours,
							sizeof(ours), &same,
							&vm.err),
				  MOTE_OK, &vm.err);
			assert_true(same >= 4096);
			assert_memory_equal(ours, theirs,
					    same < done ? same : done);
		}
	}
	vm_expect(mote_core_segment(core, i, &segment, &vm.err), MOTE_E_INVALID,
		  &vm.err);
}

static void test_round_trip(void **state)
{
	static const struct {
		const char *function;
		mote_status status;
		uint32_t kind;
		uint32_t signal;
	} cases[] = {
		{ "Sort", MOTE_E_GUEST_FAULT, MOTE_FAULT_NULL_POINTER, 11 },
		{ "Overflow", MOTE_E_GUEST_FAULT, MOTE_FAULT_STACK_OVERFLOW,
		  11 },
		{ "GiveUp", MOTE_E_GUEST_FAULT, MOTE_FAULT_ABORT, 6 },
		{ "Illegal", MOTE_E_GUEST_FAULT,
		  MOTE_FAULT_ILLEGAL_INSTRUCTION, 4 },
		{ "Breakpoint", MOTE_E_GUEST_FAULT, MOTE_FAULT_BREAKPOINT, 5 },
		{ "Execute", MOTE_E_GUEST_FAULT, MOTE_FAULT_EXECUTE, 11 },
		{ "Quit", MOTE_E_GUEST_EXIT, MOTE_FAULT_NONE, 0 },
		{ "Spin", MOTE_E_DEADLINE, MOTE_FAULT_NONE, 14 },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	struct file file;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_pie);
	file = file_new();
	options.deadline_ns = 50000000;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mote_sandbox *box = crashed(&options, cases[i].function,
					    cases[i].status);
		const mote_error ended = vm.err;
		mote_frame frames[2][FRAMES];
		mote_core_info info;
		mote_core *core = dump(box, &file, &info);
		size_t counts[2];

		assert_int_equal(info.status, cases[i].status);
		assert_int_equal(info.state, MOTE_SANDBOX_POISONED);
		assert_int_equal(info.signal, cases[i].signal);
		assert_int_equal(info.fault.kind, cases[i].kind);
		assert_string_equal(info.function, cases[i].function);
		assert_int_equal(info.more, 0);
		assert_string_equal(info.text, ended.text);
		assert_string_equal(info.backend, "kvm");
		assert_string_equal(info.library, MOTE_VERSION_STRING);
		assert_string_equal(info.path, GUEST_debug_gcc_pie);
		if (cases[i].kind != MOTE_FAULT_NONE)
			assert_memory_equal(&info.fault, &ended.fault,
					    sizeof(info.fault));
		compare_memory(core, box, &info);
		vm_expect(mote_sandbox_backtrace(box, frames[0], FRAMES,
						 &counts[0], &vm.err),
			  MOTE_OK, &vm.err);
		vm_expect(mote_core_backtrace(core, vm.image, frames[1], FRAMES,
					      &counts[1], &vm.err),
			  MOTE_OK, &vm.err);
		assert_int_equal(counts[0], counts[1]);
		assert_memory_equal(frames[0], frames[1],
				    counts[0] * sizeof(frames[0][0]));
		mote_core_close(core);
		mote_sandbox_free(box);
	}
	close(file.fd);
	vm_close(&vm);
}

/* Between calls nothing is wrong, and nothing is changed. */
static void test_ready(void **state)
{
	const mote_value arguments[] = { MOTE_I32(20), MOTE_I32(22) };
	mote_batch_item items[3] = {
		{ .function = "Add", .args = arguments, .count = 2 },
		{ .function = "Add", .args = arguments, .count = 2 },
		{ .function = "Spin" },
	};
	struct file file;
	mote_snapshot *snapshot;
	mote_core_info info;
	mote_sandbox *box;
	mote_value result;
	mote_core *core;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	file = file_new();
	box = vm_sandbox(&vm, NULL);
	core = dump(box, &file, &info);
	assert_int_equal(info.status, MOTE_OK);
	assert_int_equal(info.signal, 0);
	assert_string_equal(info.function, "");
	assert_string_equal(info.text, "");
	mote_core_close(core);
	vm_expect(mote_call(box, "Add", arguments, 2, &result, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.i32, 42);
	core = dump(box, &file, &info);
	assert_string_equal(info.function, "Add");
	compare_memory(core, box, &info);
	mote_core_close(core);
	vm_expect(mote_call(box, "Refuse", NULL, 0, NULL, &vm.err),
		  MOTE_E_GUEST_ERROR, &vm.err);
	core = dump(box, &file, &info);
	assert_int_equal(info.status, MOTE_E_GUEST_ERROR);
	assert_int_equal(info.signal, 0);
	assert_string_equal(info.text, "no such item");
	mote_core_close(core);
	/* It can still be kept, broken, and put back. */
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_sandbox_set_deadline(box, 50000000, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_call_batch(box, items, 3, &vm.err), MOTE_E_DEADLINE,
		  &vm.err);
	core = dump(box, &file, &info);
	assert_string_equal(info.function, "Add");
	assert_int_equal(info.more, 2);
	mote_core_close(core);
	vm_expect(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	core = dump(box, &file, &info);
	assert_int_equal(info.status, MOTE_OK);
	assert_int_equal(info.state, MOTE_SANDBOX_READY);
	assert_string_equal(info.function, "");
	compare_memory(core, box, &info);
	mote_core_close(core);
	vm_expect(mote_call(box, "Add", arguments, 2, &result, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.i32, 42);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	close(file.fd);
	vm_close(&vm);
}

/* A large heap that is hardly used; an older and longer file. */
static void test_sparse(void **state)
{
	static const char junk[] = "left from before";
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	struct file file;
	mote_core_info info;
	mote_sandbox *box;
	mote_core *core;
	uint64_t mark = 0;
	struct stat st;
	size_t done;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	file = file_new();
	options.heap_bytes = UINT64_C(8) << 30;
	box = crashed(&options, "Marks", MOTE_E_GUEST_FAULT);
	assert_int_equal(pwrite(file.fd, junk, sizeof(junk), 64 << 20),
			 sizeof(junk));
	core = dump(box, &file, &info);
	assert_int_equal(fstat(file.fd, &st), 0);
	assert_true(st.st_size < 1 << 20);
	assert_true(st.st_blocks * 512 <= st.st_size);
	compare_memory(core, box, &info);
	/* Between zeros. */
	for (uint64_t at = MOTE_GVA_HEAP; mark != UINT64_C(0x1122334455667788);
	     at += 8) {
		assert_true(at < MOTE_GVA_HEAP + (4 << 20));
		vm_expect(mote_core_read_memory(core, at, &mark, sizeof(mark),
						&done, &vm.err),
			  MOTE_OK, &vm.err);
		assert_int_equal(done, sizeof(mark));
	}
	mote_core_close(core);
	mote_sandbox_free(box);
	close(file.fd);
	vm_close(&vm);
}

/* What the host has mapped, of which a part is gone meanwhile. */
static void test_mapped(void **state)
{
	static uint8_t bytes[4 * 4096];
	struct file file;
	struct file shared;
	mote_core_info info;
	mote_sandbox *box;
	mote_core *core;
	uint64_t address = 0;
	uint8_t read[4 * 4096];
	size_t done;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	file = file_new();
	shared = file_new();
	memset(bytes, 0x5a, sizeof(bytes));
	assert_int_equal(pwrite(shared.fd, bytes, sizeof(bytes), 0),
			 sizeof(bytes));
	box = vm_sandbox(&vm, NULL);
	vm_expect(mote_map_file(box, shared.fd, 0, 0, 0, &address, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(ftruncate(shared.fd, 2 * 4096), 0);
	core = dump(box, &file, &info);
	vm_expect(mote_core_read_memory(core, address, read, sizeof(read),
					&done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, sizeof(read));
	assert_memory_equal(read, bytes, (size_t)2 * 4096);
	memset(bytes, 0, sizeof(bytes));
	assert_memory_equal(read + sizeof(read) / 2, bytes, sizeof(read) / 2);
	mote_core_close(core);
	mote_sandbox_free(box);
	close(file.fd);
	close(shared.fd);
	vm_close(&vm);
}

static void expect_no_core(const struct file *file)
{
	mote_core *core;

	vm_expect(mote_core_open(vm.engine, file->path, &core, &vm.err),
		  MOTE_E_IMAGE, &vm.err);
}

/* The disk is full at each write: an error that says so, and no core. */
static void test_failing_writes(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	struct file file;
	mote_core_info info;
	mote_sandbox *box;
	mote_status status;
	size_t failures = 0;
	size_t n;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	file = file_new();
	box = crashed(NULL, "Sort", MOTE_E_GUEST_FAULT);
	mote_core_close(dump(box, &file, &info));
	failing.truncate_at = 1;
	vm_expect(mote_sandbox_dump_core(box, file.fd, &err), MOTE_E_OS, &err);
	assert_int_equal(err.os_errno, EPERM);
	for (n = 1;; n++) {
		failing.pwrite_at = n;
		status = mote_sandbox_dump_core(box, file.fd, &err);
		failing.pwrite_at = 0;
		if (status == MOTE_OK)
			break;
		vm_expect(status, MOTE_E_OS, &err);
		assert_int_equal(err.os_errno, ENOSPC);
		vm_expect_text(&err, "No space left");
		expect_no_core(&file);
		failures++;
	}
	assert_true(failures > 5);
	/* What went wrong with the guest is still known. */
	mote_core_close(dump(box, &file, &info));
	assert_int_equal(info.fault.kind, MOTE_FAULT_NULL_POINTER);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	mote_sandbox_free(box);
	close(file.fd);
	vm_close(&vm);
}

static void test_failing_reads(void **state)
{
	struct file file;
	mote_frame frames[FRAMES];
	mote_core_info info;
	mote_sandbox *box;
	mote_status status;
	mote_core *core;
	size_t count;
	size_t n;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	file = file_new();
	box = crashed(NULL, "Sort", MOTE_E_GUEST_FAULT);
	mote_core_close(dump(box, &file, &info));
	for (n = 1;; n++) {
		failing.pread_at = n;
		status = mote_core_open(vm.engine, file.path, &core, &vm.err);
		failing.pread_at = 0;
		if (status == MOTE_OK)
			break;
		vm_expect(status, MOTE_E_IMAGE, &vm.err);
	}
	assert_true(n > 3);
	/* In the middle of it, the walk ends early, or does not begin. */
	for (n = 1; n < 100; n++) {
		failing.pread_at = n;
		status = mote_core_backtrace(core, vm.image, frames, FRAMES,
					     &count, &vm.err);
		failing.pread_at = 0;
		if (status != MOTE_OK)
			vm_expect(status, MOTE_E_IMAGE, &vm.err);
		else
			assert_true(count >= 1);
	}
	mote_core_close(core);
	mote_sandbox_free(box);
	close(file.fd);
	vm_close(&vm);
}

/* Every allocation in turn, of writing and of reading. */
static void test_no_memory(void **state)
{
	struct file file;
	mote_sandbox *box;
	mote_status status;
	mote_core *core = NULL;
	size_t failures = 0;
	size_t live;
	size_t n;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	file = file_new();
	box = crashed(NULL, "Sort", MOTE_E_GUEST_FAULT);
	/* The set of written pages may be lost: then all are looked at. */
	for (n = 1; n < 10; n++) {
		live = vm.allocator.live;
		vm.allocator.fail_at = vm.allocator.requests + n;
		status = mote_sandbox_dump_core(box, file.fd, &vm.err);
		vm.allocator.fail_at = 0;
		if (status == MOTE_OK)
			continue;
		vm_expect(status, MOTE_E_NO_MEMORY, &vm.err);
		assert_int_equal(vm.allocator.live, live);
		failures++;
	}
	assert_true(failures >= 2);
	for (n = 1;; n++) {
		live = vm.allocator.live;
		vm.allocator.fail_at = vm.allocator.requests + n;
		status = mote_core_open(vm.engine, file.path, &core, &vm.err);
		vm.allocator.fail_at = 0;
		if (status == MOTE_OK)
			break;
		vm_expect(status, MOTE_E_NO_MEMORY, &vm.err);
		assert_int_equal(vm.allocator.live, live);
	}
	assert_true(n > 3);
	mote_core_close(core);
	mote_sandbox_free(box);
	close(file.fd);
	vm_close(&vm);
}

static void test_refused(void **state)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	struct file file;
	mote_frame frame;
	mote_core_info info;
	mote_sandbox *box;
	mote_image *other;
	mote_core *core;
	struct stat st;
	int pipes[2];
	size_t count;
	int fd;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	file = file_new();
	options.flags = MOTE_SANDBOX_NO_DUMP;
	box = crashed(&options, "Sort", MOTE_E_GUEST_FAULT);
	vm_expect(mote_sandbox_dump_core(box, file.fd, &vm.err), MOTE_E_STATE,
		  &vm.err);
	assert_int_equal(fstat(file.fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	mote_sandbox_free(box);

	box = crashed(NULL, "Sort", MOTE_E_GUEST_FAULT);
	vm_expect(mote_sandbox_dump_core(box, -1, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect(mote_sandbox_dump_core(NULL, file.fd, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	assert_int_equal(pipe(pipes), 0);
	vm_expect(mote_sandbox_dump_core(box, pipes[1], &vm.err), MOTE_E_OS,
		  &vm.err);
	vm_expect_text(&vm.err, "seekable");
	close(pipes[0]);
	close(pipes[1]);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	vm_expect(mote_sandbox_dump_core(box, fd, &vm.err), MOTE_E_OS,
		  &vm.err);
	vm_expect_text(&vm.err, "open for writing");
	close(fd);

	/* The core of one program and the file of another. */
	core = dump(box, &file, &info);
	vm_expect(mote_image_open(vm.engine, GUEST_debug_gcc_O0, &other,
				  &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_core_backtrace(core, other, &frame, 1, &count, &vm.err),
		  MOTE_E_IMAGE, &vm.err);
	vm_expect_text(&vm.err, "not of this guest");
	mote_image_unref(other);
	vm_expect(mote_core_backtrace(core, NULL, &frame, 1, &count, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	mote_core_close(core);
	mote_core_close(NULL);

	vm_expect(mote_core_open(vm.engine, "/nowhere/core", &core, &vm.err),
		  MOTE_E_OS, &vm.err);
	vm_expect(mote_core_open(vm.engine, "/dev/null", &core, &vm.err),
		  MOTE_E_IMAGE, &vm.err);
	vm_expect(mote_core_open(vm.engine, GUEST_debug_gcc_O2, &core, &vm.err),
		  MOTE_E_IMAGE, &vm.err);
	vm_expect_text(&vm.err, "e_type");
	vm_expect(mote_core_open(NULL, file.path, &core, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	mote_sandbox_free(box);
	close(file.fd);
	vm_close(&vm);
}

static int begin(void **state)
{
	(void)state;
	vm_watchdog(100);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_failing_writes),
		cmocka_unit_test(test_failing_reads),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_refused),
	};
	int skip = vm_require();

	return skip ? skip : cmocka_run_group_tests(tests, begin, NULL);
}
