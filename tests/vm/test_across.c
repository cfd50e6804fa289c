/*
 * Snapshots that one backend saved and another one loads: the guest goes on
 * where it was, or the CPU features that it would miss are named.
 */
#include <stdio.h>
#include <string.h>

#include <mote/snapshot.h>

#include "harness/layout_files.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "os/os.h"
#include "sandbox/types.h"

#define ENGINES_MAX 8

static struct {
	mote_engine *engine;
	const char *name;
	uint64_t features[MTI_CPU_FEATURE_WORDS];
} engines[ENGINES_MAX];
static size_t engine_count;
static mote_error err = MOTE_ERROR_INIT;
static char layout[64];

/* As if the machine's CPU had hardly anything. */
static bool poor;

void __real_mti_os_cpu_features(uint64_t features[MTI_CPU_FEATURE_WORDS]);
void __wrap_mti_os_cpu_features(uint64_t features[MTI_CPU_FEATURE_WORDS]);

void __wrap_mti_os_cpu_features(uint64_t features[MTI_CPU_FEATURE_WORDS])
{
	if (poor)
		memset(features, 0, MTI_CPU_FEATURE_WORDS * sizeof(*features));
	else
		__real_mti_os_cpu_features(features);
}

static void open_engines(void)
{
	size_t i;

	engine_count = 0;
	for (i = 0; i < mote_backend_count(); i++) {
		mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
		mote_backend_info info = MOTE_BACKEND_INFO_INIT;
		const struct mti_hv_ops *ops;
		size_t at = engine_count;

		vm_expect(mote_backend_probe(i, &info, &err), MOTE_OK, &err);
		if (info.reason != MOTE_BACKEND_READY)
			continue;
		assert_true(engine_count < ENGINES_MAX);
		options.backend = info.name;
		vm_expect(mote_engine_new(&options, &engines[at].engine, &err),
			  MOTE_OK, &err);
		engines[at].name = info.name;
		ops = engines[at].engine->ops;
		if (ops->cpu_features)
			ops->cpu_features(false, engines[at].features);
		else
			mti_os_cpu_features(engines[at].features);
		engine_count++;
	}
}

static void close_engines(void)
{
	size_t i;

	for (i = 0; i < engine_count; i++)
		mote_engine_unref(engines[i].engine);
}

static mote_status echo(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	(void)user;
	(void)call;
	assert_int_equal(count, 1);
	*result = args[0];
	return MOTE_OK;
}

static mote_status note(void *user, mote_host_call *call,
			const mote_value *args, size_t count,
			mote_value *result)
{
	(void)user;
	(void)call;
	(void)args;
	(void)result;
	assert_int_equal(count, 1);
	return MOTE_OK;
}

static mote_sandbox_options make_options(void)
{
	static const mote_host_function functions[] = {
		{ "HostEcho", "s(s)", echo, NULL },
		{ "Note", "v(s)", note, NULL },
	};
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;

	options.host_functions = functions;
	options.host_function_count = 2;
	options.deadline_ns = 10 * vm_patience_ns();
	options.heap_bytes = UINT64_C(4) << 20;
	return options;
}

static int32_t count_up(mote_sandbox *box)
{
	mote_value result;

	vm_expect(mote_call(box, "Count", NULL, 0, &result, &err), MOTE_OK,
		  &err);
	return result.as.i32;
}

/* A used guest of that engine, in the layout. */
static int32_t save(size_t engine)
{
	const mote_sandbox_options options = make_options();
	const mote_value text = MOTE_STRING("from elsewhere");
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_snapshot *snapshot = NULL;
	int32_t count;

	vm_expect(mote_image_open(engines[engine].engine, GUEST_vm_state,
				  &image, &err),
		  MOTE_OK, &err);
	vm_expect(mote_sandbox_new(image, &options, &box, &err), MOTE_OK,
		  &err);
	count_up(box);
	count = count_up(box);
	vm_expect(mote_call(box, "SetText", &text, 1, NULL, &err), MOTE_OK,
		  &err);
	vm_expect(mote_snapshot_take(box, &snapshot, &err), MOTE_OK, &err);
	vm_expect(mote_snapshot_save(snapshot, layout,
				     engines[engine].name, NULL, NULL, NULL,
				     &err),
		  MOTE_OK, &err);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	mote_image_unref(image);
	return count;
}

static void go_on(mote_snapshot *snapshot, int32_t count)
{
	const mote_sandbox_options options = make_options();
	mote_sandbox *box = NULL;
	mote_value result;
	size_t i;

	vm_expect(mote_sandbox_from_snapshot(snapshot, &options, &box, &err),
		  MOTE_OK, &err);
	/* And once more, on the CPU that has been used. */
	for (i = 0; i < 2; i++) {
		assert_int_equal(count_up(box), count + 1);
		vm_expect(mote_call(box, "Text", NULL, 0, &result, &err),
			  MOTE_OK, &err);
		assert_int_equal(result.as.string.size,
				 strlen("from elsewhere"));
		assert_memory_equal(result.as.string.data, "from elsewhere",
				    result.as.string.size);
		vm_expect(mote_sandbox_restore(box, snapshot, &err), MOTE_OK,
			  &err);
	}
	mote_sandbox_free(box);
}

/* Whether all that from's guests find is there with to. */
static bool has_all(size_t from, size_t to)
{
	size_t i;

	for (i = 0; i < MTI_CPU_FEATURE_WORDS; i++)
		if (engines[from].features[i] & ~engines[to].features[i])
			return false;
	return true;
}

static size_t every_pair(void)
{
	size_t ran = 0;
	size_t i;
	size_t k;

	files_temporary(layout, sizeof(layout));
	open_engines();
	for (i = 0; i < engine_count; i++) {
		int32_t count = save(i);

		for (k = 0; k < engine_count; k++) {
			bool fits = has_all(i, k);
			mote_snapshot *snapshot = NULL;
			char lacks[80];

			print_message("%s to %s: %s\n", engines[i].name,
				      engines[k].name,
				      fits ? "runs" : "refused");
			vm_expect(mote_snapshot_load(engines[k].engine, layout,
						     engines[i].name,
						     MOTE_LOAD_VERIFY,
						     &snapshot, &err),
				  fits ? MOTE_OK : MOTE_E_SNAPSHOT, &err);
			if (fits) {
				go_on(snapshot, count);
				mote_snapshot_unref(snapshot);
				ran++;
				continue;
			}
			snprintf(lacks, sizeof(lacks),
				 "cpu.features: the CPU of backend \"%s\" "
				 "lacks ",
				 engines[k].name);
			print_message("  %s\n", err.text);
			vm_expect_text(&err, lacks);
		}
	}
	close_engines();
	files_delete(layout);
	return ran;
}

static void test_as_they_are(void **state)
{
	(void)state;
	/* Each takes its own at least. */
	assert_true(every_pair() >= engine_count);
}

/* The guest does not use what is not in every CPU: it runs anywhere. */
static void test_poor_machine(void **state)
{
	(void)state;
	poor = true;
	assert_true(every_pair() >= engine_count);
	poor = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_they_are),
		cmocka_unit_test(test_poor_machine),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(50);
	return cmocka_run_group_tests_name("across", tests, NULL, NULL);
}
