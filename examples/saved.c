/*
 * A state that outlives the program: it is made once, and every later start
 * goes on from its file.
 */
#include <stdio.h>

#include <mote/snapshot.h>

#define FOLDER "saved.layout"

static mote_error err = MOTE_ERROR_INIT;

/* What takes long; here, to count to 5. */
static mote_status make(mote_engine *engine, mote_snapshot **snapshot)
{
	mote_image *image = NULL;
	mote_sandbox *box = NULL;
	mote_status status;

	status = mote_image_open(engine, "calculator.elf", &image, &err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, NULL, &box, &err);
	for (int i = 0; i < 5 && status == MOTE_OK; i++)
		status = mote_call(box, "Count", NULL, 0, NULL, &err);
	if (status == MOTE_OK)
		status = mote_snapshot_take(box, snapshot, &err);
	if (status == MOTE_OK)
		status = mote_snapshot_save(*snapshot, FOLDER, "warm", NULL,
					    NULL, NULL, &err);
	mote_sandbox_free(box);
	mote_image_unref(image);
	return status;
}

static mote_status start(mote_engine *engine)
{
	mote_snapshot *snapshot = NULL;
	mote_sandbox *box = NULL;
	const char *how = "loaded";
	mote_value result;
	mote_status status;

	/* The program is in there too, so the ELF file is not needed. */
	status = mote_snapshot_load(engine, FOLDER, "warm", MOTE_LOAD_VERIFY,
				    &snapshot, &err);
	if (status != MOTE_OK) {
		how = "made";
		status = make(engine, &snapshot);
	}
	if (status == MOTE_OK)
		status = mote_sandbox_from_snapshot(snapshot, NULL, &box, &err);
	if (status == MOTE_OK)
		status = mote_call(box, "Count", NULL, 0, &result, &err);
	if (status == MOTE_OK)
		printf("%s: %llu\n", how, (unsigned long long)result.as.u64);
	mote_sandbox_free(box);
	mote_snapshot_unref(snapshot);
	return status;
}

int main(void)
{
	mote_engine *engine = NULL;
	mote_status status;

	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = start(engine);
	if (status == MOTE_OK)
		status = start(engine);
	if (status == MOTE_OK)
		status = mote_snapshot_remove(FOLDER, "warm", &err);
	if (status != MOTE_OK)
		fprintf(stderr, "%s\n", err.text);
	mote_engine_unref(engine);
	return status == MOTE_OK ? 0 : 1;
}
