/*
 * Another thread cancels a call; a restore makes the sandbox new. usage:
 * cancel calculator.elf
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include <mote/control.h>
#include <mote/mote.h>
#include <mote/snapshot.h>

/* A person who has waited long enough. 0: the call has not started yet. */
static void *watch(void *argument)
{
	const struct timespec patience = { .tv_nsec = 50000000 };
	mote_interrupt *handle = argument;

	do
		nanosleep(&patience, NULL);
	while (mote_interrupt_cancel(handle) == 0);
	return NULL;
}

static int use(mote_sandbox *box, mote_interrupt *handle,
	       mote_snapshot *snapshot, mote_error *err)
{
	mote_call_stats stats = MOTE_CALL_STATS_INIT;
	mote_value result;
	pthread_t thread;
	mote_status status;

	if (pthread_create(&thread, NULL, watch, handle) != 0)
		return 1;
	status = mote_call(box, "LoopForever", NULL, 0, NULL, err);
	pthread_join(thread, NULL);
	printf("%s: %s\n", mote_status_name(status), err->text);

	if (mote_sandbox_get_call_stats(box, &stats, err) == MOTE_OK)
		printf("it ran for %s\n",
		       stats.wall_ns >= 50000000 ? "50 ms or more" : "less");

	if (mote_sandbox_restore(box, snapshot, err) != MOTE_OK ||
	    mote_call(box, "Add", (mote_value[]){ MOTE_I32(40), MOTE_I32(2) },
		      2, &result, err) != MOTE_OK)
		return 1;
	printf("40 + 2 = %d\n", result.as.i32);
	return 0;
}

int main(int argc, char **argv)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_error err = MOTE_ERROR_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_snapshot *snapshot = NULL;
	mote_interrupt *handle = NULL;
	int failed = 1;

	/* Whoever may cancel needs no deadline, nearly. */
	options.deadline_ns = UINT64_C(60) * 1000 * 1000 * 1000;
	if (mote_engine_new(NULL, &engine, &err) == MOTE_OK &&
	    mote_image_open(engine, argc > 1 ? argv[1] : "calculator.elf",
			    &image, &err) == MOTE_OK &&
	    mote_sandbox_new(image, &options, &box, &err) == MOTE_OK &&
	    mote_snapshot_take(box, &snapshot, &err) == MOTE_OK &&
	    mote_interrupt_new(box, &handle, &err) == MOTE_OK)
		failed = use(box, handle, snapshot, &err);
	if (failed)
		fprintf(stderr, "%s\n", err.text);
	mote_interrupt_unref(handle);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return failed;
}
