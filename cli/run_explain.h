/*
 * What the library says of a run in words of its own, in those of the command
 * line, and what to type instead. Each does nothing if it knows no more.
 */
#ifndef CLI_RUN_EXPLAIN_H
#define CLI_RUN_EXPLAIN_H

#include "run.h"

/* The file of the guest cannot be read. */
void cli_run_explain_guest(struct cli_run *run);

/* The snapshot cannot be loaded, perhaps with this backend. */
void cli_run_explain_load(struct cli_run *run);

/* The sandbox cannot be made. */
void cli_run_explain_sandbox(struct cli_run *run, mote_status status);

#endif
