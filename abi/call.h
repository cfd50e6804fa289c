/*
 * The wire format of calls, in both directions.
 *
 * A message is a header, `count` slots, then the data of strings and bytes.
 * Little endian, every part 8-byte aligned, offsets from the start of the
 * message. There is one encoding of a given message: the data of the slots
 * follow each other in slot order, each at the next multiple of 8, and
 * `size` ends at the multiple of 8 after the last. Padding is not read.
 */
#ifndef MOTE_ABI_CALL_H
#define MOTE_ABI_CALL_H

#include <stddef.h>
#include <stdint.h>

#define MOTE_MESSAGE_VERSION 1

enum mote_abi_message_kind {
	/* Host to guest, call area: run export `function`. */
	MOTE_MESSAGE_CALL = 1,
	/* Guest to host, out area: its result, one slot, the call's id. */
	MOTE_MESSAGE_RESULT = 2,
	/* Guest to host: it failed: `code`, one string slot with the text. */
	MOTE_MESSAGE_ERROR = 3,
	/* Guest to host, out or post area: run import `function`. */
	MOTE_MESSAGE_HOST_CALL = 4,
	/* Host to guest, reply area: as RESULT and ERROR. */
	MOTE_MESSAGE_HOST_RESULT = 5,
	MOTE_MESSAGE_HOST_ERROR = 6,
	/* Host to guest, call area: run main; the slots are argv, strings. */
	MOTE_MESSAGE_MAIN = 7,
};

struct mote_abi_message {
	uint16_t version;
	uint16_t kind;
	uint32_t size;     /* of the whole message, a multiple of 8 */
	uint64_t id;       /* of the call; a result repeats it */
	uint32_t function; /* index in the export or import table, else 0 */
	uint32_t count;    /* slots */
	int32_t code;      /* of an error, else 0 */
	uint32_t reserved; /* 0 */
};

/* The types are those of mote/value.h. */
struct mote_abi_slot {
	uint32_t type;
	uint32_t length; /* strings (without NUL) and bytes, else 0 */
	/*
	 * Numbers: the bits, zero-extended. Strings and bytes: the offset of
	 * the data. A string is followed by a NUL that length does not count,
	 * and holds no other.
	 */
	uint64_t value;
};

/*
 * The smallest answer that any call may get: an error with no text. The host
 * starts no batch whose answers would not fit the out area at this size.
 */
#define MOTE_ANSWER_BYTES                 \
	(sizeof(struct mote_abi_message) + \
	 sizeof(struct mote_abi_slot) + 8)

/*
 * The post area: records one after the other, each padded to 8 bytes.
 */
enum mote_abi_post_kind {
	MOTE_POST_STDOUT = 1,
	MOTE_POST_STDERR = 2,
	MOTE_POST_CALL = 3, /* a MOTE_MESSAGE_HOST_CALL */
	MOTE_POST_LOG = 4,  /* a struct mote_abi_log */
	MOTE_POST_TRACE = 5, /* a struct mote_abi_trace */
};

/* What the host hands on of a record; the rest is cut. */
#define MOTE_LOG_TEXT_MAX 4096
#define MOTE_LOG_NAME_MAX 255

/*
 * A log record: text, then module, then file, without NULs, right after this.
 */
struct mote_abi_log {
	uint32_t level; /* 1 error ... 5 trace */
	uint32_t line;
	uint32_t text_size;
	uint16_t module_size;
	uint16_t file_size;
};

enum mote_abi_trace_kind {
	MOTE_TRACE_BEGIN = 1, /* of a span; they nest */
	MOTE_TRACE_END = 2,   /* of the innermost one */
	MOTE_TRACE_EVENT = 3,
	MOTE_TRACE_COUNTER = 4, /* value is a measured number */
};

/* A trace record; the name follows, without NUL. */
struct mote_abi_trace {
	uint64_t tsc;
	int64_t value;
	uint32_t kind;
	uint32_t name_size;
};

/* What the guest has done with its heap; 0: not that. */
struct mote_abi_heap {
	uint64_t freed;     /* address */
	uint64_t allocated; /* address */
	uint64_t size;      /* of what was allocated */
};

struct mote_abi_post {
	uint32_t kind;
	uint32_t size; /* bytes that follow, without the padding */
};

_Static_assert(sizeof(struct mote_abi_message) == 32, "abi");
_Static_assert(offsetof(struct mote_abi_message, id) == 8, "abi");
_Static_assert(offsetof(struct mote_abi_message, code) == 24, "abi");
_Static_assert(sizeof(struct mote_abi_slot) == 16, "abi");
_Static_assert(sizeof(struct mote_abi_post) == 8, "abi");
_Static_assert(sizeof(struct mote_abi_log) == 16, "abi");
_Static_assert(sizeof(struct mote_abi_heap) == 24, "abi");
_Static_assert(sizeof(struct mote_abi_trace) == 24, "abi");

#endif
