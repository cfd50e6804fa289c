/*
 * Programs that block signals, the kick signal among them, wait for them by
 * other means than handlers, or send them to others.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <mote/control.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "os/os.h"
#include "sandbox/kick.h"
#include "vm/villain.h"
#include "vm/villain_host.h"

#define MS UINT64_C(1000000)
#define LONG_NS (UINT64_C(100) * 1000 * MS)
#define KICK (SIGRTMIN + 6)

static struct vm vm;
static mote_sandbox *box;
static mote_interrupt *handle;
static sigset_t mask_before;

static void open_box(void)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);

	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask_before), 0);
	vm_open(&vm, GUEST_bare_villain);
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_interrupt_new(box, &handle, &vm.err), MOTE_OK, &vm.err);
	villain_count_start(box);
}

static void close_box(void)
{
	villain_host_fn = NULL;
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &mask_before, NULL), 0);
	mote_interrupt_unref(handle);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static mote_status call(const char *function)
{
	return mote_call(box, function, NULL, 0, NULL, &vm.err);
}

static void set_deadline(uint64_t ns)
{
	vm_expect(mote_sandbox_set_deadline(box, ns, &vm.err), MOTE_OK,
		  &vm.err);
}

static void change_mask(int how, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	assert_int_equal(pthread_sigmask(how, &set, NULL), 0);
}

static bool is_blocked(int number)
{
	sigset_t set;

	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &set), 0);
	return sigismember(&set, number);
}

static bool is_pending(int number)
{
	sigset_t set;

	assert_int_equal(sigpending(&set), 0);
	return sigismember(&set, number);
}

static pthread_t start(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, body, argument), 0);
	return thread;
}

/* --------------------------------------------- the kick signal is blocked */

/*
 * Between two calls, while the timer runs for a moment before the deadline
 * of the second, so that the library does not touch it.
 */
static void test_blocked_between_calls(void **state)
{
	uint64_t begun;

	(void)state;
	open_box();
	set_deadline(50 * MS);
	vm_expect(call("Answer"), MOTE_OK, &vm.err);
	change_mask(SIG_BLOCK, KICK);
	set_deadline(150 * MS);
	begun = mti_os_monotonic_ns();
	vm_expect(call("Spin"), MOTE_E_DEADLINE, &vm.err);
	assert_true(mti_os_monotonic_ns() - begun >= 150 * MS);
	/* It is the program's mask, and the library leaves it alone. */
	assert_true(is_blocked(KICK));
	close_box();
}

static void *cancel_main(void *unused)
{
	(void)unused;
	(void)villain_count_seen(box);
	(void)mote_interrupt_cancel(handle);
	return NULL;
}

static void test_blocked_cancel(void **state)
{
	pthread_t thread;

	(void)state;
	open_box();
	change_mask(SIG_BLOCK, KICK);
	thread = start(cancel_main, NULL);
	vm_expect(call("Count"), MOTE_E_CANCELLED, &vm.err);
	pthread_join(thread, NULL);
	close_box();
}

/* What is pending when a call starts does not keep it from running. */
static void test_blocked_pending(void **state)
{
	mote_sandbox_stats before;
	size_t i;

	(void)state;
	open_box();
	change_mask(SIG_BLOCK, KICK);
	for (i = 0; i < 3; i++)
		pthread_kill(pthread_self(), KICK);
	before = vm_stats(box);
	vm_expect(call("Answer"), MOTE_OK, &vm.err);
	/* Without ops->block they are taken before the guest starts. */
	assert_in_range(vm_stats(box).interrupted - before.interrupted,
			vm_soft() ? 1 : 3, 6);
	assert_false(is_pending(KICK));
	set_deadline(30 * MS);
	vm_expect(call("Spin"), MOTE_E_DEADLINE, &vm.err);
	close_box();
}

static mote_status block_inside(void *user, mote_host_call *host_call,
				const mote_value *args, size_t count,
				mote_value *result)
{
	(void)user;
	(void)host_call;
	(void)args;
	(void)count;
	change_mask(SIG_BLOCK, KICK);
	*result = MOTE_I32(1);
	return MOTE_OK;
}

static void test_blocked_in_host_function(void **state)
{
	(void)state;
	open_box();
	villain_host_fn = block_inside;
	set_deadline(50 * MS);
	vm_expect(call("HostThenCount"), MOTE_E_DEADLINE, &vm.err);
	close_box();
}

/* Where the hypervisor has no mask, the thread's is changed. */
static void kick_nobody(struct mti_vm *machine, bool on)
{
	(void)machine;
	(void)on;
}

static void test_blocked_without_mask(void **state)
{
	static const struct mti_hv_ops ops = { .kick = kick_nobody };
	const struct mti_kick_limits limits = { LONG_NS,
						MTI_KICK_NO_CPU_LIMIT };
	struct mote_interrupt interrupt = { 0 };
	struct mti_kick kick = { .ops = &ops, .interrupt = &interrupt };
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < 2; i++) {
		change_mask(SIG_BLOCK, KICK);
		vm_expect(mti_kick_begin(&kick, mti_os_monotonic_ns(), &limits,
					 &vm.err),
			  MOTE_OK, &vm.err);
		assert_false(is_blocked(KICK));
		assert_false(mti_kick_end(&kick));
	}
	close_box();
}

/* --------------------------------------------------- another one is blocked */

/* It neither ends the call, nor makes it spin, nor is it lost. */
static void test_other_pending(void **state)
{
	mote_sandbox_stats before;

	(void)state;
	open_box();
	change_mask(SIG_BLOCK, SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR1);
	before = vm_stats(box);
	vm_expect(call("Answer"), MOTE_OK, &vm.err);
	/* The emulator does not notice what the thread blocks. */
	assert_in_range(vm_stats(box).interrupted - before.interrupted,
			vm_soft() ? 0 : 1, 3);
	before = vm_stats(box);
	set_deadline(50 * MS);
	vm_expect(call("Spin"), MOTE_E_DEADLINE, &vm.err);
	assert_in_range(vm_stats(box).interrupted - before.interrupted, 1, 20);
	assert_true(is_pending(SIGUSR1));
	assert_int_equal(mti_os_signal_take(SIGUSR1), 1);
	assert_int_equal(mti_os_signal_take(SIGUSR1), 0);
	close_box();
}

static volatile sig_atomic_t handled;

/* The second cancels. */
static void on_signal(int number)
{
	(void)number;
	if (++handled == 2)
		(void)mote_interrupt_cancel(handle);
}

static void wait_until_handled(void)
{
	const struct timespec time = { 0 };

	/* At once, but with ThreadSanitizer at the next call. */
	while (handled == 0)
		nanosleep(&time, NULL);
}

static mote_status unblock_inside(void *user, mote_host_call *host_call,
				  const mote_value *args, size_t count,
				  mote_value *result)
{
	(void)user;
	(void)host_call;
	(void)args;
	(void)count;
	change_mask(SIG_UNBLOCK, SIGUSR1);
	wait_until_handled();
	*result = MOTE_I32(1);
	return MOTE_OK;
}

static void *send_counting(void *argument)
{
	(void)villain_count_seen(box);
	pthread_kill(*(pthread_t *)argument, SIGUSR1);
	return NULL;
}

/* Masks are for one entry: after the host function the signal comes. */
static void test_unblocked_in_host_function(void **state)
{
	pthread_t self = pthread_self();
	struct sigaction action;
	pthread_t thread;

	(void)state;
	open_box();
	handled = 0;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	villain_host_fn = unblock_inside;
	change_mask(SIG_BLOCK, SIGUSR1);
	pthread_kill(self, SIGUSR1);
	thread = start(send_counting, &self);
	vm_expect(call("HostThenCount"), MOTE_E_CANCELLED, &vm.err);
	pthread_join(thread, NULL);
	assert_int_equal(handled, 2);
	signal(SIGUSR1, SIG_DFL);
	close_box();
}

/* Sends, sees the guest go on nevertheless, then ends it. */
static void *send_and_see(void *argument)
{
	uint64_t seen = villain_count_seen(box);

	pthread_kill(*(pthread_t *)argument, SIGUSR1);
	while (villain_count_seen(box) < seen + 1000000)
		continue;
	(void)mote_interrupt_cancel(handle);
	return NULL;
}

static void test_signalfd(void **state)
{
	struct signalfd_siginfo info;
	pthread_t self = pthread_self();
	pthread_t thread;
	sigset_t set;
	int fd;

	(void)state;
	open_box();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	change_mask(SIG_BLOCK, SIGUSR1);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	assert_true(fd >= 0);
	thread = start(send_and_see, &self);
	vm_expect(call("Count"), MOTE_E_CANCELLED, &vm.err);
	pthread_join(thread, NULL);
	assert_int_equal(read(fd, &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.ssi_signo, SIGUSR1);
	close(fd);
	close_box();
}

/* All threads block it, one waits for it. */
static void *wait_and_cancel(void *unused)
{
	sigset_t set;
	int number = 0;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigwait(&set, &number) == 0 && number == SIGTERM)
		(void)mote_interrupt_cancel(handle);
	return NULL;
}

static void *terminate_counting(void *unused)
{
	(void)unused;
	(void)villain_count_seen(box);
	kill(getpid(), SIGTERM);
	return NULL;
}

static void test_sigwait(void **state)
{
	pthread_t waiter;
	pthread_t sender;

	(void)state;
	open_box();
	change_mask(SIG_BLOCK, SIGTERM);
	waiter = start(wait_and_cancel, NULL);
	sender = start(terminate_counting, NULL);
	vm_expect(call("Count"), MOTE_E_CANCELLED, &vm.err);
	pthread_join(waiter, NULL);
	pthread_join(sender, NULL);
	close_box();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocked_between_calls),
		cmocka_unit_test(test_blocked_cancel),
		cmocka_unit_test(test_blocked_pending),
		cmocka_unit_test(test_blocked_in_host_function),
		cmocka_unit_test(test_blocked_without_mask),
		cmocka_unit_test(test_other_pending),
		cmocka_unit_test(test_unblocked_in_host_function),
		cmocka_unit_test(test_signalfd),
		cmocka_unit_test(test_sigwait),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
