/*
 * "s(si)": the type of a function. Pure.
 */
#ifndef MTI_BASE_SIGNATURE_H
#define MTI_BASE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mote/value.h>

struct mti_signature {
	uint8_t result; /* mote_type */
	uint8_t count;
	uint8_t params[MOTE_ARGUMENTS_MAX]; /* mote_type, never void */
};

#define MTI_SIGNATURE_PROBLEM_MAX 256

/*
 * Reads text up to a NUL, at most capacity bytes. Returns NULL and fills
 * *out, or problem, which then says what is wrong with it.
 */
const char *mti_signature_parse(const char *text, size_t capacity,
				struct mti_signature *out,
				char problem[MTI_SIGNATURE_PROBLEM_MAX]);

bool mti_signature_equal(const struct mti_signature *a,
			 const struct mti_signature *b);

/*
 * Whether text is a function name: 1 to MOTE_NAME_MAX bytes, [A-Za-z_] then
 * [A-Za-z0-9_.], NUL-terminated within capacity. NULL or what is wrong.
 */
const char *mti_name_check(const char *text, size_t capacity);

#endif
