#include "snap/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Texts from a file that are shown in errors. */
#define SHOWN_MAX 64

static const char *type_name(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a real number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
	default:
		return "null";
	}
}

static bool is_boolean(json_type type)
{
	return type == JSON_TRUE || type == JSON_FALSE;
}

static void fail(struct mti_json_reader *reader, mote_status status,
		 const char *path, const char *reason)
{
	if (reader->status != MOTE_OK)
		return;
	reader->status = mti_error_set(reader->err, status, reader->operation,
				       "%.120s: %s%s%s", reader->document, path,
				       path[0] ? ": " : "", reason);
}

/* Control characters of a hostile file must not reach a terminal. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void mti_json_fail(const struct mti_json_node *node, const char *format, ...)
{
	char reason[MOTE_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	make_printable(reason);
	fail(node->reader, MOTE_E_SNAPSHOT, node->path, reason);
}

void mti_json_no_memory(struct mti_json_reader *reader)
{
	fail(reader, MOTE_E_NO_MEMORY, "", "no memory");
}

/*
 * jansson recurses for each level and takes some hundred bytes for a value of
 * three: what it is given is bounded before.
 */
static const char *check_shape(const char *text, size_t size)
{
	bool in_string = false;
	size_t values = 0;
	size_t depth = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
			continue;
		}
		if (c == '"')
			in_string = true;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > MTI_JSON_DEPTH_MAX)
			return "nested more than 16 levels deep";
		if ((c == '{' || c == '[' || c == ',') &&
		    ++values > MTI_JSON_VALUES_MAX)
			return "more than 65536 values";
	}
	return NULL;
}

json_t *mti_json_parse(struct mti_json_reader *reader, const void *data,
		       size_t size)
{
	char reason[MOTE_ERROR_TEXT_MAX];
	json_error_t error;
	const char *wrong;
	json_t *root;

	if (size > MTI_JSON_MAX) {
		snprintf(reason, sizeof(reason), "%zu bytes, more than %" PRIu64,
			 size, MTI_JSON_MAX);
		fail(reader, MOTE_E_SNAPSHOT, "", reason);
		return NULL;
	}
	wrong = check_shape(data, size);
	if (wrong) {
		fail(reader, MOTE_E_SNAPSHOT, "", wrong);
		return NULL;
	}
	root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		/* It has a word for everything else. */
		if (error.text[0] == '\0' ||
		    json_error_code(&error) == json_error_out_of_memory) {
			mti_json_no_memory(reader);
			return NULL;
		}
		snprintf(reason, sizeof(reason), "line %d: %s", error.line,
			 error.text);
		make_printable(reason);
		fail(reader, MOTE_E_SNAPSHOT, "", reason);
		return NULL;
	}
	if (!json_is_object(root)) {
		fail(reader, MOTE_E_SNAPSHOT, "", "is not an object");
		json_decref(root);
		return NULL;
	}
	return root;
}

struct mti_json_node mti_json_root(struct mti_json_reader *reader,
				   const json_t *root)
{
	const struct mti_json_node node = { .reader = reader, .value = root };

	return node;
}

static void check_type(struct mti_json_node *node, json_type type)
{
	json_type found;

	if (!node->value)
		return;
	found = json_typeof(node->value);
	if (found == type || (is_boolean(type) && is_boolean(found)))
		return;
	mti_json_fail(node, "is %s, not %s", type_name(found), type_name(type));
	node->value = NULL;
}

/* Cut to fit: our own keys do. */
static void set_path(struct mti_json_node *node, const char *format, ...)
	MOTE_PRINTF(2, 3);

static void set_path(struct mti_json_node *node, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(node->path, sizeof(node->path), format, args);
	va_end(args);
}

struct mti_json_node mti_json_find(const struct mti_json_node *object,
				   const char *key, json_type type)
{
	struct mti_json_node node = { .reader = object->reader };

	set_path(&node, "%s%s%s", object->path, object->path[0] ? "." : "",
		 key);
	if (node.reader->status == MOTE_OK)
		node.value = json_object_get(object->value, key);
	check_type(&node, type);
	return node;
}

struct mti_json_node mti_json_get(const struct mti_json_node *object,
				  const char *key, json_type type)
{
	struct mti_json_node node = mti_json_find(object, key, type);

	if (!node.value)
		mti_json_fail(&node, "is missing");
	return node;
}

struct mti_json_node mti_json_item(const struct mti_json_node *array,
				   size_t index, json_type type)
{
	struct mti_json_node node = { .reader = array->reader };

	set_path(&node, "%s[%zu]", array->path, index);
	if (node.reader->status == MOTE_OK)
		node.value = json_array_get(array->value, index);
	check_type(&node, type);
	return node;
}

size_t mti_json_count(const struct mti_json_node *array)
{
	return array->reader->status == MOTE_OK ? json_array_size(array->value)
						: 0;
}

uint64_t mti_json_number(const struct mti_json_node *object, const char *key,
			 uint64_t max)
{
	struct mti_json_node node = mti_json_get(object, key, JSON_INTEGER);
	json_int_t number;

	if (!node.value)
		return 0;
	number = json_integer_value(node.value);
	if (number < 0 || (uint64_t)number > max) {
		mti_json_fail(&node, "%lld is not from 0 to %" PRIu64,
			      (long long)number, max);
		return 0;
	}
	return (uint64_t)number;
}

/* false if it is not written as we write it. */
static bool parse_hex(const char *text, uint64_t *number)
{
	uint64_t sum = 0;
	size_t i;

	if (strncmp(text, "0x", 2) != 0)
		return false;
	text += 2;
	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (i = 0; text[i]; i++) {
		char c = text[i];

		if (i == 16)
			return false;
		if (c >= '0' && c <= '9')
			sum = sum << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			sum = sum << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*number = sum;
	return true;
}

uint64_t mti_json_hex(const struct mti_json_node *object, const char *key,
		      uint64_t max)
{
	struct mti_json_node node = mti_json_get(object, key, JSON_STRING);
	uint64_t number = 0;
	const char *text;

	if (!node.value)
		return 0;
	text = json_string_value(node.value);
	if (!parse_hex(text, &number)) {
		mti_json_fail(&node, "\"%.*s\" is not a number like 0x1f",
			      SHOWN_MAX, text);
		return 0;
	}
	if (number > max) {
		mti_json_fail(&node, "%s is more than 0x%" PRIx64, text, max);
		return 0;
	}
	return number;
}

const char *mti_json_text(const struct mti_json_node *object, const char *key)
{
	struct mti_json_node node = mti_json_get(object, key, JSON_STRING);

	return node.value ? json_string_value(node.value) : "";
}

void mti_json_expect(const struct mti_json_node *object, const char *key,
		     const char *text)
{
	struct mti_json_node node = mti_json_get(object, key, JSON_STRING);
	const char *found;

	if (!node.value)
		return;
	found = json_string_value(node.value);
	if (strcmp(found, text) != 0)
		mti_json_fail(&node, "is \"%.*s\", not \"%s\"", SHOWN_MAX,
			      found, text);
}

void mti_json_only(const struct mti_json_node *object, const char *const *keys)
{
	const char *key;
	json_t *value;
	size_t i;

	if (object->reader->status != MOTE_OK || !object->value)
		return;
	/* The iteration does not change the object; its type says it could. */
	json_object_foreach((json_t *)(uintptr_t)object->value, key, value) {
		for (i = 0; keys[i] && strcmp(keys[i], key) != 0; i++)
			;
		if (!keys[i])
			mti_json_fail(object, "\"%.*s\" is not a known field",
				      SHOWN_MAX, key);
	}
}

json_t *mti_json_hex_new(uint64_t number)
{
	char text[2 + 16 + 1];

	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	return json_string(text);
}

mote_status mti_json_write(const json_t *root, const char *operation,
			   const char *document, char **out, size_t *out_size,
			   mote_error *err)
{
	size_t size = json_dumpb(root, NULL, 0, JSON_COMPACT);
	char *text;

	if (size > MTI_JSON_MAX)
		return mti_error_set(err, MOTE_E_SNAPSHOT, operation,
				     "%.120s: would have %zu bytes, more than "
				     "%" PRIu64,
				     document, size, MTI_JSON_MAX);
	text = size > 0 ? malloc(size) : NULL;
	if (!text || json_dumpb(root, text, size, JSON_COMPACT) != size) {
		free(text);
		return mti_error_set(err, MOTE_E_NO_MEMORY, operation,
				     "%.120s: no memory", document);
	}
	*out = text;
	*out_size = size;
	return MOTE_OK;
}
