/*
 * Deadlines: whatever the guest does, it is stopped; and a call that ends in
 * time is never hit by the timer of another one. The time that passes is
 * only ever compared with a bound from below; the watchdog is the one above.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "os/os.h"
#include "sandbox/kick.h"
#include "vm/villain.h"
#include "vm/villain_host.h"

#define MS UINT64_C(1000000)
#define LONG_NS (UINT64_C(100) * 1000 * MS)
#define STALE_ROUNDS 1000
#define STALE_CALLS 4

static struct vm vm;

static mote_sandbox_options options_with(uint64_t deadline_ns)
{
	mote_sandbox_options options = villain_host_options(deadline_ns);

	options.max_host_calls = UINT64_MAX;
	return options;
}

static mote_sandbox *new_box(uint64_t deadline_ns)
{
	const mote_sandbox_options options = options_with(deadline_ns);

	return vm_sandbox(&vm, &options);
}

static void expect_answer(mote_sandbox *box, mote_error *err)
{
	mote_value result;

	vm_expect(mote_call(box, "Answer", NULL, 0, &result, err), MOTE_OK,
		  err);
	assert_int_equal(result.as.i64, 42);
}

static void expect_deadline(mote_sandbox *box, mote_status status,
			    mote_error *err)
{
	vm_expect(status, MOTE_E_DEADLINE, err);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	vm_expect(mote_call(box, "Answer", NULL, 0, NULL, err), MOTE_E_POISONED,
		  err);
}

static void test_loops(void **state)
{
	static const char *const loops[] = {
		"Spin",	       "SpinSyscall", "SpinHost",
		"SpinFlush",   "SpinService", "SpinFpu",
		"SpinVmmcall", "SpinCpuid",   "SpinHeap",
	};
	mote_sandbox *witness;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	witness = new_box(LONG_NS);
	for (i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		mote_sandbox *box;
		uint64_t start;

		if (vm_soft() && strcmp(loops[i], "SpinVmmcall") == 0 &&
		    vm_differs("VMMCALL is #UD"))
			continue;
		box = new_box(LONG_NS);

		vm_expect(mote_sandbox_set_deadline(box, 50 * MS, &vm.err),
			  MOTE_OK, &vm.err);
		start = mti_os_monotonic_ns();
		expect_deadline(
			box, mote_call(box, loops[i], NULL, 0, NULL, &vm.err),
			&vm.err);
		assert_true(mti_os_monotonic_ns() - start >= 50 * MS);
		/* One that never leaves by itself was made to. */
		if (strcmp(loops[i], "Spin") == 0)
			assert_true(vm_stats(box).interrupted >= 1);
		mote_sandbox_free(box);
		expect_answer(witness, &vm.err);
	}
	mote_sandbox_free(witness);
	vm_close(&vm);
}

static void test_default(void **state)
{
	mote_sandbox *box;
	uint64_t start;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	box = new_box(0);
	start = mti_os_monotonic_ns();
	expect_deadline(box, mote_call(box, "Spin", NULL, 0, NULL, &vm.err),
			&vm.err);
	assert_true(mti_os_monotonic_ns() - start >= 1000 * MS);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Constructors have a deadline as well. */
static void test_init(void **state)
{
	const mote_sandbox_options options = options_with(30 * MS);
	mote_sandbox *box = NULL;
	unsigned char *file;
	unsigned char *row;
	size_t size;

	(void)state;
	vm_open(&vm, NULL);
	file = vm_read_file(GUEST_bare_villain, &size);
	/* The program starts at the function Spin. */
	row = memmem(file, size, "Spin\0\0\0\0", 8);
	assert_non_null(row);
	memcpy(file + 24, row + 240, 8);
	vm_expect(mote_image_from_memory(vm.engine, file, size, &vm.image,
					 &vm.err),
		  MOTE_OK, &vm.err);
	vm_expect(mote_sandbox_new(vm.image, &options, &box, &vm.err),
		  MOTE_E_DEADLINE, &vm.err);
	assert_null(box);
	free(file);
	vm_close(&vm);
}

/* So early that it may have passed before the guest is entered. */
static void test_tiny(void **state)
{
	static const uint64_t deadlines[] = {
		1, 100, 10000, 20000, 30000, 50000
	};
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	for (i = 0; i < 60; i++) {
		mote_sandbox *box = new_box(LONG_NS);
		mote_status status;

		vm_expect(mote_sandbox_set_deadline(box, deadlines[i % 6],
						    &vm.err),
			  MOTE_OK, &vm.err);
		status = mote_call(box, "Answer", NULL, 0, NULL, &vm.err);
		if (status != MOTE_OK)
			expect_deadline(box, status, &vm.err);
		mote_sandbox_free(box);
	}
	vm_close(&vm);
}

/* ---------------------------------------------------- in host functions */

static mote_status wait_100_ms(void *user, mote_host_call *call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	uint64_t start = mti_os_monotonic_ns();

	(void)user;
	(void)call;
	(void)args;
	(void)count;
	while (mti_os_monotonic_ns() - start < 100 * MS)
		continue;
	*result = MOTE_I32(1);
	return MOTE_OK;
}

static void test_in_host_function(void **state)
{
	const mote_value once = MOTE_U64(1);
	mote_sandbox *box;

	(void)state;
	villain_host_fn = wait_100_ms;
	vm_open(&vm, GUEST_bare_villain);
	box = new_box(LONG_NS);
	vm_expect(mote_call(box, "CallHost", &once, 1, NULL, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_sandbox_set_deadline(box, 50 * MS, &vm.err), MOTE_OK,
		  &vm.err);
	/* The host function ends, the guest is not entered again. */
	expect_deadline(box,
			mote_call(box, "CallHost", &once, 1, NULL, &vm.err),
			&vm.err);
	mote_sandbox_free(box);
	vm_close(&vm);
	villain_host_fn = NULL;
}

static void output_100_ms(void *user, uint32_t stream, const char *data,
			  size_t size)
{
	mote_value unused;

	(void)stream;
	(void)data;
	(void)size;
	(void)wait_100_ms(user, NULL, NULL, 0, &unused);
}

/*
 * The deadline comes when the guest has returned and its output is handed
 * out: too late for this call, and nothing to the next.
 */
static void test_after_return(void **state)
{
	const struct mote_abi_message head = {
		.version = MOTE_MESSAGE_VERSION,
		.kind = MOTE_MESSAGE_RESULT,
		.size = 48,
		.count = 1,
	};
	const struct mote_abi_post line = { MOTE_POST_STDOUT, 8 };
	struct {
		struct mote_abi_message head;
		struct mote_abi_slot slot;
	} result = { head, { .type = MOTE_TYPE_I64, .value = 5 } };
	const struct evil evil = { .out = &result,
				   .out_size = sizeof(result),
				   .post = &line,
				   .post_size = sizeof(line),
				   .post_used = 16,
				   .port = MOTE_PORT_RETURN };
	mote_sandbox_options options = options_with(LONG_NS);
	mote_sandbox_stats before;
	mote_sandbox_stats after;
	mote_sandbox *box;
	mote_value value;

	(void)state;
	options.output = output_100_ms;
	vm_open(&vm, GUEST_bare_villain);
	box = vm_sandbox(&vm, &options);
	vm_expect(mote_sandbox_set_deadline(box, 50 * MS, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(evil_call(box, "EvilI64", &evil, &value, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(value.as.i64, 5);
	before = vm_stats(box);
	vm_expect(mote_sandbox_set_deadline(box, LONG_NS, &vm.err), MOTE_OK,
		  &vm.err);
	expect_answer(box, &vm.err);
	after = vm_stats(box);
	/* Where the signal is blocked it waits for the next entry. */
	assert_int_equal(after.interrupted - before.interrupted,
			 VM_THREAD_SANITIZED);
	assert_int_equal(after.vm_entries - before.vm_entries,
			 1 + VM_THREAD_SANITIZED);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static mote_sandbox *inner;
static mote_status inner_status;
static mote_error inner_error = MOTE_ERROR_INIT;

static mote_status spin_inside(void *user, mote_host_call *call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)count;
	inner_status = mote_call(inner, "Spin", NULL, 0, NULL, &inner_error);
	*result = MOTE_I32(1);
	return MOTE_OK;
}

static void nest(uint64_t outer_ns, uint64_t inner_ns, bool outer_ends)
{
	const mote_value once = MOTE_U64(1);
	mote_sandbox *outer;
	mote_status status;

	villain_host_fn = spin_inside;
	vm_open(&vm, GUEST_bare_villain);
	outer = new_box(LONG_NS);
	inner = new_box(LONG_NS);
	vm_expect(mote_sandbox_set_deadline(outer, outer_ns, &vm.err), MOTE_OK,
		  &vm.err);
	vm_expect(mote_sandbox_set_deadline(inner, inner_ns, &vm.err), MOTE_OK,
		  &vm.err);
	status = mote_call(outer, "CallHost", &once, 1, NULL, &vm.err);
	if (outer_ns < inner_ns)
		vm_expect_text(&inner_error, "around this one");
	expect_deadline(inner, inner_status, &inner_error);
	if (outer_ends) {
		vm_expect(status, MOTE_OK, &vm.err);
		/* Its next deadline works again. */
		vm_expect(mote_sandbox_set_deadline(outer, 30 * MS, &vm.err),
			  MOTE_OK, &vm.err);
		status = mote_call(outer, "Spin", NULL, 0, NULL, &vm.err);
	}
	expect_deadline(outer, status, &vm.err);
	mote_sandbox_free(inner);
	mote_sandbox_free(outer);
	vm_close(&vm);
	villain_host_fn = NULL;
}

static void test_nested_outer_first(void **state)
{
	(void)state;
	nest(40 * MS, LONG_NS, false);
}

static void test_nested_inner_first(void **state)
{
	(void)state;
	nest(LONG_NS, 40 * MS, true);
}

static void test_nested_together(void **state)
{
	(void)state;
	nest(40 * MS, 40 * MS, false);
}

/* ----------------------------------------------------------- stale timers */

static void kick_nobody(struct mti_vm *machine, bool on)
{
	(void)machine;
	(void)on;
}

static void block_nothing(struct mti_vm *machine, const sigset_t *blocked)
{
	(void)machine;
	(void)blocked;
}

/*
 * Leaves this thread's timer armed for a moment that will come while later
 * calls, which have all the time in the world, are somewhere.
 */
static void arm_soon(struct random_source *source, mote_error *err)
{
	static const struct mti_hv_ops ops = { .kick = kick_nobody,
					       .block = block_nothing };
	struct mote_interrupt interrupt = { 0 };
	struct mti_kick nobody = { .ops = &ops, .interrupt = &interrupt };
	const struct mti_kick_limits limits = {
		.deadline_ns = random_below(source, 200000),
		.cpu_ns = MTI_KICK_NO_CPU_LIMIT,
	};

	vm_expect(mti_kick_begin(&nobody, mti_os_monotonic_ns(), &limits, err),
		  MOTE_OK, err);
	assert_false(mti_kick_end(&nobody));
}

struct stale_thread {
	pthread_t thread;
	mote_sandbox *box;
	mote_error err;
	struct random_source source;
	bool failed;
};

static void *stale_main(void *argument)
{
	struct stale_thread *self = argument;
	mote_value result;
	size_t i;
	size_t j;

	for (i = 0; i < STALE_ROUNDS; i++) {
		arm_soon(&self->source, &self->err);
		for (j = 0; j < STALE_CALLS; j++)
			if (mote_call(self->box, "Answer", NULL, 0, &result,
				      &self->err) != MOTE_OK ||
			    result.as.i64 != 42)
				self->failed = true;
	}
	return NULL;
}

static void test_stale_timers(void **state)
{
	struct stale_thread threads[2];
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	memset(threads, 0, sizeof(threads));
	for (i = 0; i < 2; i++) {
		threads[i].box = new_box(LONG_NS);
		threads[i].err.struct_size = sizeof(mote_error);
		threads[i].source.state = i;
	}
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i].thread, NULL,
						stale_main, &threads[i]),
				 0);
	for (i = 0; i < 2; i++) {
		mote_sandbox_stats stats;

		pthread_join(threads[i].thread, NULL);
		if (threads[i].failed)
			fail_msg("%s", threads[i].err.text);
		stats = vm_stats(threads[i].box);
		print_message("%llu of %llu entries were interrupted\n",
			      (unsigned long long)stats.interrupted,
			      (unsigned long long)stats.vm_entries);
		/* Each call is one entry, and one more for each signal. */
		assert_int_equal(stats.vm_entries - stats.interrupted,
				 vm_first_calls() +
					 STALE_ROUNDS * STALE_CALLS);
		mote_sandbox_free(threads[i].box);
	}
	vm_close(&vm);
}

/* Short and long deadlines in turn, none reached. */
static void test_changing_deadlines(void **state)
{
	static const uint64_t deadlines[] = { 3000, 20000, 2000, 60000, 5000 };
	mote_sandbox *boxes[2];
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	boxes[0] = new_box(LONG_NS);
	boxes[1] = new_box(LONG_NS);
	for (i = 0; i < 5000; i++) {
		mote_sandbox *box = boxes[i % 2];

		vm_expect(mote_sandbox_set_deadline(box, deadlines[i % 5] * MS,
						    &vm.err),
			  MOTE_OK, &vm.err);
		expect_answer(box, &vm.err);
	}
	mote_sandbox_free(boxes[0]);
	mote_sandbox_free(boxes[1]);
	vm_close(&vm);
}

/* ------------------------------------------------------------------- fork */

/* Timers are not inherited: the child needs one of its own. */
static void spin_in_child(void *unused)
{
	mote_sandbox *box;

	(void)unused;
	vm_open(&vm, GUEST_bare_villain);
	box = new_box(50 * MS);
	expect_deadline(box, mote_call(box, "Spin", NULL, 0, NULL, &vm.err),
			&vm.err);
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void test_fork(void **state)
{
	const uint64_t deadlines[] = { vm_patience_ns(), LONG_NS };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		mote_sandbox *box;

		vm_open(&vm, GUEST_bare_villain);
		box = new_box(LONG_NS);
		vm_expect(mote_sandbox_set_deadline(box, deadlines[i], &vm.err),
			  MOTE_OK, &vm.err);
		expect_answer(box, &vm.err);
		mote_sandbox_free(box);
		vm_close(&vm);
		vm_fork(spin_in_child, NULL, 10);
	}
}

/* ----------------------------------------------------------- stray signals */

static _Atomic bool stop;

static void *send_signals(void *argument)
{
	const pthread_t *to = argument;
	const struct timespec pause = { .tv_nsec = 50000 };

	while (!atomic_load(&stop)) {
		pthread_kill(*to, SIGRTMIN + 6);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* The kick signal from somewhere else ends nothing. */
static void test_stray_signals(void **state)
{
	pthread_t self = pthread_self();
	pthread_t sender;
	mote_sandbox *box;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	box = new_box(LONG_NS);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&sender, NULL, send_signals, &self), 0);
	for (i = 0; i < 3000; i++)
		expect_answer(box, &vm.err);
	/* And a deadline among them is kept. */
	vm_expect(mote_sandbox_set_deadline(box, 50 * MS, &vm.err), MOTE_OK,
		  &vm.err);
	expect_deadline(box, mote_call(box, "Spin", NULL, 0, NULL, &vm.err),
			&vm.err);
	atomic_store(&stop, true);
	pthread_join(sender, NULL);
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* ------------------------------------------------------------- the handler */

/*
 * A program that calls from coroutines or from Go has no room for a signal
 * frame on the stack it runs on; the Go runtime ends the process at a handler
 * without SA_ONSTACK. Calls that the program makes go on (SA_RESTART).
 */
static void test_handler_flags(void **state)
{
	struct sigaction action;

	(void)state;
	vm_open(&vm, NULL);
	assert_int_equal(sigaction(SIGRTMIN + 6, NULL, &action), 0);
	assert_true(action.sa_flags & SA_ONSTACK);
	assert_true(action.sa_flags & SA_RESTART);
	vm_close(&vm);
}

static void program_handler(int number)
{
	(void)number;
}

/* An engine that runs nothing, or could not be made, takes no signal. */
static void without_kick(void *unused)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_engine *engine = NULL;
	struct sigaction action;

	(void)unused;
	vm.err.struct_size = sizeof(vm.err);
	assert_true(signal(SIGRTMIN + 6, program_handler) != SIG_ERR);
	options.backend = "none";
	vm_expect(mote_engine_new(&options, &engine, &vm.err), MOTE_OK,
		  &vm.err);
	mote_engine_unref(engine);
	assert_true(signal(SIGRTMIN + 6, SIG_DFL) == program_handler);
	options.backend = "nonesuch";
	vm_expect(mote_engine_new(&options, &engine, &vm.err),
		  MOTE_E_NO_HYPERVISOR, &vm.err);
	assert_int_equal(sigaction(SIGRTMIN + 6, NULL, &action), 0);
	assert_true(action.sa_handler == SIG_DFL);
}

static void test_no_handler(void **state)
{
	(void)state;
	vm_fork(without_kick, NULL, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: later the signal is taken. */
		cmocka_unit_test(test_no_handler),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_tiny),
		cmocka_unit_test(test_in_host_function),
		cmocka_unit_test(test_after_return),
		cmocka_unit_test(test_nested_outer_first),
		cmocka_unit_test(test_nested_inner_first),
		cmocka_unit_test(test_nested_together),
		cmocka_unit_test(test_stale_timers),
		cmocka_unit_test(test_changing_deadlines),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_stray_signals),
		cmocka_unit_test(test_handler_flags),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
