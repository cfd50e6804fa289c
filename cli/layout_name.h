/*
 * DIR:TAG, the name of a snapshot in an OCI image layout.
 */
#ifndef CLI_LAYOUT_NAME_H
#define CLI_LAYOUT_NAME_H

#include <stdbool.h>

#include <mote/snapshot.h>

#include "failure.h"

#define CLI_DIRECTORY_MAX 4096

struct cli_layout_name {
	char directory[CLI_DIRECTORY_MAX];
	/* A tag or a digest; "" if there was none. */
	char reference[MOTE_DIGEST_BYTES + 128];
};

/*
 * Splits at the last colon, or before "sha256:". What stands before it may
 * hold colons, what is after it no slash. wants_tag: without one it is a
 * wrong use.
 */
bool cli_layout_name_read(const char *text, bool wants_tag,
			  struct cli_layout_name *name,
			  struct cli_failure *failure);

/*
 * Accepts what a library function on a layout has put into failure->error:
 * what the system has against the path is a bad file.
 */
bool cli_fail_layout(struct cli_failure *failure);

/* The same when one was written: a full disk is no bad file. */
bool cli_fail_layout_write(struct cli_failure *failure);

/* Whether text names a layout or a snapshot in one, and not a guest. */
bool cli_is_layout(const char *text);

#endif
