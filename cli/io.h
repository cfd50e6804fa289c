/*
 * Files and descriptors.
 */
#ifndef CLI_IO_H
#define CLI_IO_H

#include <stdbool.h>
#include <stddef.h>

/* Largest file that is read whole: a guest or an argument. */
#define CLI_FILE_MAX ((size_t)1 << 30)

/*
 * Reads all of a file ("-": standard input) into a block from malloc that
 * the caller frees. Returns 0 or an errno; EFBIG beyond CLI_FILE_MAX.
 * A directory is EISDIR.
 */
int cli_read_file(const char *path, void **data, size_t *size);

/* Writes all of it. Returns 0 or an errno. */
int cli_write_all(int fd, const void *data, size_t size);

/*
 * Makes sure that descriptors 0 to 2 exist, so that no file opened later
 * takes such a number and receives what the guest prints. A closed standard
 * input cannot be read and a closed standard output not written to: who uses
 * them is told. Messages to a closed standard error go nowhere.
 */
void cli_open_standard_fds(void);

#endif
