/*
 * Snapshots whose files an attacker has written: memory (page tables and the
 * supervisor's pages among it) and registers are what he likes, with digests
 * that are right. The worst that comes of it is a guest that misbehaves; a
 * good snapshot in the same engine is as good as before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/layout_files.h"
#include "harness/random.h"
#include "harness/unit.h"
#include "vm/state_host.h"

#define ROUNDS 150
#define DEADLINE_NS 20000000
#define PAGE 4096

static struct state_host host;
static struct random_source source;
static char folder[64];
static char *layout;

/* Some bytes, often in the first pages or the page tables. */
static void spoil_blob(json_t *descriptor, const char *tables)
{
	char *path = files_blob(layout, descriptor);
	uint64_t gpa = strtoull(tables, NULL, 0);
	size_t count = 1 + random_below(&source, 40);
	size_t size;
	char *data = files_read(path, &size);
	char *found;
	size_t i;

	for (i = 0; i < count; i++) {
		size_t at = random_below(&source, size);

		switch (random_below(&source, 4)) {
		case 0:
			at %= 2 * PAGE;
			break;
		case 1:
			at = (gpa + at % (8 * PAGE)) % size;
			break;
		default:
			break;
		}
		data[at] = (char)random_u64(&source);
	}
	free(path);
	/* Under a name of its own: the good one is needed still. */
	path = files_path(folder, "spoilt");
	files_write(path, data, size);
	found = files_digest(path);
	json_object_set_new(descriptor, "digest", json_string(found));
	free(path);
	path = files_blob(layout, descriptor);
	files_write(path, data, size);
	free(path);
	free(found);
	free(data);
}

static void spoil_state(json_t *config)
{
	static const char *const fields[] = {
		"state.fs_base", "state.gs_base", "state.mxcsr",
		"state.x87_control", "state.dispatch_pc", "state.dispatch_sp",
	};
	char text[32];

	snprintf(text, sizeof(text), "\"0x%llx\"",
		 (unsigned long long)random_any_width(&source));
	documents_edit(config, fields[random_below(&source, 6)], text);
}

static void write_spoilt(void)
{
	struct documents documents;
	const char *tables;

	/* From the good one. */
	documents_open(&documents, layout, "good");
	tables = json_string_value(documents_at(documents.config,
						"memory.page_tables.gpa"));
	if (random_below(&source, 3) != 0)
		spoil_blob(documents_at(documents.manifest, "layers[1]"),
			   tables);
	if (random_below(&source, 3) == 0)
		spoil_blob(documents_at(documents.manifest, "layers[2]"),
			   tables);
	if (random_below(&source, 3) == 0)
		spoil_state(documents.config);
	documents_edit(documents.index,
		       "manifests[0].annotations"
		       "/org.opencontainers.image.ref.name",
		       "\"spoilt\"");
	documents_write(&documents);
	documents_close(&documents);
}

static bool is_guests(mote_status status)
{
	switch (status) {
	case MOTE_OK:
	case MOTE_E_HYPERVISOR: /* it refuses such a machine */
	case MOTE_E_GUEST_ERROR:
	case MOTE_E_GUEST_FAULT:
	case MOTE_E_GUEST_EXIT:
	case MOTE_E_PROTOCOL:
	case MOTE_E_HOST_CALLS:
	case MOTE_E_OUTPUT:
	case MOTE_E_DEADLINE:
		return true;
	default:
		return false;
	}
}

/* Which of the calls came to their end. */
static size_t call_spoilt(mote_snapshot *snapshot)
{
	mote_sandbox_options options = state_options(&host);
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *box = NULL;
	mote_status status;
	mote_value result;
	size_t good = 0;
	int i;

	options.deadline_ns = DEADLINE_NS;
	options.max_output_bytes = 1 << 20;
	options.max_host_calls = 1000;
	status = mote_sandbox_from_snapshot(snapshot, &options, &box, &err);
	if (status != MOTE_OK) {
		if (!is_guests(status))
			fail_msg("%s: %s", mote_status_name(status), err.text);
		return 0;
	}
	for (i = 0; i < 3; i++) {
		status = mote_call(box, i == 2 ? "Text" : "Count", NULL, 0,
				   &result, &err);
		if (!is_guests(status))
			fail_msg("%s: %s", mote_status_name(status), err.text);
		good += status == MOTE_OK;
		status = mote_sandbox_restore(box, snapshot, &err);
		if (!is_guests(status))
			fail_msg("restore: %s: %s", mote_status_name(status),
				 err.text);
	}
	mote_sandbox_free(box);
	return good;
}

static void expect_good(mote_snapshot *good)
{
	mote_sandbox *box = state_clone(&host, good);

	assert_int_equal(state_i32(box, "Count"), 102);
	state_expect_text(box, "untouched");
	mote_sandbox_free(box);
}

static void save_good(void)
{
	mote_sandbox *box = state_new(&host);
	mote_snapshot *snapshot;

	assert_int_equal(state_i32(box, "Count"), 101);
	state_set_text(box, "untouched");
	snapshot = state_take(box);
	vm_expect(mote_snapshot_save(snapshot, layout, "good", NULL, NULL, NULL,
				     &host.vm.err),
		  MOTE_OK, &host.vm.err);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

static void test_evil_files(void **state)
{
	size_t refused = 0;
	size_t good_calls = 0;
	size_t round;
	mote_snapshot *good = NULL;
	char *index;
	char *text;
	size_t size;

	(void)state;
	files_temporary(folder, sizeof(folder));
	layout = files_path(folder, "layout");
	index = files_path(layout, "index.json");
	state_open(&host, GUEST_vm_state);
	save_good();
	text = files_read(index, &size);
	vm_expect(mote_snapshot_load(host.vm.engine, layout, "good", 0, &good,
				     &host.vm.err),
		  MOTE_OK, &host.vm.err);
	for (round = 0; round < ROUNDS; round++) {
		mote_snapshot *snapshot = NULL;
		mote_status status;

		write_spoilt();
		status = mote_snapshot_load(host.vm.engine, layout, "spoilt",
					    MOTE_LOAD_VERIFY, &snapshot,
					    &host.vm.err);
		if (status == MOTE_OK)
			good_calls += call_spoilt(snapshot);
		else if (status == MOTE_E_SNAPSHOT)
			refused++;
		else
			fail_msg("%s", host.vm.err.text);
		mote_snapshot_unref(snapshot);
		files_write(index, text, size);
		if (round % 10 == 0)
			expect_good(good);
	}
	expect_good(good);
	print_message("%zu of %d refused; of the others %zu calls of three "
		      "each were good\n",
		      refused, ROUNDS, good_calls);
	/* Neither all nor none, or this tries nothing. */
	assert_true(refused < ROUNDS / 2 && good_calls > 0);
	assert_true(good_calls < 3 * (ROUNDS - refused));
	mote_snapshot_unref(good);
	state_close(&host);
	free(text);
	free(index);
	free(layout);
	files_delete(folder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_evil_files),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	source.state = random_seed(argc, argv);
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
