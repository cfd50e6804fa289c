#include "vm/liar.h"

#include <string.h>

#include "harness/unit.h"

struct vm vm;
mote_sandbox *witness;
size_t villain_log_calls;

static mote_status host_add(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	(void)user;
	(void)call;
	assert_int_equal(count, 2);
	*result = MOTE_I32(args[0].as.i32 + args[1].as.i32);
	return MOTE_OK;
}

static mote_status host_text(void *user, mote_host_call *call,
			     const mote_value *args, size_t count,
			     mote_value *result)
{
	(void)user;
	(void)call;
	assert_int_equal(count, 1);
	assert_int_equal(strlen(args[0].as.string.data),
			 args[0].as.string.size);
	*result = args[0];
	return MOTE_OK;
}

static mote_status host_log(void *user, mote_host_call *call,
			    const mote_value *args, size_t count,
			    mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)result;
	assert_int_equal(count, 1);
	villain_log_calls++;
	return MOTE_OK;
}

static const mote_host_function host_functions[] = {
	{ "HostAdd", "i(ii)", host_add, NULL },
	{ "HostText", "s(s)", host_text, NULL },
	{ "HostLog", "v(s)", host_log, NULL },
	{ "HostBytes", "y(y)", host_text, NULL },
};

mote_sandbox_options villain_options(void)
{
	mote_sandbox_options made = MOTE_SANDBOX_OPTIONS_INIT;

	made.host_functions = host_functions;
	made.host_function_count =
		sizeof(host_functions) / sizeof(host_functions[0]);
	made.max_host_calls = VILLAIN_HOST_CALLS;
	made.deadline_ns = vm_patience_ns();
	return made;
}

mote_sandbox *new_box(void)
{
	const mote_sandbox_options made = villain_options();

	return vm_sandbox(&vm, &made);
}

void villain_setup(void)
{
	vm_open(&vm, GUEST_bare_villain);
	witness = new_box();
}

void villain_finish(void)
{
	mote_sandbox_free(witness);
	vm_close(&vm);
}

void expect_answer(mote_sandbox *box)
{
	mote_value result;

	vm_expect(mote_call(box, "Answer", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	assert_int_equal(result.as.i64, 42);
}

/* The id that the next call of a new sandbox but one has. */
uint64_t second_id(mote_sandbox *box)
{
	mote_value result;

	vm_expect(mote_call(box, "Id", NULL, 0, &result, &vm.err), MOTE_OK,
		  &vm.err);
	return (uint64_t)result.as.i64 + 1;
}

void expect_broken(mote_sandbox *box, mote_status status, mote_status expected,
		   const char *what)
{
	mote_error again = MOTE_ERROR_INIT;

	print_message("%s: %s\n", what,
		      status == MOTE_OK ? "accepted" : vm.err.text);
	vm_expect(status, expected, &vm.err);
	assert_int_equal(vm.err.code, expected);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_POISONED);
	vm_expect(mote_call(box, "Answer", NULL, 0, NULL, &again),
		  MOTE_E_POISONED, &again);
	expect_answer(witness);
}
