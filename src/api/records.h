/*
 * Size-versioned structs: how they are read and written.
 */
#ifndef MTI_API_RECORDS_H
#define MTI_API_RECORDS_H

#include <stddef.h>

#include <mote/error.h>

/*
 * Copies a caller's options, whose first member is its struct_size, into
 * ours of `size` bytes; what the caller's does not have becomes zero.
 * MOTE_E_VERSION if it is longer and the rest is not zero, MOTE_E_INVALID if
 * the size cannot be right.
 */
mote_status mti_record_read(void *ours, size_t size, const void *theirs,
			    const char *what, mote_error *err);

/* The other way round: fills as much as the caller's struct has. */
mote_status mti_record_write(void *theirs, const void *ours, size_t size,
			     const char *what, mote_error *err);

#endif
