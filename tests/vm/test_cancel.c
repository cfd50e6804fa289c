/*
 * Cancels: each row of the race table in sandbox/kick.h, with the pause
 * points of pause.h.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mote/control.h>
#include <mote/snapshot.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "sandbox/interrupt.h"
#include "sandbox/types.h"
#include "vm/pause.h"
#include "vm/villain.h"
#include "vm/villain_host.h"

#define LONG_NS UINT64_C(100000000000)

static struct vm vm;
static mote_sandbox *box;
static mote_interrupt *handle;
static mote_snapshot *snapshot;

/* ---------------------------------------------------------------- fixture */

static void open_box(void)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);

	vm_open(&vm, GUEST_bare_villain);
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_snapshot_take(box, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_interrupt_new(box, &handle, &vm.err), MOTE_OK, &vm.err);
	memset(&pause_at, 0, sizeof(pause_at));
	atomic_store(&pause_signals_sent, 0);
}

static void close_box(void)
{
	villain_host_fn = NULL;
	mote_interrupt_unref(handle);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void expect_answer(mote_sandbox *one)
{
	mote_value result;

	vm_expect(mote_call(one, "Answer", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.as.i64, 42);
}

/* The call was cancelled; afterwards the sandbox is as new. */
static void expect_cancelled(mote_sandbox *one, mote_status status)
{
	vm_expect(status, MOTE_E_CANCELLED, &vm.err);
	vm_expect_text(&vm.err, "cancelled");
	assert_int_equal(vm.err.code, MOTE_E_CANCELLED);
	assert_int_equal(mote_sandbox_state(one), MOTE_SANDBOX_POISONED);
	vm_expect(mote_call(one, "Answer", NULL, 0, NULL, &vm.err),
		  MOTE_E_POISONED, &vm.err);
	/* Nothing runs any more. */
	assert_int_equal(mote_interrupt_cancel(handle), 0);
	vm_expect(mote_sandbox_restore(one, snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	expect_answer(one);
}

static mote_status call(const char *function)
{
	return mote_call(box, function, NULL, 0, NULL, &vm.err);
}

static mote_status call_host(uint64_t times)
{
	const mote_value argument = MOTE_U64(times);

	return mote_call(box, "CallHost", &argument, 1, NULL, &vm.err);
}

/* What the last cancel returned; not looked at on other threads. */
static int cancelled;

static void cancel(void)
{
	cancelled = mote_interrupt_cancel(handle);
}

static void *cancel_main(void *unused)
{
	(void)unused;
	cancel();
	return NULL;
}

static void cancel_elsewhere(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, cancel_main, NULL) != 0)
		abort();
	pthread_join(thread, NULL);
}

static const pause_fn ways[] = { cancel, cancel_elsewhere };

/* ------------------------------------------------------------ the rows */

static void test_between_calls(void **state)
{
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < 2; i++) {
		ways[i]();
		assert_int_equal(cancelled, 0);
		expect_answer(box);
		/* The last moment before the call counts as such. */
		pause_at.begin = ways[i];
		cancelled = -1;
		expect_answer(box);
		assert_int_equal(cancelled, 0);
	}
	assert_int_equal(atomic_load(&pause_signals_sent), 0);
	close_box();
}

static void test_before_entry(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		open_box();
		villain_count_start(box);
		pause_at.before_entry = ways[i];
		expect_cancelled(box, call("Count"));
		assert_int_equal(villain_count(box), 0);
		assert_int_equal(atomic_load(&pause_signals_sent), 1);
		close_box();
	}
}

static void *cancel_counting(void *unused)
{
	(void)unused;
	(void)villain_count_seen(box);
	cancel();
	return NULL;
}

static void test_in_guest(void **state)
{
	static const char *const functions[] = { "Count", "HostThenCount" };
	mote_call_stats stats = MOTE_CALL_STATS_INIT;
	pthread_t thread;
	size_t i;

	(void)state;
	for (i = 0; i < 20; i++) {
		open_box();
		villain_count_start(box);
		assert_int_equal(pthread_create(&thread, NULL, cancel_counting,
						NULL),
				 0);
		vm_expect(call(functions[i % 2]), MOTE_E_CANCELLED, &vm.err);
		pthread_join(thread, NULL);
		assert_int_equal(cancelled, 1);
		assert_int_equal(atomic_load(&pause_signals_sent), 1);
		vm_expect(mote_sandbox_get_call_stats(box, &stats, &vm.err),
			  MOTE_OK, &vm.err);
		assert_int_equal(stats.status, MOTE_E_CANCELLED);
		assert_true(stats.exits_interrupted >= 1);
		expect_cancelled(box, MOTE_E_CANCELLED);
		close_box();
	}
}

static pause_fn in_host;
static size_t host_calls;
static int polled_before;
static int polled_after;

static mote_status cancelling_host(void *user, mote_host_call *host_call,
				   const mote_value *args, size_t count,
				   mote_value *result)
{
	(void)user;
	(void)args;
	(void)count;
	host_calls++;
	polled_before = mote_host_call_cancelled(host_call);
	in_host();
	polled_after = mote_host_call_cancelled(host_call);
	*result = MOTE_I32(1);
	return MOTE_OK;
}

static void test_in_host_function(void **state)
{
	mote_sandbox_stats before;
	size_t i;

	(void)state;
	assert_int_equal(mote_host_call_cancelled(NULL), 0);
	for (i = 0; i < 2; i++) {
		open_box();
		villain_host_fn = cancelling_host;
		in_host = ways[i];
		host_calls = 0;
		before = vm_stats(box);
		vm_expect(call_host(2), MOTE_E_CANCELLED, &vm.err);
		assert_int_equal(cancelled, 1);
		assert_int_equal(host_calls, 1);
		assert_int_equal(polled_before, 0);
		assert_int_equal(polled_after, 1);
		/* The guest was not entered again, not even for nothing. */
		assert_int_equal(vm_stats(box).vm_entries - before.vm_entries,
				 1);
		expect_cancelled(box, MOTE_E_CANCELLED);
		close_box();
	}
}

static void test_after_last_entry(void **state)
{
	mote_value result = MOTE_I32(7);
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		open_box();
		if (i < 2)
			pause_at.after_exit = ways[i];
		else
			pause_at.end = ways[i - 2];
		cancelled = -1;
		expect_cancelled(box, mote_call(box, "Answer", NULL, 0, &result,
						&vm.err));
		assert_int_equal(cancelled, 1);
		assert_int_equal(result.as.i32, 7);
		close_box();
	}
	for (i = 0; i < 2; i++) {
		open_box();
		pause_at.after_end = ways[i];
		cancelled = -1;
		expect_answer(box);
		assert_int_equal(cancelled, 0);
		expect_answer(box);
		close_box();
	}
}

/* A crash comes before a cancel that came after it. */
static void test_after_fault(void **state)
{
	const struct evil evil = { .out = "", .post = "",
				   .port = MOTE_PORT_ABORT };

	(void)state;
	open_box();
	/* Its pages are copied, where that is an exit. */
	expect_answer(box);
	pause_at.after_exit = cancel;
	vm_expect(evil_call(box, "EvilI64", &evil, NULL, &vm.err),
		  MOTE_E_GUEST_FAULT, &vm.err);
	assert_int_equal(cancelled, 1);
	close_box();
}

static uint64_t looked;

static void look(void)
{
	looked = mti_interrupt_look(handle);
}

static void strike(void)
{
	cancelled = mti_interrupt_strike(handle, looked);
}

static void test_late_strike(void **state)
{
	(void)state;
	open_box();
	villain_host_fn = cancelling_host;
	in_host = look;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	strike();
	assert_int_equal(cancelled, 0);
	/* Not the next one either. */
	in_host = strike;
	cancelled = -1;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	assert_int_equal(cancelled, 0);
	assert_int_equal(polled_after, 0);
	assert_int_equal(atomic_load(&pause_signals_sent), 0);
	close_box();
}

/* A canceller that is held between its strike and its signal. */
static sem_t struck;
static sem_t go_on;

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore))
		continue;
}

static void hold(void)
{
	sem_post(&struck);
	wait_for(&go_on);
}

static pthread_t held;

static void start_held(void)
{
	pause_at.before_signal = hold;
	if (pthread_create(&held, NULL, cancel_main, NULL) != 0)
		abort();
	wait_for(&struck);
}

static void let_go(void)
{
	sem_post(&go_on);
	pthread_join(held, NULL);
}

static void test_late_signal(void **state)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);
	mote_sandbox_stats before;
	mote_sandbox_stats after;
	mote_sandbox *other;

	(void)state;
	sem_init(&struck, 0, 0);
	sem_init(&go_on, 0, 0);
	open_box();
	other = vm_sandbox(&vm, &options);
	pause_at.before_entry = start_held;
	/* No signal came, but it is cancelled when the guest leaves. */
	expect_cancelled(box, call("Answer"));
	/* The signal comes to a call that has nothing to do with it. */
	before = vm_stats(other);
	pause_at.before_entry = let_go;
	expect_answer(other);
	after = vm_stats(other);
	assert_int_equal(after.interrupted - before.interrupted, 1);
	assert_int_equal(after.vm_entries - before.vm_entries, 2);
	assert_int_equal(cancelled, 1);
	mote_sandbox_free(other);
	close_box();
}

static void *answer_main(void *argument)
{
	mote_error err = MOTE_ERROR_INIT;

	(void)argument;
	pause_at.before_entry = start_held;
	cancelled = -1;
	return mote_call(box, "Answer", NULL, 0, NULL, &err) ==
			       MOTE_E_CANCELLED ?
		       box :
		       NULL;
}

/* The thread of the call has ended when the signal is sent. */
static void test_thread_gone(void **state)
{
	pthread_t thread;
	void *result;

	(void)state;
	sem_init(&struck, 0, 0);
	sem_init(&go_on, 0, 0);
	open_box();
	assert_int_equal(pthread_create(&thread, NULL, answer_main, NULL), 0);
	pthread_join(thread, &result);
	assert_ptr_equal(result, box);
	let_go();
	assert_int_equal(cancelled, 1);
	close_box();
}

static int first;

static void cancel_twice(void)
{
	first = mote_interrupt_cancel(handle);
	cancel();
}

static void test_twice(void **state)
{
	(void)state;
	open_box();
	villain_host_fn = cancelling_host;
	in_host = cancel_twice;
	expect_cancelled(box, call_host(1));
	assert_int_equal(first, 1);
	assert_int_equal(cancelled, 1);
	assert_int_equal(atomic_load(&pause_signals_sent), 1);
	close_box();
}

static mote_sandbox *inner;
static mote_status inner_status;

static void cancel_then_call(void)
{
	mote_error err = MOTE_ERROR_INIT;

	cancel();
	inner_status = mote_call(inner, "Answer", NULL, 0, NULL, &err);
}

static void cancel_inside(void)
{
	mote_error err = MOTE_ERROR_INIT;

	pause_at.before_entry = cancel;
	inner_status = mote_call(inner, "Answer", NULL, 0, NULL, &err);
}

/* The other way round: the inner call is cancelled, the outer goes on. */
static mote_interrupt *inner_handle;

static void cancel_inner(void)
{
	cancelled = mote_interrupt_cancel(inner_handle);
}

static void call_and_cancel_inner(void)
{
	mote_error err = MOTE_ERROR_INIT;

	pause_at.before_entry = cancel_inner;
	inner_status = mote_call(inner, "Spin", NULL, 0, NULL, &err);
}

static void test_outer(void **state)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		open_box();
		inner = vm_sandbox(&vm, &options);
		villain_host_fn = cancelling_host;
		in_host = i == 0 ? cancel_then_call : cancel_inside;
		expect_cancelled(box, call_host(2));
		vm_expect(inner_status, MOTE_OK, NULL);
		assert_int_equal(polled_after, 1);
		expect_answer(inner);
		mote_sandbox_free(inner);
		close_box();
	}
	open_box();
	inner = vm_sandbox(&vm, &options);
	vm_expect(mote_interrupt_new(inner, &inner_handle, &vm.err), MOTE_OK,
		  &vm.err);
	villain_host_fn = cancelling_host;
	in_host = call_and_cancel_inner;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	vm_expect(inner_status, MOTE_E_CANCELLED, NULL);
	assert_int_equal(polled_after, 0);
	villain_host_fn = NULL;
	expect_answer(box);
	mote_interrupt_unref(inner_handle);
	mote_sandbox_free(inner);
	close_box();
}

/* A child has a copy of the handle; what it does is no concern of ours. */
static void fork_and_cancel(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(mote_interrupt_cancel(handle));
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	cancelled = status;
}

static void test_fork(void **state)
{
	(void)state;
	open_box();
	villain_host_fn = cancelling_host;
	in_host = fork_and_cancel;
	vm_expect(call_host(1), MOTE_OK, &vm.err);
	assert_int_equal(cancelled, 0);
	expect_answer(box);
	close_box();
}

/* ----------------------------------------------------------- the handles */

static void test_handles(void **state)
{
	mote_interrupt *handles[100];
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < 100; i++)
		vm_expect(mote_interrupt_new(box, &handles[i], &vm.err),
			  MOTE_OK, &vm.err);
	mote_interrupt_unref(handle);
	handle = mote_interrupt_ref(handles[99]);
	assert_ptr_equal(handle, handles[99]);
	pause_at.before_entry = cancel;
	expect_cancelled(box, call("Spin"));
	mote_sandbox_free(box);
	box = NULL;
	mote_snapshot_unref(snapshot);
	snapshot = NULL;
	mote_image_unref(vm.image);
	vm.image = NULL;
	mote_engine_unref(vm.engine);
	vm.engine = NULL;
	/* They are all that is left. */
	for (i = 0; i < 100; i++) {
		assert_int_equal(mote_interrupt_cancel(handles[i]), 0);
		mote_interrupt_unref(handles[i]);
	}
	assert_int_equal(mote_interrupt_cancel(handle), 0);
	assert_true(atomic_load(&vm.allocator.live) > 0);
	close_box();
}

static void test_arguments(void **state)
{
	mote_interrupt *none = NULL;

	(void)state;
	open_box();
	vm_expect(mote_interrupt_new(NULL, &none, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect_text(&vm.err, "box");
	vm_expect(mote_interrupt_new(box, NULL, &vm.err), MOTE_E_INVALID,
		  &vm.err);
	vm_expect_text(&vm.err, "handle");
	assert_null(mote_interrupt_ref(NULL));
	mote_interrupt_unref(NULL);
	assert_int_equal(mote_interrupt_cancel(NULL), 0);
	close_box();
}

/* A handle that was made while the call runs cancels it as well. */
static void cancel_by_new(void)
{
	mote_error err = MOTE_ERROR_INIT;
	mote_interrupt *fresh = NULL;

	if (mote_interrupt_new(box, &fresh, &err) == MOTE_OK)
		cancelled = mote_interrupt_cancel(fresh);
	mote_interrupt_unref(fresh);
}

static void test_made_inside(void **state)
{
	(void)state;
	open_box();
	villain_host_fn = cancelling_host;
	in_host = cancel_by_new;
	cancelled = -1;
	expect_cancelled(box, call_host(1));
	assert_int_equal(cancelled, 1);
	close_box();
}

/* ---------------------------------------------- what else can be cancelled */

static void test_batch(void **state)
{
	mote_batch_item items[] = { { .function = "Answer" },
				    { .function = "Spin" } };

	(void)state;
	open_box();
	pause_at.before_entry = cancel;
	expect_cancelled(box, mote_call_batch(box, items, 2, &vm.err));
	close_box();
}

/* Posted calls are not made once the call is cancelled. */
static size_t posted;

static mote_status posted_host(void *user, mote_host_call *host_call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	(void)user;
	(void)host_call;
	(void)args;
	(void)count;
	(void)result;
	if (++posted == 2)
		cancel();
	return MOTE_OK;
}

static void test_posted(void **state)
{
	struct record {
		struct mote_abi_post post;
		struct mote_abi_message head;
		struct mote_abi_slot slot;
		char text[8];
	} records[5];
	const struct evil evil = { .out = "",
				   .post = records,
				   .post_size = sizeof(records),
				   .post_used = sizeof(records),
				   .port = MOTE_PORT_FLUSH };
	const struct record one = {
		.post = { MOTE_POST_CALL, sizeof(one) - sizeof(one.post) },
		.head = { .version = MOTE_MESSAGE_VERSION,
			  .kind = MOTE_MESSAGE_HOST_CALL,
			  .size = sizeof(one) - sizeof(one.post),
			  .function = 2, /* HostLog */
			  .count = 1 },
		.slot = { .type = MOTE_TYPE_STRING,
			  .length = 1,
			  .value = sizeof(one.head) + sizeof(one.slot) },
		.text = "x",
	};
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < 5; i++)
		records[i] = one;
	villain_host_fn = posted_host;
	posted = 0;
	expect_cancelled(box, evil_call(box, "EvilI64", &evil, NULL, &vm.err));
	assert_int_equal(posted, 2);
	close_box();
}

static volatile sig_atomic_t errno_kept;

static void cancel_in_handler(int number)
{
	int saved = errno;

	(void)number;
	errno = EDOM;
	cancel();
	errno_kept = errno == EDOM;
	errno = saved;
}

static void *signal_counting(void *argument)
{
	(void)villain_count_seen(box);
	pthread_kill(*(pthread_t *)argument, SIGUSR1);
	return NULL;
}

/* From a handler of the program, on the very thread of the call. */
static void test_from_handler(void **state)
{
	pthread_t self = pthread_self();
	struct sigaction action;
	pthread_t thread;

	(void)state;
	open_box();
	memset(&action, 0, sizeof(action));
	action.sa_handler = cancel_in_handler;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	villain_count_start(box);
	cancelled = -1;
	assert_int_equal(pthread_create(&thread, NULL, signal_counting, &self),
			 0);
	vm_expect(call("Count"), MOTE_E_CANCELLED, &vm.err);
	pthread_join(thread, NULL);
	assert_int_equal(cancelled, 1);
	assert_true(errno_kept);
	expect_cancelled(box, MOTE_E_CANCELLED);
	signal(SIGUSR1, SIG_DFL);
	close_box();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between_calls),
		cmocka_unit_test(test_before_entry),
		cmocka_unit_test(test_in_guest),
		cmocka_unit_test(test_in_host_function),
		cmocka_unit_test(test_after_last_entry),
		cmocka_unit_test(test_after_fault),
		cmocka_unit_test(test_late_strike),
		cmocka_unit_test(test_late_signal),
		cmocka_unit_test(test_thread_gone),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_outer),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_handles),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_made_inside),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_posted),
		cmocka_unit_test(test_from_handler),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
