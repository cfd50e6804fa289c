/*
 * Packets of the gdb remote protocol: framing, checksums, escapes, lengths,
 * and the small words that payloads are made of.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/unit.h"

#include "debug/gdb/packet.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Events of a run of bytes, a letter each; what is NOTHING is left out. */
static void events_of(struct mti_gdb_parser *parser, const char *bytes,
		      size_t size, char *out)
{
	static const char letters[] = ".PDL+-^";
	size_t used = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		enum mti_gdb_event event =
			mti_gdb_parse(parser, (uint8_t)bytes[i]);

		if (event != MTI_GDB_NOTHING)
			out[used++] = letters[event];
	}
	out[used] = '\0';
}

struct parse_case {
	const char *bytes;
	const char *events;
	const char *payload; /* of the last packet */
};

static const struct parse_case parse_cases[] = {
	{ "", "", "" },
	{ "$#00", "P", "" },
	{ "$g#67", "P", "g" },
	{ "$OK#9a", "P", "OK" },
	{ "$OK#9A", "P", "OK" },
	{ "+$g#67-", "+P-", "g" },
	{ "$g#67$?#3f", "PP", "?" },
	/* wrong sums */
	{ "$g#68", "D", "g" },
	{ "$g#6x", "D", "g" },
	{ "$g#x7", "D", "g" },
	{ "$g###$?#3f", "DP", "?" },
	/* between packets: noise, and Ctrl-C, which inside is a byte */
	{ "noise#$g#67", "P", "g" },
	{ "\x03$g#67\x03", "^P^", "g" },
	{ "$\x03#03", "P", "\x03" },
	/* a new packet begins before the last has ended */
	{ "$abc$g#67", "P", "g" },
	{ "$g#6$g#67", "D", "g" },
	/* escapes: } ] is }, } ETX is # */
	{ "$}]#da", "P", "}" },
	{ "$}\x03#80", "P", "#" },
	{ "$a}\n*#12", "P", "a**" },
	{ "$a}#de", "D", "a" },
};

static void test_parse(void **state)
{
	struct mti_gdb_parser parser;
	char events[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(parse_cases); i++) {
		const struct parse_case *test = &parse_cases[i];

		memset(&parser, 0, sizeof(parser));
		events_of(&parser, test->bytes, strlen(test->bytes), events);
		if (strcmp(events, test->events) != 0 ||
		    strcmp(parser.data, test->payload) != 0)
			fail_msg("%s: %s, payload \"%s\"", test->bytes, events,
				 parser.data);
	}
}

/* Any length, past the end too, is one event and the parser goes on. */
static void test_long(void **state)
{
	static const size_t sizes[] = { MTI_GDB_PACKET_MAX - 1,
					MTI_GDB_PACKET_MAX,
					MTI_GDB_PACKET_MAX + 1,
					5 * MTI_GDB_PACKET_MAX };
	struct mti_gdb_parser parser = { 0 };
	char end[8];
	char events[8];
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < COUNT(sizes); i++) {
		assert_int_equal(mti_gdb_parse(&parser, '$'), MTI_GDB_NOTHING);
		for (j = 0; j < sizes[i]; j++)
			assert_int_equal(mti_gdb_parse(&parser, 'x'),
					 MTI_GDB_NOTHING);
		snprintf(end, sizeof(end), "#%02x",
			 (unsigned int)(sizes[i] * 'x' & 0xff));
		events_of(&parser, end, 3, events);
		assert_string_equal(events, sizes[i] > MTI_GDB_PACKET_MAX
						    ? "L" : "P");
		if (sizes[i] <= MTI_GDB_PACKET_MAX)
			assert_int_equal(parser.size, sizes[i]);
	}
	events_of(&parser, "$g#67", 5, events);
	assert_string_equal(events, "P");
}

/* Every byte value survives, and no frame is larger than promised. */
static void test_frame(void **state)
{
	static uint8_t payload[MTI_GDB_PACKET_MAX];
	static uint8_t frame[MTI_GDB_FRAME_MAX];
	static struct mti_gdb_parser parser;
	size_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)i;
	size = mti_gdb_frame(payload, sizeof(payload), frame, sizeof(frame));
	assert_int_equal(size, sizeof(payload) + 4 + 4 * sizeof(payload) / 256);
	for (i = 0; i + 1 < size; i++)
		assert_int_equal(mti_gdb_parse(&parser, frame[i]),
				 MTI_GDB_NOTHING);
	assert_int_equal(mti_gdb_parse(&parser, frame[i]), MTI_GDB_PACKET);
	assert_int_equal(parser.size, sizeof(payload));
	assert_memory_equal(parser.data, payload, sizeof(payload));
	/* A run length would be read into a bare '*'. */
	assert_null(memchr(frame, '*', size));
	memset(payload, '#', sizeof(payload));
	assert_int_equal(mti_gdb_frame(payload, sizeof(payload), frame,
				       sizeof(frame)),
			 sizeof(frame));
}

/* One byte of room less, and nothing is written past it. */
static void test_frame_room(void **state)
{
	uint8_t frame[32];
	size_t room;

	(void)state;
	for (room = 0; room < sizeof(frame); room++) {
		size_t size;
		size_t i;

		memset(frame, 0x5a, sizeof(frame));
		size = mti_gdb_frame("a#$b", 4, frame, room);
		assert_true(size == 0 || size == 10);
		assert_true(size <= room);
		if (room >= 11)
			assert_int_equal(size, 10);
		for (i = room; i < sizeof(frame); i++)
			assert_int_equal(frame[i], 0x5a);
	}
}

static struct mti_gdb_text text_of(const char *string)
{
	return (struct mti_gdb_text){ string, string + strlen(string) };
}

static void test_number(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t number;
		const char *rest;
	} cases[] = {
		{ "0", true, 0, "" },
		{ "1f,", true, 0x1f, "," },
		{ "fFfF", true, 0xffff, "" },
		{ "ffffffffffffffff", true, UINT64_MAX, "" },
		{ "0000000000000001x", true, 1, "x" },
		{ "10000000000000000", false, 0, "10000000000000000" },
		{ "", false, 0, "" },
		{ "x", false, 0, "x" },
		{ "-1", false, 0, "-1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct mti_gdb_text text = text_of(cases[i].text);
		uint64_t number = 0;

		assert_int_equal(mti_gdb_take_number(&text, &number),
				 cases[i].good);
		assert_int_equal(number, cases[i].number);
		assert_string_equal(text.at, cases[i].rest);
	}
}

static void test_bytes(void **state)
{
	struct mti_gdb_text text = text_of("00ffA1x");
	uint8_t bytes[8] = { 0 };

	(void)state;
	assert_true(mti_gdb_take_bytes(&text, bytes, 3));
	assert_memory_equal(bytes, "\x00\xff\xa1", 3);
	assert_string_equal(text.at, "x");
	text = text_of("0g");
	assert_false(mti_gdb_take_bytes(&text, bytes, 1));
	text = text_of("123");
	assert_false(mti_gdb_take_bytes(&text, bytes, 2));
	assert_false(mti_gdb_take_bytes(&text, bytes, SIZE_MAX));
	assert_string_equal(text.at, "123");
}

static void test_reply(void **state)
{
	static struct mti_gdb_reply reply;
	size_t i;

	(void)state;
	mti_gdb_add_text(&reply, "T");
	mti_gdb_add_hex(&reply, "\x05\xab", 2);
	mti_gdb_add_number(&reply, 0);
	mti_gdb_add_number(&reply, UINT64_MAX);
	assert_int_equal(reply.size, 22);
	assert_memory_equal(reply.data, "T05ab0ffffffffffffffff", 22);
	for (i = reply.size; i < MTI_GDB_PACKET_MAX; i++)
		mti_gdb_add_text(&reply, "x");
	assert_false(reply.overflow);
	mti_gdb_add_text(&reply, "x");
	assert_true(reply.overflow);
	assert_int_equal(reply.size, MTI_GDB_PACKET_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_frame_room),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
