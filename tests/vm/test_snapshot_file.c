/*
 * Snapshots in files, end to end: saved, loaded, called, restored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/layout_files.h"
#include "harness/unit.h"
#include "vm/state_host.h"

static struct state_host host;
static mote_error *const err = &host.vm.err;
static char folder[64];
static char *layout;

static int set_up(void **state)
{
	(void)state;
	files_temporary(folder, sizeof(folder));
	layout = files_path(folder, "layout");
	state_open(&host, GUEST_vm_state);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	state_close(&host);
	free(layout);
	files_delete(folder);
	return 0;
}

static void save(mote_snapshot *snapshot, const char *tag,
		 char digest[MOTE_DIGEST_BYTES])
{
	vm_expect(mote_snapshot_save(snapshot, layout, tag, NULL, NULL, digest,
				     err),
		  MOTE_OK, err);
}

static mote_snapshot *load(const char *reference, uint32_t flags)
{
	mote_snapshot *snapshot = NULL;

	vm_expect(mote_snapshot_load(host.vm.engine, layout, reference, flags,
				     &snapshot, err),
		  MOTE_OK, err);
	assert_non_null(snapshot);
	return snapshot;
}

static void refused(const char *reference, mote_status status,
		    const char *text)
{
	struct vm_resources before = vm_resources_now();
	size_t live = atomic_load(&host.vm.allocator.live);
	mote_snapshot *snapshot = NULL;
	struct vm_resources after;

	vm_expect(mote_snapshot_load(host.vm.engine, layout, reference, 0,
				     &snapshot, err),
		  status, err);
	vm_expect_text(err, text);
	after = vm_resources_now();
	assert_null(snapshot);
	assert_int_equal(after.descriptors, before.descriptors);
	assert_int_equal(after.mappings, before.mappings);
	assert_int_equal(atomic_load(&host.vm.allocator.live), live);
}

/* A sandbox whose state is not that of a new one. */
static mote_sandbox *used_box(void)
{
	mote_sandbox *box = state_new(&host);

	assert_int_equal(state_i32(box, "Count"), 101);
	state_set_text(box, "first");
	state_touch(box, 20, 2, 5);
	return box;
}

/* It goes on from there, and no constructor has run again. */
static void expect_used(mote_sandbox *box)
{
	size_t notes = host.notes;

	assert_int_equal(state_i32(box, "Count"), 102);
	state_expect_text(box, "first");
	assert_int_equal(state_sum(box, 20, 2), 100);
	assert_int_equal(state_i32(box, "Started"), 1);
	assert_int_equal(host.notes, notes);
}

static void use_and_save(const char *tag)
{
	mote_sandbox *box = used_box();
	mote_snapshot *snapshot = state_take(box);

	save(snapshot, tag, NULL);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

static const uint32_t modes[] = { 0, MOTE_LOAD_VERIFY, MOTE_LOAD_COPY,
				  MOTE_LOAD_VERIFY | MOTE_LOAD_COPY };

static void test_round_trip(void **state)
{
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	mote_snapshot *snapshot;
	mote_sandbox *clones[3];
	size_t i;
	size_t j;

	(void)state;
	use_and_save("used");
	for (i = 0; i < 4; i++) {
		snapshot = load("used", modes[i]);
		vm_expect(mote_snapshot_describe(snapshot, &info, err), MOTE_OK,
			  err);
		assert_int_equal(info.from_file, 1);
		for (j = 0; j < 3; j++)
			clones[j] = state_clone(&host, snapshot);
		/* They need nobody any more. */
		mote_snapshot_unref(snapshot);
		for (j = 0; j < 3; j++) {
			expect_used(clones[j]);
			state_set_text(clones[j], "another");
		}
		for (j = 0; j < 3; j++)
			mote_sandbox_free(clones[j]);
	}
}

/* Into a sandbox that had nothing to do with it, and back to it. */
static void test_restore(void **state)
{
	mote_snapshot *loaded;
	mote_snapshot *again;
	mote_sandbox *box;
	mote_sandbox *clone;
	int i;

	(void)state;
	use_and_save("used");
	box = state_new(&host);
	loaded = load("used", 0);
	again = load("used", 0);
	for (i = 0; i < 3; i++) {
		state_restore(box, i == 1 ? again : loaded);
		expect_used(box);
		state_set_text(box, "second");
		state_touch(box, 40, 3, 9);
		state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
	}
	/* Two loads of one file are the same thing. */
	clone = state_clone(&host, again);
	state_set_text(clone, "third");
	state_restore(clone, loaded);
	expect_used(clone);
	mote_sandbox_free(clone);
	mote_sandbox_free(box);
	mote_snapshot_unref(again);
	mote_snapshot_unref(loaded);
}

/* What guests write never reaches the files. */
static void test_files_stay(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *box;
	int i;

	(void)state;
	use_and_save("used");
	snapshot = load("used", 0);
	box = state_clone(&host, snapshot);
	state_touch(box, 200, 1, 77);
	state_set_text(box, "overwritten");
	for (i = 0; i < 3; i++) {
		state_restore(box, snapshot);
		expect_used(box);
		state_touch(box, 100, 1, 99);
	}
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	snapshot = load("used", MOTE_LOAD_VERIFY);
	box = state_clone(&host, snapshot);
	expect_used(box);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
}

/* One image, many snapshots: its memory and program are there once. */
static void test_incremental(void **state)
{
	mote_sandbox *box = used_box();
	mote_snapshot *snapshots[3];
	struct files_count counts[3];
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	mote_snapshot *loaded;
	char text[24];
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		state_set_text(box, text);
		snapshots[i] = state_take(box);
		save(snapshots[i], text + 7, NULL);
		counts[i] = files_blobs(layout);
	}
	/* Program, base, delta, config, manifest; then only what differs. */
	assert_int_equal(counts[0].files, 5);
	for (i = 1; i < 3; i++) {
		vm_expect(mote_snapshot_describe(snapshots[i], &info, err),
			  MOTE_OK, err);
		assert_true(counts[i].files <= counts[i - 1].files + 3);
		assert_true(counts[i].bytes - counts[i - 1].bytes <=
			    info.stored_bytes);
		assert_true(counts[i].bytes - counts[i - 1].bytes <
			    counts[0].bytes / 2);
	}
	for (i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		loaded = load(text + 7, 0);
		state_restore(box, loaded);
		state_expect_text(box, text);
		mote_snapshot_unref(loaded);
		mote_snapshot_unref(snapshots[i]);
	}
	mote_sandbox_free(box);
}

/* A snapshot of what came from a file: the base is that of the file. */
static void test_chain(void **state)
{
	char digest[MOTE_DIGEST_BYTES];
	struct files_count before;
	struct files_count after;
	mote_snapshot *snapshot;
	mote_snapshot *loaded;
	mote_sandbox *box;
	int i;

	(void)state;
	use_and_save("0");
	for (i = 1; i < 4; i++) {
		char tag[2] = { (char)('0' + i - 1), '\0' };

		before = files_blobs(layout);
		loaded = load(tag, 0);
		box = state_clone(&host, loaded);
		assert_int_equal(state_i32(box, "Count"), 101 + i);
		snapshot = state_take(box);
		tag[0]++;
		save(snapshot, tag, digest);
		after = files_blobs(layout);
		/* Delta, config and manifest are new at most. */
		assert_true(after.files <= before.files + 3);
		mote_snapshot_unref(snapshot);
		mote_sandbox_free(box);
		mote_snapshot_unref(loaded);
	}
	loaded = load(digest, MOTE_LOAD_VERIFY);
	box = state_clone(&host, loaded);
	assert_int_equal(state_i32(box, "Count"), 105);
	state_expect_text(box, "first");
	mote_sandbox_free(box);
	mote_snapshot_unref(loaded);
}

/* Saved again it is the same, wherever it goes. */
static void test_save_loaded(void **state)
{
	char *other = files_path(folder, "other");
	char first[MOTE_DIGEST_BYTES];
	char second[MOTE_DIGEST_BYTES];
	mote_sandbox *box = used_box();
	mote_snapshot *snapshot = state_take(box);
	mote_snapshot *loaded;

	(void)state;
	save(snapshot, "a", first);
	loaded = load(first, 0);
	vm_expect(mote_snapshot_save(loaded, other, "b", NULL, NULL, second,
				     err),
		  MOTE_OK, err);
	assert_string_equal(first, second);
	mote_snapshot_unref(loaded);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	free(other);
}

static mote_status clone_status(mote_snapshot *snapshot,
				mote_sandbox_options *options)
{
	mote_sandbox *box = NULL;
	mote_status status = mote_sandbox_from_snapshot(snapshot, options, &box,
							err);

	mote_sandbox_free(box);
	return status;
}

static void test_imports(void **state)
{
	mote_sandbox_options options = state_options(&host);
	mote_host_function functions[3];
	mote_snapshot *snapshot;

	(void)state;
	use_and_save("used");
	snapshot = load("used", 0);
	memcpy(functions, host.functions, sizeof(host.functions));
	functions[2] = functions[0];
	functions[2].name = "Further";
	options.host_functions = functions;
	options.host_function_count = 3;
	vm_expect(clone_status(snapshot, &options), MOTE_OK, err);
	options.host_function_count = 1;
	vm_expect(clone_status(snapshot, &options), MOTE_E_IMPORT, err);
	options.host_function_count = 2;
	functions[0].signature = "i()";
	vm_expect(clone_status(snapshot, &options), MOTE_E_IMPORT, err);
	mote_snapshot_unref(snapshot);
}

/* Random numbers of two sandboxes from one file differ. */
static void test_reseed(void **state)
{
	mote_snapshot *snapshot;
	mote_sandbox *a;
	mote_sandbox *b;
	int equal = 0;
	int i;

	(void)state;
	use_and_save("used");
	snapshot = load("used", 0);
	a = state_clone(&host, snapshot);
	b = state_clone(&host, snapshot);
	for (i = 0; i < 8; i++)
		if (state_i32(a, "Rand") == state_i32(b, "Rand"))
			equal++;
	assert_true(equal < 8);
	mote_sandbox_free(a);
	mote_sandbox_free(b);
	mote_snapshot_unref(snapshot);
}

/* The files go; what was loaded stays. */
static void test_files_go(void **state)
{
	mote_snapshot *mapped;
	mote_snapshot *copied;
	mote_sandbox *box;
	struct documents documents;
	char *blob;

	(void)state;
	use_and_save("used");
	copied = load("used", MOTE_LOAD_COPY);
	mapped = load("used", 0);
	vm_expect(mote_snapshot_remove(layout, "used", err), MOTE_OK, err);
	box = state_clone(&host, mapped);
	expect_used(box);
	state_restore(box, copied);
	expect_used(box);
	mote_sandbox_free(box);
	mote_snapshot_unref(mapped);
	mote_snapshot_unref(copied);
	/* Even cut to nothing, a file is not missed by a copy of it. */
	use_and_save("used");
	copied = load("used", MOTE_LOAD_COPY);
	documents_open(&documents, layout, "used");
	blob = files_blob(layout, documents_at(documents.manifest,
					       "layers[1]"));
	assert_int_equal(truncate(blob, 0), 0);
	free(blob);
	documents_close(&documents);
	box = state_clone(&host, copied);
	expect_used(box);
	mote_sandbox_free(box);
	mote_snapshot_unref(copied);
	refused("used", MOTE_E_SNAPSHOT, "its descriptor says");
}

static int note(void *user, const mote_layout_entry *entry)
{
	mote_layout_entry *found = user;

	assert_int_equal(entry->struct_size, sizeof(*entry));
	*found = *entry;
	return 0;
}

static void test_list(void **state)
{
	char digest[MOTE_DIGEST_BYTES];
	mote_layout_entry found = { .struct_size = 0 };
	mote_sandbox *box = used_box();
	mote_snapshot *snapshot = state_take(box);

	(void)state;
	save(snapshot, "only", digest);
	vm_expect(mote_layout_list(layout, note, &found, err), MOTE_OK, err);
	assert_string_equal(found.tag, "only");
	assert_string_equal(found.digest, digest);
	assert_int_equal(found.bytes, files_blobs(layout).bytes);
	vm_expect(mote_layout_list(folder, note, &found, err), MOTE_E_SNAPSHOT,
		  err);
	vm_expect_text(err, "oci-layout: is missing");
	vm_expect(mote_layout_list("/nonexistent", note, &found, err),
		  MOTE_E_OS, err);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
}

static void test_arguments(void **state)
{
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box = used_box();
	mote_snapshot *taken = state_take(box);

	(void)state;
	vm_expect(mote_snapshot_check_tag("a.b-c_1", err), MOTE_OK, err);
	vm_expect(mote_snapshot_check_tag("-a", err), MOTE_E_INVALID, err);
	vm_expect_text(err, "is no tag");
	assert_int_equal(mote_snapshot_check_tag("", NULL), MOTE_E_INVALID);
	vm_expect(mote_snapshot_check_tag(NULL, err), MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_save(NULL, layout, "a", NULL, NULL, NULL, err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_save(taken, NULL, "a", NULL, NULL, NULL, err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_save(taken, layout, NULL, NULL, NULL, NULL,
				     err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_save(taken, layout, "a:b", NULL, NULL, NULL,
				     NULL),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_load(NULL, layout, "a", 0, &snapshot, err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_load(host.vm.engine, NULL, "a", 0, &snapshot,
				     err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_load(host.vm.engine, layout, NULL, 0, &snapshot,
				     err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_load(host.vm.engine, layout, "a", 0, NULL, err),
		  MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_load(host.vm.engine, layout, "a", 4, &snapshot,
				     err),
		  MOTE_E_VERSION, err);
	vm_expect(mote_snapshot_remove(NULL, "a", err), MOTE_E_INVALID, err);
	vm_expect(mote_snapshot_remove(layout, NULL, err), MOTE_E_INVALID, err);
	vm_expect(mote_layout_list(NULL, note, NULL, err), MOTE_E_INVALID, err);
	vm_expect(mote_layout_list(layout, NULL, NULL, err), MOTE_E_INVALID,
		  err);
	/* None of that has made the folder. */
	assert_int_equal(access(layout, F_OK), -1);
	assert_null(snapshot);
	mote_snapshot_unref(taken);
	mote_sandbox_free(box);
}

/* ------------------------------------------------------- what is not good */

/* The program of another snapshot, with digests that are right. */
static void replace_program(const char *path)
{
	struct documents documents;
	char *digest = files_digest(path);
	char *quoted;
	json_t *layer;
	size_t size;
	char *data = files_read(path, &size);
	char *blob;

	documents_open(&documents, layout, "used");
	assert_true(asprintf(&quoted, "\"%s\"", digest) > 0);
	documents_edit(documents.config, "program", quoted);
	documents_edit(documents.manifest, "layers[0].digest", quoted);
	layer = documents_at(documents.manifest, "layers[0]");
	json_object_set_new(layer, "size", json_integer((json_int_t)size));
	blob = files_blob(layout, layer);
	files_write(blob, data, size);
	documents_write(&documents);
	documents_close(&documents);
	free(blob);
	free(quoted);
	free(digest);
	free(data);
}

static void test_wrong_program(void **state)
{
	char *path = files_path(folder, "program");

	(void)state;
	use_and_save("used");
	replace_program(GUEST_vm_calls);
	refused("used", MOTE_E_SNAPSHOT, "exports: ");
	files_write(path, "no program", 10);
	replace_program(path);
	refused("used", MOTE_E_SNAPSHOT, "program: ");
	replace_program(GUEST_vm_state);
	mote_snapshot_unref(load("used", MOTE_LOAD_VERIFY));
	free(path);
}

static void edit(const char *path, const char *json)
{
	struct documents documents;

	documents_open(&documents, layout, "used");
	documents_edit(documents.config, path, json);
	documents_write(&documents);
	documents_close(&documents);
}

/* Addresses of areas that only the host writes. */
static void test_memory_of_messages(void **state)
{
	static const char *const areas[] = { "regions[3]", "regions[4]",
					     "regions[5]", "regions[6]",
					     "regions[7]" };
	struct documents documents;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		const char *gpa;

		use_and_save("used");
		documents_open(&documents, layout, "used");
		documents_edit(documents.config, "memory.extents", "[]");
		gpa = json_string_value(json_object_get(
			documents_at(documents.config, areas[i]), "gpa"));
		assert_true(asprintf(&text,
				     "{\"gpa\":\"%s\",\"size\":4096,"
				     "\"layer\":1,\"offset\":0}",
				     gpa) > 0);
		documents_edit(documents.config, "memory.extents[0]", text);
		documents_write(&documents);
		documents_close(&documents);
		refused("used", MOTE_E_SNAPSHOT, "where messages are");
		free(text);
	}
}

static void test_machine(void **state)
{
	(void)state;
	use_and_save("used");
	/* Bit 31 of leaf 7, edx, is nobody's but a mitigation's. */
	edit("cpu.features/7.edx", "\"0x80000000\"");
	refused("used", MOTE_E_SNAPSHOT, "lacks 7.edx bit 31");
	use_and_save("used");
	/* The registers of a snapshot are those of its architecture. */
#if defined(__aarch64__)
	edit("arch", "\"amd64\"");
	refused("used", MOTE_E_SNAPSHOT, "state.fs_base: is missing");
#else
	edit("arch", "\"aarch64\"");
	refused("used", MOTE_E_SNAPSHOT, "state.tpidr_el0: is missing");
#endif
	use_and_save("used");
	edit("arch", "\"riscv64\"");
	refused("used", MOTE_E_SNAPSHOT, "arch: \"riscv64\" is none");
}

/* Without a hypervisor a snapshot, whoever made it, can be looked at. */
static void test_only_looked_at(void **state)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_image_info info = MOTE_IMAGE_INFO_INIT;
	mote_engine *engine = NULL;
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box = NULL;

	(void)state;
	use_and_save("used");
	edit("backend", "\"mshv\"");
	edit("cpu.features/7.edx", "\"0x80000000\"");
	options.backend = "none";
	vm_expect(mote_engine_new(&options, &engine, err), MOTE_OK, err);
	vm_expect(mote_snapshot_load(engine, layout, "used", MOTE_LOAD_VERIFY,
				     &snapshot, err),
		  MOTE_OK, err);
	vm_expect(mote_image_describe(mote_snapshot_image(snapshot), &info,
				      err),
		  MOTE_OK, err);
	assert_true(info.export_count > 10);
	assert_true(mote_snapshot_extent_count(snapshot) > 3);
	assert_int_not_equal(mote_sandbox_from_snapshot(snapshot, NULL, &box,
							err),
			     MOTE_OK);
	assert_null(box);
	edit("backend", "\"a name that is far too long\"");
	mote_snapshot_unref(snapshot);
	vm_expect(mote_snapshot_load(engine, layout, "used", 0, &snapshot, err),
		  MOTE_E_SNAPSHOT, err);
	vm_expect_text(err, "backend: \"a name that is far too long\" is no");
	mote_engine_unref(engine);
}

/* What a snapshot may have is limited; that of the default: cli-snapshot. */
static void test_load_max(void **state)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;
	mote_snapshot_info info = MOTE_SNAPSHOT_INFO_INIT;
	mote_snapshot *snapshot;
	mote_engine *engine = NULL;
	int less;

	(void)state;
	use_and_save("used");
	snapshot = load("used", 0);
	vm_expect(mote_snapshot_describe(snapshot, &info, err), MOTE_OK, err);
	mote_snapshot_unref(snapshot);
	options.backend = "none";
	for (less = 0; less < 2; less++) {
		options.load_max_bytes = info.memory_size - (uint64_t)less;
		snapshot = NULL;
		vm_expect(mote_engine_new(&options, &engine, err), MOTE_OK,
			  err);
		vm_expect(mote_snapshot_load(engine, layout, "used", 0,
					     &snapshot, err),
			  less ? MOTE_E_SNAPSHOT : MOTE_OK, err);
		assert_true(less ? !snapshot : !!snapshot);
		mote_snapshot_unref(snapshot);
		mote_engine_unref(engine);
	}
	vm_expect_text(err, "bytes are more than load_max_bytes of the engine");
}

static void save_in_child(void *snapshot)
{
	save(snapshot, "child", NULL);
	mote_snapshot_unref(snapshot);
}

/* A child can do that with its parent's, and no more: see test_clone.c. */
static void test_fork(void **state)
{
	mote_sandbox *box = used_box();
	mote_snapshot *snapshot = state_take(box);
	mote_snapshot *loaded;

	(void)state;
	vm_fork(save_in_child, snapshot, 20);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	loaded = load("child", MOTE_LOAD_VERIFY);
	box = state_clone(&host, loaded);
	expect_used(box);
	mote_sandbox_free(box);
	mote_snapshot_unref(loaded);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_restore),
		TEST(test_files_stay),
		TEST(test_incremental),
		TEST(test_chain),
		TEST(test_save_loaded),
		TEST(test_imports),
		TEST(test_reseed),
		TEST(test_files_go),
		TEST(test_list),
		TEST(test_arguments),
		TEST(test_wrong_program),
		TEST(test_memory_of_messages),
		TEST(test_machine),
		TEST(test_only_looked_at),
		TEST(test_load_max),
		TEST(test_fork),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
