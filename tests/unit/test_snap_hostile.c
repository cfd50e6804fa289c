/*
 * Files that are not what they should be: links, FIFOs, folders, cut, grown
 * and altered ones. Refused with an error that names the file, nothing left
 * open or mapped; a save puts right what it can.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/layout.h"
#include "harness/layout_files.h"
#include "harness/snap_sample.h"
#include "harness/unit.h"

static struct snap_sample sample;
static mote_error err = MOTE_ERROR_INIT;

static int set_up(void **state)
{
	(void)state;
	snap_sample_open(&sample);
	snap_sample_set_delta(&sample, 0xd0);
	snap_sample_saved(&sample, "tag");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	snap_sample_close(&sample);
	return 0;
}

/* Every file of a layout: two by name, the blobs by where they are named. */
enum file { LAYOUT, INDEX, MANIFEST, CONFIG, PROGRAM, BASE, DELTA, FILES };

static const char *const called[FILES] = {
	[LAYOUT] = "oci-layout",     [INDEX] = "index.json",
	[MANIFEST] = "manifest blob", [CONFIG] = "config blob",
	[PROGRAM] = "program blob",  [BASE] = "memory blob",
	[DELTA] = "memory blob",
};

static char *path_of(enum file file)
{
	static const char *const descriptors[FILES] = {
		[CONFIG] = "config",
		[PROGRAM] = "layers[0]",
		[BASE] = "layers[1]",
		[DELTA] = "layers[2]",
	};
	struct documents documents;
	char *path;

	if (file == LAYOUT || file == INDEX)
		return files_path(sample.layout, "%s", called[file]);
	documents_open(&documents, sample.layout, "tag");
	path = files_blob(sample.layout,
			  file == MANIFEST ?
				  documents_at(documents.index,
					       "manifests[0]") :
				  documents_at(documents.manifest,
					       descriptors[file]));
	documents_close(&documents);
	return path;
}

static void become_gone(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

/* To the very bytes, which are somewhere else now. */
static void become_link(const char *path)
{
	char *other = files_path(sample.folder, "moved");

	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	free(other);
}

static void become_dangling(const char *path)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nonexistent", path), 0);
}

static void become_fifo(const char *path)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void become_folder(const char *path)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void become_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int folder = open(sample.folder, O_PATH | O_CLOEXEC);

	/* Paths of sockets are short. */
	assert_true(fd >= 0 && folder >= 0);
	assert_int_equal(unlink(path), 0);
	snprintf(address.sun_path, sizeof(address.sun_path),
		 "/proc/self/fd/%d/s", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	assert_int_equal(renameat(folder, "s", AT_FDCWD, path), 0);
	close(fd);
	close(folder);
}

/* Only root may make one: then it is the null device. */
static void become_device(const char *path)
{
	assert_int_equal(unlink(path), 0);
	if (mknod(path, S_IFCHR | 0600, 0x103) != 0)
		assert_int_equal(mkfifo(path, 0600), 0);
}

static void become_short(const char *path)
{
	struct stat info;

	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(truncate(path, info.st_size - 1), 0);
}

static void become_empty(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}

static void become_long(const char *path)
{
	FILE *file = fopen(path, "ae");

	assert_non_null(file);
	assert_int_equal(fputc('x', file), 'x');
	assert_int_equal(fclose(file), 0);
}

static void become_huge(const char *path)
{
	/* Sparse: it costs nothing. */
	assert_int_equal(truncate(path, (off_t)1 << 36), 0);
}

static const struct {
	const char *name;
	void (*become)(const char *path);
	const char *document; /* what is said of oci-layout and index.json */
	const char *blob;
} changes[] = {
	{ "gone", become_gone, "is missing", "is missing" },
	{ "link", become_link, "is a symbolic link", "is a symbolic link" },
	{ "dangling", become_dangling, "is a symbolic link",
	  "is a symbolic link" },
	{ "FIFO", become_fifo, "is no regular file", "is no regular file" },
	{ "folder", become_folder, "is no regular file", "is no regular file" },
	{ "socket", become_socket, "is no regular file", "is no regular file" },
	{ "device", become_device, "is no regular file", "is no regular file" },
	{ "short", become_short, "line 1", "its descriptor says" },
	{ "empty", become_empty, "is empty", "its descriptor says" },
	{ "long", become_long, "line 1", "its descriptor says" },
	{ "huge", become_huge, "more than 1048576", "its descriptor says" },
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

/* A new layout for each: some of these cannot be undone. */
static void start_over(void)
{
	char *other = files_path(sample.folder, "moved");

	unlink(other);
	free(other);
	files_delete(sample.layout);
	snap_sample_saved(&sample, "tag");
}

static void refuse(enum file file, size_t change)
{
	const char *text = file == LAYOUT || file == INDEX ?
				   changes[change].document :
				   changes[change].blob;

	snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT, text);
	snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT, called[file]);
	snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT, sample.layout);
}

static void test_every_file(void **state)
{
	enum file file;
	size_t change;

	(void)state;
	for (file = LAYOUT; file < FILES; file++) {
		for (change = 0; change < CHANGES; change++) {
			char *path = path_of(file);

			print_message("%s: %s\n", called[file],
				      changes[change].name);
			changes[change].become(path);
			refuse(file, change);
			free(path);
			start_over();
		}
	}
}

/* Blobs are put right by a save, whatever has become of them. */
static void test_save_heals(void **state)
{
	enum file file;
	size_t change;

	(void)state;
	for (file = MANIFEST; file < FILES; file++) {
		for (change = 0; change < CHANGES; change++) {
			char *path = path_of(file);
			struct stat info;

			/* It may have files in it that are none of ours. */
			if (changes[change].become == become_folder) {
				free(path);
				continue;
			}
			changes[change].become(path);
			snap_sample_saved(&sample, "tag");
			assert_int_equal(lstat(path, &info), 0);
			assert_true(S_ISREG(info.st_mode));
			snap_sample_expect(&sample, "tag");
			free(path);
			start_over();
		}
	}
}

/* Where a link points to is not written to. */
static void test_save_spares_link_target(void **state)
{
	char *precious = files_path(sample.folder, "precious");
	char *path = path_of(BASE);
	char *text;

	(void)state;
	files_write(precious, "precious", 8);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(precious, path), 0);
	snap_sample_saved(&sample, "tag");
	text = files_read(precious, NULL);
	assert_string_equal(text, "precious");
	free(text);
	free(path);
	free(precious);
	snap_sample_expect(&sample, "tag");
}

static mote_status save(void)
{
	return snap_sample_save(&sample, "new", NULL, &err);
}

static void expect_unsaved(mote_status status, const char *text)
{
	struct files_count before = files_blobs(sample.layout);
	struct files_count after;

	assert_int_equal(save(), status);
	if (!strstr(err.text, text))
		fail_msg("no \"%s\" in: %s", text, err.text);
	after = files_blobs(sample.layout);
	assert_int_equal(after.files, before.files);
	assert_int_equal(after.bytes, before.bytes);
}

/* What is there and no layout is left alone. */
static void test_save_refuses(void **state)
{
	static const struct {
		enum file file;
		const char *content;
		const char *text;
	} rows[] = {
		{ LAYOUT, "{\"imageLayoutVersion\":\"2.0.0\"}",
		  "imageLayoutVersion: is \"2.0.0\", not \"1.0.0\"" },
		{ LAYOUT, "{}", "imageLayoutVersion: is missing" },
		{ LAYOUT, "hello", "oci-layout: line 1" },
		{ INDEX, "hello", "index.json: line 1" },
		{ INDEX, "{}", "schemaVersion: is missing" },
		{ INDEX, "{\"schemaVersion\":2}", "manifests: is missing" },
		{ INDEX, "{\"schemaVersion\":2,\"manifests\":{}}",
		  "manifests: is an object" },
		{ INDEX,
		  "{\"schemaVersion\":2,\"manifests\":[{\"annotations\":{\"org."
		  "opencontainers.image.ref.name\":\"x\"}},{\"annotations\":"
		  "{\"org.opencontainers.image.ref.name\":\"x\"}}]}",
		  "manifests[1]: the tag \"x\" again" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *path = path_of(rows[i].file);
		char *text;

		files_write(path, rows[i].content, strlen(rows[i].content));
		expect_unsaved(MOTE_E_SNAPSHOT, rows[i].text);
		snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
				    rows[i].text);
		text = files_read(path, NULL);
		assert_string_equal(text, rows[i].content);
		free(text);
		free(path);
		start_over();
	}
}

static void test_index_without_layout(void **state)
{
	char *path = path_of(LAYOUT);

	(void)state;
	assert_int_equal(unlink(path), 0);
	free(path);
	assert_int_equal(save(), MOTE_E_SNAPSHOT);
	assert_non_null(strstr(err.text, "oci-layout: is missing, but"));
}

/* Nothing is put among the files of somebody who mistyped a path. */
static void test_other_files(void **state)
{
	char *kept = files_path(sample.folder, "kept");
	char *mine = files_path(sample.layout, "mine");
	char *partial = files_path(sample.layout, ".mote-partial");

	(void)state;
	assert_int_equal(rename(sample.layout, kept), 0);
	assert_int_equal(mkdir(sample.layout, 0700), 0);
	files_write(mine, "x", 1);
	assert_int_equal(save(), MOTE_E_SNAPSHOT);
	assert_non_null(strstr(err.text, "oci-layout: is missing, but there is "
					 "mine"));
	assert_int_equal(unlink(mine), 0);
	assert_int_equal(rmdir(sample.layout), 0);
	/* What was broken off is taken up again. */
	assert_int_equal(mkdir(sample.layout, 0700), 0);
	files_write(partial, "x", 1);
	assert_int_equal(save(), MOTE_OK);
	free(kept);
	free(mine);
	free(partial);
}

/* The path itself: no folder, not there, a link to one. */
static void test_folder(void **state)
{
	char *kept = files_path(sample.folder, "kept");

	(void)state;
	assert_int_equal(rename(sample.layout, kept), 0);
	snap_sample_refused(&sample, "tag", MOTE_E_OS, "No such file");
	files_write(sample.layout, "x", 1);
	snap_sample_refused(&sample, "tag", MOTE_E_OS, "Not a directory");
	assert_int_equal(save(), MOTE_E_OS);
	assert_int_equal(unlink(sample.layout), 0);
	/* A link that the caller names is the caller's. */
	assert_int_equal(symlink(kept, sample.layout), 0);
	snap_sample_expect(&sample, "tag");
	assert_int_equal(save(), MOTE_OK);
	free(kept);
}

static void test_blob_folders(void **state)
{
	static const char *const names[] = { "blobs", "blobs/sha256" };
	char *kept = files_path(sample.folder, "kept");
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		char *path = files_path(sample.layout, "%s", names[i]);

		assert_int_equal(rename(path, kept), 0);
		snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
				    "is missing");
		assert_int_equal(symlink(kept, path), 0);
		snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT, names[i]);
		assert_int_equal(save(), MOTE_E_SNAPSHOT);
		assert_int_equal(unlink(path), 0);
		files_write(path, "x", 1);
		snap_sample_refused(&sample, "tag", MOTE_E_SNAPSHOT,
				    "is no folder");
		assert_int_equal(save(), MOTE_E_SNAPSHOT);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(rename(kept, path), 0);
		snap_sample_expect(&sample, "tag");
		free(path);
	}
	free(kept);
}

/* One byte of a blob, at some places: verify finds it, for each blob. */
static void test_altered_blobs(void **state)
{
	struct mti_loaded loaded;
	enum file file;

	(void)state;
	for (file = MANIFEST; file < FILES; file++) {
		char *path = path_of(file);
		size_t size;
		char *data = files_read(path, &size);
		size_t i;

		for (i = 0; i < 3; i++) {
			size_t at = i * (size - 1) / 2;
			mote_status status;

			data[at] = (char)(data[at] ^ 1);
			files_write(path, data, size);
			data[at] = (char)(data[at] ^ 1);
			/* Before anything is made of what it says. */
			assert_int_equal(snap_sample_load(&sample, "tag", true,
							  i & 1, &loaded, &err),
					 MOTE_E_SNAPSHOT);
			assert_non_null(strstr(err.text, called[file]));
			assert_non_null(strstr(err.text, "its content is sha"));
			/* Program and memory are not read otherwise. */
			status = snap_sample_load(&sample, "tag", false, i & 1,
						  &loaded, &err);
			assert_int_equal(status, file < PROGRAM ?
							 MOTE_E_SNAPSHOT :
							 MOTE_OK);
			if (status == MOTE_OK)
				mti_loaded_fini(&loaded);
		}
		snap_sample_saved(&sample, "tag");
		snap_sample_expect(&sample, "tag");
		free(data);
		free(path);
	}
}

/*
 * Every byte of a document in turn becomes several others: what loads then
 * means the same.
 */
static void mutate(enum file file, const char *reference)
{
	static const char others[] = { 0, ' ', '"', '0', '9', ',', '}', 'x' };
	char *path = path_of(file);
	size_t size;
	char *data = files_read(path, &size);
	size_t loads = 0;
	size_t at;
	size_t i;

	for (at = 0; at < size; at++) {
		const char was = data[at];

		for (i = 0; i < sizeof(others) + 1; i++) {
			struct mti_loaded loaded;
			mote_status status;

			data[at] = i < sizeof(others) ? others[i] :
							(char)(was ^ 1);
			if (data[at] == was)
				continue;
			files_write(path, data, size);
			status = snap_sample_load(&sample, reference, false,
						  false, &loaded, &err);
			if (status == MOTE_OK) {
				mti_loaded_fini(&loaded);
				snap_sample_expect(&sample, reference);
				loads++;
			} else if (status != MOTE_E_SNAPSHOT &&
				   !(file == INDEX &&
				     status == MOTE_E_NOT_FOUND)) {
				fail_msg("byte %zu: %s: %s", at,
					 mote_status_name(status), err.text);
			}
		}
		data[at] = was;
	}
	files_write(path, data, size);
	print_message("%s: %zu bytes, %zu changes of no matter\n", called[file],
		      size, loads);
	free(data);
	free(path);
}

static void test_mutations(void **state)
{
	struct mti_digest digest;
	char text[MTI_DIGEST_TEXT_BYTES];

	(void)state;
	assert_int_equal(snap_sample_save(&sample, "tag", &digest, &err),
			 MOTE_OK);
	mti_digest_text(&digest, text);
	mutate(LAYOUT, "tag");
	mutate(INDEX, "tag");
	mutate(INDEX, text);
	mutate(MANIFEST, "tag");
	mutate(CONFIG, "tag");
}

/* Every allocation of a load and of a save fails in turn. */
static void test_no_memory(void **state)
{
	struct mti_loaded loaded;
	mote_status status;
	size_t number;

	(void)state;
	for (number = 1; number < 100; number++) {
		size_t live = sample.memory.live;

		sample.memory.requests = 0;
		sample.memory.fail_at = number;
		status = snap_sample_load(&sample, "tag", true, number & 1,
					  &loaded, &err);
		if (status == MOTE_OK)
			break;
		assert_int_equal(status, MOTE_E_NO_MEMORY);
		assert_int_equal(sample.memory.live, live);
	}
	sample.memory.fail_at = 0;
	assert_int_equal(status, MOTE_OK);
	assert_true(number > 5);
	mti_loaded_fini(&loaded);
	for (number = 1; number < 100; number++) {
		snap_sample_set_delta(&sample, 1);
		sample.memory.requests = 0;
		sample.memory.fail_at = number;
		status = save();
		sample.memory.fail_at = 0;
		if (status == MOTE_OK)
			break;
		assert_int_equal(status, MOTE_E_NO_MEMORY);
		snap_sample_refused(&sample, "new", MOTE_E_NOT_FOUND, "tag");
	}
	assert_int_equal(status, MOTE_OK);
	assert_true(number > 3);
}

/* ------------------------------------------------------------------ holes */

static uint64_t bytes_read;

int64_t __real_mti_os_pread(int fd, void *buffer, size_t size, uint64_t offset);
int64_t __wrap_mti_os_pread(int fd, void *buffer, size_t size, uint64_t offset);
int64_t __wrap_mti_os_pread(int fd, void *buffer, size_t size, uint64_t offset)
{
	bytes_read += size;
	return __real_mti_os_pread(fd, buffer, size, offset);
}

/* A file of nothing but a hole behind its bytes can claim any size. */
static void test_holes(void **state)
{
	const uint64_t large = sample.snap.layout.memory_size;
	struct mti_loaded loaded;
	struct documents documents;
	char *path = path_of(BASE);
	int file = open(path, O_RDWR | O_CLOEXEC);
	char size[32];
	bool has_holes;

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, (off_t)large), 0);
	has_holes = lseek(file, 0, SEEK_HOLE) < (off_t)large;
	close(file);
	free(path);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)large);
	documents_open(&documents, sample.layout, "tag");
	documents_edit(documents.manifest, "layers[1].size", size);
	documents_write_manifest(&documents);
	documents_close(&documents);
	bytes_read = 0;
	assert_int_equal(snap_sample_load(&sample, "tag", false, true, &loaded,
					  &err),
			 MOTE_OK);
	if (has_holes)
		assert_true(bytes_read < large / 2);
	else
		print_message("this file system does not tell holes\n");
	mti_loaded_fini(&loaded);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_every_file),
		TEST(test_save_heals),
		TEST(test_save_spares_link_target),
		TEST(test_save_refuses),
		TEST(test_index_without_layout),
		TEST(test_other_files),
		TEST(test_folder),
		TEST(test_blob_folders),
		TEST(test_altered_blobs),
		TEST(test_mutations),
		TEST(test_no_memory),
		TEST(test_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
