/*
 * See terminal.h. NO_COLOR and TERM, and MOTE_LOG in observe.c, are all that
 * the command reads of the environment.
 */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Asked once: later the system-call filter of `mote run` forbids to ask.
 * 0 is not known yet.
 */
static signed char answers[STDERR_FILENO + 1];

bool cli_is_terminal(int fd)
{
	if (fd < 0 || fd > STDERR_FILENO)
		return false;
	if (answers[fd] == 0)
		answers[fd] = isatty(fd) == 1 ? 1 : -1;
	return answers[fd] > 0;
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
