/*
 * Which files the backend "soft" loads: none that anybody but root and the
 * user can have put there, from its constructors on. FOREIGN is such a file,
 * which says that it was run; PLUGIN is the real one.
 *
 * soft_load --probe: the text of the backend, in a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/unit.h"
#include "hv/soft/load.h"
#include "os/os.h"

#define OTHER_USER 65534
#define FILE_NAME "libmote-soft.so"
#define RAN "MOTE_TEST_FOREIGN"

/* Of the test: root/a/b, where root is made anew for each. */
static char root[2048];
/* The folder of the program, as the loader sees it; "": the true one. */
static char own[4096];
static bool secure;

int __real_mti_os_folder_of(const void *address, char *folder, size_t size);
int __wrap_mti_os_folder_of(const void *address, char *folder, size_t size);
unsigned long __real_mti_os_auxiliary(unsigned long type);
unsigned long __wrap_mti_os_auxiliary(unsigned long type);

int __wrap_mti_os_folder_of(const void *address, char *folder, size_t size)
{
	if (!own[0])
		return __real_mti_os_folder_of(address, folder, size);
	snprintf(folder, size, "%s", own);
	return 0;
}

unsigned long __wrap_mti_os_auxiliary(unsigned long type)
{
	if (type == AT_SECURE && secure)
		return 1;
	return __real_mti_os_auxiliary(type);
}

/* ------------------------------------------------------ files and folders */

static const char *at(const char *below)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s%s", root, below);
	return path;
}

static void make_folder(const char *below)
{
	assert_int_equal(mkdir(at(below), 0755), 0);
}

/* A copy: what was loaded once is not loaded again. */
static void copy_file(const char *from, const char *below, mode_t mode)
{
	char buffer[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(at(below), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		       mode);
	ssize_t size;

	assert_true(in >= 0 && out >= 0);
	while ((size = read(in, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(out, buffer, (size_t)size), size);
	assert_int_equal(size, 0);
	assert_int_equal(fchmod(out, mode), 0);
	close(in);
	close(out);
}

static void give_away(const char *below)
{
	assert_int_equal(lchown(at(below), OTHER_USER, OTHER_USER), 0);
}

static void set_mode(const char *below, mode_t mode)
{
	assert_int_equal(chmod(at(below), mode), 0);
}

static void live_in(const char *below)
{
	snprintf(own, sizeof(own), "%s", at(below));
}

/* root/place, the program's folder; the foreign file in it. */
static int setup(void **state)
{
	(void)state;
	umask(022);
	secure = false;
	unsetenv(RAN);
	snprintf(root, sizeof(root), "%s/soft-load.XXXXXX", FOLDER);
	if (!mkdtemp(root) || chmod(root, 0755) < 0)
		return -1;
	make_folder("/place");
	live_in("/place");
	return 0;
}

static int teardown(void **state)
{
	char command[] = "rm";
	char option[] = "-rf";
	char *const arguments[] = { command, option, root, NULL };
	pid_t child = fork();

	(void)state;
	own[0] = '\0';
	if (child == 0) {
		execv("/bin/rm", arguments);
		_exit(127);
	}
	return waitpid(child, NULL, 0) == child ? 0 : -1;
}

/* ------------------------------------------------------------ what is said */

static mote_backend_info probe(void)
{
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;

	mti_hv_soft_ops.probe(&info);
	return info;
}

static void expect(const mote_backend_info *info, uint32_t reason,
		   const char *text)
{
	if (!strstr(info->text, text))
		fail_msg("'%s' is not in '%s'", text, info->text);
	assert_int_equal(info->reason, reason);
}

/* Nothing was loaded, and this is why. */
static void refuses(const char *text)
{
	const struct mti_hv_ops *ops = NULL;
	mote_backend_info info = probe();
	mote_error err = MOTE_ERROR_INIT;

	expect(&info, MOTE_BACKEND_NO_PERMISSION, text);
	assert_int_equal(info.os_errno, EPERM);
	assert_int_equal(mti_hv_soft_ops.load(&ops, &err),
			 MOTE_E_NO_HYPERVISOR);
	assert_null(ops);
	assert_non_null(strstr(err.text, text));
	assert_null(getenv(RAN));
}

/* Tests that change owners, or need the tree to be nobody else's. */
static void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("not root: files cannot be given away\n");
	skip();
}

static void need_trust(void)
{
	char text[512];
	char *path;

	copy_file("/dev/null", "/trusted", 0644);
	if (mti_os_find_trusted(root, "trusted", &path, text,
				sizeof(text)) == 0) {
		free(path);
		return;
	}
	print_message("this tree is not the user's alone: %s\n", text);
	skip();
}

/* ------------------------------------------------------------------ tests */

static void test_own_file(void **state)
{
	const struct mti_hv_ops *ops = NULL;
	mote_error err = MOTE_ERROR_INIT;

	(void)state;
	need_trust();
	copy_file(PLUGIN, "/place/" FILE_NAME, 0755);
	assert_int_equal(mti_hv_soft_ops.load(&ops, &err), MOTE_OK);
	assert_string_equal(ops->name, "soft");
}

/* As the build tree has it: a link, to a folder that is as good. */
static void test_link(void **state)
{
	const struct mti_hv_ops *ops = NULL;
	mote_error err = MOTE_ERROR_INIT;

	(void)state;
	need_trust();
	make_folder("/lib");
	copy_file(PLUGIN, "/lib/" FILE_NAME, 0755);
	assert_int_equal(symlink("../lib/" FILE_NAME,
				 at("/place/" FILE_NAME)),
			 0);
	assert_int_equal(mti_hv_soft_ops.load(&ops, &err), MOTE_OK);
	assert_string_equal(ops->name, "soft");
}

static void test_nothing(void **state)
{
	mote_backend_info info;

	(void)state;
	info = probe();
	if (info.reason == MOTE_BACKEND_READY)
		return; /* it is installed */
	expect(&info, MOTE_BACKEND_NO_DEVICE, "is not installed");
}

static void test_owner(void **state)
{
	(void)state;
	need_root();
	need_trust();
	copy_file(FOREIGN, "/place/" FILE_NAME, 0755);
	give_away("/place/" FILE_NAME);
	refuses("place/" FILE_NAME " belongs to user 65534");
}

static void test_owner_of_folder(void **state)
{
	(void)state;
	need_root();
	need_trust();
	make_folder("/place/mote");
	copy_file(FOREIGN, "/place/mote/" FILE_NAME, 0755);
	give_away("/place");
	refuses("/place belongs to user 65534");
}

static void test_mode(void **state)
{
	(void)state;
	need_trust();
	copy_file(FOREIGN, "/place/" FILE_NAME, 0757);
	refuses("place/" FILE_NAME " can be written to by anybody");
	set_mode("/place/" FILE_NAME, 0775);
	refuses("place/" FILE_NAME " can be written to by its group");
}

/*
 * Wherever it is. Sticky, as /tmp is, only those above may be in which the
 * file is not itself.
 */
static void test_mode_of_folder(void **state)
{
	static const mode_t modes[] = { 0757, 01777, 0777 };
	mote_backend_info info;
	size_t i;

	(void)state;
	need_trust();
	make_folder("/place/mote");
	copy_file(FOREIGN, "/place/mote/" FILE_NAME, 0755);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		set_mode("/place/mote", modes[i]);
		refuses("/place/mote can be written to by anybody");
		set_mode("/place/mote", 0755);
		if (modes[i] & S_ISVTX)
			continue;
		set_mode("", modes[i]);
		refuses("can be written to by anybody");
		set_mode("", 0755);
	}
	set_mode("", 0775);
	refuses("can be written to by its group");
	set_mode("", 01777);
	info = probe();
	expect(&info, MOTE_BACKEND_TOO_OLD, "it has another interface");
	set_mode("", 0755);
}

static void test_link_elsewhere(void **state)
{
	(void)state;
	need_trust();
	make_folder("/theirs");
	copy_file(FOREIGN, "/theirs/" FILE_NAME, 0755);
	assert_int_equal(symlink("../theirs/" FILE_NAME,
				 at("/place/" FILE_NAME)),
			 0);
	set_mode("/theirs", 0777);
	refuses("/theirs can be written to by anybody");
}

/* Somebody's link to a file that is as it should be. */
static void test_link_of_others(void **state)
{
	(void)state;
	need_trust();
	copy_file(FOREIGN, "/" FILE_NAME, 0755);
	assert_int_equal(symlink("../" FILE_NAME, at("/place/" FILE_NAME)),
			 0);
	set_mode("/place", 01777);
	refuses("/place can be written to by anybody");
}

/* Nothing waits for whoever would write to it. */
static void test_no_file(void **state)
{
	(void)state;
	need_trust();
	assert_int_equal(mkfifo(at("/place/" FILE_NAME), 0600), 0);
	refuses("place/" FILE_NAME " is no file");
	assert_int_equal(unlink(at("/place/" FILE_NAME)), 0);
	make_folder("/place/" FILE_NAME);
	refuses("place/" FILE_NAME " is no file");
}

static void test_garbage(void **state)
{
	mote_backend_info info;

	(void)state;
	need_trust();
	copy_file("/proc/self/status", "/place/" FILE_NAME, 0755);
	info = probe();
	expect(&info, MOTE_BACKEND_BROKEN, "invalid ELF header");
	assert_int_equal(info.os_errno, ENOEXEC);
	/* By its own name, not by that of an open file. */
	assert_null(strstr(info.text, "/proc/"));
}

static void test_interface(void **state)
{
	mote_backend_info info;

	(void)state;
	need_trust();
	copy_file(FOREIGN, "/place/" FILE_NAME, 0755);
	info = probe();
	expect(&info, MOTE_BACKEND_TOO_OLD, "it has another interface");
	/* The file that the tests above saw not run does run. */
	assert_string_equal(getenv(RAN), "ran");
}

/* One that others have put into the first place hides no other. */
static void test_next_place(void **state)
{
	const struct mti_hv_ops *ops = NULL;
	mote_error err = MOTE_ERROR_INIT;

	(void)state;
	need_trust();
	copy_file(FOREIGN, "/place/" FILE_NAME, 0777);
	make_folder("/place/mote");
	copy_file(PLUGIN, "/place/mote/" FILE_NAME, 0755);
	assert_int_equal(mti_hv_soft_ops.load(&ops, &err), MOTE_OK);
	assert_string_equal(ops->name, "soft");
	assert_null(getenv(RAN));
}

/* ../lib/mote of a program that is in no folder of installed programs. */
static void test_layout(void **state)
{
	mote_backend_info info;

	(void)state;
	need_trust();
	make_folder("/bin");
	make_folder("/" LIBDIR);
	make_folder("/" LIBDIR "/mote");
	copy_file(FOREIGN, "/" LIBDIR "/mote/" FILE_NAME, 0777);
	info = probe();
	assert_null(strstr(info.text, root));
	live_in("/bin");
	refuses("/mote/" FILE_NAME " can be written to by anybody");
}

static void test_secure(void **state)
{
	(void)state;
	copy_file(FOREIGN, "/place/" FILE_NAME, 0755);
	secure = true;
	refuses("a set-user-ID program loads no plug-in");
}

/* ------------------------------------------------------- other processes */

/* What a copy of this program says of the backend, as a user. */
static void said_by(const char *below, uid_t user, char *text, size_t size)
{
	char name[] = "soft_load";
	char option[] = "--probe";
	char *const arguments[] = { name, option, NULL };
	char path[4096];
	int ends[2];
	ssize_t length;
	pid_t child;

	snprintf(path, sizeof(path), "%s", at(below));
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (dup2(ends[1], 1) < 0 || setgid(user) < 0 ||
		    setuid(user) < 0)
			_exit(126);
		execv(path, arguments);
		_exit(127);
	}
	close(ends[1]);
	length = read(ends[0], text, size - 1);
	close(ends[0]);
	text[length < 0 ? 0 : length] = '\0';
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/*
 * A program in a private folder of a folder like /tmp, where another user has
 * made lib/mote with his file in it; and one in bin.
 */
static void test_attack(void **state)
{
	char text[512];

	(void)state;
	need_root();
	need_trust();
	set_mode("/place", 01777);
	make_folder("/place/private");
	make_folder("/place/bin");
	set_mode("/place/private", 0700);
	copy_file("/proc/self/exe", "/place/private/program", 0755);
	copy_file("/proc/self/exe", "/place/bin/program", 0755);
	make_folder("/place/" LIBDIR);
	make_folder("/place/" LIBDIR "/mote");
	copy_file(FOREIGN, "/place/" LIBDIR "/mote/" FILE_NAME, 0755);
	give_away("/place/" LIBDIR "/mote/" FILE_NAME);
	give_away("/place/" LIBDIR "/mote");
	give_away("/place/" LIBDIR);
	said_by("/place/private/program", 0, text, sizeof(text));
	assert_null(strstr(text, "foreign code ran"));
	assert_null(strstr(text, root));
	said_by("/place/bin/program", 0, text, sizeof(text));
	assert_null(strstr(text, "foreign code ran"));
	assert_non_null(strstr(text, "/place/" LIBDIR " belongs to user"));
}

static void test_set_user_id(void **state)
{
	char text[512];

	(void)state;
	need_root();
	copy_file("/proc/self/exe", "/place/program", 0755);
	copy_file(FOREIGN, "/place/" FILE_NAME, 0755);
	said_by("/place/program", OTHER_USER, text, sizeof(text));
	if (!text[0]) {
		print_message("other users cannot run programs of this tree\n");
		skip();
	}
	set_mode("/place/program", 04755);
	said_by("/place/program", OTHER_USER, text, sizeof(text));
	if (!strstr(text, "as user 0")) {
		print_message("set-user-ID has no effect here\n");
		skip();
	}
	assert_null(strstr(text, "foreign code ran"));
	assert_non_null(strstr(text, "a set-user-ID program loads no plug-in"));
}

static int print_probe(void)
{
	mote_backend_info info = probe();

	printf("%s%s (as user %u)\n",
	       getenv(RAN) ? "foreign code ran: " : "", info.text,
	       (unsigned int)geteuid());
	return 0;
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own_file),
		TEST(test_link),
		TEST(test_nothing),
		TEST(test_owner),
		TEST(test_owner_of_folder),
		TEST(test_mode),
		TEST(test_mode_of_folder),
		TEST(test_link_elsewhere),
		TEST(test_link_of_others),
		TEST(test_no_file),
		TEST(test_garbage),
		TEST(test_interface),
		TEST(test_next_place),
		TEST(test_layout),
		TEST(test_secure),
		TEST(test_attack),
		TEST(test_set_user_id),
	};

	if (argc == 2 && strcmp(argv[1], "--probe") == 0)
		return print_probe();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
