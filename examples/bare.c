/*
 * A kernel in a micro-VM. It stops where it may be saved; the machine is
 * saved whole, and later goes back in time.
 */
#include <stdio.h>

#include <mote/bare.h>
#include <mote/snapshot.h>

static mote_error err = MOTE_ERROR_INIT;

static void print(void *user, uint32_t stream, const char *data, size_t size)
{
	fwrite(data, 1, size, stdout);
}

/* Runs the kernel until it offers a snapshot, or to its end. */
static mote_status run(mote_sandbox *box)
{
	mote_run_result result = MOTE_RUN_RESULT_INIT;
	mote_status status = mote_run(box, &result, &err);

	if (status == MOTE_OK && result.end == MOTE_RUN_EXITED)
		printf("the kernel has ended with %u\n", result.status);
	return status;
}

static mote_status play(mote_sandbox *box)
{
	mote_snapshot *past = NULL;
	mote_status status = run(box);

	if (status == MOTE_OK)
		status = mote_snapshot_take(box, &past, &err);
	for (int i = 0; i < 2 && status == MOTE_OK; i++)
		status = run(box);
	if (status == MOTE_OK) {
		puts("back in time\n");
		status = mote_sandbox_restore(box, past, &err);
	}
	while (status == MOTE_OK &&
	       mote_sandbox_state(box) == MOTE_SANDBOX_READY)
		status = run(box);
	mote_snapshot_unref(past);
	return status;
}

int main(void)
{
	mote_sandbox_options options = MOTE_SANDBOX_OPTIONS_INIT;
	mote_engine *engine = NULL;
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_status status;

	options.output = print;
	options.deadline_ns = UINT64_C(10000000000);
	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = mote_image_open(engine, "life.elf", &image, &err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, &options, &box, &err);
	if (status == MOTE_OK)
		status = play(box);
	if (status != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	mote_sandbox_free(box);
	mote_image_unref(image);
	mote_engine_unref(engine);
	return status != MOTE_OK;
}
