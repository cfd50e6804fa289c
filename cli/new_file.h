/*
 * A file that a run writes at its end: made while files can be opened.
 */
#ifndef CLI_NEW_FILE_H
#define CLI_NEW_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/mote.h>

#include "failure.h"

enum cli_new_file_kind {
	CLI_FILE_REPORT, /* may be a device, as /dev/stderr */
	CLI_FILE_CORE,   /* for its owner only; is not written in order */
};

struct cli_new_file {
	const char *path; /* NULL: none is wanted; "-": standard output */
	int fd;
	bool regular;
	uint64_t device; /* of a regular file, with the next */
	uint64_t inode;
	bool written;
	int os_errno; /* why not, if the system said that */
	char error[MOTE_ERROR_TEXT_MAX]; /* why not; "" if nothing failed */
};

/*
 * Makes or opens the file of an option; does nothing if path is NULL. It must
 * not be the guest's: that is not touched.
 */
bool cli_new_file_open(struct cli_new_file *file, const char *option,
		       const char *path, enum cli_new_file_kind kind,
		       const char *guest, struct cli_failure *failure);

/* When nothing is wrong with the others either: what is in it goes. */
bool cli_new_file_empty(struct cli_new_file *file, const char *option,
			struct cli_failure *failure);
void cli_new_file_close(struct cli_new_file *file);

/* Whether two are one regular file: each would be written over the other. */
bool cli_new_file_same(const struct cli_new_file *a,
		       const struct cli_new_file *b);

/* All of it. */
void cli_new_file_write(struct cli_new_file *file, const void *data,
			size_t size);

/* It cannot be written. */
void cli_new_file_fail(struct cli_new_file *file, int os_errno);

/* Whether its name ends so. */
bool cli_new_file_is(const struct cli_new_file *file, const char *ending);

#endif
