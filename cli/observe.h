/*
 * What `mote run` shows of a run besides its output: log messages on standard
 * error, a trace and metrics in files.
 */
#ifndef CLI_OBSERVE_H
#define CLI_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include <mote/observe.h>

#include "failure.h"
#include "new_file.h"
#include "output.h"

struct cli_observe {
	struct cli_new_file trace_file;
	struct cli_new_file metrics_file;
	mote_trace *trace; /* owned */
	const char *filter;
	bool filter_given; /* by MOTE_LOG */
	bool colour;
	struct cli_output *output;
};

void cli_observe_init(struct cli_observe *observe);
void cli_observe_fini(struct cli_observe *observe);

/* After its files were opened, if they are wanted. */
bool cli_observe_open(struct cli_observe *observe, mote_engine *engine,
		      struct cli_output *output, struct cli_failure *failure);

void cli_observe_options(struct cli_observe *observe,
			 mote_sandbox_options *options);

/* The sandbox was refused: a bad filter came from MOTE_LOG. */
void cli_observe_explain(const struct cli_observe *observe,
			 struct cli_failure *failure);

/* Writes both files, also after a failure of the guest. */
void cli_observe_write(struct cli_observe *observe, mote_engine *engine);

/* A line for log messages that nobody has seen, if there were any. */
void cli_observe_count(const mote_engine *engine, const char *command);

#endif
