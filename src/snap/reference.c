#include "snap/reference.h"

#include <string.h>

#include "base/error.h"

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

bool mti_tag_ok(const char *tag)
{
	size_t i;

	if (!is_word(tag[0]))
		return false;
	for (i = 1; tag[i]; i++)
		if (i == MTI_TAG_MAX ||
		    !(is_word(tag[i]) || tag[i] == '.' || tag[i] == '-'))
			return false;
	return true;
}

mote_status mti_reference_tag(const char *text, const char *operation,
			      struct mti_reference *reference, mote_error *err)
{
	memset(reference, 0, sizeof(*reference));
	if (!mti_tag_ok(text))
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "\"%.140s\" is no tag: up to %d of A-Z "
				     "a-z 0-9 _ . - and not . or - first",
				     text, MTI_TAG_MAX);
	memcpy(reference->tag, text, strlen(text));
	return MOTE_OK;
}

mote_status mti_reference_parse(const char *text, const char *operation,
				struct mti_reference *reference,
				mote_error *err)
{
	if (!strchr(text, ':'))
		return mti_reference_tag(text, operation, reference, err);
	memset(reference, 0, sizeof(*reference));
	reference->by_digest = true;
	if (!mti_digest_parse(text, &reference->digest))
		return mti_error_set(err, MOTE_E_INVALID, operation,
				     "\"%.100s\" is no digest: sha256: and 64 "
				     "digits of 0-9 a-f",
				     text);
	return MOTE_OK;
}
