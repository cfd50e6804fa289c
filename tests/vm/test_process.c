/*
 * The library in its process: descriptors, mappings, memory and timers come
 * and go; signals of the program are the program's.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "abi/layout.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/villain.h"
#include "vm/villain_host.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define MS UINT64_C(1000000)
#define LONG_NS (100 * 1000 * MS)

static struct vm vm;

static mote_sandbox *new_box(void)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);

	return vm_sandbox(&vm, &options);
}

static void expect_answer(mote_sandbox *box)
{
	mote_value result;

	vm_expect(mote_call(box, "Answer", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.as.i64, 42);
}

/* ------------------------------------------------------------- resources */

static size_t resident_pages(void)
{
	size_t total = 0;
	size_t resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%zu %zu", &total, &resident), 2);
	fclose(file);
	return resident;
}

static void test_come_and_go(void **state)
{
	size_t pages = 0;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	for (i = 0; i < 200; i++) {
		mote_sandbox *box = new_box();

		expect_answer(box);
		mote_sandbox_free(box);
		if (i == 50)
			pages = resident_pages();
	}
	/* One page a sandbox would be 150. */
	assert_true(VM_SANITIZED || resident_pages() < pages + 100);
	vm_close(&vm);
}

static void test_many_alive(void **state)
{
	mote_sandbox *boxes[64];
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	for (i = 0; i < 64; i++)
		boxes[i] = new_box();
	for (i = 0; i < 64; i++)
		expect_answer(boxes[63 - i]);
	for (i = 0; i < 64; i++)
		mote_sandbox_free(boxes[i]);
	vm_close(&vm);
}

/* References: the program's own go first, what needs them goes on. */
static void test_references(void **state)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	const mote_sandbox_options villain = villain_host_options(LONG_NS);
	mote_sandbox *box = NULL;
	struct vm_resources before;
	struct vm_resources after;

	(void)state;
	memset(&vm, 0, sizeof(vm));
	vm.err.struct_size = sizeof(vm.err);
	vm_allocator_init(&vm.allocator);
	options.allocator = vm.allocator.public;
	before = vm_resources_now();
	vm_expect(mote_engine_new(&options, &vm.engine, &vm.err), MOTE_OK,
		  &vm.err);
	vm_open_image(&vm, GUEST_bare_villain);
	assert_ptr_equal(mote_engine_ref(vm.engine), vm.engine);
	assert_ptr_equal(mote_image_ref(vm.image), vm.image);
	mote_engine_unref(vm.engine);
	mote_engine_unref(vm.engine);
	vm_expect(mote_sandbox_new(vm.image, &villain, &box, &vm.err), MOTE_OK,
		  &vm.err);
	mote_image_unref(vm.image);
	mote_image_unref(vm.image);
	expect_answer(box);
	mote_sandbox_free(box);
	after = vm_resources_now();
	assert_int_equal(atomic_load(&vm.allocator.live), 0);
	assert_int_equal(after.descriptors, before.descriptors);
	assert_int_equal(after.mappings, before.mappings);
}

/* The largest sandbox there is: it costs what is touched. */
static void test_largest(void **state)
{
	mote_sandbox_options options = villain_host_options(LONG_NS);
	const mote_value last_page[] = { MOTE_U64(MOTE_GVA_HEAP + 64 * GIB -
						  4096),
					 MOTE_U64(4096), MOTE_U32(7) };
	const mote_value deepest[] = { MOTE_U64(MOTE_GVA_STACK_TOP - GIB),
				       MOTE_U64(4096), MOTE_U32(7) };
	mote_sandbox *box;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	options.heap_bytes = 64 * GIB;
	options.stack_bytes = GIB;
	options.io_bytes = GIB;
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_call(box, "Fill", last_page, 3, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_call(box, "Fill", deepest, 3, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	expect_answer(box);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void without_address_space(void *unused)
{
	const struct rlimit limit = { GIB, GIB };
	mote_sandbox_options options = villain_host_options(LONG_NS);
	mote_sandbox *box = NULL;

	(void)unused;
	vm_open(&vm, GUEST_bare_villain);
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	options.heap_bytes = 2 * GIB;
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_NO_MEMORY, &vm.err);
	assert_null(box);
	assert_int_equal(vm.err.os_errno, ENOMEM);
	/* A smaller one is possible. */
	box = new_box();
	expect_answer(box);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void without_descriptors(void *unused)
{
	const struct rlimit limit = { 3, 3 };
	mote_sandbox *box = NULL;
	const mote_sandbox_options options = villain_host_options(LONG_NS);

	(void)unused;
	vm_open(&vm, GUEST_bare_villain);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_OS, &vm.err);
	assert_int_equal(vm.err.os_errno, EMFILE);
	assert_null(box);
	vm_close(&vm);
}

static void test_limits_of_process(void **state)
{
	(void)state;
	/* Sanitizers need more address space than a limit would leave. */
	if (!VM_SANITIZED &&
	    !(vm_soft() && vm_differs("the emulator needs 1 GiB of addresses")))
		vm_fork(without_address_space, NULL, 20);
	vm_fork(without_descriptors, NULL, 20);
}

/* ---------------------------------------------------------------- timers */

/* Timers of this process; 0 too where the kernel does not tell. */
static size_t count_timers(void)
{
	FILE *file = fopen("/proc/self/timers", "re");
	char line[256];
	size_t count = 0;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "ID:", 3) == 0)
			count++;
	fclose(file);
	return count;
}

static void *one_call(void *argument)
{
	mote_error err = MOTE_ERROR_INIT;

	return mote_call(argument, "Answer", NULL, 0, NULL, &err) == MOTE_OK ?
		       argument :
		       NULL;
}

/* A thread that made calls takes its timer along when it ends. */
static void test_threads_end(void **state)
{
	mote_sandbox *box;
	size_t before;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	box = new_box();
	expect_answer(box);
	before = count_timers();
	for (i = 0; i < 50; i++) {
		pthread_t thread;
		void *result = NULL;

		assert_int_equal(pthread_create(&thread, NULL, one_call, box),
				 0);
		pthread_join(thread, &result);
		assert_ptr_equal(result, box);
	}
	assert_int_equal(count_timers(), before);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* --------------------------------------------------------------- signals */

static void program_handler(int signal)
{
	(void)signal;
}

static mote_status engine_with(int signal, mote_error *err)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_engine *engine = NULL;
	mote_status status;

	options.kick_signal = signal;
	status = mote_engine_new(&options, &engine, err);
	if (status != MOTE_OK)
		assert_null(engine);
	mote_engine_unref(engine);
	return status;
}

static void foreign_handler(void *how)
{
	struct sigaction action;
	struct sigaction now;
	mote_error err = MOTE_ERROR_INIT;

	memset(&action, 0, sizeof(action));
	action.sa_handler = how ? SIG_IGN : program_handler;
	assert_int_equal(sigaction(SIGRTMIN + 6, &action, NULL), 0);
	vm_expect(engine_with(0, &err), MOTE_E_STATE, &err);
	vm_expect_text(&err, "kick_signal");
	/* It is as the program left it. */
	assert_int_equal(sigaction(SIGRTMIN + 6, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, action.sa_handler);
	/* Another signal will do, and is then the one. */
	vm_expect(engine_with(SIGUSR2, &err), MOTE_OK, &err);
	vm_expect(engine_with(0, &err), MOTE_OK, &err);
	vm_expect(engine_with(SIGUSR2, &err), MOTE_OK, &err);
	vm_expect(engine_with(SIGUSR1, &err), MOTE_E_STATE, &err);
}

static void bad_signals(void *unused)
{
	static const int signals[] = { -1, SIGKILL, SIGSTOP, 32, 33, 65, 1000,
				       INT32_MAX, INT32_MIN };
	mote_error err = MOTE_ERROR_INIT;
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		vm_expect(engine_with(signals[i], &err), MOTE_E_INVALID, &err);
	vm_expect(engine_with(0, &err), MOTE_OK, &err);
}

static void test_foreign_handler(void **state)
{
	int ignored = 1;

	(void)state;
	vm_fork(foreign_handler, NULL, 20);
	vm_fork(foreign_handler, &ignored, 20);
	vm_fork(bad_signals, NULL, 20);
}

static void other_signal_works(void *unused)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	const mote_sandbox_options villain = villain_host_options(LONG_NS);
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_error err = MOTE_ERROR_INIT;

	(void)unused;
	options.kick_signal = SIGUSR1;
	vm_expect(mote_engine_new(&options, &engine, &err), MOTE_OK, &err);
	vm_expect(mote_image_open(engine, GUEST_bare_villain, &image, &err),
		  MOTE_OK, &err);
	vm_expect(mote_sandbox_new(image, &villain, &box, &err), MOTE_OK, &err);
	vm_expect(mote_sandbox_set_deadline(box, 30 * MS, &err), MOTE_OK, &err);
	vm_expect(mote_call(box, "Spin", NULL, 0, NULL, &err), MOTE_E_DEADLINE,
		  &err);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
}

/* A thread that blocks every signal, the kick signal among them. */
static void *call_blocked(void *argument)
{
	mote_error *err = argument;
	const mote_sandbox_options options = villain_host_options(LONG_NS);
	mote_sandbox *box = NULL;
	mote_status status;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	status = mote_sandbox_new(vm.image, &options, &box, err);
	if (status == MOTE_OK)
		status = mote_sandbox_set_deadline(box, 30 * MS, err);
	if (status == MOTE_OK)
		status = mote_call(box, "Spin", NULL, 0, NULL, err);
	mote_sandbox_free(box);
	err->code = (int32_t)status;
	return NULL;
}

static void test_blocked_signal(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	pthread_t thread;

	(void)state;
	vm_fork(other_signal_works, NULL, 20);
	vm_open(&vm, GUEST_bare_villain);
	assert_int_equal(pthread_create(&thread, NULL, call_blocked, &err), 0);
	pthread_join(thread, NULL);
	vm_expect((mote_status)err.code, MOTE_E_DEADLINE, &err);
	vm_close(&vm);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int signal)
{
	(void)signal;
	alarms++;
}

/* The program's own signals come through and change no call. */
static void storm(void *flags)
{
	const struct itimerval each = { { 0, 1000 }, { 0, 1000 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	const mote_value times = MOTE_U64(50);
	struct sigaction action;
	uint64_t interrupted = 0;
	mote_value result;
	size_t i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = count_alarm;
	action.sa_flags = *(const int *)flags;
	assert_int_equal(sigaction(SIGVTALRM, &action, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	alarms = 0;
	assert_int_equal(setitimer(ITIMER_REAL, &each, NULL), 0);
	vm_open(&vm, GUEST_bare_villain);
	for (i = 0; i < 30; i++) {
		mote_sandbox *box = new_box();
		size_t j;

		for (j = 0; j < 20; j++) {
			expect_answer(box);
			vm_expect(mote_call(box, "CallHost", &times, 1, &result,
					    &vm.err),
				  MOTE_OK, &vm.err);
		}
		assert_int_equal(vm_stats(box).host_calls, 20 * 50);
		interrupted += vm_stats(box).interrupted;
		mote_sandbox_free(box);
	}
	vm_close(&vm);
	setitimer(ITIMER_REAL, &never, NULL);
	print_message("%d alarms, %llu entries interrupted\n", (int)alarms,
		      (unsigned long long)interrupted);
	assert_true(alarms > 10);
	/* What is not for the library does not stop the emulator. */
	assert_true(vm_soft() || interrupted > 0);
}

static void test_storm(void **state)
{
	int restart = SA_RESTART;
	int no_restart = 0;

	(void)state;
	vm_fork(storm, &restart, 0);
	vm_fork(storm, &no_restart, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: they need a process without a kick signal. */
		cmocka_unit_test(test_foreign_handler),
		cmocka_unit_test(test_blocked_signal),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_many_alive),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_limits_of_process),
		cmocka_unit_test(test_threads_end),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(55);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
