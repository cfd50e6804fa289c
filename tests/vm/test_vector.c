/*
 * SSE2 in every guest, AVX2 where the CPU has it.
 */
#include <math.h>
#include <stdio.h>

#include "harness/unit.h"
#include "harness/vm.h"

static struct vm vm;
static mote_sandbox *box;
static unsigned int called;

static mote_status nothing(void *user, mote_host_call *call,
			   const mote_value *args, size_t count,
			   mote_value *result)
{
	/* The host's own vector code between two halves of the guest's. */
	volatile double scratch[8] = { 1.5, 2.5, 3.5, 4.5 };
	size_t i;

	(void)user;
	(void)call;
	(void)args;
	(void)count;
	(void)result;
	for (i = 0; i < 8; i++)
		scratch[i] = sqrt(scratch[i] + (double)i);
	called++;
	return MOTE_OK;
}

static double call_f64(const char *function, double x)
{
	const mote_value argument = MOTE_F64(x);
	mote_value result;

	vm_expect(mote_call(box, function, &argument, 1, &result, &vm.err),
		  MOTE_OK, &vm.err);
	return result.as.f64;
}

static void test_vectors(void **state)
{
	const mote_host_function host[] = { { "Nothing", "v()", nothing,
					      NULL } };
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_value has;

	(void)state;
	options.host_functions = host;
	options.host_function_count = 1;
	vm_open(&vm, GUEST_vm_vector);
	box = vm_sandbox(&vm, &options);
	assert_true(fabs(call_f64("Sse2", 21.0) - 43.0) < 1e-9);
	vm_expect(mote_call(box, "HasAvx2", NULL, 0, &has, &vm.err), MOTE_OK,
		  &vm.err);
	/* What the host has, the guest has. */
	assert_int_equal(has.as.boolean, !vm_soft() &&
			 __builtin_cpu_supports("avx2") != 0);
	if (has.as.boolean) {
		/* 8 times 2x, the i of 0 to 7, and 8. */
		assert_true(call_f64("Avx2", 10.0) == 160.0 + 28.0 + 8.0);
		assert_int_equal(called, 1);
	} else {
		printf("this CPU has no AVX2: only SSE2 was tested\n");
	}
	mote_sandbox_free(box);
	vm_close(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(60);
	return cmocka_run_group_tests_name("vector", tests, NULL, NULL);
}
