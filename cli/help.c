/*
 * Help texts go to standard output: they were asked for.
 */
#include <stdio.h>

#include "cmd.h"
#include "exit.h"

int cli_print_help(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
		perror("mote");
		return CLI_EXIT_HOST;
	}
	return CLI_EXIT_DONE;
}
