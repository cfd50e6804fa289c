/*
 * Threads: sandboxes side by side, one sandbox moved about, and one sandbox
 * wanted by two at once.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"
#include "harness/vm.h"
#include "vm/villain.h"
#include "vm/villain_host.h"

#define LONG_NS UINT64_C(100000000000)
#define CALLS 2000
#define THREADS 8
#define ROUNDS 6

static struct vm vm;

static mote_sandbox *new_box(void)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);

	return vm_sandbox(&vm, &options);
}

/* No assertions outside the main thread: they would jump into it. */
static bool answers(mote_sandbox *box, mote_error *err)
{
	mote_value result;

	return mote_call(box, "Answer", NULL, 0, &result, err) == MOTE_OK &&
	       result.as.i64 == 42;
}

struct worker {
	pthread_t thread;
	mote_sandbox *box;
	mote_error err;
	bool good;
};

static void start(struct worker *worker, void *(*body)(void *))
{
	worker->err.struct_size = sizeof(worker->err);
	worker->good = true;
	assert_int_equal(pthread_create(&worker->thread, NULL, body, worker),
			 0);
}

static void finish(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	if (!worker->good)
		fail_msg("%s", worker->err.text);
}

static void *call_many(void *argument)
{
	struct worker *self = argument;
	size_t i;

	for (i = 0; i < CALLS; i++)
		self->good = self->good && answers(self->box, &self->err);
	return NULL;
}

static void test_side_by_side(void **state)
{
	struct worker workers[2];
	size_t i;

	(void)state;
	memset(workers, 0, sizeof(workers));
	vm_open(&vm, GUEST_bare_villain);
	for (i = 0; i < 2; i++) {
		workers[i].box = new_box();
		start(&workers[i], call_many);
	}
	for (i = 0; i < 2; i++) {
		finish(&workers[i]);
		assert_int_equal(vm_stats(workers[i].box).calls,
				 vm_first_calls() + CALLS);
		mote_sandbox_free(workers[i].box);
	}
	vm_close(&vm);
}

static void *call_once(void *argument)
{
	struct worker *self = argument;

	self->good = answers(self->box, &self->err);
	return NULL;
}

static void test_moved(void **state)
{
	mote_sandbox *box;
	size_t i;

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	box = new_box();
	for (i = 0; i < 100; i++) {
		struct worker worker = { .box = box };

		start(&worker, call_once);
		finish(&worker);
		assert_true(answers(box, &vm.err));
	}
	mote_sandbox_free(box);
	vm_close(&vm);
}

/* Made on one thread, used on another, freed on a third; deadlines hold. */
static void *spin(void *argument)
{
	struct worker *self = argument;

	self->good = mote_sandbox_set_deadline(self->box, 30000000,
					       &self->err) == MOTE_OK &&
		     mote_call(self->box, "Spin", NULL, 0, NULL, &self->err) ==
			     MOTE_E_DEADLINE;
	return NULL;
}

static void *free_it(void *argument)
{
	struct worker *self = argument;

	mote_sandbox_free(self->box);
	return NULL;
}

static void test_three_threads(void **state)
{
	struct worker worker = { 0 };

	(void)state;
	vm_open(&vm, GUEST_bare_villain);
	worker.box = new_box();
	start(&worker, spin);
	finish(&worker);
	start(&worker, free_it);
	finish(&worker);
	vm_close(&vm);
}

/* ------------------------------------------------------------------ busy */

static sem_t entered;
static sem_t tried;

static mote_status wait_inside(void *user, mote_host_call *call,
			       const mote_value *args, size_t count,
			       mote_value *result)
{
	(void)user;
	(void)call;
	(void)count;
	sem_post(&entered);
	/* The deadline's signal may interrupt this. */
	while (sem_wait(&tried))
		continue;
	*result = args[0];
	return MOTE_OK;
}

static void *call_host(void *argument)
{
	const mote_value once = MOTE_U64(1);
	struct worker *self = argument;

	self->good = mote_call(self->box, "CallHost", &once, 1, NULL,
			       &self->err) == MOTE_OK;
	return NULL;
}

static void test_busy(void **state)
{
	struct worker worker = { 0 };
	mote_batch_item item = { .function = "Answer" };
	int status;

	(void)state;
	sem_init(&entered, 0, 0);
	sem_init(&tried, 0, 0);
	villain_host_fn = wait_inside;
	vm_open(&vm, GUEST_bare_villain);
	worker.box = new_box();
	start(&worker, call_host);
	while (sem_wait(&entered))
		continue;
	vm_expect(mote_call(worker.box, "Answer", NULL, 0, NULL, &vm.err),
		  MOTE_E_BUSY, &vm.err);
	vm_expect(mote_call_batch(worker.box, &item, 1, &vm.err), MOTE_E_BUSY,
		  &vm.err);
	vm_expect(mote_run_main(worker.box, 0, NULL, &status, &vm.err),
		  MOTE_E_BUSY, &vm.err);
	vm_expect(mote_sandbox_set_deadline(worker.box, 1, &vm.err),
		  MOTE_E_BUSY, &vm.err);
	sem_post(&tried);
	finish(&worker);
	villain_host_fn = NULL;
	assert_true(answers(worker.box, &vm.err));
	mote_sandbox_free(worker.box);
	sem_destroy(&entered);
	sem_destroy(&tried);
	vm_close(&vm);
}

/* Two threads fight for it: each call is served or refused as busy. */
static void *fight(void *argument)
{
	struct worker *self = argument;
	mote_value result;
	size_t i;

	for (i = 0; i < CALLS; i++) {
		mote_status status = mote_call(self->box, "Answer", NULL, 0,
					       &result, &self->err);

		if (status != MOTE_E_BUSY && status != MOTE_OK)
			self->good = false;
	}
	return NULL;
}

static void test_fight(void **state)
{
	struct worker workers[2];
	size_t i;

	(void)state;
	memset(workers, 0, sizeof(workers));
	vm_open(&vm, GUEST_bare_villain);
	workers[0].box = new_box();
	workers[1].box = workers[0].box;
	for (i = 0; i < 2; i++)
		start(&workers[i], fight);
	for (i = 0; i < 2; i++)
		finish(&workers[i]);
	assert_true(answers(workers[0].box, &vm.err));
	mote_sandbox_free(workers[0].box);
	vm_close(&vm);
}

/* --------------------------------------------------------- come and go */

/* From one image, with sizes that differ: its plan is made anew. */
static void *come_and_go(void *argument)
{
	mote_sandbox_options options = villain_host_options(LONG_NS);
	struct worker *self = argument;
	size_t i;

	for (i = 0; i < ROUNDS; i++) {
		mote_sandbox *box = NULL;

		options.heap_bytes = (uint64_t)(1 + i % 3) << 20;
		if (mote_sandbox_new(vm.image, &options, &box, &self->err) !=
			    MOTE_OK ||
		    !answers(box, &self->err))
			self->good = false;
		mote_sandbox_free(box);
	}
	return NULL;
}

static void test_come_and_go(void **state)
{
	struct worker workers[THREADS];
	size_t i;

	(void)state;
	memset(workers, 0, sizeof(workers));
	vm_open(&vm, GUEST_bare_villain);
	for (i = 0; i < THREADS; i++)
		start(&workers[i], come_and_go);
	for (i = 0; i < THREADS; i++)
		finish(&workers[i]);
	vm_close(&vm);
}

/* Engines and images of their own. */
static void *all_alone(void *argument)
{
	const mote_sandbox_options options = villain_host_options(LONG_NS);
	struct worker *self = argument;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;

	if (mote_engine_new(NULL, &engine, &self->err) != MOTE_OK ||
	    mote_image_open(engine, GUEST_bare_villain, &image, &self->err) !=
		    MOTE_OK ||
	    mote_sandbox_new(image, &options, &box, &self->err) != MOTE_OK ||
	    !answers(box, &self->err))
		self->good = false;
	mote_engine_unref(engine);
	mote_image_unref(image);
	mote_sandbox_free(box);
	return NULL;
}

static void test_all_alone(void **state)
{
	struct worker workers[THREADS];
	size_t i;

	(void)state;
	memset(workers, 0, sizeof(workers));
	for (i = 0; i < THREADS; i++)
		start(&workers[i], all_alone);
	for (i = 0; i < THREADS; i++)
		finish(&workers[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_alone),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_three_threads),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_fight),
		cmocka_unit_test(test_come_and_go),
	};
	int skip = vm_require();

	if (skip)
		return skip;
	vm_watchdog(55);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
