/*
 * The packets of the gdb remote protocol (GDB manual, "Remote Protocol,
 * Overview"): $payload#checksum, one byte at a time from a client that is
 * not trusted. Pure: no OS, no allocation, every length bounded.
 */
#ifndef MTI_DEBUG_GDB_PACKET_H
#define MTI_DEBUG_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest payload, either way; gdb is told so. */
#define MTI_GDB_PACKET_MAX 16384u
/* Room for any frame: '$', each byte escaped, '#', two digits. */
#define MTI_GDB_FRAME_MAX (2 * MTI_GDB_PACKET_MAX + 4)

enum mti_gdb_event {
	MTI_GDB_NOTHING,
	MTI_GDB_PACKET,    /* data and size of the parser */
	MTI_GDB_DAMAGED,   /* a packet whose checksum is wrong */
	MTI_GDB_TOO_LONG,  /* a packet that does not fit */
	MTI_GDB_ACK,       /* '+' */
	MTI_GDB_NACK,      /* '-' */
	MTI_GDB_INTERRUPT, /* Ctrl-C, outside of packets */
};

enum mti_gdb_parser_state {
	MTI_GDB_OUTSIDE,
	MTI_GDB_INSIDE,
	MTI_GDB_SUM_HIGH,
	MTI_GDB_SUM_LOW,
};

/* All zero is the start. */
struct mti_gdb_parser {
	enum mti_gdb_parser_state state;
	bool escaped;
	bool too_long;
	uint8_t sum;
	int sum_high; /* its first digit, -1 if it is none */
	size_t size;
	/* Escapes undone, a NUL behind. */
	char data[MTI_GDB_PACKET_MAX + 1];
};

enum mti_gdb_event mti_gdb_parse(struct mti_gdb_parser *parser, uint8_t byte);

/*
 * Makes a frame of a payload; bytes that mean something are escaped, also
 * '*', which would be a run length. Its size; 0 if it does not fit.
 */
size_t mti_gdb_frame(const void *payload, size_t size, void *frame,
		     size_t capacity);

/* What is left of a payload that is being read. */
struct mti_gdb_text {
	const char *at;
	const char *end;
};

/* 0 to 15, or -1. */
int mti_gdb_hex_digit(char digit);
/* Takes 1 to 16 hex digits. false, nothing taken: there are none or more. */
bool mti_gdb_take_number(struct mti_gdb_text *text, uint64_t *number);
/* Takes one character if it is this one. */
bool mti_gdb_take(struct mti_gdb_text *text, char character);
/* Takes a word if the text starts with it. */
bool mti_gdb_take_word(struct mti_gdb_text *text, const char *word);
/* Takes size bytes as hex pairs; false if there are fewer or no digits. */
bool mti_gdb_take_bytes(struct mti_gdb_text *text, void *bytes, size_t size);

static inline size_t mti_gdb_left(const struct mti_gdb_text *text)
{
	return (size_t)(text->end - text->at);
}

/* A reply that grows. What does not fit is dropped and noted. */
struct mti_gdb_reply {
	size_t size;
	bool overflow;
	char data[MTI_GDB_PACKET_MAX];
};

void mti_gdb_add(struct mti_gdb_reply *reply, const void *data, size_t size);
void mti_gdb_add_text(struct mti_gdb_reply *reply, const char *text);
/* As hex pairs, in memory order. */
void mti_gdb_add_hex(struct mti_gdb_reply *reply, const void *data,
		     size_t size);
/* Hex digits without leading zeros. */
void mti_gdb_add_number(struct mti_gdb_reply *reply, uint64_t number);

#endif
