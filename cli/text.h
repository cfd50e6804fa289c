/*
 * Building a text in a buffer of fixed size: what does not fit is cut, the
 * result is always NUL-terminated. Pure.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>

#include <mote/annotate.h>

struct cli_text {
	char *data;
	size_t capacity; /* with the NUL; not 0 */
	size_t used;	 /* without it */
};

void cli_text_init(struct cli_text *text, char *data, size_t capacity);

void cli_text_add(struct cli_text *text, const char *format, ...)
	MOTE_PRINTF(2, 3);

/*
 * Adds untrusted bytes as something safe to show within a line: what could
 * steer a terminal and what is not UTF-8 becomes "\x1b" or "\u202e", a newline
 * "\n".
 */
void cli_text_clean(struct cli_text *text, const char *data, size_t size);

/* As cli_text_clean, in single quotes and cut with "..." if it is long. */
void cli_text_quote(struct cli_text *text, const char *data);

/* A whole word as a shell reads it, in single quotes where it needs them. */
void cli_text_word(struct cli_text *text, const char *word);

#endif
