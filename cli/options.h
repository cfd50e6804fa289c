/*
 * getopt_long with messages that say what to do.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <getopt.h>

#include "failure.h"

/*
 * The next option's value, -1 at the end, or '?' after filling failure.
 * Only options before the first other argument are options.
 */
int cli_next_option(int argc, char **argv, const char *shorts,
		    const struct option *longs, struct cli_failure *failure);

/* "--timeout: '5x' is not ..."; failure is a wrong use. */
void cli_bad_option(struct cli_failure *failure, const char *option,
		    const char *value, const char *why);

#endif
