/*
 * How far a long step is: a line on standard error that keeps changing, if
 * that is a terminal and the step takes a while.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
	const char *what;
	bool terminal;
	bool shown;
	uint64_t next_ns; /* not before this */
};

void cli_progress_init(struct cli_progress *progress, const char *what);

/* A mote_progress_fn; user is the struct cli_progress. Never breaks off. */
int cli_progress_step(void *user, uint64_t done, uint64_t total);

/* Takes the line away. */
void cli_progress_end(struct cli_progress *progress);

#endif
