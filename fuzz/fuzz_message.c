/*
 * An untrusted message: whatever is accepted is the one encoding of what was
 * understood, and its spans lie within it.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "call/codec.h"

static void check(int holds)
{
	if (!holds)
		abort();
}

static void check_span(const struct mti_message *message, const uint8_t *data,
		       const mote_value *value)
{
	const mote_span *span = value->type == MOTE_TYPE_STRING
					? &value->as.string
					: &value->as.bytes;
	const uint8_t *start = span->data;

	check(start >= data && start <= data + message->size);
	check(span->size <= (size_t)(data + message->size - start));
	if (value->type == MOTE_TYPE_STRING)
		check(strlen((const char *)start) == span->size);
}

static void check_message(const struct mti_message *message,
			  const uint8_t *data)
{
	size_t slots_end = mti_message_data_offset(message->count);
	uint8_t *again = malloc(message->size);
	size_t size = 0;
	size_t i;

	check(again != NULL);
	check(mti_message_encode(again, message->size, &message->head,
				 message->values, message->count, &size,
				 NULL) == MOTE_OK);
	check(size == message->size);
	check(memcmp(again, data, slots_end) == 0);
	for (i = 0; i < message->count; i++) {
		if (message->values[i].type == MOTE_TYPE_STRING ||
		    message->values[i].type == MOTE_TYPE_BYTES)
			check_span(message, data, &message->values[i]);
	}
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mote_error err = MOTE_ERROR_INIT;
	struct mti_message message;
	mote_status status;

	status = mti_message_decode(data, size, &message, &err);
	if (status == MOTE_OK)
		check_message(&message, data);
	else
		check(status == MOTE_E_PROTOCOL && err.text[0] != '\0');
	return 0;
}
