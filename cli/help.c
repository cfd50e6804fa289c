/*
 * Help texts go to standard output: they were asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "exit.h"

int cli_print_help(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
		fprintf(stderr, "mote: cannot write the output: %s\n",
			strerror(errno));
		return CLI_EXIT_HOST;
	}
	return CLI_EXIT_DONE;
}
