/*
 * Samples and heap events of real guests: they come, with the stacks that
 * the guest had, and a guest that is sampled computes what it would anyway.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mote/debug.h>

#include "harness/unit.h"
#include "harness/vm.h"

#define STACKS_MAX 4096

static struct vm vm;

/* What came; names are looked up later. */
static struct {
	mote_frame frames[STACKS_MAX][12];
	size_t counts[STACKS_MAX];
	size_t count;
	mote_sandbox *box; /* to be used where that is forbidden */
	mote_status misused;
} samples;

static void take(void *user, const struct mote_frame *frames, size_t count)
{
	size_t kept = count < 12 ? count : 12;

	assert_ptr_equal(user, &samples);
	assert_in_range(count, 1, MOTE_PROFILE_FRAMES_MAX);
	if (samples.box)
		samples.misused = mote_call(samples.box, "Work", NULL, 0, NULL,
					    NULL);
	if (samples.count == STACKS_MAX)
		return;
	memcpy(samples.frames[samples.count], frames,
	       kept * sizeof(frames[0]));
	samples.counts[samples.count++] = kept;
}

/* In how many samples a function is, in some frame. */
static size_t samples_in(const char *function)
{
	size_t found = 0;
	size_t i;
	size_t k;

	for (i = 0; i < samples.count; i++) {
		vm_expect(mote_image_symbolize(vm.image, samples.frames[i],
					       samples.counts[i], &vm.err),
			  MOTE_OK, &vm.err);
		for (k = 0; k < samples.counts[i]; k++)
			if (strcmp(samples.frames[i][k].name, function) == 0)
				break;
		found += k < samples.counts[i];
	}
	return found;
}

static mote_sandbox *sampled(uint64_t ns)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	memset(&samples, 0, sizeof(samples));
	options.sample_ns = ns;
	options.sample = take;
	options.sample_user = &samples;
	options.deadline_ns = UINT64_C(20000000000);
	return vm_sandbox(&vm, &options);
}

static void test_samples(void **state)
{
	mote_value work[] = { MOTE_U32(100), MOTE_U32(20000) };
	mote_sandbox *box;
	size_t heavy;
	size_t light;

	(void)state;
	vm_open(&vm, GUEST_debug_profile);
	box = sampled(100000);
	/* Until there are enough, however fast this machine is. */
	while (samples.count < 400) {
		vm_expect(mote_call(box, "Work", work, 2, NULL, &vm.err),
			  MOTE_OK, &vm.err);
		work[0].as.u32 *= 2;
	}
	heavy = samples_in("heavy");
	light = samples_in("light");
	/* 3 to 1, with room for chance. */
	assert_true(heavy > light);
	assert_true(light * 10 > samples.count);
	assert_true((heavy + light) * 10 > samples.count * 8);
	assert_true(samples_in("mote_rt_dispatch_entry") * 10 >
		    samples.count * 9);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Frames through libc; the result is the same as without. */
static void test_through_libc(void **state)
{
	const mote_value count = MOTE_U32(20000);
	mote_value plain;
	mote_value watched;
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_debug_profile);
	box = vm_sandbox(&vm, NULL);
	vm_expect(mote_call(box, "Sort", &count, 1, &plain, &vm.err), MOTE_OK,
		  &vm.err);
	mote_sandbox_free(box);
	box = sampled(50000);
	vm_expect(mote_call(box, "Sort", &count, 1, &watched, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(plain.as.i32, watched.as.i32);
	assert_true(samples.count > 10);
	assert_true(samples_in("compare") * 2 > samples.count);
	assert_true(samples_in("mote_rt_dispatch_entry") * 10 >
		    samples.count * 8);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* In how many samples of it a function has the given caller. */
static size_t samples_called(const char *function, const char *caller)
{
	const size_t all = samples_in(function);
	size_t found = 0;
	size_t i;
	size_t k;

	for (i = 0; all > 0 && i < samples.count; i++)
		for (k = 1; k < samples.counts[i]; k++)
			if (strcmp(samples.frames[i][k - 1].name,
				   function) == 0 &&
			    strcmp(samples.frames[i][k].name, caller) == 0) {
				found++;
				break;
			}
	return found;
}

/* A system call has the function that made it for a caller. */
static void test_system_calls(void **state)
{
	mote_sandbox *box;
	size_t inside;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	box = sampled(100000);
	vm_expect(mote_sandbox_set_deadline(box, 300000000, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_call(box, "Ask", NULL, 0, NULL, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	assert_true(samples.count >= 5);
	/* On some CPUs hardly a sample falls there. */
	inside = samples_in("[syscall]");
	print_message("%zu of %zu samples in the syscall page\n", inside,
		      samples.count);
	/* libc makes a few others when the guest starts. */
	assert_true(samples_called("[syscall]", "getpid") + 8 >= inside);
	assert_true(samples_called("getpid", "ask") * 10 >
		    samples.count * 8);
	assert_true(samples_called("ask", "Ask") +
			    samples_called("ask", "mote_invoke_Ask") >
		    samples.count * 9 / 10);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* A deadline comes in time, also if it is not a multiple of anything. */
static void test_deadline(void **state)
{
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	box = sampled(1000000);
	vm_expect(mote_sandbox_set_deadline(box, 50500000, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_call(box, "Spin", NULL, 0, NULL, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	assert_true(samples.count >= 5);
	assert_true(samples_in("spin") * 10 > samples.count * 9);
	mote_sandbox_free(box);
	/* A period longer than the call: none. */
	box = sampled(UINT64_C(10000000000));
	vm_expect(mote_sandbox_set_deadline(box, 50000000, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_call(box, "Spin", NULL, 0, NULL, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	assert_int_equal(samples.count, 0);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_misuse(void **state)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_debug_gcc_O2);
	box = sampled(1000000);
	samples.box = box;
	vm_expect(mote_sandbox_set_deadline(box, 30000000, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_call(box, "Spin", NULL, 0, NULL, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	assert_int_equal(samples.misused, MOTE_E_STATE);
	mote_sandbox_free(box);
	options.sample = take;
	options.sample_ns = 19999;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "sample_ns");
	options.sample_ns = UINT64_MAX;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	options.sample_ns = 0;
	options.flags = MOTE_SANDBOX_NO_DUMP;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_INVALID, &vm.err);
	vm_expect_text(&vm.err, "MOTE_SANDBOX_NO_DUMP");
	vm_close(&vm);
}

/* ----------------------------------------------------------------- heap */

static struct {
	struct {
		uint64_t address;
		uint64_t size;
		char function[128]; /* that called malloc or the like */
	} live[64];
	size_t count;
	uint64_t bytes;
	uint64_t peak;
	size_t events;
	size_t unknown;
} heap;

static void forget(uint64_t address)
{
	size_t i;

	for (i = 0; i < heap.count && heap.live[i].address != address; i++)
		;
	if (i == heap.count) {
		heap.unknown++;
		return;
	}
	heap.bytes -= heap.live[i].size;
	heap.live[i] = heap.live[--heap.count];
}

static void heap_event(void *user, uint32_t kind, uint64_t address,
		       uint64_t size, const struct mote_frame *frames,
		       size_t count)
{
	mote_frame caller;
	size_t i;

	assert_ptr_equal(user, &heap);
	heap.events++;
	if (kind == MOTE_HEAP_FREE) {
		assert_int_equal(size, 0);
		forget(address);
		return;
	}
	assert_int_equal(kind, MOTE_HEAP_ALLOCATE);
	assert_true(heap.count < 64);
	/* Behind the runtime's own. */
	for (i = 0; i < count; i++) {
		caller = frames[i];
		vm_expect(mote_image_symbolize(vm.image, &caller, 1, &vm.err),
			  MOTE_OK, &vm.err);
		if (strncmp(caller.name, "mote_rt_", 8) != 0 &&
		    strncmp(caller.name, "__wrap_", 7) != 0)
			break;
	}
	heap.live[heap.count].address = address;
	heap.live[heap.count].size = size;
	snprintf(heap.live[heap.count].function,
		 sizeof(heap.live[heap.count].function), "%s", caller.name);
	heap.count++;
	heap.bytes += size;
	if (heap.bytes > heap.peak)
		heap.peak = heap.bytes;
}

static void expect_leak(uint64_t size, const char *function)
{
	size_t i;

	for (i = 0; i < heap.count; i++)
		if (heap.live[i].size == size &&
		    strcmp(heap.live[i].function, function) == 0)
			return;
	fail_msg("no leak of %u bytes by %s", (unsigned int)size, function);
}

static void test_heap(void **state)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_sandbox *box;
	mote_value result;

	(void)state;
	vm_open(&vm, GUEST_debug_profile);
	options.heap = heap_event;
	options.heap_user = &heap;
	box = vm_sandbox(&vm, &options);
	memset(&heap, 0, sizeof(heap));
	vm_expect(mote_call(box, "Heap", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.as.i32, 1);
	assert_int_equal(heap.peak, 150000);
	assert_int_equal(heap.bytes, 1000 + 2000 + 5000 + 13 + 640);
	assert_int_equal(heap.count, 5);
	assert_int_equal(heap.unknown, 0);
	expect_leak(1000, "grab");
	expect_leak(2000, "leak");
	expect_leak(5000, "leak");
	expect_leak(13, "strdup");
	expect_leak(640, "leak");
	mote_sandbox_free(box);
	/* Who does not ask is not told, and has no exits of it. */
	options.heap = NULL;
	box = vm_sandbox(&vm, &options);
	memset(&heap, 0, sizeof(heap));
	vm_expect(mote_call(box, "Heap", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(heap.events, 0);
	assert_int_equal(vm_stats(box).vm_entries, 2);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static int begin(void **state)
{
	(void)state;
	vm_watchdog(55);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_through_libc),
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_heap),
	};
	int skip = vm_require();

	return skip ? skip : cmocka_run_group_tests(tests, begin, NULL);
}
