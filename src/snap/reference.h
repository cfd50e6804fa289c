/*
 * How a caller names a snapshot of a layout: by a tag, or by the digest of
 * its manifest. Pure.
 */
#ifndef MTI_SNAP_REFERENCE_H
#define MTI_SNAP_REFERENCE_H

#include <stdbool.h>

#include <mote/error.h>

#include "snap/digest.h"

#define MTI_TAG_MAX 128

struct mti_reference {
	bool by_digest;
	char tag[MTI_TAG_MAX + 1]; /* "" if by digest */
	struct mti_digest digest;
};

/* [A-Za-z0-9_][A-Za-z0-9._-]{0,127} */
bool mti_tag_ok(const char *tag);

/* MOTE_E_INVALID. A text with a colon is a digest: no tag has one. */
mote_status mti_reference_parse(const char *text, const char *operation,
				struct mti_reference *reference,
				mote_error *err);
/* A tag only. */
mote_status mti_reference_tag(const char *text, const char *operation,
			      struct mti_reference *reference,
			      mote_error *err);

#endif
