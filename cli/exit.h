/*
 * The exit statuses of the command, as mote(1) documents them.
 */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

enum cli_exit {
	CLI_EXIT_DONE = 0,
	CLI_EXIT_GUEST_ERROR = 1, /* or, up to 255, main's own status */
	CLI_EXIT_USAGE = 2,
	CLI_EXIT_FAULT = 3,
	CLI_EXIT_STOPPED = 4,
	CLI_EXIT_HOST = 5, /* no hypervisor, or this machine failed */
	CLI_EXIT_FILE = 6,
	CLI_EXIT_SIGNAL = 128, /* and its number: it has ended a call */
};

#endif
