#include "harness/vm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/unit.h"
#include "mem/check.h"

static bool refuse(struct vm_allocator *allocator)
{
	size_t number = atomic_fetch_add(&allocator->requests, 1) + 1;
	size_t fail_at = atomic_load(&allocator->fail_at);

	return fail_at != 0 && (number == fail_at ||
				(allocator->persistent && number > fail_at));
}

static void *allocate(void *user, size_t size)
{
	struct vm_allocator *allocator = user;
	void *block = refuse(allocator) ? NULL : malloc(size);

	if (block)
		atomic_fetch_add(&allocator->live, 1);
	return block;
}

static void *resize(void *user, void *block, size_t size)
{
	struct vm_allocator *allocator = user;
	void *resized = refuse(allocator) ? NULL : realloc(block, size);

	if (resized && !block)
		atomic_fetch_add(&allocator->live, 1);
	return resized;
}

static void release(void *user, void *block)
{
	struct vm_allocator *allocator = user;

	if (block)
		atomic_fetch_sub(&allocator->live, 1);
	free(block);
}

void vm_allocator_init(struct vm_allocator *allocator)
{
	memset(allocator, 0, sizeof(*allocator));
	allocator->public.allocate = allocate;
	allocator->public.resize = resize;
	allocator->public.release = release;
	allocator->public.user = allocator;
}

static size_t count_descriptors(void)
{
	size_t count = 0;
	int fd;

	for (fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			count++;
	return count;
}

static size_t count_mappings(void)
{
	static const char *const ours[] = { "kvm-vcpu", "mote-image",
					    "mote-snapshot" };
	char line[512];
	size_t count = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t i;

	if (!maps)
		return 0;
	/*
	 * Those of libc and of sanitizers come and go: count what only the
	 * library maps.
	 */
	while (fgets(line, sizeof(line), maps))
		for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
			if (strstr(line, ours[i]))
				count++;
	fclose(maps);
	return count;
}

struct vm_resources vm_resources_now(void)
{
	struct vm_resources now;

	now.descriptors = count_descriptors();
	now.mappings = count_mappings();
	return now;
}

/*
 * ThreadSanitizer keeps a signal back until the thread makes a call that it
 * intercepts, so that a handler cannot stop the KVM_RUN that comes next.
 * Where the signal is blocked, KVM_RUN itself sees it.
 */
static void block_kick_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 6);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int vm_require(void)
{
	mote_backend_info info = MOTE_BACKEND_INFO_INIT;
	mote_error err = MOTE_ERROR_INIT;
	const char *required = getenv("MOTE_REQUIRE_HV");
	const char *name = vm_backend() ? vm_backend() : "kvm";
	size_t i;

	if (VM_THREAD_SANITIZED)
		block_kick_signal();
	for (i = 0; i < mote_backend_count(); i++)
		if (mote_backend_probe(i, &info, &err) == MOTE_OK &&
		    strcmp(info.name, name) == 0)
			break;
	if (i < mote_backend_count() && info.reason == MOTE_BACKEND_READY)
		return 0;
	printf("no hypervisor: %s\n", info.text);
	fflush(stdout);
	/* It may not be loaded from this tree, which others can write to. */
	if (vm_soft() && info.reason == MOTE_BACKEND_NO_PERMISSION)
		return VM_SKIP;
	return required && *required ? 1 : VM_SKIP;
}

const char *vm_backend(void)
{
	const char *name = getenv("MOTE_TEST_BACKEND");

	return name && *name ? name : NULL;
}

bool vm_soft(void)
{
	const char *name = vm_backend();

	return name && strcmp(name, "soft") == 0;
}

static bool emulated(void)
{
	const char *cpu = getenv("MOTE_TEST_CPU");

	return cpu && strcmp(cpu, "qemu") == 0;
}

unsigned int vm_slow(void)
{
	return emulated() || vm_soft() ? 20 : 1;
}

uint64_t vm_patience_ns(void)
{
	/* Each page that is written first is an exit. */
	return UINT64_C(1000000000) * vm_slow() * (vm_paging() ? 10 : 1);
}

bool vm_differs(const char *reason)
{
	if (!emulated() && !vm_soft())
		return false;
	printf("=== differs %s\n", reason);
	fflush(stdout);
	return true;
}

void vm_watchdog(unsigned int seconds)
{
	/* Its default action is what is wanted. */
	alarm(seconds * vm_slow() * (vm_paging() ? 3 : 1));
}

void vm_expect_(mote_status status, mote_status expected,
		const mote_error *err, const char *file, int line)
{
	if (status == expected)
		return;
	print_error("%s:%d: %s, not %s; the text is \"%s\"\n", file, line,
		    mote_status_name(status), mote_status_name(expected),
		    status != MOTE_OK && err ? err->text : "");
	_fail(file, line);
}

void vm_expect_text_(const mote_error *err, const char *part, const char *file,
		     int line)
{
	if (strstr(err->text, part))
		return;
	print_error("%s:%d: \"%s\" is not in \"%s\"\n", file, line, part,
		    err->text);
	_fail(file, line);
}

void vm_open_image(struct vm *vm, const char *path)
{
	vm_expect(mote_image_open(vm->engine, path, &vm->image, &vm->err),
		  MOTE_OK, &vm->err);
}

void vm_check_restores(bool on)
{
#ifdef MOTE_CHECK_RESTORE
	mti_check_restores = on;
#else
	(void)on;
#endif
}

void vm_open(struct vm *vm, const char *path)
{
	mote_engine_options options = MOTE_ENGINE_OPTIONS_INIT;

	memset(vm, 0, sizeof(*vm));
	vm_check_restores(true);
	vm->err.struct_size = sizeof(vm->err);
	vm_allocator_init(&vm->allocator);
	vm->before = vm_resources_now();
	options.allocator = vm->allocator.public;
	options.backend = vm_backend();
	vm_expect(mote_engine_new(&options, &vm->engine, &vm->err), MOTE_OK,
		  &vm->err);
	if (path)
		vm_open_image(vm, path);
}

void vm_close(struct vm *vm)
{
	struct vm_resources after;

	mote_image_unref(vm->image);
	mote_engine_unref(vm->engine);
	after = vm_resources_now();
	assert_int_equal(atomic_load(&vm->allocator.live), 0);
	assert_int_equal(after.descriptors, vm->before.descriptors);
	assert_int_equal(after.mappings, vm->before.mappings);
}

mote_sandbox *vm_sandbox(struct vm *vm, const mote_sandbox_options *options)
{
	mote_sandbox_options made = MOTE_SANDBOX_OPTIONS_INIT;
	mote_sandbox *box = NULL;

	if (options)
		made = *options;
	if (made.deadline_ns == 0)
		made.deadline_ns = vm_patience_ns();
	vm_expect(mote_sandbox_new(vm->image, &made, &box, &vm->err), MOTE_OK,
		  &vm->err);
	return box;
}

unsigned char *vm_read_file(const char *path, size_t *size)
{
	struct stat st;
	unsigned char *bytes;
	FILE *file = fopen(path, "rbe");

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &st), 0);
	*size = (size_t)st.st_size;
	bytes = malloc(*size);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *size, file), *size);
	fclose(file);
	return bytes;
}

static const char *origin(void)
{
	const char *value = getenv("MOTE_TEST_ORIGIN");

	return value ? value : "";
}

uint64_t vm_first_calls(void)
{
	return origin()[0] ? 0 : 1;
}

bool vm_paging(void)
{
	const char *value = getenv("MOTE_TEST_MEMORY");

	return value && strcmp(value, "paging") == 0;
}

bool vm_pooled(void)
{
	return strcmp(origin(), "pool") == 0;
}

mote_sandbox_stats vm_stats(const mote_sandbox *box)
{
	mote_sandbox_stats stats = MOTE_SANDBOX_STATS_INIT;
	mote_error err = MOTE_ERROR_INIT;

	vm_expect(mote_sandbox_get_stats(box, &stats, &err), MOTE_OK, &err);
	return stats;
}

struct body {
	void (*function)(void *argument);
	void *argument;
};

static void run_body(void **state)
{
	const struct body *body = *state;

	body->function(body->argument);
}

/* An assertion must not jump into the parent's list of tests. */
static void child_main(struct body *body, unsigned int seconds)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(run_body, body),
	};
	int failed;

	alarm(seconds * vm_slow());
	failed = cmocka_run_group_tests_name("child", tests, NULL, NULL);
	fflush(NULL);
	_exit(failed ? 1 : 0);
}

void vm_fork(void (*function)(void *argument), void *argument,
	     unsigned int seconds)
{
	struct body body = { .function = function, .argument = argument };
	int status = 0;
	pid_t child;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		child_main(&body, seconds);
	while (waitpid(child, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	if (WIFSIGNALED(status))
		fail_msg("the child died of signal %d", WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
