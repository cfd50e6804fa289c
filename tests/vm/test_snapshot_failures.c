/*
 * The host fails while snapshots are taken, restored and made into sandboxes:
 * each allocation and each call into the system in turn. A take that fails
 * leaves the sandbox as it was. A restore that fails leaves it poisoned, and
 * works when it is tried again. Nothing is left behind.
 */
#include <errno.h>
#include <string.h>

#include "harness/inject.h"
#include "harness/unit.h"
#include "sandbox/sandbox.h"
#include "vm/state_host.h"

#define NUMBERS_MAX 2000

static struct state_host host;
static mote_error *const err = &host.vm.err;
/* The hypervisor's operations, without its help to find pages. */
static struct mti_hv_ops untracked;

static mote_sandbox *box;
static mote_snapshot *first; /* of box */
static mote_snapshot *other; /* of the same plan of memory */
static mote_snapshot *third; /* of another image object */
static mote_snapshot *made;
static mote_sandbox *cloned;

static size_t requests_of_run; /* allocations */

static bool tracks_not(const struct mti_vm *vm)
{
	(void)vm;
	return false;
}

static void empty_cache(void)
{
	mti_cache_fini(host.vm.engine);
	mti_cache_init(&host.vm.engine->cache);
}

static mote_snapshot *snapshot_of(mote_image *image, const char *text)
{
	mote_sandbox_options options = state_options(&host);
	mote_sandbox *stranger = NULL;
	mote_snapshot *snapshot;

	vm_expect(mote_sandbox_new(image, &options, &stranger, err), MOTE_OK,
		  err);
	state_set_text(stranger, text);
	snapshot = state_take(stranger);
	mote_sandbox_free(stranger);
	return snapshot;
}

static void set_up(bool tracked)
{
	mote_image *image = NULL;

	state_open(&host, GUEST_vm_state);
	if (!tracked) {
		untracked = *host.vm.engine->ops;
		untracked.tracks = tracks_not;
		host.vm.engine->ops = &untracked;
	}
	vm_expect(mote_image_open(host.vm.engine, GUEST_vm_state, &image, err),
		  MOTE_OK, err);
	third = snapshot_of(image, "third");
	mote_image_unref(image);
	other = snapshot_of(host.vm.image, "other");
	box = state_new(&host);
	state_set_text(box, "first");
	state_touch(box, 8, 3, 1);
	first = state_take(box);
	state_set_text(box, "now");
	state_touch(box, 100, 2, 2);
	/* More than what has room without another allocation. */
	state_touch(box, 2, 500, 2);
}

static void tear_down(void)
{
	mote_snapshot_unref(first);
	mote_snapshot_unref(other);
	mote_snapshot_unref(third);
	mote_snapshot_unref(made);
	mote_sandbox_free(box);
	mote_sandbox_free(cloned);
	made = NULL;
	cloned = NULL;
	state_close(&host);
}

/* ------------------------------------------------------ what is tried */

static mote_status take(void)
{
	return mote_snapshot_take(box, &made, err);
}

static void after_take(mote_status status)
{
	assert_int_equal(made != NULL, status == MOTE_OK);
	assert_int_equal(mote_sandbox_state(box), MOTE_SANDBOX_READY);
	state_expect_text(box, "now");
	if (!made)
		made = state_take(box);
	state_set_text(box, "later");
	state_restore(box, made);
	state_expect_text(box, "now");
	state_restore(box, first);
	state_expect_text(box, "first");
	cloned = state_clone(&host, made);
	state_expect_text(cloned, "now");
}

static void after_restore(mote_status status, mote_snapshot *snapshot,
			  const char *text)
{
	assert_int_equal(mote_sandbox_state(box),
			 status == MOTE_OK ? MOTE_SANDBOX_READY :
					     MOTE_SANDBOX_POISONED);
	if (status != MOTE_OK) {
		state_fail(box, "Text", MOTE_E_POISONED);
		state_restore(box, snapshot);
	}
	state_expect_text(box, text);
	state_touch(box, 10, 1, 9);
	state_restore(box, snapshot);
	state_expect_text(box, text);
}

static mote_status restore(void)
{
	return mote_sandbox_restore(box, first, err);
}

static void after_first(mote_status status)
{
	after_restore(status, first, "first");
}

/* More pages than are written to a file at once. */
#define LARGE_PAGES 600

static void grow(void)
{
	state_touch(box, LARGE_PAGES, 1, 3);
}

static void expect_large(mote_sandbox *grown)
{
	assert_int_equal(state_sum(grown, LARGE_PAGES, 1), 3 * LARGE_PAGES);
}

static void after_large_take(mote_status status)
{
	after_take(status);
	expect_large(cloned);
}

static void take_large(void)
{
	grow();
	made = state_take(box);
	state_set_text(box, "later");
}

/* The first who needs it as a file. */
static mote_status clone_large(void)
{
	mote_sandbox_options options = state_options(&host);

	return mote_sandbox_from_snapshot(made, &options, &cloned, err);
}

static void after_large_clone(mote_status status)
{
	assert_int_equal(cloned != NULL, status == MOTE_OK);
	/* Who needs no file never depended on it. */
	state_restore(box, made);
	expect_large(box);
	if (!cloned)
		cloned = state_clone(&host, made);
	state_expect_text(cloned, "now");
	expect_large(cloned);
}

static void crash(void)
{
	state_fail(box, "Crash", MOTE_E_GUEST_FAULT);
}

static mote_status restore_other(void)
{
	return mote_sandbox_restore(box, other, err);
}

static void after_other(mote_status status)
{
	after_restore(status, other, "other");
	state_restore(box, first);
	state_expect_text(box, "first");
}

static mote_status restore_third(void)
{
	return mote_sandbox_restore(box, third, err);
}

static void after_third(mote_status status)
{
	after_restore(status, third, "third");
	state_restore(box, first);
	state_expect_text(box, "first");
}

static mote_status clone_one(void)
{
	mote_sandbox_options options = state_options(&host);

	return mote_sandbox_from_snapshot(first, &options, &cloned, err);
}

static void after_clone(mote_status status)
{
	assert_int_equal(cloned != NULL, status == MOTE_OK);
	if (!cloned)
		cloned = state_clone(&host, first);
	state_expect_text(cloned, "first");
	state_expect_text(box, "now");
}

static mote_status free_it(void)
{
	mote_sandbox_free(box);
	box = NULL;
	return MOTE_OK;
}

static void after_free(mote_status status)
{
	(void)status;
	cloned = state_clone(&host, first);
	state_expect_text(cloned, "first");
	assert_false(state_holds(cloned, "now", 4));
}

static const struct attempt {
	const char *name;
	bool tracked;
	void (*prepare)(void);
	mote_status (*run)(void);
	/* Whatever came of it; nothing fails any more. */
	void (*check)(mote_status status);
} attempts[] = {
	{ "take", true, NULL, take, after_take },
	{ "take, pages searched for", false, NULL, take, after_take },
	{ "take, many pages", true, grow, take, after_large_take },
	{ "clone, many pages", true, take_large, clone_large,
	  after_large_clone },
	{ "restore", true, NULL, restore, after_first },
	{ "restore, pages searched for", false, NULL, restore, after_first },
	{ "restore of a crashed one", true, crash, restore, after_first },
	{ "restore of another snapshot", true, NULL, restore_other,
	  after_other },
	{ "restore of a stranger", true, NULL, restore_third, after_third },
	{ "the same, no VM at hand", true, empty_cache, restore_third,
	  after_third },
	{ "clone", true, NULL, clone_one, after_clone },
	{ "clone, no VM at hand", true, empty_cache, clone_one, after_clone },
	{ "free", true, NULL, free_it, after_free },
	{ "free, crashed", true, crash, free_it, after_free },
};

#define ATTEMPTS (sizeof(attempts) / sizeof(attempts[0]))

static bool is_host_trouble(mote_status status)
{
	return status == MOTE_E_NO_MEMORY || status == MOTE_E_OS ||
	       status == MOTE_E_HYPERVISOR;
}

/* Tries it with what fails already set. */
static void go(const struct attempt *attempt)
{
	size_t before = atomic_load(&host.vm.allocator.requests);
	mote_status status = attempt->run();

	injected.function = NULL;
	requests_of_run = atomic_load(&host.vm.allocator.requests) - before;
	atomic_store(&host.vm.allocator.fail_at, 0);
	if (status != MOTE_OK) {
		assert_int_equal(err->code, status);
		assert_true(strlen(err->text) > 0);
		if (!is_host_trouble(status))
			fail_msg("%s: %s: %s", attempt->name,
				 mote_status_name(status), err->text);
	}
	attempt->check(status);
}

static void prepare(const struct attempt *attempt)
{
	memset(&injected, 0, sizeof(injected));
	set_up(attempt->tracked);
	if (attempt->prepare)
		attempt->prepare();
}

/* Allocations fail, until there was none left to fail. */
static size_t fail_allocations(const struct attempt *attempt, bool persistent)
{
	struct vm_allocator *allocator = &host.vm.allocator;
	bool failed = true;
	size_t number;
	size_t before;

	for (number = 1; failed && number < NUMBERS_MAX; number++) {
		prepare(attempt);
		before = atomic_load(&allocator->requests);
		allocator->persistent = persistent;
		atomic_store(&allocator->fail_at, before + number);
		go(attempt);
		failed = requests_of_run >= number;
		tear_down();
	}
	return number - 2;
}

static void test_allocations(void **state)
{
	size_t calls = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ATTEMPTS; i++) {
		calls += fail_allocations(&attempts[i], false);
		(void)fail_allocations(&attempts[i], true);
	}
	assert_true(calls > 20);
}

/* One call of a function fails, or that and all that follow. */
static void fail_call(const struct attempt *attempt, const char *function,
		      size_t number, bool persistent)
{
	prepare(attempt);
	injected.fail_at = number;
	injected.error = persistent ? EINVAL : ENOMEM;
	injected.persistent = persistent;
	injected.function = function;
	go(attempt);
	assert_true(injected.failed > 0);
	tear_down();
}

/* How often the attempt calls each function. */
static size_t count_calls(const struct attempt *attempt, size_t *calls)
{
	size_t sum = 0;
	size_t i;

	prepare(attempt);
	memset(injectable_calls, 0, sizeof(injectable_calls));
	(void)attempt->run();
	memcpy(calls, injectable_calls, sizeof(injectable_calls));
	attempt->check(MOTE_OK);
	tear_down();
	for (i = 0; i < injectable_count; i++)
		sum += calls[i];
	return sum;
}

static void test_system(void **state)
{
	size_t calls[INJECTABLE_MAX];
	size_t number;
	size_t sum = 0;
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < ATTEMPTS; i++) {
		size_t here = count_calls(&attempts[i], calls);

		print_message("%s: %zu calls\n", attempts[i].name, here);
		sum += here;
		for (j = 0; j < injectable_count; j++) {
			if (calls[j] > 0)
				fail_call(&attempts[i], injectable[j], 1, true);
			for (number = 1; number <= calls[j]; number++)
				fail_call(&attempts[i], injectable[j], number,
					  false);
		}
	}
	assert_true(sum > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations),
		cmocka_unit_test(test_system),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
