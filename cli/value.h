/*
 * Values as text: from an argument on the command line and back to what is
 * printed as a result. Pure.
 */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include <mote/mote.h>

#include "text.h"

/*
 * Reads text as a value of the type. On success strings point into text and
 * bytes into *block, which the caller frees (NULL for other types). On
 * failure *why continues a sentence that starts with the quoted text: "is
 * not an i32 (-2147483648 to 2147483647)".
 */
bool cli_value_parse(mote_type type, const char *text, mote_value *value,
		     void **block, struct cli_text *why);

/* Room for any number or bool as text. */
#define CLI_NUMBER_TEXT_MAX 40

/*
 * A number or bool as its shortest text that reads back as the same value;
 * "" for other types.
 */
void cli_number_format(const mote_value *value, char *buffer);

/* 2 * size lower-case digits and a NUL. */
void cli_hex_format(const void *data, size_t size, char *buffer);

#endif
