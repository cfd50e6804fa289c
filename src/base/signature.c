#include "base/signature.h"

#include <string.h>

static int type_of_letter(char letter)
{
#define CASE(name, number, sign, text) \
	case sign:                     \
		return number;
	switch (letter) {
		MOTE_TYPE_MAP(CASE)
	}
#undef CASE
	return -1;
}

const char *mti_signature_parse(const char *text, size_t capacity,
				struct mti_signature *out)
{
	struct mti_signature parsed = { 0 };
	size_t length = strnlen(text, capacity);
	size_t i;
	int type;

	if (length == capacity)
		return "it is not NUL-terminated";
	if (length < 3 || text[1] != '(' || text[length - 1] != ')')
		return "it is not RESULT(PARAMETERS)";
	type = type_of_letter(text[0]);
	if (type < 0)
		return "its result type is unknown";
	parsed.result = (uint8_t)type;
	if (length - 3 > MOTE_ARGUMENTS_MAX)
		return "it has more than 32 parameters";
	for (i = 2; i < length - 1; i++) {
		type = type_of_letter(text[i]);
		if (type < 0)
			return "a parameter type is unknown";
		if (type == MOTE_TYPE_VOID)
			return "a parameter is void";
		parsed.params[parsed.count++] = (uint8_t)type;
	}
	*out = parsed;
	return NULL;
}

bool mti_signature_equal(const struct mti_signature *a,
			 const struct mti_signature *b)
{
	return a->result == b->result && a->count == b->count &&
	       memcmp(a->params, b->params, a->count) == 0;
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

const char *mti_name_check(const char *text, size_t capacity)
{
	size_t length;
	size_t i;

	if (capacity > MOTE_NAME_MAX + 1)
		capacity = MOTE_NAME_MAX + 1;
	length = strnlen(text, capacity);
	if (length == capacity)
		return "it is longer than 63 bytes or not NUL-terminated";
	if (length == 0)
		return "it is empty";
	if (!is_name_start(text[0]))
		return "it does not start with a letter or _";
	for (i = 1; i < length; i++) {
		char c = text[i];

		if (!is_name_start(c) && !(c >= '0' && c <= '9') && c != '.')
			return "it has a character other than A-Z a-z 0-9 _ .";
	}
	return NULL;
}
