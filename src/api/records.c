#include "api/records.h"

#include <stdint.h>
#include <string.h>

#include <mote/version.h>

#include "base/error.h"

/* No struct of ours will ever be larger. */
#define RECORD_MAX 4096u

static mote_status read_size(const void *theirs, uint32_t *size,
			     const char *what, mote_error *err)
{
	memcpy(size, theirs, sizeof(*size));
	if (*size < sizeof(*size) || *size > RECORD_MAX)
		return mti_error_set(err, MOTE_E_INVALID, "check arguments",
				     "%s: struct_size is %u; use its _INIT "
				     "macro",
				     what, *size);
	return MOTE_OK;
}

mote_status mti_record_read(void *ours, size_t size, const void *theirs,
			    const char *what, mote_error *err)
{
	const unsigned char *bytes = theirs;
	uint32_t given;
	mote_status status = read_size(theirs, &given, what, err);
	size_t i;

	if (status != MOTE_OK)
		return status;
	for (i = size; i < given; i++)
		if (bytes[i] != 0)
			return mti_error_set(err, MOTE_E_VERSION,
					     "check arguments",
					     "%s: byte %zu is set, but this "
					     "library (%s) knows %zu bytes",
					     what, i, mote_version_string(),
					     size);
	memset(ours, 0, size);
	memcpy(ours, theirs, given < size ? given : size);
	return MOTE_OK;
}

mote_status mti_record_write(void *theirs, const void *ours, size_t size,
			     const char *what, mote_error *err)
{
	uint32_t given;
	mote_status status = read_size(theirs, &given, what, err);

	if (status != MOTE_OK)
		return status;
	memset(theirs, 0, given);
	memcpy(theirs, ours, given < size ? given : size);
	memcpy(theirs, &given, sizeof(given));
	return MOTE_OK;
}
