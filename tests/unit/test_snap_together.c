/*
 * Several processes, and threads in them, save into one layout and remove
 * from it at the same time: nobody loses a tag, and what a tag names is whole.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/layout_files.h"
#include "harness/snap_sample.h"
#include "harness/unit.h"

#define PROCESSES 3
#define THREADS 2
#define ROUNDS 8

static struct snap_sample sample;

struct worker {
	pthread_t thread;
	int process;
	int number;
	bool failed;
	mote_error err;
};

/* Each has tags of its own, and one that all fight for. */
static void name_tag(char tag[MTI_TAG_MAX + 1], const struct worker *worker,
		     int round)
{
	snprintf(tag, MTI_TAG_MAX + 1, "p%d-t%d-%d", worker->process,
		 worker->number, round);
}

static bool good(struct worker *worker, mote_status status)
{
	if (status == MOTE_OK)
		return true;
	fprintf(stderr, "%d.%d: %s: %s\n", worker->process, worker->number,
		mote_status_name(status), worker->err.text);
	worker->failed = true;
	return false;
}

/* Every second of its tags is removed again. */
static void *work(void *argument)
{
	struct worker *worker = argument;
	struct mti_save save = snap_sample_save_request(&sample, NULL);
	char tag[MTI_TAG_MAX + 1];
	struct mti_digest digest;
	int round;

	save.allocator = &mti_allocator_libc;
	worker->err.struct_size = sizeof(worker->err);
	for (round = 0; round < ROUNDS && !worker->failed; round++) {
		name_tag(tag, worker, round);
		save.tag = tag;
		(void)good(worker, mti_snap_save(&save, &digest, &worker->err));
		if (round % 2)
			(void)good(worker,
				   mti_snap_remove(&mti_allocator_libc,
						   sample.layout, tag,
						   &worker->err));
		save.tag = "shared";
		(void)good(worker, mti_snap_save(&save, &digest, &worker->err));
	}
	return NULL;
}

/* The threads of a process save one snapshot, with a delta of its own. */
static void run_process(int process)
{
	struct worker workers[THREADS];
	bool failed = false;
	int i;

	snap_sample_set_delta(&sample, (uint8_t)(0x10 * (process + 1)));
	memset(workers, 0, sizeof(workers));
	for (i = 0; i < THREADS; i++) {
		workers[i].process = process;
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, work,
				   &workers[i]) != 0)
			_exit(2);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		failed = failed || workers[i].failed;
	}
	_exit(failed ? 1 : 0);
}

static void expect_tags(void)
{
	int process;
	int thread;
	int round;

	for (process = 0; process < PROCESSES; process++) {
		snap_sample_set_delta(&sample, (uint8_t)(0x10 * (process + 1)));
		for (thread = 0; thread < THREADS; thread++) {
			for (round = 0; round < ROUNDS; round++) {
				const struct worker worker = {
					.process = process, .number = thread
				};
				char tag[MTI_TAG_MAX + 1];

				name_tag(tag, &worker, round);
				if (round % 2)
					snap_sample_refused(&sample, tag,
							    MOTE_E_NOT_FOUND,
							    tag);
				else
					snap_sample_expect(&sample, tag);
			}
		}
	}
}

static void test_together(void **state)
{
	pid_t pids[PROCESSES];
	int status;
	int i;

	(void)state;
	fflush(NULL);
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			run_process(i);
	}
	for (i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	expect_tags();
	/* Program and base; of each a delta, a config at most, a manifest. */
	assert_true(files_blobs(sample.layout).files <= 2 + 3 * PROCESSES);
}

struct forking {
	pid_t child;
	int pipe[2];
};

/* The first time: a child that lives until the other end is closed. */
static int fork_once(void *user, uint64_t done, uint64_t total)
{
	struct forking *forking = user;
	char byte;

	(void)done;
	(void)total;
	if (forking->child > 0)
		return 0;
	forking->child = fork();
	assert_true(forking->child >= 0);
	if (forking->child == 0) {
		close(forking->pipe[1]);
		_exit(read(forking->pipe[0], &byte, 1) == 0 ? 0 : 1);
	}
	return 0;
}

/* It has the open folder, and the lock is given up all the same. */
static void test_fork_during_save(void **state)
{
	mote_error err = MOTE_ERROR_INIT;
	struct forking forking = { .child = 0 };
	struct mti_save save = snap_sample_save_request(&sample, "a");
	struct mti_digest digest;
	int status;

	(void)state;
	assert_int_equal(pipe(forking.pipe), 0);
	save.progress = fork_once;
	save.user = &forking;
	assert_int_equal(mti_snap_save(&save, &digest, &err), MOTE_OK);
	assert_true(forking.child > 0);
	/* If not, for ever. */
	alarm(60);
	assert_int_equal(mti_snap_save(&save, &digest, &err), MOTE_OK);
	alarm(0);
	close(forking.pipe[1]);
	assert_int_equal(waitpid(forking.child, &status, 0), forking.child);
	assert_int_equal(status, 0);
	close(forking.pipe[0]);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_together, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_fork_during_save, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
