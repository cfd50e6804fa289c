/*
 * Saving and loading, when all is well: what is in the folder afterwards, and
 * what stays as it was.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/layout.h"
#include "harness/layout_files.h"
#include "harness/snap_sample.h"
#include "harness/unit.h"

#define PAGE MOTE_PAGE_SIZE

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

static void test_round_trip(void **state)
{
	(void)state;
	snap_sample_saved(&sample, "full");
	snap_sample_expect(&sample, "full");
	assert_int_equal(file_count(), 4);
	snap_sample_set_delta(&sample, 0xd0);
	snap_sample_saved(&sample, "delta");
	snap_sample_expect(&sample, "delta");
}

/* What tools of others, and people, see. */
static void test_documents(void **state)
{
	struct documents documents;
	char *path;
	char *text;

	(void)state;
	snap_sample_set_delta(&sample, 0xd0);
	snap_sample_saved(&sample, "v1.0");
	path = files_path(sample.layout, "oci-layout");
	text = files_read(path, NULL);
	assert_string_equal(text, "{\"imageLayoutVersion\":\"1.0.0\"}");
	free(text);
	free(path);
	documents_open(&documents, sample.layout, "v1.0");
	text = json_dumps(documents.manifest, JSON_COMPACT);
	assert_non_null(strstr(text, "{\"schemaVersion\":2,\"mediaType\":"
				     "\"application/vnd.oci.image.manifest.v1"
				     "+json\",\"artifactType\":\"application/"
				     "vnd.mote.snapshot.config.v1+json\","
				     "\"config\":{\"mediaType\":\"application/"
				     "vnd.mote.snapshot.config.v1+json\""));
	assert_non_null(strstr(text, "\"layers\":[{\"mediaType\":\"application"
				     "/vnd.mote.guest.v1.elf\""));
	free(text);
	assert_int_equal(json_array_size(json_object_get(documents.manifest,
							 "layers")),
			 3);
	text = json_dumps(documents.config, JSON_COMPACT);
	assert_non_null(strstr(text, "{\"format\":1,\"mote\":\""));
	assert_non_null(strstr(text, "\"imports\":[{\"name\":\"GetWeekday\","
				     "\"signature\":\"s()\",\"posted\":false}"
				     ",{\"name\":\"Log\",\"signature\":\"v(s)\""
				     ",\"posted\":true}]"));
	assert_non_null(strstr(text, "\"state\":{\"fs_base\":\"0x501000\","
				     "\"gs_base\":\"0xffff800000000000\","
				     "\"mxcsr\":\"0x1f80\""));
	free(text);
	documents_close(&documents);
}

/* The digest is that of the manifest, and names the snapshot as well. */
static void test_digest(void **state)
{
	char text[MTI_DIGEST_TEXT_BYTES];
	struct documents documents;
	struct mti_digest digest;
	char *manifest;
	char *found;

	(void)state;
	assert_int_equal(snap_sample_save(&sample, "a", &digest, &err),
			 MOTE_OK);
	mti_digest_text(&digest, text);
	documents_open(&documents, sample.layout, "a");
	manifest = files_blob(sample.layout,
			      documents_at(documents.index, "manifests[0]"));
	found = files_digest(manifest);
	assert_string_equal(found, text);
	free(found);
	free(manifest);
	documents_close(&documents);
	snap_sample_expect(&sample, text);
	/* The right one of several. */
	snap_sample_set_delta(&sample, 0xd0);
	snap_sample_saved(&sample, "b");
	snap_sample_saved(&sample, "c");
	snap_sample_refused(&sample, "sha256:0123456789abcdef0123456789abcdef"
				     "0123456789abcdef0123456789abcdef",
			    MOTE_E_NOT_FOUND, "there are: a, b, c");
	assert_int_equal(snap_sample_save(&sample, "d", &digest, &err),
			 MOTE_OK);
	mti_digest_text(&digest, text);
	snap_sample_expect(&sample, text);
}

/* The same again changes nothing, and so does the same by another name. */
static void test_equal_blobs_once(void **state)
{
	struct files_count once;
	struct files_count again;
	struct mti_digest first;
	struct mti_digest second;
	char *path;
	char *text;
	char *same;

	(void)state;
	assert_int_equal(snap_sample_save(&sample, "a", &first, &err), MOTE_OK);
	once = files_blobs(sample.layout);
	path = files_path(sample.layout, "index.json");
	text = files_read(path, NULL);
	assert_int_equal(snap_sample_save(&sample, "a", &second, &err),
			 MOTE_OK);
	assert_true(mti_digest_equal(&first, &second));
	same = files_read(path, NULL);
	assert_string_equal(text, same);
	free(same);
	free(text);
	free(path);
	snap_sample_saved(&sample, "b");
	again = files_blobs(sample.layout);
	assert_int_equal(again.files, once.files);
	assert_int_equal(again.bytes, once.bytes);
	snap_sample_expect(&sample, "a");
	snap_sample_expect(&sample, "b");
}

/* Two snapshots of one base: base and program once, deltas besides. */
static void test_incremental(void **state)
{
	const uint64_t delta = SAMPLE_DELTA_PAGES * PAGE;
	struct files_count before;
	struct files_count after;

	(void)state;
	snap_sample_set_delta(&sample, 0x10);
	snap_sample_saved(&sample, "one");
	before = files_blobs(sample.layout);
	/* Program, base, delta, config, manifest. */
	assert_int_equal(before.files, 5);
	assert_true(before.bytes > SAMPLE_BASE_PAGES * PAGE +
					   SAMPLE_PROGRAM_BYTES + delta);
	assert_true(before.bytes < SAMPLE_BASE_PAGES * PAGE +
					   SAMPLE_PROGRAM_BYTES + delta + 8192);
	snap_sample_set_delta(&sample, 0x20);
	snap_sample_saved(&sample, "two");
	after = files_blobs(sample.layout);
	/* Delta, manifest; the config says the same of both. */
	assert_int_equal(after.files, 7);
	assert_true(after.bytes - before.bytes >= delta);
	assert_true(after.bytes - before.bytes < delta + 4096);
	snap_sample_expect(&sample, "two");
	snap_sample_set_delta(&sample, 0x10);
	snap_sample_expect(&sample, "one");
	assert_int_equal(files_blobs(sample.layout).files, 7);
}

/* Layers enough for every file of a store, and no more of them than that. */
static void test_layers(void **state)
{
	const uint64_t most = sample.snap.layout.memory_size;
	struct documents documents;
	struct mti_loaded loaded;
	char text[32];

	(void)state;
	snap_sample_set_deltas(&sample);
	snap_sample_saved(&sample, "tag");
	/* Program, config, manifest. */
	assert_int_equal(file_count(), 3 + MTI_STORE_FILES);
	snap_sample_expect(&sample, "tag");
	assert_int_equal(snap_sample_load(&sample, "tag", true, true, &loaded,
					  &err),
			 MOTE_OK);
	assert_int_equal(mti_store_file_count(loaded.snap.store),
			 MTI_STORE_FILES);
	mti_loaded_fini(&loaded);
	/* Each may be as large as memory, but not all of them. */
	documents_open(&documents, sample.layout, "tag");
	snprintf(text, sizeof(text), "%" PRIu64, most);
	documents_edit(documents.manifest, "layers[7].size", text);
	documents_edit(documents.manifest, "layers[8].size", text);
	documents_write_manifest(&documents);
	documents_close(&documents);
	snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
			    "bytes are more than twice that");
}

/* What is zero takes no room on the disk, at the end of a file neither. */
static void test_holes(void **state)
{
	const struct mti_backing *delta;
	struct mti_digest digest;
	char hex[MTI_DIGEST_HEX_BYTES];
	char path[256];
	struct stat st;

	(void)state;
	snap_sample_set_delta(&sample, 0);
	delta = sample.snap.store->files[1];
	assert_true(mti_digest_of(delta->view, delta->size, &digest));
	mti_digest_hex(&digest, hex);
	snap_sample_saved(&sample, "a");
	snprintf(path, sizeof(path), "%s/blobs/sha256/%s", sample.layout, hex);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, delta->size);
	assert_true((uint64_t)st.st_blocks * 512 < delta->size);
	snap_sample_expect(&sample, "a");
}

/* A file of pages is hashed once in its life. */
static void test_digest_is_noted(void **state)
{
	struct mti_backing *base = sample.snap.store->files[0];
	struct mti_digest digest;

	(void)state;
	assert_int_equal(atomic_load(&base->digest_state), MTI_DIGEST_UNKNOWN);
	snap_sample_saved(&sample, "a");
	assert_int_equal(atomic_load(&base->digest_state), MTI_DIGEST_KNOWN);
	assert_true(mti_digest_of(base->view, base->size, &digest));
	assert_memory_equal(base->digest, digest.bytes, sizeof(base->digest));
}

static void test_tags(void **state)
{
	(void)state;
	snap_sample_saved(&sample, "a");
	snap_sample_saved(&sample, "b");
	snap_sample_saved(&sample, "c");
	snap_sample_set_delta(&sample, 0x10);
	/* The one in the middle is replaced. */
	snap_sample_saved(&sample, "b");
	snap_sample_expect(&sample, "b");
	snap_sample_refused(&sample, "B", MOTE_E_NOT_FOUND,
			    "no snapshot B; there are: a, b, c");
	snap_sample_refused(&sample, "d", MOTE_E_NOT_FOUND, "a, b, c");
	snap_sample_refused(&sample, "../a", MOTE_E_INVALID, "is no tag");
	snap_sample_refused(&sample, "sha256:..", MOTE_E_INVALID,
			    "is no digest");
	assert_int_equal(snap_sample_save(&sample, "x/y", NULL, &err),
			 MOTE_E_INVALID);
	assert_int_equal(snap_sample_save(&sample, "", NULL, &err),
			 MOTE_E_INVALID);
}

/* The tags that an error names are as many as fit. */
static void test_many_tags(void **state)
{
	char tag[MTI_TAG_MAX + 1];
	int i;

	(void)state;
	memset(tag, 'x', MTI_TAG_MAX);
	tag[MTI_TAG_MAX] = '\0';
	for (i = 0; i < 6; i++) {
		tag[0] = (char)('a' + i);
		snap_sample_saved(&sample, tag);
	}
	snap_sample_expect(&sample, tag);
	snap_sample_refused(&sample, "none", MOTE_E_NOT_FOUND, "xx, ...");
}

/* What is not ours stays as it is. */
static void test_foreign(void **state)
{
	char *note = files_path(sample.layout, "README");
	char *index = files_path(sample.layout, "index.json");
	char *blob;
	struct documents documents;
	char *text;

	(void)state;
	snap_sample_saved(&sample, "a");
	files_write(note, "hello", 5);
	blob = files_path(sample.layout, "blobs/sha256/unknown");
	files_write(blob, "world", 5);
	documents_open(&documents, sample.layout, "a");
	documents_edit(documents.index, "annotations", "{\"by\":\"x\"}");
	documents_edit(documents.index, "other", "[1.5,null]");
	documents_edit(documents.index, "manifests[0].annotations/signed",
		       "\"yes\"");
	documents_edit(documents.index, "manifests[1]",
		       "{\"mediaType\":\"application/vnd.oci.image.index.v1"
		       "+json\",\"digest\":\"sha512:12\",\"size\":3,"
		       "\"annotations\":{\"org.opencontainers.image.ref.name\":"
		       "\"docker.io/library/x:1\"}}");
	documents_write(&documents);
	documents_close(&documents);
	snap_sample_saved(&sample, "b");
	/* The same again: notes about it still hold. */
	snap_sample_saved(&sample, "a");
	text = files_read(index, NULL);
	assert_non_null(strstr(text, "\"annotations\":{\"by\":\"x\"}"));
	assert_non_null(strstr(text, "\"other\":[1.5,null]"));
	assert_non_null(strstr(text, "\"signed\":\"yes\""));
	assert_non_null(strstr(text, "\"digest\":\"sha512:12\",\"size\":3"));
	free(text);
	text = files_read(note, NULL);
	assert_string_equal(text, "hello");
	free(text);
	text = files_read(blob, NULL);
	assert_string_equal(text, "world");
	free(text);
	snap_sample_expect(&sample, "a");
	snap_sample_expect(&sample, "b");
	snap_sample_refused(&sample, "c", MOTE_E_NOT_FOUND, "there are: a, b");
	free(blob);
	free(note);
	free(index);
}

static void test_folder_is_there(void **state)
{
	char *nested = files_path(sample.layout, "a/b");
	struct mti_save save;
	struct mti_digest digest;

	(void)state;
	assert_int_equal(mkdir(sample.layout, 0700), 0);
	snap_sample_saved(&sample, "a");
	snap_sample_expect(&sample, "a");
	/* Only the last component of a path is made. */
	save = snap_sample_save_request(&sample, "a");
	save.directory = nested;
	assert_int_equal(mti_snap_save(&save, &digest, &err), MOTE_E_OS);
	assert_non_null(strstr(err.text, "a/b"));
	assert_int_equal(access(nested, F_OK), -1);
	free(nested);
}

struct steps {
	uint64_t last;
	uint64_t total;
	size_t count;
	size_t stop_at;
};

static int step(void *user, uint64_t done, uint64_t total)
{
	struct steps *steps = user;

	assert_true(done >= steps->last && done <= total);
	if (steps->count > 0)
		assert_int_equal(total, steps->total);
	steps->last = done;
	steps->total = total;
	return ++steps->count == steps->stop_at;
}

static void test_progress(void **state)
{
	const uint64_t all = SAMPLE_PROGRAM_BYTES + SAMPLE_BASE_PAGES * PAGE;
	struct mti_save save = snap_sample_save_request(&sample, "a");
	struct steps steps = { 0 };
	struct mti_digest digest;

	(void)state;
	save.progress = step;
	save.user = &steps;
	assert_int_equal(mti_snap_save(&save, &digest, &err), MOTE_OK);
	assert_int_equal(steps.total, all);
	assert_int_equal(steps.last, all);
	/* All is there already. */
	memset(&steps, 0, sizeof(steps));
	assert_int_equal(mti_snap_save(&save, &digest, &err), MOTE_OK);
	assert_int_equal(steps.last, all);
}

/* Broken off at each step: the layout is as it was. */
static void test_break_off(void **state)
{
	struct mti_save save = snap_sample_save_request(&sample, "b");
	mote_status status = MOTE_E_CANCELLED;
	struct files_count before;
	struct mti_digest digest;
	size_t stop_at;

	(void)state;
	snap_sample_saved(&sample, "a");
	before = files_blobs(sample.layout);
	for (stop_at = 1; status == MOTE_E_CANCELLED; stop_at++) {
		struct steps steps = { .stop_at = stop_at };

		/* New each time: a digest that is known is a step less. */
		snap_sample_set_delta(&sample, (uint8_t)(0x10 + stop_at));
		save.progress = step;
		save.user = &steps;
		status = mti_snap_save(&save, &digest, &err);
		if (status != MOTE_E_CANCELLED)
			break;
		assert_non_null(strstr(err.text, "broken off"));
		assert_int_equal(file_count(), before.files);
		assert_int_equal(files_blobs(sample.layout).bytes,
				 before.bytes);
		snap_sample_refused(&sample, "b", MOTE_E_NOT_FOUND,
				    "there are: a");
	}
	assert_int_equal(status, MOTE_OK);
	assert_true(stop_at > 5);
	snap_sample_expect(&sample, "b");
}

/* A snapshot that is in use goes on, whatever becomes of its files. */
static void test_live_mapping(void **state)
{
	struct mti_loaded loaded;

	(void)state;
	snap_sample_saved(&sample, "a");
	assert_int_equal(snap_sample_load(&sample, "a", false, false, &loaded,
					  &err),
			 MOTE_OK);
	snap_sample_set_delta(&sample, 0x10);
	snap_sample_saved(&sample, "a");
	snap_sample_saved(&sample, "b");
	assert_memory_equal(loaded.snap.store->files[0]->view,
			    sample.snap.store->files[0]->view,
			    SAMPLE_BASE_PAGES * PAGE);
	assert_int_equal(mti_snap_remove(&sample.memory.allocator,
					 sample.layout, "a", &err),
			 MOTE_OK);
	assert_int_equal(mti_snap_remove(&sample.memory.allocator,
					 sample.layout, "b", &err),
			 MOTE_OK);
	assert_memory_equal(loaded.snap.store->files[0]->view,
			    sample.snap.store->files[0]->view,
			    SAMPLE_BASE_PAGES * PAGE);
	mti_loaded_fini(&loaded);
}

/* A snapshot that was loaded is saved as the same blobs, elsewhere too. */
static void test_save_loaded(void **state)
{
	char *other = files_path(sample.folder, "other");
	struct mti_loaded loaded;
	struct mti_digest first;
	struct mti_digest second;
	struct mti_save save;

	(void)state;
	snap_sample_set_delta(&sample, 0x10);
	assert_int_equal(snap_sample_save(&sample, "a", &first, &err), MOTE_OK);
	assert_int_equal(snap_sample_load(&sample, "a", false, false, &loaded,
					  &err),
			 MOTE_OK);
	save = snap_sample_save_request(&sample, "b");
	save.snap = &loaded.snap;
	save.program.data = loaded.program.data;
	save.directory = other;
	assert_int_equal(mti_snap_save(&save, &second, &err), MOTE_OK);
	assert_true(mti_digest_equal(&first, &second));
	/* Into the layout that it is mapped from. */
	save.directory = sample.layout;
	assert_int_equal(mti_snap_save(&save, &second, &err), MOTE_OK);
	assert_true(mti_digest_equal(&first, &second));
	snap_sample_expect(&sample, "b");
	mti_loaded_fini(&loaded);
	free(other);
}

/* Memory that is not what its digest says does not get another one. */
static void test_save_changed(void **state)
{
	char *other = files_path(sample.folder, "other");
	struct documents documents;
	struct mti_loaded loaded;
	struct mti_digest digest;
	struct mti_save sound;
	struct mti_save save;
	char *blob;
	char *bytes;
	size_t size;

	(void)state;
	snap_sample_saved(&sample, "a");
	documents_open(&documents, sample.layout, "a");
	blob = files_blob(sample.layout,
			  documents_at(documents.manifest, "layers[1]"));
	documents_close(&documents);
	bytes = files_read(blob, &size);
	bytes[100] ^= 1;
	files_write(blob, bytes, size);
	assert_int_equal(snap_sample_load(&sample, "a", false, false, &loaded,
					  &err),
			 MOTE_OK);
	save = snap_sample_save_request(&sample, "b");
	save.snap = &loaded.snap;
	save.program.data = loaded.program.data;
	save.directory = other;
	assert_int_equal(mti_snap_save(&save, &digest, &err), MOTE_E_SNAPSHOT);
	assert_non_null(strstr(err.text, "has been changed since"));
	/* Nor where a blob is that is as it should be. */
	sound = snap_sample_save_request(&sample, "sound");
	sound.directory = other;
	assert_int_equal(mti_snap_save(&sound, &digest, &err), MOTE_OK);
	assert_int_equal(mti_snap_save(&save, &digest, &err), MOTE_E_SNAPSHOT);
	mti_loaded_fini(&loaded);
	free(bytes);
	free(blob);
	free(other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_documents),
		TEST(test_digest),
		TEST(test_equal_blobs_once),
		TEST(test_layers),
		TEST(test_incremental),
		TEST(test_holes),
		TEST(test_digest_is_noted),
		TEST(test_tags),
		TEST(test_many_tags),
		TEST(test_foreign),
		TEST(test_folder_is_there),
		TEST(test_progress),
		TEST(test_break_off),
		TEST(test_live_mapping),
		TEST(test_save_loaded),
		TEST(test_save_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
