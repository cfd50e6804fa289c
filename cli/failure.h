/*
 * Why the command ends with another status than 0: filled once, where the
 * cause is known, and shown once at the end, as text or as JSON.
 */
#ifndef CLI_FAILURE_H
#define CLI_FAILURE_H

#include <stdbool.h>

#include <mote/mote.h>

#include "exit.h"

#define CLI_HINT_MAX 8192

struct cli_failure {
	enum cli_exit exit; /* CLI_EXIT_DONE: no failure */
	mote_error error;
	/* What to do about it, in lines; "" if there is nothing to say. */
	char hint[CLI_HINT_MAX];
};

void cli_failure_init(struct cli_failure *failure);

/*
 * Records a failure found by the command itself; the first one stays.
 * Returns false, so that a step can end with `return cli_fail(...)`.
 */
bool cli_fail(struct cli_failure *failure, enum cli_exit exit, mote_status code,
	      const char *format, ...) MOTE_PRINTF(4, 5);

/*
 * Accepts what a library function has put into failure->error. The exit
 * status follows from the code.
 */
bool cli_fail_library(struct cli_failure *failure);

/* Adds a line to the hint. */
void cli_hint(struct cli_failure *failure, const char *format, ...)
	MOTE_PRINTF(2, 3);

/* "mote run: text", then the lines of the hint, on standard error. */
void cli_failure_print(const struct cli_failure *failure, const char *command);

/*
 * The exit status of a command that has shown all it has to show: that of
 * failure, unless standard output could not be written. error: what writing
 * to it has come to so far, 0 or errno.
 */
int cli_end(const struct cli_failure *failure, const char *command, int error);

#endif
