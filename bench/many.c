/*
 * many_1000_kib: a thousand sandboxes of one snapshot alive, each called in
 * turn. scale_2: two threads on two CPUs, each with a sandbox of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <mote/snapshot.h>

#include "bench.h"

#define MANY 1000
#define FILES_EACH 4 /* of a VM, generously */
#define CALLS 2000   /* of a thread in a row */

struct many {
	struct bench *bench;
	mote_engine *engine;
	mote_image *image;
	mote_sandbox *first;
	mote_snapshot *snapshot;
	mote_error err;
};

static int failed(struct many *many, const char *what)
{
	return bench_fail_mote(many->bench, what, &many->err);
}

static int open_many(struct many *many)
{
	size_t size = (size_t)(bench_small_guest_end - bench_small_guest);

	if (mote_engine_new(NULL, &many->engine, &many->err) != MOTE_OK ||
	    mote_image_from_memory(many->engine, bench_small_guest, size,
				   &many->image, &many->err) != MOTE_OK ||
	    mote_sandbox_new(many->image, NULL, &many->first, &many->err) !=
		    MOTE_OK ||
	    mote_snapshot_take(many->first, &many->snapshot, &many->err) !=
		    MOTE_OK)
		return failed(many, "a snapshot of the small guest");
	return 0;
}

static void close_many(struct many *many)
{
	mote_snapshot_unref(many->snapshot);
	mote_sandbox_free(many->first);
	mote_image_unref(many->image);
	mote_engine_unref(many->engine);
}

static int answer(struct many *many, mote_sandbox *box)
{
	if (mote_call(box, "Answer", NULL, 0, NULL, &many->err) != MOTE_OK)
		return failed(many, "Answer");
	return 0;
}

/* Makes all of them; each answers once, then all in turn. */
static int live(struct many *many, mote_sandbox **boxes, size_t count,
		struct bench_samples *turn)
{
	uint64_t start;
	size_t i;

	for (i = 0; i < count; i++) {
		if (mote_sandbox_from_snapshot(many->snapshot, NULL, &boxes[i],
					       &many->err) != MOTE_OK)
			return failed(many, "from_snapshot");
		if (answer(many, boxes[i]) < 0)
			return -1;
	}
	start = bench_now_ns();
	for (i = 0; i < count; i++)
		if (answer(many, boxes[i]) < 0)
			return -1;
	bench_samples_add(turn, (double)(bench_now_ns() - start) /
					(double)count / 1000);
	return 0;
}

static int measure_many(struct many *many)
{
	static mote_sandbox *boxes[MANY];
	static struct bench_samples kib, turn;
	struct bench *bench = many->bench;
	size_t count = bench_rounds(bench, MANY, 20);
	double before = 0;
	double after = 0;
	int status;
	size_t i;

	status = bench_private_kib(bench, &before);
	if (status == 0)
		status = live(many, boxes, count, &turn);
	if (status == 0)
		status = bench_private_kib(bench, &after);
	for (i = 0; i < count; i++)
		mote_sandbox_free(boxes[i]);
	if (status < 0)
		return status;
	bench_samples_add(&kib, (after - before) / (double)count);
	bench_ratio(bench, "many_1000_kib", 96,
		    "KiB of private memory, each of 1000 of one snapshot",
		    &kib);
	bench_value(bench, "many_1000_call", "us",
		    "a call, all of them in turn", &turn);
	return 0;
}

struct worker {
	pthread_t thread;
	struct many *many;
	pthread_barrier_t *barrier;
	int cpu;
	int status;
	double seconds;
};

static int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	mote_error err = MOTE_ERROR_INIT;
	mote_sandbox *box = NULL;
	uint64_t start;
	int i;

	worker->status = -1;
	if (pin(worker->cpu) == 0 &&
	    mote_sandbox_from_snapshot(worker->many->snapshot, NULL, &box,
				       &err) == MOTE_OK &&
	    mote_call(box, "Answer", NULL, 0, NULL, &err) == MOTE_OK)
		worker->status = 0;
	pthread_barrier_wait(worker->barrier);
	start = bench_now_ns();
	for (i = 0; i < CALLS && worker->status == 0; i++)
		if (mote_call(box, "Answer", NULL, 0, NULL, &err) != MOTE_OK)
			worker->status = -1;
	worker->seconds = (double)(bench_now_ns() - start);
	mote_sandbox_free(box);
	return NULL;
}

/* Calls a nanosecond of count threads, each on its CPU; negative: failed. */
static double rate(struct many *many, const int *cpus, unsigned int count)
{
	struct worker workers[2];
	pthread_barrier_t barrier;
	double calls = 0;
	unsigned int i;
	int status = 0;

	pthread_barrier_init(&barrier, NULL, count);
	for (i = 0; i < count; i++) {
		workers[i] = (struct worker){ .many = many,
					      .barrier = &barrier,
					      .cpu = cpus[i] };
		if (pthread_create(&workers[i].thread, NULL, work,
				   &workers[i]) != 0)
			abort();
	}
	for (i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		status |= workers[i].status;
		calls += CALLS / workers[i].seconds;
	}
	pthread_barrier_destroy(&barrier);
	if (status < 0)
		return bench_fail(many->bench, "a thread's calls failed");
	return calls;
}

/* The first CPUs that this process may use: how many, at most 2. */
static int two_cpus(const cpu_set_t *allowed, int cpus[2])
{
	int found = 0;
	int cpu;

	for (cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET((size_t)cpu, allowed))
			cpus[found++] = cpu;
	return found;
}

static int measure_scale(struct many *many)
{
	static struct bench_samples ratio;
	size_t rounds = bench_rounds(many->bench, 20, 5);
	size_t round;
	int cpus[2];

	if (two_cpus(bench_cpus(), cpus) < 2) {
		fputs("mote-bench: one CPU: scale_2 is left out\n", stderr);
		return 0;
	}
	for (round = 0; round < rounds + 1; round++) {
		double one = rate(many, &cpus[round % 2], 1);
		double two = rate(many, cpus, 2);

		if (one < 0 || two < 0)
			return -1;
		if (round > 0)
			bench_samples_add(&ratio, two / one);
	}
	bench_ratio_at_least(many->bench, "scale_2", 1.9,
			     "calls of two pinned threads / of one", &ratio);
	return 0;
}

int bench_many(struct bench *bench)
{
	struct many many = { .bench = bench, .err = MOTE_ERROR_INIT };
	struct rlimit files;
	int status;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur < MANY * FILES_EACH &&
	    files.rlim_max >= MANY * FILES_EACH) {
		files.rlim_cur = MANY * FILES_EACH;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	status = open_many(&many);
	if (status == 0)
		status = measure_many(&many);
	if (status == 0)
		status = measure_scale(&many);
	close_many(&many);
	return status;
}
