/*
 * Filling the caller's error record. Context is added once, where it is
 * known; callers above pass the status on. All functions accept err == NULL
 * and return the status, so that `return mti_error_set(...)` reads well.
 */
#ifndef MTI_BASE_ERROR_H
#define MTI_BASE_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>

/* Clears err but for struct_size, then sets code, operation and text. */
mote_status mti_error_set(mote_error *err, mote_status status,
			  const char *operation, const char *format, ...)
	MOTE_PRINTF(4, 5);

/* The same for MOTE_E_OS or another host failure: adds errno and its text. */
mote_status mti_error_os(mote_error *err, mote_status status,
			 const char *operation, int os_errno,
			 const char *format, ...) MOTE_PRINTF(5, 6);

/*
 * Set one member of what a function above has filled, as far as the caller's
 * record has it.
 */
void mti_error_put_errno(mote_error *err, int32_t os_errno);
void mti_error_put_guest_code(mote_error *err, int32_t guest_code);
void mti_error_put_fault(mote_error *err, const mote_fault *fault);

/* All of it: from is a whole record. */
void mti_error_copy(mote_error *err, const mote_error *from);

/* Puts more context before the text that is there. */
void mti_error_prefix(mote_error *err, const char *format, ...)
	MOTE_PRINTF(2, 3);

/*
 * What the text of an error that a guest sent becomes: size bytes are
 * copied, control characters replaced by '?', cut to fit.
 */
mote_status mti_error_guest(mote_error *err, mote_status status, int32_t code,
			    const char *text, size_t size);

#define MTI_ERROR_TIME_MAX 32

/* A duration for such a text, "20 ms" or "1500 ns"; returns text. */
const char *mti_error_time(uint64_t ns, char text[MTI_ERROR_TIME_MAX]);

#endif
