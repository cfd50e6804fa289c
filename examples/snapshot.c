/*
 * Every request starts from the same state, whatever the last one did.
 * usage: snapshot calculator.elf
 */
#include <stdio.h>

#include <mote/mote.h>
#include <mote/snapshot.h>

static mote_error err = MOTE_ERROR_INIT;

static void count(mote_sandbox *box, const char *who)
{
	mote_value result;

	if (mote_call(box, "Count", NULL, 0, &result, &err) == MOTE_OK)
		printf("%s: %llu\n", who,
		       (unsigned long long)result.as.u64);
}

/* One request: what it leaves behind is gone after it. */
static mote_status serve(mote_sandbox *box, mote_snapshot *ready,
			 const char *function)
{
	mote_status status = mote_call(box, function, NULL, 0, NULL, &err);

	printf("%s: %s\n", function, mote_status_name(status));
	count(box, "  in the same state");
	status = mote_sandbox_restore(box, ready, &err);
	if (status == MOTE_OK)
		count(box, "  after a restore");
	return status;
}

static mote_status run(mote_sandbox *box)
{
	mote_snapshot *ready = NULL;
	mote_sandbox *clone = NULL;
	mote_status status;

	/* Warm up: load tables, fill caches. Here, count to 1. */
	count(box, "warm");
	status = mote_snapshot_take(box, &ready, &err);
	if (status == MOTE_OK)
		status = serve(box, ready, "Count");
	if (status == MOTE_OK)
		status = serve(box, ready, "Crash");
	/* Another sandbox in that state; the guest starts nothing. */
	if (status == MOTE_OK)
		status = mote_sandbox_from_snapshot(ready, NULL, &clone, &err);
	if (status == MOTE_OK)
		count(clone, "clone");
	mote_sandbox_free(clone);
	mote_snapshot_unref(ready);
	return status;
}

int main(int argc, char **argv)
{
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_status status;

	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = mote_image_open(engine,
					 argc > 1 ? argv[1] : "calculator.elf",
					 &image, &err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, NULL, &box, &err);
	if (status == MOTE_OK)
		status = run(box);
	if (status != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status == MOTE_OK ? 0 : 1;
}
