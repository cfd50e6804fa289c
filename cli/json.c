/*
 * See json.h.
 */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "terminal.h"
#include "utf8.h"
#include "value.h"

static void out_of_memory(void)
{
	fputs("mote: out of memory\n", stderr);
	exit(CLI_EXIT_HOST);
}

void cli_json_set(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		out_of_memory();
}

void cli_json_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		out_of_memory();
}

json_t *cli_json_text(const char *data, size_t size)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *copy = malloc(size * 3 + 1);
	size_t used = 0;
	uint32_t code;
	json_t *text;

	if (!copy)
		out_of_memory();
	for (size_t i = 0; i < size;) {
		int length = cli_utf8_next(data + i, size - i, &code);

		if (length > 0) {
			memcpy(copy + used, data + i, (size_t)length);
			used += (size_t)length;
			i += (size_t)length;
		} else {
			memcpy(copy + used, replacement, 3);
			used += 3;
			i++;
		}
	}
	text = json_stringn(copy, used);
	free(copy);
	if (!text)
		out_of_memory();
	return text;
}

json_t *cli_json_address(uint64_t address)
{
	return json_sprintf("0x%016" PRIx64, address);
}

json_t *cli_json_registers(const mote_fault *fault)
{
	json_t *registers = json_object();
	uint32_t count = fault->register_count;

	if (count > MOTE_FAULT_REGISTERS_MAX)
		count = MOTE_FAULT_REGISTERS_MAX;
	for (uint32_t i = 0; i < count; i++) {
		const char *name = mote_fault_register_name(fault, i);

		if (name)
			cli_json_set(registers, name,
				     cli_json_address(fault->registers[i]));
	}
	return registers;
}

static const char *fault_name(uint32_t kind)
{
#define CASE(name, number, text)                                               \
	case MOTE_FAULT_##name:                                                \
		return #name;
	switch ((mote_fault_kind)kind) {
		MOTE_FAULT_MAP(CASE)
	}
#undef CASE
	return "UNKNOWN";
}

json_t *cli_json_fault(const mote_fault *fault)
{
	json_t *object;

	if (fault->kind == MOTE_FAULT_NONE)
		return json_null();
	object = json_object();
	cli_json_set(object, "kind", json_string(fault_name(fault->kind)));
	cli_json_set(
		object, "text",
		json_string(mote_fault_text((mote_fault_kind)fault->kind)));
	cli_json_set(object, "address", cli_json_address(fault->address));
	cli_json_set(object, "pc", cli_json_address(fault->pc));
	cli_json_set(object, "vector",
		     fault->vector == UINT32_MAX
			     ? json_null()
			     : json_integer((json_int_t)fault->vector));
	cli_json_set(object, "error_code", cli_json_address(fault->error_code));
	cli_json_set(object, "registers", cli_json_registers(fault));
	return object;
}

json_t *cli_json_failure(const struct cli_failure *failure)
{
	const mote_error *error = &failure->error;
	json_t *object;

	if (failure->exit == CLI_EXIT_DONE)
		return json_null();
	object = json_object();
	cli_json_set(object, "code", json_integer(error->code));
	cli_json_set(object, "name",
		     json_string(mote_status_name((mote_status)error->code)));
	cli_json_set(object, "text",
		     cli_json_text(error->text, strlen(error->text)));
	cli_json_set(object, "hint",
		     failure->hint[0] ? cli_json_text(failure->hint,
						      strlen(failure->hint))
				      : json_null());
	cli_json_set(object, "errno", json_integer(error->os_errno));
	cli_json_set(object, "guest_code", json_integer(error->guest_code));
	cli_json_set(object, "fault", cli_json_fault(&error->fault));
	return object;
}

json_t *cli_json_prototype(const struct cli_prototype *prototype)
{
	char buffer[CLI_PROTOTYPE_TEXT_MAX];
	json_t *object = json_object();
	json_t *list = json_array();
	struct cli_text text;

	cli_text_init(&text, buffer, sizeof(buffer));
	cli_prototype_add(&text, prototype);
	cli_json_set(object, "name",
		     cli_json_text(prototype->name, strlen(prototype->name)));
	cli_json_set(object, "prototype", cli_json_text(buffer, text.used));
	cli_json_set(object, "result",
		     json_string(mote_type_name(prototype->result)));
	for (size_t i = 0; i < prototype->count; i++) {
		const struct cli_parameter *it = &prototype->parameters[i];
		json_t *parameter = json_object();

		cli_json_set(parameter, "name",
			     cli_json_text(it->name, strlen(it->name)));
		cli_json_set(parameter, "type",
			     json_string(mote_type_name(it->type)));
		cli_json_append(list, parameter);
	}
	cli_json_set(object, "parameters", list);
	return object;
}

static size_t dump_flags(void)
{
	/* Raw C1 controls of a guest's string would reach the terminal. */
	return cli_is_terminal(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0;
}

static char *dump(const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | dump_flags());

	if (!text)
		out_of_memory();
	return text;
}

static char *print(const char *format, ...) MOTE_PRINTF(1, 2);

static char *print(const char *format, ...)
{
	va_list list;
	char *text;

	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	if (!text)
		out_of_memory();
	return text;
}

static char *json_span(const mote_value *value)
{
	const bool bytes = value->type == MOTE_TYPE_BYTES;
	const mote_span *span = bytes ? &value->as.bytes : &value->as.string;
	const char *name = mote_type_name((mote_type)value->type);
	const bool valid = !bytes && cli_utf8_valid(span->data, span->size);
	char *hex = NULL;
	char *literal = NULL;
	char *text;

	if (!valid) {
		hex = malloc(2 * span->size + 1);
		if (!hex)
			out_of_memory();
		cli_hex_format(span->data, span->size, hex);
	}
	if (!bytes) {
		json_t *string = cli_json_text(span->data, span->size);

		literal = dump(string);
		json_decref(string);
	}
	if (bytes)
		text = print("{\"type\": \"%s\", \"value\": \"%s\"}", name,
			     hex);
	else if (valid)
		text = print("{\"type\": \"%s\", \"value\": %s}", name,
			     literal);
	else
		text = print("{\"type\": \"%s\", \"value\": %s, "
			     "\"hex\": \"%s\"}",
			     name, literal, hex);
	free(hex);
	free(literal);
	return text;
}

static bool is_finite(const mote_value *value)
{
	if (value->type == MOTE_TYPE_F32)
		return isfinite(value->as.f32);
	if (value->type == MOTE_TYPE_F64)
		return isfinite(value->as.f64);
	return true;
}

char *cli_json_value(const mote_value *value)
{
	const char *name = mote_type_name((mote_type)value->type);
	const char *quote = is_finite(value) ? "" : "\"";
	char number[CLI_NUMBER_TEXT_MAX];

	if (value->type == MOTE_TYPE_STRING || value->type == MOTE_TYPE_BYTES)
		return json_span(value);
	if (value->type == MOTE_TYPE_VOID)
		return print("{\"type\": \"%s\", \"value\": null}", name);
	cli_number_format(value, number);
	return print("{\"type\": \"%s\", \"value\": %s%s%s}", name, quote,
		     number, quote);
}

int cli_json_print(const json_t *object, const char *result)
{
	char *text = dump(object);
	char *whole;
	int error;

	/* The object is not empty: its "{" makes room for one member more. */
	if (result)
		whole = print("{\"result\": %s, %s\n", result, text + 1);
	else
		whole = print("%s\n", text);
	error = cli_write_all(STDOUT_FILENO, whole, strlen(whole));
	free(whole);
	free(text);
	return error;
}
