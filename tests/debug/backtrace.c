/*
 * Backtraces of real guests, compiled in several ways: the lines that the
 * comments of guests/crash.c mark come in the order in which they were
 * reached. And who may look into a guest, and when.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/control.h>
#include <mote/debug.h>
#include <mote/snapshot.h>

#include "abi/layout.h"
#include "harness/unit.h"
#include "harness/vm.h"

#define MARKS_MAX 64
#define FRAMES 64

static struct {
	char name[32];
	uint32_t line;
} marks[MARKS_MAX];
static size_t mark_count;

static void read_marks(void)
{
	FILE *file = fopen(CRASH_SOURCE, "r");
	char line[256];
	uint32_t number = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		const char *at = strstr(line, "/* line: ");

		number++;
		if (!at)
			continue;
		assert_true(mark_count < MARKS_MAX);
		assert_int_equal(sscanf(at, "/* line: %31s",
					marks[mark_count].name),
				 1);
		marks[mark_count++].line = number;
	}
	fclose(file);
}

static uint32_t line_of(const char *name)
{
	size_t i;

	for (i = 0; i < mark_count; i++)
		if (strcmp(marks[i].name, name) == 0)
			return marks[i].line;
	fail_msg("no mark %s", name);
	return 0;
}

static const char *const guests[] = {
	GUEST_debug_gcc_O0,     GUEST_debug_gcc_O2, GUEST_debug_gcc_frame,
	GUEST_debug_gcc_dwarf4, GUEST_debug_gcc_pie, GUEST_debug_gcc_sections,
#ifdef GUEST_debug_clang_O0
	GUEST_debug_clang_O0,   GUEST_debug_clang_O2, GUEST_debug_clang_dwarf4,
#endif
};

#define GUESTS (sizeof(guests) / sizeof(guests[0]))

/* Where a call ends, and the marks from there outwards. */
struct ending {
	const char *function;
	int32_t argument; /* -1: none */
	mote_status status;
	uint32_t kind;
	const char *const marks[6];
};

static const struct ending endings[] = {
	{ "Fall", 8, MOTE_E_GUEST_FAULT, MOTE_FAULT_NULL_POINTER,
	  { "fall", "third", "second", "Fall" } },
	{ "Sort", -1, MOTE_E_GUEST_FAULT, MOTE_FAULT_NULL_POINTER,
	  { "fall", "compare", "Sort" } },
	{ "Print", -1, MOTE_E_GUEST_FAULT, MOTE_FAULT_NULL_POINTER,
	  { "Print" } },
	{ "Aligned", -1, MOTE_E_GUEST_FAULT, MOTE_FAULT_NULL_POINTER,
	  { "fall", "aligned", "Aligned" } },
	{ "Dynamic", 100, MOTE_E_GUEST_FAULT, MOTE_FAULT_NULL_POINTER,
	  { "fall", "dynamic", "Dynamic" } },
	{ "Jump", -1, MOTE_E_GUEST_FAULT, MOTE_FAULT_READ, { "jump" } },
	{ "GiveUp", -1, MOTE_E_GUEST_FAULT, MOTE_FAULT_ABORT,
	  { "give_up", "GiveUp" } },
	{ "Spin", -1, MOTE_E_DEADLINE, MOTE_FAULT_NONE, { "Spin" } },
	{ "Quit", -1, MOTE_E_GUEST_EXIT, MOTE_FAULT_NONE, { "Quit" } },
	{ "Divide", 0, MOTE_E_GUEST_FAULT, MOTE_FAULT_DIVIDE, { "Divide" } },
	{ "Illegal", -1, MOTE_E_GUEST_FAULT, MOTE_FAULT_ILLEGAL_INSTRUCTION,
	  { "Illegal" } },
	{ "Flood", -1, MOTE_E_OUTPUT, MOTE_FAULT_NONE,
	  { "print", "Flood" } },
};

static void print_frames(const mote_frame *frames, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		print_message("#%zu %llx %s %s:%u\n", i,
			      (unsigned long long)frames[i].pc, frames[i].name,
			      frames[i].file, frames[i].line);
}

/* The index of the frame at a mark, from some frame on; count if none. */
static size_t frame_at(const mote_frame *frames, size_t count, size_t from,
		       const char *mark)
{
	while (from < count && (frames[from].line != line_of(mark) ||
				!strstr(frames[from].file, "crash.c")))
		from++;
	return from;
}

static void check_marks(const struct ending *ending, const mote_frame *frames,
			size_t count)
{
	size_t at = 0;
	size_t i;

	for (i = 0; i < 6 && ending->marks[i]; i++) {
		at = frame_at(frames, count, at, ending->marks[i]);
		if (at == count) {
			print_frames(frames, count);
			fail_msg("%s: no frame at %s", ending->function,
				 ending->marks[i]);
		}
	}
	/* From the call that the host made. */
	assert_string_equal(frames[count - 1].name, "mote_rt_dispatch_entry");
	assert_false(frames[0].flags & MOTE_FRAME_RETURN);
	for (i = 1; i < count; i++)
		assert_true(frames[i].flags & MOTE_FRAME_RETURN);
}

static void call(struct vm *vm, mote_sandbox *box,
		 const struct ending *ending)
{
	const mote_value argument = MOTE_I32(ending->argument);
	mote_status status;

	status = mote_call(box, ending->function, &argument,
			   ending->argument >= 0, NULL, &vm->err);
	vm_expect(status, ending->status, &vm->err);
	if (ending->status == MOTE_E_GUEST_FAULT &&
	    ending->kind != MOTE_FAULT_READ)
		assert_int_equal(vm->err.fault.kind, ending->kind);
}

static void test_endings(void **state)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_frame frames[FRAMES];
	size_t count;
	size_t g;
	size_t i;

	(void)state;
	options.deadline_ns = 50000000;
	options.max_output_bytes = 100000; /* reached long before that */
	for (g = 0; g < GUESTS; g++) {
		struct vm vm;

		vm_open(&vm, guests[g]);
		for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
			mote_sandbox *box = vm_sandbox(&vm, &options);

			call(&vm, box, &endings[i]);
			vm_expect(mote_sandbox_backtrace(box, frames, FRAMES,
							 &count, &vm.err),
				  MOTE_OK, &vm.err);
			check_marks(&endings[i], frames, count);
			mote_sandbox_free(box);
		}
		vm_close(&vm);
	}
}

/* The first frame is the innermost even if there is room for one only. */
static void test_cut(void **state)
{
	const struct ending *abort_ending = &endings[6];
	mote_frame frame;
	mote_sandbox *box;
	struct vm vm;
	size_t count;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	box = vm_sandbox(&vm, NULL);
	call(&vm, box, abort_ending);
	vm_expect(mote_sandbox_backtrace(box, &frame, 1, &count, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(count, 1);
	assert_string_equal(frame.name, "give_up");
	assert_int_equal(frame.pc, vm.err.fault.pc);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_overflow(void **state)
{
	static mote_frame frames[MOTE_BACKTRACE_MAX + 1];
	const struct ending overflow = {
		"Overflow", -1, MOTE_E_GUEST_FAULT, MOTE_FAULT_STACK_OVERFLOW,
		{ NULL }
	};
	mote_sandbox *box;
	struct vm vm;
	size_t count;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	box = vm_sandbox(&vm, NULL);
	call(&vm, box, &overflow);
	vm_expect(mote_sandbox_backtrace(box, frames, MOTE_BACKTRACE_MAX + 1,
					 &count, &vm.err),
		  MOTE_OK, &vm.err);
	assert_in_range(count, 1000, MOTE_BACKTRACE_MAX);
	for (i = 1; i < 1000; i++)
		assert_int_equal(frames[i].line, line_of("recurse"));
	assert_true(frame_at(frames, count, 1000, "Overflow") < count);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Wherever it was stopped: on which line of the loop, nobody can say. */
static void test_system_call(void **state)
{
	const struct ending ask = { "Ask", -1, MOTE_E_DEADLINE,
				    MOTE_FAULT_NONE, { "Ask" } };
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_frame frames[FRAMES];
	size_t count;
	size_t g;
	size_t i;

	(void)state;
	options.deadline_ns = 50000000;
	for (g = 0; g < GUESTS; g++) {
		mote_sandbox *box;
		struct vm vm;

		vm_open(&vm, guests[g]);
		box = vm_sandbox(&vm, &options);
		call(&vm, box, &ask);
		vm_expect(mote_sandbox_backtrace(box, frames, FRAMES, &count,
						 &vm.err),
			  MOTE_OK, &vm.err);
		check_marks(&ask, frames, count);
		if (strcmp(frames[0].name, "[syscall]") == 0) {
			assert_int_equal(frames[0].function, MOTE_GVA_SYSCALL);
			assert_string_equal(frames[1].name, "getpid");
		}
		i = frame_at(frames, count, 0, "Ask");
		assert_true(i > 0);
		assert_string_equal(frames[i - 1].name, "ask");
		mote_sandbox_free(box);
		vm_close(&vm);
	}
}

/* Jumps to data: the fault is there, its caller the next frame. */
static void test_execute(void **state)
{
	const struct ending execute = { "Execute", -1, MOTE_E_GUEST_FAULT,
					MOTE_FAULT_EXECUTE, { NULL } };
	mote_frame frames[FRAMES];
	mote_sandbox *box;
	struct vm vm;
	size_t count;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_pie);
	box = vm_sandbox(&vm, NULL);
	call(&vm, box, &execute);
	vm_expect(mote_sandbox_backtrace(box, frames, FRAMES, &count, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(frames[0].pc, vm.err.fault.address);
	assert_int_equal(frames[0].line, 0);
	assert_int_equal(frames[1].line, line_of("jump"));
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Between calls the guest stands where it left, with nothing to hide. */
static void test_ready(void **state)
{
	const mote_value arguments[] = { MOTE_I32(20), MOTE_I32(22) };
	mote_frame frames[FRAMES];
	mote_value result;
	mote_sandbox *box;
	struct vm vm;
	size_t count;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	box = vm_sandbox(&vm, NULL);
	vm_expect(mote_sandbox_backtrace(box, frames, FRAMES, &count, &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_call(box, "Add", arguments, 2, &result, &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_sandbox_backtrace(box, frames, FRAMES, &count, &vm.err),
		  MOTE_OK, &vm.err);
	assert_string_equal(frames[count - 1].name, "mote_rt_dispatch_entry");
	/* Looking does no harm. */
	vm_expect(mote_call(box, "Add", arguments, 2, &result, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.i32, 42);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_read_memory(void **state)
{
	mote_segment segment;
	unsigned char *file;
	unsigned char bytes[8192];
	mote_sandbox *box;
	struct vm vm;
	size_t size;
	size_t done = 99;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_pie);
	file = vm_read_file(GUEST_debug_gcc_pie, &size);
	box = vm_sandbox(&vm, NULL);
	vm_expect(mote_image_segment(vm.image, 1, &segment, &vm.err), MOTE_OK,
		  &vm.err);
	assert_true(segment.file_size > sizeof(bytes));
	vm_expect(mote_sandbox_read_memory(box, segment.address, bytes,
					   sizeof(bytes), &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, sizeof(bytes));
	assert_memory_equal(bytes, file + segment.file_offset, sizeof(bytes));
	/* Over the end of what is mapped, and where nothing is. */
	vm_expect(mote_sandbox_read_memory(box, MOTE_GVA_STACK_TOP - 100, bytes,
					   sizeof(bytes), &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, 100);
	vm_expect(mote_sandbox_read_memory(box, 0, bytes, 1, &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, 0);
	vm_expect(mote_sandbox_read_memory(box, UINT64_MAX - 1, bytes,
					   sizeof(bytes), &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, 0);
	vm_expect(mote_sandbox_read_memory(box, 0, NULL, 0, &done, &vm.err),
		  MOTE_OK, &vm.err);
	free(file);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* What the guest can read is shown, whoever it belongs to. */
static void test_read_mapped(void **state)
{
	static const char page[4096] __attribute__((aligned(4096))) = "mapped";
	uint64_t address = 0;
	mote_sandbox *box;
	struct vm vm;
	size_t done = 99;
	char read[2 * sizeof(page)];

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_pie);
	box = vm_sandbox(&vm, NULL);
	vm_expect(mote_map_memory(box, page, sizeof(page), &address, &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_sandbox_read_memory(box, address, read, sizeof(read),
					   &done, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(done, sizeof(page));
	assert_memory_equal(read, page, sizeof(page));
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_refused(void **state)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_frame frame;
	mote_sandbox *box;
	struct vm vm;
	size_t count = 99;
	char byte;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	options.flags = MOTE_SANDBOX_NO_DUMP;
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_sandbox_backtrace(box, &frame, 1, &count, &vm.err),
		  MOTE_E_STATE, &vm.err);
	vm_expect_text(&vm.err, "MOTE_SANDBOX_NO_DUMP");
	vm_expect(mote_sandbox_read_memory(box, 0, &byte, 1, &count, &vm.err),
		  MOTE_E_STATE, &vm.err);
	assert_int_equal(count, 99);
	vm_expect(mote_sandbox_backtrace(box, &frame, 0, &count, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect(mote_sandbox_backtrace(box, NULL, 1, &count, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect(mote_sandbox_read_memory(box, 0, NULL, 1, &count, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect(mote_image_symbolize(NULL, &frame, 1, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect(mote_image_symbolize(vm.image, NULL, 0, &vm.err), MOTE_OK,
		  &vm.err);
	/* No use after it: the sandbox is as before. */
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Every allocation in turn. */
static void test_no_memory(void **state)
{
	mote_frame frames[FRAMES];
	mote_sandbox *box;
	struct vm vm;
	size_t failures = 0;
	size_t live;
	size_t count;
	size_t n;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	box = vm_sandbox(&vm, NULL);
	call(&vm, box, &endings[0]);
	for (n = 1;; n++) {
		mote_status status;

		live = vm.allocator.live;
		vm.allocator.fail_at = vm.allocator.requests + n;
		status = mote_sandbox_backtrace(box, frames, FRAMES, &count,
						&vm.err);
		vm.allocator.fail_at = 0;
		if (status == MOTE_OK)
			break;
		vm_expect(status, MOTE_E_NO_MEMORY, &vm.err);
		/* The index stays once it is made. */
		assert_in_range(vm.allocator.live, live, live + 3);
		failures++;
	}
	assert_true(failures >= 4);
	check_marks(&endings[0], frames, count);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static int begin(void **state)
{
	(void)state;
	vm_watchdog(100);
	read_marks();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_system_call),
		cmocka_unit_test(test_execute),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_read_memory),
		cmocka_unit_test(test_read_mapped),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_memory),
	};
	int skip = vm_require();

	return skip ? skip : cmocka_run_group_tests(tests, begin, NULL);
}
