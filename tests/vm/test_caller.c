/*
 * Callers that are wrong: each is told what is wrong, by name, and the
 * sandbox is as good as before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/calls_host.h"

#define GIB (UINT64_C(1) << 30)

static struct vm vm;
static struct calls_host host;
static mote_sandbox *box;

static void open_box(void)
{
	box = calls_host_open(&host, &vm);
}

static void close_box(void)
{
	mote_sandbox_free(box);
	vm_close(&vm);
}

static void expect_unharmed(void)
{
	const mote_value argument = MOTE_I32(5);
	mote_value result;

	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	vm_expect(mote_call(box, "EchoI32", &argument, 1, &result, &vm.err),
		  MOTE_OK, &vm.err);
	assert_int_equal(result.as.i32, 5);
}

static void expect_invalid(mote_status status, const char *text)
{
	vm_expect(status, MOTE_E_INVALID, &vm.err);
	assert_int_equal(vm.err.code, MOTE_E_INVALID);
	vm_expect_text(&vm.err, text);
}

static void test_null_image(void **state)
{
	mote_image_info image_info = MOTE_IMAGE_INFO_INIT;
	mote_image *image = NULL;
	mote_function function;
	mote_segment segment;

	(void)state;
	open_box();
	expect_invalid(mote_backend_probe(0, NULL, &vm.err), "info");
	expect_invalid(mote_engine_new(NULL, NULL, &vm.err), "engine");
	expect_invalid(mote_image_open(NULL, "x", &image, &vm.err), "engine");
	expect_invalid(mote_image_open(vm.engine, NULL, &image, &vm.err),
		       "path");
	expect_invalid(mote_image_open(vm.engine, "x", NULL, &vm.err),
		       "image");
	expect_invalid(mote_image_from_memory(NULL, "x", 1, &image, &vm.err),
		       "engine");
	expect_invalid(mote_image_from_memory(vm.engine, NULL, 1, &image,
					      &vm.err),
		       "data");
	expect_invalid(mote_image_from_memory(vm.engine, "x", 1, NULL,
					      &vm.err),
		       "image");
	expect_invalid(mote_image_describe(NULL, &image_info, &vm.err),
		       "image");
	expect_invalid(mote_image_describe(vm.image, NULL, &vm.err), "info");
	expect_invalid(mote_image_export(NULL, 0, &function, &vm.err),
		       "image");
	expect_invalid(mote_image_export(vm.image, 0, NULL, &vm.err), "out");
	expect_invalid(mote_image_import(NULL, 0, &function, &vm.err),
		       "image");
	expect_invalid(mote_image_import(vm.image, 0, NULL, &vm.err), "out");
	expect_invalid(mote_image_segment(NULL, 0, &segment, &vm.err),
		       "image");
	expect_invalid(mote_image_segment(vm.image, 0, NULL, &vm.err), "out");
	assert_null(image);
	close_box();
}

/* A file that is no guest: the text says which, and nothing of errno. */
static void expect_no_image(const char *path, const char *text)
{
	mote_image *image = NULL;

	vm_expect(mote_image_open(vm.engine, path, &image, &vm.err),
		  MOTE_E_IMAGE, &vm.err);
	assert_string_equal(vm.err.text, text);
	assert_int_equal(vm.err.os_errno, 0);
	assert_null(image);
}

static void test_no_image(void **state)
{
	char path[] = "/tmp/mote-caller.XXXXXX";
	char text[128];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	open_box();
	expect_no_image("/dev/null", "/dev/null: not a regular file");
	snprintf(text, sizeof(text), "%s: the file is empty", path);
	expect_no_image(path, text);
	assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
	snprintf(text, sizeof(text),
		 "%s: not an ELF file: no magic number at its start", path);
	expect_no_image(path, text);
	close_box();
	close(fd);
	unlink(path);
}

static void test_null_sandbox(void **state)
{
	const mote_value argument = MOTE_I32(5);
	mote_sandbox_stats stats = MOTE_SANDBOX_STATS_INIT;
	mote_batch_item item = { .function = "EchoI32", .count = 1 };
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *made = NULL;
	int status;

	(void)state;
	open_box();
	expect_invalid(mote_sandbox_new(NULL, NULL, &made, &vm.err), "image");
	expect_invalid(mote_sandbox_new(vm.image, NULL, NULL, &vm.err), "box");
	expect_invalid(mote_sandbox_set_deadline(NULL, 1, &vm.err), "box");
	expect_invalid(mote_sandbox_get_stats(NULL, &stats, &vm.err), "box");
	expect_invalid(mote_sandbox_get_stats(box, NULL, &vm.err), "stats");
	expect_invalid(mote_call(NULL, "EchoI32", &argument, 1, NULL, &vm.err),
		       "box");
	expect_invalid(mote_call(box, NULL, &argument, 1, NULL, &vm.err),
		       "function");
	expect_invalid(mote_call(box, "EchoI32", NULL, 1, NULL, &vm.err),
		       "args");
	expect_invalid(mote_call_batch(NULL, &item, 1, &vm.err), "box");
	expect_invalid(mote_call_batch(box, NULL, 1, &vm.err), "items");
	expect_invalid(mote_call_batch(box, &item, 1, &vm.err), "args");
	expect_invalid(mote_run_main(NULL, 0, NULL, &status, &vm.err), "box");
	expect_invalid(mote_run_main(box, 1, NULL, &status, &vm.err), "argv");
	expect_invalid(mote_run_main(box, 0, NULL, NULL, &vm.err), "status");
	assert_null(engine);
	assert_null(image);
	assert_null(made);
	/* These take NULL. */
	mote_engine_unref(NULL);
	mote_image_unref(NULL);
	mote_sandbox_free(NULL);
	assert_null(mote_engine_ref(NULL));
	assert_null(mote_image_ref(NULL));
	assert_int_equal(mote_sandbox_state(NULL), MOTE_SANDBOX_POISONED);
	/* An error record is never needed. */
	assert_int_equal(mote_call(NULL, NULL, NULL, 0, NULL, NULL),
			 MOTE_E_INVALID);
	assert_int_equal(mote_call(box, "NoSuch", NULL, 0, NULL, NULL),
			 MOTE_E_NOT_FOUND);
	expect_unharmed();
	close_box();
}

static void test_ranges(void **state)
{
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;
	mote_image_info image = MOTE_IMAGE_INFO_INIT;
	mote_function function;
	mote_segment segment;

	(void)state;
	open_box();
	expect_invalid(mote_backend_probe(mote_backend_count(), &info,
					  &vm.err),
		       "index");
	expect_invalid(mote_backend_probe(SIZE_MAX, &info, &vm.err), "index");
	vm_expect(mote_image_describe(vm.image, &image, &vm.err), MOTE_OK,
		  &vm.err);
	expect_invalid(mote_image_export(vm.image, image.export_count,
					 &function, &vm.err),
		       "index");
	expect_invalid(mote_image_import(vm.image, SIZE_MAX, &function,
					 &vm.err),
		       "index");
	expect_invalid(mote_image_segment(vm.image, image.segment_count,
					  &segment, &vm.err),
		       "index");
	expect_unharmed();
	close_box();
}

static mote_status call(const char *function, const mote_value *args,
			size_t count)
{
	return mote_call(box, function, args, count, NULL, &vm.err);
}

static void test_functions(void **state)
{
	char name[10000];
	size_t lengths[] = { 63, 64, 65, 200, 9999 };
	size_t i;

	(void)state;
	open_box();
	vm_expect(call("", NULL, 0), MOTE_E_NOT_FOUND, &vm.err);
	vm_expect(call("echoi32", NULL, 0), MOTE_E_NOT_FOUND, &vm.err);
	vm_expect_text(&vm.err, "echoi32");
	/* An import is no export. */
	vm_expect(call("HostVoid", NULL, 0), MOTE_E_NOT_FOUND, &vm.err);
	vm_expect(call("main", NULL, 0), MOTE_E_NOT_FOUND, &vm.err);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(name, 'n', sizeof(name));
		name[lengths[i]] = '\0';
		vm_expect(call(name, NULL, 0), MOTE_E_NOT_FOUND, &vm.err);
		vm_expect_text(&vm.err, "nnnn");
	}
	expect_unharmed();
	close_box();
}

static void test_arguments(void **state)
{
	mote_value args[MOTE_ARGUMENTS_MAX + 2];
	size_t i;

	(void)state;
	open_box();
	for (i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		args[i] = MOTE_I32(1);
	/* Number. */
	vm_expect(call("EchoI32", NULL, 0), MOTE_E_SIGNATURE, &vm.err);
	vm_expect_text(&vm.err, "EchoI32");
	vm_expect(call("EchoI32", args, 2), MOTE_E_SIGNATURE, &vm.err);
	vm_expect(call("Nothing", args, 1), MOTE_E_SIGNATURE, &vm.err);
	vm_expect(call("Many", args, 33), MOTE_E_SIGNATURE, &vm.err);
	vm_expect(call("Many", args, SIZE_MAX), MOTE_E_SIGNATURE, &vm.err);
	/* Type; argument and parameter are named. */
	vm_expect(call("Many", args, 32), MOTE_E_SIGNATURE, &vm.err);
	vm_expect_text(&vm.err, "Many");
	vm_expect_text(&vm.err, "argument 2 (a1)");
	vm_expect_text(&vm.err, "u64");
	args[0] = MOTE_U32(1);
	vm_expect(call("EchoI32", args, 1), MOTE_E_SIGNATURE, &vm.err);
	args[0] = MOTE_BYTES("x", 1);
	vm_expect(call("EchoString", args, 1), MOTE_E_SIGNATURE, &vm.err);
	memset(args, 0, sizeof(args));
	vm_expect(call("EchoI32", args, 1), MOTE_E_SIGNATURE, &vm.err);
	args[0].type = 10;
	expect_invalid(call("EchoI32", args, 1), "type");
	args[0].type = UINT32_MAX;
	expect_invalid(call("EchoI32", args, 1), "type");
	/* Contents. */
	args[0] = MOTE_BOOL(1);
	args[0].as.boolean = 2;
	expect_invalid(call("EchoBool", args, 1), "argument 1 (x)");
	args[0] = MOTE_STRING_N(NULL, 1);
	expect_invalid(call("EchoString", args, 1), "NULL");
	args[0] = MOTE_BYTES(NULL, 1);
	expect_invalid(call("EchoBytes", args, 1), "NULL");
	args[0] = MOTE_STRING_N("a\0b", 3);
	expect_invalid(call("EchoString", args, 1), "NUL");
	args[0] = MOTE_BYTES("x", UINT64_C(1) << 32);
	expect_invalid(call("EchoBytes", args, 1), "size");
	args[0] = MOTE_BYTES("x", SIZE_MAX);
	expect_invalid(call("EchoBytes", args, 1), "size");
	args[0] = MOTE_BYTES("x", UINT32_MAX);
	vm_expect(call("EchoBytes", args, 1), MOTE_E_TOO_LARGE, &vm.err);
	assert_int_equal(vm_stats(box).calls, vm_first_calls());
	expect_unharmed();
	close_box();
}

/* ---------------------------------------------------------------- options */

/* A newer header's struct. */
struct newer_sandbox_options {
	mote_sandbox_options known;
	uint64_t added[2];
};

struct newer_engine_options {
	mote_engine_options known;
	uint64_t added;
};

static mote_status make(const void *options)
{
	mote_sandbox *made = NULL;
	mote_status status =
		mote_sandbox_new(vm.image, options, &made, &vm.err);

	if (status != MOTE_OK)
		assert_null(made);
	mote_sandbox_free(made);
	return status;
}

static void test_versions(void **state)
{
	struct newer_sandbox_options newer;
	struct newer_engine_options engine_newer;
	mote_sandbox_options options;
	mote_engine *engine = NULL;
	uint32_t size;

	(void)state;
	open_box();
	memset(&newer, 0, sizeof(newer));
	newer.known = calls_host_options(&host);
	newer.known.struct_size = sizeof(newer);
	vm_expect(make(&newer), MOTE_OK, &vm.err);
	newer.added[1] = UINT64_C(1) << 63;
	vm_expect(make(&newer), MOTE_E_VERSION, &vm.err);
	newer.known.struct_size = sizeof(newer) - 8;
	vm_expect(make(&newer), MOTE_OK, &vm.err);
	options = calls_host_options(&host);
	for (size = 0; size < 4; size++) {
		options.struct_size = size;
		expect_invalid(make(&options), "struct_size");
	}
	options.struct_size = 4097;
	expect_invalid(make(&options), "struct_size");
	options.struct_size = UINT32_MAX;
	expect_invalid(make(&options), "struct_size");
	/* An older one: what it lacks is default. */
	options.struct_size = offsetof(mote_sandbox_options, heap_bytes);
	options.heap_bytes = UINT64_MAX;
	vm_expect(make(&options), MOTE_OK, &vm.err);

	memset(&engine_newer, 0, sizeof(engine_newer));
	engine_newer.known.struct_size = sizeof(engine_newer);
	vm_expect(mote_engine_new((const void *)&engine_newer, &engine,
				  &vm.err),
		  MOTE_OK, &vm.err);
	mote_engine_unref(engine);
	engine = NULL;
	engine_newer.added = 1;
	vm_expect(mote_engine_new((const void *)&engine_newer, &engine,
				  &vm.err),
		  MOTE_E_VERSION, &vm.err);
	engine_newer.known.struct_size = 0;
	expect_invalid(mote_engine_new((const void *)&engine_newer, &engine,
				       &vm.err),
		       "struct_size");
	assert_null(engine);
	expect_unharmed();
	close_box();
}

static void test_sandbox_options(void **state)
{
	mote_sandbox_options options;

	(void)state;
	open_box();
	options = calls_host_options(&host);
	options.flags = UINT32_C(1) << 30;
	vm_expect(make(&options), MOTE_E_VERSION, &vm.err);
	options.flags = UINT32_MAX;
	vm_expect(make(&options), MOTE_E_VERSION, &vm.err);
	options = calls_host_options(&host);
	options.heap_bytes = 64 * GIB + 1;
	expect_invalid(make(&options), "heap_bytes");
	options.heap_bytes = UINT64_MAX;
	expect_invalid(make(&options), "heap_bytes");
	options = calls_host_options(&host);
	options.stack_bytes = GIB + 1;
	expect_invalid(make(&options), "stack_bytes");
	options = calls_host_options(&host);
	options.io_bytes = GIB + 1;
	expect_invalid(make(&options), "io_bytes");
	options = calls_host_options(&host);
	options.deadline_ns = UINT64_MAX;
	expect_invalid(make(&options), "deadline_ns");
	expect_invalid(mote_sandbox_set_deadline(box, UINT64_MAX, &vm.err),
		       "deadline_ns");
	options = calls_host_options(&host);
	options.host_functions = NULL;
	expect_invalid(make(&options), "host_functions");
	options.host_function_count = SIZE_MAX;
	expect_invalid(make(&options), "host_function_count");
	expect_unharmed();
	close_box();
}

static void test_host_functions(void **state)
{
	static const char *const bad_names[] = { "", "1st", "a-b", "a b",
						 "n\303\244me" };
	static const char *const bad_signatures[] = { "",     "i",    "i(",
						      "i(v)", "x()",  "i()x",
						      "i(i",  "ii(i)" };
	char long_name[70];
	mote_host_function *entry;
	mote_sandbox_options options;
	size_t i;

	(void)state;
	open_box();
	options = calls_host_options(&host);
	entry = calls_host_entry(&host, "HostVoid");
	entry->name = NULL;
	expect_invalid(make(&options), "name");
	for (i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		entry->name = bad_names[i];
		expect_invalid(make(&options), "host function 9");
	}
	memset(long_name, 'n', sizeof(long_name));
	long_name[64] = '\0';
	entry->name = long_name;
	expect_invalid(make(&options), "host function 9");
	entry->name = "HostI32";
	entry->signature = "i(i)";
	expect_invalid(make(&options), "HostI32");
	entry->name = "HostVoid";
	entry->signature = NULL;
	expect_invalid(make(&options), "signature");
	for (i = 0; i < sizeof(bad_signatures) / sizeof(bad_signatures[0]);
	     i++) {
		entry->signature = bad_signatures[i];
		expect_invalid(make(&options), "HostVoid");
	}
	entry->signature = "string(string)";
	expect_invalid(make(&options), "one letter for each type: 'v' void");
	entry->signature = "s(s y)";
	expect_invalid(make(&options), "parameter 2 is ' ', which is no type");
	entry->signature = "v()";
	entry->fn = NULL;
	expect_invalid(make(&options), "fn");
	expect_unharmed();
	close_box();
}

/* The table is copied: it may go when the sandbox has been made. */
static void test_copied(void **state)
{
	mote_sandbox_options options;
	mote_host_function *table;
	char *name;

	(void)state;
	vm_open(&vm, GUEST_vm_calls);
	calls_host_init(&host);
	options = calls_host_options(&host);
	table = malloc(sizeof(host.functions));
	assert_non_null(table);
	memcpy(table, host.functions, sizeof(host.functions));
	name = strdup("HostI32");
	assert_non_null(name);
	table[0].name = name;
	options.host_functions = table;
	box = vm_sandbox(&vm, &options);
	memset(name, 'x', 7);
	memset(table, 0xff, sizeof(host.functions));
	free(name);
	free(table);
	expect_unharmed();
	close_box();
}

static void test_engine_options(void **state)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_allocator *allocator = &options.allocator;
	mote_engine *engine = NULL;

	(void)state;
	open_box();
	options.backend = "no such backend";
	vm_expect(mote_engine_new(&options, &engine, &vm.err),
		  MOTE_E_NO_HYPERVISOR, &vm.err);
	vm_expect_text(&vm.err, "no such backend");
	options.backend = "kvm";
	vm_expect(mote_engine_new(&options, &engine, &vm.err), MOTE_OK,
		  &vm.err);
	assert_string_equal(mote_engine_backend(engine), "kvm");
	mote_engine_unref(engine);
	engine = NULL;
	options.reserved = 1;
	vm_expect(mote_engine_new(&options, &engine, &vm.err), MOTE_E_VERSION,
		  &vm.err);
	vm_expect_text(&vm.err, "reserved is 1, not 0");
	options.reserved = 0;
	options.backend = "auto";
	*allocator = vm.allocator.public;
	allocator->release = NULL;
	expect_invalid(mote_engine_new(&options, &engine, &vm.err),
		       "allocator");
	allocator->allocate = NULL;
	expect_invalid(mote_engine_new(&options, &engine, &vm.err),
		       "allocator");
	assert_null(engine);
	expect_unharmed();
	close_box();
}

/* ----------------------------------------------------------------- errors */

/* A record of an older header is filled as far as it goes. */
static void test_short_errors(void **state)
{
	union {
		mote_error record;
		unsigned char bytes[sizeof(mote_error)];
	} err;
	const mote_value code[] = { MOTE_I32(3), MOTE_STRING("why") };
	mote_sandbox_options options;
	uint32_t size;
	size_t i;

	(void)state;
	open_box();
	options = calls_host_options(&host);
	for (size = 0; size < sizeof(mote_error); size += size < 64 ? 1 : 37) {
		mote_sandbox *other = vm_sandbox(&vm, &options);

		memset(&err, 0xee, sizeof(err));
		err.record.struct_size = size;
		assert_int_equal(mote_call(box, "NoSuch", NULL, 0, NULL,
					   &err.record),
				 MOTE_E_NOT_FOUND);
		assert_int_equal(mote_call(box, "Fail", code, 2, NULL,
					   &err.record),
				 MOTE_E_GUEST_ERROR);
		assert_int_equal(mote_call(other, "Exit", code, 1, NULL,
					   &err.record),
				 MOTE_E_GUEST_EXIT);
		mote_sandbox_free(other);
		other = vm_sandbox(&vm, &options);
		assert_int_equal(mote_call(other, "Crash", NULL, 0, NULL,
					   &err.record),
				 MOTE_E_GUEST_FAULT);
		mote_sandbox_free(other);
		for (i = size < 4 ? 4 : size; i < sizeof(err); i++)
			if (err.bytes[i] != 0xee)
				fail_msg("byte %zu of %u written", i, size);
	}
	expect_unharmed();
	close_box();
}

/* What an earlier failure left in the record does not shine through. */
static void test_reused_error(void **state)
{
	const mote_value code[] = { MOTE_I32(3), MOTE_STRING("why") };

	(void)state;
	open_box();
	vm_expect(call("Fail", code, 2), MOTE_E_GUEST_ERROR, &vm.err);
	assert_int_equal(vm.err.guest_code, 3);
	vm_expect(call("NoSuch", NULL, 0), MOTE_E_NOT_FOUND, &vm.err);
	assert_int_equal(vm.err.guest_code, 0);
	vm_expect(call("Crash", NULL, 0), MOTE_E_GUEST_FAULT, &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_NULL_POINTER);
	vm_expect(call("EchoI32", code, 1), MOTE_E_POISONED, &vm.err);
	assert_int_equal(vm.err.fault.kind, MOTE_FAULT_NONE);
	close_box();
}

/* A record of a newer header: what we do not know stays. */
static void test_long_error(void **state)
{
	struct {
		mote_error known;
		unsigned char added[64];
	} err;
	size_t i;

	(void)state;
	open_box();
	memset(&err, 0xee, sizeof(err));
	err.known.struct_size = sizeof(err);
	assert_int_equal(mote_call(box, "Crash", NULL, 0, NULL, &err.known),
			 MOTE_E_GUEST_FAULT);
	assert_int_equal(err.known.fault.kind, MOTE_FAULT_NULL_POINTER);
	for (i = 0; i < sizeof(err.added); i++)
		assert_int_equal(err.added[i], 0xee);
	close_box();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_image),
		cmocka_unit_test(test_no_image),
		cmocka_unit_test(test_null_sandbox),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_sandbox_options),
		cmocka_unit_test(test_host_functions),
		cmocka_unit_test(test_copied),
		cmocka_unit_test(test_engine_options),
		cmocka_unit_test(test_short_errors),
		cmocka_unit_test(test_reused_error),
		cmocka_unit_test(test_long_error),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
