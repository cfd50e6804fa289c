/*
 * Where a descriptor leads to, and what may be sent there.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

/* fd is 0, 1 or 2. cli_output_init() asks about 1 and 2 in time. */
bool cli_is_terminal(int fd);

/* A terminal that knows colours, and NO_COLOR is not set. */
bool cli_wants_colour(int fd);

#define CLI_RED "\033[1;31m"
#define CLI_GREEN "\033[32m"
#define CLI_YELLOW "\033[33m"
#define CLI_BOLD "\033[1m"
#define CLI_PLAIN "\033[0m"

#endif
