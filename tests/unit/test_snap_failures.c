/*
 * The system fails, or the process dies, at every call that a save, a load
 * or a removal makes: the layout has the old index or the new one, what it
 * names is whole, and the next save puts right what was left lying about.
 *
 * The seam to the system (os/os.h) is wrapped by the linker.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/layout_files.h"
#include "harness/snap_sample.h"
#include "harness/unit.h"
#include "os/os.h"

#define NUMBERS_MAX 2000

static struct {
	const char *function; /* NULL: any */
	size_t fail_at;	      /* counted from 1; 0: none */
	bool persistent;
	int error; /* 0: the process is killed */
	size_t seen;
	size_t failed;
	/* 'c' create, 'w' write, 's' sync, 'r' rename, 'i' rename the index. */
	char trace[512];
	size_t traced;
} injected;

static bool hit(const char *function)
{
	if (injected.fail_at == 0 ||
	    (injected.function && strcmp(injected.function, function) != 0))
		return false;
	injected.seen++;
	if (injected.seen != injected.fail_at &&
	    !(injected.persistent && injected.seen > injected.fail_at))
		return false;
	injected.failed++;
	return true;
}

static int trouble(void)
{
	if (injected.error == 0)
		raise(SIGKILL);
	return -injected.error;
}

static void trace(char event)
{
	if (injected.traced + 1 < sizeof(injected.trace))
		injected.trace[injected.traced++] = event;
}

#define WRAP(type, name, parameters, arguments)   \
	type __real_##name parameters;            \
	type __wrap_##name parameters;            \
	type __wrap_##name parameters             \
	{                                         \
		if (hit(#name))                   \
			return trouble();            \
		return __real_##name arguments;   \
	}

WRAP(int, mti_os_open_folder, (const char *path), (path))
WRAP(int, mti_os_make_folder, (const char *path), (path))
WRAP(int, mti_os_open_folder_at, (int dir, const char *name), (dir, name))
WRAP(int, mti_os_make_folder_at, (int dir, const char *name), (dir, name))
WRAP(int, mti_os_open_at, (int dir, const char *name), (dir, name))
WRAP(int, mti_os_unlink_at, (int dir, const char *name), (dir, name))
WRAP(int, mti_os_lock, (int fd), (fd))
WRAP(int, mti_os_truncate, (int fd, uint64_t size), (fd, size))
WRAP(int64_t, mti_os_file_size, (int fd), (fd))
WRAP(int64_t, mti_os_pread,
     (int fd, void *buffer, size_t size, uint64_t offset),
     (fd, buffer, size, offset))
WRAP(int, mti_os_memfd, (const char *name, uint64_t size), (name, size))
WRAP(int, mti_os_memfd_seal, (int fd), (fd))
WRAP(int, mti_os_map_file, (size_t size, int fd, const void **address),
     (size, fd, address))

int __real_mti_os_create_at(int dir, const char *name);
int __wrap_mti_os_create_at(int dir, const char *name);
int __wrap_mti_os_create_at(int dir, const char *name)
{
	if (hit("mti_os_create_at"))
		return trouble();
	trace('c');
	return __real_mti_os_create_at(dir, name);
}

/* A disk that fills up takes a part of it first. */
int __real_mti_os_pwrite(int fd, const void *data, size_t size,
			 uint64_t offset);
int __wrap_mti_os_pwrite(int fd, const void *data, size_t size,
			 uint64_t offset);
int __wrap_mti_os_pwrite(int fd, const void *data, size_t size, uint64_t offset)
{
	if (hit("mti_os_pwrite")) {
		(void)__real_mti_os_pwrite(fd, data, size / 2, offset);
		return trouble();
	}
	trace('w');
	return __real_mti_os_pwrite(fd, data, size, offset);
}

int __real_mti_os_sync(int fd);
int __wrap_mti_os_sync(int fd);
int __wrap_mti_os_sync(int fd)
{
	if (hit("mti_os_sync"))
		return trouble();
	trace('s');
	return __real_mti_os_sync(fd);
}

int __real_mti_os_rename_at(int dir, const char *from, const char *to);
int __wrap_mti_os_rename_at(int dir, const char *from, const char *to);
int __wrap_mti_os_rename_at(int dir, const char *from, const char *to)
{
	if (hit("mti_os_rename_at"))
		return trouble();
	trace(strcmp(to, "index.json") == 0 ? 'i' : 'r');
	return __real_mti_os_rename_at(dir, from, to);
}

static const char *const functions[] = {
	"mti_os_open_folder", "mti_os_make_folder", "mti_os_open_folder_at",
	"mti_os_make_folder_at", "mti_os_open_at", "mti_os_create_at",
	"mti_os_rename_at", "mti_os_unlink_at", "mti_os_sync", "mti_os_lock",
	"mti_os_file_size", "mti_os_pread", "mti_os_pwrite",
	"mti_os_truncate", "mti_os_memfd",
	"mti_os_memfd_seal", "mti_os_map_file",
};
static const int errors[] = { EIO, ENOSPC, EMFILE, ENOMEM };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct snap_sample sample;
static mote_error err = MOTE_ERROR_INIT;
static uint8_t next_byte = 1;

static int set_up(void **state)
{
	(void)state;
	memset(&injected, 0, sizeof(injected));
	snap_sample_open(&sample);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	memset(&injected, 0, sizeof(injected));
	snap_sample_close(&sample);
	return 0;
}

static void inject(const char *function, size_t number, int error)
{
	memset(&injected, 0, sizeof(injected));
	injected.function = function;
	injected.fail_at = number;
	injected.error = error;
}

static void inject_nothing(void)
{
	injected.fail_at = 0;
}

static bool is_there(const char *tag)
{
	struct mti_loaded loaded;
	mote_status status = snap_sample_load(&sample, tag, true, false,
					      &loaded, &err);

	if (status == MOTE_OK)
		mti_loaded_fini(&loaded);
	else if (status != MOTE_E_NOT_FOUND && status != MOTE_E_OS)
		fail_msg("%s: %s", tag, err.text);
	return status == MOTE_OK;
}

static void expect_no_partial(void)
{
	char *path = files_path(sample.layout, ".mote-partial");
	char *blob = files_path(sample.layout, "blobs/sha256/.mote-partial");

	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(blob, F_OK), -1);
	free(path);
	free(blob);
}

/* After a save of "b" beside "a" that may have failed, a state that is one. */
static void expect_whole(mote_status status)
{
	if (!is_there("a"))
		fail_msg("a is lost: %s", err.text);
	if (status == MOTE_OK)
		assert_true(is_there("b"));
	else
		(void)is_there("b");
}

static bool is_expected(mote_status status)
{
	return status == MOTE_OK || status == MOTE_E_OS ||
	       status == MOTE_E_NO_MEMORY || status == MOTE_E_SNAPSHOT;
}

/* Returns whether anything failed: else there were fewer calls. */
static bool save_with_failure(const char *function, size_t number, int error,
			      bool persistent)
{
	size_t descriptors;
	mote_status status;
	size_t live;

	snap_sample_set_delta(&sample, next_byte++);
	descriptors = snap_descriptors();
	live = sample.memory.live;
	inject(function, number, error);
	injected.persistent = persistent;
	status = snap_sample_save(&sample, "b", NULL, &err);
	inject_nothing();
	if (!is_expected(status))
		fail_msg("%s %zu, errno %d: %s: %s", function, number, error,
			 mote_status_name(status), err.text);
	if (status == MOTE_E_OS)
		assert_int_equal(err.os_errno, error);
	assert_int_equal(snap_descriptors(), descriptors);
	assert_int_equal(sample.memory.live, live);
	expect_whole(status);
	return injected.failed > 0;
}

static void test_save_fails(void **state)
{
	struct files_count one;
	struct files_count now;
	size_t number;
	size_t i;
	size_t j;

	(void)state;
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	for (i = 0; i < COUNT(functions); i++) {
		for (j = 0; j < COUNT(errors); j++) {
			for (number = 1; number < NUMBERS_MAX; number++)
				if (!save_with_failure(functions[i], number,
						       errors[j], false))
					break;
			(void)save_with_failure(functions[i], 1, errors[j],
						true);
		}
		print_message("%s: %zu\n", functions[i], number - 1);
	}
	/* Nothing has piled up: what failed was taken back. */
	snap_sample_set_delta(&sample, 0xff);
	snap_sample_saved(&sample, "b");
	expect_no_partial();
	files_delete(sample.layout);
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	one = files_blobs(sample.layout);
	for (number = 1; number < NUMBERS_MAX; number++) {
		bool failed = save_with_failure("mti_os_pwrite", number, ENOSPC,
						false);

		now = files_blobs(sample.layout);
		if (!failed)
			break;
		assert_int_equal(now.files, one.files);
		assert_int_equal(now.bytes, one.bytes);
	}
	assert_true(number > 3);
}

/* The first save of all. */
static void test_first_save_fails(void **state)
{
	size_t number;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(functions); i++) {
		for (number = 1; number < NUMBERS_MAX; number++) {
			mote_status status;

			inject(functions[i], number, EIO);
			status = snap_sample_save(&sample, "a", NULL, &err);
			inject_nothing();
			assert_true(is_expected(status));
			if (status == MOTE_OK)
				assert_true(is_there("a"));
			if (injected.failed == 0)
				break;
			/* What is there now is no hindrance. */
			snap_sample_saved(&sample, "a");
			assert_true(is_there("a"));
			files_delete(sample.layout);
		}
		files_delete(sample.layout);
	}
}

static void test_load_fails(void **state)
{
	size_t number;
	size_t i;
	size_t j;
	int copy;

	(void)state;
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	for (i = 0; i < COUNT(functions); i++) {
		for (j = 0; j < 2 * COUNT(errors); j++) {
			copy = j & 1;
			for (number = 1; number < NUMBERS_MAX; number++) {
				size_t descriptors = snap_descriptors();
				size_t mappings = snap_mappings();
				size_t live = sample.memory.live;
				struct mti_loaded loaded;
				mote_status status;

				inject(functions[i], number, errors[j / 2]);
				status = snap_sample_load(&sample, "a", true,
							  copy, &loaded, &err);
				inject_nothing();
				if (status == MOTE_OK)
					mti_loaded_fini(&loaded);
				assert_int_equal(status == MOTE_OK,
						 injected.failed == 0);
				assert_true(is_expected(status));
				assert_int_equal(snap_descriptors(),
						 descriptors);
				assert_int_equal(snap_mappings(), mappings);
				assert_int_equal(sample.memory.live, live);
				if (status == MOTE_OK)
					break;
			}
		}
	}
}

static mote_status prune(void)
{
	struct mti_pruned pruned;

	return mti_snap_prune(&sample.memory.allocator, sample.layout, &pruned,
			      &err);
}

/* "b" twice: of the first one three blobs are left. */
static void save_again(void)
{
	snap_sample_set_delta(&sample, next_byte++);
	snap_sample_saved(&sample, "b");
	snap_sample_set_delta(&sample, next_byte++);
	snap_sample_saved(&sample, "b");
}

static bool prune_with_failure(const char *function, size_t number, int error)
{
	size_t descriptors = snap_descriptors();
	size_t live = sample.memory.live;
	mote_status status;

	inject(function, number, error);
	status = prune();
	inject_nothing();
	if (!is_expected(status))
		fail_msg("%s %zu, errno %d: %s: %s", function, number, error,
			 mote_status_name(status), err.text);
	assert_int_equal(snap_descriptors(), descriptors);
	assert_int_equal(sample.memory.live, live);
	assert_true(is_there("a") && is_there("b"));
	return injected.failed > 0;
}

static void test_prune_fails(void **state)
{
	struct files_count two;
	size_t number;
	size_t i;

	(void)state;
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	snap_sample_set_delta(&sample, 1);
	snap_sample_saved(&sample, "b");
	two = files_blobs(sample.layout);
	for (i = 0; i < COUNT(functions); i++) {
		for (number = 1; number < NUMBERS_MAX; number++) {
			save_again();
			if (!prune_with_failure(functions[i], number, EIO))
				break;
		}
		assert_int_equal(prune(), MOTE_OK);
		assert_int_equal(files_blobs(sample.layout).files, two.files);
	}
}

/* The files of a snapshot that is loaded are cut short. */
static void test_file_shrinks(void **state)
{
	struct mti_loaded loaded;
	struct mti_save save;
	struct mti_digest digest;
	char *name;

	(void)state;
	snap_sample_saved(&sample, "a");
	assert_int_equal(snap_sample_load(&sample, "a", false, false, &loaded,
					  &err),
			 MOTE_OK);
	/* Saving it again finds out that its own file is not whole. */
	name = files_path(sample.folder, "other");
	save = snap_sample_save_request(&sample, "b");
	save.snap = &loaded.snap;
	save.directory = name;
	{
		struct documents documents;
		char *blob;

		documents_open(&documents, sample.layout, "a");
		blob = files_blob(sample.layout,
				  documents_at(documents.manifest,
					       "layers[1]"));
		assert_int_equal(truncate(blob, 4096), 0);
		free(blob);
		documents_close(&documents);
	}
	assert_int_equal(mti_snap_save(&save, &digest, &err), MOTE_E_OS);
	assert_non_null(strstr(err.text, "reading the snapshot's memory"));
	mti_loaded_fini(&loaded);
	free(name);
}

/* What is written is on the disk before anything names it. */
static void test_order(void **state)
{
	const char *event;
	bool clean = true;   /* since the last write, its file was synced */
	bool settled = true; /* since the last rename, its folder was */

	(void)state;
	inject(NULL, 0, 0);
	snap_sample_set_delta(&sample, 1);
	snap_sample_saved(&sample, "a");
	print_message("%s\n", injected.trace);
	assert_non_null(strchr(injected.trace, 'i'));
	for (event = injected.trace; *event; event++) {
		if (*event == 'w') {
			clean = false;
		} else if (*event == 's') {
			settled = settled || clean;
			clean = true;
		} else if (*event == 'r' || *event == 'i') {
			assert_true(clean);
			assert_true(settled || *event == 'r');
			settled = false;
		}
	}
	assert_true(clean && settled);
}

/* ---------------------------------------------------------------- killed */

/* Runs action in a child that is killed at a call. Whether it was. */
static bool killed_at(size_t number, mote_status (*action)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		inject(NULL, number, 0);
		_exit(action() == MOTE_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static mote_status save_b(void)
{
	return snap_sample_save(&sample, "b", NULL, &err);
}

static mote_status remove_b(void)
{
	return mti_snap_remove(&sample.memory.allocator, sample.layout, "b",
			       &err);
}

static void test_save_is_killed(void **state)
{
	bool seen_old = false;
	bool seen_new = false;
	bool killed = true;
	size_t number;

	(void)state;
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	for (number = 1; killed; number++) {
		assert_true(number < NUMBERS_MAX);
		snap_sample_set_delta(&sample, (uint8_t)number);
		killed = killed_at(number, save_b);
		assert_true(is_there("a"));
		if (is_there("b"))
			seen_new = true;
		else
			seen_old = true;
		if (killed) {
			/* The next one is not disturbed by what was left. */
			snap_sample_saved(&sample, "b");
			snap_sample_expect(&sample, "b");
			expect_no_partial();
			assert_int_equal(remove_b(), MOTE_OK);
		}
	}
	print_message("killed at %zu calls\n", number - 2);
	assert_true(seen_old && seen_new && number > 40);
	snap_sample_expect(&sample, "b");
}

static void test_removal_is_killed(void **state)
{
	struct files_count one;
	bool killed = true;
	size_t number;

	(void)state;
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	one = files_blobs(sample.layout);
	snap_sample_set_delta(&sample, 1);
	for (number = 1; killed; number++) {
		assert_true(number < NUMBERS_MAX);
		snap_sample_saved(&sample, "b");
		killed = killed_at(number, remove_b);
		assert_true(is_there("a"));
		/* Whole, or not there. */
		(void)is_there("b");
	}
	assert_false(is_there("b"));
	assert_int_equal(files_blobs(sample.layout).files, one.files);
	assert_true(number > 10);
}

/* Of a save that was killed nothing is left then, or all of it is there. */
static void test_prune_after_kill(void **state)
{
	struct files_count one;
	bool killed = true;
	size_t left = 0;
	size_t number;

	(void)state;
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	one = files_blobs(sample.layout);
	for (number = 1; killed; number++) {
		size_t count;
		bool there;

		assert_true(number < NUMBERS_MAX);
		snap_sample_set_delta(&sample, (uint8_t)number);
		killed = killed_at(number, save_b);
		there = is_there("b");
		count = files_blobs(sample.layout).files;
		assert_int_equal(prune(), MOTE_OK);
		left += count - files_blobs(sample.layout).files;
		assert_int_equal(is_there("b"), there);
		if (there)
			assert_int_equal(remove_b(), MOTE_OK);
		assert_int_equal(files_blobs(sample.layout).files, one.files);
	}
	assert_true(left > 10);
}

static void test_prune_is_killed(void **state)
{
	struct files_count two;
	bool killed = true;
	size_t number;

	(void)state;
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	snap_sample_set_delta(&sample, 1);
	snap_sample_saved(&sample, "b");
	two = files_blobs(sample.layout);
	for (number = 1; killed; number++) {
		assert_true(number < NUMBERS_MAX);
		save_again();
		killed = killed_at(number, prune);
		assert_true(is_there("a") && is_there("b"));
	}
	assert_int_equal(files_blobs(sample.layout).files, two.files);
	assert_true(number > 10);
}

/* ------------------------------------------------------------- full disk */

/* In a child: a file system of its own, and too small. */
static void fill_disk(void)
{
	char *filler = files_path(sample.folder, "filler");
	char *block = calloc(1, 1 << 20);
	mote_status status = MOTE_E_OS;
	size_t bytes;

	if (mount("none", sample.folder, "tmpfs", 0, "size=1m,nr_inodes=64") !=
	    0)
		_exit(77);
	snap_sample_set_delta(&sample, 0);
	snap_sample_saved(&sample, "a");
	for (bytes = 900 << 10; status != MOTE_OK; bytes -= 4096) {
		FILE *file = fopen(filler, "we");

		assert_non_null(file);
		setbuf(file, NULL);
		(void)fwrite(block, 1, bytes, file);
		fclose(file);
		snap_sample_set_delta(&sample, next_byte++);
		status = snap_sample_save(&sample, "b", NULL, &err);
		if (status != MOTE_OK) {
			assert_int_equal(status, MOTE_E_OS);
			assert_int_equal(err.os_errno, ENOSPC);
			assert_non_null(strstr(err.text, "No space left"));
		}
		assert_true(is_there("a"));
		assert_int_equal(is_there("b"), status == MOTE_OK);
		expect_no_partial();
	}
	print_message("room enough with %zu bytes of filler\n", bytes);
	/* It was too small at first. */
	_exit(bytes < (890 << 10) ? 0 : 1);
}

static void test_full_disk(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int flags = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER);

		if (unshare(flags) != 0 ||
		    (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0))
			_exit(77);
		fill_disk();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		print_message("no mount is allowed here: only failing writes "
			      "were tried\n");
	else
		assert_int_equal(WEXITSTATUS(status), 0);
}

/* ------------------------------------------------------- no JSON memory */

static size_t json_left;

static void *json_allocate(size_t size)
{
	if (json_left == 0)
		return NULL;
	json_left--;
	return malloc(size);
}

/* jansson takes some of its own failures for a text that is wrong. */
static void expect_json_trouble(mote_status status, size_t number)
{
	if (status != MOTE_OK && status != MOTE_E_NO_MEMORY &&
	    status != MOTE_E_SNAPSHOT)
		fail_msg("%zu: %s: %s", number, mote_status_name(status),
			 err.text);
}

static void test_no_json_memory(void **state)
{
	mote_status status = MOTE_E_NO_MEMORY;
	struct mti_loaded loaded;
	size_t number;

	(void)state;
	snap_sample_saved(&sample, "a");
	json_set_alloc_funcs(json_allocate, free);
	for (number = 0; status != MOTE_OK; number++) {
		json_left = number;
		status = snap_sample_load(&sample, "a", false, false, &loaded,
					  &err);
		expect_json_trouble(status, number);
	}
	mti_loaded_fini(&loaded);
	assert_true(number > 100);
	for (number = 0, status = MOTE_E_NO_MEMORY; status != MOTE_OK;
	     number++) {
		json_left = number;
		status = snap_sample_save(&sample, "b", NULL, &err);
		expect_json_trouble(status, number);
	}
	json_left = SIZE_MAX;
	assert_true(number > 100);
	assert_true(is_there("a") && is_there("b"));
	json_set_alloc_funcs(malloc, free);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_save_fails),
		TEST(test_first_save_fails),
		TEST(test_load_fails),
		TEST(test_file_shrinks),
		TEST(test_order),
		TEST(test_save_is_killed),
		TEST(test_removal_is_killed),
		TEST(test_prune_fails),
		TEST(test_prune_after_kill),
		TEST(test_prune_is_killed),
		TEST(test_full_disk),
		TEST(test_no_json_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
