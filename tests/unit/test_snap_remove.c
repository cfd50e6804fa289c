/*
 * Listing and removing, and deleting what is of no use: what goes, and what
 * stays because something may want it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/layout_files.h"
#include "harness/snap_sample.h"
#include "harness/unit.h"

static struct snap_sample sample;
static mote_error err = MOTE_ERROR_INIT;

static int set_up(void **state)
{
	(void)state;
	snap_sample_open(&sample);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	snap_sample_close(&sample);
	return 0;
}

static size_t file_count(void)
{
	return files_blobs(sample.layout).files;
}

struct listed {
	char text[512];
	uint64_t bytes;
	size_t stop_at;
	size_t count;
};

static int note_entry(void *user, const char *tag,
		      const struct mti_digest *digest, uint64_t bytes)
{
	struct listed *listed = user;
	size_t used = strlen(listed->text);

	(void)digest;
	snprintf(listed->text + used, sizeof(listed->text) - used, "%s%s ",
		 tag, bytes ? "" : "?");
	listed->bytes = bytes;
	return ++listed->count == listed->stop_at;
}

static void expect_list(const char *expected)
{
	struct listed listed = { .bytes = 0 };

	assert_int_equal(mti_snap_list(&sample.memory.allocator, sample.layout,
				       note_entry, &listed, &err),
			 MOTE_OK);
	assert_string_equal(listed.text, expected);
}

static void test_list(void **state)
{
	struct listed listed = { .stop_at = 2 };
	struct documents documents;
	char *path;

	(void)state;
	snap_sample_saved(&sample, "z");
	snap_sample_saved(&sample, "a");
	snap_sample_saved(&sample, "m");
	expect_list("z a m ");
	assert_int_equal(mti_snap_list(&sample.memory.allocator, sample.layout,
				       note_entry, &listed, &err),
			 MOTE_OK);
	assert_string_equal(listed.text, "z a ");
	/* All that it takes to have this one. */
	assert_int_equal(listed.bytes, files_blobs(sample.layout).bytes);
	/* What is not a snapshot is left out; a broken one is not. */
	documents_open(&documents, sample.layout, "a");
	documents_edit(documents.manifest, "artifactType", "\"text/plain\"");
	documents_write(&documents);
	documents_close(&documents);
	expect_list("z m ");
	documents_open(&documents, sample.layout, "m");
	path = files_blob(sample.layout,
			  documents_at(documents.index, "manifests[2]"));
	assert_int_equal(unlink(path), 0);
	free(path);
	documents_close(&documents);
	expect_list("z? m? ");
}

static mote_status drop(const char *tag)
{
	return mti_snap_remove(&sample.memory.allocator, sample.layout, tag,
			       &err);
}

static void test_remove(void **state)
{
	struct files_count one;

	(void)state;
	snap_sample_saved(&sample, "base");
	one = files_blobs(sample.layout);
	snap_sample_saved(&sample, "same");
	snap_sample_set_delta(&sample, 0x10);
	snap_sample_saved(&sample, "delta");
	assert_int_equal(drop("none"), MOTE_E_NOT_FOUND);
	assert_non_null(strstr(err.text, "there are: base, same, delta"));
	assert_int_equal(drop("../x"), MOTE_E_INVALID);
	/* Every blob of it is of another too. */
	assert_int_equal(drop("same"), MOTE_OK);
	assert_int_equal(file_count(), one.files + 3);
	expect_list("base delta ");
	/* Base and program are; delta, config and manifest go. */
	assert_int_equal(drop("delta"), MOTE_OK);
	assert_int_equal(file_count(), one.files);
	assert_int_equal(files_blobs(sample.layout).bytes, one.bytes);
	assert_int_equal(drop("delta"), MOTE_E_NOT_FOUND);
	assert_int_equal(drop("base"), MOTE_OK);
	assert_int_equal(file_count(), 0);
	expect_list("");
	assert_int_equal(drop("base"), MOTE_E_NOT_FOUND);
	assert_non_null(strstr(err.text, "there is none with a tag"));
	snap_sample_saved(&sample, "again");
	snap_sample_expect(&sample, "again");
}

/* Blobs that something else may want stay. */
static void test_remove_is_careful(void **state)
{
	struct documents documents;
	size_t count;

	(void)state;
	snap_sample_saved(&sample, "a");
	snap_sample_saved(&sample, "b");
	snap_sample_set_delta(&sample, 0x10);
	snap_sample_saved(&sample, "c");
	/* b becomes something foreign that refers to the delta of c. */
	documents_open(&documents, sample.layout, "c");
	{
		char text[2 * MTI_DIGEST_TEXT_BYTES];
		const char *delta = json_string_value(documents_at(
			documents.manifest, "layers[2].digest"));

		snprintf(text, sizeof(text), "{\"x\":[\"%s\"]}", delta);
		documents_close(&documents);
		documents_open(&documents, sample.layout, "b");
		documents_edit(documents.manifest, "annotations", text);
		documents_edit(documents.manifest, "artifactType", "\"t/x\"");
		documents_write(&documents);
		documents_close(&documents);
	}
	count = file_count();
	assert_int_equal(drop("b"), MOTE_E_SNAPSHOT);
	assert_non_null(strstr(err.text, "b is no snapshot of Mote"));
	assert_int_equal(drop("c"), MOTE_OK);
	/* Its config and manifest. */
	assert_int_equal(file_count(), count - 2);
	/* What cannot be read may name anything. */
	documents_open(&documents, sample.layout, "b");
	documents_edit(documents.index, "manifests[1].digest",
		       "\"sha512:12\"");
	{
		char *path = files_path(sample.layout, "index.json");
		char *text = json_dumps(documents.index, 0);

		files_write(path, text, strlen(text));
		free(text);
		free(path);
	}
	documents_close(&documents);
	count = file_count();
	assert_int_equal(drop("a"), MOTE_OK);
	assert_int_equal(file_count(), count);
}

/* others: bytes that go and are no blob's. */
static void expect_pruned(uint64_t blobs, uint64_t others)
{
	struct files_count before = files_blobs(sample.layout);
	struct mti_pruned pruned;

	assert_int_equal(mti_snap_prune(&sample.memory.allocator, sample.layout,
					&pruned, &err),
			 MOTE_OK);
	assert_int_equal(pruned.blobs, blobs);
	assert_int_equal(pruned.bytes + others,
			 before.bytes - files_blobs(sample.layout).bytes);
}

static void put_blob(const char *name)
{
	char *path = files_path(sample.layout, "blobs/sha256/%s", name);

	files_write(path, "left", 4);
	free(path);
}

/* What tags named before, and what others and killed saves have left. */
static void test_prune(void **state)
{
	static const char digest[] = "00112233445566778899aabbccddeeff"
				     "00112233445566778899aabbccddeeff";
	struct mti_loaded loaded;
	struct files_count both;
	char name[MTI_DIGEST_HEX_BYTES];
	int i;

	(void)state;
	snap_sample_saved(&sample, "base");
	expect_pruned(0, 0);
	snap_sample_set_delta(&sample, 0x10);
	snap_sample_saved(&sample, "delta");
	both = files_blobs(sample.layout);
	snap_sample_set_delta(&sample, 0x20);
	snap_sample_saved(&sample, "delta");
	/* Manifest and delta: the config is as it was. */
	expect_pruned(2, 0);
	assert_int_equal(files_blobs(sample.layout).bytes, both.bytes);
	snap_sample_expect(&sample, "delta");
	assert_int_equal(snap_sample_load(&sample, "base", true, false,
					  &loaded, &err),
			 MOTE_OK);
	mti_loaded_fini(&loaded);
	/* More than there is room for at once; and what is nobody's. */
	for (i = 0; i < 150; i++) {
		memcpy(name, digest, sizeof(name));
		name[0] = (char)('0' + i / 100);
		name[1] = (char)('0' + i / 10 % 10);
		name[2] = (char)('0' + i % 10);
		put_blob(name);
	}
	put_blob(".mote-partial");
	put_blob("README");
	put_blob("00112233445566778899AABBCCDDEEFF00112233445566778899aabbccdd");
	expect_pruned(150, 4);
	assert_int_equal(files_blobs(sample.layout).files, both.files + 2);
	snap_sample_expect(&sample, "delta");
}

static void expect_not_pruned(const char *text)
{
	struct mti_pruned pruned;
	size_t count = file_count();

	assert_int_equal(mti_snap_prune(&sample.memory.allocator, sample.layout,
					&pruned, &err),
			 MOTE_E_SNAPSHOT);
	assert_non_null(strstr(err.text, text));
	assert_int_equal(file_count(), count);
}

/*
 * "a", and "b" whose manifest is as long as it was, and says of a blob of both
 * nothing. Its path; free it.
 */
static char *save_changed_manifest(void)
{
	struct documents documents;
	char *path;
	char *text;
	size_t size;

	snap_sample_saved(&sample, "a");
	snap_sample_set_delta(&sample, 0x10);
	snap_sample_saved(&sample, "b");
	documents_open(&documents, sample.layout, "b");
	path = files_blob(sample.layout,
			  documents_at(documents.index, "manifests[1]"));
	documents_close(&documents);
	text = files_read(path, &size);
	assert_non_null(strstr(text, "\"layers\""));
	memcpy(strstr(strstr(text, "\"layers\""), "sha256:"), "sha257:", 7);
	files_write(path, text, size);
	free(text);
	return path;
}

/* It may lead anywhere. */
static void test_changed_manifest(void **state)
{
	size_t count;

	(void)state;
	free(save_changed_manifest());
	expect_list("a b? ");
	count = file_count();
	assert_int_equal(drop("a"), MOTE_OK);
	assert_int_equal(file_count(), count);
	expect_list("b? ");
	/* That goes, and what it named stays. */
	assert_int_equal(drop("b"), MOTE_OK);
	assert_int_equal(file_count(), count - 1);
}

static void test_prune_is_careful(void **state)
{
	char *path;

	(void)state;
	path = save_changed_manifest();
	expect_not_pruned("index.json: manifests[1] cannot be read");
	assert_int_equal(unlink(path), 0);
	expect_not_pruned("index.json: manifests[1] cannot be read");
	free(path);
	assert_int_equal(drop("b"), MOTE_OK);
	expect_pruned(2, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_list),
		TEST(test_remove),
		TEST(test_remove_is_careful),
		TEST(test_changed_manifest),
		TEST(test_prune),
		TEST(test_prune_is_careful),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
