/*
 * The files that a run leaves behind: core, profiles, trace, metrics.
 */
#ifndef CLI_RUN_FILES_H
#define CLI_RUN_FILES_H

#include <stdbool.h>

#include "json.h"
#include "run.h"

/* Makes them, while files can be opened. */
bool cli_run_open_files(struct cli_run *run);

/* After a failure of the guest. */
void cli_run_write_core(struct cli_run *run);

/* All others, however the guest has ended. */
void cli_run_write_files(struct cli_run *run);

/*
 * If nothing else failed, that one of them could not be written is the failure
 * of the run.
 */
void cli_run_judge_files(struct cli_run *run);

/* A line for each that was written, or was not and is no failure. */
void cli_run_print_files(struct cli_run *run);
void cli_run_json_files(struct cli_run *run, json_t *object);

#endif
