/*
 * A hundred thousand cancels at random moments, from threads that know
 * nothing of the calls. Workers take sandboxes in turns and call; strikers
 * look at a handle and strike at once or some time later. Each
 * strike that says it hit is noted with the number of the call that it looked
 * at, and each call that ends as cancelled with its own: in the end both must
 * be the same. Some guests never end by themselves: a kick that is lost hangs
 * the test.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mote/control.h>
#include <mote/snapshot.h>

#include "harness/random.h"
#include "harness/unit.h"
#include "harness/vm.h"
#include "sandbox/interrupt.h"
#include "vm/villain.h"
#include "vm/villain_host.h"

#define LONG_NS UINT64_C(100000000000)
#define STRIKES 100000
#define WORKERS 3
#define STRIKERS 2
#define SLOTS 5
/* Calls of one sandbox, then a new one. */
#define CALLS_MAX 1000
#define LIVES_MAX 100000

enum fate { FINISHED, CANCELLED, FATES };

/* A sandbox from its making to its end, and its handle, which stays. */
struct life {
	mote_interrupt *handle;
	_Atomic bool struck[CALLS_MAX];
	bool cancelled[CALLS_MAX];
};

struct slot {
	pthread_mutex_t lock;
	mote_sandbox *box;
	struct life *_Atomic life;
};

static struct vm vm;
static mote_snapshot *snapshot;
static struct slot slots[SLOTS];
static struct life *lives[LIVES_MAX];
static _Atomic size_t life_count;
static _Atomic size_t strikes;
static _Atomic size_t hits;
static _Atomic size_t fates[FATES];
static _Atomic size_t workers_left;
static uint64_t seed;

static void spin(size_t turns)
{
	volatile size_t i;

	for (i = 0; i < turns; i++)
		continue;
}

/* Leaves the CPU to the workers. */
static void pause_for(size_t ns)
{
	const struct timespec time = { .tv_nsec = (long)ns };

	nanosleep(&time, NULL);
}

/* ---------------------------------------------------------------- workers */

static void check(bool good, const char *what, const mote_error *err)
{
	if (good)
		return;
	print_error("%s: %s\n", what, err ? err->text : "");
	abort();
}

static void end_life(struct slot *slot)
{
	mote_sandbox_free(slot->box);
	slot->box = NULL;
}

static void new_life(struct slot *slot)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);
	struct life *life = calloc(1, sizeof(*life));
	size_t number = atomic_fetch_add(&life_count, 1);
	mote_error err = MOTE_ERROR_INIT;

	check(life && number < LIVES_MAX, "too many lives", NULL);
	check(mote_sandbox_from_snapshot(snapshot, &options, &slot->box,
					 &err) == MOTE_OK,
	      "new sandbox", &err);
	check(mote_interrupt_new(slot->box, &life->handle, &err) == MOTE_OK,
	      "new handle", &err);
	lives[number] = life;
	atomic_store(&slot->life, life);
}

/* The number of the call that comes, or runs. */
static size_t call_number(uint64_t word)
{
	return (size_t)(word / MTI_INTERRUPT_CALL);
}

static void call_once(struct slot *slot, struct random_source *source)
{
	struct life *life = atomic_load(&slot->life);
	size_t number = call_number(mti_interrupt_look(life->handle));
	size_t kind = random_below(source, 10);
	const mote_value times = MOTE_U64(1 + random_below(source, 4));
	mote_error err = MOTE_ERROR_INIT;
	mote_value result;
	mote_status status;

	if (kind < 6)
		status = mote_call(slot->box, "Answer", NULL, 0, &result, &err);
	else if (kind < 9)
		status = mote_call(slot->box, "CallHost", &times, 1, &result,
				   &err);
	else
		status = mote_call(slot->box, "Spin", NULL, 0, &result, &err);
	check(status == MOTE_OK || status == MOTE_E_CANCELLED,
	      mote_status_name(status), &err);
	check(status != MOTE_OK || result.as.i64 == (kind < 6 ? 42 : 40),
	      "wrong result", NULL);
	life->cancelled[number] = status == MOTE_E_CANCELLED;
	atomic_fetch_add(&fates[status == MOTE_OK ? FINISHED : CANCELLED], 1);
	if (status != MOTE_OK)
		check(mote_sandbox_restore(slot->box, snapshot, &err) ==
			      MOTE_OK,
		      "restore", &err);
	/* Sometimes another one takes the VM over. */
	if (number + 1 == CALLS_MAX || random_below(source, 200) == 0)
		end_life(slot);
}

static void *worker_main(void *argument)
{
	struct random_source source = { seed + (uintptr_t)argument };

	while (atomic_load(&strikes) < STRIKES) {
		struct slot *slot = &slots[random_below(&source, SLOTS)];

		if (pthread_mutex_trylock(&slot->lock) != 0)
			continue;
		if (!slot->box)
			new_life(slot);
		call_once(slot, &source);
		pthread_mutex_unlock(&slot->lock);
	}
	atomic_fetch_sub(&workers_left, 1);
	return NULL;
}

/* --------------------------------------------------------------- strikers */

static void strike(struct life *life, struct random_source *source)
{
	uint64_t word = mti_interrupt_look(life->handle);

	spin(random_below(source, 3) == 0 ? random_below(source, 30000) : 0);
	if (mti_interrupt_strike(life->handle, word)) {
		atomic_store(&life->struck[call_number(word)], true);
		atomic_fetch_add(&hits, 1);
	}
}

/* Till the last worker has ended: it may be in a guest that never does. */
static void *striker_main(void *argument)
{
	struct random_source source = { seed + 1000 + (uintptr_t)argument };

	while (atomic_load(&workers_left) > 0) {
		struct slot *slot = &slots[random_below(&source, SLOTS)];
		struct life *life = atomic_load(&slot->life);

		if (!life)
			continue;
		strike(life, &source);
		atomic_fetch_add(&strikes, 1);
		pause_for(random_below(&source, 50000));
	}
	return NULL;
}

/* ------------------------------------------------------------------- test */

static void compare(void)
{
	size_t count = atomic_load(&life_count);
	size_t wrong = 0;
	size_t i;
	size_t j;

	for (i = 0; i < count; i++) {
		for (j = 0; j < CALLS_MAX; j++)
			wrong += atomic_load(&lives[i]->struck[j]) !=
				 lives[i]->cancelled[j];
		mote_interrupt_unref(lives[i]->handle);
		free(lives[i]);
	}
	print_message("%zu strikes, %zu hits; %zu calls finished, %zu "
		      "cancelled; %zu sandboxes\n",
		      atomic_load(&strikes), atomic_load(&hits),
		      atomic_load(&fates[FINISHED]),
		      atomic_load(&fates[CANCELLED]), count);
	assert_int_equal(wrong, 0);
	assert_true(atomic_load(&strikes) >= STRIKES);
	assert_true(atomic_load(&fates[FINISHED]) > 0);
	assert_true(atomic_load(&fates[CANCELLED]) > 0);
}

static void test_strikes(void **state)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);
	pthread_t threads[WORKERS + STRIKERS];
	mote_sandbox *first;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	first = vm_sandbox(&vm, &options);
	vm_expect(mote_snapshot_take(first, &snapshot, &vm.err), MOTE_OK,
		  &vm.err);
	mote_sandbox_free(first);
	for (i = 0; i < SLOTS; i++)
		pthread_mutex_init(&slots[i].lock, NULL);
	atomic_store(&workers_left, WORKERS);
	for (i = 0; i < WORKERS + STRIKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < WORKERS ? worker_main :
							      striker_main,
						(void *)(uintptr_t)i),
				 0);
	for (i = 0; i < WORKERS + STRIKERS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < SLOTS; i++)
		end_life(&slots[i]);
	compare();
	mote_snapshot_unref(snapshot);
	vm_close(&vm);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strikes),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	seed = random_seed(argc, argv);
	vm_watchdog(110);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
