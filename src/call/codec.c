/*
 * The wire format of abi/call.h.
 *
 * Encoding is the hot path of every call: it measures, then writes, and does
 * nothing else. Whatever makes texts is out of line.
 */
#include "call/codec.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "headers and slots are copied, not swapped");

#define ALIGN 8u
#define TYPE_LAST MOTE_TYPE_BYTES
#define KIND_LAST MOTE_MESSAGE_MAIN

static const char check_operation[] = "checking arguments";
static const char encode_operation[] = "writing a message";
static const char decode_operation[] = "reading a message of the guest";

static bool is_span(uint32_t type)
{
	return type == MOTE_TYPE_STRING || type == MOTE_TYPE_BYTES;
}

/* The bytes of a string or bytes value: both members are the same. */
static const mote_span *span_of(const mote_value *value)
{
	return value->type == MOTE_TYPE_STRING ? &value->as.string
					       : &value->as.bytes;
}

/* ------------------------------------------------------------- checking */

/* What makes a value of a known type unfit to be sent, or NULL. */
static const char *value_problem(const mote_value *value)
{
	const mote_span *span;

	if (value->type == MOTE_TYPE_BOOL && value->as.boolean > 1)
		return "a bool is neither 0 nor 1";
	if (!is_span(value->type))
		return NULL;
	span = span_of(value);
	if (span->size == 0)
		return NULL;
	if (!span->data)
		return "data is NULL and size is not 0";
	if (span->size > UINT32_MAX)
		return "size does not fit 32 bits";
	if (value->type == MOTE_TYPE_STRING &&
	    memchr(span->data, '\0', span->size))
		return "the string has a NUL inside";
	return NULL;
}

/* The name of a parameter in "name,count"; 0 bytes long if it has none. */
static int parameter_name(const char *parameters, size_t index,
			  const char **name)
{
	const char *comma;

	*name = "";
	if (!parameters)
		return 0;
	while (index > 0) {
		comma = strchr(parameters, ',');
		if (!comma)
			return 0;
		parameters = comma + 1;
		index--;
	}
	*name = parameters;
	return (int)strcspn(parameters, ",");
}

/* "SayHello: argument 2 (count): it is a string, not a i32" */
static mote_status argument_fail(mote_status status, const char *function,
				 const char *parameters, size_t index,
				 const char *problem, mote_error *err)
{
	const char *name;
	int length = parameter_name(parameters, index, &name);

	return mti_error_set(err, status, check_operation,
			     "%s: argument %zu%s%.*s%s: %s", function,
			     index + 1, length ? " (" : "", length, name,
			     length ? ")" : "", problem);
}

static mote_status argument_type_fail(const char *function,
				      const char *parameters, size_t index,
				      uint8_t expected, uint32_t type,
				      mote_error *err)
{
	const char *name;
	int length = parameter_name(parameters, index, &name);

	if (type > TYPE_LAST)
		return mti_error_set(err, MOTE_E_INVALID, check_operation,
				     "%s: argument %zu%s%.*s%s: type %" PRIu32
				     " is unknown",
				     function, index + 1, length ? " (" : "",
				     length, name, length ? ")" : "", type);
	return mti_error_set(err, MOTE_E_SIGNATURE, check_operation,
			     "%s: argument %zu%s%.*s%s: type is %s, not %s",
			     function, index + 1, length ? " (" : "", length,
			     name, length ? ")" : "",
			     mote_type_name((mote_type)type),
			     mote_type_name((mote_type)expected));
}

mote_status mti_values_check(const char *function, const char *parameters,
			     const struct mti_signature *signature,
			     const mote_value *values, size_t count,
			     mote_error *err)
{
	const char *problem;
	size_t i;

	if (count != signature->count)
		return mti_error_set(err, MOTE_E_SIGNATURE, check_operation,
				     "%s: %zu arguments given, it takes %u",
				     function, count, signature->count);
	for (i = 0; i < count; i++) {
		if (values[i].type != signature->params[i])
			return argument_type_fail(function, parameters, i,
						  signature->params[i],
						  values[i].type, err);
		problem = value_problem(&values[i]);
		if (problem)
			return argument_fail(MOTE_E_INVALID, function,
					     parameters, i, problem, err);
	}
	return MOTE_OK;
}

mote_status mti_result_check(const char *function, uint8_t type,
			     const mote_value *value, mote_error *err)
{
	const char *problem;

	if (value->type > TYPE_LAST)
		return mti_error_set(err, MOTE_E_INVALID, check_operation,
				     "%s: result: type %" PRIu32 " is unknown",
				     function, value->type);
	if (value->type != type)
		return mti_error_set(err, MOTE_E_SIGNATURE, check_operation,
				     "%s: result: type is %s, not %s", function,
				     mote_type_name((mote_type)value->type),
				     mote_type_name((mote_type)type));
	problem = value_problem(value);
	if (problem)
		return mti_error_set(err, MOTE_E_INVALID, check_operation,
				     "%s: result: %s", function, problem);
	return MOTE_OK;
}

/* ------------------------------------------------------------- encoding */

size_t mti_message_data_offset(size_t count)
{
	return sizeof(struct mote_abi_message) +
	       count * sizeof(struct mote_abi_slot);
}

/* Bytes that a span takes in a message, without padding. */
static uint64_t span_extent(uint32_t type, uint64_t size)
{
	return size + (type == MOTE_TYPE_STRING ? 1 : 0);
}

/* The size of the message, or UINT64_MAX where that has no 32 bits. */
static uint64_t measure(const mote_value *values, size_t count)
{
	uint64_t total;
	size_t size;
	size_t i;

	if (count > UINT32_MAX / sizeof(struct mote_abi_slot))
		return UINT64_MAX;
	total = mti_message_data_offset(count);
	for (i = 0; i < count; i++) {
		if (!is_span(values[i].type))
			continue;
		size = span_of(&values[i])->size;
		if (size > UINT32_MAX || total > UINT32_MAX)
			return UINT64_MAX;
		total += span_extent(values[i].type, size);
		total = (total + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
	}
	return total > UINT32_MAX ? UINT64_MAX : total;
}

static mote_status too_large(uint64_t size, size_t capacity, mote_error *err)
{
	if (size > UINT32_MAX)
		return mti_error_set(err, MOTE_E_TOO_LARGE, encode_operation,
				     "the message needs more than %" PRIu32
				     " bytes, there is room for %zu",
				     UINT32_MAX, capacity);
	return mti_error_set(err, MOTE_E_TOO_LARGE, encode_operation,
			     "the message needs %" PRIu64
			     " bytes, there is room for %zu",
			     size, capacity);
}

/*
 * Writes a span's data at offset and returns where the next one goes. What
 * lies between is cleared: it may hold bytes of another call.
 */
static size_t write_span(unsigned char *buffer, size_t offset, uint32_t type,
			 const mote_span *span)
{
	unsigned char *to = buffer + offset;
	size_t end;

	/* A host function's result may be a later part of its own block. */
	if (span->size && span->data != to)
		memmove(to, span->data, span->size);
	end = offset + span_extent(type, span->size);
	end = (end + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	memset(to + span->size, 0, end - offset - span->size);
	return end;
}

mote_status mti_message_encode(void *buffer, size_t capacity,
			       const struct mti_message_head *head,
			       const mote_value *values, size_t count,
			       size_t *size, mote_error *err)
{
	uint64_t total = measure(values, count);
	unsigned char *bytes = buffer;
	struct mote_abi_message header = {
		.version = MOTE_MESSAGE_VERSION,
		.kind = head->kind,
		.size = (uint32_t)total,
		.id = head->id,
		.function = head->function,
		.count = (uint32_t)count,
		.code = head->code,
	};
	size_t offset = mti_message_data_offset(count);
	size_t i;

	if (total > UINT32_MAX || total > capacity)
		return too_large(total, capacity, err);
	memcpy(bytes, &header, sizeof(header));
	bytes += sizeof(header);
	for (i = 0; i < count; i++) {
		const mote_value *value = &values[i];
		struct mote_abi_slot slot = { .type = value->type };

		switch (value->type) {
		case MOTE_TYPE_I32:
		case MOTE_TYPE_U32:
		case MOTE_TYPE_F32:
			slot.value = value->as.u32;
			break;
		case MOTE_TYPE_I64:
		case MOTE_TYPE_U64:
		case MOTE_TYPE_F64:
			slot.value = value->as.u64;
			break;
		case MOTE_TYPE_BOOL:
			slot.value = value->as.boolean;
			break;
		case MOTE_TYPE_STRING:
		case MOTE_TYPE_BYTES:
			slot.length = (uint32_t)span_of(value)->size;
			slot.value = offset;
			offset = write_span(buffer, offset, value->type,
					    span_of(value));
			break;
		default: /* void */
			break;
		}
		memcpy(bytes, &slot, sizeof(slot));
		bytes += sizeof(slot);
	}
	*size = (size_t)total;
	return MOTE_OK;
}

/* ------------------------------------------------------------- decoding */

#define DECODE_FAIL(err, ...)                                                  \
	mti_error_set(err, MOTE_E_PROTOCOL, decode_operation, __VA_ARGS__)

/* What abi/call.h says of the messages of a kind. */
struct kind_rule {
	bool function; /* names one, else 0 */
	bool code;     /* has one, else 0 */
	uint8_t fewest;
	uint8_t most;
	uint16_t types; /* a bit for each type that a slot may have */
};

#define TYPE_BIT(type) (1u << (type))
#define ANY_TYPE (TYPE_BIT(TYPE_LAST + 1) - 1)
#define NOT_VOID (ANY_TYPE & ~TYPE_BIT(MOTE_TYPE_VOID))
#define CALL_RULE                                                              \
	{                                                                      \
		true, false, 0, MOTE_ARGUMENTS_MAX, NOT_VOID                   \
	}
#define RESULT_RULE                                                            \
	{                                                                      \
		false, false, 1, 1, ANY_TYPE                                   \
	}
#define ERROR_RULE                                                             \
	{                                                                      \
		false, true, 1, 1, TYPE_BIT(MOTE_TYPE_STRING)                  \
	}
#define MAIN_RULE                                                              \
	{                                                                      \
		false, false, 0, MOTE_ARGUMENTS_MAX,                           \
			TYPE_BIT(MOTE_TYPE_STRING)                             \
	}

static const struct kind_rule kind_rules[KIND_LAST + 1] = {
	[MOTE_MESSAGE_CALL] = CALL_RULE,
	[MOTE_MESSAGE_RESULT] = RESULT_RULE,
	[MOTE_MESSAGE_ERROR] = ERROR_RULE,
	[MOTE_MESSAGE_HOST_CALL] = CALL_RULE,
	[MOTE_MESSAGE_HOST_RESULT] = RESULT_RULE,
	[MOTE_MESSAGE_HOST_ERROR] = ERROR_RULE,
	[MOTE_MESSAGE_MAIN] = MAIN_RULE,
};

static mote_status check_shape(const struct mote_abi_message *header,
			       size_t available, mote_error *err)
{
	if (header->version != MOTE_MESSAGE_VERSION)
		return DECODE_FAIL(err, "message: version is %u, not %u",
				   header->version, MOTE_MESSAGE_VERSION);
	if (header->kind == 0 || header->kind > KIND_LAST)
		return DECODE_FAIL(err, "message: kind %u is unknown",
				   header->kind);
	if (header->size % ALIGN != 0)
		return DECODE_FAIL(err,
				   "message: size %" PRIu32
				   " is not a multiple of %u",
				   header->size, ALIGN);
	if (header->size > available)
		return DECODE_FAIL(err,
				   "message: size %" PRIu32
				   " is more than the %zu bytes there are",
				   header->size, available);
	if (header->count > MOTE_ARGUMENTS_MAX)
		return DECODE_FAIL(err,
				   "message: count %" PRIu32 " is more than %d",
				   header->count, MOTE_ARGUMENTS_MAX);
	if (mti_message_data_offset(header->count) > header->size)
		return DECODE_FAIL(err,
				   "message: count %" PRIu32
				   " does not fit size %" PRIu32,
				   header->count, header->size);
	if (header->reserved != 0)
		return DECODE_FAIL(err,
				   "message: reserved 0x%" PRIx32 " is not 0",
				   header->reserved);
	return MOTE_OK;
}

static mote_status check_kind(const struct mote_abi_message *header,
			      const struct kind_rule *rule, mote_error *err)
{
	if (!rule->function && header->function != 0)
		return DECODE_FAIL(err,
				   "message: function %" PRIu32
				   " is not 0 in a message of kind %u",
				   header->function, header->kind);
	if (!rule->code && header->code != 0)
		return DECODE_FAIL(err,
				   "message: code %" PRId32
				   " is not 0 in a message of kind %u",
				   header->code, header->kind);
	if (header->count < rule->fewest || header->count > rule->most)
		return DECODE_FAIL(err,
				   "message: count %" PRIu32
				   " is not %u in a message of kind %u",
				   header->count, rule->fewest, header->kind);
	return MOTE_OK;
}

/* A string or bytes: data at *offset, which moves behind it. */
static mote_status decode_span(const unsigned char *bytes, uint32_t size,
			       size_t index, const struct mote_abi_slot *slot,
			       size_t *offset, mote_value *value,
			       mote_error *err)
{
	uint64_t extent = span_extent(slot->type, slot->length);
	const unsigned char *data = bytes + *offset;
	mote_span span = { .data = data, .size = slot->length };

	if (slot->value != *offset)
		return DECODE_FAIL(err,
				   "message: slot %zu: value 0x%" PRIx64
				   " is not the offset of its data, 0x%zx",
				   index, slot->value, *offset);
	if (!mti_range_ok(*offset, extent, size))
		return DECODE_FAIL(err,
				   "message: slot %zu: length %" PRIu32
				   " ends beyond size %" PRIu32,
				   index, slot->length, size);
	if (slot->type == MOTE_TYPE_STRING) {
		/* The first NUL must be the one that ends it. */
		if (memchr(data, '\0', extent) != data + slot->length)
			return DECODE_FAIL(err,
					   "message: slot %zu: the string of "
					   "length %" PRIu32
					   " has a NUL inside or none behind",
					   index, slot->length);
		value->as.string = span;
	} else {
		value->as.bytes = span;
	}
	/* size is a multiple of ALIGN: this is at most size. */
	*offset = (*offset + extent + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	return MOTE_OK;
}

static mote_status decode_number(size_t index, const struct mote_abi_slot *slot,
				 mote_value *value, mote_error *err)
{
	uint64_t most = UINT64_MAX;

	switch (slot->type) {
	case MOTE_TYPE_VOID:
		most = 0;
		break;
	case MOTE_TYPE_BOOL:
		most = 1;
		value->as.boolean = (uint8_t)slot->value;
		break;
	case MOTE_TYPE_I32:
	case MOTE_TYPE_U32:
	case MOTE_TYPE_F32:
		most = UINT32_MAX;
		value->as.u32 = (uint32_t)slot->value;
		break;
	default: /* the 64-bit types */
		value->as.u64 = slot->value;
		break;
	}
	if (slot->length != 0)
		return DECODE_FAIL(err,
				   "message: slot %zu: length %" PRIu32
				   " is not 0 for type %s",
				   index, slot->length,
				   mote_type_name((mote_type)slot->type));
	if (slot->value > most)
		return DECODE_FAIL(err,
				   "message: slot %zu: value 0x%" PRIx64
				   " is too large for type %s",
				   index, slot->value,
				   mote_type_name((mote_type)slot->type));
	return MOTE_OK;
}

static mote_status decode_slots(const unsigned char *bytes,
				const struct mote_abi_message *header,
				uint16_t types, mote_value *values,
				mote_error *err)
{
	size_t offset = mti_message_data_offset(header->count);
	struct mote_abi_slot slot;
	mote_status status;
	size_t i;

	for (i = 0; i < header->count; i++) {
		memcpy(&slot, bytes + mti_message_data_offset(i), sizeof(slot));
		if (slot.type > TYPE_LAST || !(types & TYPE_BIT(slot.type)))
			return DECODE_FAIL(err,
					   "message: slot %zu: type %" PRIu32
					   " is not allowed in a message of "
					   "kind %u",
					   i, slot.type, header->kind);
		values[i].type = slot.type;
		values[i].reserved = 0;
		if (is_span(slot.type))
			status = decode_span(bytes, header->size, i, &slot,
					     &offset, &values[i], err);
		else
			status = decode_number(i, &slot, &values[i], err);
		if (status)
			return status;
	}
	if (offset != header->size)
		return DECODE_FAIL(err,
				   "message: size %" PRIu32
				   " is not where the data ends, %zu",
				   header->size, offset);
	return MOTE_OK;
}

mote_status mti_message_decode(const void *buffer, size_t available,
			       struct mti_message *message, mote_error *err)
{
	struct mote_abi_message header;
	const struct kind_rule *rule;
	mote_status status;

	if (available < sizeof(header))
		return DECODE_FAIL(err,
				   "message: the header has %zu bytes, there "
				   "are %zu",
				   sizeof(header), available);
	memcpy(&header, buffer, sizeof(header));
	status = check_shape(&header, available, err);
	if (status)
		return status;
	rule = &kind_rules[header.kind];
	status = check_kind(&header, rule, err);
	if (status)
		return status;
	message->head.kind = header.kind;
	message->head.function = header.function;
	message->head.id = header.id;
	message->head.code = header.code;
	message->size = header.size;
	message->count = header.count;
	return decode_slots(buffer, &header, rule->types, message->values, err);
}

mote_status mti_message_match(const struct mti_message *message,
			      const char *function,
			      const struct mti_signature *signature,
			      mote_error *err)
{
	size_t i;

	if (message->count != signature->count)
		return DECODE_FAIL(err,
				   "message: count %zu is not that of %s, %u",
				   message->count, function, signature->count);
	for (i = 0; i < message->count; i++) {
		if (message->values[i].type == signature->params[i])
			continue;
		return DECODE_FAIL(
			err, "message: slot %zu: type %s is not that of %s, %s",
			i, mote_type_name((mote_type)message->values[i].type),
			function,
			mote_type_name((mote_type)signature->params[i]));
	}
	return MOTE_OK;
}
