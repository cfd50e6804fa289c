#include "debug/gdb/packet.h"

#include <string.h>

#define INTERRUPT 0x03
#define ESCAPE '}'
#define ESCAPE_BIT 0x20

static const char digits[] = "0123456789abcdef";

int mti_gdb_hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

static void begin(struct mti_gdb_parser *parser)
{
	parser->state = MTI_GDB_INSIDE;
	parser->escaped = false;
	parser->too_long = false;
	parser->sum = 0;
	parser->size = 0;
}

static enum mti_gdb_event outside(struct mti_gdb_parser *parser, uint8_t byte)
{
	switch (byte) {
	case '$':
		begin(parser);
		return MTI_GDB_NOTHING;
	case '+':
		return MTI_GDB_ACK;
	case '-':
		return MTI_GDB_NACK;
	case INTERRUPT:
		return MTI_GDB_INTERRUPT;
	default:
		return MTI_GDB_NOTHING;
	}
}

static void inside(struct mti_gdb_parser *parser, uint8_t byte)
{
	if (byte == '$') {
		/* Never in a payload: the end of the last one was lost. */
		begin(parser);
		return;
	}
	if (byte == '#') {
		parser->state = MTI_GDB_SUM_HIGH;
		return;
	}
	parser->sum = (uint8_t)(parser->sum + byte);
	if (byte == ESCAPE && !parser->escaped) {
		parser->escaped = true;
		return;
	}
	if (parser->escaped)
		byte ^= ESCAPE_BIT;
	parser->escaped = false;
	if (parser->size == MTI_GDB_PACKET_MAX)
		parser->too_long = true;
	else
		parser->data[parser->size++] = (char)byte;
}

static enum mti_gdb_event finish(struct mti_gdb_parser *parser, uint8_t byte)
{
	int low = mti_gdb_hex_digit((char)byte);

	parser->state = MTI_GDB_OUTSIDE;
	parser->data[parser->size] = '\0';
	if (parser->sum_high < 0 || low < 0 || parser->escaped ||
	    parser->sum_high * 16 + low != parser->sum)
		return MTI_GDB_DAMAGED;
	return parser->too_long ? MTI_GDB_TOO_LONG : MTI_GDB_PACKET;
}

enum mti_gdb_event mti_gdb_parse(struct mti_gdb_parser *parser, uint8_t byte)
{
	switch (parser->state) {
	case MTI_GDB_INSIDE:
		inside(parser, byte);
		return MTI_GDB_NOTHING;
	case MTI_GDB_SUM_HIGH:
		parser->sum_high = mti_gdb_hex_digit((char)byte);
		parser->state = MTI_GDB_SUM_LOW;
		return MTI_GDB_NOTHING;
	case MTI_GDB_SUM_LOW:
		return finish(parser, byte);
	case MTI_GDB_OUTSIDE:
	default:
		return outside(parser, byte);
	}
}

static bool needs_escape(uint8_t byte)
{
	return byte == '$' || byte == '#' || byte == ESCAPE || byte == '*';
}

size_t mti_gdb_frame(const void *payload, size_t size, void *frame,
		     size_t capacity)
{
	const uint8_t *bytes = payload;
	uint8_t *out = frame;
	uint8_t sum = 0;
	size_t used = 1;
	size_t i;

	/* '$', '#', two digits, and two for the byte that comes next. */
	if (capacity < 4)
		return 0;
	for (i = 0; i < size; i++) {
		uint8_t byte = bytes[i];

		if (capacity - used < 5)
			return 0;
		if (needs_escape(byte)) {
			out[used++] = ESCAPE;
			sum = (uint8_t)(sum + ESCAPE);
			byte ^= ESCAPE_BIT;
		}
		out[used++] = byte;
		sum = (uint8_t)(sum + byte);
	}
	if (capacity - used < 3)
		return 0;
	out[0] = '$';
	out[used++] = '#';
	out[used++] = (uint8_t)digits[sum >> 4];
	out[used++] = (uint8_t)digits[sum & 15];
	return used;
}

bool mti_gdb_take_number(struct mti_gdb_text *text, uint64_t *number)
{
	const char *at = text->at;
	uint64_t value = 0;

	while (at < text->end && mti_gdb_hex_digit(*at) >= 0) {
		if (at - text->at == 16)
			return false;
		value = value << 4 | (uint64_t)mti_gdb_hex_digit(*at++);
	}
	if (at == text->at)
		return false;
	text->at = at;
	*number = value;
	return true;
}

bool mti_gdb_take(struct mti_gdb_text *text, char character)
{
	if (text->at == text->end || *text->at != character)
		return false;
	text->at++;
	return true;
}

bool mti_gdb_take_word(struct mti_gdb_text *text, const char *word)
{
	size_t length = strlen(word);

	if (mti_gdb_left(text) < length ||
	    memcmp(text->at, word, length) != 0)
		return false;
	text->at += length;
	return true;
}

bool mti_gdb_take_bytes(struct mti_gdb_text *text, void *bytes, size_t size)
{
	uint8_t *out = bytes;
	size_t i;

	if (mti_gdb_left(text) / 2 < size)
		return false;
	for (i = 0; i < size; i++) {
		int high = mti_gdb_hex_digit(text->at[2 * i]);
		int low = mti_gdb_hex_digit(text->at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	text->at += 2 * size;
	return true;
}

void mti_gdb_add(struct mti_gdb_reply *reply, const void *data, size_t size)
{
	if (size > sizeof(reply->data) - reply->size) {
		reply->overflow = true;
		return;
	}
	memcpy(reply->data + reply->size, data, size);
	reply->size += size;
}

void mti_gdb_add_text(struct mti_gdb_reply *reply, const char *text)
{
	mti_gdb_add(reply, text, strlen(text));
}

void mti_gdb_add_hex(struct mti_gdb_reply *reply, const void *data,
		     size_t size)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < size; i++) {
		const char pair[2] = { digits[bytes[i] >> 4],
				       digits[bytes[i] & 15] };

		mti_gdb_add(reply, pair, sizeof(pair));
	}
}

void mti_gdb_add_number(struct mti_gdb_reply *reply, uint64_t number)
{
	char text[16];
	size_t at = sizeof(text);

	do {
		text[--at] = digits[number & 15];
		number >>= 4;
	} while (number != 0);
	mti_gdb_add(reply, text + at, sizeof(text) - at);
}
