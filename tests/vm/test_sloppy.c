/*
 * Hosts that mean well and are careless: each gets an error or what it meant,
 * and keeps its process.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/calls_host.h"

#define MIB ((size_t)1 << 20)

static struct vm vm;
static struct calls_host host;
static mote_sandbox *box;

static void open_box(void)
{
	box = calls_host_open(&host, &vm);
}

/* With the table as it is now. */
static void reopen_box(void)
{
	mote_sandbox_options options = calls_host_options(&host);

	mote_sandbox_free(box);
	box = vm_sandbox(&vm, &options);
}

static void set_deadline_ms(uint64_t ms)
{
	vm_expect(mote_sandbox_set_deadline(box, ms * 1000000, &vm.err),
		  MOTE_OK, &vm.err);
}

static void close_box(void)
{
	mote_sandbox_free(box);
	vm_close(&vm);
}

/*
 * Small calls fit the call area in numbers whose results do not fit the out
 * area: that must be found out before the guest is in trouble.
 */
static void test_batch_too_long(void **state)
{
	/* A message has 32 bytes, the least answer 56. */
	const size_t most = (MIB + 4096) / 56;
	mote_batch_item *items = calloc(most + 1, sizeof(*items));
	size_t i;

	(void)state;
	assert_non_null(items);
	for (i = 0; i <= most; i++)
		items[i].function = "Nothing";
	open_box();
	vm_expect(mote_call_batch(box, items, most + 1, &vm.err),
		  MOTE_E_TOO_LARGE, &vm.err);
	vm_expect_text(&vm.err, "18798 items");
	vm_expect(mote_call_batch(box, items, SIZE_MAX, &vm.err),
		  MOTE_E_TOO_LARGE, &vm.err);
	vm_expect(mote_call_batch(box, items, most, &vm.err), MOTE_OK,
		  &vm.err);
	for (i = 0; i < most; i++)
		assert_int_equal(items[i].status, MOTE_OK);
	close_box();
	free(items);
}

/* The record of an old or a mistaken caller: no byte more than it says. */
static void test_short_error(void **state)
{
	unsigned char bytes[sizeof(mote_error)];
	mote_error *err = (mote_error *)bytes;
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_engine *engine = NULL;
	mote_value status = MOTE_I32(3);
	uint32_t size;
	size_t i;

	(void)state;
	options.backend = "no such backend";
	for (size = 0; size < 64; size++) {
		open_box();
		memset(bytes, 0xaa, sizeof(bytes));
		err->struct_size = size;
		vm_expect(mote_call(box, "Exit", &status, 1, NULL, err),
			  MOTE_E_GUEST_EXIT, NULL);
		vm_expect(mote_engine_new(&options, &engine, err),
			  MOTE_E_NO_HYPERVISOR, NULL);
		for (i = size < 4 ? 4 : size; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], 0xaa);
		close_box();
	}
}

#define BLOCKS 64

static void use_in_child(void *unused)
{
	mote_error err = MOTE_ERROR_INIT;
	unsigned char *blocks[BLOCKS];
	size_t i;

	(void)unused;
	vm_expect(mote_call(box, "Nothing", NULL, 0, NULL, &err), MOTE_E_STATE,
		  &err);
	vm_expect_text(&err, "fork");
	/* These may lie where the parent has its guest's memory. */
	for (i = 0; i < BLOCKS; i++) {
		blocks[i] = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(blocks[i] != MAP_FAILED);
		blocks[i][0] = 1;
	}
	mote_sandbox_free(box);
	for (i = 0; i < BLOCKS; i++)
		assert_int_equal(blocks[i][0], 1);
}

static void loop_in_child(void *unused)
{
	const mote_value times = MOTE_U32(UINT32_MAX);

	(void)unused;
	open_box();
	set_deadline_ms(400);
	vm_expect(mote_call(box, "HostLoop", &times, 1, NULL, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	close_box();
}

/* A child cannot use what its parent has made, but make its own. */
static void test_fork(void **state)
{
	(void)state;
	open_box();
	/* It leaves the thread's timer armed, for less than the child wants. */
	set_deadline_ms(300);
	vm_expect(mote_call(box, "Nothing", NULL, 0, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	vm_fork(use_in_child, NULL, 10);
	vm_fork(loop_in_child, NULL, 10);
	vm_expect(mote_call(box, "Nothing", NULL, 0, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	close_box();
}

static void choose_signals(void *unused)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP,
				      SIGABRT };
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	struct sigaction action;
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		options.kick_signal = faults[i];
		vm_expect(mote_engine_new(&options, &engine, &err),
			  MOTE_E_INVALID, &err);
	}
	options.kick_signal = SIGRTMIN + 9;
	vm_expect(mote_engine_new(&options, &engine, &err), MOTE_OK, &err);
	assert_int_equal(sigaction(SIGRTMIN + 9, NULL, &action), 0);
	/* It may come to a thread that runs on a small stack just then. */
	assert_true(action.sa_flags & SA_ONSTACK);
	assert_true(action.sa_flags & SA_RESTART);
	mote_engine_unref(engine);
}

/* In a child before this process has chosen its signal: the first test. */
static void test_signals(void **state)
{
	(void)state;
	vm_fork(choose_signals, NULL, 10);
}

static mote_status slow_log(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct calls_host *seen = user;

	(void)call;
	(void)args;
	(void)count;
	(void)result;
	seen->posts++;
	nanosleep(&pause, NULL);
	return MOTE_OK;
}

/* What a guest has posted does not run on and on after the deadline. */
static void test_slow_posts(void **state)
{
	const mote_value times = MOTE_I32(100000);
	mote_host_function *log;

	(void)state;
	open_box();
	log = calls_host_entry(&host, "Log");
	log->fn = slow_log;
	log->user = &host;
	reopen_box();
	set_deadline_ms(100);
	vm_expect(mote_call(box, "Post", &times, 1, NULL, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	vm_expect_text(&vm.err, "100 ms");
	/* The area holds some hundreds; five and one fit the time. */
	assert_in_range(host.posts, 1, 8);
	close_box();
}

static mote_status free_box(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	(void)user;
	(void)call;
	(void)count;
	mote_sandbox_free(box);
	mote_sandbox_free(box);
	*result = args[0];
	return MOTE_OK;
}

/* A sandbox freed by its own host function goes when its call has ended. */
static void test_free_inside(void **state)
{
	const mote_value argument = MOTE_I32(7);
	mote_value result;

	(void)state;
	if (vm_pooled()) {
		print_message("not of a pool: it would be released\n");
		return;
	}
	open_box();
	calls_host_entry(&host, "HostI32")->fn = free_box;
	reopen_box();
	vm_expect(mote_call(box, "ThroughI32", &argument, 1, &result,
			    &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.i32, 7);
	vm_close(&vm);
}

static void test_null_call(void **state)
{
	(void)state;
	assert_int_equal(mote_host_call_fail(NULL, 1, "no"), MOTE_E_INVALID);
	assert_null(mote_host_call_alloc(NULL, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_batch_too_long),
		cmocka_unit_test(test_short_error),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_slow_posts),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_null_call),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests_name("sloppy", tests, NULL, NULL);
}
