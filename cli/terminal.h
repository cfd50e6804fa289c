/*
 * Where a descriptor leads to, and what may be sent there.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

bool cli_is_terminal(int fd);

/* A terminal that knows colours, and NO_COLOR is not set. */
bool cli_wants_colour(int fd);

#define CLI_RED "\033[1;31m"
#define CLI_GREEN "\033[32m"
#define CLI_YELLOW "\033[33m"
#define CLI_BOLD "\033[1m"
#define CLI_PLAIN "\033[0m"

#endif
