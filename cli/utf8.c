/*
 * See utf8.h. The Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte
 * Sequences".
 */
#include "utf8.h"

/* Length by the first byte; 0 for one that starts nothing. */
static int sequence_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	if (first >= 0xf0 && first <= 0xf4)
		return 4;
	return 0;
}

/* Whether the second byte may follow the first. */
static bool second_ok(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return second >= 0x80 && second <= 0xbf;
	}
}

int cli_utf8_next(const char *data, size_t size, uint32_t *code)
{
	static const unsigned char first_mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const unsigned char *bytes = (const unsigned char *)data;
	int length = sequence_length(bytes[0]);
	uint32_t value;
	int i;

	if (length == 0)
		return 0;
	value = bytes[0] & first_mask[length];
	for (i = 1; i < length; i++) {
		if ((size_t)i >= size)
			return CLI_UTF8_MORE;
		if (i == 1 ? !second_ok(bytes[0], bytes[1])
			   : (bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3fu);
	}
	*code = value;
	return length;
}

bool cli_utf8_valid(const char *data, size_t size)
{
	uint32_t code;
	size_t done = 0;

	while (done < size) {
		int length = cli_utf8_next(data + done, size - done, &code);

		if (length <= 0)
			return false;
		done += (size_t)length;
	}
	return true;
}

bool cli_code_unsafe(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
		return true;
	/* Bidirectional marks, embeddings, overrides and isolates. */
	if (code == 0x061c || code == 0x200e || code == 0x200f)
		return true;
	if (code >= 0x2028 && code <= 0x202e)
		return true;
	if (code >= 0x2066 && code <= 0x2069)
		return true;
	return code == 0xfeff || (code >= 0xe0000 && code <= 0xe007f);
}
