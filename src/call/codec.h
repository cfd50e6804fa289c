/*
 * Messages (abi/call.h) from and to values. Pure: no OS, no allocation, no
 * knowledge of guest memory beyond the buffer it is handed.
 */
#ifndef MTI_CALL_CODEC_H
#define MTI_CALL_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include <mote/error.h>
#include <mote/value.h>

#include "abi/call.h"
#include "base/signature.h"

/* What the header of a message says besides its size and version. */
struct mti_message_head {
	uint16_t kind;
	uint32_t function;
	uint64_t id;
	int32_t code;
};

/*
 * Whether values fit a signature, before they are encoded: count, types,
 * known type numbers, bool 0 or 1, no NULL data with a size, no NUL inside a
 * string, no span longer than 32 bits. MOTE_E_SIGNATURE for count and type,
 * MOTE_E_INVALID for the rest; the text names function, argument number
 * (from 1) and, where parameters ("name,count") has it, its name.
 */
mote_status mti_values_check(const char *function, const char *parameters,
			     const struct mti_signature *signature,
			     const mote_value *values, size_t count,
			     mote_error *err);

/* The same for one value that is a function's result. */
mote_status mti_result_check(const char *function, uint8_t type,
			     const mote_value *value, mote_error *err);

/*
 * Encodes checked values into buffer (8-byte aligned). *size is the
 * message's. MOTE_E_TOO_LARGE with both sizes in the text if it does not fit
 * capacity; nothing is written then. A span that already lies at its place
 * in buffer is not copied, one that lies behind it is moved; no other span
 * may overlap buffer. Padding becomes zero. count is not limited to
 * MOTE_ARGUMENTS_MAX: argv may be longer.
 */
mote_status mti_message_encode(void *buffer, size_t capacity,
			       const struct mti_message_head *head,
			       const mote_value *values, size_t count,
			       size_t *size, mote_error *err);

/* Offset of the data of slot 0 in a message with count slots. */
size_t mti_message_data_offset(size_t count);

struct mti_message {
	struct mti_message_head head;
	size_t size;
	size_t count;
	/* Spans point into the buffer. */
	mote_value values[MOTE_ARGUMENTS_MAX];
};

/*
 * Decodes a message that a guest wrote. Reads each byte of header and slots
 * once; checks everything that abi/call.h says, so that the spans lie within
 * [buffer, buffer + available); more may follow the message. All kinds are
 * known here: whether this one is due is the caller's to check.
 * MOTE_E_PROTOCOL names the field and value. Nothing of *message may be used
 * after a failure.
 */
mote_status mti_message_decode(const void *buffer, size_t available,
			       struct mti_message *message, mote_error *err);

/*
 * Whether a decoded message has the types of a signature's parameters;
 * MOTE_E_PROTOCOL if not.
 */
mote_status mti_message_match(const struct mti_message *message,
			      const char *function,
			      const struct mti_signature *signature,
			      mote_error *err);

#endif
