/*
 * See value.h. The program never calls setlocale, so strtod and printf use
 * a point.
 */
#include "value.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct integer {
	bool negative;
	bool huge; /* does not fit 64 bits */
	uint64_t magnitude;
};

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* [-]digits or [-]0xdigits, nothing around it. */
static bool read_integer(const char *text, struct integer *out)
{
	unsigned int base = 10;

	memset(out, 0, sizeof(*out));
	if (*text == '-') {
		out->negative = true;
		text++;
	}
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	}
	if (!*text)
		return false;
	for (; *text; text++) {
		int digit = digit_value(*text);

		if (digit < 0 || digit >= (int)base)
			return false;
		if (__builtin_mul_overflow(out->magnitude, base,
					   &out->magnitude) ||
		    __builtin_add_overflow(out->magnitude, (uint64_t)digit,
					   &out->magnitude))
			out->huge = true;
	}
	return true;
}

static bool parse_signed(const char *text, int64_t low, int64_t high,
			 int64_t *value)
{
	struct integer number;

	if (!read_integer(text, &number) || number.huge)
		return false;
	if (number.negative) {
		if (number.magnitude > (uint64_t)high + 1)
			return false;
		*value = (int64_t)(UINT64_C(0) - number.magnitude);
		return *value >= low;
	}
	if (number.magnitude > (uint64_t)high)
		return false;
	*value = (int64_t)number.magnitude;
	return true;
}

static bool parse_unsigned(const char *text, uint64_t high, uint64_t *value)
{
	struct integer number;

	if (!read_integer(text, &number) || number.huge)
		return false;
	if (number.negative && number.magnitude != 0)
		return false;
	*value = number.magnitude;
	return number.magnitude <= high;
}

/*
 * strtod takes more than a number: white space before it and a payload
 * after "nan", neither of which anyone means.
 */
static bool float_shape_ok(const char *text)
{
	char first = text[0] == '-' || text[0] == '+' ? text[1] : text[0];

	if (first == '\0' || strchr(text, '('))
		return false;
	return strchr(" \t\n\v\f\r", first) == NULL;
}

static bool parse_f32(const char *text, float *value)
{
	char *end;

	if (!float_shape_ok(text))
		return false;
	*value = strtof(text, &end);
	return *end == '\0';
}

static bool parse_f64(const char *text, double *value)
{
	char *end;

	if (!float_shape_ok(text))
		return false;
	*value = strtod(text, &end);
	return *end == '\0';
}

/* "inf" is meant, "1e999" is a mistake. */
static bool overflowed(const char *text, double value)
{
	return isinf(value) && !strpbrk(text, "iI");
}

static bool parse_float(mote_type type, const char *text, mote_value *value,
			struct cli_text *why)
{
	const char *name = mote_type_name(type);
	bool ok;
	bool too_large;

	if (type == MOTE_TYPE_F32) {
		ok = parse_f32(text, &value->as.f32);
		too_large = ok && overflowed(text, (double)value->as.f32);
	} else {
		ok = parse_f64(text, &value->as.f64);
		too_large = ok && overflowed(text, value->as.f64);
	}
	if (!ok)
		cli_text_add(why, "is not an %s (1, -2.5, 1e9, nan, inf)",
			     name);
	else if (too_large)
		cli_text_add(why, "is too large for an %s", name);
	return ok && !too_large;
}

static bool parse_integer(mote_type type, const char *text, mote_value *value,
			  struct cli_text *why)
{
	int64_t number = 0;
	uint64_t natural = 0;
	bool ok = false;

	switch (type) {
	case MOTE_TYPE_I32:
		ok = parse_signed(text, INT32_MIN, INT32_MAX, &number);
		value->as.i32 = (int32_t)number;
		if (!ok)
			cli_text_add(why,
				     "is not an i32 (%" PRId32 " to %" PRId32
				     ")",
				     INT32_MIN, INT32_MAX);
		break;
	case MOTE_TYPE_I64:
		ok = parse_signed(text, INT64_MIN, INT64_MAX, &number);
		value->as.i64 = number;
		if (!ok)
			cli_text_add(why,
				     "is not an i64 (%" PRId64 " to %" PRId64
				     ")",
				     INT64_MIN, INT64_MAX);
		break;
	case MOTE_TYPE_U32:
		ok = parse_unsigned(text, UINT32_MAX, &natural);
		value->as.u32 = (uint32_t)natural;
		if (!ok)
			cli_text_add(why, "is not a u32 (0 to %" PRIu32 ")",
				     UINT32_MAX);
		break;
	default:
		ok = parse_unsigned(text, UINT64_MAX, &natural);
		value->as.u64 = natural;
		if (!ok)
			cli_text_add(why, "is not a u64 (0 to %" PRIu64 ")",
				     UINT64_MAX);
		break;
	}
	return ok;
}

static bool parse_bool(const char *text, mote_value *value,
		       struct cli_text *why)
{
	bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	bool no = strcmp(text, "false") == 0 || strcmp(text, "0") == 0;

	value->as.boolean = yes;
	if (!yes && !no)
		cli_text_add(why, "is not a bool (true, false, 1, 0)");
	return yes || no;
}

static bool parse_bytes(const char *text, mote_value *value, void **block,
			struct cli_text *why)
{
	unsigned char *data;
	size_t length;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	length = strlen(text);
	for (size_t i = 0; i < length; i++) {
		if (digit_value(text[i]) >= 0)
			continue;
		cli_text_add(why, "is not bytes: write hex digits or @FILE");
		return false;
	}
	if (length % 2) {
		cli_text_add(why, "is not bytes: %zu hex digits are not pairs",
			     length);
		return false;
	}
	data = malloc(length / 2 + 1);
	if (!data) {
		cli_text_add(why, "needs more memory than there is");
		return false;
	}
	for (size_t i = 0; i < length / 2; i++) {
		int high = digit_value(text[2 * i]);
		int low = digit_value(text[2 * i + 1]);

		data[i] = (unsigned char)(high * 16 + low);
	}
	value->as.bytes.data = data;
	value->as.bytes.size = length / 2;
	*block = data;
	return true;
}

bool cli_value_parse(mote_type type, const char *text, mote_value *value,
		     void **block, struct cli_text *why)
{
	memset(value, 0, sizeof(*value));
	value->type = (uint32_t)type;
	*block = NULL;
	switch (type) {
	case MOTE_TYPE_I32:
	case MOTE_TYPE_U32:
	case MOTE_TYPE_I64:
	case MOTE_TYPE_U64:
		return parse_integer(type, text, value, why);
	case MOTE_TYPE_F32:
	case MOTE_TYPE_F64:
		return parse_float(type, text, value, why);
	case MOTE_TYPE_BOOL:
		return parse_bool(text, value, why);
	case MOTE_TYPE_STRING:
		value->as.string.data = text;
		value->as.string.size = strlen(text);
		return true;
	case MOTE_TYPE_BYTES:
		return parse_bytes(text, value, block, why);
	case MOTE_TYPE_VOID:
		break;
	}
	if (*text == '\0')
		return true;
	cli_text_add(why, "is a value where there is none");
	return false;
}

/*
 * 9 digits identify any f32 and 17 any f64 (IEEE 754-2019, 5.12.2); most
 * need fewer.
 */
static void format_float(double value, bool is_f32, char *buffer)
{
	int most = is_f32 ? 9 : 17;

	if (isnan(value)) {
		snprintf(buffer, CLI_NUMBER_TEXT_MAX, "nan");
		return;
	}
	for (int digits = 1; digits <= most; digits++) {
		snprintf(buffer, CLI_NUMBER_TEXT_MAX, "%.*g", digits, value);
		if (is_f32 ? (double)strtof(buffer, NULL) == value
			   : strtod(buffer, NULL) == value)
			return;
	}
}

void cli_number_format(const mote_value *value, char *buffer)
{
	const size_t room = CLI_NUMBER_TEXT_MAX;

	buffer[0] = '\0';
	switch ((mote_type)value->type) {
	case MOTE_TYPE_I32:
		snprintf(buffer, room, "%" PRId32, value->as.i32);
		break;
	case MOTE_TYPE_U32:
		snprintf(buffer, room, "%" PRIu32, value->as.u32);
		break;
	case MOTE_TYPE_I64:
		snprintf(buffer, room, "%" PRId64, value->as.i64);
		break;
	case MOTE_TYPE_U64:
		snprintf(buffer, room, "%" PRIu64, value->as.u64);
		break;
	case MOTE_TYPE_F32:
		format_float((double)value->as.f32, true, buffer);
		break;
	case MOTE_TYPE_F64:
		format_float(value->as.f64, false, buffer);
		break;
	case MOTE_TYPE_BOOL:
		snprintf(buffer, room, "%s",
			 value->as.boolean ? "true" : "false");
		break;
	case MOTE_TYPE_VOID:
	case MOTE_TYPE_STRING:
	case MOTE_TYPE_BYTES:
		break;
	}
}

void cli_hex_format(const void *data, size_t size, char *buffer)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++) {
		buffer[2 * i] = digits[bytes[i] >> 4];
		buffer[2 * i + 1] = digits[bytes[i] & 15];
	}
	buffer[2 * size] = '\0';
}
