/*
 * The file that `mote run --core` writes a core to.
 */
#ifndef CLI_CORE_FILE_H
#define CLI_CORE_FILE_H

#include <stdbool.h>

#include <mote/debug.h>

#include "failure.h"

struct cli_core_file {
	const char *path; /* NULL: none is wanted */
	int fd;
	bool written;
	char error[MOTE_ERROR_TEXT_MAX]; /* why not; "" if nothing failed */
};

/*
 * Makes the file, empty, while files can be opened. It must not be the guest.
 */
bool cli_core_file_open(struct cli_core_file *core, const char *path,
			const char *guest, struct cli_failure *failure);

/* What fails here changes nothing about how the guest ended. */
void cli_core_file_write(struct cli_core_file *core, mote_sandbox *box);

void cli_core_file_close(struct cli_core_file *core);

#endif
