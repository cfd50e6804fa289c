/*
 * A kernel runs to where it may be saved, and two clones go on from there.
 */
#include <stdio.h>

#include <mote/bare.h>
#include <mote/snapshot.h>

static mote_error err = MOTE_ERROR_INIT;

static void print(void *user, uint32_t stream, const char *data, size_t size)
{
	printf("%s: %.*s", (const char *)user, (int)size, data);
}

/* To the next place where it may be saved, or to its end. */
static mote_status run(mote_sandbox *box, const char *name)
{
	mote_run_result result = MOTE_RUN_RESULT_INIT;
	mote_status status = mote_run(box, &result, &err);

	if (status == MOTE_OK && result.end == MOTE_RUN_SNAPSHOT)
		printf("%s may be saved\n", name);
	else if (status == MOTE_OK && result.end == MOTE_RUN_EXITED)
		printf("%s has ended with %u\n", name, result.status);
	return status;
}

static mote_status run_clone(mote_snapshot *snapshot, const char *name)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_sandbox *clone = NULL;
	mote_status status;

	options.output = print;
	options.output_user = (void *)name;
	status = mote_sandbox_from_snapshot(snapshot, &options, &clone, &err);
	if (status == MOTE_OK)
		status = run(clone, name);
	mote_sandbox_free(clone);
	return status;
}

int main(void)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_snapshot *snapshot = NULL;
	mote_status status;

	options.output = print;
	options.output_user = (void *)"kernel";
	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = mote_image_open(engine, "kernel.elf", &image, &err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, &options, &box, &err);
	if (status == MOTE_OK)
		status = run(box, "kernel");
	if (status == MOTE_OK)
		status = mote_snapshot_take(box, &snapshot, &err);
	if (status == MOTE_OK)
		status = run_clone(snapshot, "first clone");
	if (status == MOTE_OK)
		status = run_clone(snapshot, "second clone");
	if (status != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	mote_snapshot_unref(snapshot);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status != MOTE_OK;
}
