/*
 * Makes the golden snapshot of this version of the format:
 *
 *	make-golden LAYOUT
 *
 * Two snapshots of one program: "first", and "second" with a delta that
 * differs. Its CPU features are none, so that it loads on every machine: the
 * linker puts the function below in the place of mti_os_cpu_features.
 */
#include <stdio.h>
#include <string.h>

#include <mote/snapshot.h>

#include "golden/golden.h"
#include "os/os.h"

void __wrap_mti_os_cpu_features(uint64_t features[MTI_CPU_FEATURE_WORDS]);

void __wrap_mti_os_cpu_features(uint64_t features[MTI_CPU_FEATURE_WORDS])
{
	memset(features, 0, MTI_CPU_FEATURE_WORDS * sizeof(features[0]));
}

static mote_error err = MOTE_ERROR_INIT;

static mote_status save_state(mote_sandbox *box, const char *layout,
			      const char *tag, uint64_t number)
{
	const mote_value kept = MOTE_U64(number);
	mote_snapshot *snapshot = NULL;
	mote_value result;
	mote_status status;

	status = mote_call(box, "Keep", &kept, 1, &result, &err);
	if (status == MOTE_OK)
		status = mote_call(box, "Count", NULL, 0, &result, &err);
	if (status == MOTE_OK)
		status = mote_snapshot_take(box, &snapshot, &err);
	if (status == MOTE_OK)
		status = mote_snapshot_save(snapshot, layout, tag, NULL, NULL,
					    NULL, &err);
	mote_snapshot_unref(snapshot);
	return status;
}

static mote_status make(mote_engine *engine, const char *layout)
{
	const mote_sandbox_options options = golden_options();
	mote_sandbox *box = NULL;
	mote_image *image = NULL;
	mote_status status;

	status = mote_image_open(engine, GUEST_golden_guest, &image, &err);
	if (status == MOTE_OK)
		status = mote_sandbox_new(image, &options, &box, &err);
	if (status == MOTE_OK)
		status = save_state(box, layout, "first", GOLDEN_FIRST);
	if (status == MOTE_OK)
		status = save_state(box, layout, "second", GOLDEN_SECOND);
	mote_sandbox_free(box);
	mote_image_unref(image);
	return status;
}

int main(int argc, char **argv)
{
	mote_engine *engine = NULL;
	mote_status status;

	if (argc != 2) {
		fprintf(stderr, "usage: %s LAYOUT\n", argv[0]);
		return 2;
	}
	status = mote_engine_new(NULL, &engine, &err);
	if (status == MOTE_OK)
		status = make(engine, argv[1]);
	mote_engine_unref(engine);
	if (status == MOTE_OK)
		return 0;
	fprintf(stderr, "%s: %s\n", mote_status_name(status), err.text);
	return 1;
}
