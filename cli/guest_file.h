/*
 * Getting hold of a guest program.
 */
#ifndef CLI_GUEST_FILE_H
#define CLI_GUEST_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <mote/mote.h>

#include "failure.h"

/* Reads the file into a block that the caller frees. */
bool cli_guest_read(const char *path, void **data, size_t *size,
		    struct cli_failure *failure);

/* Parses what was read; messages start with the path. */
bool cli_guest_parse(mote_engine *engine, const char *path, const void *data,
		     size_t size, mote_image **image,
		     struct cli_failure *failure);

#endif
