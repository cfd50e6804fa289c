/*
 * See text.h.
 */
#include "text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "filter.h"

/* Longest quotation in an error message, in bytes of the original. */
#define QUOTE_MAX 64

void cli_text_init(struct cli_text *text, char *data, size_t capacity)
{
	text->data = data;
	text->capacity = capacity;
	text->used = 0;
	data[0] = '\0';
}

void cli_text_add(struct cli_text *text, const char *format, ...)
{
	size_t room = text->capacity - text->used;
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(text->data + text->used, room, format, list);
	va_end(list);
	if (length < 0)
		return;
	text->used += (size_t)length < room ? (size_t)length : room - 1;
}

static void add_raw(struct cli_text *text, const char *data, size_t size)
{
	size_t room = text->capacity - text->used - 1;

	if (size > room)
		size = room;
	memcpy(text->data + text->used, data, size);
	text->used += size;
	text->data[text->used] = '\0';
}

void cli_text_clean(struct cli_text *text, const char *data, size_t size)
{
	struct cli_filter filter = CLI_FILTER_INIT;
	char out[CLI_FILTER_OUT(CLI_FILTER_CHUNK)];
	size_t length;

	filter.one_line = true;
	while (size > 0) {
		size_t part = size < CLI_FILTER_CHUNK ? size : CLI_FILTER_CHUNK;

		length = cli_filter_run(&filter, data, part, out);
		add_raw(text, out, length);
		data += part;
		size -= part;
	}
	length = cli_filter_end(&filter, out);
	add_raw(text, out, length);
}

void cli_text_quote(struct cli_text *text, const char *data)
{
	size_t size = strlen(data);

	add_raw(text, "'", 1);
	if (size <= QUOTE_MAX) {
		cli_text_clean(text, data, size);
	} else {
		cli_text_clean(text, data, QUOTE_MAX);
		add_raw(text, "...", 3);
	}
	add_raw(text, "'", 1);
}

static bool is_plain(const char *word)
{
	return *word != '\0' &&
	       word[strspn(word, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_./+,:=@%-")] == '\0';
}

void cli_text_word(struct cli_text *text, const char *word)
{
	if (is_plain(word)) {
		cli_text_add(text, "%s", word);
		return;
	}
	add_raw(text, "'", 1);
	while (*word) {
		size_t length = strcspn(word, "'");

		cli_text_clean(text, word, length);
		word += length;
		if (*word == '\'') {
			cli_text_add(text, "'\\''");
			word++;
		}
	}
	add_raw(text, "'", 1);
}
