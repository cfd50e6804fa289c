/*
 * See terminal.h. NO_COLOR and TERM are all that the command reads of the
 * environment.
 */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool cli_is_terminal(int fd)
{
	return isatty(fd) == 1;
}

bool cli_wants_colour(int fd)
{
	const char *refused = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (refused && *refused)
		return false;
	if (!term || !*term || strcmp(term, "dumb") == 0)
		return false;
	return cli_is_terminal(fd);
}
