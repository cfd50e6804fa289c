/*
 * The parts of `mote run --snapshot` and `mote snapshot save` that have to do
 * with files.
 */
#include <stdio.h>
#include <string.h>

#include "layout_name.h"
#include "progress.h"
#include "run.h"
#include "run_explain.h"

bool cli_run_load(struct cli_run *run)
{
	struct cli_layout_name name;

	if (!cli_layout_name_read(run->options.snapshot, true, &name,
				  &run->failure))
		return false;
	if (mote_snapshot_load(run->engine, name.directory, name.reference, 0,
			       &run->snapshot,
			       &run->failure.error) != MOTE_OK) {
		(void)cli_fail_layout(&run->failure);
		cli_run_explain_load(run);
		return false;
	}
	run->image = mote_image_ref(mote_snapshot_image(run->snapshot));
	return true;
}

bool cli_run_check_save(struct cli_run *run)
{
	struct cli_layout_name name;

	if (!run->options.saves)
		return true;
	if (!cli_layout_name_read(run->options.save, true, &name,
				  &run->failure))
		return false;
	if (mote_snapshot_check_tag(name.reference, &run->failure.error) !=
	    MOTE_OK)
		return cli_fail_library(&run->failure);
	return true;
}

bool cli_run_save(struct cli_run *run)
{
	mote_error *error = &run->failure.error;
	mote_snapshot *snapshot = NULL;
	struct cli_progress progress;
	struct cli_layout_name name;
	mote_status status;

	if (!cli_layout_name_read(run->options.save, true, &name,
				  &run->failure))
		return false;
	status = mote_snapshot_take(run->box, &snapshot, error);
	if (status == MOTE_OK) {
		cli_progress_init(&progress, "saving");
		status = mote_snapshot_save(snapshot, name.directory,
					    name.reference, cli_progress_step,
					    &progress, run->digest, error);
		cli_progress_end(&progress);
	}
	mote_snapshot_unref(snapshot);
	if (status != MOTE_OK)
		return cli_fail_layout_write(&run->failure);
	if (!run->options.json)
		fprintf(stderr, "saved %s\n", run->digest);
	return true;
}

const char *cli_run_name(const struct cli_run *run)
{
	if (run->options.snapshot)
		return run->options.snapshot;
	return run->options.guest ? run->options.guest : "guest";
}
