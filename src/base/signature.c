#include "base/signature.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* ", 'v' void, 'i' i32" and so on. */
#define LETTER(name, number, sign, text) ", " #sign " " text
static const char letters[] = MOTE_TYPE_MAP(LETTER);
#undef LETTER

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

static const char *say(char problem[MTI_SIGNATURE_PROBLEM_MAX],
		       const char *format, ...) MOTE_PRINTF(2, 3);

static const char *say(char problem[MTI_SIGNATURE_PROBLEM_MAX],
		       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, MTI_SIGNATURE_PROBLEM_MAX, format, args);
	va_end(args);
	return problem;
}

/* where is 0 for the result, else the number of the parameter. */
static const char *unknown(char problem[MTI_SIGNATURE_PROBLEM_MAX],
			   size_t where, char letter)
{
	char place[32] = "the result";
	char shown[8];

	if (where > 0)
		snprintf(place, sizeof(place), "parameter %zu", where);
	/* Guests write signatures, too. */
	if (letter >= ' ' && letter <= '~')
		snprintf(shown, sizeof(shown), "'%c'", letter);
	else
		snprintf(shown, sizeof(shown), "0x%02x",
			 (unsigned char)letter);
	return say(problem, "%s is %s, which is no type; there are %s", place,
		   shown, letters + 2);
}

const char *mti_signature_parse(const char *text, size_t capacity,
				struct mti_signature *out,
				char problem[MTI_SIGNATURE_PROBLEM_MAX])
{
	struct mti_signature parsed = { 0 };
	size_t length = strnlen(text, capacity);
	size_t i;
	int type;

	if (length == capacity)
		return say(problem, "it does not end within %zu bytes",
			   capacity);
	if (length < 3 || text[1] != '(' || text[length - 1] != ')')
		return say(problem,
			   "it is not RESULT(PARAMETERS) with one letter for "
			   "each type: %s",
			   letters + 2);
	type = type_of_letter(text[0]);
	if (type < 0)
		return unknown(problem, 0, text[0]);
	parsed.result = (uint8_t)type;
	if (length - 3 > MOTE_ARGUMENTS_MAX)
		return say(problem,
			   "it has more than 32 parameters, a letter each");
	for (i = 2; i < length - 1; i++) {
		type = type_of_letter(text[i]);
		if (type < 0)
			return unknown(problem, i - 1, text[i]);
		if (type == MOTE_TYPE_VOID)
			return say(problem, "parameter %zu is void", i - 1);
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
