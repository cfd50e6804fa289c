/*
 * The golden snapshots of all versions of the format that there were: they
 * load, without a hypervisor to be looked at, with one to run.
 */
#include <string.h>

#include <mote/snapshot.h>

#include "golden/golden.h"
#include "harness/unit.h"
#include "harness/vm.h"

static const char *const layouts[] = { GOLDEN "/v1" };
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static mote_error err = MOTE_ERROR_INIT;

static mote_engine *new_engine(const char *backend)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_engine *engine = NULL;

	options.backend = backend;
	vm_expect(mote_engine_new(&options, &engine, &err), MOTE_OK, &err);
	return engine;
}

static mote_snapshot *load(mote_engine *engine, const char *layout,
			   const char *tag)
{
	mote_snapshot *snapshot = NULL;

	vm_expect(mote_snapshot_load(engine, layout, tag, MOTE_LOAD_VERIFY,
				     &snapshot, &err),
		  MOTE_OK, &err);
	return snapshot;
}

static void expect_function(const mote_function *function, const char *name,
			    const char *signature, uint32_t posted)
{
	assert_string_equal(function->name, name);
	assert_string_equal(function->signature, signature);
	assert_int_equal(function->posted, posted);
}

static void look_at(const mote_snapshot *snapshot)
{
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	const mote_image *image = mote_snapshot_image(snapshot);
	mote_function function;

	vm_expect(mote_snapshot_describe(snapshot, &info, &err), MOTE_OK, &err);
	assert_int_equal(info.from_file, 1);
	assert_int_equal(info.heap_bytes, GOLDEN_HEAP_BYTES);
	assert_int_equal(info.stack_bytes, GOLDEN_STACK_BYTES);
	assert_int_equal(info.io_bytes, GOLDEN_IO_BYTES);
	assert_true(info.own_bytes > 0 && info.own_bytes < info.stored_bytes);
	vm_expect(mote_image_export(image, 1, &function, &err), MOTE_OK, &err);
	expect_function(&function, "Keep", "I(U)", 0);
	vm_expect(mote_image_import(image, 0, &function, &err), MOTE_OK, &err);
	expect_function(&function, "Weekday", "s()", 0);
	vm_expect(mote_image_import(image, 1, &function, &err), MOTE_OK, &err);
	expect_function(&function, "Note", "v(s)", 1);
}

static void test_look(void **state)
{
	mote_engine *engine = new_engine("none");
	size_t i;

	(void)state;
	for (i = 0; i < LAYOUTS; i++) {
		mote_snapshot *first = load(engine, layouts[i], "first");
		mote_snapshot *second = load(engine, layouts[i], "second");

		look_at(first);
		look_at(second);
		mote_snapshot_unref(first);
		mote_snapshot_unref(second);
	}
	mote_engine_unref(engine);
}

static int64_t call(mote_sandbox *box, const char *function)
{
	mote_value result;

	vm_expect(mote_call(box, function, NULL, 0, &result, &err), MOTE_OK,
		  &err);
	return result.as.i64;
}

static void run(mote_engine *engine, const char *layout)
{
	const mote_sandbox_options options = golden_options();
	mote_snapshot *first = load(engine, layout, "first");
	mote_snapshot *second = load(engine, layout, "second");
	mote_sandbox *box = NULL;
	int i;

	vm_expect(mote_sandbox_from_snapshot(first, &options, &box, &err),
		  MOTE_OK, &err);
	for (i = 0; i < 2; i++) {
		assert_int_equal(call(box, "Count"), 102);
		assert_int_equal(call(box, "Count"), 103);
		assert_true((uint64_t)call(box, "Kept") == 3 * GOLDEN_FIRST);
		vm_expect(mote_sandbox_restore(box, second, &err), MOTE_OK,
			  &err);
		assert_int_equal(call(box, "Count"), 103);
		assert_true((uint64_t)call(box, "Kept") == 3 * GOLDEN_SECOND);
		vm_expect(mote_sandbox_restore(box, first, &err), MOTE_OK,
			  &err);
	}
	mote_sandbox_free(box);
	mote_snapshot_unref(first);
	mote_snapshot_unref(second);
}

static void test_run(void **state)
{
	mote_engine *engine = new_engine("kvm");
	size_t i;

	(void)state;
	for (i = 0; i < LAYOUTS; i++)
		run(engine, layouts[i]);
	mote_engine_unref(engine);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest looks[] = { cmocka_unit_test(test_look) };
	const struct CMUnitTest runs[] = { cmocka_unit_test(test_run) };
	int skip;

	if (argc > 1 && strcmp(argv[1], "look") == 0)
		return cmocka_run_group_tests(looks, NULL, NULL);
	skip = vm_require();
	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests(runs, NULL, NULL);
}
