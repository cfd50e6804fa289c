/*
 * What warm calls and restores cost, as counts: entries of the virtual CPU,
 * system calls, allocations. Time is never looked at.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "sandbox/types.h"
#include "vm/calls_host.h"

#define WARM_CALLS 100
#define STRING_BYTES 1000

static struct vm vm;
static struct calls_host host;
static mote_sandbox *box;

/* Linked with --wrap: every allocation of the process comes here. */
static size_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocations++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	allocations++;
	return __real_realloc(block, size);
}

static void open_box(void)
{
	mote_sandbox_options options;

	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	options = calls_host_options(&host);
	/* No deadline comes near. */
	options.deadline_ns = UINT64_C(100000000000);
	box = vm_sandbox(&vm, &options);
}

static void close_box(void)
{
	mote_sandbox_free(box);
	vm_close(&vm);
}

static mote_status call1(const char *function, mote_value argument,
			 mote_value *result)
{
	return mote_call(box, function, &argument, 1, result, &vm.err);
}

/* Entries that the call takes, without those that a signal cut short. */
static uint64_t entries(const char *function, const mote_value *arguments,
			size_t count)
{
	mote_sandbox_stats before = vm_stats(box);
	mote_sandbox_stats after;

	vm_expect(mote_call(box, function, arguments, count, NULL, &vm.err),
		  MOTE_OK, &vm.err);
	after = vm_stats(box);
	assert_int_equal(after.calls - before.calls, 1);
	return (after.vm_entries - before.vm_entries) -
	       (after.interrupted - before.interrupted);
}

static void test_entries(void **state)
{
	static const int32_t times[] = { 0, 1, 2, 20 };
	mote_value argument;
	size_t i;

	(void)state;
	open_box();
	assert_int_equal(vm_stats(box).calls, 1);
	assert_int_equal(entries("Nothing", NULL, 0), 1);
	argument = MOTE_STRING("text");
	assert_int_equal(entries("EchoString", &argument, 1), 1);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		argument = MOTE_I32(times[i]);
		assert_int_equal(entries("Print", &argument, 1), 1);
		assert_int_equal(entries("Post", &argument, 1), 1);
		argument = MOTE_U32((uint32_t)times[i]);
		assert_int_equal(entries("HostLoop", &argument, 1),
				 1 + times[i]);
	}
	assert_int_equal(host.posts, 23);
	argument = MOTE_I32(9);
	assert_int_equal(entries("Mix", &argument, 1), 2);
	close_box();
}

static void test_lines(void **state)
{
	mote_sandbox_options options;
	mote_value argument = MOTE_I32(20);

	(void)state;
	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	options = calls_host_options(&host);
	options.flags = MOTE_SANDBOX_OUTPUT_LINES;
	box = vm_sandbox(&vm, &options);
	/* One exit a line, if that was asked for. */
	assert_int_equal(entries("Print", &argument, 1), 21);
	close_box();
}

static void test_batch_entries(void **state)
{
	mote_batch_item items[100];
	const mote_value argument = MOTE_I32(7);
	mote_sandbox_stats before;
	mote_sandbox_stats after;
	size_t i;

	(void)state;
	open_box();
	memset(items, 0, sizeof(items));
	for (i = 0; i < 100; i++) {
		items[i].function = "EchoI32";
		items[i].args = &argument;
		items[i].count = 1;
	}
	before = vm_stats(box);
	vm_expect(mote_call_batch(box, items, 100, &vm.err), MOTE_OK, &vm.err);
	after = vm_stats(box);
	assert_int_equal((after.vm_entries - before.vm_entries) -
				 (after.interrupted - before.interrupted),
			 1);
	for (i = 0; i < 100; i++) {
		assert_int_equal(items[i].status, MOTE_OK);
		assert_int_equal(items[i].result.as.i32, 7);
	}
	close_box();
}

/* ------------------------------------------------------------ allocation */

static char text[STRING_BYTES + 1];

static void warm_calls(void)
{
	mote_value result;
	size_t i;

	for (i = 0; i < WARM_CALLS; i++) {
		if (call1("EchoI32", MOTE_I32((int32_t)i), &result) !=
			    MOTE_OK ||
		    result.as.i32 != (int32_t)i ||
		    call1("EchoString", MOTE_STRING_N(text, STRING_BYTES),
			  &result) != MOTE_OK ||
		    result.as.string.size != STRING_BYTES)
			abort();
	}
}

static void test_allocations(void **state)
{
	size_t requests;
	size_t before;

	(void)state;
	open_box();
	memset(text, 'x', STRING_BYTES);
	warm_calls();
	requests = atomic_load(&vm.allocator.requests);
	before = allocations;
	warm_calls();
	/* Host functions, output, batches, errors of the guest: none too. */
	vm_expect(call1("Mix", MOTE_I32(1), NULL), MOTE_OK, &vm.err);
	vm_expect(call1("TryString", MOTE_STRING("x"), NULL), MOTE_OK, &vm.err);
	assert_int_equal(mote_call(box, "NoSuch", NULL, 0, NULL, &vm.err),
			 MOTE_E_NOT_FOUND);
	assert_int_equal(allocations - before, 0);
	assert_int_equal(atomic_load(&vm.allocator.requests) - requests, 0);
	close_box();
}

/* ---------------------------------------------------------- system calls */

#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(field)                          \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,   \
		 (uint32_t)offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, skipped) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skipped))

/* Of AArch64 each register is a system call of its own. */
#if defined(__aarch64__)
#define REGISTER KVM_SET_ONE_REG
#else
#define REGISTER KVM_RUN
#endif

/* From now on only KVM_RUN and the end of the process; else SIGSYS. */
static void forbid_system_calls(bool clock_allowed)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		SKIP_UNLESS(SYS_exit_group, 1),
		ALLOW,
		SKIP_UNLESS(clock_allowed ? SYS_clock_gettime : SYS_exit_group,
			    1),
		ALLOW,
		SKIP_UNLESS(SYS_ioctl, 5),
		LOAD(args[1]),
		SKIP_UNLESS(REGISTER, 1),
		ALLOW,
		SKIP_UNLESS(KVM_RUN, 1),
		ALLOW,
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(3);
}

static int wait_for(pid_t child)
{
	int status = -1;

	while (waitpid(child, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return status;
}

/* Whether this machine's clock is read without the kernel. */
static bool clock_is_free(void)
{
	struct timespec now;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		forbid_system_calls(false);
		clock_gettime(CLOCK_MONOTONIC, &now);
		clock_gettime(CLOCK_REALTIME, &now);
		_exit(0);
	}
	return wait_for(child) == 0;
}

/* Runs body twice, the second time without system calls. */
static void run_without(void (*prepare)(void), void (*body)(void))
{
	bool clock_allowed = !clock_is_free();
	pid_t child;
	int status;

	if (clock_allowed)
		print_message("the clock of this machine is a system call\n");
	memset(text, 'x', STRING_BYTES);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(60);
		open_box();
		prepare();
		body();
		forbid_system_calls(clock_allowed);
		body();
		/* Straight: exit handlers would need more. */
		syscall(SYS_exit_group, 0);
	}
	status = wait_for(child);
	if (WIFSIGNALED(status))
		fail_msg("it made another system call (signal %d)",
			 WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void prepare_nothing(void)
{
}

static void test_system_calls(void **state)
{
	(void)state;
	run_without(prepare_nothing, warm_calls);
}

/* -------------------------------------------------------------- restore */

#define RESTORES 50

static mote_snapshot *snapshot;

static void prepare_restores(void)
{
	/* The system is asked for random numbers once in 128 restores. */
	vm_check_restores(false);
	warm_calls();
	if (mote_snapshot_take(box, &snapshot, &vm.err) != MOTE_OK)
		abort();
	while (vm.engine->entropy.left < 2 * RESTORES * 32 + 32)
		if (mote_sandbox_restore(box, snapshot, &vm.err) != MOTE_OK)
			abort();
}

static void warm_restores(void)
{
	size_t i;

	for (i = 0; i < RESTORES; i++)
		if (call1("EchoString", MOTE_STRING_N(text, STRING_BYTES),
			  NULL) != MOTE_OK ||
		    call1("Mix", MOTE_I32(1), NULL) != MOTE_OK ||
		    mote_sandbox_restore(box, snapshot, &vm.err) != MOTE_OK)
			abort();
}

static void test_restore_system_calls(void **state)
{
	bool tracks;

	(void)state;
	open_box();
	tracks = vm.engine->ops->tracks(box->vm);
	close_box();
	if (tracks)
		run_without(prepare_restores, warm_restores);
	else
		print_message("no dirty ring: the system is asked for pages\n");
}

static void test_restore_allocations(void **state)
{
	size_t requests;
	size_t before;

	(void)state;
	open_box();
	prepare_restores();
	warm_restores();
	requests = atomic_load(&vm.allocator.requests);
	before = allocations;
	warm_restores();
	assert_int_equal(allocations - before, 0);
	assert_int_equal(atomic_load(&vm.allocator.requests) - requests, 0);
	/* Nor is the guest entered. */
	before = vm_stats(box).vm_entries;
	assert_int_equal(mote_sandbox_restore(box, snapshot, &vm.err), MOTE_OK);
	assert_int_equal(vm_stats(box).vm_entries, before);
	mote_snapshot_unref(snapshot);
	close_box();
}

/* The filter does kill. */
static void test_filter(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		forbid_system_calls(false);
		(void)getppid();
		_exit(0);
	}
	status = wait_for(child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_batch_entries),
		cmocka_unit_test(test_allocations),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_restore_system_calls),
		cmocka_unit_test(test_restore_allocations),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
