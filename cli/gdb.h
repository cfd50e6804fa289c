/*
 * Where gdb may connect to the guest of `mote debug` and `mote run --gdb`.
 */
#ifndef CLI_GDB_H
#define CLI_GDB_H

#include <stdbool.h>

#include "failure.h"

struct cli_gdb {
	char folder[32];   /* made for a socket, "" if there is none */
	char address[128]; /* mote_sandbox_options.gdb */
};

/*
 * wanted: an address, or NULL for a socket in a new folder that only this
 * user may enter. It goes with cli_gdb_close, and if a signal ends the
 * process.
 */
bool cli_gdb_open(struct cli_gdb *gdb, const char *wanted,
		  struct cli_failure *failure);
void cli_gdb_close(struct cli_gdb *gdb);

/* The library has made the socket: a signal removes it from now on. */
void cli_gdb_listens(const char *address);

/*
 * Prints on standard error what to type to come there. foreign: the guest is
 * not for this machine's CPU, so that this machine's gdb is not for the guest.
 * guest: its file, or NULL.
 */
void cli_gdb_hint(const char *address, bool foreign, const char *guest,
		  const char *command);

#endif
