/*
 * Guests that ring at the wrong door, at the wrong time, too often, or lie
 * when they say that they are ready; and memory shared with the host in which
 * something else is than should be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "vm/liar.h"

/* ------------------------------------------------- ports at wrong times */

struct port_case {
	const char *what;
	uint32_t port;
	uint32_t value;
	uint64_t argument0;
	uint64_t argument1;
	mote_status in_call;
	mote_status in_init;
};

static const struct port_case port_cases[] = {
	{ "READY", MOTE_PORT_READY, 0, 0x401000, 0x401000, MOTE_E_PROTOCOL,
	  MOTE_OK },
	{ "READY in the kernel's half", MOTE_PORT_READY, 0, 0xffffffff81000000,
	  0x401000, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "READY, not canonical", MOTE_PORT_READY, 0, 0x800000000000, 0x401000,
	  MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "READY, stack in the kernel's half", MOTE_PORT_READY, 0, 0x401000,
	  0xffff800000000000, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "RETURN of zeros", MOTE_PORT_RETURN, 64, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "HOST_CALL of zeros", MOTE_PORT_HOST_CALL, 64, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "HOST_CALL unaligned", MOTE_PORT_HOST_CALL, 4, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "HOST_CALL at the end", MOTE_PORT_HOST_CALL, VILLAIN_IO_SIZE - 8, 0,
	  0, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "HOST_CALL far out", MOTE_PORT_HOST_CALL, 0xfffffff8, 0, 0,
	  MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "EXIT", MOTE_PORT_EXIT, 3, 0, 0, MOTE_E_GUEST_EXIT,
	  MOTE_E_GUEST_EXIT },
	{ "ABORT", MOTE_PORT_ABORT, 6, 0, 0, MOTE_E_GUEST_FAULT,
	  MOTE_E_GUEST_FAULT },
	{ "SERVICE 0", MOTE_PORT_SERVICE, 0, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "SERVICE 4", MOTE_PORT_SERVICE, 4, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "SERVICE 0xffffffff", MOTE_PORT_SERVICE, 0xffffffff, 0, 0,
	  MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "RANDOM too long", MOTE_PORT_SERVICE, MOTE_SERVICE_RANDOM,
	  MOTE_RANDOM_MAX + 1, 0, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "RANDOM UINT64_MAX", MOTE_PORT_SERVICE, MOTE_SERVICE_RANDOM,
	  UINT64_MAX, 0, MOTE_E_PROTOCOL, MOTE_E_PROTOCOL },
	{ "SET_FS_BASE not canonical", MOTE_PORT_SERVICE,
	  MOTE_SERVICE_SET_FS_BASE, 0x800000000000, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "SET_FS_BASE in the kernel's half", MOTE_PORT_SERVICE,
	  MOTE_SERVICE_SET_FS_BASE, 0xffffffff81000000, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
	{ "a port between", MOTE_PORT_FIRST + 1, 0, 0, 0, MOTE_E_PROTOCOL,
	  MOTE_E_PROTOCOL },
};

static void test_ports_in_call(void **state)
{
	size_t i;

	(void)state;
	villain_setup();
	for (i = 0; i < sizeof(port_cases) / sizeof(port_cases[0]); i++) {
		const struct port_case *row = &port_cases[i];
		mote_sandbox *box = new_box();
		const struct evil evil = { .port = row->port,
					   .value = row->value,
					   .argument0 = row->argument0,
					   .argument1 = row->argument1 };

		expect_broken(box,
			      evil_call(box, "EvilI64", &evil, NULL, &vm.err),
			      row->in_call, row->what);
		mote_sandbox_free(box);
	}
	villain_finish();
}

/* The same as the first thing that the guest does. */
static void test_ports_in_init(void **state)
{
	const mote_sandbox_options made = villain_options();
	unsigned char *file;
	unsigned char *words;
	size_t size;
	size_t i;

	(void)state;
	vm_open(&vm, NULL);
	file = vm_read_file(GUEST_bare_villain, &size);
	words = memmem(file, size, "INITDOES", 8);
	assert_non_null(words);
	for (i = 0; i < sizeof(port_cases) / sizeof(port_cases[0]); i++) {
		const struct port_case *row = &port_cases[i];
		const uint64_t does[] = { row->port, row->value, row->argument0,
					  row->argument1 };
		mote_sandbox *box = NULL;
		mote_image *image;
		mote_status status;

		memcpy(words + 8, does, sizeof(does));
		vm_expect(mote_image_from_memory(vm.engine, file, size, &image,
						 &vm.err),
			  MOTE_OK, &vm.err);
		status = mote_sandbox_new(image, &made, &box, &vm.err);
		vm_expect(status, row->in_init, &vm.err);
		if (status != MOTE_OK)
			assert_null(box);
		mote_sandbox_free(box);
		mote_image_unref(image);
	}
	free(file);
	vm_close(&vm);
}

/* A dispatch entry that is no code, a stack that is none. */
static void test_ready_lies(void **state)
{
	static const uint64_t lies[][2] = {
		{ 0, 0x700800000000 },
		{ 0x10000, 0x700800000000 },
		{ MOTE_GVA_SUPERVISOR, 0x700800000000 },
		{ MOTE_GVA_CONTROL, 0x700800000000 },
		{ 0x7fffffffffff, 0 },
		{ MOTE_GVA_SYSCALL, MOTE_GVA_SUPERVISOR },
	};
	const mote_sandbox_options made = villain_options();
	unsigned char *file;
	unsigned char *words;
	size_t size;
	size_t i;

	(void)state;
	vm_open(&vm, NULL);
	file = vm_read_file(GUEST_bare_villain, &size);
	words = memmem(file, size, "INITDOES", 8);
	assert_non_null(words);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		const uint64_t does[] = { MOTE_PORT_READY, 0, lies[i][0],
					  lies[i][1] };

		memcpy(words + 8, does, sizeof(does));
		vm_expect(mote_image_from_memory(vm.engine, file, size,
						 &vm.image, &vm.err),
			  MOTE_OK, &vm.err);
		witness = vm_sandbox(&vm, &made);
		vm_expect(mote_call(witness, "Answer", NULL, 0, NULL, &vm.err),
			  MOTE_E_GUEST_FAULT, &vm.err);
		assert_int_equal(mote_sandbox_state(witness),
				 MOTE_SANDBOX_POISONED);
		mote_sandbox_free(witness);
		mote_image_unref(vm.image);
		vm.image = NULL;
	}
	free(file);
	vm_close(&vm);
}

/* -------------------------------------------------- areas, limits, rest */

/* What lies in the areas between calls is nobody's input. */
static void test_scribbling(void **state)
{
	static const struct {
		uint64_t address;
		uint64_t size;
		bool harmless;
	} areas[] = {
		{ MOTE_GVA_CONTROL, 104, true },
		{ MOTE_GVA_CONTROL + 108, 4096 - 108, true },
		{ MOTE_GVA_CONTROL, 4096, false }, /* post_used */
		{ MOTE_GVA_CALL + 64, VILLAIN_IO_SIZE - 64, true },
		{ MOTE_GVA_REPLY, VILLAIN_IO_SIZE, true },
		{ MOTE_GVA_OUT, VILLAIN_IO_SIZE, true },
		{ MOTE_GVA_POST, 65536, true },
		{ MOTE_GVA_HEAP, 16 << 20, true },
	};
	static const uint32_t fills[] = { 0x00, 0x01, 0x7f, 0xff };
	size_t i;
	size_t j;

	(void)state;
	villain_setup();
	for (i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
		for (j = 0; j < sizeof(fills) / sizeof(fills[0]); j++) {
			mote_sandbox *box = new_box();
			const mote_value arguments[] = {
				MOTE_U64(areas[i].address),
				MOTE_U64(areas[i].size),
				MOTE_U32(fills[j]),
			};
			mote_status status = mote_call(box, "Fill", arguments,
						       3, NULL, &vm.err);

			if (areas[i].harmless || fills[j] == 0) {
				vm_expect(status, MOTE_OK, &vm.err);
				expect_answer(box);
			} else {
				expect_broken(box, status, MOTE_E_PROTOCOL,
					      "control page");
			}
			mote_sandbox_free(box);
		}
	}
	villain_finish();
}

static mote_status call2(mote_sandbox *box, const char *function, uint64_t a,
			 uint64_t b, size_t count, mote_value *result)
{
	const mote_value arguments[] = { MOTE_U64(a), MOTE_U64(b) };

	return mote_call(box, function, arguments, count, result, &vm.err);
}

static void test_limits(void **state)
{
	mote_sandbox_options made = villain_options();
	mote_value result;
	mote_sandbox *box;

	(void)state;
	villain_setup();
	box = new_box();
	vm_expect(call2(box, "CallHost", VILLAIN_HOST_CALLS, 0, 1, &result),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.i64, 42);
	/* Per call, not in all. */
	vm_expect(call2(box, "CallHost", VILLAIN_HOST_CALLS, 0, 1, &result),
		  MOTE_OK, &vm.err);
	assert_int_equal(vm_stats(box).host_calls, 2 * VILLAIN_HOST_CALLS);
	expect_broken(
		box,
		call2(box, "CallHost", VILLAIN_HOST_CALLS + 1, 0, 1, &result),
		MOTE_E_HOST_CALLS, "one host call too many");
	vm_expect_text(&vm.err, "max_host_calls");
	mote_sandbox_free(box);

	made.max_output_bytes = 1000;
	box = vm_sandbox(&vm, &made);
	vm_expect(call2(box, "Print", 10, 100, 2, NULL), MOTE_OK, &vm.err);
	vm_expect(call2(box, "Print", 1, 1000, 2, NULL), MOTE_OK, &vm.err);
	assert_int_equal(vm_stats(box).output_bytes, 2000);
	expect_broken(box, call2(box, "Print", 1, 1001, 2, NULL), MOTE_E_OUTPUT,
		      "one byte too many");
	vm_expect_text(&vm.err, "max_output_bytes");
	mote_sandbox_free(box);

	box = vm_sandbox(&vm, &made);
	expect_broken(box, call2(box, "Print", 1001, 1, 2, NULL), MOTE_E_OUTPUT,
		      "one line too many");
	mote_sandbox_free(box);
	villain_finish();
}

static void test_services(void **state)
{
	mote_value first;
	mote_value second;
	mote_sandbox *box;

	(void)state;
	villain_setup();
	box = new_box();
	vm_expect(call2(box, "Random", MOTE_RANDOM_MAX, 0, 1, &first), MOTE_OK,
		  &vm.err);
	vm_expect(call2(box, "Random", 8, 0, 1, &second), MOTE_OK, &vm.err);
	assert_int_not_equal(first.as.i64, second.as.i64);
	vm_expect(call2(box, "Random", 0, 0, 1, &second), MOTE_OK, &vm.err);
	assert_int_equal(second.as.i64, 0);
	vm_expect(call2(box, "FsBase", MOTE_GVA_CALL, 0, 1, &second), MOTE_OK,
		  &vm.err);
	assert_int_equal(second.as.i64 & 0xffffffff,
			 MOTE_MESSAGE_VERSION | MOTE_MESSAGE_CALL << 16);
	expect_answer(box);
	mote_sandbox_free(box);
	villain_finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_in_call),
		cmocka_unit_test(test_ports_in_init),
		cmocka_unit_test(test_ready_lies),
		cmocka_unit_test(test_scribbling),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_services),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
